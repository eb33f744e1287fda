//! Host calls that fail: whichever it is, nothing passes and the client gets one answer.

use super::*;

/// A whole exchange; true where a byte of the caller or the server has passed.
fn run(rig: &mut Rig<Exchange>, answer: &[(&str, &str)], text: &str) {
    if rig.headers(REQUEST, POST, false) == Step::Continue {
        panic!("a POST goes on by its headers");
    }
    rig.body(REQUEST, &call("t"), false);
    if rig.trailers(REQUEST) != Step::Continue {
        // Our reply comes by, or nothing does.
        return;
    }
    rig.headers(RESPONSE, answer, false);
    rig.body(RESPONSE, text, false);
    rig.trailers(RESPONSE);
}

const CALLS: &[&str] = &[
    "now",
    "headers",
    "set_header",
    "remove_header",
    "clear_trailers",
    "body",
    "replace_body",
    "property",
];

#[test]
fn every_call_that_fails_at_any_time_ends_the_exchange() {
    let json = result("amy@example.com");
    let events = format!("data: {json}\n\n");
    for (pairs, text) in [(JSON, &json), (EVENTS, &events)] {
        for call in CALLS {
            for works in 0..20 {
                let mut rig = Rig::new();
                rig.host.fails = call;
                rig.host.works = works;
                run(&mut rig, pairs, text);
                if rig.host.works > 0 {
                    // It was not called as often.
                    break;
                }
                let shown = format!("{call} fails after {works}: {:?}", rig.host.log);
                let sent = rig.wire(REQUEST).sent();
                assert!(
                    sent.is_empty() || sent.contains("<EMAIL_ADDRESS>"),
                    "{shown}"
                );
                let sent = rig.wire(RESPONSE).sent();
                assert!(
                    sent.is_empty() || sent.contains("<EMAIL_ADDRESS>"),
                    "{shown}"
                );
                if !rig.host.log.is_empty() {
                    assert_eq!(rig.host.replies.len(), 1, "{shown}");
                    assert_eq!(rig.host.replies[0].status, 503, "{shown}");
                }
            }
        }
    }
}

#[test]
fn a_body_that_is_not_whole_ends_the_exchange() {
    let mut rig = Rig::new();
    rig.headers(REQUEST, POST, false);
    rig.host.short = 1;
    assert_eq!(rig.body(REQUEST, &call("t"), true), Step::Pause);
    assert_eq!(rig.reply().0, 503);
    assert_eq!(rig.record()["cause"], "unavailable");
}

#[test]
fn where_not_even_a_reply_can_be_given_nothing_passes() {
    let mut rig = Rig::new();
    rig.host.fails = "reply";
    rig.headers(REQUEST, POST, false);
    assert_eq!(rig.body(REQUEST, &call("secret"), true), Step::Pause);
    assert_eq!(rig.trailers(REQUEST), Step::Pause);
    assert_eq!(rig.headers(RESPONSE, JSON, false), Step::Pause);
    assert_eq!(rig.body(RESPONSE, "x", false), Step::Pause);
    assert_eq!(rig.trailers(RESPONSE), Step::Pause);
    assert!(rig.wire(REQUEST).sent.is_empty() && rig.wire(RESPONSE).sent.is_empty());
    assert_eq!(rig.record()["end"], "aborted");
}

#[test]
fn a_cut_that_cannot_wait_is_at_once() {
    let mut rig = Rig::sent();
    rig.headers(RESPONSE, EVENTS, false);
    rig.host.fails = "cut";
    let endless = format!("data: {}", "x".repeat(500));
    assert_eq!(rig.body(RESPONSE, &endless, false), Step::Pause);
    assert_eq!(rig.reply().0, 503);
    assert!(rig.wire(RESPONSE).sent.is_empty());
}

#[test]
fn where_no_exchange_can_be_made_the_refusal_answers() {
    let mut rig = Rig::new();
    rig.host.fails = "headers";
    assert_eq!(rig.headers(REQUEST, POST, false), Step::Pause);
    assert_eq!(rig.reply().1["error"]["code"], -31503);
    rig.host.details = "";
    assert_eq!(rig.headers(RESPONSE, JSON, false), Step::Continue);
    assert_eq!(rig.body(REQUEST, "x", true), Step::Pause);
    assert_eq!(rig.record(), Value::Null);
}

#[test]
fn callbacks_out_of_order_pass_nothing() {
    let mut rig = Rig::new();
    assert_eq!(rig.body(REQUEST, "x", true), Step::Pause);
    assert_eq!(rig.reply().0, 503);
    let mut rig = Rig::new();
    assert_eq!(rig.trailers(REQUEST), Step::Pause);
    assert_eq!(rig.reply().0, 503);
    let mut rig = Rig::new();
    assert_eq!(rig.body(RESPONSE, "x", true), Step::Pause);
    assert_eq!(rig.reply().0, 503);
    // A server cannot answer what it was not asked.
    let mut rig = Rig::new();
    rig.headers(REQUEST, POST, false);
    assert_eq!(rig.headers(RESPONSE, JSON, false), Step::Pause);
    assert_eq!(rig.reply().0, 503);
    assert_eq!(rig.body(REQUEST, &call("t"), true), Step::Pause);
}

#[test]
fn a_record_that_cannot_be_left_is_logged() {
    let mut rig = Rig::sent();
    rig.host.fails = "set_state";
    assert_eq!(rig.record(), Value::Null);
    assert_eq!(
        rig.host.log,
        ["host call `set_state` failed with status 10"]
    );
}
