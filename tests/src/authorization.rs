//! An authorization server of others (npm's oidc-provider) over TLS, and the authority whose
//! certificate it has.

use crate::{Authority, Process, free_address, part};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A client that the server knows before it has registered.
pub const KNOWN_CLIENT: &str = "known-client";

/// The running server; ended when dropped. Its issuer has a path, as Okta's have.
#[derive(Debug)]
pub struct Authorization {
    process: Process,
    issuer: String,
    authority: Authority,
    _folder: TempDir,
}

impl Authorization {
    /// Starts one that knows some scopes. One that is `hesitant` grants only the first scope when
    /// it is asked for the first time, as a person does who does not agree to everything.
    ///
    /// # Panics
    /// When it does not listen within 30 seconds.
    pub fn start(scopes: &[&str], hesitant: bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let authority = Authority::new(folder.path(), "authority");
        let identity = authority.sign(folder.path(), "server", "localhost");
        let address = free_address();
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("servers/authorization.mjs");
        let given = json!({
            "port": address.port(),
            "certificate": identity.certificate,
            "key": identity.key,
            "scopes": scopes,
            "hesitant": hesitant,
            "client": {"id": KNOWN_CLIENT, "redirect": "http://127.0.0.1:1/callback"},
        });
        let process = Process::start(
            Command::new(part("MCP_ZERO_TEST_NODE"))
                .arg(script)
                .arg(given.to_string()),
            &folder.path().join("authorization.log"),
        );
        let server = Self {
            process,
            issuer: format!("https://localhost:{}/oauth2/default", address.port()),
            authority,
            _folder: folder,
        };
        let begin = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(
                begin.elapsed() < Duration::from_secs(30),
                "the authorization server does not listen: {}",
                server.process.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// Its issuer, which is https.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The certificate by which programs know it, in PEM.
    pub fn certificate(&self) -> String {
        self.authority.file.to_string_lossy().into_owned()
    }

    /// Every request so far: `method`, `path`, and `query` (or form) without its secrets.
    ///
    /// # Panics
    /// When it has printed something else, which is an error of its own.
    pub fn requests(&self) -> Vec<Value> {
        self.process.told()
    }
}
