//! The proxy-wasm filter: carries bytes between Envoy and the engine.
//!
//! This build holds the fail-closed base on which the exchange is put: without a
//! snapshot every request is refused with 503.

pub mod refusal;

#[cfg(target_arch = "wasm32")]
mod wasm;
