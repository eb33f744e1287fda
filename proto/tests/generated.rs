//! `src/generated.rs` is what `snapshot.proto` says. `BLESS=1` writes it anew.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;

#[test]
fn generated_code_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = protox::compile([root.join("snapshot.proto")], [root]).expect("a valid schema");
    let out = tempfile::tempdir().expect("a temporary folder");
    prost_build::Config::new()
        .out_dir(out.path())
        .compile_fds(files)
        .expect("code for the schema");
    let made = std::fs::read_to_string(out.path().join("mcp_zero.v1.rs")).expect("the file");
    let committed = root.join("src/generated.rs");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&committed, &made).expect("the file is written");
    }
    let there = std::fs::read_to_string(committed).expect("the committed file");
    // The formatter may have been over it: what counts is the code.
    let plain = |text: &str| {
        text.split_whitespace()
            .collect::<String>()
            .replace(",)", ")")
            .replace(",}", "}")
    };
    assert_eq!(
        plain(&there),
        plain(&made),
        "run `BLESS=1 cargo test -p mcp-zero-proto`"
    );
}
