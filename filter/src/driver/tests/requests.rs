//! Headers, bodies and trailers of requests.

use super::*;
use mcp_zero_gate::{Action, HeaderEdit, Reply};

#[test]
fn a_body_is_held_until_its_end_and_passes_masked_with_its_exact_length() {
    let mut rig = Rig::new();
    assert_eq!(rig.headers(REQUEST, POST, false), Step::Pause);
    let text = call("t");
    let (first, rest) = text.split_at(20);
    assert_eq!(rig.body(REQUEST, first, false), Step::Pause);
    assert_eq!(rig.body(REQUEST, rest, true), Step::Continue);
    let wire = rig.wire(REQUEST);
    assert_eq!(
        wire.sent(),
        text.replace("amy@example.com", "<EMAIL_ADDRESS>")
    );
    let length = wire.sent.len().to_string();
    assert_eq!(wire.header("content-length"), Some(length));
    assert_eq!(wire.header("authorization"), None);
    assert!(rig.host.replies.is_empty());
    assert_eq!(rig.host.verdicts, 1, "the lock behind the filter is opened");
}

#[test]
fn a_body_that_is_not_edited_has_its_length_too() {
    let mut rig = Rig::new();
    let pairs = [POST, &[("transfer-encoding", "chunked")]].concat();
    rig.headers(REQUEST, &pairs, false);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    assert_eq!(rig.body(REQUEST, ping, true), Step::Continue);
    let wire = rig.wire(REQUEST);
    assert_eq!(wire.sent(), ping);
    assert_eq!(wire.header("content-length"), Some(ping.len().to_string()));
    assert_eq!(wire.header("transfer-encoding"), None);
}

#[test]
fn a_denied_call_never_leaves_wherever_its_end_is_seen() {
    let ends: [fn(&mut Rig<Exchange>) -> Step; 3] = [
        |rig| rig.body(REQUEST, &call("secret"), true),
        |rig| {
            rig.body(REQUEST, &call("secret"), false);
            rig.body(REQUEST, "", true)
        },
        |rig| {
            rig.body(REQUEST, &call("secret"), false);
            rig.trailers(REQUEST)
        },
    ];
    for end in ends {
        let mut rig = Rig::new();
        rig.headers(REQUEST, POST, false);
        assert_eq!(end(&mut rig), Step::Pause);
        let (status, body) = rig.reply();
        assert_eq!((status, &body["result"]["isError"]), (200, &json!(true)));
        assert_eq!(rig.body(REQUEST, "more", true), Step::Pause);
        assert!(rig.wire(REQUEST).sent.is_empty());
        assert_eq!(rig.host.verdicts, 0, "the lock stays shut");
        assert_eq!(rig.record()["rule_id"], "secret");
    }
}

#[test]
fn trailers_end_a_body_and_stay_here() {
    let mut rig = Rig::new();
    rig.headers(REQUEST, POST, false);
    assert_eq!(rig.body(REQUEST, &call("t"), false), Step::Pause);
    assert_eq!(rig.trailers(REQUEST), Step::Continue);
    assert!(rig.wire(REQUEST).sent().contains("<EMAIL_ADDRESS>"));
    assert_eq!(rig.wire(REQUEST).trailers, 0);
}

#[test]
fn trailers_without_a_body_tell_an_empty_one() {
    let mut rig = Rig::scripted(vec![(Flow::Hold, vec![]), (Flow::Go, vec![])]);
    rig.headers(REQUEST, POST, false);
    assert_eq!(rig.trailers(REQUEST), Step::Continue);
    assert_eq!(
        scripted::told(),
        [format!("open {ID} 10.0.0.1"), "request ".to_owned()]
    );
    assert_eq!(rig.wire(REQUEST).header("content-length"), None);
}

#[test]
fn a_request_without_a_body_is_decided_by_its_headers() {
    let get = &[
        (":method", "GET"),
        (":authority", "localhost"),
        (":path", "/mcp/s?x=1"),
    ];
    let mut rig = Rig::new();
    assert_eq!(rig.headers(REQUEST, get, true), Step::Continue);
    assert_eq!(rig.wire(REQUEST).header(":path").as_deref(), Some("/mcp/s"));
    let mut rig = Rig::new();
    assert_eq!(rig.headers(REQUEST, POST, true), Step::Pause);
    assert_eq!(rig.reply().0, 400);
}

#[test]
fn without_a_snapshot_everything_is_refused() {
    let mut rig = Rig::<Exchange>::with(World::default());
    assert_eq!(rig.headers(REQUEST, POST, false), Step::Pause);
    let (status, body) = rig.reply();
    assert_eq!((status, &body["error"]["code"]), (503, &json!(-31503)));
    assert_eq!(rig.body(REQUEST, &call("t"), true), Step::Pause);
    assert_eq!(rig.trailers(REQUEST), Step::Pause);
    assert_eq!(rig.record()["end"], "complete");
}

#[test]
fn a_header_that_is_not_text_is_a_header() {
    let mut rig = Rig::new();
    rig.host.wire_mut(REQUEST).open = true;
    let pairs = POST.iter().filter(|(n, _)| *n != "x-request-id");
    let mut pairs: Vec<_> = pairs
        .map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()))
        .collect();
    pairs.push((b"x-request-id".to_vec(), b"\xff".to_vec()));
    pairs.push((b"x-\xff".to_vec(), b"\xfe".to_vec()));
    rig.host.wire_mut(REQUEST).headers = pairs;
    let step = rig
        .driver
        .on_request_headers(false, &mut rig.host, &mut rig.world);
    assert_eq!(step, Step::Pause);
    assert_eq!(rig.body(REQUEST, &call("t"), true), Step::Continue);
    assert_eq!(rig.record()["correlation_id"], "none");
}

#[test]
fn a_body_over_the_limit_of_the_driver_overflows() {
    let refusal = Reply {
        status: 413,
        headers: vec![],
        body: vec![],
    };
    let mut rig = Rig::scripted(vec![
        (Flow::Hold, vec![]),
        (Flow::Done, vec![Action::Reply(refusal)]),
    ]);
    rig.headers(REQUEST, POST, false);
    rig.body(REQUEST, &" ".repeat(BODY_LIMIT), false);
    assert_eq!(rig.body(REQUEST, " ", false), Step::Pause);
    assert_eq!(scripted::told()[1], "overflow Request");
    assert_eq!(rig.body(REQUEST, "", true), Step::Pause);
    assert_eq!(rig.reply().0, 413);
}

#[test]
fn a_body_that_the_engine_does_not_take_is_its_to_refuse() {
    let mut rig = Rig::new();
    rig.headers(REQUEST, POST, false);
    assert_eq!(rig.body(REQUEST, &" ".repeat(2001), true), Step::Pause);
    assert_eq!(rig.reply().0, 413);
}

#[test]
fn headers_that_have_gone_on_are_not_touched() {
    let edit = HeaderEdit::Set("x".to_owned(), b"y".to_vec());
    let reply = Reply {
        status: 503,
        headers: vec![],
        body: vec![],
    };
    let mut rig = Rig::scripted(vec![
        (Flow::Go, vec![]),
        (Flow::Go, vec![Action::Header(REQUEST, edit)]),
        (Flow::Done, vec![Action::Reply(reply)]),
    ]);
    assert_eq!(rig.headers(REQUEST, POST, true), Step::Continue);
    // The fake host panics where Envoy would kill the VM.
    assert_eq!(rig.headers(RESPONSE, JSON, true), Step::Pause);
    assert_eq!(scripted::told()[2], "failed");
    assert_eq!(rig.reply().0, 503);
}

#[test]
fn a_body_over_the_limit_is_refused_before_its_end() {
    let mut rig = Rig::new();
    rig.headers(REQUEST, POST, false);
    assert_eq!(
        rig.body(REQUEST, &"x".repeat(LIMIT as usize), false),
        Step::Pause
    );
    assert!(rig.host.replies.is_empty());
    assert_eq!(rig.body(REQUEST, "x", false), Step::Pause);
    assert_eq!(rig.reply().0, 413);
    assert_eq!(rig.record()["cause"], "too_large");
}
