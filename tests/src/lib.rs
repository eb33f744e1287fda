//! Starts the real parts for end-to-end tests. Each test has its own ports, base id
//! and state directory; everything stops with the value that started it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a harness that cannot start its parts fails the test at once"
)]

mod authorization;
mod bridge;
mod browser;
mod client;
pub mod compose;
mod conformance;
mod demo;
mod envoy;
mod exchanger;
pub mod fault;
mod forward;
mod front;
mod gateway;
mod issuer;
mod mcp;
mod pki;
mod plane;
mod plant;
mod policy;
mod process;
mod scripted;
mod token_endpoint;
mod upstream;
mod yaml;

pub use authorization::{Authorization, KNOWN_CLIENT};
pub use bridge::Bridge;
pub use browser::Browser;
pub use client::{Connection, Response, attempt, connect, exchange, read, response};
pub use conformance::{Check, Status, Suite};
pub use demo::Demo;
pub use envoy::Envoy;
pub use exchanger::Exchanger;
pub use forward::Forward;
pub use front::{Front, Layout};
pub use gateway::{Gateway, Options, request, session, signal, token};
pub use issuer::{Issuer, Signer};
pub use mcp::{Everything, Session, Talk};
pub use pki::{Authority, Identity};
pub use plane::{Plane, admin, wait};
pub use plant::{ANSWER, Plant};
pub use policy::{policy, two_servers};
pub use process::{Process, free_address, mcp_zero, validate};
pub use scripted::{Answer, PAUSE, Received, Scripted, events, ok};
pub use token_endpoint::{CLIENT_SECRET, Exchange, TokenEndpoint};
pub use upstream::Upstream;
pub use yaml::{documents, fill, repository, shipped};

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
