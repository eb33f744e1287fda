//! C6: bodies with two readings, each with its verdict.

use super::Rig;
use jwt_simple::reexports::ct_codecs::{Base64, Decoder as _};
use serde_json::Value;

const CASES: &str = include_str!("../../../engine/wire/tests/data/jsonrpc_ambiguity.json");

#[test]
fn every_ambiguous_body_has_its_verdict() {
    // All of them call `safe`, and some besides it what is not.
    let rig = Rig::allowing("safe");
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    assert_eq!(cases.len(), 40);
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let body = match (case["body_b64"].as_str(), name) {
            (Some(body), _) => Base64::decode_to_vec(body, None).unwrap(),
            (None, "deep 100k") => {
                let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
                format!(
                    r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"safe","arguments":{{"a":{open}{close}}}}}}}"#
                )
                .into_bytes()
            }
            (None, _) => panic!("{name}: no body"),
        };
        let before = rig.reached();
        let answer = rig.post(&[], &body);
        let received = rig.server.received();
        let arrived = &received[before..];
        if case["verdict"] == "accept" {
            assert_eq!(answer.status, 200, "{name}: {}", answer.body);
            // Line breaks between tokens go on as blanks.
            let judged = String::from_utf8(body).unwrap().replace(['\r', '\n'], " ");
            assert_eq!(arrived.len(), 1, "{name}");
            assert_eq!(arrived[0].body, judged, "{name}");
        } else {
            assert_eq!(arrived.len(), 0, "{name}");
            let code =
                serde_json::from_str::<Value>(&answer.body).unwrap()["error"]["code"].clone();
            assert!(code.is_i64(), "{name}: {} {}", answer.status, answer.body);
        }
    }
    rig.still_judges("all of them");
}
