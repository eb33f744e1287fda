//! Time, connections, memory: what has a limit ends in an answer or in a closed connection.

use super::{call, result, verdict};
use mcp_zero_tests::{Connection, Gateway, Issuer, Plane, Scripted, policy, request, wait};
use std::time::{Duration, Instant};

#[test]
fn a_head_that_does_not_come_is_not_waited_for() {
    let server = Scripted::json(result(1, "fine"));
    let gateway = Gateway::start(&policy(&server.url()));
    let begin = Instant::now();
    let mut client = Connection::open(gateway.address());
    client.send(b"POST /mcp/s HTTP/1.1\r\nhost: localhost\r\nx-slow: ");
    let mut answer = String::new();
    // Drips: a byte now and then must not prolong it.
    while answer.is_empty() && begin.elapsed() < Duration::from_secs(20) {
        client.send(b"x");
        answer = client.rest(Duration::from_millis(500));
    }
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(
        begin.elapsed() > Duration::from_secs(4),
        "{:?}",
        begin.elapsed()
    );
    let answer = client.response();
    assert_eq!(verdict(&answer), (408, -32600), "{answer:?}");
    assert!(client.ends_within(Duration::from_secs(5)));
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let server = Scripted::json(result(1, "fine"));
    let gateway = Gateway::start(&policy(&server.url()));
    let bearer = format!("Bearer {}", gateway.token("alice", "developers"));
    let text = request(
        "POST",
        "/mcp/s",
        &[("authorization", &bearer)],
        &call(1, "get-x", "n"),
    );
    let mut client = Connection::open(gateway.address());
    client.send(&text.as_bytes()[..text.len() - 5]);
    let answer = client.response();
    assert_eq!(verdict(&answer), (408, -32600), "{answer:?}");
    assert_eq!(server.received().len(), 0);
    let record = gateway.record(answer.header("x-correlation-id").unwrap());
    assert_eq!(
        (&record["decision"], &record["http_status"]),
        (&"deny".into(), &408.into()),
        "{record}"
    );
}

fn plane(server: &Scripted, issuer: &Issuer) -> Plane {
    Plane::new(&policy(&server.url()), &issuer.url())
}

#[test]
fn connections_over_the_limit_are_closed() {
    const MOST: usize = 12;
    let (server, issuer) = (Scripted::json(result(1, "fine")), Issuer::start());
    let mut plane = plane(&server, &issuer).with("${MAX_CONNECTIONS}", &MOST.to_string());
    plane.start_control();
    plane.start_envoy();
    plane.wait_until_ready();
    let probe = request("GET", "/", &[("connection", "keep-alive")], "");
    let ask = |client: &mut Connection| {
        client.send(probe.as_bytes());
        client.response().status
    };
    // Those of the ready probe may not have gone yet.
    std::thread::sleep(Duration::from_millis(300));
    let mut held: Vec<Connection> = (0..MOST)
        .map(|_| Connection::open(plane.address()))
        .collect();
    for client in &mut held {
        assert_eq!(ask(client), 404);
    }
    for _ in 0..3 {
        let mut one_more = Connection::open(plane.address());
        assert!(one_more.ends_within(Duration::from_secs(5)));
    }
    // Those that are there go on; where one leaves, another may come.
    assert_eq!(ask(&mut held[0]), 404);
    held.truncate(MOST / 2);
    wait("a free place", || {
        let mut client = Connection::open(plane.address());
        !client.ends_within(Duration::from_millis(100)) && ask(&mut client) == 404
    });
}

#[test]
fn a_full_heap_refuses_requests() {
    let (server, issuer) = (Scripted::json(result(1, "fine")), Issuer::start());
    // Less than Envoy has at its start.
    let mut plane = plane(&server, &issuer).with("${HEAP_BYTES}", "1000000");
    plane.start_control();
    plane.start_envoy();
    wait("the listener", || plane.listens());
    let text = request("POST", "/mcp/s", &[], &call(1, "get-x", "n"));
    wait("the monitor", || plane.send(text.as_bytes()).status == 503);
    let answer = plane.send(text.as_bytes());
    assert_eq!(verdict(&answer), (503, -31503), "{answer:?}");
    let id = answer.header("x-correlation-id").unwrap();
    assert!(answer.body.contains(id), "{answer:?}");
    assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
    assert_eq!(server.received().len(), 0);
    let overload = plane.admin("/stats?filter=overload.*stop_accepting_requests.active");
    assert!(overload.contains("active: 1"), "{overload}");
}
