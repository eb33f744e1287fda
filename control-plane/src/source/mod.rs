//! Where policies come from.

pub mod cases;
mod file;
mod watch;

pub use file::{Document, ReadError, read};
pub use watch::watch;
