//! Connections to servers: closed before the server does it, and never for being long in use.

use super::{call, result};
use mcp_zero_tests::{Connection, Gateway, Scripted, events, ok, policy, request};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::{Duration, Instant};

#[test]
fn idle_connections_are_closed_before_the_server_does() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let (told, lives) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, told) = (stream.unwrap(), told.clone());
            std::thread::spawn(move || {
                let mut answered = Instant::now();
                let mut requests = 0;
                while stream.read(&mut [0; 64 * 1024]).is_ok_and(|n| n > 0) {
                    // Each request is small and comes in one piece.
                    stream
                        .write_all(&ok("application/json", &result(1, "fine")))
                        .unwrap();
                    (answered, requests) = (Instant::now(), requests + 1);
                }
                let _ = told.send((requests, answered.elapsed()));
            });
        }
    });
    let gateway = Gateway::start(&policy(&url));
    let token = gateway.token("alice", "developers");
    for _ in 0..3 {
        assert_eq!(
            gateway.post("s", &token, &call(1, "get-x", "n")).status,
            200
        );
    }
    let (requests, idle) = lives
        .recv_timeout(Duration::from_secs(20))
        .expect("it is closed");
    assert!(requests > 1, "the connection was used again");
    // Node closes after five seconds; a request that meets that end on its way is lost.
    assert!(
        idle > Duration::from_millis(2500) && idle < Duration::from_secs(5),
        "{idle:?}"
    );
    assert_eq!(
        gateway.post("s", &token, &call(1, "get-x", "n")).status,
        200
    );
}

#[test]
fn a_stream_outlives_the_time_limit_of_silence() {
    let note = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"tick"}}"#;
    let server = Scripted::start(move |request| {
        let is_get = request.head.starts_with("GET");
        let last = if is_get {
            note.to_owned()
        } else {
            result(1, "fine")
        };
        let text = format!("data: {note}\n\n").repeat(5) + &format!("data: {last}\n\n");
        let pieces = events(&text, note.len() + 8);
        // A second before each event; a GET is silent for longer than an answer may be.
        let pause = if is_get { 60 } else { 20 };
        let mut answer = vec![pieces[0].clone()];
        for (at, piece) in pieces.into_iter().skip(1).enumerate() {
            if !is_get || at == 1 {
                answer.extend((0..pause).map(|_| Vec::new()));
            }
            answer.push(piece);
        }
        answer
    });
    let gateway = Gateway::start(&policy(&server.url()));
    let bearer = format!("Bearer {}", gateway.token("alice", "developers"));
    let auth = ("authorization", bearer.as_str());
    let begin = Instant::now();
    let mut listening = Connection::open(gateway.address());
    listening.send(request("GET", "/mcp/s", &[auth], "").as_bytes());
    let mut calling = Connection::open(gateway.address());
    calling.send(request("POST", "/mcp/s", &[auth], &call(1, "get-x", "n")).as_bytes());
    // The policy of tests allows a silence of two seconds; this takes more than five in all.
    let answer = calling.response();
    assert!(
        begin.elapsed() > Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(answer.body.matches("tick").count(), 5, "{answer:?}");
    assert!(answer.body.contains(&result(1, "fine")), "{answer:?}");
    assert_eq!(listening.response().body.matches("tick").count(), 6);
}
