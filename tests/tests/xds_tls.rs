//! xDS over TCP: certificates on both sides, or nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{
    Authority, Identity, Plant, Process, free_address, mcp_zero, part, validate, wait,
};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

/// The bootstrap of a gateway that reaches its control plane on loopback.
fn bootstrap(plant: &Plant, xds: SocketAddr, identity: &Identity, ca: &Path) -> String {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let done = mcp_zero(&[
        "bootstrap",
        "--filter",
        &text(&part("MCP_ZERO_TEST_FILTER")),
        "--admin-socket",
        &text(&plant.path().join("admin.sock")),
        "--xds",
        &xds.to_string(),
        "--tls-cert",
        &text(&identity.certificate),
        "--tls-key",
        &text(&identity.key),
        "--tls-ca",
        &text(ca),
    ]);
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn only_a_gateway_with_a_certificate_gets_anything() {
    let plant = Plant::start();
    let ours = Authority::new(plant.path(), "ca");
    let foreign = Authority::new(plant.path(), "foreign-ca");
    let control = ours.sign(plant.path(), "control", "127.0.0.1");
    let gateway = ours.sign(plant.path(), "gateway", "gateway-1");
    let stranger = foreign.sign(plant.path(), "stranger", "gateway-1");
    let client_ca = plant.path().join("client-ca.pem");
    std::fs::copy(&ours.file, &client_ca).unwrap();
    let (xds, address) = (free_address(), free_address());
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let plane = plant.serve(
        address,
        &[
            "--xds",
            &xds.to_string(),
            "--xds-tls-cert",
            &text(&control.certificate),
            "--xds-tls-key",
            &text(&control.key),
            "--xds-tls-client-ca",
            &text(&client_ca),
        ],
    );
    wait("xDS", || TcpStream::connect(xds).is_ok());
    let refused = || plane.log().matches("handshake refused").count();
    let listens = || TcpStream::connect(address).is_ok();

    // In clear: not a byte but perhaps a TLS alert.
    let before = refused();
    let mut plain = TcpStream::connect(xds).unwrap();
    plain
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(
        answer.len() <= 7 && answer.first().is_none_or(|b| *b == 0x15),
        "{answer:?}"
    );
    wait("its refusal", || refused() > before);

    // Of a foreign authority, and with none at all.
    let foreigner = bootstrap(&plant, xds, &stranger, &ours.file);
    validate(plant.path(), "validated", &foreigner).unwrap();
    let naked = {
        let begin = foreigner.find("            tls_certificates:").unwrap();
        let end = foreigner.find("            validation_context:").unwrap();
        format!("{}{}", &foreigner[..begin], &foreigner[end..])
    };
    for (name, configuration) in [("foreign", &foreigner), ("naked", &naked)] {
        let before = refused();
        let envoy = Process::envoy(plant.path(), name, configuration);
        wait("two refusals", || refused() >= before + 2);
        assert!(!listens(), "{name}: {}", envoy.log());
        assert!(
            !plane.log().contains("gateway connected"),
            "{}",
            plane.log()
        );
    }

    // A control plane that the gateway does not know is not listened to.
    let wary = bootstrap(&plant, xds, &gateway, &foreign.file);
    let before = refused();
    {
        let _envoy = Process::envoy(plant.path(), "wary", &wary);
        wait("its refusals", || refused() >= before + 2);
        assert!(!listens() && !plane.log().contains("gateway connected"));
    }

    let good = bootstrap(&plant, xds, &gateway, &ours.file);
    let envoy = Process::envoy(plant.path(), "good", &good);
    plant.wait_until_ready(address);
    plant.judge(address);
    drop(envoy);

    // Files that were renewed count from the next connection on; bad ones change nothing.
    std::fs::write(&client_ca, "no certificate").unwrap();
    let envoy = Process::envoy(plant.path(), "again", &good);
    wait("the gateway", &listens);
    assert!(plane.log().contains("the last good certificates stay"));
    drop(envoy);
    std::fs::copy(&foreign.file, &client_ca).unwrap();
    let before = refused();
    let envoy = Process::envoy(plant.path(), "withdrawn", &good);
    wait("its refusals", || refused() >= before + 2);
    assert!(!listens(), "{}", envoy.log());
}

#[test]
fn without_all_its_files_nothing_starts() {
    let plant = Plant::start();
    let ours = Authority::new(plant.path(), "ca");
    let control = ours.sign(plant.path(), "control", "127.0.0.1");
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let xds = free_address();
    let end = |arguments: &[&str]| {
        let mut plane = plant.serve(free_address(), arguments);
        let mut code = None;
        wait("the end", || {
            code = plane.exit_code();
            code.is_some()
        });
        assert!(TcpStream::connect(xds).is_err());
        let log = plane.log();
        std::fs::remove_file(plant.path().join("serve.log")).unwrap();
        (code.unwrap(), log)
    };
    let (certificate, key) = (text(&control.certificate), text(&control.key));
    let address = xds.to_string();
    let (code, log) = end(&["--xds", &address]);
    assert_eq!(code, 78, "{log}");
    assert_eq!(log.matches("is missing").count(), 3, "{log}");
    let (code, log) = end(&[
        "--xds",
        &address,
        "--xds-tls-cert",
        &certificate,
        "--xds-tls-key",
        &key,
    ]);
    assert_eq!(code, 78, "{log}");
    assert!(
        log.contains("--xds-tls-client-ca (MCP_XDS_TLS_CLIENT_CA) is missing"),
        "{log}"
    );
    let all = |ca: &str| {
        end(&[
            "--xds",
            &address,
            "--xds-tls-cert",
            &certificate,
            "--xds-tls-key",
            &key,
            "--xds-tls-client-ca",
            ca,
        ])
    };
    // A key is no authority; a file that is not there is none either.
    for ca in [key.as_str(), "/does/not/exist.pem"] {
        let (code, log) = all(ca);
        assert_eq!(code, 78, "{log}");
        assert!(log.contains(ca) && !log.contains("panicked"), "{log}");
    }
    let (code, log) = end(&["--xds-tls-key", &key]);
    assert_eq!(code, 78, "{log}");
    assert!(log.contains("a Unix socket has no TLS"), "{log}");
}
