//! Streamable HTTP at `/<server>`.

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, Response, StatusCode};
use bytes::Bytes;
use http_body_util::LengthLimitError;
use mcp_zero_wire::header::{Media, accepts, media};
use mcp_zero_wire::json::{Doc, Limits, Value};
use mcp_zero_wire::method::{self, Sender, Shape};
use mcp_zero_wire::revision::{Era, META_VERSION, Revision};
use mcp_zero_wire::rpc::Message;
use mcp_zero_wire::{reply as wire_reply, rpc};
use subtle::ConstantTimeEq as _;

use crate::bounds::Bounds;
use crate::budget::Budget;
use crate::caller::{self, Caller};
use crate::id::Key;
use crate::link::Role;
use crate::reply::{self, Refusal};
use crate::server::{Pending, SESSION, Sent, Server};
use crate::servers::Servers;
use crate::session::Session;
use crate::splice;

/// The header of the secret that the gateway shares, on TCP.
const SECRET: HeaderName = HeaderName::from_static("x-mcp-zero-bridge");
/// Which definition of the server was judged.
const TAG: HeaderName = HeaderName::from_static("x-mcp-zero-server");
const CALLER: HeaderName = HeaderName::from_static(caller::HEADER);
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
/// The code of headers that say something else than the body (2026-07-28).
const HEADER_MISMATCH: i64 = -32020;
/// The code of params that lack something (JSON-RPC 2.0 §5.1).
const INVALID_PARAMS: i64 = -32602;

/// Who may ask.
#[derive(Debug)]
pub(crate) enum Admission {
    /// Whoever the mode of the socket lets in.
    Socket,
    /// Whoever knows the secret, by a loopback name.
    Secret(Box<[u8]>),
}

#[derive(Debug)]
struct App {
    servers: Arc<Servers>,
    admission: Admission,
    bounds: Arc<Bounds>,
    budget: Arc<Budget>,
}

/// What a message comes to.
enum Outcome {
    Done(Response<Body>),
    Pending(Pending),
}

/// The service.
pub(crate) fn router(servers: Arc<Servers>, admission: Admission, bounds: Arc<Bounds>) -> Router {
    let app = Arc::new(App {
        servers,
        admission,
        bounds,
        budget: Arc::default(),
    });
    Router::new().fallback(handle).with_state(app)
}

async fn handle(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match app.serve(&parts, body).await {
        Ok(response) => response,
        Err(refusal) => refusal.response(None),
    }
}

/// The value of a header that is there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.as_bytes())
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    std::str::from_utf8(only(headers, name)?).ok()
}

impl Admission {
    fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        // No page of a browser has anything to say here.
        if headers.contains_key(ORIGIN) {
            return Err(Refusal::Foreign);
        }
        let Self::Secret(secret) = self else {
            return Ok(());
        };
        let given = only(headers, &SECRET).unwrap_or_default();
        let known = bool::from(given.ct_eq(secret));
        let local = text(headers, &HOST).is_some_and(is_loopback);
        if known && local {
            Ok(())
        } else {
            Err(Refusal::Foreign)
        }
    }
}

/// A name of this machine, with a port or without (RFC 9110 §7.2).
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some(("::1", rest)) => ("::1", rest),
        Some(_) => return false,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_port = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    port && (matches!(name, "127.0.0.1" | "::1") || name.eq_ignore_ascii_case("localhost"))
}

impl App {
    async fn serve(&self, parts: &Parts, body: Body) -> Result<Response<Body>, Refusal> {
        self.admission.check(&parts.headers)?;
        let name = parts.uri.path().strip_prefix('/').unwrap_or_default();
        if name == "healthz" {
            return match (&parts.method, self.servers.is_ready()) {
                (&Method::GET, true) => Ok(reply::empty(StatusCode::OK)),
                (&Method::GET, false) => Err(Refusal::NotReady),
                _ => Err(Refusal::HttpMethod),
            };
        }
        let caller = only(&parts.headers, &CALLER)
            .and_then(Caller::parse)
            .ok_or(Refusal::Invalid("No caller is named"))?;
        let server = self.servers.find(name, text(&parts.headers, &TAG))?;
        match parts.method {
            Method::POST => self.post(&server, caller, parts, body).await,
            Method::GET => get(&server, caller, &parts.headers),
            Method::DELETE => {
                let session = session(&server, caller, &parts.headers)?;
                server.close(&session);
                Ok(reply::empty(StatusCode::NO_CONTENT))
            }
            _ => Err(Refusal::HttpMethod),
        }
    }

    async fn post(
        &self,
        server: &Server,
        caller: Caller,
        parts: &Parts,
        body: Body,
    ) -> Result<Response<Body>, Refusal> {
        let headers = &parts.headers;
        let json = text(headers, &CONTENT_TYPE).is_some_and(|kind| media(kind) == Media::Json);
        if !json || headers.contains_key(CONTENT_ENCODING) {
            return Err(Refusal::MediaType);
        }
        if !takes(headers, Media::Json) || !takes(headers, Media::EventStream) {
            return Err(Refusal::NotAcceptable);
        }
        let limit = server.spec.max_request_bytes as usize;
        let said = text(headers, &CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let length = said.unwrap_or(limit);
        if length > limit {
            return Err(Refusal::TooLarge);
        }
        let mut hold = self.budget.take(caller, length, &self.bounds)?;
        let body = read(body, limit).await?;
        hold.shrink(body.len());
        // The message itself is gone by the time that its answer is waited for.
        let (id, outcome) = judged(server, caller, headers, body).await;
        let done = match outcome {
            Ok(Outcome::Done(response)) => Ok(response),
            Ok(Outcome::Pending(pending)) => pending.holding(hold).response().await,
            Err(refusal) => Err(refusal),
        };
        Ok(done.unwrap_or_else(|refusal| refusal.response(id.as_deref())))
    }
}

fn session(server: &Server, caller: Caller, headers: &HeaderMap) -> Result<Arc<Session>, Refusal> {
    let id = text(headers, &SESSION).ok_or(Refusal::Invalid("Mcp-Session-Id is required"))?;
    server.find(id, caller)
}

fn takes(headers: &HeaderMap, wanted: Media) -> bool {
    let mut values = headers.get_all(ACCEPT).iter().peekable();
    values.peek().is_none()
        || values.any(|value| value.to_str().is_ok_and(|value| accepts(value, wanted)))
}

fn get(server: &Server, caller: Caller, headers: &HeaderMap) -> Result<Response<Body>, Refusal> {
    let session = session(server, caller, headers)?;
    if !takes(headers, Media::EventStream) {
        return Err(Refusal::NotAcceptable);
    }
    let events = match text(headers, &LAST_EVENT) {
        Some(event) => session.resume(event)?,
        None => session.listen(),
    };
    Ok(events.response())
}

/// What a message comes to, and its id where it has one.
async fn judged(
    server: &Server,
    caller: Caller,
    headers: &HeaderMap,
    body: Bytes,
) -> (Option<Box<str>>, Result<Outcome, Refusal>) {
    let Ok(doc) = Doc::scan(&body, &Limits::default()) else {
        return (None, Err(Refusal::Unreadable));
    };
    let message = match Message::from_client(&doc) {
        Ok(message) => message,
        Err(error) => {
            let id = error.id.as_ref().map(rpc::IdBuf::raw);
            let body = wire_reply::error(id, rpc::INVALID_REQUEST, "Invalid request");
            let response = reply::json(StatusCode::BAD_REQUEST, body.into());
            return (None, Ok(Outcome::Done(response)));
        }
    };
    let id = match &message {
        Message::Request { id, .. } => Some(id.raw()),
        Message::Notification { .. } | Message::Result { .. } | Message::Error { .. } => None,
    };
    let outcome = match era(headers, &message) {
        Ok(Era::Legacy) => legacy(server, caller, headers, &doc, &message).await,
        Ok(Era::Modern) => modern(server, caller, &doc, &message).await,
        Err((code, why)) => {
            let body = wire_reply::error(id, code, why);
            let response = reply::json(StatusCode::BAD_REQUEST, body.into());
            Ok(Outcome::Done(response))
        }
    };
    (id.map(Into::into), outcome)
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    to_bytes(body, limit).await.map_err(|error| {
        let mut cause: Option<&dyn Error> = Some(&error);
        while let Some(found) = cause {
            if found.is::<LengthLimitError>() {
                return Refusal::TooLarge;
            }
            cause = found.source();
        }
        // Its sender went away.
        Refusal::Unreadable
    })
}

/// Of which era a message is. What it says itself and what its headers say must agree.
fn era(headers: &HeaderMap, message: &Message<'_>) -> Result<Era, (i64, &'static str)> {
    let (Message::Request { params, .. } | Message::Notification { params, .. }) = message else {
        return Ok(Era::Legacy);
    };
    let said = headers
        .contains_key(VERSION)
        .then(|| text(headers, &VERSION));
    let inside = params
        .and_then(|params| params.get("_meta"))
        .and_then(|meta| meta.get_text(META_VERSION));
    match (inside, said) {
        (Some(inside), Some(said)) if said == Some(&*inside) => Ok(Era::Modern),
        (Some(_), Some(_)) => Err((
            HEADER_MISMATCH,
            "MCP-Protocol-Version differs from the body",
        )),
        (Some(_), None) => Ok(Era::Modern),
        (None, None) => Ok(Era::Legacy),
        (None, Some(said)) => match said.and_then(Revision::parse).map(Revision::era) {
            Some(Era::Legacy) => Ok(Era::Legacy),
            Some(Era::Modern) => Err((INVALID_PARAMS, "_meta lacks the protocol version")),
            None => Err((rpc::INVALID_REQUEST, "Unknown MCP-Protocol-Version")),
        },
    }
}

/// A request sent as a notification, or the reverse, would get no answer or one too many.
fn shaped(method: &str, shape: Shape) -> Result<(), Refusal> {
    match method::lookup(method, Sender::Client) {
        Some(spec) if spec.shape != shape => Err(Refusal::Invalid("Invalid request")),
        Some(_) | None => Ok(()),
    }
}

async fn modern(
    server: &Server,
    caller: Caller,
    doc: &Doc<'_>,
    message: &Message<'_>,
) -> Result<Outcome, Refusal> {
    match message {
        Message::Request { id, method, .. } => {
            shaped(method, Shape::Request)?;
            let id = *id;
            let sent = Sent { doc, id, method };
            server.modern(caller, sent).await.map(Outcome::Pending)
        }
        // Closing a stream cancels; there is nothing else to tell.
        Message::Notification { .. } => Ok(Outcome::Done(reply::empty(StatusCode::ACCEPTED))),
        Message::Result { .. } | Message::Error { .. } => Err(Refusal::Invalid("Invalid request")),
    }
}

async fn legacy(
    server: &Server,
    caller: Caller,
    headers: &HeaderMap,
    doc: &Doc<'_>,
    message: &Message<'_>,
) -> Result<Outcome, Refusal> {
    match message {
        Message::Request { id, method, .. } => {
            shaped(method, Shape::Request)?;
            let id = *id;
            let sent = Sent { doc, id, method };
            if method == "initialize" {
                return server.initialize(caller, sent).await.map(Outcome::Done);
            }
            let session = session(server, caller, headers)?;
            server.call(&session, sent).map(Outcome::Pending)
        }
        Message::Notification { method, params } => {
            shaped(method, Shape::Notification)?;
            let session = session(server, caller, headers)?;
            if method == "notifications/cancelled" {
                cancel(&session, doc, *params).await?;
            } else if session.link.role == Role::Session {
                pass(&session, doc, &[]).await?;
            }
            Ok(Outcome::Done(reply::empty(StatusCode::ACCEPTED)))
        }
        Message::Result { .. } | Message::Error { .. } => {
            let session = session(server, caller, headers)?;
            let root = doc.root();
            let asked = Key::of_message(root).and_then(|key| session.link.take_asked(&key));
            if let (Some(spelled), Some(span)) = (asked, splice::id_span(root)) {
                pass(&session, doc, &[(span, &*spelled)]).await?;
            } else {
                tracing::debug!("an answer to nothing that was asked was dropped");
            }
            Ok(Outcome::Done(reply::empty(StatusCode::ACCEPTED)))
        }
    }
}

async fn pass(
    session: &Session,
    doc: &Doc<'_>,
    spans: &[(std::ops::Range<usize>, &str)],
) -> Result<(), Refusal> {
    let line = splice::line(doc, spans).map_err(|_| Refusal::Invalid("Invalid request"))?;
    let sent = session.link.outbox.send(line).await;
    sent.map_err(|_| Refusal::NoSession)
}

/// Takes a request back: the child is told of it by the id that it knows.
async fn cancel(
    session: &Session,
    doc: &Doc<'_>,
    params: Option<Value<'_>>,
) -> Result<(), Refusal> {
    let Some(named) = params.and_then(|params| params.get("requestId")) else {
        return Err(Refusal::Invalid("requestId is required"));
    };
    let number = Key::of(named).and_then(|key| session.link.find(session.number, key));
    let Some(number) = number else {
        return Ok(());
    };
    pass(session, doc, &[(named.span(), number.to_string().as_str())]).await?;
    session.link.cancelled(number);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_few_names() {
        for good in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1:9",
            "[::1]:8080",
            "[::1]",
        ] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.2",
            "[::2]",
            "::1",
            "[::1]evil.example",
            "[::1]:80x",
            "[localhost]",
            "localhost:80@evil.example",
            "127.0.0.1:evil.example",
        ] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }
}
