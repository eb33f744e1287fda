//! A whole gateway as a user starts it: `mcp-zero run --dev`.

use crate::client::{Response, exchange, response};
use crate::part;
use crate::plane::ask_envoy;
use mcp_zero_identity::{GatewayKey, Owner, Purpose, Sealer};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const READY: Duration = Duration::from_secs(45);

/// A running gateway with its own port, state directory and Envoy; ended when dropped.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    address: SocketAddr,
    state: TempDir,
    records: Lines,
    log: Lines,
}

#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn follow(stream: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let kept = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                kept.0.lock().expect("no thread panics").push(line);
            }
        });
        lines
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().expect("no thread panics").clone()
    }
}

/// How a gateway is started.
#[derive(Debug, Default)]
pub struct Options {
    /// Further arguments of `run`.
    pub arguments: Vec<String>,
    /// Without the development issuer.
    pub no_dev: bool,
    /// Variables.
    pub variables: Vec<(String, String)>,
    /// Another filter than the shipped one.
    pub filter: Option<PathBuf>,
    /// Puts further files into the folder of the policy.
    pub beside: Option<fn(&Path)>,
}

impl Gateway {
    /// Starts with a policy in YAML and waits for the ready line.
    ///
    /// # Panics
    /// When it does not become ready; its log is in the message.
    pub fn start(policy: &str) -> Self {
        Self::start_with(policy, &Options::default())
    }

    /// As [`Gateway::start`], with options.
    ///
    /// # Panics
    /// As [`Gateway::start`].
    pub fn start_with(policy: &str, options: &Options) -> Self {
        let state = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(state.path().join("policy.yaml"), policy).expect("the policy is written");
        if let Some(beside) = options.beside {
            beside(state.path());
        }
        let mut command = Command::new(part("MCP_ZERO_TEST_GATEWAY"));
        command.arg("run");
        if !options.no_dev {
            command.arg("--dev");
        }
        command
            .args(["--host", "127.0.0.1", "--port", "0", "--admin", "off"])
            .args(["--concurrency", "1", "--log-format", "json"])
            .arg("--policy")
            .arg(state.path().join("policy.yaml"))
            .arg("--state-dir")
            .arg(state.path().join("state"))
            .arg("--envoy")
            .arg(part("MCP_ZERO_TEST_ENVOY"))
            .arg("--filter")
            .arg(match &options.filter {
                Some(filter) => filter.clone(),
                None => part("MCP_ZERO_TEST_FILTER"),
            })
            .args(&options.arguments)
            .envs(options.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("mcp-zero starts");
        let records = Lines::follow(child.stdout.take().expect("stdout is piped"));
        let log = Lines::follow(child.stderr.take().expect("stderr is piped"));
        let mut gateway = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            state,
            records,
            log,
        };
        gateway.wait_until_ready();
        gateway
    }

    fn wait_until_ready(&mut self) {
        let begin = Instant::now();
        loop {
            let lines = self.log.all();
            if lines.iter().any(|l| l.starts_with("ready:"))
                && let Some(port) = port_of(&lines, "curl -s").or_else(|| port_of(&lines, "URL"))
            {
                self.address.set_port(port);
                return;
            }
            let ended = self.child.try_wait().expect("the child can be asked");
            assert!(
                ended.is_none() && begin.elapsed() < READY,
                "not ready ({ended:?}):\n{}",
                lines.join("\n")
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a server for clients.
    pub fn url(&self, server: &str) -> String {
        format!("http://localhost:{}/mcp/{server}", self.address.port())
    }

    /// The state directory of the control plane.
    pub fn state(&self) -> PathBuf {
        self.state.path().join("state")
    }

    /// The process id of `mcp-zero`.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        self.log.all().join("\n")
    }

    /// A token of the development issuer.
    ///
    /// # Panics
    /// When there is none.
    pub fn token(&self, user: &str, groups: &str) -> String {
        token(&self.state(), user, groups)
    }

    /// Replaces the policy file.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn set_policy(&self, policy: &str) {
        let path = self.state.path().join("policy.yaml");
        std::fs::write(path, policy).expect("the policy is written");
    }

    /// Waits until the log holds a text `count` times.
    ///
    /// # Panics
    /// When it does not within 15 seconds.
    pub fn wait_for_log(&self, text: &str, count: usize) {
        let begin = Instant::now();
        while self.log().matches(text).count() < count {
            assert!(
                begin.elapsed() < Duration::from_secs(15),
                "no {text:?}:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for a number of audit records that are not of the ready probe.
    ///
    /// # Panics
    /// When they do not come, or more do.
    pub fn records(&self, count: usize) -> Vec<Value> {
        let begin = Instant::now();
        loop {
            let records = self.records_now();
            if records.len() >= count {
                // One more would be a second record of some exchange.
                std::thread::sleep(Duration::from_millis(250));
                let records = self.records_now();
                assert_eq!(records.len(), count, "{records:#?}");
                return records;
            }
            assert!(
                begin.elapsed() < Duration::from_secs(10),
                "{count} wanted: {records:#?}\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for a number of audit records of one tool, among whatever else a client does.
    ///
    /// # Panics
    /// As [`Gateway::records`].
    pub fn records_of(&self, tool: &str, count: usize) -> Vec<Value> {
        let begin = Instant::now();
        loop {
            let mut records = self.records_now();
            records.retain(|r| r["tool_name"] == tool);
            if records.len() >= count || begin.elapsed() > Duration::from_secs(10) {
                assert_eq!(records.len(), count, "{records:#?}");
                return records;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Every record so far, those of the ready probe too.
    ///
    /// # Panics
    /// When one is no JSON.
    pub fn all_records(&self) -> Vec<Value> {
        let lines = self.records.all();
        let parsed = lines.iter().map(|line| {
            serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"))
        });
        parsed.collect()
    }

    /// Waits for the record of one exchange.
    ///
    /// # Panics
    /// When it does not come, or there are two.
    pub fn record(&self, correlation_id: &str) -> Value {
        let begin = Instant::now();
        loop {
            let mut found = self.all_records();
            found.retain(|r| r["correlation_id"] == correlation_id);
            assert!(found.len() < 2, "{found:#?}");
            if let Some(record) = found.pop() {
                return record;
            }
            assert!(
                begin.elapsed() < Duration::from_secs(10),
                "no record of {correlation_id}:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// One of its Envoy's admin pages, without the head.
    ///
    /// # Panics
    /// When Envoy does not answer.
    pub fn envoy_admin(&self, page: &str) -> String {
        let answer = ask_envoy(&self.state().join("envoy.sock"), page);
        response(&answer).expect("a whole page").body
    }

    /// The process id of its Envoy, while there is one.
    ///
    /// # Panics
    /// When `ps` cannot be started.
    pub fn envoy_pid(&self) -> Option<u32> {
        let listed = Command::new("ps")
            .args(["-o", "pid=", "--ppid", &self.child.id().to_string()])
            .output()
            .expect("ps starts");
        let text = String::from_utf8_lossy(&listed.stdout);
        text.split_whitespace().find_map(|pid| pid.parse().ok())
    }

    /// The audit records that are there already, without those of the ready probe.
    ///
    /// # Panics
    /// When one is no JSON.
    pub fn records_now(&self) -> Vec<Value> {
        // The probe asks for `/` before anybody else can.
        self.all_records()
            .into_iter()
            .filter(|r| r["server_name"].is_string() || r["cause"] != "not_found")
            .collect()
    }

    /// Sends raw bytes.
    ///
    /// # Panics
    /// As [`exchange`].
    pub fn send(&self, request: &[u8]) -> Response {
        exchange(self.address, request)
    }

    /// Posts a message with a token.
    ///
    /// # Panics
    /// As [`exchange`].
    pub fn post(&self, server: &str, token: &str, body: &str) -> Response {
        self.post_with(
            server,
            &[("authorization", &format!("Bearer {token}"))],
            body,
        )
    }

    /// Posts a message with headers besides those that every client sends.
    ///
    /// # Panics
    /// As [`exchange`].
    pub fn post_with(&self, server: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let path = format!("/mcp/{server}");
        self.send(request("POST", &path, headers, body).as_bytes())
    }

    /// Its exit code, once it has ended.
    ///
    /// # Panics
    /// When it cannot be asked.
    pub fn exit_code(&mut self) -> Option<i32> {
        let status = self.child.try_wait().expect("the child can be asked");
        status.map(|status| status.code().unwrap_or(-1))
    }

    /// Asks it to end and waits; its exit code.
    ///
    /// # Panics
    /// When it does not end within ten seconds.
    pub fn end(&mut self) -> i32 {
        signal(self.child.id(), "TERM");
        let begin = Instant::now();
        loop {
            if let Some(code) = self.exit_code() {
                return code;
            }
            assert!(
                begin.elapsed() < Duration::from_secs(10),
                "does not end:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("gateway log:\n{}", self.log());
        }
        // Orderly, so that its Envoy ends too.
        signal(self.child.id(), "TERM");
        for _ in 0..200 {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request with the headers that every client sends; later ones replace them.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let defaults = [
        ("host", "localhost"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("connection", "close"),
    ];
    let mut text = format!("{method} {path} HTTP/1.1\r\n");
    let given = |name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    for (name, value) in defaults.iter().filter(|(n, _)| !given(n)).chain(headers) {
        if !value.is_empty() {
            let _ = write!(text, "{name}: {value}\r\n");
        }
    }
    if method == "POST" && !given("content-length") && !given("transfer-encoding") {
        let _ = write!(text, "content-length: {}\r\n", body.len());
    }
    text.push_str("\r\n");
    text.push_str(body);
    text
}

/// A session of a server as the caller of a token carries it, without asking the server for one.
///
/// # Panics
/// When the token is none, or `MCP_GATEWAY_KEY` is not the gateway's.
pub fn session(token: &str, server: &str, id: &str) -> String {
    use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Decoder as _};
    let key = std::env::var("MCP_GATEWAY_KEY").expect("`cargo xtask env` sets it");
    let key = GatewayKey::parse(&key).expect("a gateway key");
    let payload = token.split('.').nth(1).expect("a token");
    let payload = Base64UrlSafeNoPadding::decode_to_vec(payload, None).expect("base64url");
    let claims: Value = serde_json::from_slice(&payload).expect("claims");
    let text = |name: &str| claims[name].as_str().expect("a text").to_owned();
    let owner = Owner::Caller {
        issuer: &text("iss"),
        subject: &text("sub"),
    };
    let sealer = Sealer::new(&key, &["00000001"]).expect("a key id");
    let sealed = sealer.seal(Purpose::Session, owner, &[server, id]);
    sealed.expect("a short id")
}

/// A token from a state directory.
///
/// # Panics
/// When there is none.
pub fn token(state: &Path, user: &str, groups: &str) -> String {
    let made = Command::new(part("MCP_ZERO_TEST_GATEWAY"))
        .args(["token", "--user", user, "--groups", groups, "--state-dir"])
        .arg(state)
        .output()
        .expect("mcp-zero starts");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    String::from_utf8_lossy(&made.stdout).trim().to_owned()
}

/// Sends a signal to a process.
///
/// # Panics
/// When `kill` cannot be started.
pub fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .expect("kill starts");
}

/// The port in the banner's line that begins with a text. The command that is ready to paste has the
/// listener's own, whatever the public URL is.
fn port_of(lines: &[String], start: &str) -> Option<u16> {
    let rest = lines
        .iter()
        .find_map(|line| line.trim().strip_prefix(start))?;
    let rest = rest.trim().split("://").nth(1)?;
    rest.split('/').next()?.rsplit(':').next()?.parse().ok()
}
