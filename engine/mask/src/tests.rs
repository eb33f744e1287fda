//! Whole messages.

mod bounds;
mod lists;
mod properties;

use crate::{Entity, MaskError, Masker, Report};
use mcp_zero_wire::json::{Doc, Edits, Limits};
use mcp_zero_wire::method::{Sender, lookup};
use mcp_zero_wire::rpc::Message;

fn all() -> Masker {
    Masker::new(&Entity::ALL, 400)
}

fn scanned(text: &str) -> Doc<'_> {
    Doc::scan(text.as_bytes(), &Limits::default()).unwrap()
}

fn applied(edits: Edits, text: &str) -> String {
    String::from_utf8(edits.apply(text.as_bytes()).unwrap()).unwrap()
}

/// Params of a client's request, masked.
fn request(method: &str, params: &str) -> String {
    let text =
        format!(r#"{{"jsonrpc":"2.0","id":"bob@x.io","method":"{method}","params":{params}}}"#);
    let doc = scanned(&text);
    let message = Message::from_client(&doc).unwrap();
    let (mut edits, mut report) = (Edits::default(), Report::default());
    let spec = lookup(method, Sender::Client).unwrap();
    all()
        .request(&message, spec, &mut edits, &mut report)
        .unwrap();
    let out = applied(edits, &text);
    let prefix = text.len() - params.len() - 1;
    assert_eq!(out[..prefix], text[..prefix]);
    out[prefix..out.len() - 1].to_owned()
}

fn server(text: &str, answers: Option<&str>) -> Result<(String, Report), MaskError> {
    let doc = scanned(text);
    let message = Message::from_server(&doc).unwrap();
    let (mut edits, mut report) = (Edits::default(), Report::default());
    let spec = answers.and_then(|method| lookup(method, Sender::Client));
    all().server(&message, spec, &mut edits, &mut report)?;
    Ok((applied(edits, text), report))
}

/// A result, masked, whether its request is known or not.
fn result(method: &str, result: &str) -> String {
    let text = format!(r#"{{"jsonrpc":"2.0","id":"bob@x.io","result":{result}}}"#);
    let (known, _) = server(&text, Some(method)).unwrap();
    let (unknown, _) = server(&text, None).unwrap();
    assert_eq!(known, unknown);
    let prefix = text.len() - result.len() - 1;
    assert_eq!(known[..prefix], text[..prefix]);
    known[prefix..known.len() - 1].to_owned()
}

fn notified(method: &str, params: &str) -> String {
    let text = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#);
    let (out, _) = server(&text, None).unwrap();
    let prefix = text.len() - params.len() - 1;
    out[prefix..out.len() - 1].to_owned()
}

#[test]
fn arguments_are_masked_and_identifiers_are_not() {
    assert_eq!(
        request(
            "tools/call",
            r#"{"_meta":{"progressToken":"bob@x.io","a":"bob@x.io"},"name":"bob@x.io","arguments":{ "to" : ["bob@x.io",1.50], "uri":"bob@x.io","name":"bob@x.io","n":4111111111111111}}"#
        ),
        r#"{"_meta":{"progressToken":"bob@x.io","a":"<EMAIL_ADDRESS>"},"name":"bob@x.io","arguments":{ "to" : ["<EMAIL_ADDRESS>",1.50], "uri":"<EMAIL_ADDRESS>","name":"<EMAIL_ADDRESS>","n":"<CREDIT_CARD>"}}"#
    );
    assert_eq!(
        request("resources/read", r#"{"uri":"mem://bob@x.io"}"#),
        r#"{"uri":"mem://bob@x.io"}"#
    );
    assert_eq!(
        request(
            "completion/complete",
            r#"{"ref":{"type":"ref/prompt","name":"bob@x.io"},"argument":{"name":"password","value":"hunter2"},"context":{"arguments":{"a":"bob@x.io"}}}"#
        ),
        r#"{"ref":{"type":"ref/prompt","name":"bob@x.io"},"argument":{"name":"password","value":"<PASSWORD>"},"context":{"arguments":{"a":"<EMAIL_ADDRESS>"}}}"#
    );
    assert_eq!(
        request(
            "initialize",
            r#"{"protocolVersion":"2025-11-25","clientInfo":{"name":"bob@x.io"}}"#
        ),
        r#"{"protocolVersion":"2025-11-25","clientInfo":{"name":"<EMAIL_ADDRESS>"}}"#
    );
    assert_eq!(
        request(
            "tools/call",
            r#"{"name":"t","requestState":"bob@x.io","inputResponses":{"bob@x.io":{"action":"accept","content":{"type":"image","data":"4111111111111111"}}}}"#
        ),
        r#"{"name":"t","requestState":"bob@x.io","inputResponses":{"bob@x.io":{"action":"accept","content":{"type":"image","data":"<CREDIT_CARD>"}}}}"#
    );
}

#[test]
fn names_of_members_tell() {
    assert_eq!(
        request(
            "tools/call",
            r#"{"name":"t","arguments":{"password":"hunter2","db":{"passwd":123456},"apiKey":"abcdef99","env":[{"name":"DB_PASS","value":"x y"}],"secret":{"value":"v"},"passwords":["a","b"],"token":"word","pass":12,"pwd":"/home"}}"#
        ),
        r#"{"name":"t","arguments":{"password":"<PASSWORD>","db":{"passwd":"<PASSWORD>"},"apiKey":"<API_KEY>","env":[{"name":"DB_PASS","value":"<PASSWORD>"}],"secret":{"value":"<PASSWORD>"},"passwords":["<PASSWORD>","<PASSWORD>"],"token":"word","pass":12,"pwd":"/home"}}"#
    );
}

#[test]
fn texts_are_read_decoded_and_json_inside_of_them_twice() {
    assert_eq!(
        request(
            "tools/call",
            r#"{"name":"t","arguments":{"a":"\u00e9 bob\u0040x.\u0069o\n\ud83d\ude00 b\u006fb@x.io!"}}"#
        ),
        r#"{"name":"t","arguments":{"a":"\u00e9 <EMAIL_ADDRESS>\n\ud83d\ude00 <EMAIL_ADDRESS>!"}}"#
    );
    let twice = |value: &str| {
        let inner = serde_json::to_string(&format!(
            r#"{{"password":{value},"n":[4111111111111111,1.0]}}"#
        ))
        .unwrap();
        let outer = serde_json::to_string(&format!(r#"{{ "x": {inner} }}"#)).unwrap();
        format!(r#"{{"name":"t","arguments":{{"a":{outer}}}}}"#)
    };
    assert_eq!(
        request("tools/call", &twice("\"hunter2\"")),
        twice("\"<PASSWORD>\"").replace("4111111111111111", r#"\\\"<CREDIT_CARD>\\\""#)
    );
}

#[test]
fn names_that_are_data_are_masked_and_stay_apart() {
    assert_eq!(
        result(
            "tools/call",
            r#"{"structuredContent":{"a@x.io":1,"b@x.io":2,"c":3}}"#
        ),
        r#"{"structuredContent":{"<EMAIL_ADDRESS>":1,"<EMAIL_ADDRESS>_4":2,"c":3}}"#
    );
}

#[test]
fn every_kind_of_content_is_looked_at() {
    assert_eq!(
        result(
            "tools/call",
            r#"{"content":[{"type":"text","text":"bob@x.io"},{"type":"image","data":"sk0123456789","mimeType":"image/png"},{"type":"resource_link","uri":"u://bob@x.io","name":"bob@x.io","title":"bob@x.io","size":4111111111111111},{"type":"resource","resource":{"uri":"u://bob@x.io","mimeType":"text/plain","text":"bob@x.io"}}],"structuredContent":["bob@x.io",{"uri":"bob@x.io"}],"isError":true,"_meta":{"x":"bob@x.io"},"more":"bob@x.io"}"#
        ),
        r#"{"content":[{"type":"text","text":"<EMAIL_ADDRESS>"},{"type":"image","data":"sk0123456789","mimeType":"image/png"},{"type":"resource_link","uri":"u://bob@x.io","name":"<EMAIL_ADDRESS>","title":"<EMAIL_ADDRESS>","size":4111111111111111},{"type":"resource","resource":{"uri":"u://bob@x.io","mimeType":"text/plain","text":"<EMAIL_ADDRESS>"}}],"structuredContent":["<EMAIL_ADDRESS>",{"uri":"<EMAIL_ADDRESS>"}],"isError":true,"_meta":{"x":"<EMAIL_ADDRESS>"},"more":"<EMAIL_ADDRESS>"}"#
    );
    assert_eq!(
        result(
            "prompts/get",
            r#"{"description":"bob@x.io","messages":[{"role":"user","content":{"type":"text","text":"bob@x.io"}}]}"#
        ),
        r#"{"description":"<EMAIL_ADDRESS>","messages":[{"role":"user","content":{"type":"text","text":"<EMAIL_ADDRESS>"}}]}"#
    );
    assert_eq!(
        result(
            "completion/complete",
            r#"{"completion":{"values":["bob@x.io"],"total":4111111111111111}}"#
        ),
        r#"{"completion":{"values":["<EMAIL_ADDRESS>"],"total":4111111111111111}}"#
    );
}

#[test]
fn binary_values_pass_unless_they_say_that_they_are_text() {
    let of = |media: &str, blob: &str| {
        format!(r#"{{"contents":[{{"uri":"u","mimeType":"{media}","blob":"{blob}"}}]}}"#)
    };
    let secret = mcp_zero_wire::base64::encode(b"{\"to\":\"bob@x.io\"}");
    let hidden = mcp_zero_wire::base64::encode(b"{\"to\":\"<EMAIL_ADDRESS>\"}");
    assert_eq!(
        result("resources/read", &of("application/json; x=y", &secret)),
        of("application/json; x=y", &hidden)
    );
    assert_eq!(
        result("resources/read", &of("image/png", &secret)),
        of("image/png", &secret)
    );
    assert_eq!(
        result("resources/read", &of("image/png", "bob@x.io")),
        of("image/png", "<EMAIL_ADDRESS>")
    );
    let broken = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{}}}"#,
        of("text/plain", "gIA=")
    );
    assert_eq!(server(&broken, None).unwrap_err(), MaskError::Encoded);
}

#[test]
fn what_one_part_gives_away_is_masked_in_the_others() {
    assert_eq!(
        result(
            "tools/call",
            r#"{"content":[{"type":"text","text":"bob logs in as hunter2, xhunter2"}],"structuredContent":{"password":"hunter2"}}"#
        ),
        r#"{"content":[{"type":"text","text":"bob logs in as <PASSWORD>, xhunter2"}],"structuredContent":{"password":"<PASSWORD>"}}"#
    );
}

#[test]
fn errors_requests_and_notifications_of_servers() {
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no bob@x.io","data":{"elicitations":[{"elicitationId":"bob@x.io","url":"https://x/?u=bob@x.io"}],"v":["bob@x.io"]}}}"#;
    assert_eq!(
        server(error, None).unwrap().0,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no <EMAIL_ADDRESS>","data":{"elicitations":[{"elicitationId":"bob@x.io","url":"https://x/?u=<EMAIL_ADDRESS>"}],"v":["<EMAIL_ADDRESS>"]}}}"#
    );
    assert_eq!(
        notified(
            "notifications/message",
            r#"{"level":"info","logger":"bob@x.io","data":{"m":"bob@x.io"}}"#
        ),
        r#"{"level":"info","logger":"<EMAIL_ADDRESS>","data":{"m":"<EMAIL_ADDRESS>"}}"#
    );
    assert_eq!(
        notified(
            "notifications/progress",
            r#"{"progressToken":"bob@x.io","progress":4111111111111111,"total":4111111111111111,"message":"bob@x.io"}"#
        ),
        r#"{"progressToken":"bob@x.io","progress":4111111111111111,"total":4111111111111111,"message":"<EMAIL_ADDRESS>"}"#
    );
    assert_eq!(
        notified(
            "notifications/resources/updated",
            r#"{"uri":"u://bob@x.io"}"#
        ),
        r#"{"uri":"u://bob@x.io"}"#
    );
    assert_eq!(
        notified(
            "sampling/createMessage",
            r#"{"messages":[{"role":"user","content":[{"type":"tool_use","id":"bob@x.io","name":"bob@x.io","input":{"a":"bob@x.io"}},{"type":"tool_result","toolUseId":"bob@x.io","content":[{"type":"text","text":"bob@x.io"}]}]}],"systemPrompt":"bob@x.io","maxTokens":4111111111111111}"#
        ),
        r#"{"messages":[{"role":"user","content":[{"type":"tool_use","id":"bob@x.io","name":"bob@x.io","input":{"a":"<EMAIL_ADDRESS>"}},{"type":"tool_result","toolUseId":"bob@x.io","content":[{"type":"text","text":"<EMAIL_ADDRESS>"}]}]}],"systemPrompt":"<EMAIL_ADDRESS>","maxTokens":4111111111111111}"#
    );
    assert_eq!(
        result(
            "tools/call",
            r#"{"resultType":"input_required","requestState":"bob@x.io","inputRequests":{"bob@x.io":{"method":"elicitation/create","params":{"message":"bob@x.io","requestedSchema":{"type":"object","properties":{"a":{"type":"string","default":"bob@x.io"}},"required":["bob@x.io"]}}}}}"#
        ),
        r#"{"resultType":"input_required","requestState":"bob@x.io","inputRequests":{"bob@x.io":{"method":"elicitation/create","params":{"message":"<EMAIL_ADDRESS>","requestedSchema":{"type":"object","properties":{"a":{"type":"string","default":"<EMAIL_ADDRESS>"}},"required":["bob@x.io"]}}}}}"#
    );
}

#[test]
fn answers_of_clients() {
    let posted = |result: &str| {
        let text = format!(r#"{{"jsonrpc":"2.0","id":"bob@x.io","result":{result}}}"#);
        let doc = scanned(&text);
        let message = Message::from_client(&doc).unwrap();
        let (mut edits, mut report) = (Edits::default(), Report::default());
        all().posted(&message, &mut edits, &mut report).unwrap();
        let out = applied(edits, &text);
        out[text.len() - result.len() - 1..out.len() - 1].to_owned()
    };
    assert_eq!(
        posted(r#"{"action":"accept","content":{"uri":"bob@x.io","password":"hunter2"}}"#),
        r#"{"action":"accept","content":{"uri":"<EMAIL_ADDRESS>","password":"<PASSWORD>"}}"#
    );
    assert_eq!(
        posted(r#"{"role":"assistant","model":"m","content":{"type":"text","text":"bob@x.io"}}"#),
        r#"{"role":"assistant","model":"m","content":{"type":"text","text":"<EMAIL_ADDRESS>"}}"#
    );
    assert_eq!(
        posted(r#"{"roots":[{"uri":"file:///bob@x.io","name":"bob@x.io"}]}"#),
        r#"{"roots":[{"uri":"file:///bob@x.io","name":"<EMAIL_ADDRESS>"}]}"#
    );
}

#[test]
fn a_text_alone_agrees_with_the_argument() {
    let mut report = Report::default();
    let text = |text: &str, key, report: &mut Report| all().text(text, key, report);
    assert_eq!(
        text("bob@x.io", None, &mut report).as_deref(),
        Some("<EMAIL_ADDRESS>")
    );
    assert_eq!(
        text("hunter2", Some("password"), &mut report).as_deref(),
        Some("<PASSWORD>")
    );
    assert_eq!(text("hunter2", Some("region"), &mut report), None);
    assert_eq!(report.total(), 2);
    assert_eq!(report.scanned, 3);
}

#[test]
fn nothing_is_looked_for_without_entities() {
    let none = Masker::new(&[], 400);
    assert!(none.is_empty());
    assert!(!all().is_empty());
    assert_eq!(none.text("bob@x.io", None, &mut Report::default()), None);
    let only = Masker::new(&[Entity::CreditCard], 400);
    assert_eq!(
        only.text("bob@x.io", Some("password"), &mut Report::default()),
        None
    );
}

#[test]
fn members_that_json_rpc_does_not_have() {
    let text = r#"{"jsonrpc":"2.0","id":1,"result":"bob@x.io","extra":{"a":"bob@x.io"}}"#;
    let doc = scanned(text);
    let (mut edits, mut report) = (Edits::default(), Report::default());
    all()
        .unknown_members(doc.root(), &mut edits, &mut report)
        .unwrap();
    assert_eq!(
        applied(edits, text),
        text.replace(r#""a":"bob@x.io""#, r#""a":"<EMAIL_ADDRESS>""#)
    );
}
