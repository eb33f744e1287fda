//! The host calls of the proxy-wasm ABI 0.2.1, with every status looked at.
#![allow(
    unsafe_code,
    reason = "host calls are foreign functions; nothing else in the project is unsafe"
)]

use crate::host::{HostError, Pairs};
use crate::pairs;
use mcp_zero_gate::Direction;
use std::ptr::{null, null_mut};

/// Levels of the log.
pub(super) const INFO: u32 = 2;
pub(super) const WARN: u32 = 3;

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;

/// Header maps by the ABI's numbers.
#[derive(Clone, Copy)]
pub(super) enum Map {
    RequestHeaders = 0,
    RequestTrailers = 1,
    ResponseHeaders = 2,
    ResponseTrailers = 3,
    CallHeaders = 6,
}

/// Buffers by the ABI's numbers.
#[derive(Clone, Copy)]
pub(super) enum Buffer {
    RequestBody = 0,
    ResponseBody = 1,
    CallBody = 4,
    Configuration = 7,
}

/// The path of a property: segments divided by zero bytes.
pub(super) struct Path(Vec<u8>);

impl Path {
    pub(super) fn new(segments: &[&str]) -> Self {
        Self(segments.join("\0").into_bytes())
    }
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, text: *const u8, size: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        most: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_buffer_bytes(
        buffer: u32,
        start: usize,
        replaced: usize,
        data: *const u8,
        size: usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_header_map_pairs(map: u32, data: *const u8, size: usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_property(
        path: *const u8,
        path_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        arguments: *const u8,
        arguments_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
}

/// Writes a line; a log that fails has nowhere to say so.
pub(super) fn log(level: u32, text: &str) {
    // SAFETY: the host reads `text` only during the call.
    let _ = unsafe { proxy_log(level, text.as_ptr(), text.len()) };
}

pub(super) fn now_nanoseconds() -> Result<u64, HostError> {
    let mut time = 0;
    // SAFETY: the host writes eight bytes to `time`.
    let status = unsafe { proxy_get_current_time_nanoseconds(&raw mut time) };
    ok("proxy_get_current_time_nanoseconds", status).map(|()| time)
}

/// Zero stops the timer.
pub(super) fn set_tick_period(milliseconds: u32) -> Result<(), HostError> {
    // SAFETY: no memory is passed.
    let status = unsafe { proxy_set_tick_period_milliseconds(milliseconds) };
    ok("proxy_set_tick_period_milliseconds", status)
}

/// Until the callback ends, calls are about this context.
pub(super) fn set_effective_context(context: u32) -> Result<(), HostError> {
    // SAFETY: no memory is passed.
    let status = unsafe { proxy_set_effective_context(context) };
    ok("proxy_set_effective_context", status)
}

pub(super) fn resume(direction: Direction) -> Result<(), HostError> {
    let stream = match direction {
        Direction::Request => 0,
        Direction::Response => 1,
    };
    // SAFETY: no memory is passed.
    let status = unsafe { proxy_continue_stream(stream) };
    ok("proxy_continue_stream", status)
}

pub(super) fn buffer(buffer: Buffer, most: usize) -> Result<Vec<u8>, HostError> {
    // SAFETY: both pointers are to live variables of `given`, which keeps the contract.
    given("proxy_get_buffer_bytes", |data, size| unsafe {
        proxy_get_buffer_bytes(buffer as u32, 0, most, data, size)
    })
    .map(Option::unwrap_or_default)
}

pub(super) fn replace_buffer(
    buffer: Buffer,
    replaced: usize,
    bytes: &[u8],
) -> Result<(), HostError> {
    // SAFETY: the host reads `bytes` only during the call.
    let status =
        unsafe { proxy_set_buffer_bytes(buffer as u32, 0, replaced, bytes.as_ptr(), bytes.len()) };
    ok("proxy_set_buffer_bytes", status)
}

pub(super) fn pairs(map: Map) -> Result<Pairs, HostError> {
    const CALL: &str = "proxy_get_header_map_pairs";
    // SAFETY: both pointers are to live variables of `given`, which keeps the contract.
    let encoded = given(CALL, |data, size| unsafe {
        proxy_get_header_map_pairs(map as u32, data, size)
    })?;
    pairs::decode(&encoded.unwrap_or_default()).ok_or(HostError {
        call: CALL,
        status: OK,
    })
}

pub(super) fn set_pairs(map: Map, encoded: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host reads `encoded` only during the call.
    let status = unsafe { proxy_set_header_map_pairs(map as u32, encoded.as_ptr(), encoded.len()) };
    ok("proxy_set_header_map_pairs", status)
}

pub(super) fn replace_value(map: Map, name: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host reads `name` and `value` only during the call.
    let status = unsafe {
        proxy_replace_header_map_value(
            map as u32,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    };
    ok("proxy_replace_header_map_value", status)
}

pub(super) fn remove_value(map: Map, name: &str) -> Result<(), HostError> {
    // SAFETY: the host reads `name` only during the call.
    let status = unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) };
    if status == NOT_FOUND {
        return Ok(());
    }
    ok("proxy_remove_header_map_value", status)
}

pub(super) fn property(path: &Path) -> Result<Option<Vec<u8>>, HostError> {
    // SAFETY: the host reads the path during the call; the other pointers are to live
    // variables of `given`, which keeps the contract.
    given("proxy_get_property", |data, size| unsafe {
        proxy_get_property(path.0.as_ptr(), path.0.len(), data, size)
    })
}

pub(super) fn set_property(path: &Path, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host reads path and value only during the call.
    let status =
        unsafe { proxy_set_property(path.0.as_ptr(), path.0.len(), value.as_ptr(), value.len()) };
    ok("proxy_set_property", status)
}

/// What a function of the host returns; none where the host has no such function.
pub(super) fn call_foreign(name: &str, arguments: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
    // SAFETY: the host reads name and arguments only during the call; the other pointers are to
    // live variables of `given`, which keeps the contract.
    given("proxy_call_foreign_function", |data, size| unsafe {
        proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            arguments.as_ptr(),
            arguments.len(),
            data,
            size,
        )
    })
}

/// Without code details: by their absence Envoy's configuration knows our replies.
pub(super) fn send_local_response(
    status: u16,
    headers: &[u8],
    body: &[u8],
) -> Result<(), HostError> {
    const NO_GRPC_STATUS: i32 = -1;
    // SAFETY: the host reads headers and body only during the call.
    let status = unsafe {
        proxy_send_local_response(
            status.into(),
            null(),
            0,
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC_STATUS,
        )
    };
    ok("proxy_send_local_response", status)
}

/// Bytes that the host allocates and gives us; none where it has none.
fn given(
    call: &'static str,
    ask: impl FnOnce(*mut *mut u8, *mut usize) -> u32,
) -> Result<Option<Vec<u8>>, HostError> {
    let mut data: *mut u8 = null_mut();
    let mut size = 0;
    let status = ask(&raw mut data, &raw mut size);
    if status == NOT_FOUND {
        return Ok(None);
    }
    ok(call, status)?;
    if data.is_null() {
        return Ok(Some(Vec::new()));
    }
    // SAFETY: the host got `data` from the SDK's `proxy_on_memory_allocate`, which leaves a
    // boxed slice of exactly `size` bytes, and has filled it. Nobody else owns it.
    Ok(Some(unsafe { Vec::from_raw_parts(data, size, size) }))
}

fn ok(call: &'static str, status: u32) -> Result<(), HostError> {
    if status == OK {
        return Ok(());
    }
    Err(HostError { call, status })
}
