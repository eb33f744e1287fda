//! Answers: collected, streamed, Envoy's and our own.

use super::*;
use mcp_zero_gate::{Action, Reply};

#[test]
fn an_answer_is_collected_and_passes_masked_with_its_exact_length() {
    let mut rig = Rig::sent();
    let pairs = [JSON, &[("transfer-encoding", "chunked"), ("x-secret", "1")]].concat();
    assert_eq!(rig.headers(RESPONSE, &pairs, false), Step::Pause);
    let text = result("write to amy@example.com");
    let (first, rest) = text.split_at(30);
    assert_eq!(rig.body(RESPONSE, first, false), Step::Pause);
    assert_eq!(rig.body(RESPONSE, rest, true), Step::Continue);
    let wire = rig.wire(RESPONSE);
    assert_eq!(
        wire.sent(),
        text.replace("amy@example.com", "<EMAIL_ADDRESS>")
    );
    assert_eq!(
        wire.header("content-length"),
        Some(wire.sent.len().to_string())
    );
    assert_eq!(wire.header("transfer-encoding"), None);
    assert_eq!(wire.header("x-secret"), None);
    let record = rig.record();
    assert_eq!(record["end"], "complete");
    assert_eq!(record["sequence"], 7);
    assert_eq!(record["client"], "10.0.0.1");
    assert_eq!(record["correlation_id"], ID);
}

#[test]
fn trailers_end_an_answer_and_stay_here() {
    let mut rig = Rig::sent();
    rig.headers(RESPONSE, JSON, false);
    assert_eq!(
        rig.body(RESPONSE, &result("amy@example.com"), false),
        Step::Pause
    );
    assert_eq!(rig.trailers(RESPONSE), Step::Continue);
    assert!(rig.wire(RESPONSE).sent().contains("<EMAIL_ADDRESS>"));
    assert_eq!(rig.wire(RESPONSE).trailers, 0);
    assert_eq!(rig.record()["end"], "complete");
}

#[test]
fn an_answer_over_its_limit_is_blocked_before_it_is_whole() {
    let mut rig = Rig::sent();
    rig.headers(RESPONSE, JSON, false);
    assert_eq!(rig.body(RESPONSE, &" ".repeat(401), false), Step::Pause);
    let (status, body) = rig.reply();
    assert_eq!((status, &body["error"]["code"]), (200, &json!(-31502)));
    assert_eq!(rig.body(RESPONSE, "rest", true), Step::Pause);
    assert!(rig.wire(RESPONSE).sent.is_empty());
    assert_eq!(rig.record()["cause"], "blocked");
}

#[test]
fn pieces_of_a_stream_are_replaced_in_the_same_callback() {
    let mut rig = Rig::sent();
    let pairs = [EVENTS, &[("content-length", "9")]].concat();
    assert_eq!(rig.headers(RESPONSE, &pairs, false), Step::Continue);
    assert_eq!(rig.wire(RESPONSE).header("content-length"), None);
    let event = format!("data: {}\n\n", result("amy@example.com"));
    let (first, rest) = event.split_at(40);
    assert_eq!(rig.body(RESPONSE, first, false), Step::Continue);
    assert!(rig.wire(RESPONSE).sent.is_empty(), "half an event stays");
    assert_eq!(rig.body(RESPONSE, rest, false), Step::Continue);
    assert_eq!(
        rig.wire(RESPONSE).sent(),
        event.replace("amy@example.com", "<EMAIL_ADDRESS>")
    );
    assert_eq!(rig.body(RESPONSE, "data: tail", true), Step::Continue);
    assert!(!rig.wire(RESPONSE).sent().contains("tail"));
    assert_eq!(rig.record()["end"], "complete");
}

#[test]
fn trailers_end_a_stream() {
    let mut rig = Rig::sent();
    rig.headers(RESPONSE, EVENTS, false);
    rig.body(RESPONSE, ": hi\n\n", false);
    assert_eq!(rig.trailers(RESPONSE), Step::Continue);
    assert_eq!(rig.wire(RESPONSE).trailers, 0);
    assert_eq!(rig.wire(RESPONSE).sent(), ": hi\n\n");
    assert_eq!(rig.record()["end"], "complete");
}

#[test]
fn a_stream_that_breaks_off_is_recorded_as_aborted() {
    let mut rig = Rig::sent();
    rig.headers(RESPONSE, EVENTS, false);
    rig.body(RESPONSE, ": hi\n\n", false);
    assert_eq!(rig.record()["end"], "aborted");
    assert_eq!(rig.record(), Value::Null, "one record an exchange");
}

#[test]
fn what_is_emitted_before_a_cut_leaves_and_nothing_after_it() {
    let mut rig = Rig::sent();
    rig.headers(RESPONSE, EVENTS, false);
    let endless = format!("data: {}", "x".repeat(500));
    assert_eq!(rig.body(RESPONSE, &endless, false), Step::Continue);
    assert!(rig.wire(RESPONSE).sent().contains("-31502"));
    assert_eq!(rig.host.cuts, 1);
    let sent = rig.wire(RESPONSE).sent();
    assert_eq!(rig.body(RESPONSE, "more", false), Step::Pause);
    assert_eq!(rig.body(RESPONSE, "more", true), Step::Pause);
    assert_eq!(rig.trailers(RESPONSE), Step::Pause);
    assert!(rig.wire(RESPONSE).buffer.is_empty());
    assert_eq!(rig.wire(RESPONSE).sent(), sent);
    assert!(rig.host.replies.is_empty());
    let record = rig.record();
    assert_eq!(
        (&record["end"], &record["cause"]),
        (&json!("aborted"), &json!("blocked"))
    );
}

#[test]
fn a_cut_with_nothing_to_say_is_at_once() {
    let mut rig = Rig::scripted(vec![
        (Flow::Go, vec![]),
        (Flow::Go, vec![Action::Stream]),
        (Flow::Done, vec![Action::Reset]),
    ]);
    rig.headers(REQUEST, POST, true);
    assert_eq!(rig.headers(RESPONSE, EVENTS, false), Step::Continue);
    assert_eq!(rig.body(RESPONSE, "data: x\n\n", false), Step::Pause);
    assert_eq!((rig.host.cuts, rig.reply().0), (0, 503));
    assert!(rig.wire(RESPONSE).buffer.is_empty());
    assert_eq!(rig.record()["end"], "Aborted");
}

#[test]
fn a_reply_of_ours_comes_by_without_inspection() {
    let mut rig = Rig::new();
    rig.headers(REQUEST, POST, false);
    rig.body(REQUEST, &call("secret"), true);
    rig.host.details = "";
    assert_eq!(rig.headers(RESPONSE, JSON, false), Step::Continue);
    assert_eq!(rig.body(RESPONSE, "{}", true), Step::Continue);
    assert_eq!(rig.wire(RESPONSE).sent(), "{}");
    let record = rig.record();
    assert_eq!(record["upstream_status"], Value::Null);
    assert_eq!(record["end"], "complete");
}

#[test]
fn what_comes_by_in_place_of_our_reply_does_not_pass() {
    let mut rig = Rig::new();
    rig.headers(REQUEST, POST, false);
    rig.body(REQUEST, &call("secret"), true);
    rig.host.details = "via_upstream";
    assert_eq!(rig.headers(RESPONSE, JSON, false), Step::Pause);
    assert_eq!(rig.body(RESPONSE, "{}", true), Step::Pause);
    assert!(rig.wire(RESPONSE).sent.is_empty());
    assert_eq!(rig.record()["end"], "aborted");
}

#[test]
fn envoys_own_answers_pass_as_they_are() {
    let mut rig = Rig::sent();
    rig.host.details = "upstream_response_timeout";
    let pairs = [(":status", "504"), ("content-type", "text/plain")];
    assert_eq!(rig.headers(RESPONSE, &pairs, false), Step::Continue);
    assert_eq!(rig.body(RESPONSE, "late", true), Step::Continue);
    assert_eq!(rig.wire(RESPONSE).sent(), "late");
    let record = rig.record();
    assert_eq!(record["cause"], "server_unreachable");
    assert_eq!(record["end"], "complete");
}

#[test]
fn an_answer_that_says_not_whose_it_is_is_a_servers() {
    let mut rig = Rig::sent();
    rig.host.details = "";
    let pairs = [(":status", "200"), ("content-type", "text/html")];
    assert_eq!(rig.headers(RESPONSE, &pairs, false), Step::Pause);
    assert_eq!(rig.reply().0, 200);
}

#[test]
fn envoys_answer_to_a_request_that_is_held_ends_the_request() {
    let mut rig = Rig::new();
    rig.headers(REQUEST, POST, false);
    rig.host.details = "request_payload_too_large";
    let pairs = [(":status", "413"), ("content-type", "application/json")];
    assert_eq!(rig.headers(RESPONSE, &pairs, true), Step::Continue);
    assert_eq!(rig.body(REQUEST, &call("t"), true), Step::Pause);
    assert!(rig.wire(REQUEST).sent.is_empty());
    assert_eq!(rig.record()["end"], "complete");
}

#[test]
fn a_plan_that_does_not_fit_the_flow_ends_the_exchange() {
    let reply = || {
        Action::Reply(Reply {
            status: 503,
            headers: vec![],
            body: vec![],
        })
    };
    for (flow, actions) in [
        (Flow::Hold, vec![]),
        (
            Flow::Go,
            vec![Action::Collect {
                direction: RESPONSE,
                limit: 9,
            }],
        ),
        (Flow::Hold, vec![Action::Stream]),
        (Flow::Go, vec![Action::Stream, Action::Stream]),
        (Flow::Go, vec![Action::Emit(vec![1])]),
        (Flow::Go, vec![Action::Body(RESPONSE, vec![1])]),
        (Flow::Done, vec![]),
    ] {
        let shown = format!("{flow:?} {actions:?}");
        let mut rig = Rig::scripted(vec![
            (Flow::Go, vec![]),
            (flow, actions),
            (Flow::Done, vec![reply()]),
        ]);
        rig.headers(REQUEST, POST, true);
        assert_eq!(rig.headers(RESPONSE, JSON, false), Step::Pause, "{shown}");
        assert_eq!(scripted::told()[2], "failed", "{shown}");
        assert_eq!(rig.reply().0, 503);
        assert_eq!(rig.body(RESPONSE, "x", true), Step::Pause, "{shown}");
        assert!(rig.wire(RESPONSE).sent.is_empty());
    }
}
