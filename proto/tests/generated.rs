//! `src/generated.rs` is what `snapshot.proto`, `callout.proto` and `host.proto` say. `BLESS=1` writes it anew.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;

const SCHEMAS: [&str; 3] = ["snapshot.proto", "callout.proto", "host.proto"];

#[test]
fn generated_code_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files =
        protox::compile(SCHEMAS.map(|name| root.join(name)), [root]).expect("a valid schema");
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

/// A filter of another format than a snapshot's refuses it. Whatever changes the schema is looked
/// at here: what could make an older filter more lenient takes the next number.
#[test]
fn the_format_belongs_to_the_schema() {
    use mcp_zero_proto::{FORMAT, Message as _};
    use sha2::{Digest as _, Sha256};
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = protox::Compiler::new([root])
        .and_then(|mut compiler| {
            compiler.include_source_info(false);
            compiler.open_file("snapshot.proto")?;
            Ok(compiler.file_descriptor_set())
        })
        .expect("a valid schema");
    let digest = Sha256::digest(files.encode_to_vec());
    let hash: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    assert_eq!((FORMAT, hash.as_str()), (4, "448a567614b817ba"));
}
