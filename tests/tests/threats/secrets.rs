//! The caller's token is the caller's: nobody else gets to see it (I1).

use super::{CALL, identified, issued_by};
use mcp_zero_tests::{Issuer, Response, Scripted, Signer, events, ok, request};
use serde_json::json;
use std::path::Path;

/// Everything that is in a folder, file by file.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.is_file() {
            let name = path.display().to_string();
            found.push((name, std::fs::read(&path).unwrap_or_default()));
        }
    }
}

#[test]
fn the_callers_token_is_nowhere() {
    let server = Scripted::start(|received| {
        if received.body.contains("get-stream") {
            let ask = r#"{"jsonrpc":"2.0","id":9,"method":"sampling/createMessage","params":{}}"#;
            return events(&format!("data: {ask}\n\n"), 100);
        }
        vec![ok(
            "application/json",
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#,
        )]
    });
    let issuer = Issuer::start();
    let gateway = identified(&server.url(), &issued_by(&issuer.url()));
    let good = issuer.token(Signer::Rsa, |c| c["canary"] = json!("c4n4ry-1n-a-cla1m"));
    let bad = issuer.token(Signer::Foreign, |_| {});
    let stale = issuer.token(Signer::Ec, |c| c["exp"] = json!(1_000_000_000));
    let mut answers: Vec<Response> = Vec::new();
    for token in [&good, &bad, &stale] {
        let bearer = format!("Bearer {token}");
        let cookie = format!("access_token={token}");
        let query = format!("/mcp/s?access_token={token}#{token}");
        let auth = ("authorization", bearer.as_str());
        let stream = CALL.replace("get-x", "get-stream");
        let argument = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "get-secret", "arguments": {"token": token}}});
        let argument = argument.to_string();
        for (method, path, headers, body) in [
            ("POST", "/mcp/s", vec![auth], CALL),
            ("POST", "/mcp/s", vec![auth, ("cookie", &cookie)], CALL),
            (
                "POST",
                "/mcp/s",
                vec![auth, ("x-access-token", token)],
                CALL,
            ),
            (
                "POST",
                "/mcp/s",
                vec![auth, ("proxy-authorization", &bearer)],
                CALL,
            ),
            (
                "POST",
                "/mcp/s",
                vec![auth, ("mcp-session-id", token)],
                CALL,
            ),
            ("POST", "/mcp/s", vec![auth, ("x-request-id", token)], CALL),
            (
                "POST",
                "/mcp/s",
                vec![
                    auth,
                    ("referer", token),
                    ("x-forwarded-authorization", token),
                ],
                CALL,
            ),
            (
                "POST",
                "/mcp/s",
                vec![auth, ("baggage", token), ("x-amzn-oidc-data", token)],
                CALL,
            ),
            ("POST", "/mcp/s", vec![auth, ("origin", token)], CALL),
            ("POST", "/mcp/s", vec![auth, auth], CALL),
            ("POST", query.as_str(), vec![auth], CALL),
            ("POST", query.as_str(), vec![], CALL),
            ("POST", "/mcp/s", vec![auth], stream.as_str()),
            ("POST", "/mcp/s", vec![auth], argument.as_str()),
            ("POST", "/mcp/s", vec![auth], token.as_str()),
            ("GET", "/mcp/s", vec![auth], ""),
            ("DELETE", "/mcp/s", vec![auth], ""),
            ("PUT", "/mcp/s", vec![auth], ""),
        ] {
            answers.push(gateway.send(request(method, path, &headers, body).as_bytes()));
        }
    }
    let reached = answers.iter().filter(|a| a.status == 200).count();
    assert!(reached > 8, "{reached}");
    gateway.records(answers.len());
    let mut places = vec![
        ("the log".to_owned(), gateway.log().into_bytes()),
        (
            "records".to_owned(),
            format!("{:?}", gateway.all_records()).into_bytes(),
        ),
        (
            "what the server got".to_owned(),
            format!("{:?}", server.received()).into_bytes(),
        ),
        ("answers".to_owned(), format!("{answers:?}").into_bytes()),
    ];
    for page in [
        "/config_dump?include_eds",
        "/stats",
        "/clusters",
        "/server_info",
        "/certs",
        "/listeners",
    ] {
        places.push((page.to_owned(), gateway.envoy_admin(page).into_bytes()));
    }
    let count = places.len();
    files(&gateway.state(), &mut places);
    assert!(places.len() > count, "files of the state directory");
    for token in [&good, &bad, &stale] {
        let parts: Vec<&str> = token.split('.').collect();
        for canary in [parts[1], parts[2], "c4n4ry-1n-a-cla1m"] {
            for (what, bytes) in &places {
                let needle = canary.as_bytes();
                let found = bytes.windows(needle.len()).any(|w| w == needle);
                assert!(!found, "{what} shows a part of a token");
            }
        }
    }
}
