//! What the browser of a page of another origin is told.

use super::*;

const PAGE: &str = "https://app.example";

fn open(pairs: &[(&str, &str)], origins: &[&str], credentials: bool) -> Run {
    let texts = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect();
    let mut policy = policy();
    policy.surface.as_mut().unwrap().cors = Some(proto::Cors {
        allow_origins: texts(origins),
        allow_methods: texts(&["GET", "POST"]),
        allow_headers: texts(&["Authorization", "Content-Type"]),
        expose_headers: texts(&["Mcp-Session-Id", "x-correlation-id"]),
        allow_credentials: credentials,
        max_age_seconds: 600,
    });
    let mut world = World::default();
    world.load(&sealed(policy), Some(&key())).unwrap();
    Run::open_in(world, pairs, false)
}

fn told(run: &Run, name: &str) -> Option<String> {
    let reply = run.reply();
    let mut all = reply.headers.iter().filter(|(n, _)| n == name);
    let first = all.next().map(|(_, v)| v.clone());
    assert!(all.next().is_none(), "{name} stands twice");
    first
}

fn preflight<'a>(origin: &'a str, headers: &'a str) -> Vec<(&'a str, &'a str)> {
    with(
        POST,
        &[
            (":method", "OPTIONS"),
            ("content-type", ""),
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", headers),
        ],
    )
}

#[test]
fn a_preflight_needs_no_token() {
    let asked = "content-type, mcp-param-region, mcp-param-a b, x-evil, authorization";
    let mut run = open(&preflight(PAGE, asked), &[PAGE], false);
    assert_eq!(run.reply().status, 204);
    let of = |name| told(&run, name);
    assert_eq!(of("access-control-allow-origin").as_deref(), Some(PAGE));
    assert_eq!(of("access-control-allow-methods").unwrap(), "GET, POST");
    assert_eq!(
        of("access-control-allow-headers").unwrap(),
        "Authorization, Content-Type, mcp-param-region"
    );
    assert_eq!(of("access-control-max-age").unwrap(), "600");
    assert_eq!(of("vary").unwrap(), "Origin");
    assert_eq!(of("access-control-allow-credentials"), None);
    assert_eq!(run.record()["decision"], "allow");
    let run = open(&preflight("https://APP.example", ""), &[PAGE], true);
    assert_eq!(
        told(&run, "access-control-allow-credentials").unwrap(),
        "true"
    );
}

#[test]
fn other_pages_get_nothing() {
    for origin in [
        "https://evil.example",
        "null",
        "https://app.example:444",
        "https://app.example.evil",
    ] {
        let run = open(&preflight(origin, ""), &[PAGE], false);
        assert_eq!(run.status_and_code(), (403, -31403), "{origin}");
        assert_eq!(told(&run, "access-control-allow-origin"), None);
    }
    // Ours for other reasons, but on no list: no page of it is told anything.
    let run = open(&preflight("http://localhost:3000", ""), &[PAGE], false);
    assert_eq!(run.status_and_code(), (405, -31405));
    assert_eq!(told(&run, "access-control-allow-origin"), None);
    // Without `cors`.
    let run = Run::open(&preflight("https://gw.example", ""), false);
    assert_eq!(run.status_and_code(), (405, -31405));
    // A path that is not there stays unknown.
    let unknown = with(&preflight(PAGE, ""), &[(":path", "/mcp/x")]);
    assert_eq!(
        open(&unknown, &[PAGE], false).status_and_code(),
        (404, -31404)
    );
}

#[test]
fn every_answer_can_be_read() {
    let asks = with(POST, &[("origin", PAGE)]);
    // Our own, a refusal.
    let mut run = open(&asks, &[PAGE], false);
    run.on(Event::Request(b"{"));
    assert_eq!(run.status_and_code().0, 400);
    assert_eq!(
        told(&run, "access-control-allow-origin").as_deref(),
        Some(PAGE)
    );
    let exposed = told(&run, "access-control-expose-headers").unwrap();
    assert_eq!(exposed, "Mcp-Session-Id, x-correlation-id");
    // The server's, whatever it says about pages itself.
    let mut run = open(&asks, &["*"], false);
    run.on(Event::Request(call("get_x", json!({})).as_bytes()));
    run.respond(&[
        (":status", "200"),
        ("content-type", "application/json"),
        ("access-control-allow-origin", "https://evil.example"),
        ("access-control-allow-credentials", "true"),
    ]);
    assert_eq!(
        run.header("access-control-allow-origin").as_deref(),
        Some("*")
    );
    let credentials = run.header("access-control-allow-credentials");
    assert_eq!(credentials.as_deref(), Some("(removed)"));
    // Envoy's.
    let mut run = open(&asks, &[PAGE], false);
    run.on(Event::Request(call("get_x", json!({})).as_bytes()));
    let envoys = headers(&[(":status", "504")]);
    let head = ResponseHead {
        headers: &envoys,
        ends: false,
    };
    run.on(Event::Response(head, Origin::Envoy));
    assert_eq!(
        run.header("access-control-allow-origin").as_deref(),
        Some(PAGE)
    );
}
