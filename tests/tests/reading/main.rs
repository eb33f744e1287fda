//! One reading of a message: the rows of protocol.md §6.1, §6.2 and §6.4 through the real Envoy.
//! Each is refused, or reaches the server as the very bytes that were judged.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod events;
mod messages;
mod mismatches;
mod readers;
mod sessions;
mod streams;
mod uris;
mod verdicts;

use mcp_zero_tests::{Gateway, Response, Scripted, policy, request};

/// A tool that the policy allows, and one that it denies.
const ALLOWED: &str = "get-x";
const DENIED: &str = "get-secret";

/// A gateway before a server that answers everything with one result.
struct Rig {
    server: Scripted,
    gateway: Gateway,
    token: String,
}

impl Rig {
    fn start() -> Self {
        let server = Scripted::json(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#);
        Self::before(server)
    }

    /// With one more tool that the policy allows.
    fn allowing(tool: &str) -> Self {
        let server = Scripted::json(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#);
        let allowed = policy(&server.url()).replace("'send']", &format!("'send', '{tool}']"));
        Self::under(server, &allowed)
    }

    fn before(server: Scripted) -> Self {
        let policy = policy(&server.url());
        Self::under(server, &policy)
    }

    fn under(server: Scripted, policy: &str) -> Self {
        let gateway = Gateway::start(policy);
        let token = gateway.token("alice", "developers");
        Self {
            server,
            gateway,
            token,
        }
    }

    /// A POST as raw bytes: headers besides the ordinary ones, then exactly this body.
    fn post(&self, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend(headers);
        self.gateway.send(&raw(&all, body))
    }

    fn reached(&self) -> usize {
        self.server.received().len()
    }

    /// After whatever was sent the gateway judges as before.
    fn still_judges(&self, what: &str) {
        let call = |tool: &str| {
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}"#
            );
            self.post(&[], body.as_bytes())
        };
        assert_eq!(call(ALLOWED).status, 200, "after {what}");
        assert!(call(DENIED).body.contains("Access denied"), "after {what}");
    }
}

/// The bytes of a POST with a body that need not be text.
fn raw(headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let mut all = headers.to_vec();
    all.push(("content-length", &length));
    let mut bytes = request("POST", "/mcp/s", &all, "").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
