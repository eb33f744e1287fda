//! Why a message of the server cannot be inspected.

use mcp_zero_wire::rpc::Fault;

/// A reason for the record; never a part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Block {
    /// Not one reading of JSON.
    #[error("it is no JSON that every reader takes for the same")]
    Json,
    /// Not one reading of JSON-RPC.
    #[error("it is no message: {0}")]
    Message(#[from] Fault),
    /// A member of another spelling, or of a type that it cannot have.
    #[error("a member that decides has another spelling or type")]
    Member,
    /// It asks the client for what is denied.
    #[error("it asks the client for what is denied")]
    Asks,
    /// A list whose items have no names.
    #[error("a list cannot be read")]
    List,
    /// A task that may be another caller's.
    #[error("it is about a task of no known call")]
    Task,
    /// It cannot be masked or edited.
    #[error("it cannot be masked")]
    Mask,
    /// An event or an answer of more than its limit.
    #[error("it is longer than its limit")]
    TooLong,
    /// A coding or media type that nobody reads here.
    #[error("its media type, coding or status is no answer's")]
    Media,
    /// None of the messages answers the request.
    #[error("nothing in it answers the request")]
    NoAnswer,
}
