//! What is asked and answered, and how a right answer looks.

use crate::prose::{Kind, Prose, prose};
use mcp_zero_tests::Signer;
use memchr::memmem;
use serde_json::{Value, json};
use std::ops::Range;

/// Where the ten digits of a message's id stand.
pub(crate) const ID: Id = Id;

/// The id of each message has ten digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id;

/// The first of all ids.
pub(crate) const FIRST_ID: u64 = 1_000_000_000;

impl Id {
    /// The digits' place in a message; its head may stand in front.
    pub(crate) fn place(self, message: &[u8]) -> Option<Range<usize>> {
        const NAME: &[u8] = br#""id":"#;
        let front = message.get(..message.len().min(512))?;
        let at = memmem::find(front, NAME)? + NAME.len();
        Some(at..at + 10)
    }

    /// The digits in a message.
    pub(crate) fn digits(self, message: &[u8]) -> Option<&[u8]> {
        message.get(self.place(message)?)
    }
}

/// Which token the calls bring.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Token {
    /// The same one each time.
    One,
    /// One that was never seen before.
    New(Signer),
    /// One that was never seen before, and that nobody known has signed.
    Forged,
}

/// How the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    Json,
    Sse,
}

#[derive(Debug, Clone)]
enum Content {
    Call {
        text: Prose,
    },
    /// A text and the same value as structure, as servers since 2025-06-18 answer.
    Records {
        count: usize,
    },
    List {
        tools: usize,
    },
}

/// One workload.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) token: Token,
    media: Media,
    content: Content,
}

const CALLED: &str = "lookup_ticket";

/// Every workload, in the order of the report.
pub(crate) fn all() -> Vec<Workload> {
    let mut all = Vec::new();
    let sizes = [("1k", 1 << 10), ("16k", 16 << 10), ("256k", 256 << 10)];
    let kinds = [
        ("json", Media::Json, Kind::Plain),
        ("sse", Media::Sse, Kind::Plain),
        ("personal", Media::Json, Kind::Personal),
    ];
    for (family, media, kind) in kinds {
        for (label, size) in sizes {
            let text = prose(size, kind);
            all.push(Workload {
                name: format!("{family}-{label}"),
                token: Token::One,
                media,
                content: Content::Call { text },
            });
        }
    }
    all.push(Workload {
        name: "records-16k".to_owned(),
        token: Token::One,
        media: Media::Json,
        content: Content::Records { count: 48 },
    });
    for tools in [10, 1000] {
        all.push(Workload {
            name: format!("list-{tools}"),
            token: Token::One,
            media: Media::Json,
            content: Content::List { tools },
        });
    }
    let tokens = [
        ("new-token", Token::New(Signer::Rsa)),
        ("new-token-es256", Token::New(Signer::Ec)),
        ("forged-token", Token::Forged),
    ];
    for (family, token) in tokens {
        all.push(Workload {
            name: format!("{family}-1k"),
            token,
            media: Media::Json,
            content: Content::Call {
                text: prose(1 << 10, Kind::Plain),
            },
        });
    }
    all
}

impl Workload {
    /// The body of a request.
    pub(crate) fn request(&self) -> Vec<u8> {
        let (method, params) = match &self.content {
            Content::Call { text } => (
                "tools/call",
                json!({"name": CALLED, "arguments": {"query": text.text}}),
            ),
            Content::Records { count } => (
                "tools/call",
                json!({"name": CALLED, "arguments": {"records": records(*count)}}),
            ),
            Content::List { .. } => ("tools/list", json!({})),
        };
        // The id comes first, so that its place is the same everywhere.
        format!(r#"{{"jsonrpc":"2.0","id":{FIRST_ID},"method":"{method}","params":{params}}}"#)
            .into_bytes()
    }

    /// The server's whole response.
    pub(crate) fn response(&self) -> Vec<u8> {
        let result = match &self.content {
            Content::Call { text } => {
                json!({"content": [{"type": "text", "text": text.text}], "isError": false})
            }
            Content::Records { count } => {
                let value = json!({"records": records(count / 2)});
                json!({"content": [{"type": "text", "text": value.to_string()}],
                    "structuredContent": value, "isError": false})
            }
            Content::List { tools } => json!({"tools": (0..*tools).map(tool).collect::<Vec<_>>()}),
        };
        let body = format!(r#"{{"jsonrpc":"2.0","id":{FIRST_ID},"result":{result}}}"#);
        match self.media {
            Media::Json => format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes(),
            Media::Sse => events(&format!("event: message\ndata: {body}\n\n")),
        }
    }

    /// The tools of a list that a system shows.
    fn shown(&self, filters: bool) -> usize {
        match self.content {
            Content::List { tools } if filters => (0..tools).filter(|n| is_allowed(*n)).count(),
            Content::List { tools } => tools,
            Content::Call { .. } | Content::Records { .. } => 0,
        }
    }

    /// What is wrong with an answer, looked at in depth.
    pub(crate) fn judge(&self, answer: &[u8], masks: bool, filters: bool) -> Result<(), String> {
        let text = std::str::from_utf8(answer).map_err(|e| e.to_string())?;
        let text = match self.media {
            Media::Json => text,
            Media::Sse => text
                .lines()
                .find_map(|line| line.strip_prefix("data: "))
                .ok_or("no event")?,
        };
        let message: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let result = &message["result"];
        match &self.content {
            Content::List { .. } => {
                let tools = result["tools"].as_array().map_or(0, Vec::len);
                let wanted = self.shown(filters);
                (tools == wanted)
                    .then_some(())
                    .ok_or(format!("{tools} tools, {wanted} wanted"))
            }
            Content::Call { text } => {
                let shown = result["content"][0]["text"].as_str().unwrap_or_default();
                as_masked(shown, text, masks)
            }
            Content::Records { count } => {
                let wanted = json!({"records": records(count / 2)});
                (result["structuredContent"] == wanted)
                    .then_some(())
                    .ok_or("other records".to_owned())
            }
        }
    }

    /// What is wrong with a request that reached the server, looked at in depth.
    pub(crate) fn judge_request(&self, request: &[u8], masks: bool) -> Result<(), String> {
        let message: Value = serde_json::from_slice(request).map_err(|e| e.to_string())?;
        let arguments = &message["params"]["arguments"];
        match &self.content {
            Content::List { .. } => Ok(()),
            Content::Call { text } => {
                as_masked(arguments["query"].as_str().unwrap_or_default(), text, masks)
            }
            Content::Records { count } => (arguments["records"] == records(*count))
                .then_some(())
                .ok_or("other records".to_owned()),
        }
    }
}

/// Whether a text is the one that was sent, masked where it should be.
fn as_masked(shown: &str, sent: &Prose, masks: bool) -> Result<(), String> {
    if !masks {
        return (shown == sent.text)
            .then_some(())
            .ok_or_else(|| format!("another text: {shown:.200}"));
    }
    let mut wanted = sent.text.clone();
    for planted in &sent.planted {
        wanted = wanted.replace(&planted.value, planted.placeholder);
    }
    (shown == wanted)
        .then_some(())
        .ok_or_else(|| format!("not masked as it should be: {shown:.600}"))
}

fn tool(n: usize) -> Value {
    let verb = if is_allowed(n) { "lookup" } else { "delete" };
    json!({
        "name": format!("{verb}_object_{n}"),
        "title": format!("Object {n}"),
        "description": format!("Works on objects of kind {n} in the store; takes their number and says what became of it."),
        "inputSchema": {"type": "object", "properties": {
            "number": {"type": "integer", "description": "Which one", "minimum": 1},
            "fields": {"type": "array", "items": {"type": "string"}, "description": "What to return"}},
            "required": ["number"]},
        "annotations": {"readOnlyHint": is_allowed(n)}
    })
}

fn is_allowed(tool: usize) -> bool {
    tool.is_multiple_of(2)
}

fn records(count: usize) -> Value {
    let record = |n: usize| {
        json!({"number": 1000 + n, "state": if n.is_multiple_of(3) { "open" } else { "closed" },
            "title": format!("Queue {n} of region {} answers late", n % 7),
            "tags": ["billing", "late", format!("r{}", n % 7)],
            "updated": format!("2026-11-{:02}T08:{:02}:00Z", 1 + n % 28, n % 60),
            "priority": n % 5, "ratio": 0.25, "done": n.is_multiple_of(2), "parent": null,
            "path": format!("/queues/{n}/items\n"), "quote": "said \"later\" twice"})
    };
    Value::Array((0..count).map(record).collect())
}

/// An event stream in chunks, as servers send it.
fn events(text: &str) -> Vec<u8> {
    let mut response =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec();
    for piece in text.as_bytes().chunks(16 << 10) {
        response.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        response.extend_from_slice(piece);
        response.extend_from_slice(b"\r\n");
    }
    response.extend_from_slice(b"0\r\n\r\n");
    response
}
