use super::*;
use crate::json::Limits;

fn fault(text: &str) -> Option<Fault> {
    let doc = Doc::scan(text.as_bytes(), &Limits::default()).unwrap();
    Message::from_client(&doc).err().map(|e| e.fault)
}

#[test]
fn messages_are_told_apart() {
    let shape = |text: &str| {
        let doc = Doc::scan(text.as_bytes(), &Limits::default()).unwrap();
        match Message::from_client(&doc).unwrap() {
            Message::Request { id, method, .. } => format!("request {} {method}", id.raw()),
            Message::Notification { method, .. } => format!("notification {method}"),
            Message::Result { id, .. } => format!("result {}", id.raw()),
            Message::Error { id, .. } => format!("error {:?}", id.map(Id::raw)),
        }
    };
    assert_eq!(
        shape(r#"{"jsonrpc":"2.0","id":"a\u0062","method":"tools\/list"}"#),
        r#"request "a\u0062" tools/list"#
    );
    assert_eq!(
        shape(r#"{"jsonrpc":"2.0","method":"x","params":{}}"#),
        "notification x"
    );
    assert_eq!(
        shape(r#"{"jsonrpc":"2.0","id":1,"result":null}"#),
        "result 1"
    );
    assert_eq!(
        shape(r#"{"jsonrpc":"2.0","id":null,"error":{}}"#),
        "error None"
    );
}

#[test]
fn faults_are_named() {
    for (text, wanted) in [
        (r#"[{"jsonrpc":"2.0","id":1,"method":"x"}]"#, Fault::Batch),
        ("[]", Fault::Batch),
        ("1", Fault::NotAnObject),
        (r#"{"id":1,"method":"x"}"#, Fault::Version),
        (r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#, Fault::Version),
        (r#"{"jsonrpc":"2.0","id":-0,"method":"x"}"#, Fault::Id),
        (r#"{"jsonrpc":2.0,"id":1,"method":"x"}"#, Fault::Version),
        (r#"{"jsonrpc":"2.0","id":7.5,"method":"x"}"#, Fault::Id),
        (r#"{"jsonrpc":"2.0","id":1e3,"method":"x"}"#, Fault::Id),
        (
            r#"{"jsonrpc":"2.0","id":9007199254740992,"method":"x"}"#,
            Fault::Id,
        ),
        (r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#, Fault::Id),
        (r#"{"jsonrpc":"2.0","id":{},"method":"x"}"#, Fault::Id),
        (r#"{"jsonrpc":"2.0","id":1,"method":1}"#, Fault::Method),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[]}"#,
            Fault::Params,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","params":null}"#,
            Fault::Params,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","result":1}"#,
            Fault::Shape,
        ),
        (r#"{"jsonrpc":"2.0","id":1}"#, Fault::Shape),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{}}"#,
            Fault::Shape,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","extra":1}"#,
            Fault::Member,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"Method":"x"}"#, Fault::Member),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","param\u017f":{}}"#,
            Fault::Member,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"Name":1}}"#,
            Fault::Member,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"__proto__":{}}}"#,
            Fault::Member,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"error":1}"#, Fault::ErrorObject),
    ] {
        assert_eq!(fault(text), Some(wanted), "{text}");
    }
}

#[test]
fn the_id_of_a_faulty_message_is_kept() {
    let doc = Doc::scan(
        br#"{"jsonrpc":"2.0","id":"q","method":"x","params":[]}"#,
        &Limits::default(),
    )
    .unwrap();
    let error = Message::from_client(&doc).unwrap_err();
    assert_eq!(error.id.unwrap().raw(), r#""q""#);
}

#[test]
fn a_server_may_send_members_we_do_not_know() {
    let doc = Doc::scan(
        br#"{"jsonrpc":"2.0","id":1,"result":{},"extra":1}"#,
        &Limits::default(),
    )
    .unwrap();
    assert!(Message::from_server(&doc).is_ok());
    let doc = Doc::scan(
        br#"{"jsonrpc":"2.0","id":1,"result":{},"Result":1}"#,
        &Limits::default(),
    )
    .unwrap();
    assert!(Message::from_server(&doc).is_err());
}

#[test]
fn ids_are_equal_when_they_decode_alike() {
    let id = |raw: &'static str| Id(raw);
    assert!(id(r#""a""#).to_owned().is(id(r#""\u0061""#)));
    assert!(!id("1").to_owned().is(id(r#""1""#)));
    assert!(id("1").to_owned().is(id("1")));
}

/// The ambiguous bodies with the verdict a strict gateway gives.
#[test]
fn ambiguous_bodies_are_judged_as_listed() {
    let cases: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/data/jsonrpc_ambiguity.json")).unwrap();
    let mut judged = 0;
    for case in cases.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let Some(body) = case["body_b64"].as_str() else {
            continue;
        };
        let body = decode(body);
        let accepted = Doc::scan(&body, &Limits::default())
            .is_ok_and(|doc| Message::from_client(&doc).is_ok_and(|m| judged_by_name(&m)));
        assert_eq!(accepted, case["verdict"] == "accept", "{name}");
        judged += 1;
    }
    assert_eq!(judged, 39, "every case of the file");
}

/// A call whose object is readable: the last step of the strict reading.
fn judged_by_name(message: &Message<'_>) -> bool {
    let Message::Request { method, params, .. } = message else {
        return false;
    };
    crate::method::lookup(method, crate::method::Sender::Client)
        .is_some_and(|spec| crate::target::targets(spec, *params).is_ok())
}

fn decode(base64: &str) -> Vec<u8> {
    let symbol = |b| {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
            .iter()
            .position(|s| *s == b)
    };
    let bits: Vec<usize> = base64.bytes().filter_map(symbol).collect();
    bits.chunks(4)
        .flat_map(|c| {
            let word = (0..4).fold(0, |w, i| (w << 6) | c.get(i).copied().unwrap_or(0));
            [(word >> 16) as u8, (word >> 8) as u8, word as u8]
                .into_iter()
                .take(c.len() - 1)
                .collect::<Vec<_>>()
        })
        .collect()
}
