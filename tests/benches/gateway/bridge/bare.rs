//! The least that a bridge can be: one child, one line for each request, ids of its own on the
//! way there. No sessions, no streams, no limits.

use crate::http::Connection;
use serde_json::Value;
use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{ChildStdin, Command};
use tokio::sync::{Mutex as Turn, oneshot};

/// The program's name.
pub(super) const NAME: &str = "mcp-bare-bridge";

#[derive(Default)]
struct Open {
    next: u64,
    /// The client's id and who waits, by our id.
    waiting: HashMap<u64, (Value, oneshot::Sender<String>)>,
}

struct Bridge {
    stdin: Turn<ChildStdin>,
    open: Mutex<Open>,
}

/// `PORT PROGRAM`
pub(super) fn run(arguments: &[String]) {
    let [port, program] = arguments else {
        panic!("a port and a program are wanted");
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(serve(port, program));
}

async fn serve(port: &str, program: &str) {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the server starts");
    let stdin = Turn::new(child.stdin.take().expect("a pipe"));
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let bridge = Arc::new(Bridge {
        stdin,
        open: Mutex::default(),
    });
    let answered = Arc::clone(&bridge);
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            answered.answer(&line);
        }
    });
    let address = format!("127.0.0.1:{port}");
    let listener = TcpListener::bind(address).await.expect("a free port");
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(Connection::new(stream), Arc::clone(&bridge)));
    }
}

impl Bridge {
    fn answer(&self, line: &str) {
        let Ok(mut message) = serde_json::from_str::<Value>(line) else {
            return;
        };
        let id = message["id"].as_u64().unwrap_or_default();
        let waiting = self
            .open
            .lock()
            .expect("no task panics")
            .waiting
            .remove(&id);
        if let Some((theirs, waiting)) = waiting {
            message["id"] = theirs;
            // The client may have gone.
            let _ = waiting.send(message.to_string());
        }
    }

    async fn ask(&self, body: &[u8]) -> Option<String> {
        let mut message: Value = serde_json::from_slice(body).ok()?;
        let id = message.get_mut("id").map(Value::take);
        let answer = id.map(|id| {
            let (sender, answer) = oneshot::channel();
            let mut open = self.open.lock().expect("no task panics");
            open.next += 1;
            message["id"] = open.next.into();
            let ours = open.next;
            open.waiting.insert(ours, (id, sender));
            answer
        });
        let line = format!("{message}\n");
        self.stdin
            .lock()
            .await
            .write_all(line.as_bytes())
            .await
            .ok()?;
        answer?.await.ok()
    }
}

async fn converse(mut connection: Connection, bridge: Arc<Bridge>) {
    while let Ok(Some(request)) = connection.read().await {
        let response = match bridge.ask(&request.body).await {
            Some(body) => format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
            None => "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_owned(),
        };
        if connection.write(response.as_bytes()).await.is_err() {
            return;
        }
    }
}
