//! The control plane: it compiles the policy, feeds Envoy, and runs a whole
//! gateway on one machine.

pub mod dev;
pub mod failure;
pub mod jwks;
pub mod run;
pub mod settings;
pub mod source;
pub mod telemetry;
pub mod xds;

/// The snapshot format that this build writes.
pub const FORMAT: u32 = 1;
