//! Pages in a real browser: the one on the list reads all it needs, and what another one sends reaches no server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{Browser, Gateway, Options, Received, Scripted, ok, policy, wait};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
const APP: &str = "app.example";
const EVIL: &str = "evil.example";

/// A server with sessions, whose answers to calls and whose stream are events.
fn server() -> Scripted {
    Scripted::start(|received| {
        let head = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}\r\n\r\n").into_bytes();
        if received.head.starts_with("DELETE") {
            return vec![b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()];
        }
        if received.head.starts_with("GET") {
            let event = |what: &str| {
                let text = format!(
                    "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{{\"level\":\"info\",\"data\":\"{what}\"}}}}\n\n"
                );
                format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
            };
            let mut answer = vec![
                head("content-type: text/event-stream\r\ntransfer-encoding: chunked"),
                event("early ada@example.com"),
            ];
            // Long after a reader of whole answers would have waited.
            answer.extend(std::iter::repeat_n(Vec::new(), 100));
            answer.push(event("late"));
            answer.push(b"0\r\n\r\n".to_vec());
            return answer;
        }
        let mut answer = ok("application/json", ANSWER);
        if received.body.contains("initialize") {
            let at = answer.windows(2).position(|w| w == b"\r\n").unwrap() + 2;
            answer.splice(
                at..at,
                b"Mcp-Session-Id: up-1\r\nSet-Cookie: a=b\r\n".to_vec(),
            );
        }
        vec![answer]
    })
}

/// The web server of a page, and what the page reports to it.
struct Page {
    site: Scripted,
    given: Arc<Mutex<Value>>,
    name: &'static str,
}

impl Page {
    fn new(name: &'static str) -> Self {
        let given = Arc::<Mutex<Value>>::default();
        let told = Arc::clone(&given);
        let site = Scripted::start(move |received| {
            let script = include_str!("../clients/page.js");
            vec![match received.head.split(' ').nth(1) {
                Some("/given") => ok("application/json", &told.lock().unwrap().to_string()),
                Some("/page.js") => ok("text/javascript", script),
                Some("/report") => ok("text/plain", ""),
                _ => ok(
                    "text/html",
                    "<!doctype html><script type=module src=/page.js></script>",
                ),
            }]
        });
        Self { site, given, name }
    }

    fn origin(&self) -> String {
        self.site
            .url()
            .replace("127.0.0.1", self.name)
            .replace("/mcp", "")
    }

    /// Opens the page in a browser and waits for what it reports.
    fn open(&self, given: Value) -> Value {
        *self.given.lock().unwrap() = given;
        let _browser = Browser::open(&self.origin(), &[APP, EVIL]);
        let report = |r: &Received| r.head.starts_with("POST /report ");
        wait("the page's report", || {
            self.site.received().iter().any(report)
        });
        let received = self.site.received();
        let report = received.iter().find(|r| report(r)).unwrap();
        serde_json::from_str(&report.body).unwrap()
    }
}

/// A gateway that lets the pages of one origin in.
fn gateway(server: &Scripted, origin: &str, credentials: bool) -> Gateway {
    let cors = format!("cors: {{allow_origins: ['{origin}'], allow_credentials: {credentials}}}\n");
    Gateway::start_with(&(policy(&server.url()) + &cors), &Options::default())
}

fn given(strict: &Gateway, lenient: &Gateway) -> Value {
    let url = strict.url("s");
    json!({
        "url": url,
        "metadata": url.replace("/mcp/s", "/.well-known/oauth-protected-resource/mcp/s"),
        "lenient": lenient.url("s"),
        "token": strict.token("alice", "developers"),
    })
}

#[test]
fn a_page_on_the_list_reads_what_it_needs() {
    let (server, other) = (server(), server());
    let page = Page::new(APP);
    let strict = gateway(&server, &page.origin(), false);
    let lenient = gateway(&other, &page.origin(), true);
    let mut seen = page.open(given(&strict, &lenient));
    let told = format!("{seen:#}");
    // Every answer, ours and the server's, with the headers that clients need.
    for (step, status) in [
        ("initialize", 200),
        ("call", 200),
        ("modern", 200),
        ("stream", 200),
        ("end", 204),
        ("no token", 401),
        ("bad token", 401),
        ("unknown document", 404),
        ("denied", 200),
        ("metadata", 200),
        // Of another development issuer: the answer can be read all the same.
        ("credentials where they may be", 401),
    ] {
        assert_eq!(seen[step]["status"], status, "{step}: {told}");
        if step != "stream" {
            assert!(
                seen[step]["headers"]["x-correlation-id"].is_string(),
                "{step}: {told}"
            );
        }
        assert_eq!(seen[step]["headers"]["date"], Value::Null, "{step}: {told}");
    }
    for step in ["call", "modern"] {
        assert_eq!(seen[step]["body"], ANSWER, "{told}");
    }
    let session = seen["initialize"]["headers"]["mcp-session-id"].take();
    assert!(session.as_str().is_some_and(|id| id != "up-1"), "{told}");
    for (step, begin) in [
        ("no token", "Bearer resource_metadata="),
        ("bad token", "Bearer error=\"invalid_token\""),
    ] {
        let challenge = seen[step]["headers"]["www-authenticate"].as_str();
        assert!(challenge.is_some_and(|c| c.starts_with(begin)), "{told}");
    }
    assert!(
        seen["denied"]["body"]
            .as_str()
            .unwrap()
            .contains("Access denied")
    );
    assert!(
        seen["metadata"]["body"]
            .as_str()
            .unwrap()
            .contains("authorization_servers")
    );
    // The first event of a stream that goes on, masked.
    let event = seen["stream"]["body"].as_str().unwrap();
    assert!(
        event.contains("early <EMAIL_ADDRESS>") && !event.contains("late"),
        "{event}"
    );
    // What the list does not say, and what nobody answers for, the browser does not send.
    for step in [
        "another header",
        "another method",
        "credentials",
        "unknown path",
    ] {
        assert_eq!(seen[step]["error"], "TypeError", "{step}: {told}");
    }
    let received = server.received();
    let modern = received
        .iter()
        .find(|r| r.header("mcp-method").is_some())
        .unwrap();
    assert_eq!(modern.header("mcp-param-region"), Some("eu"));
    for got in &received {
        for name in [
            "origin",
            "referer",
            "cookie",
            "authorization",
            "sec-fetch-mode",
        ] {
            assert_eq!(got.header(name), None, "{}", got.head);
        }
        assert!(!got.head.starts_with("OPTIONS"), "{}", got.head);
        assert!(
            !got.head.to_ascii_lowercase().contains("x-other"),
            "{}",
            got.head
        );
    }
    // Two calls, initialize, the stream and its end; nothing that was sent without asking.
    assert_eq!(received.len(), 5, "{received:#?}");
    assert_eq!(other.received().len(), 0);
}

#[test]
fn nothing_of_another_page_reaches_a_server() {
    let (server, other) = (server(), server());
    let (page, app) = (Page::new(EVIL), Page::new(APP));
    let strict = gateway(&server, &app.origin(), false);
    let lenient = gateway(&other, &app.origin(), true);
    // Even with a good token, which it should not have.
    let seen = page.open(given(&strict, &lenient));
    let told = format!("{seen:#}");
    for (step, report) in seen.as_object().unwrap() {
        match step.as_str() {
            // Sent without asking, and nothing of the answer is shown.
            "blind" | "blind get" => {
                let opaque = report["type"] == "opaque" && report["body"] == "";
                assert!(opaque || report["error"] == "TypeError", "{told}");
            }
            "beacon" => assert_eq!(report, true, "{told}"),
            "events" | "socket" | "script" => assert_eq!(report, "error", "{step}: {told}"),
            _ => assert_eq!(report["error"], "TypeError", "{step}: {told}"),
        }
    }
    assert_eq!(seen.as_object().unwrap().len(), 21, "{told}");
    // It asked, and was told no.
    wait("the records of its requests", || {
        let records = strict.all_records();
        let foreign = records.iter().filter(|r| r["http_status"] == 403).count();
        foreign >= 12
    });
    let allowed = |gateway: &Gateway| {
        let records = gateway.all_records();
        records.iter().filter(|r| r["decision"] == "allow").count()
    };
    assert_eq!((allowed(&strict), allowed(&lenient)), (0, 0));
    assert_eq!((server.received().len(), other.received().len()), (0, 0));
}
