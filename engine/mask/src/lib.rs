//! Detection and masking of personal data and secrets.
//!
//! A [`Masker`] finds entities in the text fields of MCP messages and replaces each finding
//! by `<ENTITY>`. Only the written bytes of a finding change; identifiers of the protocol
//! are left alone by their place in the message, never by what they look like.

mod base64;
mod detect;
mod entity;
mod known;
mod lift;
mod masker;
mod place;
mod report;
mod schema;
mod walk;

pub use entity::{Entity, UnknownEntity};
pub use masker::{MaskError, Masker};
pub use report::Report;
pub use schema::relax_output_schemas;

#[cfg(test)]
mod tests;
