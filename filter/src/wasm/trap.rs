//! A stream that panics, or never returns, where a header of its request asks for it: what the
//! gateway does then can be tested. Only the module of `tests/trap` holds this.
#![allow(clippy::panic, reason = "to panic is what it is for")]

use super::ffi::{self, Map};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

/// The header. Its value is a moment (`before`, `after`, or `loop` in place of `before`) and a
/// callback: `before:response-body`. The messages of the panics name it, so that it stands in the
/// module as it is here.
const HEADER: &str = "x-mcp-zero-trap";

/// A stream and where it falls.
pub(super) struct Trapped<S> {
    stream: S,
    place: Option<Vec<u8>>,
}

impl<S> Trapped<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            place: None,
        }
    }

    fn before(&self, callback: &str) {
        if self.is_at("before", callback) {
            panic!("{HEADER} before {callback}");
        }
        let mut turns = 0_u64;
        while self.is_at("loop", callback) {
            turns = std::hint::black_box(turns.wrapping_add(1));
        }
    }

    fn after(&self, callback: &str) {
        if self.is_at("after", callback) {
            panic!("{HEADER} after {callback}");
        }
    }

    fn is_at(&self, moment: &str, callback: &str) -> bool {
        let Some(place) = self.place.as_deref() else {
            return false;
        };
        place.strip_prefix(moment.as_bytes())
            == Some([b":", callback.as_bytes()].concat().as_slice())
    }
}

impl<S: Context> Context for Trapped<S> {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, trailers: usize) {
        self.stream
            .on_http_call_response(token, headers, body, trailers);
    }
}

impl<S: HttpContext> HttpContext for Trapped<S> {
    fn on_http_request_headers(&mut self, count: usize, ends: bool) -> Action {
        let headers = ffi::pairs(Map::RequestHeaders).unwrap_or_default();
        self.place = headers
            .into_iter()
            .find_map(|(name, value)| (name == HEADER.as_bytes()).then_some(value));
        self.before("request-headers");
        let action = self.stream.on_http_request_headers(count, ends);
        self.after("request-headers");
        action
    }

    fn on_http_request_body(&mut self, size: usize, ends: bool) -> Action {
        self.before("request-body");
        let action = self.stream.on_http_request_body(size, ends);
        self.after("request-body");
        action
    }

    fn on_http_request_trailers(&mut self, count: usize) -> Action {
        self.before("request-trailers");
        let action = self.stream.on_http_request_trailers(count);
        self.after("request-trailers");
        action
    }

    fn on_http_response_headers(&mut self, count: usize, ends: bool) -> Action {
        self.before("response-headers");
        let action = self.stream.on_http_response_headers(count, ends);
        self.after("response-headers");
        action
    }

    fn on_http_response_body(&mut self, size: usize, ends: bool) -> Action {
        self.before("response-body");
        let action = self.stream.on_http_response_body(size, ends);
        self.after("response-body");
        action
    }

    fn on_http_response_trailers(&mut self, count: usize) -> Action {
        self.stream.on_http_response_trailers(count)
    }

    fn on_log(&mut self) {
        self.before("log");
        self.stream.on_log();
    }
}
