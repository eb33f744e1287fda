//! The server that is called, as a process of its own: it writes down every request before
//! it answers, so that not even a kill hides one.

use super::{MAIL, PASSWORD, now_ms};
use crate::scripted::{Received, events, next, ok};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Longer than any time-out of the gateway here.
const HANGS: Duration = Duration::from_secs(20);
/// Between two events of a stream without a request.
const BEAT: Duration = Duration::from_millis(100);
const BEAT_EVENT: &str =
    "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n";

/// Serves until the process ends; one line in `log` for each request.
///
/// # Errors
/// The address or the log cannot be opened.
pub fn serve(address: SocketAddr, log: &Path) -> io::Result<()> {
    let log = Arc::new(File::options().create(true).append(true).open(log)?);
    let listener = TcpListener::bind(address)?;
    for stream in listener.incoming() {
        let stream = stream?;
        let log = Arc::clone(&log);
        std::thread::spawn(move || converse(stream, &log));
    }
    Ok(())
}

/// Serves over standard input and output until the input ends, as a child of the bridge.
///
/// # Errors
/// The log cannot be opened, or a stream is closed.
pub fn serve_stdio(log: &Path) -> io::Result<()> {
    let log = File::options().create(true).append(true).open(log)?;
    for line in io::stdin().lines() {
        let message: Value = serde_json::from_str(&line?).unwrap_or_default();
        let tool = message["params"]["name"].as_str().unwrap_or_default();
        let answer = match message["method"].as_str() {
            Some("initialize") => json!({"jsonrpc": "2.0", "id": message["id"], "result": {
                "protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                "serverInfo": {"name": "faults", "version": "1"}}}),
            Some("tools/list" | "tools/call") => {
                let request = Received {
                    body: message.to_string(),
                    ..Received::default()
                };
                write_down(&log, &request, &message, tool)?;
                reply(&message, tool)
            }
            _ => continue,
        };
        io::stdout().write_all(format!("{answer}\n").as_bytes())?;
    }
    Ok(())
}

fn converse(mut stream: TcpStream, log: &File) {
    // Pieces must leave one by one.
    let _ = stream.set_nodelay(true);
    let mut bytes = Vec::new();
    while let Some(request) = next(&mut stream, &mut bytes) {
        let message: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let tool = message["params"]["name"].as_str().unwrap_or_default();
        if write_down(log, &request, &message, tool).is_err() {
            return;
        }
        if request.head.starts_with("GET") {
            beat(&mut stream);
            return;
        }
        if tool == "get-hang" {
            std::thread::sleep(HANGS);
            return;
        }
        for piece in answer(&message, tool) {
            if stream.write_all(&piece).is_err() {
                return;
            }
        }
    }
}

/// One write, so that lines of several threads do not mix.
fn write_down(mut log: &File, request: &Received, message: &Value, tool: &str) -> io::Result<()> {
    let method = message["method"].as_str().unwrap_or("stream");
    let leak = [MAIL, PASSWORD]
        .iter()
        .any(|canary| request.body.contains(canary) || request.head.contains(canary));
    let line = json!({"ms": now_ms(), "id": request.header("x-request-id"),
        "n": message["params"]["arguments"]["n"], "method": method,
        "tool": tool, "leak": leak, "authorization": request.header("authorization").is_some()});
    log.write_all(format!("{line}\n").as_bytes())
}

fn beat(stream: &mut TcpStream) {
    let mut pieces = events(BEAT_EVENT, BEAT_EVENT.len());
    // The last piece ends the stream.
    pieces.pop();
    let Some(event) = pieces.pop() else { return };
    if pieces.iter().any(|piece| stream.write_all(piece).is_err()) {
        return;
    }
    while stream.write_all(&event).is_ok() {
        std::thread::sleep(BEAT);
    }
}

fn answer(message: &Value, tool: &str) -> Vec<Vec<u8>> {
    let last = reply(message, tool);
    if tool != "get-events" {
        return vec![ok("application/json", &last.to_string())];
    }
    let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress",
        "params": {"progressToken": 1, "progress": 1, "message": format!("asked {MAIL}")}});
    let stream = format!("data: {progress}\n\ndata: {progress}\n\ndata: {last}\n\n");
    events(&stream, 40)
}

fn reply(message: &Value, tool: &str) -> Value {
    let result = |result: Value| json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
    let text = |text: &str| result(json!({"content": [{"type": "text", "text": text}]}));
    if message["method"] == "tools/list" {
        let tools = ["get-plain", "get-secret", "get-mail", "flip"]
            .map(|name| json!({"name": name, "inputSchema": {"type": "object"}}));
        return result(json!({"tools": tools}));
    }
    match tool {
        "get-mail" => text(&format!("Write to {MAIL}, please")),
        "get-events" => text("the end"),
        other => text(&format!("did {other}")),
    }
}
