//! What an exchange asks of the driver.

use crate::event::{CallId, Direction};

/// Whether the direction at hand goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Nothing more of this direction is passed on until a later event answers [`Flow::Go`].
    Hold,
    /// What was held goes on.
    Go,
    /// The exchange has replied, reset or ended; nothing more is delivered to it.
    Done,
}

/// One change of the headers that are held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderEdit {
    /// Replaces every value of a header by one.
    Set(String, Vec<u8>),
    /// Takes a header off.
    Remove(String),
}

/// A reply of the gateway itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers besides content-length; `content-type` and `x-correlation-id` are here.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A call-out that the driver makes for the exchange; [`std::fmt::Debug`] shows where it goes and
/// nothing of what it carries.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The Envoy cluster.
    pub cluster: String,
    /// Headers with `:method`, `:path`, `:authority`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Time limit in milliseconds.
    pub timeout_ms: u32,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.headers.iter().find(|(name, _)| name == ":path");
        f.debug_struct("Call")
            .field("cluster", &self.cluster)
            .field("path", &path.map(|(_, path)| path))
            .finish_non_exhaustive()
    }
}

/// A credential for a server; [`std::fmt::Debug`] shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerCredential(String);

impl ServerCredential {
    /// A bearer token (RFC 6750 §2.1).
    pub(crate) fn bearer(token: &str) -> Self {
        Self(format!("Bearer {token}"))
    }

    /// The value of the header.
    pub fn value(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for ServerCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerCredential(..)")
    }
}

/// One effect. The driver applies all effects of a step in order; if one fails it
/// tells [`crate::Event::HostFailed`] and passes nothing on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Edits held headers of a direction.
    Header(Direction, HeaderEdit),
    /// Replaces the whole buffered body of a direction; the driver sets content-length.
    Body(Direction, Vec<u8>),
    /// The request may go on, to this Envoy cluster and to no other: the lock behind the
    /// filter compares it with the route that Envoy has chosen.
    Admit(String),
    /// The value of `Authorization` that the server gets. It goes to the route in a state of the
    /// request, never in a header: a client could write that itself.
    Credential(ServerCredential),
    /// Collect the whole body of a direction, up to a limit. The request's is collected
    /// always and told as [`crate::Event::Request`]; the response's is told as
    /// [`crate::Event::Whole`].
    Collect {
        /// Whose body.
        direction: Direction,
        /// Bytes; beyond it the driver tells [`crate::Event::Overflow`].
        limit: u32,
    },
    /// Deliver the response piece by piece as [`crate::Event::Chunk`]; each piece is
    /// replaced by what the same step emits (nothing, if it emits nothing).
    Stream,
    /// Bytes for the client in place of the piece at hand.
    Emit(Vec<u8>),
    /// Make a call-out. Its answer comes as [`crate::Event::Answer`] unless the exchange is done.
    Call(CallId, Call),
    /// Answer the client; the exchange is done.
    Reply(Reply),
    /// Cut the response that is already under way; the exchange is done.
    Reset,
}
