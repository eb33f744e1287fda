//! One strict reading of a JSON text (RFC 8259): a single validating pass that leaves spans.
//!
//! What other parsers read in two ways is refused here: duplicate names at any depth,
//! a byte order mark, lone surrogates, invalid UTF-8, anything after the document.

mod doc;
mod edit;
mod scan;
mod text;

pub use doc::{Doc, Kind, Value};
pub use edit::{EditError, Edits};
pub use scan::{Limits, Reason, ScanError};
pub use text::{Decoded, quote};

#[cfg(test)]
mod tests;
