//! Answers that the bridge writes itself.

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use mcp_zero_wire::reply;
use mcp_zero_wire::rpc::{INVALID_REQUEST, PARSE_ERROR};

/// The media type of a single message.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// The code of a fault inside (JSON-RPC 2.0 §5.1).
pub(crate) const INTERNAL: i64 = -32603;
/// The code of a method that is not there (JSON-RPC 2.0 §5.1).
pub(crate) const NO_METHOD: i64 = -32601;
/// The code of an answer to a request that its client took back; outside of what the protocol
/// keeps for itself.
pub(crate) const CANCELLED: i64 = -31499;

/// Why the bridge does not pass a request on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 400: not JSON.
    Unreadable,
    /// 400: JSON, but no message, or not one for this place.
    Invalid(&'static str),
    /// 400: an id that is in use.
    Duplicate,
    /// 400: the server speaks no revision without sessions.
    LegacyOnly,
    /// 403: an origin, a host or a secret that is not the gateway's.
    Foreign,
    /// 404: no such server.
    NoServer,
    /// 404: no such session, or somebody else's.
    NoSession,
    /// 405: another HTTP method.
    HttpMethod,
    /// 406: the client does not take what would come.
    NotAcceptable,
    /// 413: over the limit of a message.
    TooLarge,
    /// 415: not JSON in UTF-8, or encoded.
    MediaType,
    /// 429: the caller has as many as one may have.
    CallerFull,
    /// 503: everybody together has.
    Full,
    /// 503: no policy is loaded.
    NotReady,
    /// 200: the server could not be started, or has ended.
    Ended,
    /// 200: the server ends as soon as it is started; it is left alone for a while.
    Failing,
}

impl Refusal {
    fn row(self) -> (StatusCode, i64, &'static str) {
        match self {
            Self::Unreadable => (StatusCode::BAD_REQUEST, PARSE_ERROR, "Parse error"),
            Self::Invalid(why) => (StatusCode::BAD_REQUEST, INVALID_REQUEST, why),
            Self::Duplicate => (
                StatusCode::BAD_REQUEST,
                INVALID_REQUEST,
                "A request with this id is open",
            ),
            Self::LegacyOnly => (
                StatusCode::BAD_REQUEST,
                INVALID_REQUEST,
                "This server wants a session: send initialize",
            ),
            Self::Foreign => (StatusCode::FORBIDDEN, -31403, "Not allowed"),
            Self::NoServer => (StatusCode::NOT_FOUND, -31404, "Not found"),
            Self::NoSession => (StatusCode::NOT_FOUND, -31404, "Session not found"),
            Self::HttpMethod => (StatusCode::METHOD_NOT_ALLOWED, -31405, "Method not allowed"),
            Self::NotAcceptable => (
                StatusCode::NOT_ACCEPTABLE,
                -31406,
                "Accept must list application/json and text/event-stream",
            ),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, -31413, "Message too large"),
            Self::MediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                -31415,
                "Content type or encoding not supported",
            ),
            Self::CallerFull => (
                StatusCode::TOO_MANY_REQUESTS,
                -31429,
                "Too many sessions or requests",
            ),
            Self::Full | Self::NotReady => (
                StatusCode::SERVICE_UNAVAILABLE,
                -31503,
                "Service unavailable",
            ),
            Self::Ended => (StatusCode::OK, INTERNAL, "The server has ended"),
            Self::Failing => (
                StatusCode::OK,
                INTERNAL,
                "The server fails to start; try again later",
            ),
        }
    }

    /// The whole answer; `id` is the request's, where it is known.
    pub(crate) fn response(self, id: Option<&str>) -> Response<Body> {
        let (mut status, code, message) = self.row();
        if id.is_none() && status == StatusCode::OK {
            // Without an id nobody reads the error of a success.
            status = StatusCode::BAD_GATEWAY;
        }
        let mut response = json(status, reply::error(id, code, message).into());
        let headers = response.headers_mut();
        match self {
            Self::HttpMethod => {
                headers.insert(ALLOW, HeaderValue::from_static("GET, POST, DELETE"));
            }
            Self::CallerFull | Self::Full | Self::NotReady => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        response
    }
}

/// A response with one message.
pub(crate) fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
