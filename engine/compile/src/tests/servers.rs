//! Programs, variables and headers of servers.

use super::*;

/// Nobody may read it anywhere.
const CANARY: &str = "c4n4ry-c4n4ry";

fn set() -> Environment {
    let pairs = [
        ("HOST", "a.example"),
        ("PORT", "8443"),
        ("TOKEN", CANARY),
        ("EMPTY", ""),
        ("LINES", "c4n4ry\nx: y"),
        ("BAD_URL", "https://c4n4ry:c4n4ry@a/"),
        ("INNER", "https://${HOST}/"),
        ("METADATA", "169.254.169.254"),
        ("PLAIN", "http://c4n4ry.example/"),
        ("MCP_GATEWAY_KEY", CANARY),
    ];
    Environment {
        variables: pairs
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .into_iter()
            .collect(),
        ..environment()
    }
}

fn with(server: &str) -> String {
    format!("version: 1\nservers:\n  - {server}\n")
}

/// Shows what each of some servers is refused with; no value of a variable is among it.
fn table(cases: &[&str]) -> String {
    let shown = cases
        .iter()
        .map(|case| format!("{case}\n{}", lines(&with(case), &set())));
    let shown = shown.collect::<Vec<_>>().join("\n\n");
    assert!(!shown.contains("c4n4ry"), "{shown}");
    shown
}

fn compiled(server: &str) -> Compiled {
    compile(yaml(&with(server)), &set()).unwrap()
}

#[test]
fn programs_that_are_refused() {
    let cases = [
        "{name: a, transport: stdio}",
        "{name: a, transport: stdio, command: \"\"}",
        "{name: a, transport: stdio, command: [npx]}",
        "{name: a, transport: stdio, command: \"a\\0b\"}",
        "{name: a, transport: stdio, command: a, args: x}",
        "{name: a, transport: stdio, command: a, args: [1, true, null, \"\\0\"]}",
        "{name: a, transport: stdio, command: a, env: [A=b]}",
        "{name: a, transport: stdio, command: a, env: {A: 1, 1B: x, \"C-D\": x, \"\": x, E: ~}}",
        "{name: a, transport: stdio, command: a, env: {A: \"${\", B: \"${}\", C: \"${1X}\", D: \"${A:-${B}}\", E: \"\\0\"}}",
        "{name: a, transport: stdio, command: a, env: {A: \"${NOBODY_SETS_THIS}\"}}",
        "{name: a, transport: stdio, command: a, env: {MCP_GATEWAY_KEY: x, A: \"${OKTA_CLIENT_SECRET}\"}}",
        "{name: a, transport: stdio, command: a, args: [\"$ANALYTICS_REDIS_PASSWORD\"]}",
        "{name: a, transport: stdio, command: a, cwd: 1, sessions: per_user}",
        "{name: a, transport: stdio, command: a, url: \"https://a/\", allow_insecure: true, connect_timeout_seconds: 1, tls: {}, headers: {}}",
        "{name: a, transport: stdio, command: a, token_exchange: true, target_audience: x, required_scopes: [x]}",
        "{name: a, transport: stdio, command: a, comand: b, timeout_seconds: 0, max_request_bytes: 33554433}",
    ];
    insta::assert_snapshot!(table(&cases));
}

#[test]
fn urls_with_variables() {
    let cases = [
        "{name: a, transport: http, url: \"https://${HOST}:${PORT}/mcp\"}",
        "{name: a, transport: http, url: \"https://${NOBODY_SETS_THIS:-b.example}/\"}",
        "{name: a, transport: http, url: \"https://${EMPTY:-b.example}/\"}",
        "{name: a, transport: http, url: \"https://${EMPTY}/\"}",
        "{name: a, transport: http, url: \"https://${NOBODY_SETS_THIS}/\"}",
        "{name: a, transport: http, url: \"https://${HOST/\"}",
        "{name: a, transport: http, url: \"${BAD_URL}\"}",
        "{name: a, transport: http, url: \"${INNER}\"}",
        "{name: a, transport: http, url: \"https://${METADATA}/\"}",
        "{name: a, transport: http, url: \"https://${NOBODY_SETS_THIS:-169.254.169.254}/\"}",
        "{name: a, transport: http, url: \"${PLAIN}\"}",
        "{name: a, transport: http, url: \"https://a/$HOST\"}",
        "{name: a, transport: http, url: \"https://a/\", tls: {sni: \"${HOST}\"}}",
        "{name: a, transport: http, url: \"https://a/\", command: npx, sessions: shared}",
    ];
    insta::assert_snapshot!(table(&cases));
}

#[test]
fn headers_that_are_refused() {
    let around = |headers: &str| {
        format!("{{name: a, transport: http, url: \"https://a/\", headers: {headers}}}")
    };
    let cases = [
        "[A]",
        "{\"a b\": x, \":path\": x, \"\": x, \"é\": x}",
        "{Host: x, content-Length: 1, Connection: x, Transfer-Encoding: x, Accept: x}",
        "{Mcp-Session-Id: x, X-Mcp-Zero-Caller: x, X-Envoy-Foo: x, X-Forwarded-For: x, X-Request-Id: x}",
        "{X-A: 1, x-a: b, X-B: \"\", X-C: 1}",
        "{X-A: \"a\", x-a: \"b\"}",
        "{X-A: \"a\\nb\", X-B: \" a\", X-C: \"é\"}",
        "{X-A: \"${TOKEN} ${TOKEN}\", X-B: \"${TOKEN:-x}\", X-C: \"${\", X-D: \"${}\"}",
        "{Authorization: \"Bearer ${NOBODY_SETS_THIS}\"}",
        "{X-A: \"${EMPTY}\", X-B: \"${LINES}\"}",
        "{Authorization: \"Bearer ${MCP_GATEWAY_KEY}\"}",
        "{Authorization: Bearer abc, X-Api-Key: abc, X-Tenant: abc}",
    ]
    .map(around);
    let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
    insta::assert_snapshot!(table(&cases));
}

#[test]
fn a_program_as_it_is_started() {
    let text = "{name: a, transport: stdio, command: npx, args: [-y, \"\", \"${HOST}\", \"a\\nb\"], cwd: files, sessions: shared, max_request_bytes: 7, env: {A: \"${TOKEN}\", B: \"$B-${EMPTY:-d}\", C: \"\"}}";
    let compiled = compiled(text);
    let server = compiled.stdio_servers().next().unwrap();
    assert_eq!(server.args, ["-y", "", "${HOST}", "a\nb"]);
    let env: Vec<(&str, &str)> = server.env.iter().map(|(n, v)| (&**n, &**v)).collect();
    assert_eq!(env, [("A", CANARY), ("B", "$B-d"), ("C", "")]);
    assert_eq!(
        (server.name.as_str(), server.command.as_str()),
        ("a", "npx")
    );
    assert_eq!(
        (server.cwd.as_deref(), server.sessions),
        (Some("files"), Sessions::Shared)
    );
    assert_eq!(
        (server.max_request_bytes, server.max_response_bytes),
        (7, 16 << 20)
    );
    // The bridge reads the same, whatever the rest of the policy depends on.
    let rest = format!(
        "{}identity: {{issuer: \"http://i.example\", audience: a}}\n",
        with(text)
    );
    let read = stdio_servers(yaml(&rest), &set().variables).unwrap();
    assert_eq!(read, std::slice::from_ref(server));
    assert!(
        stdio_servers(
            yaml(&with(
                "{name: a, transport: stdio, command: a, env: {A: \"${NO}\"}}"
            )),
            &set().variables
        )
        .is_err()
    );
    assert!(stdio_servers(yaml("- 1"), &set().variables).is_err());
}

#[test]
fn secrets_are_in_no_snapshot_and_no_debug_output() {
    use mcp_zero_proto::Message as _;
    let texts = [
        "{name: a, transport: stdio, command: npx, args: [c4n4ry], env: {A: \"${TOKEN}\"}}",
        "{name: a, transport: http, url: \"https://a/\", headers: {Authorization: \"Bearer ${TOKEN}\"}}",
    ];
    for text in texts {
        let compiled = compiled(text);
        let policy = String::from_utf8_lossy(&compiled.policy.encode_to_vec()).into_owned();
        for shown in [policy, format!("{compiled:?}"), format!("{:?}", set())] {
            assert!(!shown.contains("c4n4ry"), "{shown}");
        }
    }
}

#[test]
fn the_version_covers_values_in_urls_and_no_secret() {
    let http = "{name: a, transport: http, url: \"https://${HOST}/\"}";
    let secret = "{name: a, transport: stdio, command: a, env: {A: \"${TOKEN}\"}}";
    let other = Environment {
        variables: [("HOST", "b.example"), ("TOKEN", "x")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .into_iter()
            .collect(),
        ..environment()
    };
    let version = |server: &str, environment: &Environment| {
        compile(yaml(&with(server)), environment)
            .unwrap()
            .policy_version
    };
    assert_ne!(version(http, &set()), version(http, &other));
    assert_eq!(version(secret, &set()), version(secret, &other));
}

#[test]
fn what_is_unset_is_a_warning_only_where_nothing_runs() {
    let looking = Environment {
        unset: Unset::Warn,
        ..environment()
    };
    for server in [
        "{name: a, transport: stdio, command: a, env: {A: \"${NO}\", B: b}}",
        "{name: a, transport: http, url: \"https://${NO}/\"}",
        "{name: a, transport: http, url: \"https://a/\", headers: {X-A: \"${NO}\"}}",
    ] {
        assert_eq!(
            errors(&with(server), &environment()),
            [Code::UnsetVariable],
            "{server}"
        );
        let compiled = compile(yaml(&with(server)), &looking).unwrap();
        let codes: Vec<Code> = compiled.warnings.iter().map(|w| w.code).collect();
        assert_eq!(codes, [Code::UnsetVariable], "{server}");
    }
}

#[test]
fn headers_name_their_secrets() {
    let compiled = compiled(
        "{name: a, transport: http, url: \"https://a/\", headers: {Authorization: \"Bearer ${TOKEN}\", X-Tenant: \"50% of $5\", X-K: \"<${TOKEN}>\"}}",
    );
    let Reach::Http(server) = &compiled.upstreams[0].reach else {
        panic!("it is reached by HTTP");
    };
    let parts: Vec<_> = server
        .headers
        .iter()
        .map(|h| (&*h.name, &*h.before, h.variable.as_deref(), &*h.after))
        .collect();
    assert_eq!(
        parts,
        [
            ("authorization", "Bearer ", Some("TOKEN"), ""),
            ("x-tenant", "50% of $5", None, ""),
            ("x-k", "<", Some("TOKEN"), ">"),
        ]
    );
}

#[test]
fn a_variable_that_is_not_put_in_is_told() {
    let told = |server: &str| {
        let compiled = compiled(server);
        let warnings = compiled.warnings.iter().map(ToString::to_string);
        warnings.filter(|line| line.contains("MZ0501")).count()
    };
    assert_eq!(
        told(
            "{name: a, transport: stdio, command: \"${HOST}\", args: [x, \"-k=${TOKEN}\"], cwd: \"${PORT:-x}\"}"
        ),
        3
    );
    assert_eq!(
        told(
            "{name: a, transport: stdio, command: a, args: [\"$HOST\", \"${\", \"${1}\", \"$(x)\"], env: {A: \"${HOST}\"}}"
        ),
        0
    );
}

#[test]
fn every_part_of_a_definition_makes_another_tag() {
    let tag = |rest: &str, key: u8| {
        let server = format!("  - {{name: a, transport: stdio, {rest}}}\n");
        let text = format!("version: 1\nservers:\n{server}");
        stdio_servers(yaml(&text), &Variables::default()).unwrap()[0].tag(&[key; 32])
    };
    let plain = "command: x, args: [b, c], env: {D: e}";
    let mut tags = vec![tag(plain, 1), tag(plain, 2)];
    assert_eq!(tags[0], tag("command: x, env: {D: e}, args: [b, c]", 1));
    for other in [
        "command: y, args: [b, c], env: {D: e}",
        "command: x, args: [bc], env: {D: e}",
        "command: x, args: [b, c, D, e]",
        "command: x, args: [b, c], env: {D: f}",
        "command: x, args: [b, c], env: {E: e}",
        "command: x, args: [b, c], env: {D: e}, cwd: x",
        "command: x, args: [b, c], env: {D: e}, sessions: shared",
    ] {
        tags.push(tag(other, 1));
    }
    let all = tags.len();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), all);
    assert!(tags.iter().all(|tag| tag.len() == 32));
}
