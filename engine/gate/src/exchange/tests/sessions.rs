//! Sessions are sealed on their way out and opened on their way in.

use super::*;

const ID: &str = "mcp-session-id";

fn open(method: &str, sealed: &str) -> Run {
    Run::open(
        &with(POST, &[(":method", method), (ID, sealed)]),
        method != "POST",
    )
}

#[test]
fn the_server_gets_its_own_id() {
    let sealed = session("up-1");
    for method in ["GET", "DELETE"] {
        let run = open(method, &sealed);
        assert_eq!(run.flow, Flow::Go, "{method}");
        assert_eq!(run.header(ID).as_deref(), Some("up-1"), "{method}");
    }
    let mut run = open("POST", &sealed);
    assert_eq!(run.header(ID).as_deref(), Some("up-1"));
    run.on(Event::Request(call("get_x", json!({})).as_bytes()));
    assert_eq!(run.flow, Flow::Go);
    let record = run.record();
    assert_eq!(record["session"].as_str().unwrap().len(), 32);
}

#[test]
fn what_is_no_session_of_the_caller_is_unknown() {
    let sealed = session("up-1");
    let sealer = Sealer::new(&key(), &["00000001"]).unwrap();
    let seal = |owner, parts: &[&str]| sealer.seal(Purpose::Session, owner, parts).unwrap();
    let bob = Owner::Caller {
        issuer: "https://a",
        subject: "bob",
    };
    let unknown = open("GET", "no-such").reply().clone();
    assert_eq!(unknown.status, 404);
    for presented in [
        "up-1".to_owned(),
        sealed.get(1..).unwrap().to_owned(),
        seal(bob, &["s", "up-1"]),
        seal(Owner::Anonymous, &["t", "up-1"]),
        seal(Owner::Anonymous, &["s"]),
        seal(Owner::Anonymous, &["s", "up-1", ""]),
    ] {
        for method in ["GET", "DELETE", "POST"] {
            let mut run = open(method, &presented);
            assert_eq!(*run.reply(), unknown, "{method} {presented}");
            assert_eq!(run.record()["cause"], "no_session");
        }
    }
}

#[test]
fn the_client_gets_a_sealed_id() {
    let mut run = Run::post(r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#);
    assert_eq!(run.flow, Flow::Go);
    run.respond(&[
        (":status", "200"),
        ("content-type", "application/json"),
        (ID, "up-1"),
    ]);
    assert_eq!(run.header(ID), Some(session("up-1")));
}

#[test]
fn an_id_that_cannot_be_sealed_does_not_pass() {
    for (unusable, passes) in [("", true), ("a b", true), (&*"x".repeat(4000), false)] {
        let mut run = Run::post(r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#);
        run.respond(&[
            (":status", "200"),
            ("content-type", "application/json"),
            (ID, unusable),
        ]);
        if passes {
            assert_eq!(run.header(ID).as_deref(), Some("(removed)"), "{unusable}");
        } else {
            assert_eq!(run.status_and_code(), (502, -31504), "{unusable}");
        }
    }
}

#[test]
fn a_key_that_is_missing_loads_nothing() {
    let mut world = World::default();
    assert!(world.load(&sealed(policy()), None).is_err());
    assert!(world.version().is_none());
}
