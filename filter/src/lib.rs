//! The proxy-wasm filter: carries bytes between Envoy and the engine.
//!
//! [`Driver`] turns the callbacks of one HTTP stream into events of the engine and carries
//! out what the engine asks for, through a [`host::Host`]. Nothing passes unless the engine
//! says so: where no exchange can be made, or a host call fails beyond repair, the answer is
//! [`refusal`].

mod driver;
pub mod host;
pub mod pairs;
pub mod refusal;

pub use driver::{Driver, Machine, Step};

#[cfg(target_arch = "wasm32")]
mod wasm;
