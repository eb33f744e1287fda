//! Serves every stdio server of a policy file as MCP Streamable HTTP.
//!
//! The bridge makes no decision: the gateway's filter in front of it has judged every
//! message. It holds transport state only: processes, sessions, open requests, streams.
//!
//! One thread carries everything; what each connection and each child does in a turn is
//! bounded, and nothing waits for a slow peer of another session.

mod bounds;
mod budget;
mod caller;
pub mod cli;
mod config;
mod failure;
mod framing;
mod guard;
mod http;
mod id;
mod launch;
mod link;
mod listen;
mod outbox;
mod rate;
mod reply;
mod route;
mod seats;
mod server;
mod servers;
mod session;
mod splice;
mod stderr;
mod stream;
pub mod supervise;
mod telemetry;
mod watch;
