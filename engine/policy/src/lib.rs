//! What is decided: rules, snapshot, evaluator.

mod decision;
mod glob;
#[cfg(feature = "proto")]
mod proto;
mod rule;
mod snapshot;

pub use decision::{Cause, Decision, Effect, Object, Subject};
pub use glob::Glob;
#[cfg(feature = "proto")]
pub use proto::DecodeError;
pub use rule::{Kind, Patterns, Rule, Scope, Subjects};
pub use snapshot::{Audit, Issuer, Key, KeyMaterial, KeySet, Masking, Server, Snapshot, Surface};

#[cfg(test)]
mod tests;
