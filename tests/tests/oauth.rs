//! Clients that get their own tokens: the whole authorization flow of the official SDKs, from the first
//! 401 on, with an authorization server of others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{
    Authorization, Everything, Forward, Front, Gateway, KNOWN_CLIENT, Layout, Options, Session,
    policy,
};
use serde_json::{Value, json};

const METADATA: &str = "GET /.well-known/oauth-protected-resource/mcp/s";
const ROOT: &str = "GET /.well-known/oauth-protected-resource";

/// An authorization server, a gateway that trusts it, what stands before, and the MCP server.
struct Path {
    authorization: Authorization,
    front: Front,
    gateway: Gateway,
    /// The same policy, with both scopes.
    next: String,
    sent: Forward,
    _server: Everything,
}

impl Path {
    fn new(layout: Layout, scopes: &[&str], hesitant: bool) -> Self {
        let authorization = Authorization::start(&["mcp.use", "mcp.call"], hesitant);
        let server = Everything::start();
        let sent = Forward::listening(server.address());
        let front = Front::listen(layout);
        let policy = |scopes: &[&str]| {
            let identity = format!(
                "identity:
  issuer: {issuer}
  audience: ['{url}/mcp/s', '{url}', '{url}/']
  algorithms: [RS256]
  required_scopes: {scopes:?}
",
                issuer = authorization.issuer(),
                url = front.url(),
            );
            policy(&format!("http://{}/mcp", sent.address()))
                .replace("timeout_seconds: 2", "timeout_seconds: 20")
                + &identity
        };
        let (first, next) = (policy(scopes), policy(&["mcp.use", "mcp.call"]));
        // Not MCP_SKIP_TLS_VALIDATION: the issuer is https, by an authority of its own.
        let options = Options {
            no_dev: true,
            arguments: vec!["--public-url".to_owned(), front.url()],
            variables: vec![("SSL_CERT_FILE".to_owned(), authorization.certificate())],
            ..Options::default()
        };
        let gateway = Gateway::start_with(&first, &options);
        front.stand_before(gateway.address());
        Self {
            authorization,
            front,
            gateway,
            next,
            sent,
            _server: server,
        }
    }

    fn url(&self) -> String {
        format!("{}/mcp/s", self.front.url())
    }

    fn typescript(&self) -> Session {
        self.trusting(Session::sdk2(&self.url(), "").with(&["--protocol", "auto"]))
    }

    fn python(&self) -> Session {
        self.trusting(Session::python(&self.url(), ""))
    }

    fn trusting(&self, session: Session) -> Session {
        let certificate = self.authorization.certificate();
        session
            .with(&["--sign-in"])
            .knowing("NODE_EXTRA_CA_CERTS", &certificate)
            .knowing("SSL_CERT_FILE", &certificate)
    }

    /// What the authorization server was asked, in order: `METHOD path`, below its issuer's path
    /// where it can be.
    fn asked(&self) -> Vec<String> {
        let requests = self.authorization.requests();
        let told = requests.iter().map(|r| {
            let path = r["path"].as_str().unwrap();
            let below = path.strip_prefix("/oauth2/default").unwrap_or(path);
            format!("{} {below}", r["method"].as_str().unwrap())
        });
        told.collect()
    }

    /// The scopes that clients asked for, one authorization each.
    fn scopes(&self) -> Vec<Value> {
        let requests = self.authorization.requests();
        let begun = requests
            .iter()
            .filter(|r| r["path"] == "/oauth2/default/auth");
        begun.map(|r| r["query"]["scope"].clone()).collect()
    }
}

fn listed(session: Session) {
    let answers = session
        .then(&json!({"op": "list"}))
        .then(
            &json!({"op": "call", "name": "echo", "arguments": {"message": "mail a@example.com"}}),
        )
        .then(&json!({"op": "call", "name": "get-secret", "arguments": {}}))
        .run();
    assert_eq!(answers.len(), 3, "{answers:#?}");
    let tools = answers[0]["result"]["tools"].as_array();
    let tools = tools.unwrap_or_else(|| panic!("{answers:#?}"));
    assert!(tools.iter().any(|t| t["name"] == "echo"), "{tools:#?}");
    let echoed = answers[1]["result"]["content"][0]["text"].as_str();
    assert!(
        echoed.unwrap_or_default().ends_with("mail <EMAIL_ADDRESS>"),
        "{answers:#?}"
    );
    assert_eq!(answers[2]["result"]["isError"], true, "{answers:#?}");
}

/// Everything that holds whatever the layout, after one client has run.
fn whole_flow(path: &Path) {
    let seen = path.front.seen();
    let refused = seen.iter().position(|s| s == "POST /mcp/s 401");
    let served = seen.iter().position(|s| s == "POST /mcp/s 200 Bearer");
    assert!(
        refused == Some(0) && served.is_some(),
        "a challenge first, then answers: {seen:#?}"
    );
    // Nothing was asked of the gateway that is the authorization server's.
    let others = |s: &&String| !s.contains(" /mcp/s ") && !s.starts_with(ROOT);
    assert_eq!(seen.iter().find(others), None, "{seen:#?}");
    // The server was called, with what it may see and without the token.
    let sent = path.sent.seen();
    assert!(
        sent.contains("tools/call") && sent.contains("mail <EMAIL_ADDRESS>"),
        "{sent}"
    );
    let sent = sent.to_ascii_lowercase();
    assert!(
        !sent.contains("authorization:") && !sent.contains("eyj"),
        "{sent}"
    );
    let record = path.gateway.records_of("echo", 1).pop().unwrap();
    assert_eq!(record["user"]["id"], "alice", "{record}");
    assert_eq!(record["user"]["groups"], json!(["developers"]), "{record}");
}

fn metadata(path: &Path) -> Vec<String> {
    let mut seen = path.front.seen();
    seen.retain(|s| s.starts_with(ROOT));
    seen
}

/// Both clients, with one layout; `found` is where they looked.
fn layout(layout: Layout, found: &[&str], resource: &str) {
    for client in [Path::typescript, Path::python] {
        let path = Path::new(layout, &["mcp.use"], false);
        listed(client(&path));
        whole_flow(&path);
        assert_eq!(metadata(&path), found, "{:#?}", path.front.seen());
        let asked = path.asked();
        let position = |what: &str| asked.iter().position(|a| a == what);
        let steps = [
            "GET /.well-known/oauth-authorization-server/oauth2/default",
            "POST /reg",
            "GET /auth",
            "POST /token",
        ];
        let places: Vec<_> = steps.iter().map(|step| position(step)).collect();
        assert!(
            places.iter().all(Option::is_some) && places.is_sorted(),
            "{asked:#?}"
        );
        // What the challenge asked for, and no more of what there is.
        assert_eq!(path.scopes(), ["mcp.use"]);
        let requests = path.authorization.requests();
        for step in ["/oauth2/default/auth", "/oauth2/default/token"] {
            let request = requests.iter().find(|r| r["path"] == step).unwrap();
            let asked = request["query"]["resource"].as_str().unwrap_or_default();
            // A URL without a path is written with and without a slash.
            assert_eq!(
                asked.trim_end_matches('/'),
                format!("{}{resource}", path.front.url()),
                "{requests:#?}"
            );
        }
    }
}

#[test]
fn the_challenge_names_the_metadata() {
    layout(Layout::Announced, &[&format!("{METADATA} 200")], "/mcp/s");
}

#[test]
fn the_challenge_names_nothing() {
    layout(Layout::Unannounced, &[&format!("{METADATA} 200")], "/mcp/s");
}

#[test]
fn only_the_root_has_metadata() {
    let found = [format!("{METADATA} 404"), format!("{ROOT} 200")];
    layout(Layout::RootOnly, &found.each_ref().map(String::as_str), "");
}

#[test]
fn a_known_client_does_not_register() {
    for client in [Path::typescript, Path::python] {
        let path = Path::new(Layout::Announced, &["mcp.use"], false);
        listed(client(&path).with(&["--client-id", KNOWN_CLIENT]));
        whole_flow(&path);
        assert!(!path.asked().iter().any(|a| a == "POST /reg"));
    }
}

/// A person who first agrees to one scope of two: the 403 makes the client ask once more, for both.
#[test]
fn a_missing_scope_makes_clients_ask_again() {
    for client in [Path::typescript, Path::python] {
        let path = Path::new(Layout::Announced, &["mcp.use", "mcp.call"], true);
        listed(client(&path));
        whole_flow(&path);
        let seen = path.front.seen();
        let count = |what: &str| seen.iter().filter(|s| *s == what).count();
        assert_eq!(count("POST /mcp/s 401"), 1, "{seen:#?}");
        // Python asks again for the second message only: the first was its question for the era.
        let refused = count("POST /mcp/s 403 Bearer");
        assert!((1..=2).contains(&refused), "{seen:#?}");
        assert_eq!(path.scopes(), ["mcp.use mcp.call"; 2]);
    }
}

/// One that does not ask again is told which scopes are missing, and the server hears nothing.
#[test]
fn a_missing_scope_is_told_by_name() {
    let path = Path::new(Layout::Announced, &["mcp.use", "mcp.call"], true);
    let answers = path.typescript().with(&["--step-up", "throw"]).run();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(answers[0]["code"], "InsufficientScopeError", "{answers:#?}");
    let message = answers[0]["message"].as_str().unwrap();
    assert!(message.contains("mcp.use mcp.call"), "{message}");
    assert_eq!(path.sent.seen(), "");
}

/// A policy that comes to ask for one more scope, while a client is at work: its next call makes the client
/// ask, and the call is done after all, in the same session.
#[test]
fn a_scope_that_is_needed_from_now_on_is_asked_for() {
    for client in [Path::typescript, Path::python] {
        let path = Path::new(Layout::Announced, &["mcp.use"], false);
        // One that registered itself may be bound to the scopes it named then.
        let mut client = client(&path).with(&["--client-id", KNOWN_CLIENT]).talk();
        let echo =
            json!({"op": "call", "name": "echo", "arguments": {"message": "mail a@example.com"}});
        let first = client.ask(&echo);
        assert_eq!(first["ok"], true, "{first}");
        path.gateway.set_policy(&path.next);
        path.gateway
            .wait_for_log("\"resource\":\"TypedExtensionConfig\"", 2);
        let second = client.ask(&echo);
        assert_eq!(second["result"], first["result"], "{second}");
        drop(client);
        let seen = path.front.seen();
        let count = |what: &str| seen.iter().filter(|s| *s == what).count();
        assert_eq!(count("POST /mcp/s 403 Bearer"), 1, "{seen:#?}");
        assert_eq!(path.scopes(), ["mcp.use", "mcp.use mcp.call"]);
        let records = path.gateway.records_of("echo", 2);
        assert_eq!(records[0]["session"], records[1]["session"]);
    }
}
