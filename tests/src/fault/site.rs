//! One gateway on which faults are tried: server, control plane and Envoy as processes of
//! their own, with files and ports that outlive each of them.

use super::check::{Evidence, Excuse, Found};
use super::load::{Kind, Load, Seen, Target};
use super::{children, now_ms};
use crate::{Issuer, Signer, part, policy, request, signal, wait};
use serde_json::Value;
use std::collections::HashSet;
use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BOOTSTRAP: &str = include_str!("../../../envoy/bootstrap.yaml");

/// Who starts Envoy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `mcp-zero run`.
    Run,
    /// Somebody else; the control plane is `mcp-zero serve`.
    Serve,
}

/// The gateway and its server.
#[derive(Debug)]
pub struct Site {
    mode: Mode,
    folder: TempDir,
    /// The program of this crate that serves.
    program: PathBuf,
    issuer: Issuer,
    token: String,
    server_address: SocketAddr,
    address: SocketAddr,
    server: Option<Child>,
    control: Option<Child>,
    envoy: Option<Child>,
    checked: Checked,
}

/// How far earlier checks have come.
#[derive(Debug, Default)]
struct Checked {
    server: usize,
    stdio: usize,
    audit: usize,
    ids: HashSet<String>,
}

impl Site {
    /// Starts everything under the policy that allows `flip`. `program` is this crate's
    /// `mcp-zero-faults`; `prepare` may change the folder before.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn start(mode: Mode, program: &Path, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["state", "audit"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        prepare(folder.path());
        let issuer = Issuer::start();
        let token = issuer.token(Signer::Ec, |claims| {
            claims["aud"] = "gateway".into();
            claims["groups"] = serde_json::json!(["developers"]);
        });
        let mut site = Self {
            mode,
            folder,
            program: program.to_path_buf(),
            issuer,
            token,
            server_address: free_address(),
            address: free_address(),
            server: None,
            control: None,
            envoy: None,
            checked: Checked::default(),
        };
        site.start_server();
        site.set_policy(true);
        site.start_control();
        if mode == Mode::Serve {
            site.start_envoy();
        }
        site.wait_until_ready();
        site
    }

    /// The folder of everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A token that the policy knows.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The server, for clients.
    pub fn target(&self) -> Target {
        Target {
            address: self.address,
            token: self.token.clone(),
            server: "s",
            sessions: false,
        }
    }

    /// Makes the token issuer slow, or quick again.
    pub fn delay_issuer(&self, ms: u64) {
        self.issuer.delay(ms);
    }

    /// Starts clients with the usual mix.
    pub fn load(&self, clients: usize) -> Load {
        Load::start(&self.target(), clients)
    }

    /// Starts clients of the server that is a process behind the bridge.
    pub fn stdio_load(&self, clients: usize) -> Load {
        let target = Target {
            server: "t",
            sessions: true,
            ..self.target()
        };
        let kinds = [Kind::Plain, Kind::Denied, Kind::Masked, Kind::List];
        Load::of(&target, clients, &kinds)
    }

    /// Starts the server on its port.
    ///
    /// # Panics
    /// When it does not listen.
    pub fn start_server(&mut self) {
        let mut command = Command::new(&self.program);
        command
            .arg("serve")
            .arg(self.server_address.to_string())
            .arg(self.folder().join("server.jsonl"));
        self.server = Some(self.spawn(&mut command, "server.log"));
        wait("the server", || {
            TcpStream::connect(self.server_address).is_ok()
        });
    }

    /// Starts the control plane; under `run` Envoy too.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_control(&mut self) {
        let folder = self.folder().to_path_buf();
        let mut command = Command::new(part("MCP_ZERO_TEST_GATEWAY"));
        command
            .arg(if self.mode == Mode::Run {
                "run"
            } else {
                "serve"
            })
            .args([
                "--host",
                "127.0.0.1",
                "--admin",
                "off",
                "--log-format",
                "json",
            ])
            .args(["--skip-tls-validation=true", "--okta-audience", "gateway"])
            .args(["--okta-issuer", &self.issuer.url()])
            .args(["--port", &self.address.port().to_string()])
            .arg("--policy")
            .arg(folder.join("policy.yaml"))
            .arg("--state-dir")
            .arg(folder.join("state"))
            .arg("--filter")
            .arg(part("MCP_ZERO_TEST_FILTER"));
        if self.mode == Mode::Run {
            command.args(["--concurrency", "1", "--envoy"]);
            command.arg(part("MCP_ZERO_TEST_ENVOY"));
        }
        self.control = Some(self.spawn(&mut command, "control.log"));
    }

    /// Starts Envoy with the shipped bootstrap.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_envoy(&mut self) {
        let quoted = |path: PathBuf| format!("{:?}", path.to_string_lossy());
        let text = BOOTSTRAP
            .replace("${NODE_ID}", "test")
            .replace("${MODULE}", "test")
            .replace("${ADMIN_SOCKET}", &quoted(self.folder().join("admin.sock")))
            .replace(
                "${XDS_SOCKET}",
                &quoted(self.folder().join("state/xds.sock")),
            )
            .replace("${HEAP_BYTES}", "1073741824")
            .replace("${MAX_CONNECTIONS}", "1000");
        let file = self.folder().join("bootstrap.yaml");
        std::fs::write(&file, text).expect("the bootstrap is written");
        let mut command = Command::new(part("MCP_ZERO_TEST_ENVOY"));
        command
            .arg("-c")
            .arg(file)
            .args(["--use-dynamic-base-id", "--concurrency", "1"])
            .args([
                "--file-flush-interval-msec",
                "100",
                "--log-level",
                "warning",
            ]);
        self.envoy = Some(self.spawn(&mut command, "envoy.log"));
    }

    fn spawn(&self, command: &mut Command, log: &str) -> Child {
        let file = File::options()
            .create(true)
            .append(true)
            .open(self.folder().join(log))
            .expect("a log file");
        let out = file.try_clone().expect("the same file");
        command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(file)
            .spawn()
            .expect("the program starts")
    }

    /// Kills the server without warning.
    pub fn kill_server(&mut self) {
        kill(&mut self.server);
    }

    /// Stops the server where it stands, or lets it go on.
    pub fn freeze_server(&self, frozen: bool) {
        if let Some(server) = &self.server {
            signal(server.id(), if frozen { "STOP" } else { "CONT" });
        }
    }

    /// Kills `mcp-zero` without warning.
    pub fn kill_control(&mut self) {
        kill(&mut self.control);
    }

    /// Kills Envoy without warning; when that was. Under `run` it comes back by itself.
    ///
    /// # Panics
    /// When there is none.
    pub fn kill_envoy(&mut self) -> u64 {
        let pid = self.envoy_pid();
        let at = now_ms();
        match self.mode {
            Mode::Run => signal(pid, "KILL"),
            Mode::Serve => kill(&mut self.envoy),
        }
        at
    }

    /// The process id of `mcp-zero`.
    ///
    /// # Panics
    /// When it does not run.
    pub fn control_pid(&self) -> u32 {
        self.control.as_ref().expect("mcp-zero runs").id()
    }

    /// The process id of Envoy.
    ///
    /// # Panics
    /// When there is none.
    pub fn envoy_pid(&self) -> u32 {
        match &self.envoy {
            Some(envoy) => envoy.id(),
            None => self.child(|name| name == "envoy").expect("Envoy runs"),
        }
    }

    /// The process id of the bridge.
    ///
    /// # Panics
    /// When there is none.
    pub fn bridge_pid(&self) -> u32 {
        let bridge = self.child(|name| name.starts_with("mcp-stdio"));
        bridge.expect("the bridge runs")
    }

    fn child(&self, is: impl Fn(&str) -> bool) -> Option<u32> {
        children(self.control_pid()).into_iter().find(|pid| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            is(name.trim())
        })
    }

    /// Puts the policy in place that allows `flip`, or the one that does not, by a rename.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn set_policy(&self, flip: bool) {
        let url = format!("http://{}/mcp", self.server_address);
        let allowed = if flip { "'flip'" } else { "'flop'" };
        let text = policy(&url).replace("'echo'", allowed);
        let text = if self.mode == Mode::Run {
            self.with_stdio_server(&text)
        } else {
            text
        };
        let audit = self.folder().join("audit/audit.jsonl");
        let text = format!("{text}audit:\n  file: {:?}\n", audit.to_string_lossy());
        let new = self.folder().join("policy.new");
        std::fs::write(&new, text).expect("the policy is written");
        std::fs::rename(new, self.folder().join("policy.yaml")).expect("it is put in place");
    }

    /// A second server `t`, which is a process, under the same rules.
    fn with_stdio_server(&self, text: &str) -> String {
        let server = format!(
            "  - name: t\n    transport: stdio\n    command: {:?}\n    args: [stdio, {:?}]\npolicies:",
            self.program.to_string_lossy(),
            self.folder().join("stdio.jsonl").to_string_lossy()
        );
        text.replace("policies:", &server)
            .replace("      - name: s\n", "      - name: '*'\n")
    }

    /// Waits until calls are answered under a policy.
    ///
    /// # Panics
    /// When they are not within 15 seconds.
    pub fn wait_until_ready(&self) {
        let begin = Instant::now();
        loop {
            let bearer = format!("Bearer {}", self.token);
            let list = request(
                "POST",
                "/mcp/s",
                &[("authorization", &bearer)],
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
            );
            if TcpStream::connect(self.address).is_ok()
                && crate::exchange(self.address, list.as_bytes()).status == 200
            {
                return;
            }
            assert!(
                begin.elapsed() < Duration::from_secs(60),
                "not ready:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What `mcp-zero` has logged.
    pub fn log(&self) -> String {
        self.text("control.log")
    }

    fn text(&self, name: &str) -> String {
        let bytes = std::fs::read(self.folder().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The audit records since the last check, and the lines that are none.
    pub fn audit(&self) -> (Vec<Value>, usize) {
        let text = self.text("audit/audit.jsonl");
        let lines = text.lines().skip(self.checked.audit);
        let lines: Vec<_> = lines.map(serde_json::from_str).collect();
        let torn = lines.iter().filter(|line| line.is_err()).count();
        (lines.into_iter().flatten().collect(), torn)
    }

    /// How long the access log is, and how many bytes of it are on the disk.
    ///
    /// # Panics
    /// When there is none.
    pub fn log_size(&self) -> (u64, u64) {
        use std::os::unix::fs::MetadataExt as _;
        let log = self.folder().join("state/access.log");
        let about = std::fs::metadata(log).expect("an access log");
        (about.len(), about.blocks() * 512)
    }

    /// Joins everything since the last check, once all records have had time to come.
    ///
    /// # Panics
    /// When something does not fit.
    pub fn check(&mut self, seen: Vec<Seen>, excuse: &Excuse) -> Found {
        let mut evidence = Evidence {
            seen,
            token: self.token.clone(),
            past: std::mem::take(&mut self.checked.ids),
            ..Evidence::default()
        };
        let mut begin = Instant::now();
        let mut length = 0;
        let mut good = false;
        loop {
            evidence.server = self
                .text("server.jsonl")
                .lines()
                .skip(self.checked.server)
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect();
            (evidence.audit, evidence.torn) = self.audit();
            // A busy machine takes its time; as long as records come it is not over.
            if evidence.audit.len() > length {
                length = evidence.audit.len();
                begin = Instant::now();
            }
            let stdio = self.text("stdio.jsonl");
            let stdio = stdio.lines().skip(self.checked.stdio);
            let stdio: Vec<Value> = stdio
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect();
            let of_stdio = stdio.len();
            evidence.join_by_number(stdio);
            evidence.texts = [
                "audit/audit.jsonl",
                "state/access.log",
                "control.log",
                "envoy.log",
            ]
            .map(|name| (name.to_owned(), self.text(name)))
            .into();
            match evidence.check(excuse) {
                // Once more: a second record of an exchange would come late.
                Ok(found) if good => {
                    self.checked.server += evidence.server.len() - of_stdio;
                    self.checked.stdio += of_stdio;
                    self.checked.audit += evidence.audit.len();
                    let ids = evidence.audit.iter();
                    let ids = ids.filter_map(|r| Some(r["correlation_id"].as_str()?.to_owned()));
                    self.checked.ids = evidence.past;
                    self.checked.ids.extend(ids);
                    return found;
                }
                Ok(_) => {
                    good = true;
                    std::thread::sleep(Duration::from_millis(400));
                }
                Err(wrong) => {
                    assert!(
                        begin.elapsed() < Duration::from_secs(12),
                        "{} things do not fit:\n{}\n{}",
                        wrong.len(),
                        wrong
                            .iter()
                            .take(12)
                            .cloned()
                            .collect::<Vec<_>>()
                            .join("\n"),
                        self.log()
                            .lines()
                            .rev()
                            .take(20)
                            .collect::<Vec<_>>()
                            .join("\n"),
                    );
                    good = false;
                    std::thread::sleep(Duration::from_millis(200));
                }
            }
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Orderly, so that its Envoy ends too.
        if let Some(control) = &mut self.control {
            signal(control.id(), "TERM");
            for _ in 0..200 {
                if matches!(control.try_wait(), Ok(Some(_)) | Err(_)) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(25));
            }
        }
        kill(&mut self.control);
        kill(&mut self.envoy);
        self.freeze_server(false);
        kill(&mut self.server);
    }
}

fn kill(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn free_address() -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    free.local_addr().expect("a bound socket has an address")
}
