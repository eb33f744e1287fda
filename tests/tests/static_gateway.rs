//! A gateway without control plane: `mcp-zero compile` and `envoy/static.yaml`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{Issuer, Plant, Process, free_address, mcp_zero, validate, wait};

#[test]
fn it_judges_like_any_other() {
    let plant = Plant::start();
    let address = free_address();
    let good = plant.static_gateway(address, &plant.snapshot());
    validate(plant.path(), "validated", &good).unwrap();
    let _envoy = Process::envoy(plant.path(), "static", &good);
    plant.wait_until_ready(address);
    plant.judge(address);
    let access_log = plant.path().join("access.log");
    wait("its record", || {
        std::fs::read_to_string(&access_log).is_ok_and(|t| t.contains("get-secret"))
    });
}

#[test]
fn a_snapshot_that_is_none_serves_nobody() {
    let plant = Plant::start();
    let snapshot = plant.snapshot();
    let address = free_address();
    // Whole groups of base64, so that Envoy takes it and the filter has to refuse.
    for bad in [
        "AAAA",
        &snapshot[..snapshot.len() / 8 * 4],
        &format!("CH8S{}", &snapshot[4..]),
    ] {
        let mut envoy = Process::envoy(plant.path(), "bad", &plant.static_gateway(address, bad));
        wait("its end", || envoy.exit_code().is_some());
        assert_ne!(envoy.exit_code(), Some(0));
        assert!(
            envoy.log().contains("the snapshot is refused"),
            "{}",
            envoy.log()
        );
    }
}

#[test]
fn compile_tells_what_is_wrong_and_where_keys_come_from() {
    let plant = Plant::start();
    let file = |name: &str, text: &str| {
        let path = plant.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    };
    let compile = |arguments: &[&str]| {
        let done = mcp_zero(&[&["compile", "--skip-tls-validation=true"], arguments].concat());
        let text = String::from_utf8_lossy(&done.stderr).into_owned();
        (
            done.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&done.stdout).into_owned(),
            text,
        )
    };
    let bad = file("bad.yaml", "version: 2\ndefualt: deny\n");
    let (code, out, told) = compile(&[&bad]);
    assert_eq!((code, out.as_str()), (78, ""), "{told}");
    assert!(told.contains("did you mean `default`"), "{told}");

    // By hand, and the same policy.
    let good = plant.policy().to_string_lossy().into_owned();
    let keys = file("keys.json", &key_set(&plant.issuer));
    let out = plant.path().join("snapshot.b64");
    let identity = plant.identity().to_string_lossy().into_owned();
    let (code, shown, told) = compile(&[
        &good,
        "--keys",
        &keys,
        "--out",
        &out.to_string_lossy(),
        "--identity-out",
        &identity,
    ]);
    assert_eq!((code, shown.as_str()), (0, ""), "{told}");
    let address = free_address();
    let text = std::fs::read_to_string(out).unwrap();
    let _envoy = Process::envoy(
        plant.path(),
        "by-hand",
        &plant.static_gateway(address, text.trim()),
    );
    plant.wait_until_ready(address);
    plant.judge(address);

    let none = file("none.json", r#"{"keys":[]}"#);
    let (code, _, told) = compile(&[&good, "--keys", &none, "--identity-out", &identity]);
    assert_eq!(code, 78, "{told}");
    assert!(told.contains("no usable key"), "{told}");
    let away = file(
        "away.yaml",
        &std::fs::read_to_string(plant.policy())
            .unwrap()
            .replace(&plant.issuer.url(), "http://127.0.0.1:1"),
    );
    let (code, out, told) = compile(&[&away, "--identity-out", &identity]);
    assert_eq!((code, out.as_str()), (1, ""), "{told}");
    assert!(told.contains("no keys"), "{told}");
    // Nobody is left with half of it.
    for rest in [&[][..], &["--identity-out", "identity.json"]] {
        let (code, out, told) = compile(&[&[good.as_str()], rest].concat());
        assert_eq!((code, out.as_str()), (78, ""), "{told}");
        assert!(told.contains("--identity-out"), "{told}");
    }
}

fn key_set(issuer: &Issuer) -> String {
    let authority = issuer.url();
    let authority = authority.trim_start_matches("http://");
    let text = format!("GET /keys HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    mcp_zero_tests::exchange(authority.parse().unwrap(), text.as_bytes()).body
}
