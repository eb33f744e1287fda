//! The control plane: it compiles the policy, feeds Envoy, and runs a whole
//! gateway on one machine.

pub mod accepted;
pub mod admin;
pub mod app;
pub mod broker;
pub mod callout;
pub mod cli;
pub mod dev;
pub mod failure;
pub mod jwks;
pub mod live;
mod outbound;
pub mod publish;
pub mod replace;
pub mod run;
pub mod seals;
pub mod settings;
pub mod source;
pub mod telemetry;
pub mod xds;

pub use mcp_zero_proto::FORMAT;
