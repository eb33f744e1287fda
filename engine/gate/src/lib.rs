//! One HTTP exchange from its headers to its audit record, without I/O.
mod action;
mod event;
mod head;

pub use action::{Action, Call, Flow, HeaderEdit, Reply};
pub use event::{
    Answer, CallError, CallId, Direction, End, Event, Last, Origin, RequestHead, ResponseHead,
    Verified,
};
pub use head::{HeaderError, Headers};
