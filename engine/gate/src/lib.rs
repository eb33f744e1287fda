//! One HTTP exchange from its headers to its audit record, without I/O.
//!
//! A driver opens an [`Exchange`] with the request headers, tells it each [`Event`], carries
//! out the [`Action`]s of each step and closes it into a [`Record`]. Nothing here reads a
//! clock or touches a host, so the same code runs in Envoy and in native tests.

mod action;
mod block;
mod configuration;
mod cors;
mod event;
mod exchange;
mod head;
mod judge;
mod phrase;
mod record;
mod refusal;
mod surface;
mod world;

pub use action::{Action, Call, Flow, HeaderEdit, Reply, ServerCredential};
pub use configuration::{ConfigurationError, text_of};
pub use event::{
    Answer, CallError, CallId, Direction, End, Event, Last, Origin, RequestHead, ResponseHead,
    Verified,
};
pub use exchange::Exchange;
pub use head::{HeaderError, Headers};
pub use mcp_zero_identity::{GatewayKey, GatewayKeyError, Signature, Signatures};
pub use phrase::Phrase;
pub use record::{Mark, Record};
pub use world::{Cx, LoadError, Loaded, World};
