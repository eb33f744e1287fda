//! What is decided: rules, snapshot, evaluator.

pub mod condition;
mod decimal;
mod decision;
mod explain;
mod glob;
mod index;
mod names;
#[cfg(feature = "proto")]
mod proto;
mod regex;
mod rule;
mod set;
mod snapshot;

pub use decimal::Decimal;
pub use decision::{Arguments, Cause, Decision, Effect, MOST_SHADOWS, Object, Shadow, Subject};
pub use explain::{Bearing, Explanation};
pub use glob::Glob;
pub use index::Standing;
#[cfg(feature = "proto")]
pub use proto::DecodeError;
pub use regex::Regex;
pub use rule::{Kind, Patterns, Rule, Scope, Subjects};
pub use snapshot::{
    Audit, Cors, Exchange, Issuer, Key, KeyMaterial, KeySet, Masking, Server, Snapshot, Surface,
};

#[cfg(test)]
mod tests;
