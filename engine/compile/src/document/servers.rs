//! `servers[]`

mod exchange;
mod headers;
mod http;
mod stdio;

use super::fields::{Fields, Key, Spanned, not_supported, text, word, wrong_type};
use crate::code::Code;
use crate::environment::Environment;
use crate::node::{Entry, Node, Value};
use crate::notes::Notes;
use crate::render::quoted;
use crate::server::{HttpServer, Reach, StdioServer, Tls, Upstream};

const WHAT: &str = "servers[]";

/// Keys that every transport has.
const COMMON: [&str; 6] = [
    "name",
    "transport",
    "timeout_seconds",
    "stream_idle_seconds",
    "max_request_bytes",
    "max_response_bytes",
];
const HTTP: [&str; 5] = [
    "url",
    "allow_insecure",
    "connect_timeout_seconds",
    "tls",
    "headers",
];
const STDIO: [&str; 5] = ["command", "args", "env", "cwd", "sessions"];

/// The listener's fixed buffer limit.
const MOST_BYTES: u32 = 32 << 20;
const REQUEST_BYTES: u32 = 4 << 20;
const RESPONSE_BYTES: u32 = 16 << 20;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Http,
    Sse,
    Stdio,
}

/// All servers of the file.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    /// Those that are whole.
    pub(crate) upstreams: Vec<Upstream>,
    /// Every name, for rules that refer to it.
    pub(crate) names: Vec<String>,
}

pub(super) fn read(
    node: Option<&Node>,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Servers {
    let mut servers = Servers::default();
    for item in items(node, notes) {
        let before = notes.errors();
        let transport = if is_stdio(item) {
            Transport::Stdio
        } else {
            Transport::Http
        };
        let Some(fields) = Fields::open(item, WHAT, &keys(transport), notes) else {
            continue;
        };
        let name = name(&fields, &servers.names, notes);
        servers.names.extend(name.clone());
        let upstream = server(&fields, name, environment, notes);
        if notes.errors() == before {
            servers.upstreams.extend(upstream);
        }
    }
    servers
}

/// The stdio servers alone; nothing of the others is looked at.
pub(super) fn read_stdio(
    node: Option<&Node>,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Vec<StdioServer> {
    let mut names = Vec::new();
    let mut servers = Vec::new();
    for item in items(node, notes).iter().filter(|item| is_stdio(item)) {
        let Some(fields) = Fields::open(item, WHAT, &keys(Transport::Stdio), notes) else {
            continue;
        };
        let name = name(&fields, &names, notes);
        names.extend(name.clone());
        match server(&fields, name, environment, notes).map(|upstream| upstream.reach) {
            Some(Reach::Bridge(server)) => servers.push(server),
            Some(Reach::Http(_)) | None => {}
        }
    }
    servers
}

fn items<'n>(node: Option<&'n Node>, notes: &mut Notes<'_>) -> &'n [Node] {
    match node {
        None => &[],
        Some(node) => match &node.value {
            Value::List(items) => items,
            _ => {
                wrong_type(node, "a list of servers", notes);
                &[]
            }
        },
    }
}

fn is_stdio(item: &Node) -> bool {
    let Value::Map(entries) = &item.value else {
        return false;
    };
    let transport = entries.iter().find(|entry| entry.key == "transport");
    transport.is_some_and(|entry| entry.node.value == Value::Text("stdio".to_owned()))
}

/// The keys of a server; those of the other transport are known, so that they can be told of.
fn keys(transport: Transport) -> Vec<Key> {
    let common = COMMON.map(Key::Built).into_iter();
    match transport {
        Transport::Stdio => common
            .chain(STDIO.map(Key::Built))
            .chain(HTTP.map(Key::Known))
            .chain(exchange::KEYS.map(Key::Known))
            .collect(),
        Transport::Http | Transport::Sse => common
            .chain(HTTP.map(Key::Built))
            .chain(exchange::KEYS.map(Key::Built))
            .chain(STDIO.map(Key::Known))
            .collect(),
    }
}

fn name(fields: &Fields<'_>, taken: &[String], notes: &mut Notes<'_>) -> Option<String> {
    let name = text(fields.require("name", notes)?, notes)?;
    let Spanned { value, span } = name;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let shaped = value.len() <= 32
        && value.bytes().all(|b| plain(b) || b == b'-')
        && value.bytes().next().is_some_and(plain);
    if !shaped {
        let message = format!("{} is no name of a server", quoted(value));
        let help = "at most 32 of a-z, 0-9 and `-`, not beginning with `-`";
        notes.advise(&span, Code::UnsuitableText, message, help);
        return None;
    }
    if matches!(value, "sse" | "messages") {
        let message = format!("{} is a reserved name", quoted(value));
        notes.error(&span, Code::UnsuitableText, message);
    }
    if taken.iter().any(|other| other == value) {
        let message = format!("there is a server {} already", quoted(value));
        notes.error(&span, Code::NotUnique, message);
    }
    Some(value.to_owned())
}

fn server(
    fields: &Fields<'_>,
    name: Option<String>,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Option<Upstream> {
    let transport = transport(fields, notes);
    let limit =
        |key, default, notes: &mut Notes<'_>| fields.number(key, default, 1..=MOST_BYTES, notes);
    let max_request_bytes = limit("max_request_bytes", REQUEST_BYTES, notes);
    let max_response_bytes = limit("max_response_bytes", RESPONSE_BYTES, notes);
    let timeout_seconds = fields.number("timeout_seconds", 30, 1..=3600, notes);
    let stream_idle_seconds = fields.number("stream_idle_seconds", 3600, 1..=86_400, notes);
    let reach = match transport {
        Some(Transport::Stdio) => {
            foreign(fields, HTTP.iter().chain(&exchange::KEYS), "http", notes);
            stdio::read(fields, environment, notes).map(Reach::Bridge)
        }
        Some(Transport::Http) => {
            foreign(fields, &STDIO, "stdio", notes);
            fields.require("url", notes);
            let mut server = http::read(fields, environment, notes);
            let exchange = exchange::read(fields, server.as_ref(), notes);
            if let Some(server) = &mut server {
                server.exchange = exchange;
            }
            server.map(Reach::Http)
        }
        // Refused already: what else is wrong is told all the same.
        Some(Transport::Sse) | None => http::read(fields, environment, notes).map(Reach::Http),
    };
    let name = name?;
    let mut reach = reach?;
    if let Reach::Bridge(server) = &mut reach {
        server.name.clone_from(&name);
        server.max_request_bytes = max_request_bytes;
        server.max_response_bytes = max_response_bytes;
    }
    Some(Upstream {
        name,
        reach,
        timeout_seconds,
        stream_idle_seconds,
        max_request_bytes,
        max_response_bytes,
    })
}

fn transport(fields: &Fields<'_>, notes: &mut Notes<'_>) -> Option<Transport> {
    let words = [
        ("http", Transport::Http),
        ("sse", Transport::Sse),
        ("stdio", Transport::Stdio),
    ];
    let node = fields.require("transport", notes)?;
    if let Value::Text(text) = &node.value
        && matches!(
            text.as_str(),
            "streamable-http" | "streamable_http" | "streamableHttp" | "https"
        )
    {
        let message = format!("{} is no transport", quoted(text));
        notes.advise(
            &node.span,
            Code::UnknownValue,
            message,
            "Streamable HTTP is called `http`",
        );
        return None;
    }
    let transport = word(node, "transport", &words, notes)?;
    match transport {
        Transport::Http | Transport::Stdio => {}
        Transport::Sse => {
            let help = "this build speaks `http` (Streamable HTTP) and `stdio`";
            not_supported(&node.span, "the transport `sse`", help, notes);
        }
    }
    Some(transport)
}

/// Refuses keys of another transport.
fn foreign<'k>(
    fields: &Fields<'_>,
    keys: impl IntoIterator<Item = &'k &'static str>,
    transport: &str,
    notes: &mut Notes<'_>,
) {
    let off =
        |entry: &&Entry| entry.key == "token_exchange" && entry.node.value == Value::Bool(false);
    let found = keys.into_iter().filter_map(|key| fields.entry(key));
    for entry in found.filter(|entry| !off(entry)) {
        let message = format!(
            "{} belongs to the transport `{transport}`",
            quoted(&entry.key)
        );
        let help = "take it away, or change `transport`";
        notes.advise(&entry.key_span, Code::Conflict, message, help);
    }
}

/// The one server of `MCP_UPSTREAM_URL`.
pub(crate) fn from_environment(
    text: &str,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Option<Upstream> {
    let mut inner = Notes::of("MCP_UPSTREAM_URL", "");
    let text = Spanned {
        value: text,
        span: 0..0,
    };
    let url = http::checked(&text, text.value, false, environment, &mut inner);
    inner.hand_over("MCP_UPSTREAM_URL", notes);
    Some(Upstream {
        name: "default".to_owned(),
        reach: Reach::Http(HttpServer {
            url: url?,
            connect_timeout_seconds: 5,
            tls: Tls::default(),
            headers: Vec::new(),
            exchange: None,
        }),
        timeout_seconds: 30,
        stream_idle_seconds: 3600,
        max_request_bytes: REQUEST_BYTES,
        max_response_bytes: RESPONSE_BYTES,
    })
}
