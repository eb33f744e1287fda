//! Bodies: judged at their end wherever it shows, and as long as they say.

use super::{call, result, verdict};
use mcp_zero_tests::{Connection, Gateway, Scripted, ok, policy, request};
use std::net::TcpListener;
use std::time::Duration;

/// Sends headers that end the request, over HTTP/2; status and body.
async fn bodiless(gateway: &Gateway, method: &str, token: &str) -> (u16, String) {
    let stream = tokio::net::TcpStream::connect(gateway.address())
        .await
        .unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let request = http::Request::builder()
        .method(method)
        .uri(format!(
            "http://localhost:{}/mcp/s",
            gateway.address().port()
        ))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(())
        .unwrap();
    let (answer, _) = client.send_request(request, true).unwrap();
    let answer = answer.await.unwrap();
    let status = answer.status().as_u16();
    let mut body = answer.into_body();
    let mut bytes = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.unwrap();
        let _ = body.flow_control().release_capacity(piece.len());
        bytes.extend_from_slice(&piece);
    }
    (status, String::from_utf8(bytes).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_end_the_request() {
    // Counts connections: not even one may be opened for what is not judged yet.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let gateway = Gateway::start(&policy(&url));
    let token = gateway.token("alice", "developers");
    let (status, body) = bodiless(&gateway, "POST", &token).await;
    assert_eq!(status, 400);
    assert!(
        body.contains("-32700") && body.contains("\"id\":null"),
        "{body}"
    );
    for method in ["GET", "DELETE"] {
        let (status, _) = bodiless(&gateway, method, "a.b.c").await;
        assert_eq!(status, 401, "{method}");
    }
    // A head without its body, then one that is denied.
    let bearer = format!("Bearer {token}");
    let denied = request(
        "POST",
        "/mcp/s",
        &[("authorization", &bearer)],
        &call(1, "get-secret", "n"),
    );
    let (head, body) = denied.split_at(denied.len() - 9);
    let mut client = Connection::open(gateway.address());
    client.send(head.as_bytes());
    assert_eq!(client.rest(Duration::from_millis(500)), "");
    assert!(
        listener.accept().is_err(),
        "the server heard of an unjudged head"
    );
    client.send(body.as_bytes());
    assert!(client.response().body.contains("Access denied"));
    assert!(
        listener.accept().is_err(),
        "the server heard of a denied call"
    );
    // Judged in its headers, and good: this one goes on.
    let mut client = Connection::open(gateway.address());
    client.send(request("GET", "/mcp/s", &[("authorization", &bearer)], "").as_bytes());
    mcp_zero_tests::wait("the server's connection", || listener.accept().is_ok());
}

#[test]
fn lengths_are_exact_on_connections_that_live_on() {
    const LONG: &str = "somebody.with.a.long.name@mail.example.com";
    const SHORT: &str = "a@b.co";
    let server = Scripted::start(|request| {
        let mail = if request.body.contains("long answer") {
            LONG
        } else {
            SHORT
        };
        let message = result(1, &format!("{mail} wrote"));
        if request.body.contains("chunked") {
            return mcp_zero_tests::events(&message, 7)
                .into_iter()
                .map(|piece| {
                    let text = String::from_utf8(piece).unwrap();
                    text.replace("text/event-stream", "application/json")
                        .into_bytes()
                })
                .collect();
        }
        vec![ok("application/json", &message)]
    });
    let gateway = Gateway::start(&policy(&server.url()));
    let bearer = format!("Bearer {}", gateway.token("alice", "developers"));
    let headers = [
        ("authorization", bearer.as_str()),
        ("connection", "keep-alive"),
    ];
    let mut client = Connection::open(gateway.address());
    let mut wanted = Vec::new();
    let notes = [
        format!("{LONG} long answer"),
        format!("{SHORT} short answer"),
        format!("{SHORT} long answer"),
        format!("{LONG} short answer, chunked"),
        "nothing to mask, long answer".to_owned(),
        format!("{SHORT}{SHORT} long answer, chunked"),
    ];
    for note in &notes {
        // A denied one between them leaves nothing behind on the connection.
        client.send(request("POST", "/mcp/s", &headers, &call(9, "get-secret", note)).as_bytes());
        assert!(client.response().body.contains("Access denied"));
        let body = call(1, "get-x", note);
        client.send(request("POST", "/mcp/s", &headers, &body).as_bytes());
        let answer = client.response();
        assert_eq!(
            (answer.status, &answer.body),
            (200, &result(1, "<EMAIL_ADDRESS> wrote")),
            "{note}"
        );
        let length = answer.body.len().to_string();
        assert_eq!(
            answer.header("content-length"),
            Some(length.as_str()),
            "{note}"
        );
        assert_eq!(answer.header("transfer-encoding"), None, "{note}");
        wanted.push(body);
    }
    assert_eq!(
        client.rest(Duration::from_millis(200)),
        "",
        "surplus for the client"
    );
    let received = server.received();
    assert_eq!(
        received.len(),
        notes.len(),
        "surplus for the server: {received:#?}"
    );
    for (got, sent) in received.iter().zip(&wanted) {
        assert!(
            got.head.starts_with("POST /mcp HTTP/1.1\r\n"),
            "{}",
            got.head
        );
        let masked = sent.replace(LONG, "<EMAIL_ADDRESS>");
        assert!(
            !got.body.contains("b.co") && !got.body.contains(LONG),
            "{}",
            got.body
        );
        if !sent.contains(SHORT) {
            assert_eq!(got.body, masked);
        }
        let length = got.body.len().to_string();
        assert_eq!(
            got.header("content-length"),
            Some(length.as_str()),
            "{}",
            got.head
        );
        assert_eq!(got.header("transfer-encoding"), None, "{}", got.head);
    }
    let connections = received.iter().map(|r| r.connection).max().unwrap() + 1;
    assert!(
        connections < notes.len(),
        "a connection of the server was used again"
    );
}

#[test]
fn an_answer_shows_nothing_before_it_was_inspected() {
    let server = Scripted::start(|request| {
        let message = result(1, "ann@example.com");
        let mut whole = if request.body.contains("stream") {
            mcp_zero_tests::events(&format!("data: {message}\n\n"), message.len() / 2)
        } else {
            let text = ok("application/json", &message);
            let (head, tail) = text.split_at(text.len() - 20);
            vec![head.to_vec(), tail.to_vec()]
        };
        // A second of silence before the last pieces.
        let at = whole.len() / 2;
        whole.splice(at..at, (0..20).map(|_| Vec::new()));
        whole
    });
    let gateway = Gateway::start(&policy(&server.url()));
    let bearer = format!("Bearer {}", gateway.token("alice", "developers"));
    let auth = ("authorization", bearer.as_str());
    let mut client = Connection::open(gateway.address());
    client.send(request("POST", "/mcp/s", &[auth], &call(1, "get-x", "whole")).as_bytes());
    server.wait(1);
    assert_eq!(
        client.rest(Duration::from_millis(400)),
        "",
        "not even a status line"
    );
    assert_eq!(client.response().body, result(1, "<EMAIL_ADDRESS>"));

    // The head of a stream goes at once (a client of a silent stream waits for it); of an event
    // that is not whole not one byte does.
    let mut client = Connection::open(gateway.address());
    client.send(request("POST", "/mcp/s", &[auth], &call(1, "get-x", "stream")).as_bytes());
    server.wait(2);
    let begun = client.rest(Duration::from_millis(400));
    assert!(begun.is_empty() || begun.ends_with("\r\n\r\n"), "{begun}");
    assert!(!begun.contains("data"), "{begun}");
    let answer = client.response();
    assert_eq!(
        answer.body,
        format!("data: {}\n\n", result(1, "<EMAIL_ADDRESS>"))
    );
}

#[test]
fn bytes_that_are_no_text_kill_nothing() {
    let server = Scripted::start(|request| {
        let mut answer = ok("application/json", &result(1, "fine"));
        if request.body.contains("odd") {
            let at = answer.windows(2).position(|w| w == b"\r\n").unwrap() + 2;
            let odd = b"x-odd: \xff\xfe\r\nmcp-session-id: \xff\r\nvary: \xfe\r\n";
            answer.splice(at..at, odd.iter().copied());
        }
        vec![answer]
    });
    let gateway = Gateway::start(&policy(&server.url()));
    let bearer = format!("Bearer {}", gateway.token("alice", "developers"));
    let body = call(1, "get-x", "n");
    let good = request("POST", "/mcp/s", &[("authorization", &bearer)], &body);
    for (name, statuses) in [
        ("authorization", &[401][..]),
        ("host", &[400, 403]),
        ("origin", &[403]),
        ("content-type", &[415]),
        ("content-encoding", &[415]),
        ("accept", &[200]),
        ("mcp-session-id", &[404]),
        ("mcp-protocol-version", &[400]),
        ("mcp-name", &[200, 400]),
        ("mcp-param-a", &[200, 400]),
        ("traceparent", &[200]),
        ("user-agent", &[200]),
        ("x-request-id", &[200]),
        ("cookie", &[200]),
        ("transfer-encoding", &[400]),
    ] {
        // The header takes the place of the one that a client sends.
        let marked = request(
            "POST",
            "/mcp/s",
            &[("authorization", &bearer), (name, "@@")],
            &body,
        );
        let mut bytes = Vec::new();
        for line in marked.as_bytes().split_inclusive(|b| *b == b'\n') {
            let twice = name == "authorization" && line.starts_with(b"authorization: Bearer");
            if !twice {
                bytes.extend_from_slice(line);
            }
        }
        let at = bytes.windows(2).position(|w| w == b"@@").unwrap();
        bytes.splice(at..at + 2, *b"\xff\xfe");
        let answer = gateway.send(&bytes);
        assert!(statuses.contains(&answer.status), "{name}: {answer:?}");
        assert_eq!(gateway.send(good.as_bytes()).status, 200, "after {name}");
    }
    let mut path = good.clone().into_bytes();
    path.splice(10..11, *b"\xff");
    let answer = gateway.send(&path);
    assert!([400, 404].contains(&answer.status), "{answer:?}");
    // The server's headers may be as odd.
    let odd = request(
        "POST",
        "/mcp/s",
        &[("authorization", &bearer)],
        &call(1, "get-x", "odd"),
    );
    let answer = gateway.send(odd.as_bytes());
    assert_eq!(
        (answer.status, answer.header("x-odd")),
        (200, None),
        "{answer:?}"
    );
    assert_eq!(gateway.send(good.as_bytes()).status, 200);
    let refused = gateway.post("s", "a.b.c", &body);
    assert_eq!(verdict(&refused), (401, -31401));
    assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
    let lost = gateway.envoy_admin("/stats?filter=wasm.*(fail|reload)");
    let is_zero = |line: &str| line.ends_with(": 0");
    assert!(lost.lines().all(is_zero), "{lost}");
}
