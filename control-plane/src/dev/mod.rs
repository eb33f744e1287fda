//! The development issuer: an identity provider for one machine, so that a first
//! try needs no account anywhere. Only `run --dev` starts it, on loopback.

mod key;
mod server;

pub use key::{DevIdentity, Person};
pub use server::DevServer;

/// The audience of its tokens.
pub const AUDIENCE: &str = "mcp-zero-dev";
