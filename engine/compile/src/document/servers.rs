//! `servers[]`

use super::fields::{Fields, Key, Spanned, not_supported, text, word, wrong_type};
use super::url::{self, Excuse, Url};
use crate::code::Code;
use crate::compiled::{ClientCertificate, Scheme, ServerUrl, Tls, Upstream};
use crate::environment::Environment;
use crate::node::{Node, Value};
use crate::notes::Notes;
use crate::render::quoted;

const WHAT: &str = "servers[]";

const KEYS: [Key; 19] = [
    Key::Built("name"),
    Key::Built("transport"),
    Key::Built("url"),
    Key::Built("allow_insecure"),
    Key::Built("timeout_seconds"),
    Key::Built("connect_timeout_seconds"),
    Key::Built("stream_idle_seconds"),
    Key::Built("max_request_bytes"),
    Key::Built("max_response_bytes"),
    Key::Built("tls"),
    Key::Later("headers"),
    Key::LaterFlag("token_exchange"),
    Key::Later("target_audience"),
    Key::Later("required_scopes"),
    // Those of stdio are refused with the transport.
    Key::Known("command"),
    Key::Known("args"),
    Key::Known("env"),
    Key::Known("cwd"),
    Key::Known("sessions"),
];

const STDIO_KEYS: [&str; 5] = ["command", "args", "env", "cwd", "sessions"];

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
    let items = match node {
        None => return servers,
        Some(node) => match &node.value {
            Value::List(items) => items,
            _ => {
                wrong_type(node, "a list of servers", notes);
                return servers;
            }
        },
    };
    for item in items {
        let before = notes.errors();
        let Some(fields) = Fields::open(item, WHAT, &KEYS, notes) else {
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
    let insecure = fields.flag("allow_insecure", false, notes);
    let url = match transport {
        Some(Transport::Stdio) => None,
        Some(Transport::Sse) | None => fields
            .text("url", notes)
            .and_then(|url| server_url(&url, insecure, environment, notes)),
        Some(Transport::Http) => {
            stdio_keys(fields, notes);
            fields
                .require("url", notes)
                .and_then(|node| text(node, notes))
                .and_then(|url| server_url(&url, insecure, environment, notes))
        }
    };
    let limit =
        |key, default, notes: &mut Notes<'_>| fields.number(key, default, 1..=MOST_BYTES, notes);
    let max_request_bytes = limit("max_request_bytes", REQUEST_BYTES, notes);
    let max_response_bytes = limit("max_response_bytes", RESPONSE_BYTES, notes);
    let timeout_seconds = fields.number("timeout_seconds", 30, 1..=3600, notes);
    let connect_timeout_seconds = fields.number("connect_timeout_seconds", 5, 1..=300, notes);
    let stream_idle_seconds = fields.number("stream_idle_seconds", 3600, 1..=86_400, notes);
    let tls = fields.get("tls").and_then(|node| tls(node, notes));
    if let (
        Some(entry),
        Some(ServerUrl {
            scheme: Scheme::Http,
            ..
        }),
    ) = (fields.entry("tls"), &url)
    {
        let message = "`tls` on a server whose URL is http";
        notes.error(&entry.key_span, Code::Conflict, message);
    }
    Some(Upstream {
        name: name?,
        url: url?,
        connect_timeout_seconds,
        timeout_seconds,
        stream_idle_seconds,
        max_request_bytes,
        max_response_bytes,
        tls: tls.unwrap_or_default(),
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
    let subject = match transport {
        Transport::Http => return Some(transport),
        Transport::Sse => "the transport `sse`",
        Transport::Stdio => "the transport `stdio`",
    };
    let help = "this build speaks Streamable HTTP: `transport: http`";
    not_supported(&node.span, subject, help, notes);
    Some(transport)
}

fn stdio_keys(fields: &Fields<'_>, notes: &mut Notes<'_>) {
    for entry in STDIO_KEYS.iter().filter_map(|key| fields.entry(key)) {
        let message = format!("{} belongs to the transport `stdio`", quoted(&entry.key));
        notes.error(&entry.key_span, Code::Conflict, message);
    }
}

fn server_url(
    text: &Spanned<&str>,
    insecure: bool,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Option<ServerUrl> {
    let url = url::read(text.value, &text.span, notes)?;
    let parts = url::reported(url.server(), text.value, &text.span, notes)?;
    if url.scheme == Scheme::Http {
        let excuse = excuse(&url, insecure, environment);
        let help = "use https, or set `allow_insecure: true` on this server";
        Excuse::report(excuse, &text.span, help, notes);
    }
    Some(parts)
}

fn excuse(url: &Url, insecure: bool, environment: &Environment) -> Option<Excuse> {
    if url.host.is_loopback() {
        Some(Excuse::Loopback)
    } else if insecure {
        Some(Excuse::Server)
    } else {
        environment
            .skip_tls_validation
            .then_some(Excuse::Environment)
    }
}

fn tls(node: &Node, notes: &mut Notes<'_>) -> Option<Tls> {
    let keys = [
        Key::Built("ca_file"),
        Key::Built("client_cert_file"),
        Key::Built("client_key_file"),
        Key::Built("sni"),
    ];
    let fields = Fields::open(node, "tls", &keys, notes)?;
    let owned = |found: Option<Spanned<&str>>| found.map(|text| text.value.to_owned());
    let certificate = fields.text("client_cert_file", notes);
    let key = fields.text("client_key_file", notes);
    let given = |key| fields.get(key).is_some();
    if given("client_cert_file") != given("client_key_file") {
        let message = "`client_cert_file` and `client_key_file` go together";
        notes.error(fields.span(), Code::Conflict, message);
    }
    let sni = fields.text("sni", notes);
    if let Some(sni) = &sni {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if sni.value.len() > 253 || !sni.value.bytes().all(plain) {
            let message = format!("{} is no host name", quoted(sni.value));
            notes.error(&sni.span, Code::UnsuitableText, message);
        }
    }
    Some(Tls {
        ca_file: owned(fields.text("ca_file", notes)),
        client_certificate: certificate
            .zip(key)
            .map(|(certificate, key)| ClientCertificate {
                certificate_file: certificate.value.to_owned(),
                key_file: key.value.to_owned(),
            }),
        sni: owned(sni),
    })
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
    let url = server_url(&text, false, environment, &mut inner);
    inner.hand_over("MCP_UPSTREAM_URL", notes);
    Some(Upstream {
        name: "default".to_owned(),
        url: url?,
        connect_timeout_seconds: 5,
        timeout_seconds: 30,
        stream_idle_seconds: 3600,
        max_request_bytes: REQUEST_BYTES,
        max_response_bytes: RESPONSE_BYTES,
        tls: Tls::default(),
    })
}
