//! Starts the real parts for end-to-end tests. Each test has its own ports, base id
//! and state directory; everything stops with the value that started it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a harness that cannot start its parts fails the test at once"
)]

mod client;
mod demo;
mod envoy;
pub mod fault;
mod gateway;
mod issuer;
mod mcp;
mod plane;
mod policy;
mod scripted;
mod upstream;

pub use client::{Response, connect, exchange, read};
pub use demo::Demo;
pub use envoy::Envoy;
pub use gateway::{Gateway, Options, request, signal, token};
pub use issuer::{Issuer, Signer};
pub use mcp::{Everything, Session};
pub use plane::{Plane, admin, wait};
pub use policy::policy;
pub use scripted::{Answer, Received, Scripted, events, ok};
pub use upstream::Upstream;

use std::path::PathBuf;

/// The path in one of the variables that `cargo xtask test` sets.
///
/// # Panics
/// When the variable is missing: a test never skips silently.
pub fn part(variable: &str) -> PathBuf {
    std::env::var_os(variable).map(PathBuf::from).unwrap_or_else(|| {
        panic!(
            "{variable} is not set: run `make test`, or `eval \"$(cargo xtask env)\"` before `cargo nextest run -p mcp-zero-tests`"
        )
    })
}
