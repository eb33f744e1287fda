//! The snapshot that a filter executes, and what it asks its control plane and its host, as protobuf
//! types.
//!
//! `generated.rs` is made from `snapshot.proto`, `callout.proto` and `host.proto`; edit those, not this file.

#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    reason = "generated; the meaning stands in the schemas"
)]
mod generated;

pub use generated::*;
/// The encoding that this crate's types are used with.
pub use prost::Message;

/// The only [`Snapshot::format`] this build writes and reads. A change that could make an
/// older filter more lenient takes the next number.
pub const FORMAT: u32 = 4;

/// The lower-case hex SHA-256 of an encoded part: its version.
pub fn version_of(part: &impl Message) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(part.encode_to_vec());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Snapshot {
    /// Joins two parts under their versions.
    pub fn seal(policy: Policy, keys: Keys) -> Self {
        Self {
            format: FORMAT,
            policy_version: version_of(&policy),
            keys_version: version_of(&keys),
            policy: Some(policy),
            keys: Some(keys),
            revision: 0,
        }
    }
}
