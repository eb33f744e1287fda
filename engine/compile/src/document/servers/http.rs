//! `transport: http`: where a server is, and what is particular on the way.

use super::super::expand::{Expanded, expand};
use super::super::fields::{Fields, Key, Spanned, text};
use super::super::url::{self, Excuse, Url};
use super::headers;
use crate::code::Code;
use crate::environment::Environment;
use crate::node::Node;
use crate::notes::Notes;
use crate::render::quoted;
use crate::server::{ClientCertificate, HttpServer, Scheme, ServerUrl, Tls};

/// Nothing where the URL is missing or refused.
pub(super) fn read(
    fields: &Fields<'_>,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Option<HttpServer> {
    let insecure = fields.flag("allow_insecure", false, notes);
    let url = fields
        .get("url")
        .and_then(|node| text(node, notes))
        .and_then(|written| server_url(&written, insecure, environment, notes));
    let connect_timeout_seconds = fields.number("connect_timeout_seconds", 5, 1..=300, notes);
    let tls = fields.get("tls").and_then(|node| tls(node, notes));
    let plain = url.as_ref().is_some_and(|url| url.scheme == Scheme::Http);
    if let (Some(entry), true) = (fields.entry("tls"), plain) {
        let message = "`tls` on a server whose URL is http";
        notes.error(&entry.key_span, Code::Conflict, message);
    }
    let headers = fields
        .get("headers")
        .map_or_else(Vec::new, |node| headers::read(node, environment, notes));
    Some(HttpServer {
        url: url?,
        connect_timeout_seconds,
        tls: tls.unwrap_or_default(),
        headers,
        exchange: None,
    })
}

fn server_url(
    written: &Spanned<&str>,
    insecure: bool,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Option<ServerUrl> {
    match expand(written, environment, notes)? {
        Expanded::Whole(url) => checked(written, &url, insecure, environment, notes),
        // Good for looking at only, and nothing answers there (RFC 6761 section 6.4).
        Expanded::Unset => Some(ServerUrl {
            scheme: Scheme::Https,
            host: "unset.invalid".to_owned(),
            port: Scheme::Https.default_port(),
            path: "/".to_owned(),
        }),
    }
}

/// Checks a URL with its variables expanded; what is reported shows it as it was written.
pub(super) fn checked(
    written: &Spanned<&str>,
    url: &str,
    insecure: bool,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Option<ServerUrl> {
    let url = url::reported(Url::parse(url), written.value, &written.span, notes)?;
    let parts = url::reported(url.server(), written.value, &written.span, notes)?;
    if url.scheme == Scheme::Http {
        let excuse = excuse(&url, insecure, environment);
        let help = "use https, or set `allow_insecure: true` on this server";
        Excuse::report(excuse, &written.span, help, notes);
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
