//! What Envoy must do around our filter, clause by clause, through the real one.
//!
//! Each clause of the platform's rules and the test that holds it (a file without a folder is in
//! `tests/tests`):
//!
//! | rule | clause | test |
//! |---|---|---|
//! | 2 | judged at the end of stream in headers | `gateway::refused_before_the_server_hears_of_it` ("no body"), `edges::bodies::heads_that_end_the_request` |
//! | 2 | … in the body, however it is cut | `gateway::odd_requests_that_are_good`, `http2::a_body_that_ends_in_trailers_is_judged_like_any_other` |
//! | 2 | … in trailers | `http2::a_body_that_ends_in_trailers_is_judged_like_any_other` |
//! | 2 | headers are held: before the verdict the server hears nothing | `edges::bodies::heads_that_end_the_request` |
//! | 2 | exact length after an edit, shorter and longer, in both directions | `edges::bodies::lengths_are_exact_on_connections_that_live_on` |
//! | 2 | response headers held until the first inspected byte | `edges::bodies::an_answer_shows_nothing_before_it_was_inspected` |
//! | 3 | headers as bytes, whatever they hold | `edges::bodies::bytes_that_are_no_text_kill_nothing`, `no_snapshot::a_header_that_is_not_utf8_does_not_kill_the_filter` |
//! | 3 | headers that have gone on are not touched | `edges::bodies::bytes_that_are_no_text_kill_nothing` (no VM is lost), the streams of `gateway::streams_are_masked_however_they_are_cut` |
//! | 5 | a panic fails its request, 503 in the back-off, back by itself, nothing passes | `trap::a_panic_fails_its_request_and_nothing_passes_unjudged` |
//! | 5 | what is paused when its VM dies does not hang for ever | `trap::…` (slow calls), `edges::settings::what_the_product_promises_is_in_force` |
//! | 10 | idle upstream connections close after 3 s, before the server closes them | `edges::upstream::idle_connections_are_closed_before_the_server_does` |
//! | 10 | `timeout: 0s`: streams outlive the limit of one answer | `edges::upstream::a_stream_outlives_the_time_limit_of_silence` |
//! | 10 | idle time-outs of our own | `gateway::servers_that_are_away_or_refuse` (silent), `edges::limits::a_body_that_does_not_come_is_not_waited_for` |
//! | 11 | normalize_path, merge_slashes, escaped slashes | `edges::heads::one_spelling_of_a_path` |
//! | 11 | underscores, number of headers | `edges::heads::header_names_and_numbers` |
//! | 11 | request_headers_timeout | `edges::limits::a_head_that_does_not_come_is_not_waited_for` |
//! | 11 | stream_idle_timeout | `edges::settings::…` (its 60 s), `edges::limits::a_body_that_does_not_come_is_not_waited_for` (the route's own) |
//! | 11 | no upgrades, CONNECT, TRACE | `edges::heads::methods_and_upgrades` |
//! | 11 | global limit of downstream connections | `edges::limits::connections_over_the_limit_are_closed` |
//! | 11 | heap overload monitor | `edges::limits::a_full_heap_refuses_requests` |
//! | 11 | worker watchdog kills | `trap::an_endless_loop_ends_with_the_process_and_its_dump_names_no_token` |
//! | 11 | admin on a Unix socket only | `edges::settings::admin_is_a_socket_of_the_owner` |
//! | 11 | no secret in `/config_dump` | `edges::settings::admin_is_a_socket_of_the_owner` |
//! | 11 | the crash dump names no credential | `trap::an_endless_loop_…` |
//! | – | every setting above as Envoy has it | `edges::settings::what_the_product_promises_is_in_force` |
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod bodies;
mod heads;
mod limits;
mod settings;
mod upstream;

use mcp_zero_tests::Response;
use serde_json::json;

/// A call of a tool with one argument.
fn call(id: u32, tool: &str, note: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
           "params": {"name": tool, "arguments": {"note": note}}})
    .to_string()
}

/// A result with one text.
fn result(id: u32, text: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": text}]}})
        .to_string()
}

/// Status and JSON-RPC code of one of our replies.
fn verdict(answer: &Response) -> (u16, i64) {
    let code = answer.json()["error"]["code"].as_i64();
    (answer.status, code.unwrap_or_default())
}
