//! An identity provider of others that exchanges tokens (PyPI's idpyoidc), over TLS.

use crate::{Authority, Process, exchange, free_address, part, request};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The client of the gateway, and its secret. The library reads Basic credentials as they stand,
/// without the form encoding of RFC 6749 §2.3.1, so there is nothing to encode in them.
const CLIENT: (&str, &str) = ("mcp-gateway", "c4n4ry-client-secret");

/// The running provider; ended when dropped.
#[derive(Debug)]
pub struct Exchanger {
    process: Process,
    address: SocketAddr,
    people: SocketAddr,
    authority: Authority,
    _folder: TempDir,
}

impl Exchanger {
    /// The audience of the tokens that its people get.
    pub const AUDIENCE: &'static str = "desk";

    /// Starts one that exchanges for one audience, and knows alice of the developers and bob of
    /// the developers and the guests.
    ///
    /// # Panics
    /// When it does not listen within 30 seconds.
    pub fn start(target: &str, scopes: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let authority = Authority::new(folder.path(), "authority");
        let identity = authority.sign(folder.path(), "server", "localhost");
        let (address, people) = (free_address(), free_address());
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("servers/exchange.py");
        let given = json!({
            "port": address.port(),
            "people_port": people.port(),
            "certificate": identity.certificate,
            "key": identity.key,
            "client": CLIENT.0,
            "secret": CLIENT.1,
            "target": target,
            "scopes": scopes,
            "people": {"alice": ["developers"], "bob": ["developers", "guests"]},
        });
        let process = Process::start(
            Command::new(part("MCP_ZERO_TEST_PYTHON"))
                .arg(script)
                .arg(given.to_string()),
            &folder.path().join("exchanger.log"),
        );
        let begin = Instant::now();
        for one in [address, people] {
            while TcpStream::connect(one).is_err() {
                assert!(
                    begin.elapsed() < Duration::from_secs(30),
                    "the identity provider does not listen: {}",
                    process.log()
                );
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Self {
            process,
            address,
            people,
            authority,
            _folder: folder,
        }
    }

    /// Its issuer, which is https.
    pub fn issuer(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// What a gateway has to be told of it.
    pub fn variables(&self) -> Vec<(String, String)> {
        [
            ("OKTA_TOKEN_ENDPOINT", format!("{}/token", self.issuer())),
            ("OKTA_CLIENT_ID", CLIENT.0.to_owned()),
            ("OKTA_CLIENT_SECRET", CLIENT.1.to_owned()),
            ("SSL_CERT_FILE", self.authority.file.display().to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// An access token of one of its people, by the code flow.
    ///
    /// # Panics
    /// When there is none.
    pub fn sign_in(&self, name: &str) -> String {
        let message = request("GET", &format!("/sign-in/{name}"), &[], "");
        let answer = exchange(self.people, message.as_bytes());
        assert_eq!(answer.status, 200, "{}", self.process.log());
        answer.body
    }

    /// Takes a token back.
    ///
    /// # Panics
    /// When it is none of its tokens.
    pub fn sign_out(&self, token: &str) {
        let message = request("POST", "/sign-out", &[], token);
        let answer = exchange(self.people, message.as_bytes());
        assert_eq!(answer.status, 200, "{}", self.process.log());
    }

    /// The requests for tokens so far: `grant_type`, `audience`, `scope`, `status`, `error`.
    ///
    /// # Panics
    /// When it has printed something else, which is an error of its own.
    pub fn asked(&self) -> Vec<Value> {
        self.process.told()
    }
}
