//! `servers[].headers`: set on requests to a server, secrets only by the name of a variable.

use super::super::expand::{self, Piece, pieces};
use super::super::fields::{Spanned, text, wrong_type};
use crate::code::Code;
use crate::environment::Environment;
use crate::node::{Entry, Node, Value};
use crate::notes::Notes;
use crate::render::quoted;
use crate::server::StaticHeader;

/// What the gateway, its Envoy or HTTP itself sets.
const RESERVED: [&str; 24] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "last-event-id",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-correlation-id",
    "x-request-id",
];
const RESERVED_PREFIXES: [&str; 4] = ["mcp-", "x-mcp-zero-", "x-envoy-", "x-forwarded-"];

/// Headers whose value is a secret wherever they are used.
const CREDENTIALS: [&str; 6] = [
    "api-key",
    "authorization",
    "cookie",
    "x-api-key",
    "x-auth-token",
    "x-goog-api-key",
];

/// As many as Envoy's own limit on a request leaves room for.
const MOST: usize = 32;

pub(super) fn read(
    node: &Node,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Vec<StaticHeader> {
    let Value::Map(entries) = &node.value else {
        wrong_type(node, "a mapping of header names to texts", notes);
        return Vec::new();
    };
    if entries.len() > MOST {
        let message = format!("more than {MOST} headers");
        notes.error(&node.span, Code::OutOfRange, message);
        return Vec::new();
    }
    let mut headers: Vec<StaticHeader> = Vec::new();
    for entry in entries {
        let Some(name) = name(entry, notes) else {
            continue;
        };
        if headers.iter().any(|other| other.name == name) {
            let message = format!("the header {} is set already", quoted(&name));
            let help = "upper and lower case are one in the names of headers";
            notes.advise(&entry.key_span, Code::NotUnique, message, help);
            continue;
        }
        headers.extend(value(name, &entry.node, environment, notes));
    }
    headers
}

fn name(entry: &Entry, notes: &mut Notes<'_>) -> Option<String> {
    let name = entry.key.to_ascii_lowercase();
    let shown = quoted(&entry.key);
    // RFC 9110 section 5.6.2: token.
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(token) {
        let message = format!("{shown} is no name of a header");
        let help = "letters, digits and `-`, at most 128 of them";
        notes.advise(&entry.key_span, Code::UnsuitableText, message, help);
        return None;
    }
    let reserved = RESERVED.contains(&name.as_str())
        || RESERVED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix));
    if reserved {
        let message = format!("the header {shown} may not be set here");
        let help = "the gateway or HTTP itself sets it; take it away";
        notes.advise(&entry.key_span, Code::ReservedHeader, message, help);
        return None;
    }
    Some(name)
}

fn value(
    name: String,
    node: &Node,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Option<StaticHeader> {
    let text = text(node, notes)?;
    if !text.value.bytes().all(plain) || text.value.trim() != text.value {
        let message = "the value of a header has visible ASCII characters, and spaces between them";
        notes.error(&text.span, Code::UnsuitableText, message);
        return None;
    }
    let cut = match pieces(text.value) {
        Ok(cut) => cut,
        Err(message) => {
            expand::malformed(&text, message, notes);
            return None;
        }
    };
    let mut header = StaticHeader {
        name,
        before: String::new(),
        variable: None,
        after: String::new(),
    };
    for piece in cut {
        match (piece, &header.variable) {
            (Piece::Literal(literal), None) => header.before = literal.to_owned(),
            (Piece::Literal(literal), Some(_)) => header.after = literal.to_owned(),
            (
                Piece::Variable {
                    default: Some(_), ..
                },
                _,
            ) => {
                let message = "a variable in a header has no default";
                let help = "write `${VAR}`; a secret stays in the environment";
                notes.advise(&text.span, Code::Variable, message, help);
                return None;
            }
            (Piece::Variable { .. }, Some(_)) => {
                let message = "a header has at most one variable";
                let help = "put the whole value into one variable";
                notes.advise(&text.span, Code::Variable, message, help);
                return None;
            }
            (
                Piece::Variable {
                    name,
                    default: None,
                },
                None,
            ) => {
                check_value(name, &text, environment, notes);
                header.variable = Some(name.to_owned());
            }
        }
    }
    if header.variable.is_none() && CREDENTIALS.contains(&header.name.as_str()) {
        let message = format!(
            "the secret of {} stands in the policy",
            quoted(&header.name)
        );
        let help =
            "name a variable with `${VAR}`: what is written out is shown by Envoy's /config_dump";
        notes.warn(&text.span, Code::LiteralSecret, message, help);
    }
    Some(header)
}

/// The value itself is never shown.
fn check_value(name: &str, text: &Spanned<&str>, environment: &Environment, notes: &mut Notes<'_>) {
    let Some(value) = environment.variables.get(name) else {
        expand::unset(name, text, environment, notes);
        return;
    };
    let problem = if value.is_empty() {
        "is empty"
    } else if value.len() > 8192 {
        "has more than 8192 bytes"
    } else if !value.bytes().all(plain) || value.trim() != value {
        "has line breaks, outer spaces or characters that a header may not have"
    } else {
        return;
    };
    let message = format!("the value of the variable {} {problem}", quoted(name));
    notes.error(&text.span, Code::VariableValue, message);
}

/// Of RFC 9110 section 5.5 what every HTTP program reads alike.
fn plain(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte == b' '
}
