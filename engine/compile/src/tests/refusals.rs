use super::*;

/// A policy that is whole but for what is put in.
fn around(section: &str) -> String {
    format!(
        "version: 1\nservers:\n  - {{name: demo, transport: http, url: https://demo.example/mcp}}\n{section}"
    )
}

/// Shows what each of the snippets is refused with.
fn table(cases: &[&str], whole: impl Fn(&str) -> String) -> String {
    let shown = cases.iter().map(|case| {
        let found = lines(&whole(case), &environment());
        format!("{case}\n{found}")
    });
    shown.collect::<Vec<_>>().join("\n\n")
}

#[test]
fn root() {
    let cases = [
        "",
        "1",
        "[]",
        "version: 1",
        "version: 2",
        "version: \"1\"",
        "version: 1.0",
        "version:",
        "version: 1\ndefault: denied",
        "version: 1\ndefault: no",
        "version: 1\ndefault: true",
        "default: deny",
        "version: 1\nserver: []\npolicys: []",
        "version: 1\nzzz: 1",
        "version: 1\nservers: {}",
        "version: 1\nservers: null",
        "version: 1\npolicies: allow",
        "version: 1\nanalytics: {redis: {url: x}}\ncors: {allow_origins: [https://a.example]}",
        "version: 1\nsubjects: {}\nissuer: x",
    ];
    insta::assert_snapshot!(table(&cases, str::to_owned));
}

#[test]
fn cors() {
    let cases = [
        "{}",
        "[]",
        "{allow_origins: []}",
        "{allow_origins: \"*\"}",
        "{allow_origins: [a.example, \"https://a.example/\", \"null\", \"ftp://a\", \"https://a.example:443\", \"http://a:0\"]}",
        "{allow_origins: [\"*\"], allow_credentials: true}",
        "{allow_origins: [\"*\", \"https://a.example\"]}",
        "{allow_origins: [\"*\"], allow_methods: [PUT, get], allow_headers: [\"*\"], expose_headers: [a b], max_age: 86401, origins: 1}",
        "{allow_origins: [\"https://a.example:8443\", \"http://[::1]:1\"], allow_credentials: true, max_age: 0}",
    ];
    insta::assert_snapshot!(table(&cases, |case| around(&format!("cors: {case}\n"))));
}

#[test]
fn the_environment_goes_over_cors_field_by_field() {
    let with = |variables: CorsVariables, section: &str| {
        let environment = Environment {
            cors: variables,
            ..environment()
        };
        let text = around(section);
        let source = Source::from_bytes("policy.yaml", text.as_bytes()).unwrap();
        compile(source, &environment).map(|c| c.policy.surface.unwrap().cors)
    };
    let origins = |list: &[&str]| Some(list.iter().map(|o| (*o).to_owned()).collect());
    let section = "cors: {allow_origins: [\"https://a.example\"], max_age: 5}\n";
    let found = with(
        CorsVariables {
            origins: origins(&["https://b.example"]),
            credentials: Some(true),
            max_age: None,
        },
        section,
    );
    let found = found.unwrap().unwrap();
    assert_eq!(found.allow_origins, ["https://b.example"]);
    assert_eq!((found.allow_credentials, found.max_age_seconds), (true, 5));
    let alone = CorsVariables {
        origins: origins(&["https://b.example"]),
        ..CorsVariables::default()
    };
    assert_eq!(with(alone, "").unwrap().unwrap().max_age_seconds, 600);
    for bad in [
        CorsVariables {
            max_age: Some(1),
            ..CorsVariables::default()
        },
        CorsVariables {
            origins: origins(&["b.example"]),
            ..CorsVariables::default()
        },
        CorsVariables {
            origins: origins(&["*"]),
            credentials: Some(true),
            max_age: None,
        },
    ] {
        assert!(with(bad.clone(), "").is_err(), "{bad:?}");
    }
    assert_eq!(with(CorsVariables::default(), "").unwrap(), None);
}

/// Conditions of a rule about a tool.
#[test]
fn conditions() {
    let cases = [
        "{}",
        "x",
        "{argument: path, equals: 1}",
        "{argument: $.path, equals: 1}",
        "{argument: /a~2, equals: 1}",
        "{argument: 5, equals: 1}",
        "{argument: /a}",
        "{argument: /a, equals: 1, glob: x}",
        "{argument: /a, equal: 1}",
        "{argument: /a, equals: .5}",
        "{argument: /a, equals: .inf}",
        "{argument: /a, in: 1}",
        "{argument: /a, in: []}",
        "{argument: /a, glob: 5}",
        "{argument: /a, regex: \"(\"}",
        "{argument: /a, regex: \"(?=a)\"}",
        "{argument: /a, regex: \"(a|b)*a(a|b){40}\"}",
        "{argument: /a, range: 5}",
        "{argument: /a, range: {}}",
        "{argument: /a, range: {min: \"1\"}}",
        "{argument: /a, range: {min: 2, max: 1.5}}",
        "{argument: /a, range: {least: 2}}",
        "{argument: /a, present: yes}",
        "{argument: \"\", equals: {b: [1, 2.50, x, null], a: true}}",
    ];
    let whole = |case: &str| {
        around(&format!(
            "policies:\n  - id: a\n    description: b\n    effect: allow\n    mcp_servers: [{{name: demo, tools: [x]}}]\n    when:\n      - {case}\n"
        ))
    };
    insta::assert_snapshot!(table(&cases, whole));
}

/// Only tools and prompts have arguments.
#[test]
fn conditions_elsewhere() {
    let cases = [
        "{name: demo}",
        "{name: demo, resources: [x]}",
        "{name: demo, tools: [x], resources: [x]}",
        "{name: demo, client_requests: [roots/list]}",
        "{name: demo, tools: [x], prompts: [x]}",
    ];
    let whole = |case: &str| {
        around(&format!(
            "policies:\n  - id: a\n    description: b\n    effect: allow\n    when: [{{argument: /a, present: true}}]\n    mcp_servers: [{{name: demo, tools: [x]}}, {case}]\n"
        ))
    };
    insta::assert_snapshot!(table(&cases, whole));
}

#[test]
fn servers() {
    let cases = [
        "{}",
        "x",
        "{name: A, transport: http, url: \"https://a/\"}",
        "{name: sse, transport: http, url: \"https://a/\"}",
        "{name: -a, transport: http, url: \"https://a/\"}",
        "{name: abcdefghijklmnopqrstuvwxyzabcdefg, transport: http, url: \"https://a/\"}",
        "{name: a, transport: http}",
        "{name: a, transport: htp, url: \"https://a/\"}",
        "{name: a, transport: streamable-http, url: \"https://a/\"}",
        "{name: a, transport: sse, url: \"https://a/\"}",
        "{name: a, transport: http, url: \"https://a/\", command: npx, sessions: shared}",
        "{name: a, transport: http, url: \"https://a/\", token_exchange: true, target_audience: x, required_scopes: [x]}",
        "{name: a, transport: http, url: \"https://a/\", token_exchange: false}",
        "{name: a, transport: http, url: \"https://a/\", token_exchange: true}",
        "{name: a, transport: http, url: \"https://a/\", token_exchange: yes, target_audience: x}",
        "{name: a, transport: http, url: \"https://a/\", target_audience: x, required_scopes: [x]}",
        "{name: a, transport: http, url: \"https://a/\", token_exchange: true, target_audience: x, required_scopes: [\"a b\"]}",
        "{name: a, transport: http, url: \"https://a/\", token_exchange: true, target_audience: x, headers: {authorization: Basic x}}",
        "{name: a, transport: http, url: \"https://a/\", timeout: 3, maxRequestBytes: 5}",
        "{name: a, transport: http, url: \"https://a/\", timeout_seconds: 0, connect_timeout_seconds: 2.5, stream_idle_seconds: -1, max_request_bytes: 33554433, max_response_bytes: \"1\"}",
        "{name: a, transport: http, url: \"https://a/\", max_request_bytes: true}",
        "{name: a, transport: http, url: \"https://a/\", max_request_bytes: 33554432}",
        "{name: a, transport: http, url: \"http://a/\"}",
        "{name: a, transport: http, url: \"http://a/\", allow_insecure: true}",
        "{name: a, transport: http, url: \"http://a/\", allow_insecure: yes}",
        "{name: a, transport: http, url: \"http://localhost:1/\"}",
        "{name: a, transport: http, url: \"https://user:secret@a/\"}",
        "{name: a, transport: http, url: \"https://169.254.169.254/\"}",
        "{name: a, transport: http, url: \"https://a/?x=1\"}",
        "{name: a, transport: http, url: 5}",
        "{name: a, transport: http, url: \"https://a/\", tls: {ca_file: ca.pem, client_cert_file: c.pem, sni: \"a b\"}}",
        "{name: a, transport: http, url: \"http://127.0.0.1/\", tls: {ca_file: ca.pem}}",
    ];
    let whole = |case: &str| format!("version: 1\nservers:\n  - {case}\n");
    insta::assert_snapshot!(table(&cases, whole));
    let twice = "version: 1\nservers:\n  - {name: a, transport: http, url: \"https://a/\"}\n  - {name: a, transport: http, url: \"https://b/\"}";
    assert_eq!(errors(twice, &environment()), [Code::NotUnique]);
}

#[test]
fn identity() {
    let cases = [
        "{}",
        "[]",
        "x",
        "{issuer: \"https://i.example\"}",
        "{audience: a}",
        "{issuer: \"https://i.example\", audience: []}",
        "{issuer: \"https://i.example\", audience: [a, a]}",
        "{issuer: \"https://i.example\", audience: [a, b], provider: any}",
        "{issuer: \"http://i.example\", audience: a}",
        "{issuer: \"http://localhost:1\", audience: a}",
        "{issuer: \"https://i.example?x\", audience: a}",
        "{issuer: \"https://i.example\", audience: a, allow_insecure: true}",
        "{issuer: \"https://i.example\", audience: a, algorithms: [RS256, RS512, EdDSA, HS256, none]}",
        "{issuer: \"https://i.example\", audience: a, algorithms: []}",
        "{issuer: \"https://i.example\", audience: a, token_types: [absent, jwt]}",
        "{issuer: \"https://i.example\", audience: a, leeway_seconds: 61, jwks_cache_seconds: 1, max_token_seconds: 0}",
        "{issuer: \"https://i.example\", audience: a, jwks_cache_seconds: 600, jwks_stale_seconds: 60}",
        "{issuer: \"https://i.example\", audience: a, jwks_uri: \"http://i.example/keys\"}",
        "{issuer: \"https://i.example\", audience: a, claim_mapping: {user: x, groups: a..b, email: a.b}}",
        "{issuer: \"https://i.example\", audience: a, required_scopes: [x]}",
        "{issuer: \"https://your-org.okta.com\", audience: a}",
        "{issuer: \"https://your-org.okta.com/oauth2/default\", audience: a}",
        "[{issuer: \"https://i.example\", audience: a}, {issuer: \"https://j.example\", audience: a}]",
        "[{name: a, issuer: \"https://i.example\", audience: a}, {name: a, issuer: \"https://i.example\", audience: b}]",
    ];
    let whole = |case: &str| around(&format!("identity: {case}\n"));
    let plain = anonymous();
    let shown = cases.iter().map(|case| {
        let found = lines(&whole(case), &plain);
        format!("{case}\n{found}")
    });
    insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n\n"));
}

#[test]
fn policies() {
    let cases = [
        "{}",
        "x",
        "{id: a, description: b, effect: allow}",
        "{id: a, description: b, effect: allow, mcp_servers: []}",
        "{id: a, description: b, effect: block, mcp_servers: [{name: demo}]}",
        "{id: \"\", description: \" \", effect: allow, mcp_servers: [{name: demo}]}",
        "{id: 7, description: b, effect: deny, mcp_servers: [{name: demo}]}",
        "{id: a, description: b, effect: allow, groups: [x], tools: [y], mcp_servers: [{name: demo}]}",
        "{id: a, description: b, effect: allow, subjects: {}, mcp_servers: [{name: demo}]}",
        "{id: a, description: b, effect: allow, subjects: {groups: []}, mcp_servers: [{name: demo}]}",
        "{id: a, description: b, effect: allow, subjects: {groups: devs}, mcp_servers: [{name: demo}]}",
        "{id: a, description: b, effect: allow, subjects: {groups: [1, null, \"\"]}, mcp_servers: [{name: demo}]}",
        "{id: a, description: b, effect: allow, subjects: {group: [x]}, mcp_servers: [{name: demo}]}",
        "{id: a, description: b, effect: allow, subjects: {issuers: [other]}, mcp_servers: [{name: demo}]}",
        "{id: a, description: b, effect: allow, subjects: {issuers: [okta], users: [x]}, mcp_servers: [{name: demo}]}",
        "{id: a, description: b, effect: allow, mcp_servers: [{name: demos}]}",
        "{id: a, description: b, effect: allow, mcp_servers: [{name: \"x*\"}]}",
        "{id: a, description: b, effect: allow, mcp_servers: [{tools: [a]}]}",
        "{id: a, description: b, effect: allow, mcp_servers: [{name: demo, tools: read_*}]}",
        "{id: a, description: b, effect: allow, mcp_servers: [{name: demo, tools: []}]}",
        "{id: a, description: b, effect: allow, mcp_servers: [{name: demo, tools: }]}",
        "{id: a, description: b, effect: allow, mcp_servers: [{name: demo, tools: [a, a]}]}",
        "{id: a, description: b, effect: allow, mcp_servers: [{name: demo, tools: [\"read_.*\", \"a?\", \"[ab]\"]}]}",
        "{id: a, description: b, effect: allow, mcp_servers: [{name: demo, resources: [\"file:///a?b=[1]\"]}]}",
        "{id: a, description: b, effect: deny, mcp_servers: [{name: demo, client_requests: [sampling/createMesage, \"roots/*\"]}]}",
        "{id: a, description: b, effect: allow, when: [], shadow: 1, mcp_servers: [{name: demo, tools: [x]}]}",
        "{id: a, description: b, effect: allow, shadow: false, mcp_servers: [{name: demo}]}",
        "{id: a, description: \"b\\u202e\", effect: allow, mcp_servers: [{name: demo}]}",
    ];
    let whole = |case: &str| around(&format!("policies:\n  - {case}\n"));
    insta::assert_snapshot!(table(&cases, whole));
}

#[test]
fn several_issuers_are_kept_apart() {
    let with = |subjects: &str| {
        let head = "identity:\n  - {name: a, issuer: \"https://a.example\", audience: x}\n  - {name: b, issuer: \"https://b.example\", audience: x}\n";
        around(&format!(
            "{head}policies:\n  - {{id: r, description: d, effect: deny, subjects: {subjects}, mcp_servers: [{{name: demo}}]}}\n"
        ))
    };
    let found = |subjects: &str| errors(&with(subjects), &anonymous());
    assert_eq!(found("{users: [alice]}"), [Code::IssuersMissing]);
    assert_eq!(found("{groups: [\"*\"]}"), [Code::IssuersMissing]);
    assert_eq!(
        found("{users: [alice], issuers: [c]}"),
        [Code::UnknownIdentity]
    );
    assert_eq!(found("{users: [alice], issuers: [a]}"), []);
    assert_eq!(found("{issuers: [a, b]}"), []);
}

#[test]
fn plugins_and_masking() {
    let cases = [
        "plugins: {}",
        "plugins: [{}]",
        "plugins: [{name: presidio-masking}]",
        "plugins: [{name: presidio-masking, config: {}}]",
        "plugins: [{name: presidio-masking, config: {entities: []}}]",
        "plugins: [{name: presidio-masking, config: {entities: EMAIL_ADDRESS}}]",
        "plugins: [{name: presidio-masking, entities: [PASSWORD], config: {entities: [PASSWORD]}}]",
        "plugins: [{name: presidio-masking, config: {entities: [EMAIL_ADRESS, PERSON, email_address, EMAIL_ADDRESS]}}]",
        "plugins: [{name: m, package: presidio-masking, priority: 90, config: {entities: [PASSWORD], score_threshold: 0.35}}]",
        "plugins: [{name: presidio-masking, priority: 30, config: {entities: [PASSWORD], score_threshold: 1.5, language: en, operators: {}}}]",
        "plugins: [{name: presidio-masking, priority: 55, config: {entities: [PASSWORD], score_threshold: high}}]",
        "plugins: [{name: a, package: presidio-masking, config: {entities: [PASSWORD]}}, {name: a, package: presidio-masking, config: {entities: [API_KEY]}}]",
        "plugins: [{name: rate-limit}, {name: presidio-maskin}, {name: my-plugin}]",
        "masking: {presidio: {enabled: true, entities: [PASSWORD]}}",
        "masking: {presidio: {enabled: false, entities: [PASSWORD]}}",
        "masking: {presidio: {entities: [PASSWORD]}}",
        "masking: {presidio: {enabled: true}}",
        "masking: {}",
        "masking: {presido: {}}",
        "masking: {presidio: {enabled: true, entities: [PASSWORD]}}\nplugins: [{name: presidio-masking, config: {entities: [PASSWORD]}}]",
    ];
    insta::assert_snapshot!(table(&cases, around));
}

#[test]
fn logging_and_audit() {
    let cases = [
        "logging: {level: warning, format: json}",
        "logging: {level: verbose, format: xml}",
        "logging: {include: [event_type]}",
        "logging: {levl: DEBUG}",
        "audit: {mode: best_effort, file: audit.jsonl, include_email: true}",
        "audit: {mode: required}",
        "audit: {mode: strict, include_email: 1}",
    ];
    insta::assert_snapshot!(table(&cases, around));
}

#[test]
fn everything_at_once_with_its_lines() {
    let text = "\
version: 1
defualt: deny
servers:
  - name: files
    transport: http
    url: http://files.internal/mcp
    max_request_bytes: 4MiB
policies:
  - id: readers
    description: Readers may read
    effect: alow
    subjects:
      groups: readers
    mcp_servers:
      - name: file
        tools: read_*
  - id: readers
    description: »nur lesen« \u{1f600}
    effect: deny
    groups: [x]
    mcp_servers: [{name: files, when: [1]}]
";
    let found = compile(yaml(text), &environment()).unwrap_err();
    insta::assert_snapshot!("everything_drawn", found.render(Look::default()));
    insta::assert_snapshot!("everything_in_lines", found.to_string());
    let look = Look {
        colour: true,
        width: 60,
    };
    assert!(found.render(look).contains('\u{1b}'));
}
