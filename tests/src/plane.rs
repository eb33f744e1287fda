//! Control plane and Envoy started apart, as in a cluster: `mcp-zero serve`, and Envoy with
//! the shipped `envoy/bootstrap.yaml`.

use crate::client::exchange;
use crate::{Response, part};
use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BOOTSTRAP: &str = include_str!("../../envoy/bootstrap.yaml");

/// A folder in which one control plane and one Envoy meet.
#[derive(Debug)]
pub struct Plane {
    state: TempDir,
    address: SocketAddr,
    issuer: String,
    control: Option<Child>,
    envoy: Option<Child>,
    /// What the bootstrap says in place of its names.
    fills: Vec<(&'static str, String)>,
}

impl Plane {
    /// Prepares a policy; nothing runs yet.
    ///
    /// # Panics
    /// When no port is free.
    pub fn new(policy: &str, issuer: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("a bound socket has an address");
        let plane = Self {
            state: tempfile::tempdir().expect("a temporary folder"),
            address,
            issuer: issuer.to_owned(),
            control: None,
            envoy: None,
            fills: vec![
                ("${HEAP_BYTES}", "1073741824".to_owned()),
                ("${MAX_CONNECTIONS}", "1000".to_owned()),
            ],
        };
        plane.set_policy(policy);
        plane
    }

    /// Replaces the policy file.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn set_policy(&self, policy: &str) {
        std::fs::write(self.path().join("policy.yaml"), policy).expect("the policy is written");
    }

    fn path(&self) -> &Path {
        self.state.path()
    }

    /// The control plane's state directory.
    pub fn state(&self) -> std::path::PathBuf {
        self.path().join("state")
    }

    /// Has the bootstrap say something else in place of a text of it.
    ///
    /// # Panics
    /// When the bootstrap does not hold the text.
    #[must_use]
    pub fn with(mut self, text: &'static str, instead: &str) -> Self {
        assert!(BOOTSTRAP.contains(text), "no {text:?} in the bootstrap");
        self.fills.insert(0, (text, instead.to_owned()));
        self
    }

    /// Starts the control plane.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_control(&mut self) {
        let mut command = Command::new(part("MCP_ZERO_TEST_GATEWAY"));
        command
            .args([
                "serve",
                "--host",
                "127.0.0.1",
                "--admin",
                "off",
                "--log-format",
                "json",
            ])
            .args([
                "--skip-tls-validation=true",
                "--okta-audience",
                "mcp-zero-dev",
                "--okta-issuer",
            ])
            .arg(&self.issuer)
            .args(["--port", &self.address.port().to_string()])
            .arg("--policy")
            .arg(self.path().join("policy.yaml"))
            .arg("--state-dir")
            .arg(self.path().join("state"))
            .arg("--filter")
            .arg(part("MCP_ZERO_TEST_FILTER"));
        self.control = Some(self.spawn(&mut command, "control.log"));
    }

    /// Starts Envoy with the shipped bootstrap.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_envoy(&mut self) {
        let quoted = |path: &Path| format!("{:?}", path.to_string_lossy());
        let text = BOOTSTRAP
            .replace("${NODE_ID}", "test")
            .replace("${MODULE}", "test")
            .replace("${ADMIN_SOCKET}", &quoted(&self.path().join("admin.sock")))
            .replace(
                "${XDS_SOCKET}",
                &quoted(&self.path().join("state/xds.sock")),
            );
        let text = self
            .fills
            .iter()
            .fold(text, |text, (name, value)| text.replace(name, value));
        let file = self.path().join("bootstrap.yaml");
        std::fs::write(&file, text).expect("the bootstrap is written");
        let mut command = Command::new(part("MCP_ZERO_TEST_ENVOY"));
        command.arg("-c").arg(file).args([
            "--use-dynamic-base-id",
            "--concurrency",
            "1",
            "--log-level",
            "warning",
        ]);
        self.envoy = Some(self.spawn(&mut command, "envoy.log"));
    }

    fn spawn(&self, command: &mut Command, log: &str) -> Child {
        let file = File::options()
            .create(true)
            .append(true)
            .open(self.path().join(log))
            .expect("a log file");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("the program starts")
    }

    /// Kills the control plane without warning.
    pub fn kill_control(&mut self) {
        if let Some(mut child) = self.control.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What the control plane has logged.
    pub fn control_log(&self) -> String {
        std::fs::read_to_string(self.path().join("control.log")).unwrap_or_default()
    }

    /// Waits until the control plane's log holds a text so often.
    ///
    /// # Panics
    /// When it does not within 45 seconds.
    pub fn wait_for_log(&self, text: &str, count: usize) {
        wait(&format!("{text:?} in the log"), || {
            self.control_log().matches(text).count() >= count
        });
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether anybody listens for clients.
    pub fn listens(&self) -> bool {
        TcpStream::connect(self.address).is_ok()
    }

    /// Waits until our filter answers.
    ///
    /// # Panics
    /// When it does not within 45 seconds.
    pub fn wait_until_ready(&self) {
        wait("the filter", || {
            self.listens()
                && self
                    .send(crate::request("GET", "/", &[], "").as_bytes())
                    .status
                    == 404
        });
    }

    /// Sends raw bytes.
    ///
    /// # Panics
    /// As [`exchange`].
    pub fn send(&self, request: &[u8]) -> Response {
        exchange(self.address, request)
    }

    /// Envoy's admin socket.
    pub fn admin_socket(&self) -> std::path::PathBuf {
        self.path().join("admin.sock")
    }

    /// One of Envoy's admin pages.
    ///
    /// # Panics
    /// When Envoy does not answer.
    pub fn admin(&self, page: &str) -> String {
        admin(&self.admin_socket(), page)
    }
}

/// A page of Envoy's admin interface.
///
/// # Panics
/// When Envoy does not answer.
pub fn admin(socket: &Path, page: &str) -> String {
    String::from_utf8_lossy(&ask_envoy(socket, page)).into_owned()
}

/// The same as it comes over its socket.
pub(crate) fn ask_envoy(socket: &Path, page: &str) -> Vec<u8> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::os::unix::net::UnixStream::connect(socket).expect("Envoy's admin");
    let text = format!("GET {page} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream
        .write_all(text.as_bytes())
        .expect("the request is sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    answer
}

impl Drop for Plane {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let envoy = std::fs::read_to_string(self.path().join("envoy.log"));
            eprintln!("{}\n{}", self.control_log(), envoy.unwrap_or_default());
        }
        self.kill_control();
        if let Some(mut child) = self.envoy.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits up to 45 seconds: machines are slow when much is tested at once.
///
/// # Panics
/// When it does not come true.
pub fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(
            begin.elapsed() < Duration::from_secs(45),
            "{what} does not come"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}
