use super::*;

#[test]
fn without_a_snapshot_nothing_passes() {
    let mut run = Run::open_in(World::default(), POST, false);
    assert_eq!(run.status_and_code(), (503, -31503));
    assert_eq!(run.record()["cause"], "unavailable");
}

#[test]
fn heads_are_judged_in_order() {
    let cases: &[(&[(&str, &str)], u16)] = &[
        (&[(":authority", "evil.example")], 403),
        (
            &[(":authority", "gw.example,evil.example"), (":path", "/")],
            403,
        ),
        (&[("origin", "https://evil.example")], 403),
        (&[(":path", "/")], 404),
        (&[(":path", "/mcp")], 404),
        (&[(":path", "/mcp/unknown"), (":method", "PUT")], 404),
        (&[(":method", "OPTIONS")], 405),
        (&[(":method", "PUT"), ("content-type", "")], 405),
        (
            &[("content-type", "text/plain"), ("content-length", "9999")],
            415,
        ),
        (&[("content-type", "")], 415),
        (&[("content-encoding", "gzip")], 415),
        (
            &[("content-length", "2001"), ("mcp-session-id", "a b")],
            413,
        ),
        (&[("mcp-session-id", "a b")], 404),
    ];
    for (extra, status) in cases {
        let mut run = Run::open(&with(POST, extra), false);
        let reply = run.reply();
        assert_eq!(reply.status, *status, "{extra:?}");
        assert!(
            reply
                .headers
                .contains(&("x-correlation-id".into(), "rid".into()))
        );
        if *status == 405 {
            assert!(
                reply
                    .headers
                    .contains(&("allow".into(), "GET, POST, DELETE".into()))
            );
        }
        assert_eq!(run.flow, Flow::Done);
        assert_eq!(run.record()["decision"], "deny", "{extra:?}");
    }
}

#[test]
fn what_the_server_must_not_see_comes_off() {
    let extra = [
        ("authorization", "Bearer x"),
        ("cookie", "a=b"),
        ("accept-encoding", "gzip"),
        ("x-mcp-zero-user", "root"),
        ("mcp-name", "x"),
        (":path", "/mcp/s/?access_token=x"),
        ("accept", "text/event-stream, application/json;q=0.5"),
        ("content-type", "application/json; charset=utf-8"),
    ];
    let run = Run::open(&with(POST, &extra), false);
    for name in ["authorization", "cookie", "x-mcp-zero-user", "mcp-name"] {
        assert_eq!(run.header(name).as_deref(), Some("(removed)"), "{name}");
    }
    assert_eq!(run.header("accept-encoding").unwrap(), "identity");
    assert_eq!(
        run.header("accept").unwrap(),
        "application/json, text/event-stream"
    );
    assert_eq!(run.header(":path").unwrap(), "/mcp/s/");
    assert_eq!(run.header("content-type").unwrap(), "application/json");
}

#[test]
fn what_is_right_already_is_left_alone() {
    let right = [
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("accept-encoding", "identity"),
    ];
    let run = Run::open(&with(POST, &right), false);
    assert_eq!(run.header("accept-encoding"), None);
    assert_eq!(run.header("accept"), None);
    assert_eq!(run.header("content-type"), None);
    // A second value is another matter.
    let mut twice = with(POST, &right);
    twice.push(("accept", "text/html"));
    let run = Run::open(&twice, false);
    assert_eq!(
        run.header("accept").as_deref(),
        Some("application/json, text/event-stream")
    );
}

#[test]
fn the_bridge_is_told_who_calls_and_nobody_else_is() {
    let forged = with(
        POST,
        &[("x-mcp-zero-caller", "00000000000000000000000000000000")],
    );
    let run = Run::open(&forged, false);
    assert_eq!(
        run.header("x-mcp-zero-caller").as_deref(),
        Some("(removed)")
    );
    let run = Run::open(POST, false);
    assert_eq!(run.header("x-mcp-zero-caller"), None);
    for method in ["POST", "GET", "DELETE"] {
        let mut policy = policy();
        policy.servers[0].bridged = true;
        let mut world = World::default();
        world.load(&sealed(policy), Some(&key())).unwrap();
        let head = with(&forged, &[(":method", method)]);
        let run = Run::open_in(world, &head, method != "POST");
        assert_eq!(
            run.header("x-mcp-zero-caller").as_deref(),
            Some("e3b0c44298fc1c149afbf4c8996fb924"),
            "{method}"
        );
    }
}

#[test]
fn get_and_delete_have_no_body() {
    for method in ["GET", "DELETE"] {
        let head = with(POST, &[(":method", method), ("content-type", "")]);
        let mut run = Run::open(&head, true);
        assert_eq!(run.flow, Flow::Go);
        assert_eq!(run.record()["decision"], "allow");
        let mut run = Run::open(&head, false);
        assert_eq!(run.flow, Flow::Hold);
        run.on(Event::Request(b"x"));
        assert_eq!(run.status_and_code(), (400, -32600));
        let mut run = Run::open(&head, false);
        run.on(Event::Request(b""));
        assert_eq!(run.flow, Flow::Go);
    }
    assert_eq!(Run::open(POST, true).status_and_code(), (400, -32700));
}

#[test]
fn headers_need_not_be_text() {
    let mut pairs: Vec<_> = POST
        .iter()
        .map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()))
        .collect();
    pairs.push((b"x-odd".to_vec(), b"\xff\xfe".to_vec()));
    pairs.push((b"mcp-session-id".to_vec(), b"\xff".to_vec()));
    let headers = Headers::new(pairs);
    let mut world = World::default();
    world.load(&sealed(policy()), Some(&key())).unwrap();
    let head = RequestHead {
        headers: &headers,
        ends: false,
        request_id: "r",
        client: "",
        verified: None,
    };
    let mut out = Vec::new();
    let mut cx = Cx {
        now_ms: NOW,
        world: &mut world,
        out: &mut out,
    };
    let (_, flow) = Exchange::open(&head, &mut cx);
    assert_eq!(flow, Flow::Done);
    assert!(matches!(&out[..], [Action::Reply(r)] if r.status == 404));
}

#[test]
fn metadata_needs_an_issuer() {
    let path = "/.well-known/oauth-protected-resource/mcp/s";
    let head = with(POST, &[(":method", "GET"), (":path", path)]);
    assert_eq!(Run::open(&head, true).reply().status, 404);
    let mut with_issuer = policy();
    let path_of = |name: &str| {
        Some(proto::ClaimPath {
            segments: vec![name.to_owned()],
        })
    };
    with_issuer.issuers.push(proto::Issuer {
        name: "i".into(),
        issuer: "https://idp.example".into(),
        audiences: vec!["a".into()],
        algorithms: vec!["ES256".into()],
        leeway_seconds: 30,
        max_token_seconds: 100,
        token_types: vec![String::new()],
        user_id: path_of("sub"),
        email: path_of("email"),
        groups: path_of("groups"),
        authorization_servers: vec!["https://idp.example".into()],
        required_scopes: vec![],
    });
    let world = || {
        let mut world = World::default();
        world
            .load(&sealed(with_issuer.clone()), Some(&key()))
            .unwrap();
        world
    };
    let run = Run::open_in(world(), &head, true);
    assert_eq!(run.reply().status, 200);
    let body: Value = serde_json::from_slice(&run.reply().body).unwrap();
    assert_eq!(body["resource"], "https://gw.example/mcp/s");
    assert_eq!(body["authorization_servers"][0], "https://idp.example");
    let unknown = with(
        &head,
        &[(":path", "/.well-known/oauth-protected-resource/mcp/x")],
    );
    assert_eq!(Run::open_in(world(), &unknown, true).reply().status, 404);

    // Without a token: a challenge that says where to read on; with a bad one: that it is bad.
    let run = Run::open_in(world(), POST, false);
    let challenge = |run: &Run| {
        let reply = run.reply();
        assert_eq!(reply.status, 401);
        reply
            .headers
            .iter()
            .find(|(n, _)| n == "www-authenticate")
            .unwrap()
            .1
            .clone()
    };
    let missing = challenge(&run);
    assert_eq!(
        missing,
        "Bearer resource_metadata=\"https://gw.example/.well-known/oauth-protected-resource/mcp/s\""
    );
    let bad = with(POST, &[("authorization", "Bearer a.b.c")]);
    let mut run = Run::open_in(world(), &bad, false);
    assert!(challenge(&run).starts_with("Bearer error=\"invalid_token\", "));
    assert_eq!(run.record()["cause"], "bad_token");
}
