//! The aggregated discovery service that feeds every connected Envoy.

pub mod ack;
pub mod resource;
pub mod server;
pub mod stream;

pub use ack::Fleet;
pub use resource::ResourceSet;
