//! The one table of replies that the gateway gives itself (product: HTTP surface).
//!
//! Bodies hold a generic text and the correlation id, never a rule or whether something
//! exists.

use crate::action::Reply;
use crate::block::Block;
use crate::phrase::{Phrase, with_id};
use mcp_zero_policy::Snapshot;
use mcp_zero_wire::{
    reply,
    revision::{Era, Revision},
};

/// Why a request or an answer does not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No credential at all.
    NoToken,
    /// A credential that is not accepted.
    BadToken,
    /// A token without a scope that is required.
    Scope,
    /// Host or origin.
    Foreign,
    /// Path.
    NotFound,
    /// Session: there is none, or it is another's.
    NoSession,
    /// The method of HTTP; what is allowed instead.
    HttpMethod(&'static str),
    /// The body, or that there is none, cannot be read: -32700 or -32600.
    Unreadable(i64),
    /// Headers and body of 2026-07-28 disagree.
    Disagreement,
    /// `_meta` of 2026-07-28 is not there.
    NoMeta,
    /// A protocol version that nobody speaks.
    Version(String),
    /// Over the limit.
    TooLarge,
    /// Content type or encoding.
    MediaType,
    /// The gateway cannot judge now.
    Unavailable,
    /// A key that gateways are about to get.
    KeyOnItsWay,
    /// No token for the server in exchange for the caller's.
    NoExchange,
    /// A method that the protocol does not have.
    UnknownMethod,
    /// A tool call that the policy denies.
    DeniedCall,
    /// Any other request that it denies.
    Denied,
    /// A notification that it denies, or does not know.
    Dropped,
    /// An answer that cannot be inspected.
    Blocked(Block),
    /// A stream for a client that takes none.
    NotAcceptable,
    /// The server's own refusal, or an answer that is none.
    BadServer(u16),
}

/// What a reply is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voice<'a> {
    /// The correlation id.
    pub(crate) correlation_id: &'a str,
    /// The id of the request as it was written.
    pub(crate) id: Option<&'a str>,
    /// 2026-07-28.
    pub(crate) modern: bool,
    /// What a challenge says of scopes and of the public URL.
    pub(crate) snapshot: Option<&'a Snapshot>,
    /// The server that was asked for.
    pub(crate) server: &'a str,
}

impl Refusal {
    /// A name for the audit record.
    pub(crate) fn cause(&self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::BadToken => "bad_token",
            Self::Scope => "insufficient_scope",
            Self::Foreign => "foreign_host_or_origin",
            Self::NotFound => "not_found",
            Self::NoSession => "no_session",
            Self::HttpMethod(_) => "http_method",
            Self::Unreadable(_) => "unreadable",
            Self::Disagreement => "header_mismatch",
            Self::NoMeta => "meta_missing",
            Self::Version(_) => "protocol_version",
            Self::TooLarge => "too_large",
            Self::MediaType => "media_type",
            Self::Unavailable => "unavailable",
            Self::KeyOnItsWay => "key_on_its_way",
            Self::NoExchange => "token_exchange",
            Self::UnknownMethod => "unknown_method",
            Self::DeniedCall | Self::Denied => "policy",
            Self::Dropped => "dropped",
            Self::Blocked(_) => "blocked",
            Self::NotAcceptable => "not_acceptable",
            Self::BadServer(_) => "server_refused",
        }
    }

    /// The reply of this refusal.
    pub(crate) fn reply(&self, voice: &Voice<'_>) -> Reply {
        let (status, code, text) = self.row(voice.modern);
        let text = voice.sentence(text);
        let body = match self {
            Self::Dropped => Vec::new(),
            Self::DeniedCall => match voice.id {
                Some(id) => reply::tool_error(id, &text, voice.modern),
                None => reply::error(None, code, &text),
            },
            Self::Version(asked) => {
                // Who names a version in each request can be served by none that wants `initialize`.
                let offered = |r: &Revision| !voice.modern || r.era() == Era::Modern;
                let known = Revision::ALL.into_iter().filter(offered);
                let known: Vec<_> = known.map(Revision::name).collect();
                reply::unsupported_version(voice.id, asked, &known)
            }
            _ => reply::error(voice.id, code, &text),
        };
        let mut headers = vec![(
            "x-correlation-id".to_owned(),
            voice.correlation_id.to_owned(),
        )];
        if !body.is_empty() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        match self {
            Self::NoToken => headers.push(voice.challenge(None)),
            Self::BadToken => headers.push(voice.challenge(Some("invalid_token"))),
            Self::Scope => headers.push(voice.challenge(Some("insufficient_scope"))),
            Self::KeyOnItsWay => headers.push(("retry-after".to_owned(), "1".to_owned())),
            Self::HttpMethod(allow) => headers.push(("allow".to_owned(), (*allow).to_owned())),
            _ => {}
        }
        Reply {
            status,
            headers,
            body,
        }
    }

    /// The error that stands in a stream in place of an answer.
    pub(crate) fn message(&self, voice: &Voice<'_>) -> Vec<u8> {
        let (_, code, text) = self.row(voice.modern);
        reply::error(voice.id, code, &voice.sentence(text))
    }

    fn row(&self, modern: bool) -> (u16, i64, &'static str) {
        let of = |status, phrase: Phrase| (status, phrase.code, phrase.text);
        match self {
            Self::NoToken | Self::BadToken => (401, -31401, "Authentication required"),
            Self::Scope => (403, -31403, "Insufficient scope"),
            Self::Foreign => (403, -31403, "Host or origin not allowed"),
            Self::NotFound | Self::NoSession => of(404, Phrase::NOT_FOUND),
            Self::HttpMethod(_) => (405, -31405, "Method not allowed"),
            Self::Unreadable(code) => (400, *code, "Unreadable message"),
            Self::Disagreement => (400, -32020, "Headers and body disagree"),
            Self::NoMeta => (400, -32602, "Required _meta is missing"),
            Self::Version(_) => (400, -32022, "Unsupported protocol version"),
            Self::TooLarge => of(413, Phrase::TOO_LARGE),
            Self::MediaType => (415, -31415, "Content type or encoding not supported"),
            Self::Unavailable | Self::KeyOnItsWay | Self::NoExchange => {
                of(503, Phrase::UNAVAILABLE)
            }
            Self::UnknownMethod => (if modern { 404 } else { 200 }, -32601, "Method not found"),
            Self::DeniedCall | Self::Denied => of(200, Phrase::DENIED),
            Self::Dropped => of(202, Phrase::DENIED),
            Self::Blocked(_) => of(200, Phrase::BLOCKED),
            Self::NotAcceptable => (
                406,
                -31406,
                "This answer is a stream: accept text/event-stream",
            ),
            Self::BadServer(status) => (*status, -31504, "Server error"),
        }
    }
}

impl Voice<'_> {
    /// `WWW-Authenticate` (RFC 6750 §3, RFC 9728 §5.1). The scopes are all that are needed, so that
    /// a client asks once.
    fn challenge(&self, error: Option<&str>) -> (String, String) {
        let mut text = "Bearer ".to_owned();
        if let Some(error) = error {
            text.push_str(&format!("error=\"{error}\", "));
        }
        let scopes = self.snapshot.map(scopes).unwrap_or_default();
        if !scopes.is_empty() {
            text.push_str(&format!("scope=\"{}\", ", scopes.join(" ")));
        }
        let public_url = self.snapshot.map_or("", |s| &s.surface().public_url);
        text.push_str(&format!(
            "resource_metadata=\"{public_url}/.well-known/oauth-protected-resource/mcp/{}\"",
            self.server
        ));
        ("www-authenticate".to_owned(), text)
    }

    fn sentence(&self, text: &str) -> String {
        with_id(text, self.correlation_id)
    }
}

/// The scopes that tokens of any issuer must have.
pub(crate) fn scopes(snapshot: &Snapshot) -> Vec<&str> {
    let mut scopes: Vec<&str> = Vec::new();
    for scope in snapshot.issuers().iter().flat_map(|i| &i.required_scopes) {
        if !scopes.contains(&&**scope) {
            scopes.push(scope);
        }
    }
    scopes
}
