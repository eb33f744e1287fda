//! The discovery services that feed every connected Envoy.

pub mod ack;
mod identity;
pub mod listen;
pub mod resource;
mod serve;
pub mod server;
pub mod stream;

pub use ack::Fleet;
pub use identity::TlsFiles;
pub use listen::Listen;
pub use resource::ResourceSet;
pub(crate) use serve::serve;
