use super::{all, applied};
use crate::Report;
use mcp_zero_wire::json::{Doc, Edits, Limits};
use mcp_zero_wire::rpc::Message;
use proptest::prelude::*;
use serde_json::Value as Json;

/// Pieces of texts that are found, nearly found, or change what stands beside them.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "bob@x.io",
            "a.b+c@sub.example.com",
            "4111111111111111",
            "4111 1111 1111 1111",
            "378282246310005",
            "sk-aB3dE5gH7jaB3dE5gH7jK",
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_aB3dE5gH7jaB3dE5gH7jaB3dE5gH7jabcdef",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdef",
            "password=",
            "password: ",
            "\"password\": \"",
            "pass",
            "pwd:",
            "api_key=",
            "Bearer ",
            "Basic dTpwYXNz",
            "Authorization: ",
            "token ",
            "https://u:",
            "://",
            "@",
            "%40",
            "\\u0040",
            ".",
            "com",
            "hunter2",
            "abcdef0123456789",
            "-----BEGIN PRIVATE KEY-----",
            "-----END PRIVATE KEY-----",
            "--password ",
            "IDENTIFIED BY ",
            "<EMAIL_ADDRESS>",
            "<PASSWORD>",
            "\"",
            "'",
            "\\",
            "\n",
            " ",
            ",",
            ";",
            "&",
            "=",
            ":",
            "-",
            "_",
            "(",
            "é",
            "\u{1F600}",
            "中",
            "{\"a\":\"b@c.de\"}",
            "[4111111111111111]",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,6}",
        "\\PC{0,3}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..10).prop_map(|pieces| pieces.concat())
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        text().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        Just(Json::from(4_111_111_111_111_111_u64)),
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
    ];
    let name = prop_oneof![
        prop::sample::select(vec![
            "password",
            "apiKey",
            "token",
            "pass",
            "value",
            "name",
            "content",
            "type",
            "uri",
            "text",
            "data",
            "blob",
            "mimeType",
            "resource",
            "structuredContent",
            "tools",
            "inputSchema",
            "outputSchema",
            "properties",
            "enum",
            "messages",
            "inputRequests",
            "params",
            "_meta",
            "elicitations",
            "not",
            "oneOf",
            "format",
        ])
        .prop_map(str::to_owned),
        text(),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::vec((name.clone(), inner.clone()), 0..5)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
            // JSON inside of a text.
            inner.prop_map(|value| Json::from(value.to_string())),
        ]
    })
}

fn masked(text: &str, client: bool) -> Option<(String, Report)> {
    let doc = Doc::scan(text.as_bytes(), &Limits::default()).unwrap();
    let message = Message::from_server(&doc).unwrap();
    let (mut edits, mut report) = (Edits::default(), Report::default());
    let done = if client {
        all().posted(&message, &mut edits, &mut report)
    } else {
        all().server(&message, None, &mut edits, &mut report)
    };
    done.ok()?;
    Some((applied(edits, text), report))
}

/// Equal but for texts and numbers, which may have become texts.
fn alike(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b))
        }
        (Json::Object(a), Json::Object(b)) => a.len() == b.len(),
        (Json::Number(_) | Json::String(_), Json::String(_)) => true,
        (a, b) => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_masked_message_is_one_and_holds_no_finding(value in json(), client in any::<bool>()) {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{value}}}"#);
        if let Some((out, report)) = masked(&text, client) {
            let before: Json = serde_json::from_str(&text).unwrap();
            let after: Json = serde_json::from_str(&out).unwrap();
            prop_assert!(alike(&before["result"], &after["result"]), "{text}\n{out}");
            if report.total() == 0 {
                prop_assert_eq!(&out, &text);
            }
            let (again, second) = masked(&out, client).unwrap();
            prop_assert_eq!(second.total(), 0, "{} -> {} -> {}", text, out, again);
        }
    }

    #[test]
    fn a_masked_text_holds_no_finding(text in text(), key in prop::option::of("password|apiKey|token|x")) {
        let mut report = Report::default();
        if let Some(out) = all().text(&text, key.as_deref(), &mut report) {
            let again = all().text(&out, key.as_deref(), &mut report);
            prop_assert_eq!(again, None, "{:?} -> {:?}", text, out);
        } else {
            prop_assert_eq!(report.total(), 0);
        }
    }
}
