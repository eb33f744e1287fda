//! T5: headers of 2026-07-28 that say something else than the body.

use super::{ALLOWED, DENIED, Rig};
use serde_json::{Value, json};

const VERSION: &str = "2026-07-28";

fn body(method: &str, params: &Value) -> String {
    let mut params = params.clone();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

/// What it is, headers besides the ordinary ones, and the body.
type Row<'b> = (&'b str, Vec<(&'b str, &'b str)>, &'b str);

#[test]
fn what_is_said_twice_is_the_same_twice() {
    let rig = Rig::start();
    let call = body("tools/call", &json!({"name": ALLOWED}));
    let secret = body("tools/call", &json!({"name": DENIED}));
    let list = body("tools/list", &json!({}));
    let prompt = body("prompts/get", &json!({"name": "simple-one"}));
    let read = body("resources/read", &json!({"uri": "file:///a"}));
    let legacy = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get-x"}}"#;
    let version = ("mcp-protocol-version", VERSION);
    let of = |method: &'static str| ("mcp-method", method);
    let named = |name: &'static str| ("mcp-name", name);
    let good: Vec<Row<'_>> = vec![
        (
            "a call",
            vec![version, of("tools/call"), named("get-x")],
            &call,
        ),
        (
            "a name in base64",
            vec![version, of("tools/call"), named("=?base64?Z2V0LXg=?=")],
            &call,
        ),
        ("a list", vec![version, of("tools/list")], &list),
        (
            "a prompt",
            vec![version, of("prompts/get"), named("simple-one")],
            &prompt,
        ),
        (
            "a resource",
            vec![version, of("resources/read"), named("file:///a")],
            &read,
        ),
    ];
    for (what, headers, body) in &good {
        let before = rig.reached();
        let answer = rig.post(headers, body.as_bytes());
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
        assert_eq!(rig.reached(), before + 1, "{what}");
    }
    let base = [version, of("tools/call"), named("get-x")];
    let cases: Vec<Row<'_>> = vec![
        ("no method", vec![version, named("get-x")], &call),
        ("no name", vec![version, of("tools/call")], &call),
        ("neither", vec![version], &call),
        (
            "another method",
            vec![version, of("tools/list"), named("get-x")],
            &call,
        ),
        (
            "the method of a list for a call",
            vec![version, of("tools/list")],
            &call,
        ),
        (
            "another name",
            vec![version, of("tools/call"), named("get-y")],
            &call,
        ),
        (
            "an allowed name before a denied one",
            base.to_vec(),
            &secret,
        ),
        (
            "a denied name before an allowed one",
            vec![version, of("tools/call"), named(DENIED)],
            &call,
        ),
        (
            "the name in capitals",
            vec![version, of("tools/call"), named("GET-X")],
            &call,
        ),
        (
            "the method in capitals",
            vec![version, of("TOOLS/CALL"), named("get-x")],
            &call,
        ),
        (
            "the name twice",
            vec![version, of("tools/call"), named("get-x"), named("get-x")],
            &call,
        ),
        (
            "the name twice and different",
            vec![version, of("tools/call"), named("get-x"), named(DENIED)],
            &call,
        ),
        (
            "the method twice",
            vec![version, of("tools/call"), of("tools/call"), named("get-x")],
            &call,
        ),
        (
            "two names in one",
            vec![version, of("tools/call"), named("get-x, get-secret")],
            &call,
        ),
        (
            "two methods in one",
            vec![version, of("tools/call, tools/list"), named("get-x")],
            &call,
        ),
        (
            "a name with a part more",
            vec![version, of("tools/call"), named("get-xx")],
            &call,
        ),
        (
            "a name with a part less",
            vec![version, of("tools/call"), named("get-")],
            &call,
        ),
        (
            "an empty name",
            vec![version, of("tools/call"), named("")],
            &call,
        ),
        (
            "an empty method",
            vec![version, of(""), named("get-x")],
            &call,
        ),
        (
            "a name in escapes",
            vec![version, of("tools/call"), named("get%2dx")],
            &call,
        ),
        (
            "a name in base64 of another",
            vec![
                version,
                of("tools/call"),
                named("=?base64?Z2V0LXNlY3JldA==?="),
            ],
            &call,
        ),
        (
            "a name in broken base64",
            vec![version, of("tools/call"), named("=?base64?Z2V0LXg?=")],
            &call,
        ),
        (
            "a name in base64 behind a marker in capitals",
            vec![version, of("tools/call"), named("=?BASE64?Z2V0LXg=?=")],
            &call,
        ),
        (
            "a name in base64 that is no text",
            vec![version, of("tools/call"), named("=?base64?//8=?=")],
            &call,
        ),
        (
            "a name in bare base64",
            vec![version, of("tools/call"), named("Z2V0LXg=")],
            &call,
        ),
        (
            "a name in base64 of base64",
            vec![
                version,
                of("tools/call"),
                named("=?base64?PT9iYXNlNjQ/WjJWMExYZz0/PQ==?="),
            ],
            &call,
        ),
        (
            "a name for a list",
            vec![version, of("tools/list"), named("get-x")],
            &list,
        ),
        (
            "a call's method for a list",
            vec![version, of("tools/call")],
            &list,
        ),
        ("no method for a list", vec![version], &list),
        (
            "the name of another prompt",
            vec![version, of("prompts/get"), named("simple-two")],
            &prompt,
        ),
        (
            "no name of a prompt",
            vec![version, of("prompts/get")],
            &prompt,
        ),
        (
            "a tool's method for a prompt",
            vec![version, of("tools/call"), named("simple-one")],
            &prompt,
        ),
        (
            "another resource",
            vec![version, of("resources/read"), named("file:///b")],
            &read,
        ),
        (
            "the resource with a slash more",
            vec![version, of("resources/read"), named("file:///a/")],
            &read,
        ),
        (
            "the resource in capitals",
            vec![version, of("resources/read"), named("FILE:///a")],
            &read,
        ),
        ("no resource", vec![version, of("resources/read")], &read),
        (
            "the body's version is older",
            vec![
                ("mcp-protocol-version", "2025-11-25"),
                of("tools/call"),
                named("get-x"),
            ],
            &call,
        ),
        (
            "the body's version stands alone",
            vec![of("tools/call"), named("get-x")],
            &call,
        ),
        (
            "a parameter twice",
            vec![
                version,
                of("tools/call"),
                named("get-x"),
                ("mcp-param-a", "1"),
                ("mcp-param-a", "2"),
            ],
            &call,
        ),
        (
            "a parameter in broken base64",
            vec![
                version,
                of("tools/call"),
                named("get-x"),
                ("mcp-param-a", "=?base64?*?="),
            ],
            &call,
        ),
        (
            "the version twice",
            vec![version, version, of("tools/call"), named("get-x")],
            &call,
        ),
    ];
    assert_eq!(cases.len(), 41);
    for (what, headers, body) in &cases {
        let before = rig.reached();
        let answer = rig.post(headers, body.as_bytes());
        let value: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        assert_eq!(
            (answer.status, value["error"]["code"].as_i64()),
            (400, Some(-32020)),
            "{what}: {answer:?}"
        );
        assert_eq!(rig.reached(), before, "{what}");
    }
    // A body without what 2026-07-28 wants, and versions that nobody speaks.
    for (what, headers, body, code) in [
        (
            "a legacy body under the new version",
            base.to_vec(),
            legacy,
            -32602,
        ),
        (
            "an unknown version",
            vec![("mcp-protocol-version", "2027-01-01")],
            legacy,
            -32022,
        ),
        (
            "a version that is none",
            vec![("mcp-protocol-version", "latest")],
            legacy,
            -32022,
        ),
    ] {
        let before = rig.reached();
        let answer = rig.post(&headers, body.as_bytes());
        let code_of = answer.json()["error"]["code"].as_i64();
        assert_eq!(
            (answer.status, code_of),
            (400, Some(code)),
            "{what}: {answer:?}"
        );
        assert_eq!(rig.reached(), before, "{what}");
    }
    rig.still_judges("all mismatches");
}
