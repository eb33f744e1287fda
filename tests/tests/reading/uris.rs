//! A resource has one spelling: a rule about it holds for every reader of its URI.

use super::Rig;
use mcp_zero_tests::Scripted;
use serde_json::json;

const POLICY: &str = r#"
version: 1
default: deny
servers:
  - {name: s, transport: http, url: "${URL}"}
policies:
  - id: resources
    description: All resources but the secret ones
    effect: allow
    mcp_servers: [{name: s, resources: ["*"]}]
  - id: no-secrets
    description: Nobody
    effect: deny
    mcp_servers: [{name: s, resources: ["demo://secret*", "file:///secret*"]}]
"#;

fn body(method: &str, uri: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"uri": uri}}).to_string()
}

#[test]
fn a_denied_resource_has_no_other_spelling() {
    let server = Scripted::json(r#"{"jsonrpc":"2.0","id":1,"result":{"contents":[]}}"#);
    let policy = POLICY.replace("${URL}", &server.url());
    let rig = Rig::under(server, &policy);
    for method in ["resources/read", "resources/subscribe"] {
        for uri in ["demo://secret/x", "file:///secret/x"] {
            let answer = rig.post(&[], body(method, uri).as_bytes());
            assert!(answer.body.contains("Access denied"), "{uri}: {answer:?}");
        }
        for uri in [
            "DEMO://secret/x",
            "demo://@secret/x",
            "demo://%73ecret/x",
            "FILE:///secret/x",
            "file://localhost/secret/x",
            "file:/secret/x",
            "file:secret/x",
            "file:////secret/x",
            "file:///%73ecret/x",
            "file:///a/../secret/x",
        ] {
            let answer = rig.post(&[], body(method, uri).as_bytes());
            assert_eq!(answer.status, 400, "{method} {uri}: {answer:?}");
        }
    }
    assert_eq!(rig.reached(), 0);
    let answer = rig.post(&[], body("resources/read", "demo://open/x").as_bytes());
    assert_eq!((answer.status, rig.reached()), (200, 1), "{answer:?}");
}
