//! `cors`

use std::ops::Range;

use super::fields::{Fields, Key, Spanned, texts};
use super::url::origin_fault;
use crate::code::Code;
use crate::environment::CorsVariables;
use crate::node::Node;
use crate::notes::Notes;
use crate::render::quoted;

const KEYS: [Key; 6] = [
    Key::Built("allow_origins"),
    Key::Built("allow_methods"),
    Key::Built("allow_headers"),
    Key::Built("expose_headers"),
    Key::Built("allow_credentials"),
    Key::Built("max_age"),
];

const METHODS: [&str; 4] = ["GET", "POST", "DELETE", "OPTIONS"];
const REQUEST_HEADERS: [&str; 8] = [
    "Authorization",
    "Content-Type",
    "Accept",
    "Mcp-Session-Id",
    "MCP-Protocol-Version",
    "Last-Event-ID",
    "Mcp-Method",
    "Mcp-Name",
];
const RESPONSE_HEADERS: [&str; 4] = [
    "Mcp-Session-Id",
    "WWW-Authenticate",
    "MCP-Protocol-Version",
    "x-correlation-id",
];
/// A day: browsers take no more.
const LONGEST: u32 = 86_400;

/// What pages of other origins may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cors {
    pub(crate) allow_origins: Vec<String>,
    pub(crate) allow_methods: Vec<String>,
    pub(crate) allow_headers: Vec<String>,
    pub(crate) expose_headers: Vec<String>,
    pub(crate) allow_credentials: bool,
    pub(crate) max_age: u32,
}

impl Default for Cors {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Self {
            allow_origins: Vec::new(),
            allow_methods: owned(&METHODS),
            allow_headers: owned(&REQUEST_HEADERS),
            expose_headers: owned(&RESPONSE_HEADERS),
            allow_credentials: false,
            max_age: 600,
        }
    }
}

/// The section with what the environment says over it; nothing where neither speaks of it.
pub(crate) fn read(
    node: Option<&Node>,
    variables: &CorsVariables,
    notes: &mut Notes<'_>,
) -> Option<Cors> {
    let mut cors = Cors::default();
    let mut place = 0..0;
    if let Some(node) = node {
        place = node.span.clone();
        let fields = Fields::open(node, "cors", &KEYS, notes)?;
        if variables.origins.is_none() || fields.get("allow_origins").is_some() {
            cors.allow_origins = origins(fields.require("allow_origins", notes), notes);
        }
        if let Some(node) = fields.get("allow_methods") {
            cors.allow_methods = methods(node, notes);
        }
        for (key, names) in [
            ("allow_headers", &mut cors.allow_headers),
            ("expose_headers", &mut cors.expose_headers),
        ] {
            if let Some(node) = fields.get(key) {
                *names = headers(node, notes);
            }
        }
        cors.allow_credentials = fields.flag("allow_credentials", false, notes);
        cors.max_age = fields.number("max_age", cors.max_age, 0..=LONGEST, notes);
    } else if variables.origins.is_none() {
        if *variables != CorsVariables::default() {
            let help = "name the origins in MCP_CORS_ORIGINS, or in `cors.allow_origins`";
            let message =
                "MCP_CORS_ALLOW_CREDENTIALS or MCP_CORS_MAX_AGE is set without any origin";
            notes.advise(&place, Code::Conflict, message, help);
        }
        return None;
    }
    if let Some(origins) = &variables.origins {
        for origin in origins {
            check_origin(origin, &place, notes);
        }
        cors.allow_origins.clone_from(origins);
    }
    cors.allow_credentials = variables.credentials.unwrap_or(cors.allow_credentials);
    cors.max_age = variables.max_age.unwrap_or(cors.max_age);
    if cors.max_age > LONGEST {
        let message = format!("MCP_CORS_MAX_AGE: the number must be from 0 to {LONGEST}");
        notes.error(&place, Code::OutOfRange, message);
    }
    together(&cors, &place, notes);
    Some(cors)
}

/// What `*` may stand beside.
fn together(cors: &Cors, place: &Range<usize>, notes: &mut Notes<'_>) {
    if !cors.allow_origins.iter().any(|origin| origin == "*") {
        return;
    }
    if cors.allow_credentials {
        let message = "`*` as origin together with `allow_credentials`";
        let help = "name the origins: any page could act for whoever visits it";
        notes.advise(place, Code::Conflict, message, help);
    }
    if cors.allow_origins.len() > 1 {
        let message = "`*` beside other origins";
        notes.advise(
            place,
            Code::Conflict,
            message,
            "`*` already means all of them",
        );
    }
}

fn origins(node: Option<&Node>, notes: &mut Notes<'_>) -> Vec<String> {
    let found = node.and_then(|node| texts(node, "origins", notes));
    let found = found.unwrap_or_default();
    for origin in &found {
        check_origin(origin.value, &origin.span, notes);
    }
    owned(&found)
}

/// An origin, or `*`.
fn check_origin(origin: &str, place: &Range<usize>, notes: &mut Notes<'_>) {
    if origin == "*" {
        return;
    }
    if let Some(help) = origin_fault(origin) {
        let message = format!("{} is no origin", quoted(origin));
        notes.advise(place, Code::Url, message, help);
    }
}

fn methods(node: &Node, notes: &mut Notes<'_>) -> Vec<String> {
    let found = texts(node, "methods", notes).unwrap_or_default();
    for method in &found {
        if !METHODS.contains(&method.value) {
            let message = format!("{} is no method of MCP", quoted(method.value));
            let help = notes.suggestion(method.value, &METHODS);
            notes.advise(&method.span, Code::UnknownValue, message, help);
        }
    }
    owned(&found)
}

fn headers(node: &Node, notes: &mut Notes<'_>) -> Vec<String> {
    let found = texts(node, "header names", notes).unwrap_or_default();
    for name in &found {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        if !name.value.bytes().all(token) {
            let message = format!("{} is no name of a header", quoted(name.value));
            let help = "name each header; `*` means nothing where there is a credential";
            notes.advise(&name.span, Code::UnsuitableText, message, help);
        }
    }
    owned(&found)
}

fn owned(texts: &[Spanned<&str>]) -> Vec<String> {
    texts.iter().map(|text| text.value.to_owned()).collect()
}
