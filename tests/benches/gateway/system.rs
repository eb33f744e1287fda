//! The systems: what runs in front of the server, each a process tree of its own.

use crate::envoy::{Chain, Envoy};
use crate::workload::Token;
use clap::ValueEnum;
use mcp_zero_tests::{Gateway, Issuer, Options, Signer, exchange, request};
use serde_json::{Value, json};
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const POLICY: &str = include_str!("policy.yaml");
const IDENTITY: &str = "identity:
  issuer: ${ISSUER}
  audience: gateway
  claim_mapping: {user_id: ext.uid, groups: roles}
";
const MASKING: &str = "plugins:
  - name: presidio-masking
    config:
      entities: [EMAIL_ADDRESS, CREDIT_CARD, API_KEY, PASSWORD]
";
/// A call that every system lets through.
const CALL: &str = r#"{"jsonrpc":"2.0","id":1000000000,"method":"tools/call","params":{"name":"lookup_ticket","arguments":{}}}"#;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// Envoy's router alone.
    Bare,
    /// Envoy's own jwt_authn, mcp and rbac.
    Native,
    /// A Wasm filter that reads both bodies.
    Reader,
    /// The same, and it puts the answer back.
    Writer,
    /// Bare, with an access log like ours.
    Logged,
    /// The reader, and it calls the host as often as ours.
    Caller,
    /// Ours with token, policy, masking and audit.
    Ours,
    /// Ours without masking.
    NoMasking,
    /// Ours without tokens.
    NoIdentity,
    /// Ours without either.
    NoBoth,
}

impl Name {
    pub(crate) const ALL: [Self; 10] = [
        Self::Bare,
        Self::Native,
        Self::Reader,
        Self::Writer,
        Self::Logged,
        Self::Caller,
        Self::Ours,
        Self::NoMasking,
        Self::NoIdentity,
        Self::NoBoth,
    ];

    /// Whether it is measured when nothing else is asked for.
    pub(crate) fn is_usual(self) -> bool {
        matches!(
            self,
            Self::Bare | Self::Native | Self::Reader | Self::Writer | Self::Ours
        )
    }

    /// Whether it masks.
    pub(crate) fn masks(self) -> bool {
        matches!(self, Self::Ours | Self::NoIdentity)
    }

    fn is_ours(self) -> bool {
        matches!(
            self,
            Self::Ours | Self::NoMasking | Self::NoIdentity | Self::NoBoth
        )
    }

    /// Whether it hides tools from lists.
    pub(crate) fn filters(self) -> bool {
        // Without a token the caller is in no group, and the calls are allowed to everyone.
        self.is_ours()
    }

    /// Whether it refuses a forged token.
    pub(crate) fn checks_tokens(self) -> bool {
        matches!(self, Self::Native | Self::Ours | Self::NoMasking)
    }

    /// As it is called in reports.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Bare => "bare Envoy",
            Self::Native => "native chain",
            Self::Reader => "Wasm reader",
            Self::Writer => "Wasm writer",
            Self::Logged => "bare + log",
            Self::Caller => "Wasm caller",
            Self::Ours => "mcp-zero",
            Self::NoMasking => "no masking",
            Self::NoIdentity => "no identity",
            Self::NoBoth => "neither",
        }
    }
}

/// The token issuer and its endless supply.
pub(crate) struct Tokens {
    issuer: Issuer,
    count: Cell<u64>,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self {
            issuer: Issuer::start(),
            count: Cell::new(0),
        }
    }

    /// So many tokens as a workload wants them.
    pub(crate) fn supply(&self, token: Token, count: usize) -> Vec<String> {
        let (signer, count) = match token {
            Token::One => (Signer::Rsa, 1),
            Token::New(signer) => (signer, count),
            Token::Forged => (Signer::Foreign, count),
        };
        (0..count).map(|_| self.fresh(signer)).collect()
    }

    /// A token that was never used.
    fn fresh(&self, signer: Signer) -> String {
        self.count.set(self.count.get() + 1);
        let id = self.count.get();
        self.issuer.token(signer, |claims| {
            claims["jti"] = json!(format!("t-{id}"));
            claims["exp"] = json!(claims["exp"].as_u64().unwrap_or_default() + 10_000);
        })
    }

    fn keys(&self) -> Value {
        let address = self.issuer.url().replace("http://", "");
        let address: SocketAddr = address.parse().expect("an address");
        let mut keys = exchange(address, request("GET", "/keys", &[], "").as_bytes()).json();
        if let Some(keys) = keys["keys"].as_array_mut() {
            keys.retain(|key| key["kty"] == "RSA" || key["crv"] == "P-256");
        }
        keys
    }
}

/// A running system.
pub(crate) struct System {
    pub(crate) name: Name,
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    /// From its start to the first good answer.
    pub(crate) start_up: Duration,
    _process: Process,
}

enum Process {
    Envoy {
        _envoy: Envoy,
    },
    Ours {
        _gateway: Box<Gateway>,
        _audit: TempDir,
    },
}

impl System {
    /// Starts and waits for the first good answer.
    pub(crate) fn start(name: Name, upstream: SocketAddr, tokens: &Tokens) -> Self {
        let begin = Instant::now();
        let token = tokens.fresh(Signer::Rsa);
        let mut system = if name.is_ours() {
            ours(name, upstream, tokens)
        } else {
            foreign(name, upstream, tokens)
        };
        system.wait(begin, &token);
        system
    }

    fn wait(&mut self, begin: Instant, token: &str) {
        let token = format!("Bearer {token}");
        let message = request("POST", "/mcp/s", &[("authorization", &token)], CALL);
        let mut last = String::new();
        loop {
            if std::net::TcpStream::connect(self.address).is_ok() {
                let answer = exchange(self.address, message.as_bytes());
                if answer.status == 200 {
                    self.start_up = begin.elapsed();
                    return;
                }
                last = format!("{answer:?}");
            }
            assert!(
                begin.elapsed() < Duration::from_secs(60),
                "{} does not answer but {last}\n{}",
                self.name.label(),
                self.log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn log(&self) -> String {
        match &self._process {
            Process::Envoy { _envoy } => _envoy.log(),
            Process::Ours { _gateway, .. } => _gateway.log(),
        }
    }
}

fn foreign(name: Name, upstream: SocketAddr, tokens: &Tokens) -> System {
    let chain = match name {
        Name::Native => Chain::Native {
            issuer: tokens.issuer.url(),
            keys: tokens.keys(),
        },
        Name::Logged => Chain::Logged,
        Name::Reader => Chain::Reader { mode: "read" },
        Name::Writer => Chain::Reader { mode: "write" },
        Name::Caller => Chain::Reader { mode: "call" },
        _ => Chain::Bare,
    };
    let envoy = Envoy::start(&chain, upstream);
    System {
        name,
        address: envoy.address,
        pid: envoy.child.id(),
        start_up: Duration::ZERO,
        _process: Process::Envoy { _envoy: envoy },
    }
}

fn ours(name: Name, upstream: SocketAddr, tokens: &Tokens) -> System {
    let audit = tempfile::tempdir().expect("a temporary folder");
    let mut policy = POLICY.to_owned();
    let mut variables = vec![("MCP_SKIP_TLS_VALIDATION".to_owned(), "true".to_owned())];
    if matches!(name, Name::Ours | Name::NoMasking) {
        policy += IDENTITY;
    } else {
        let group = "subjects: {groups: [developers]}, ";
        policy = policy.replace(group, "");
        variables.push(("MCP_RELAX_STARTUP_CHECKS".to_owned(), "true".to_owned()));
    }
    if name.masks() {
        policy += MASKING;
    }
    let file = audit.path().join("audit.jsonl");
    let policy = policy
        .replace("${UPSTREAM}", &format!("http://{upstream}/mcp"))
        .replace("${ISSUER}", &tokens.issuer.url())
        .replace("${AUDIT}", &file.to_string_lossy());
    let options = Options {
        no_dev: true,
        variables,
        ..Options::default()
    };
    let gateway = Gateway::start_with(&policy, &options);
    System {
        name,
        address: gateway.address(),
        pid: gateway.pid(),
        start_up: Duration::ZERO,
        _process: Process::Ours {
            _gateway: Box::new(gateway),
            _audit: audit,
        },
    }
}
