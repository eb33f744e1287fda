use super::{all, applied, result, scanned};
use crate::{Report, relax_output_schemas};
use mcp_zero_wire::json::Edits;
use mcp_zero_wire::method::{Sender, lookup};
use mcp_zero_wire::rpc::Message;

#[test]
fn names_stay_and_descriptions_do_not() {
    assert_eq!(
        result(
            "tools/list",
            r#"{"tools":[{"name":"bob@x.io","title":"bob@x.io","description":"bob@x.io","inputSchema":{"type":"object","properties":{"bob@x.io":{"type":"string","description":"bob@x.io","pattern":"bob@x.io","enum":["bob@x.io"],"maxLength":4111111111111111},"password":{"type":"string","default":"hunter2"}},"required":["bob@x.io"]}}],"nextCursor":"bob@x.io"}"#
        ),
        r#"{"tools":[{"name":"bob@x.io","title":"<EMAIL_ADDRESS>","description":"<EMAIL_ADDRESS>","inputSchema":{"type":"object","properties":{"bob@x.io":{"type":"string","description":"<EMAIL_ADDRESS>","pattern":"bob@x.io","enum":["<EMAIL_ADDRESS>"],"maxLength":4111111111111111},"password":{"type":"string","default":"<PASSWORD>"}},"required":["bob@x.io"]}}],"nextCursor":"bob@x.io"}"#
    );
    assert_eq!(
        result(
            "resources/list",
            r#"{"resources":[{"uri":"u://bob@x.io","name":"bob@x.io","mimeType":"text/plain"}]}"#
        ),
        r#"{"resources":[{"uri":"u://bob@x.io","name":"<EMAIL_ADDRESS>","mimeType":"text/plain"}]}"#
    );
    assert_eq!(
        result(
            "prompts/list",
            r#"{"prompts":[{"name":"bob@x.io","arguments":[{"name":"bob@x.io","description":"bob@x.io"}]}]}"#
        ),
        r#"{"prompts":[{"name":"bob@x.io","arguments":[{"name":"bob@x.io","description":"<EMAIL_ADDRESS>"}]}]}"#
    );
    assert_eq!(
        result(
            "resources/templates/list",
            r#"{"resourceTemplates":[{"uriTemplate":"u://bob@x.io/{a}","description":"bob@x.io"}]}"#
        ),
        r#"{"resourceTemplates":[{"uriTemplate":"u://bob@x.io/{a}","description":"<EMAIL_ADDRESS>"}]}"#
    );
}

/// A list of one tool with that output schema, masked and relaxed in one go.
fn relaxed(schema: &str) -> String {
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{{"name":"t","outputSchema":{schema}}}]}}}}"#
    );
    let doc = scanned(&text);
    let message = Message::from_server(&doc).unwrap();
    let (mut edits, mut report) = (Edits::default(), Report::default());
    let spec = lookup("tools/list", Sender::Client);
    all()
        .server(&message, spec, &mut edits, &mut report)
        .unwrap();
    let Message::Result { result, .. } = message else {
        panic!("a result");
    };
    relax_output_schemas(result, &mut edits);
    let out = applied(edits, &text);
    let _ = scanned(&out);
    let prefix = text.find(schema).unwrap();
    out[prefix..out.len() - 4].to_owned()
}

#[test]
fn constraints_that_a_placeholder_breaks_leave_output_schemas() {
    for (schema, wanted) in [
        (
            r#"{"type":"string","format":"email"}"#,
            r#"{"type":"string"}"#,
        ),
        (
            r#"{"format":"email","enum":["bob@x.io"], "type":"string"}"#,
            r#"{"type":"string"}"#,
        ),
        (r#"{ "const" : "bob@x.io" }"#, "{  }"),
        (
            r#"{"properties":{"format":{"pattern":"x","title":"bob@x.io","minLength":1},"enum":true},"required":["format"],"minItems":2}"#,
            r#"{"properties":{"format":{"title":"<EMAIL_ADDRESS>"},"enum":true},"required":["format"],"minItems":2}"#,
        ),
        (
            r#"{"default":{"format":"x"},"examples":[{"enum":[1]}]}"#,
            r#"{"default":{"format":"x"},"examples":[{"enum":[1]}]}"#,
        ),
        (
            r#"{"oneOf":[{"const":"a","title":"A"},{"type":"null"}]}"#,
            r#"{"anyOf":[{"title":"A"},{"type":"null"}]}"#,
        ),
        (
            r#"{"oneOf":[{"type":"string"},{"type":"null"}]}"#,
            r#"{"oneOf":[{"type":"string"},{"type":"null"}]}"#,
        ),
        (
            r#"{"not":{"const":"bob@x.io","title":"bob@x.io"},"if":{"properties":{"a":{"enum":[1]}}},"then":{"title":"bob@x.io"},"type":"object"}"#,
            r#"{"type":"object"}"#,
        ),
        (
            r#"{"anyOf":[{}],"oneOf":[{"const":"bob@x.io"}]}"#,
            r#"{"anyOf":[{}]}"#,
        ),
        (
            r#"{"items":[{"format":"a"}],"$defs":{"x":{"format":"b"}},"allOf":[{"items":{"maxLength":3}}]}"#,
            r#"{"items":[{}],"$defs":{"x":{}},"allOf":[{"items":{}}]}"#,
        ),
        ("true", "true"),
    ] {
        assert_eq!(relaxed(schema), wanted, "{schema}");
    }
}
