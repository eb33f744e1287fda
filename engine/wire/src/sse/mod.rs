//! Server-sent events (WHATWG HTML §9.2), byte by byte and at any split.

mod decode;
pub mod encode;

pub use decode::{Decoder, Frame, TooLong};

#[cfg(test)]
mod tests;
