//! Call-outs, and requests that wait for them.

use super::*;
use crate::host::CallAnswer;
use mcp_zero_gate::{Action, Call, HeaderEdit, Reply};

fn ask() -> Action {
    Action::Call(
        CallId(5),
        Call {
            cluster: "c".to_owned(),
            headers: vec![],
            body: vec![],
            timeout_ms: 10,
        },
    )
}

fn waiting(then: Vec<(Flow, Vec<Action>)>) -> Rig<Scripted> {
    let mut steps = vec![(Flow::Hold, vec![]), (Flow::Hold, vec![ask()])];
    steps.extend(then);
    let mut rig = Rig::scripted(steps);
    rig.headers(REQUEST, POST, false);
    assert_eq!(rig.body(REQUEST, "body", true), Step::Pause);
    rig.host.answer = Some(CallAnswer {
        status: 200,
        body: vec![],
    });
    rig
}

#[test]
fn a_hold_is_kept_in_every_later_callback_until_the_answer() {
    let set = HeaderEdit::Set("x-token".to_owned(), b"t".to_vec());
    let edits = vec![
        Action::Header(REQUEST, set),
        Action::Body(REQUEST, b"longer body".to_vec()),
    ];
    let mut rig = waiting(vec![(Flow::Go, edits)]);
    assert_eq!(rig.body(REQUEST, "", true), Step::Pause);
    assert_eq!(rig.trailers(REQUEST), Step::Pause);
    assert!(rig.wire(REQUEST).sent.is_empty());
    rig.answer(101, true);
    assert_eq!(rig.host.resumed, [REQUEST]);
    let wire = rig.wire(REQUEST);
    assert_eq!(wire.sent(), "longer body");
    assert_eq!(wire.header("content-length").as_deref(), Some("11"));
    assert_eq!(wire.header("x-token").as_deref(), Some("t"));
    assert_eq!(scripted::told()[2..], ["answer 5 200"]);
}

#[test]
fn an_answer_without_headers_is_a_failure_and_is_not_read() {
    let mut rig = waiting(vec![(Flow::Hold, vec![])]);
    rig.host.answer = None;
    rig.answer(101, false);
    assert_eq!(scripted::told()[2..], ["answer 5 Unreachable"]);
    assert!(rig.host.resumed.is_empty());
}

#[test]
fn an_answer_that_cannot_be_read_is_a_failure() {
    let mut rig = waiting(vec![(Flow::Hold, vec![])]);
    rig.host.fails = "answer";
    rig.answer(101, true);
    assert_eq!(scripted::told()[2..], ["answer 5 Refused"]);
}

#[test]
fn a_call_that_cannot_begin_has_ended() {
    let refusal = Reply {
        status: 503,
        headers: vec![],
        body: vec![],
    };
    let mut rig = Rig::scripted(vec![
        (Flow::Hold, vec![]),
        (Flow::Hold, vec![ask()]),
        (Flow::Done, vec![Action::Reply(refusal)]),
    ]);
    rig.host.fails = "call";
    rig.headers(REQUEST, POST, false);
    assert_eq!(rig.body(REQUEST, "body", true), Step::Pause);
    assert_eq!(scripted::told()[2..], ["answer 5 Unreachable"]);
    assert_eq!(rig.reply().0, 503);

    let mut rig = Rig::scripted(vec![
        (Flow::Hold, vec![]),
        (Flow::Hold, vec![ask()]),
        (Flow::Go, vec![]),
    ]);
    rig.host.fails = "call";
    rig.headers(REQUEST, POST, false);
    assert_eq!(rig.body(REQUEST, "body", true), Step::Continue);
    assert_eq!(rig.wire(REQUEST).sent(), "body");
}

#[test]
fn an_answer_does_not_release_a_body_that_was_not_told() {
    let mut rig = Rig::scripted(vec![(Flow::Hold, vec![ask()]), (Flow::Go, vec![])]);
    rig.headers(REQUEST, POST, false);
    rig.host.answer = Some(CallAnswer {
        status: 200,
        body: vec![],
    });
    rig.answer(101, true);
    assert!(rig.host.resumed.is_empty());
    assert_eq!(rig.body(REQUEST, "body", false), Step::Pause);
}

#[test]
fn answers_after_the_end_are_dropped() {
    let refusal = Reply {
        status: 503,
        headers: vec![],
        body: vec![],
    };
    let mut rig = Rig::scripted(vec![(
        Flow::Done,
        vec![ask(), ask(), Action::Reply(refusal)],
    )]);
    rig.headers(REQUEST, POST, false);
    scripted::told();
    rig.answer(101, true);
    rig.answer(999, true);
    assert!(scripted::told().is_empty());
    assert_eq!(rig.record()["end"], "Complete");
    rig.answer(102, true);
    assert!(scripted::told().is_empty());
}

#[test]
fn a_denied_request_of_the_server_is_answered_while_its_stream_goes_on() {
    let mut rig = Rig::sent();
    let pairs = [EVENTS, &[("mcp-session-id", "abc")]].concat();
    rig.headers(RESPONSE, &pairs, false);
    let ask = json!({"jsonrpc": "2.0", "id": "q", "method": "sampling/createMessage",
                     "params": {"messages": [], "maxTokens": 1}});
    let event = format!("data: {ask}\n\n");
    assert_eq!(rig.body(RESPONSE, &event, false), Step::Continue);
    assert!(!rig.wire(RESPONSE).sent().contains("sampling"));
    assert_eq!(rig.host.calls[0].cluster, "s-1");
    rig.answer(101, false);
    assert!(rig.host.resumed.is_empty());
    assert_eq!(rig.body(RESPONSE, ": hi\n\n", true), Step::Continue);
    assert!(rig.wire(RESPONSE).sent().ends_with(": hi\n\n"));

    // Where the call cannot begin the stream goes on as well.
    rig = Rig::sent();
    rig.headers(RESPONSE, &pairs, false);
    rig.host.fails = "call";
    assert_eq!(rig.body(RESPONSE, &event, false), Step::Continue);
    assert_eq!(rig.body(RESPONSE, ": hi\n\n", true), Step::Continue);
    assert!(rig.host.replies.is_empty());
}
