//! Where policies come from.

mod file;
mod watch;

pub use file::{Document, ReadError, read};
pub use watch::watch;
