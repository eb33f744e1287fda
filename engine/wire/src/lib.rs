//! What travels: JSON, JSON-RPC, MCP methods, SSE. Reads strictly, changes only spans.

pub mod base64;
pub mod header;
pub mod json;
pub mod listing;
pub mod method;
pub mod reply;
pub mod revision;
pub mod rpc;
pub mod sse;
pub mod target;
mod uri;
