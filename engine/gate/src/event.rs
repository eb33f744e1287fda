//! What the driver tells an exchange.

use crate::head::Headers;

/// The request headers as the driver sees them, after Envoy's normalisation.
#[derive(Debug)]
pub struct RequestHead<'a> {
    /// All headers with the pseudo headers `:method`, `:path`, `:authority`, `:scheme`.
    pub headers: &'a Headers,
    /// True when headers end the request: no body will come.
    pub ends: bool,
    /// Envoy's request id, which is the correlation id.
    pub request_id: &'a str,
    /// The client's address without its port.
    pub client: &'a str,
    /// Identity that Envoy verified in front of the filter; without one no token is accepted.
    pub verified: Option<Verified<'a>>,
}

/// What Envoy's `jwt_authn` has verified.
#[derive(Debug, Clone, Copy)]
pub struct Verified<'a> {
    /// The `iss` claim.
    pub issuer: &'a str,
    /// The `sub` claim.
    pub subject: &'a str,
}

/// The response headers.
#[derive(Debug)]
pub struct ResponseHead<'a> {
    /// All headers with `:status`.
    pub headers: &'a Headers,
    /// True when headers end the response.
    pub ends: bool,
}

/// Who wrote a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The MCP server.
    Server,
    /// Envoy itself: unreachable or silent server, limits, time-outs.
    Envoy,
}

/// A direction of the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From the client to the server.
    Request,
    /// From the server to the client.
    Response,
}

/// Whether more of a stream follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// More may come.
    More,
    /// These are the last bytes.
    End,
}

/// Names one call-out of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId(pub u32);

/// Why a call-out gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallError {
    /// It could not be sent, or no answer came in time (Envoy does not tell these apart).
    Unreachable,
    /// The answer was not what was asked for.
    Refused,
}

/// A call-out's answer.
#[derive(Debug)]
pub struct Answer<'a> {
    /// HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: &'a [u8],
}

/// Something happened on the exchange.
#[derive(Debug)]
pub enum Event<'a> {
    /// The whole request body.
    Request(&'a [u8]),
    /// Response headers arrived.
    Response(ResponseHead<'a>, Origin),
    /// The whole response body, after [`crate::Action::Collect`].
    Whole(&'a [u8]),
    /// A piece of the response, after [`crate::Action::Stream`].
    Chunk(&'a [u8], Last),
    /// A call-out has ended.
    Answer(CallId, Result<Answer<'a>, CallError>),
    /// A body passed the limit that was set for it.
    Overflow(Direction),
    /// The host refused what must not fail.
    HostFailed,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The response was sent whole.
    Complete,
    /// The client or the server went away before.
    Aborted,
}
