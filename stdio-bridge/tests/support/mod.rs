//! A bridge under test, and a plain HTTP/1.1 client for it.

#![allow(dead_code, reason = "each test file uses a part")]

use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const ALICE: &str = "a11ce0000000000000000000000000aa";
pub(crate) const BOB: &str = "b0b00000000000000000000000000bb0";
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for something that comes in a while.
#[track_caller]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let limit = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < limit, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A server definition that runs the fake.
pub(crate) fn fake(directory: &Path, name: &str, eras: &str) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake.py");
    json!({
        "name": name,
        "transport": "stdio",
        "command": python(),
        "args": ["-u", script, marker(directory), eras],
        "env": {"GREETING": "hello"},
    })
}

/// The interpreter itself: some machines have a shell script in front of it.
pub(crate) fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let asked = Command::new("python3")
            .args(["-c", "import sys; print(sys.executable)"])
            .output()
            .expect("python3 is needed: apt-get install python3");
        String::from_utf8(asked.stdout).unwrap().trim().to_owned()
    })
}

/// What stands in the arguments of every process of one test.
pub(crate) fn marker(directory: &Path) -> String {
    format!("mark-{}", directory.file_name().unwrap().to_string_lossy())
}

/// A process that does not outlive its test.
pub(crate) struct Kill(pub(crate) Child);

impl Drop for Kill {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running bridge.
pub(crate) struct Bridge {
    pub(crate) directory: TempDir,
    pub(crate) child: Child,
    /// What requests say of the definition that was judged, by path.
    pub(crate) tags: Mutex<HashMap<String, String>>,
}

impl Bridge {
    /// The fake, per client, legacy only, under the name `fake`.
    pub(crate) fn fake() -> Self {
        Self::with(|directory| vec![fake(directory, "fake", "legacy")], &[])
    }

    pub(crate) fn with(servers: impl Fn(&Path) -> Vec<Value>, options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let servers = servers(directory.path());
        write_policy(directory.path(), &servers);
        let bridge = Self::start(directory, options);
        eventually("a policy is loaded", || {
            bridge.get("/healthz", &[]).status == 200
        });
        bridge
    }

    pub(crate) fn start(directory: TempDir, options: &[&str]) -> Self {
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let socket = format!("unix:{}", directory.path().join("s").display());
        let child = command(directory.path(), &socket)
            .args(options)
            .stderr(log)
            .spawn()
            .unwrap();
        let bridge = Self {
            directory,
            child,
            tags: Mutex::default(),
        };
        eventually("the bridge listens", || {
            UnixStream::connect(bridge.socket()).is_ok()
        });
        bridge
    }

    /// One that was started elsewhere.
    pub(crate) fn of(directory: TempDir, child: Child) -> Self {
        let bridge = Self {
            directory,
            child,
            tags: Mutex::default(),
        };
        eventually("a policy is loaded", || {
            UnixStream::connect(bridge.socket()).is_ok()
                && bridge.get("/healthz", &[]).status == 200
        });
        bridge
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("s")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    pub(crate) fn policy(&self, servers: &[Value]) -> Vec<u8> {
        write_policy(self.directory.path(), servers)
    }

    /// Processes of this test's servers.
    pub(crate) fn processes(&self) -> Vec<u32> {
        marked(&marker(self.directory.path()))
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if let Some(tag) = self.tags.lock().unwrap().get(path) {
            head += &format!("x-mcp-zero-server: {tag}\r\n");
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        // A server may answer before it has read everything.
        let _ = stream.write_all(body);
        Reply::read(stream)
    }

    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send("GET", path, headers, b"")
    }

    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut all = vec![
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ];
        all.extend_from_slice(headers);
        self.send("POST", path, &all, body)
    }

    /// Opens a session of `server`.
    pub(crate) fn session(&self, server: &str, caller: &str) -> Session<'_> {
        self.session_of(server, caller, self.initialize(server, caller))
    }

    /// The session that an answer to `initialize` has opened.
    pub(crate) fn session_of(&self, server: &str, caller: &str, reply: Reply) -> Session<'_> {
        assert_eq!(reply.status, 200);
        let id = reply
            .header("mcp-session-id")
            .expect("a session")
            .to_owned();
        let answer = reply.json();
        assert_eq!(answer["id"], "init", "{answer}");
        assert!(answer["result"]["protocolVersion"].is_string(), "{answer}");
        let session = Session {
            bridge: self,
            path: format!("/{server}"),
            caller: caller.to_owned(),
            id,
        };
        let done = session.post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        assert_eq!(done.status, 202);
        session
    }

    pub(crate) fn initialize(&self, server: &str, caller: &str) -> Reply {
        let body = json!({"jsonrpc":"2.0","id":"init","method":"initialize","params":{
            "protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}});
        self.post(
            &format!("/{server}"),
            &[("x-mcp-zero-caller", caller)],
            body.to_string().as_bytes(),
        )
    }

    /// A tool call of 2026-07-28.
    pub(crate) fn modern(&self, server: &str, caller: &str, body: &Value) -> Reply {
        let mut body = body.clone();
        body["jsonrpc"] = "2.0".into();
        body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
        body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        self.post(
            &format!("/{server}"),
            &[
                ("x-mcp-zero-caller", caller),
                ("mcp-protocol-version", "2026-07-28"),
            ],
            body.to_string().as_bytes(),
        )
    }

    pub(crate) fn modern_tool(&self, server: &str, caller: &str, tool: &str) -> Reply {
        let body = json!({"id":1,"method":"tools/call","params":{"name":tool,"arguments":{}}});
        self.modern(server, caller, &body)
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let limit = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < limit, "the bridge does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            self.signal("-TERM");
            self.wait();
        }
        let mark = marker(self.directory.path());
        let limit = Instant::now() + PATIENCE;
        while !marked(&mark).is_empty() && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(20));
        }
        let left = marked(&mark);
        if !std::thread::panicking() {
            assert!(left.is_empty(), "left behind: {left:?}");
        }
    }
}

pub(crate) fn command(directory: &Path, listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-stdio-bridge"));
    command
        .arg("--policy")
        .arg(directory.join("policy.json"))
        .args([
            "--listen",
            listen,
            "--log-level",
            "debug",
            "--log-format",
            "text",
        ])
        .stdin(Stdio::null());
    command
}

pub(crate) fn write_policy(directory: &Path, servers: &[Value]) -> Vec<u8> {
    let bytes = json!({"version": 1, "servers": servers})
        .to_string()
        .into_bytes();
    let fresh = directory.join("policy.json.new");
    std::fs::write(&fresh, &bytes).unwrap();
    std::fs::rename(&fresh, directory.join("policy.json")).unwrap();
    bytes
}

/// Processes with a word in their arguments, zombies left out.
pub(crate) fn marked(mark: &str) -> Vec<u32> {
    let own = std::process::id();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != own)
        .filter(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|b| *b == 0).any(|word| word == mark.as_bytes())
        })
        .collect()
}

/// A session under test.
pub(crate) struct Session<'b> {
    pub(crate) bridge: &'b Bridge,
    pub(crate) path: String,
    pub(crate) caller: String,
    pub(crate) id: String,
}

impl Session<'_> {
    pub(crate) fn headers(&self) -> [(&str, &str); 2] {
        [
            ("x-mcp-zero-caller", &self.caller),
            ("mcp-session-id", &self.id),
        ]
    }

    pub(crate) fn post(&self, body: &str) -> Reply {
        self.bridge
            .post(&self.path, &self.headers(), body.as_bytes())
    }

    pub(crate) fn call(&self, id: &str, tool: &str, arguments: &Value) -> Reply {
        self.post(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments},"_meta":{{"progressToken":{id}}}}}}}"#
        ))
    }

    /// The text of a tool's result.
    #[track_caller]
    pub(crate) fn text(&self, tool: &str, arguments: &Value) -> String {
        let reply = self.call("\"t\"", tool, arguments);
        assert_eq!(reply.status, 200);
        let answer = reply.message();
        answer["result"]["content"][0]["text"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    }

    pub(crate) fn listen(&self, last: Option<&str>) -> Reply {
        let mut headers = vec![("accept", "text/event-stream")];
        headers.extend(self.headers());
        headers.extend(last.map(|last| ("last-event-id", last)));
        self.bridge.get(&self.path, &headers)
    }

    pub(crate) fn delete(&self) -> u16 {
        self.bridge
            .send("DELETE", &self.path, &self.headers(), b"")
            .status
    }
}

/// A response whose body is read as it comes.
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    stream: BufReader<UnixStream>,
    chunk: Vec<u8>,
    length: Option<usize>,
}

/// One event of a stream.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: Option<String>,
    pub(crate) retry: bool,
    pub(crate) comment: bool,
    pub(crate) data: String,
}

impl Event {
    #[track_caller]
    pub(crate) fn message(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

impl Reply {
    fn read(stream: UnixStream) -> Self {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let status = line
            .split(' ')
            .nth(1)
            .unwrap_or_else(|| panic!("{line:?}"))
            .parse()
            .unwrap();
        let mut headers = Vec::new();
        loop {
            line.clear();
            stream.read_line(&mut line).unwrap();
            match line.trim_end().split_once(": ") {
                Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
                None => break,
            }
        }
        let mut reply = Self {
            status,
            headers,
            stream,
            chunk: Vec::new(),
            length: None,
        };
        reply.length = reply.header("content-length").map(|l| l.parse().unwrap());
        reply
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.header("content-type") == Some("text/event-stream")
    }

    /// More bytes of the body; false at its end.
    fn more(&mut self) -> bool {
        if let Some(length) = self.length.take() {
            self.chunk.resize(length, 0);
            self.stream.read_exact(&mut self.chunk).unwrap();
            return length > 0;
        }
        if self.header("transfer-encoding") != Some("chunked") {
            return false;
        }
        let mut size = String::new();
        self.stream.read_line(&mut size).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        let begin = self.chunk.len();
        self.chunk.resize(begin + size, 0);
        self.stream.read_exact(&mut self.chunk[begin..]).unwrap();
        let mut end = String::new();
        self.stream.read_line(&mut end).unwrap();
        size > 0
    }

    pub(crate) fn body(mut self) -> Vec<u8> {
        while self.more() {}
        self.chunk
    }

    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let body = self.body();
        serde_json::from_slice(&body)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&body)))
    }

    /// The answer: the body, or the last event.
    #[track_caller]
    pub(crate) fn message(mut self) -> Value {
        if !self.is_stream() {
            return self.json();
        }
        let mut last = None;
        while let Some(event) = self.event() {
            last = Some(event);
        }
        last.expect("an event").message()
    }

    /// The next event or comment; nothing at the end.
    pub(crate) fn event(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.chunk.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.chunk.drain(..end + 2).collect();
                let mut event = Event::default();
                for line in String::from_utf8(block).unwrap().lines() {
                    match line.split_once(": ").unwrap_or((line, "")) {
                        ("id", id) => event.id = Some(id.to_owned()),
                        ("retry", _) => event.retry = true,
                        ("data", data) => event.data = data.to_owned(),
                        ("", _) if line.starts_with(':') => event.comment = true,
                        _ => {}
                    }
                }
                return Some(event);
            }
            if !self.more() {
                return None;
            }
        }
    }

    /// The next event with a message.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Event {
        loop {
            let event = self.event().expect("an event");
            if !event.data.is_empty() {
                return event;
            }
        }
    }
}
