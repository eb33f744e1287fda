//! A filter that panics or loops, by the switch of the module in `tests/trap` (envoy.md §2 rule 5
//! and §8): what was to be judged then fails, nothing passes in between, and it ends by itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{
    Answer, Connection, Gateway, Options, Received, Response, Scripted, attempt, ok, part, policy,
    request, response, wait,
};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const SWITCH: &str = "x-mcp-zero-trap";

/// What the server says and no client may read.
const UNMASKED: &str = "ann@example.com";

fn call(tool: &str, note: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": tool, "arguments": {"note": note, "to": "bob@example.com"}}})
    .to_string()
}

/// Answers a call at once or, where its note says so, with a long pause in the middle; a GET with
/// a stream that goes on for half a minute.
fn server() -> Scripted {
    Scripted::start(|request: &Received| -> Answer {
        let message = json!({"jsonrpc": "2.0", "id": 1, "result": {
            "content": [{"type": "text", "text": format!("mail {UNMASKED}")}]}})
        .to_string();
        if request.head.starts_with("GET") {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            let event = format!(
                "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{{\"level\":\"info\",\"data\":\"{UNMASKED}\"}}}}\n\n"
            );
            let chunk = format!("{:x}\r\n{event}\r\n", event.len()).into_bytes();
            let mut answer = vec![head.as_bytes().to_vec()];
            answer.extend((0..600).flat_map(|_| [chunk.clone(), Vec::new()]));
            return answer;
        }
        let answer = ok("application/json", &message);
        if request.body.contains("slow") {
            let (first, second) = answer.split_at(answer.len() - 4);
            let mut pieces = vec![first.to_vec()];
            pieces.extend((0..30).map(|_| Vec::new()));
            pieces.push(second.to_vec());
            return pieces;
        }
        vec![answer]
    })
}

fn gateway(server: &Scripted) -> Gateway {
    let options = Options {
        filter: Some(part("MCP_ZERO_TEST_FILTER_TRAP")),
        ..Options::default()
    };
    // Slow answers outlive the two seconds of the policy of tests.
    let policy = policy(&server.url()).replace("timeout_seconds: 2", "timeout_seconds: 30");
    Gateway::start_with(&policy, &options)
}

/// Our own refusal for a filter that is not there, whole.
fn assert_unavailable(answer: &Response, what: &str) {
    let id = answer.header("x-correlation-id").expect("an id").to_owned();
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (503, Some("application/json")),
        "{what}: {answer:?}"
    );
    assert_eq!(
        answer.json(),
        json!({"jsonrpc": "2.0", "id": null, "error": {"code": -31503,
               "message": format!("Service unavailable (correlation_id={id})")}}),
        "{what}"
    );
}

#[test]
fn the_shipped_module_has_no_trap() {
    let holds = |variable: &str| {
        let module = std::fs::read(part(variable)).unwrap();
        module.windows(SWITCH.len()).any(|w| w == SWITCH.as_bytes())
    };
    assert!(!holds("MCP_ZERO_TEST_FILTER"));
    assert!(holds("MCP_ZERO_TEST_FILTER_TRAP"));
}

/// Clients that call until they are told to end: one is allowed, one denied.
struct Load {
    over: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    clients: Vec<std::thread::JoinHandle<[u32; 2]>>,
}

impl Load {
    fn start(gateway: &Gateway, bearer: &str) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicUsize::new(0));
        let clients = ["get-x", "get-secret"]
            .map(|tool| {
                let (over, sent) = (Arc::clone(&over), Arc::clone(&sent));
                let (address, bearer) = (gateway.address(), bearer.to_owned());
                std::thread::spawn(move || {
                    let text = request(
                        "POST",
                        "/mcp/s",
                        &[("authorization", &bearer)],
                        &call(tool, "load"),
                    );
                    let mut seen = [0, 0];
                    while !over.load(Ordering::SeqCst) {
                        // Steady, not as fast as it goes.
                        std::thread::sleep(Duration::from_millis(20));
                        sent.fetch_add(1, Ordering::SeqCst);
                        let bytes = attempt(address, text.as_bytes(), Duration::from_secs(10));
                        let text = String::from_utf8_lossy(&bytes);
                        assert!(!text.contains(UNMASKED), "{tool}: {text}");
                        // A request that the trap caught may end in no answer at all.
                        let Some(answer) = response(&bytes) else {
                            continue;
                        };
                        match answer.status {
                            200 if tool == "get-x" => {
                                assert!(answer.body.contains("<EMAIL_ADDRESS>"), "{answer:?}");
                                seen[0] += 1;
                            }
                            200 => {
                                assert!(answer.body.contains("Access denied"), "{answer:?}");
                                seen[0] += 1;
                            }
                            _ => {
                                assert_unavailable(&answer, tool);
                                seen[1] += 1;
                            }
                        }
                    }
                    seen
                })
            })
            .into_iter()
            .collect();
        Self {
            over,
            sent,
            clients,
        }
    }

    /// How many requests it has sent.
    fn end(self) -> usize {
        self.over.store(true, Ordering::SeqCst);
        for client in self.clients {
            let [judged, refused] = client.join().expect("every answer is right");
            assert!(judged > 20 && refused > 5, "{judged} {refused}");
        }
        self.sent.load(Ordering::SeqCst)
    }
}

#[test]
fn a_panic_fails_its_request_and_nothing_passes_unjudged() {
    let server = server();
    let gateway = gateway(&server);
    let bearer = format!("Bearer {}", gateway.token("alice", "developers"));
    let auth = ("authorization", bearer.as_str());
    let load = Load::start(&gateway, &bearer);
    let mut sent = 0;
    let mut outages = Vec::new();
    let mut refused = 0;
    for place in [
        "before:request-headers",
        "after:request-headers",
        "before:request-body",
        "after:request-body",
        "before:response-headers",
        "after:response-headers",
        "before:response-body",
        "after:response-body",
        "before:log",
    ] {
        // Exchanges of the same worker: an open stream, and an answer of which half is held.
        let stream = [auth, ("connection", "keep-alive")];
        let mut stream = opened(&gateway, &request("GET", "/mcp/s", &stream, ""));
        let mut seen = String::new();
        wait("an event", || {
            seen = stream.rest(Duration::from_millis(200));
            seen.contains("<EMAIL_ADDRESS>")
        });
        let note = format!("slow {place}");
        let slow = request("POST", "/mcp/s", &[auth], &call("get-x", &note));
        let mut slow = opened(&gateway, &slow);
        wait("the slow call", || {
            server.received().iter().any(|r| r.body.contains(&note))
        });

        let note = format!("trapped {place}");
        let trapped = [auth, (SWITCH, place)];
        let trapped = request("POST", "/mcp/s", &trapped, &call("get-x", &note));
        let bytes = attempt(
            gateway.address(),
            trapped.as_bytes(),
            Duration::from_secs(10),
        );
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(UNMASKED), "{place}: {text}");
        let reached = server.received().iter().any(|r| r.body.contains(&note));
        match response(&bytes) {
            // Its exchange was over.
            Some(answer) if place == "before:log" => assert_eq!(answer.status, 200, "{answer:?}"),
            Some(answer) => assert_unavailable(&answer, place),
            None => assert!(
                place.contains("response") && text.is_empty(),
                "{place}: {text}"
            ),
        }
        let is_late = place.contains("response") || place == "before:log";
        assert_eq!(
            reached, is_late,
            "{place}: only what was judged may reach the server"
        );
        // Envoy loads a new VM at once unless it did so within the last second: a second trap
        // makes it wait, wherever the first one found it.
        let bytes = attempt(
            gateway.address(),
            trapped.as_bytes(),
            Duration::from_secs(10),
        );
        assert!(
            !String::from_utf8_lossy(&bytes).contains(UNMASKED),
            "{place}"
        );

        // Refused until the filter is back by itself.
        let again = request("POST", "/mcp/s", &[auth], &call("get-x", "again"));
        let begin = Instant::now();
        loop {
            sent += 1;
            let answer = gateway.send(again.as_bytes());
            if answer.status == 200 {
                assert!(
                    answer.body.contains("<EMAIL_ADDRESS>"),
                    "{place}: {answer:?}"
                );
                break;
            }
            assert_unavailable(&answer, place);
            refused += 1;
            assert!(
                begin.elapsed() < Duration::from_secs(10),
                "{place}: still away"
            );
        }
        outages.push(begin.elapsed());

        // What was open on the worker has ended, with nothing more than was let go before.
        assert!(
            stream.ends_within(Duration::from_secs(5)),
            "{place}: the stream lives on"
        );
        let rest = slow.rest(Duration::from_secs(5));
        for text in [&seen, &rest] {
            assert!(!text.contains(UNMASKED), "{place}: {text}");
        }
        if let Some(answer) = response(rest.as_bytes()) {
            assert_unavailable(&answer, place);
        }
        sent += 4;
    }
    assert!(refused > 0, "no back-off was seen");
    sent += load.end();
    // A busy machine may delay one; the mechanism itself takes a second.
    outages.sort_unstable();
    assert!(
        outages[outages.len() / 2] < Duration::from_secs(2),
        "{outages:?}"
    );
    let stats = gateway.envoy_admin("/stats?filter=vm_reload");
    let count = |name: &str| {
        let line = stats.lines().find(|l| l.contains(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()
    };
    assert!(count("vm_reload_success") >= outages.len(), "{stats}");
    assert!(
        count("vm_reload_backoff") > 0 && count("vm_reload_failure") == 0,
        "{stats}"
    );
    one_record_each(&gateway, &server, sent);
}

fn opened(gateway: &Gateway, text: &str) -> Connection {
    let mut connection = Connection::open(gateway.address());
    connection.send(text.as_bytes());
    connection
}

/// Every exchange has one record, and what reached the server had been judged and masked.
fn one_record_each(gateway: &Gateway, server: &Scripted, sent: usize) {
    let records = gateway.records(sent);
    let ids: HashSet<&str> = records
        .iter()
        .map(|r| r["correlation_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), sent, "two records of one exchange");
    // Of dead filters Envoy's half is left.
    let (missing, whole): (Vec<&Value>, Vec<&Value>) = records
        .iter()
        .partition(|r| r["filter_record"] == "missing");
    assert!(!missing.is_empty() && !whole.is_empty());
    for record in missing {
        assert!(
            record["http_status"].is_number() && record["timestamp"].is_string(),
            "{record}"
        );
    }
    let by_id: HashMap<&str, &Value> = records
        .iter()
        .map(|r| (r["correlation_id"].as_str().unwrap(), r))
        .collect();
    for got in server.received() {
        let id = got.header("x-request-id").unwrap();
        let record = by_id.get(id).unwrap_or_else(|| panic!("no record of {id}"));
        assert!(
            record["decision"] == "allow" || record["filter_record"] == "missing",
            "{record}"
        );
        // Judged and masked: its caller's token has gone, and so has the address.
        assert_eq!(got.header("authorization"), None);
        assert!(!got.body.contains("get-secret"), "{}", got.body);
        assert!(!got.body.contains("bob@example.com"), "{}", got.body);
    }
}

#[test]
fn an_endless_loop_ends_with_the_process_and_its_dump_names_no_token() {
    let server = server();
    let gateway = gateway(&server);
    let token = gateway.token("alice", "developers");
    let bearer = format!("Bearer {token}");
    let first = gateway.envoy_pid().expect("an Envoy");
    let text = request(
        "POST",
        "/mcp/s",
        &[
            ("authorization", &bearer),
            ("cookie", "session=c4n4ry"),
            (SWITCH, "loop:request-headers"),
        ],
        &call("get-x", "looped"),
    );
    let bytes = attempt(gateway.address(), text.as_bytes(), Duration::from_secs(30));
    assert_eq!(
        String::from_utf8_lossy(&bytes),
        "",
        "no answer from a dead process"
    );
    gateway.wait_for_log("Envoy ended", 1);
    wait("another Envoy", || {
        gateway.envoy_pid().is_some_and(|pid| pid != first)
    });
    wait("its answer", || {
        let again = request(
            "POST",
            "/mcp/s",
            &[("authorization", &bearer)],
            &call("get-x", "b"),
        );
        let bytes = attempt(gateway.address(), again.as_bytes(), Duration::from_secs(5));
        response(&bytes).is_some_and(|r| r.status == 200)
    });
    assert!(server.received().iter().all(|r| !r.body.contains("looped")));
    // The dump was there, with the headers of the request under way.
    let log = gateway.log();
    assert!(log.contains("Caught Aborted"), "{log}");
    let dumped = log.lines().find(|l| l.contains("authorization"));
    assert!(dumped.is_some_and(|l| l.contains("[redacted]")), "{log}");
    for secret in token.split('.').chain(["c4n4ry"]) {
        assert!(!log.contains(secret), "{secret} in the log:\n{log}");
    }
}
