//! A stdio server that costs next to nothing.

use crate::workload::FIRST_ID;
use serde_json::{Value, json};
use std::io::{BufRead as _, Write as _};

/// The program's name, by which its CPU is told apart.
pub(super) const NAME: &str = "mcp-echo";
/// What every call answers.
pub(super) const TEXT: &str = "what was asked for is done, and nothing else was";

/// The body of a call of a kilobyte.
pub(super) fn call() -> Vec<u8> {
    let text = crate::prose::prose(1 << 10, crate::prose::Kind::Plain).text;
    let params = json!({"name": "echo", "arguments": {"text": text}});
    format!(r#"{{"jsonrpc":"2.0","id":{FIRST_ID},"method":"tools/call","params":{params}}}"#)
        .into_bytes()
}

/// Answers lines until there are no more.
pub(super) fn run() {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        let Some(id) = message.get("id") else {
            continue;
        };
        let result = match message["method"].as_str() {
            Some("initialize") => json!({
                "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "echo", "version": "1"}}),
            Some("tools/list") => json!({"tools": [
                {"name": "echo", "inputSchema": {"type": "object"}}]}),
            Some("tools/call") => json!({"content": [{"type": "text", "text": TEXT}]}),
            _ => json!({}),
        };
        let answer = json!({"jsonrpc": "2.0", "id": id, "result": result});
        if writeln!(out, "{answer}")
            .and_then(|()| out.flush())
            .is_err()
        {
            return;
        }
    }
}
