//! [`Host`] on Envoy.

use super::ffi::{self, Buffer, Map, Path};
use super::worker::Worker;
use crate::host::{CallAnswer, Host, HostError, Pairs};
use crate::{pairs, refusal};
use mcp_zero_gate::{Call, Direction, Reply};
use std::rc::Rc;
use std::time::Duration;

/// One HTTP stream of Envoy.
pub(super) struct Envoy {
    context: u32,
    worker: Rc<Worker>,
}

impl Envoy {
    pub(super) fn new(context: u32, worker: Rc<Worker>) -> Self {
        Self { context, worker }
    }
}

impl Host for Envoy {
    fn now_ms(&mut self) -> Result<u64, HostError> {
        Ok(ffi::now_nanoseconds()? / 1_000_000)
    }

    fn headers(&mut self, direction: Direction) -> Result<Pairs, HostError> {
        ffi::pairs(headers(direction))
    }

    fn set_header(
        &mut self,
        direction: Direction,
        name: &str,
        value: &[u8],
    ) -> Result<(), HostError> {
        ffi::replace_value(headers(direction), name, value)
    }

    fn remove_header(&mut self, direction: Direction, name: &str) -> Result<(), HostError> {
        ffi::remove_value(headers(direction), name)
    }

    fn clear_trailers(&mut self, direction: Direction) -> Result<(), HostError> {
        ffi::set_pairs(trailers(direction), &pairs::encode(std::iter::empty()))
    }

    fn body(&mut self, direction: Direction) -> Result<Vec<u8>, HostError> {
        ffi::buffer(body(direction), usize::MAX)
    }

    fn replace_body(
        &mut self,
        direction: Direction,
        size: usize,
        bytes: &[u8],
    ) -> Result<(), HostError> {
        ffi::replace_buffer(body(direction), size, bytes)
    }

    fn reply(&mut self, reply: &Reply) -> Result<(), HostError> {
        send(reply)
    }

    fn cut(&mut self) -> Result<(), HostError> {
        self.worker.cut_soon(self.context)
    }

    fn resume(&mut self, direction: Direction) -> Result<(), HostError> {
        ffi::resume(direction)
    }

    /// Through the SDK, which keeps the tokens; it takes text only, which ours is.
    fn call(&mut self, call: &Call) -> Result<u32, HostError> {
        let headers = call.headers.iter();
        proxy_wasm::hostcalls::dispatch_http_call(
            &call.cluster,
            headers.map(|(n, v)| (n.as_str(), v.as_str())).collect(),
            Some(&call.body),
            Vec::new(),
            Duration::from_millis(call.timeout_ms.into()),
        )
        .map_err(|status| HostError {
            call: "proxy_http_call",
            status: status as u32,
        })
    }

    fn answer(&mut self) -> Result<CallAnswer, HostError> {
        let headers = ffi::pairs(Map::CallHeaders)?;
        let status = headers
            .iter()
            .find(|(name, _)| name == b":status")
            .and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok())
            .ok_or(HostError {
                call: "status of an answer",
                status: 0,
            })?;
        let body = ffi::buffer(Buffer::CallBody, usize::MAX)?;
        Ok(CallAnswer { status, body })
    }

    fn property(&mut self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        ffi::property(&Path::new(path))
    }

    fn set_state(&mut self, name: &str, value: &[u8]) -> Result<(), HostError> {
        ffi::set_property(&Path::new(&[name]), value)
    }

    fn log(&mut self, text: &str) {
        warn(text);
    }
}

/// The configuration of the root context at hand.
pub(super) fn configuration(size: usize) -> Result<Vec<u8>, HostError> {
    if size == 0 {
        return Ok(Vec::new());
    }
    ffi::buffer(Buffer::Configuration, size)
}

/// Cuts the stream of the effective context: a reply that comes too late resets it.
pub(super) fn cut() -> Result<(), HostError> {
    send(&refusal::reply(None))
}

pub(super) fn info(text: &str) {
    ffi::log(ffi::INFO, text);
}

pub(super) fn warn(text: &str) {
    ffi::log(ffi::WARN, text);
}

fn send(reply: &Reply) -> Result<(), HostError> {
    let headers = reply.headers.iter();
    let headers = pairs::encode(headers.map(|(n, v)| (n.as_bytes(), v.as_bytes())));
    ffi::send_local_response(reply.status, &headers, &reply.body)
}

fn headers(direction: Direction) -> Map {
    match direction {
        Direction::Request => Map::RequestHeaders,
        Direction::Response => Map::ResponseHeaders,
    }
}

fn trailers(direction: Direction) -> Map {
    match direction {
        Direction::Request => Map::RequestTrailers,
        Direction::Response => Map::ResponseTrailers,
    }
}

fn body(direction: Direction) -> Buffer {
    match direction {
        Direction::Request => Buffer::RequestBody,
        Direction::Response => Buffer::ResponseBody,
    }
}
