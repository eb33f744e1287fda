//! How much and how long.

use std::time::Duration;

/// Limits of the bridge.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// Sessions and children of one caller.
    pub(crate) seats_per_caller: usize,
    /// Sessions and children in all.
    pub(crate) seats: usize,
    /// A session or a child without any use ends after it.
    pub(crate) idle: Duration,
    /// A session that is unused for as long makes room for another one of its caller, where there is
    /// no other.
    pub(crate) unused: Duration,
    /// A session or a child ends after it, used or not.
    pub(crate) life: Duration,
    /// A child that does not end when its input closes is told to after it.
    pub(crate) grace: Duration,
    /// A child that does not end when told to is killed after it.
    pub(crate) kill: Duration,
    /// Between comments on streams that wait for whatever the server has to say.
    pub(crate) keepalive: Duration,
    /// What a server has to answer the question for its era.
    pub(crate) probe: Duration,
    /// How long a child waits for a slow reader of its own session before the stream is cut.
    pub(crate) stall: Duration,
    /// The shortest limit of a line from a child, in bytes.
    pub(crate) line: usize,
    /// What a stream holds for a slow reader, in bytes; one answer may come on top.
    pub(crate) stream: usize,
    /// What a session keeps of its streams so that they can be resumed, in bytes; the newest
    /// event is kept whatever its size.
    pub(crate) replay: usize,
    /// What waits for a child that does not read, in bytes; one message may come on top.
    pub(crate) outbox: usize,
    /// Requests open at one child.
    pub(crate) open: usize,
    /// Of them those of one caller, where a child serves several.
    pub(crate) open_per_caller: usize,
    /// Bytes of messages of one caller that no child has taken yet. One message may be more.
    pub(crate) bytes_per_caller: usize,
    /// The same of everybody.
    pub(crate) bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            seats_per_caller: 8,
            seats: 64,
            idle: Duration::from_secs(600),
            unused: Duration::from_secs(1),
            life: Duration::from_secs(86_400),
            grace: Duration::from_millis(1500),
            kill: Duration::from_millis(1500),
            keepalive: Duration::from_secs(15),
            probe: Duration::from_secs(20),
            stall: Duration::from_secs(20),
            line: 16 << 20,
            stream: 1 << 20,
            replay: 2 << 20,
            outbox: 8 << 20,
            open: 1024,
            open_per_caller: 128,
            bytes_per_caller: 32 << 20,
            bytes: 256 << 20,
        }
    }
}
