use super::{all, notified, request, result, scanned, server};
use crate::{Entity, MaskError, Masker, Report};
use mcp_zero_wire::json::Edits;
use mcp_zero_wire::rpc::Message;

fn answer(result: &str) -> Result<(String, Report), MaskError> {
    server(
        &format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#),
        Some("tools/call"),
    )
}

fn call(arguments: &str) -> String {
    request(
        "tools/call",
        &format!(r#"{{"name":"t","arguments":{arguments}}}"#),
    )
}

#[test]
fn findings_of_a_message_are_counted_and_bounded() {
    let most = crate::detect::MOST_FINDINGS;
    let text = |count: usize| "a@b.co ".repeat(count);
    let (_, report) = answer(&format!(r#"{{"x":"{}"}}"#, text(most))).unwrap();
    assert_eq!(report.total(), 20_000);
    for result in [
        format!(r#"{{"x":"{}"}}"#, text(most + 1)),
        format!(r#"{{"x":"{}"}}"#, text(2_000_000)),
        format!(r#"{{"x":["{}","a@b.co"]}}"#, text(most)),
        format!(r#"{{"x":[{}1]}}"#, "4111111111111111,".repeat(most + 1)),
        format!(r#"{{"x":"[{}1]"}}"#, "4111111111111111,".repeat(most + 1)),
        format!(
            r#"{{"x":{{"password":[{}1]}}}}"#,
            r#""hunter2","#.repeat(most + 1)
        ),
    ] {
        assert_eq!(answer(&result).unwrap_err(), MaskError::TooMany);
    }
}

#[test]
fn members_that_are_unknown_share_one_count() {
    let half = "a@b.co ".repeat(crate::detect::MOST_FINDINGS / 2 + 1);
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{}},"x":"{half}","y":"{half}"}}"#);
    let doc = scanned(&text);
    assert_eq!(
        all().unknown_members(doc.root(), &mut Edits::default(), &mut Report::default()),
        Err(MaskError::TooMany)
    );
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"x":"{half}","y":"{half}"}}}}"#);
    let doc = scanned(&text);
    let message = Message::from_client(&doc).unwrap();
    assert_eq!(
        all().posted(&message, &mut Edits::default(), &mut Report::default()),
        Err(MaskError::TooMany)
    );
}

#[test]
fn a_text_alone_with_too_many_findings_is_hidden() {
    let text = "a@b.co ".repeat(crate::detect::MOST_FINDINGS + 1);
    let masked = Masker::new(&Entity::ALL, 400).text(&text, None, &mut Report::default());
    assert_eq!(masked.as_deref(), Some("<MASKED>"));
}

#[test]
fn keywords_that_leave_schemas_are_bounded() {
    let schemas = r#"{"enum":[]},"#.repeat(200_001);
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{{"name":"t","outputSchema":{{"allOf":[{schemas}true]}}}}]}}}}"#
    );
    assert_eq!(server(&text, None).unwrap_err(), MaskError::TooMany);
}

#[test]
fn texts_with_more_nodes_than_are_kept_are_read_as_texts() {
    let numbers = "1,".repeat(600_000);
    let breaks = r"\n".repeat(1_000_001);
    for pad in [numbers, breaks] {
        let text = format!(r#"{{"x":"[{pad}\"a@b.co\"]"}}"#);
        let (out, _) = answer(&text).unwrap();
        assert!(out.ends_with(r#"\"<EMAIL_ADDRESS>\"]"}}"#));
    }
}

#[test]
fn identifiers_are_those_that_a_method_has() {
    assert_eq!(
        request(
            "tools/call",
            r#"{"name":"t","cursor":"a@b.co","level":"a@b.co","uri":"a@b.co","requestId":"a@b.co","ref":{"name":"a@b.co"},"total":4111111111111111}"#
        ),
        r#"{"name":"t","cursor":"<EMAIL_ADDRESS>","level":"<EMAIL_ADDRESS>","uri":"<EMAIL_ADDRESS>","requestId":"<EMAIL_ADDRESS>","ref":{"name":"<EMAIL_ADDRESS>"},"total":"<CREDIT_CARD>"}"#
    );
    assert_eq!(
        request("tools/list", r#"{"cursor":"a@b.co","level":"a@b.co"}"#),
        r#"{"cursor":"a@b.co","level":"<EMAIL_ADDRESS>"}"#
    );
    assert_eq!(
        request("logging/setLevel", r#"{"level":"a@b.co"}"#),
        r#"{"level":"a@b.co"}"#
    );
    let followed = r#"{"notifications":{"taskIds":["a@b.co"],"resourceSubscriptions":["a@b.co"]}}"#;
    assert_eq!(request("subscriptions/listen", followed), followed);
    let acknowledged = "notifications/subscriptions/acknowledged";
    assert_eq!(notified(acknowledged, followed), followed);
    assert_eq!(
        result(
            "tools/call",
            r#"{"content":[],"level":"alice@example.com","cursor":"a@b.co","nextCursor":"a@b.co","taskId":"a@b.co","requestState":"a@b.co","protocolVersion":"a@b.co","progressToken":"a@b.co","total":4111111111111111}"#
        ),
        r#"{"content":[],"level":"<EMAIL_ADDRESS>","cursor":"<EMAIL_ADDRESS>","nextCursor":"<EMAIL_ADDRESS>","taskId":"<EMAIL_ADDRESS>","requestState":"<EMAIL_ADDRESS>","protocolVersion":"<EMAIL_ADDRESS>","progressToken":"<EMAIL_ADDRESS>","total":"<CREDIT_CARD>"}"#
    );
    let initialized = r#"{"protocolVersion":"a@b.co","serverInfo":{}}"#;
    assert_eq!(result("initialize", initialized), initialized);
    let (noted, _) = server(
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"uri":"a@b.co","data":1}}"#,
        None,
    )
    .unwrap();
    assert!(noted.contains(r#""uri":"<EMAIL_ADDRESS>""#));
}

#[test]
fn what_a_container_is_called_holds_for_what_is_in_it() {
    for (arguments, wanted) in [
        (
            r#"{"password":{"x":"hunter2xyz"}}"#,
            r#"{"password":{"x":"<PASSWORD>"}}"#,
        ),
        (
            r#"{"password":["hunter2xyz"]}"#,
            r#"{"password":["<PASSWORD>"]}"#,
        ),
        (
            r#"{"password":[{"a":{"b":["hunter2xyz"]}}],"c":"hunter3xyz"}"#,
            r#"{"password":[{"a":{"b":["<PASSWORD>"]}}],"c":"hunter3xyz"}"#,
        ),
        (
            r#"{"name":"password","content":"hunter2xyz"}"#,
            r#"{"name":"password","content":"<PASSWORD>"}"#,
        ),
        (
            r#"{"Key":"x","Label":"password","Text":["hunter2xyz"]}"#,
            r#"{"Key":"x","Label":"password","Text":["<PASSWORD>"]}"#,
        ),
        (
            r#"{"field":"city","value":"hunter2xyz"}"#,
            r#"{"field":"city","value":"hunter2xyz"}"#,
        ),
    ] {
        assert_eq!(
            call(arguments),
            format!(r#"{{"name":"t","arguments":{wanted}}}"#)
        );
    }
}

#[test]
fn signs_that_are_escaped_several_times_are_signs() {
    for slashes in [2, 4, 8, 64, 100_000] {
        let text = format!(
            r#"{{"a":"mail alice{}u0040example.com!"}}"#,
            "\\".repeat(slashes)
        );
        assert_eq!(
            call(&text),
            r#"{"name":"t","arguments":{"a":"mail <EMAIL_ADDRESS>!"}}"#
        );
    }
}

#[test]
fn data_that_is_not_binary_is_a_text() {
    let image = |data: &str| format!(r#"{{"content":[{{"type":"image","data":"{data}"}}]}}"#);
    assert_eq!(
        result("tools/call", &image("4111111111111111")),
        image("<CREDIT_CARD>")
    );
    assert_eq!(
        result("tools/call", &image("AKIAIOSFODNN7EXAMPLE")),
        image("<API_KEY>")
    );
    let png = format!(
        "{}4111",
        mcp_zero_wire::base64::encode(b"\x89PNG\r\n\x1a\n\0")
    );
    for binary in [png, mcp_zero_wire::base64::encode(&[7; 64])] {
        assert!(crate::base64::binary(&binary));
        let (_, report) = answer(&image(&binary)).unwrap();
        assert_eq!(report.skipped, 1);
    }
    assert!(!crate::base64::binary(&mcp_zero_wire::base64::encode(
        &[7; 63]
    )));
    assert!(!crate::base64::binary(""));
}
