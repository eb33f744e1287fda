//! Attacks on who somebody is and on what they may see, through the whole gateway. `docs/requirements.md`
//! says which threat each test holds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod framing;
mod keys;
mod list;
mod origins;
mod secrets;
mod streams;
mod tokens;
mod vectors;

use mcp_zero_tests::{Gateway, Options, policy};

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get-x"}}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;

/// A gateway before a server `s`, with an `identity` section and http issuers.
fn identified(server: &str, identity: &str) -> Gateway {
    let options = Options {
        no_dev: true,
        variables: vec![("MCP_SKIP_TLS_VALIDATION".to_owned(), "true".to_owned())],
        ..Options::default()
    };
    Gateway::start_with(&(policy(server) + identity), &options)
}

/// The `identity` section for the harness's issuer.
fn issued_by(issuer: &str) -> String {
    format!(
        "identity:
  issuer: {issuer}
  audience: gateway
  claim_mapping: {{user_id: ext.uid, groups: roles}}
"
    )
}
