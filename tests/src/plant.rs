//! One server, one issuer and one policy, before whatever gateway a test starts.

use crate::{
    Issuer, Process, Response, Scripted, Signer, exchange, fill, part, policy, request, shipped,
    wait,
};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What the server answers to everything.
pub const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;

/// The server `crm`, its policy, and an issuer.
#[derive(Debug)]
pub struct Plant {
    /// Where files of the test go.
    pub folder: TempDir,
    /// The MCP server.
    pub server: Scripted,
    /// The issuer.
    pub issuer: Issuer,
}

impl Plant {
    /// Starts server and issuer and writes the policy.
    ///
    /// # Panics
    /// When one of them cannot be had.
    pub fn start() -> Self {
        let plant = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            server: Scripted::json(ANSWER),
            issuer: Issuer::start(),
        };
        let identity = format!(
            "identity:\n  issuer: {}\n  audience: gateway\n  claim_mapping: {{user_id: ext.uid, groups: roles}}\n",
            plant.issuer.url()
        );
        let rules = policy(&plant.server.url()).replace("name: s\n", "name: crm\n");
        std::fs::write(plant.policy(), rules + &identity).expect("the policy is written");
        plant
    }

    /// The policy's file.
    pub fn policy(&self) -> PathBuf {
        self.path().join("policy.yaml")
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts `mcp-zero serve` with further arguments, for a gateway that listens on `address`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn serve(&self, address: SocketAddr, arguments: &[&str]) -> Process {
        let mut command = Command::new(part("MCP_ZERO_TEST_GATEWAY"));
        command
            .arg("serve")
            .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
            .args([
                "--admin",
                "off",
                "--log-format",
                "json",
                "--skip-tls-validation=true",
            ])
            .arg("--policy")
            .arg(self.policy())
            .arg("--state-dir")
            .arg(self.path().join("state"))
            .arg("--filter")
            .arg(part("MCP_ZERO_TEST_FILTER"))
            .args(arguments);
        Process::start(&mut command, &self.path().join("serve.log"))
    }

    /// Where [`Plant::snapshot`] leaves the configuration of Envoy's own check of tokens.
    pub fn identity(&self) -> PathBuf {
        self.path().join("identity.pb")
    }

    /// A snapshot by `mcp-zero compile`, with the issuer's keys.
    ///
    /// # Panics
    /// When it is refused.
    pub fn snapshot(&self) -> String {
        let (snapshot, told) = self.compile(&[]);
        assert!(told.contains("does not follow key rotation"), "{told}");
        snapshot
    }

    /// As [`Plant::snapshot`], of a policy without identity.
    ///
    /// # Panics
    /// When it is refused.
    pub fn snapshot_relaxed(&self) -> String {
        self.compile(&["--relax-startup-checks=true"]).0
    }

    /// As [`Plant::snapshot`], with the keys of another issuer, which have the same ids.
    ///
    /// # Panics
    /// When it is refused.
    pub fn snapshot_with_keys_of(&self, other: &Issuer) -> String {
        let address = other.url().replace("http://", "");
        let address = address.parse().expect("an address");
        let keys = exchange(address, request("GET", "/keys", &[], "").as_bytes());
        let file = self.path().join("keys.json");
        std::fs::write(&file, &keys.body).expect("the keys are written");
        self.compile(&["--keys", &file.to_string_lossy()]).0
    }

    fn compile(&self, arguments: &[&str]) -> (String, String) {
        let (policy, identity) = (self.policy(), self.identity());
        let (policy, identity) = (policy.to_string_lossy(), identity.to_string_lossy());
        let first = [
            "compile",
            &policy,
            "--identity-out",
            &identity,
            "--skip-tls-validation=true",
        ];
        let done = crate::mcp_zero(&[&first, arguments].concat());
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{told}");
        let snapshot = String::from_utf8_lossy(&done.stdout).trim().to_owned();
        (snapshot, told)
    }

    /// The shipped configuration of a gateway without control plane, filled in.
    ///
    /// # Panics
    /// When a name of it is left.
    pub fn static_gateway(&self, address: SocketAddr, snapshot: &str) -> String {
        let url = self.server.url();
        let authority = url.trim_start_matches("http://").trim_end_matches("/mcp");
        let (host, port) = authority.split_once(':').expect("an address with a port");
        let path = |name: &str| self.path().join(name).to_string_lossy().into_owned();
        fill(
            &shipped("envoy/static.yaml"),
            &[
                ("ADMIN_SOCKET", &path("admin.sock")),
                ("ACCESS_LOG", &path("access.log")),
                ("LISTEN_HOST", "127.0.0.1"),
                ("LISTEN_PORT", &address.port().to_string()),
                ("FILTER", &part("MCP_ZERO_TEST_FILTER").to_string_lossy()),
                ("SNAPSHOT", snapshot),
                ("IDENTITY", &self.identity().to_string_lossy()),
                ("SERVER_PATH", "/mcp"),
                ("SERVER_AUTHORITY", authority),
                ("SERVER_HOST", host),
                ("SERVER_PORT", port),
            ],
        )
    }

    /// A tool call to `crm`; without a token where `token` is none.
    ///
    /// # Panics
    /// When nobody answers.
    pub fn call(&self, gateway: SocketAddr, tool: &str, token: Option<&str>) -> Response {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}"#
        );
        let bearer = token.map(|t| format!("Bearer {t}"));
        let headers: Vec<(&str, &str)> = bearer
            .iter()
            .map(|b| ("authorization", b.as_str()))
            .collect();
        exchange(
            gateway,
            request("POST", "/mcp/crm", &headers, &body).as_bytes(),
        )
    }

    /// A developer's token.
    pub fn token(&self) -> String {
        self.issuer.token(Signer::Rsa, |_| {})
    }

    /// Waits until our filter answers and has the issuer's keys.
    ///
    /// # Panics
    /// When it does not within 45 seconds.
    pub fn wait_until_ready(&self, gateway: SocketAddr) {
        let token = self.token();
        wait("the gateway", || {
            TcpStream::connect(gateway).is_ok()
                && self.call(gateway, "nobody", Some(&token)).status == 200
        });
    }

    /// Allowed, denied, without a token, with somebody else's: what a gateway has to say, and
    /// that only the first reaches the server, without the token.
    ///
    /// # Panics
    /// When the gateway says something else.
    pub fn judge(&self, gateway: SocketAddr) {
        let before = self.server.received().len();
        let token = self.token();
        let allowed = self.call(gateway, "get-x", Some(&token));
        assert_eq!((allowed.status, allowed.body.as_str()), (200, ANSWER));
        let denied = self.call(gateway, "get-secret", Some(&token));
        assert_eq!(denied.status, 200);
        assert!(denied.body.contains("Access denied"), "{}", denied.body);
        let nobody = self.call(gateway, "get-x", None);
        assert_eq!(nobody.status, 401);
        assert!(nobody.header("www-authenticate").is_some(), "{nobody:?}");
        let forged = self.issuer.token(Signer::Foreign, |_| {});
        assert_eq!(self.call(gateway, "get-x", Some(&forged)).status, 401);
        let received = self.server.received();
        assert_eq!(received.len(), before + 1);
        let one = &received[before];
        assert!(one.head.starts_with("POST /mcp HTTP/1.1"), "{}", one.head);
        assert_eq!(one.header("authorization"), None);
    }
}
