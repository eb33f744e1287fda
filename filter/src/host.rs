//! Everything that the driver asks of the proxy, as bytes and results.

use mcp_zero_gate::{Call, Direction, Reply};

/// A host call that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("host call `{call}` failed with status {status}")]
pub struct HostError {
    /// The call's name.
    pub call: &'static str,
    /// The host's status, or 0 where what it gave cannot be right.
    pub status: u32,
}

/// Headers or trailers as the host gives them.
pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// The answer of a call-out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallAnswer {
    /// HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Vec<u8>,
}

/// One HTTP stream of the proxy.
///
/// Headers may be read and edited only while their callback runs or while they are held:
/// the host refuses it afterwards.
pub trait Host {
    /// Unix milliseconds.
    ///
    /// # Errors
    /// [`HostError`], as every call here.
    fn now_ms(&mut self) -> Result<u64, HostError>;

    /// All headers of a direction, pseudo headers among them.
    ///
    /// # Errors
    /// [`HostError`].
    fn headers(&mut self, direction: Direction) -> Result<Pairs, HostError>;

    /// Replaces every value of a header by one.
    ///
    /// # Errors
    /// [`HostError`].
    fn set_header(
        &mut self,
        direction: Direction,
        name: &str,
        value: &[u8],
    ) -> Result<(), HostError>;

    /// Takes a header off; one that is not there is no error.
    ///
    /// # Errors
    /// [`HostError`].
    fn remove_header(&mut self, direction: Direction, name: &str) -> Result<(), HostError>;

    /// Takes every trailer off, in the callback of the trailers.
    ///
    /// # Errors
    /// [`HostError`].
    fn clear_trailers(&mut self, direction: Direction) -> Result<(), HostError>;

    /// The bytes that are buffered, or the piece at hand where nothing is.
    ///
    /// # Errors
    /// [`HostError`].
    fn body(&mut self, direction: Direction) -> Result<Vec<u8>, HostError>;

    /// Puts bytes in place of the `size` that are buffered.
    ///
    /// # Errors
    /// [`HostError`].
    fn replace_body(
        &mut self,
        direction: Direction,
        size: usize,
        bytes: &[u8],
    ) -> Result<(), HostError>;

    /// Answers the client. Where the response is already under way the host cuts it, and
    /// what the callback at hand has written is lost.
    ///
    /// # Errors
    /// [`HostError`].
    fn reply(&mut self, reply: &Reply) -> Result<(), HostError>;

    /// Cuts the response soon, after what the callback at hand has written.
    ///
    /// # Errors
    /// [`HostError`].
    fn cut(&mut self) -> Result<(), HostError>;

    /// Passes on what is held, outside of a callback of that direction.
    ///
    /// # Errors
    /// [`HostError`].
    fn resume(&mut self, direction: Direction) -> Result<(), HostError>;

    /// Begins a call-out and gives the token of its answer.
    ///
    /// # Errors
    /// [`HostError`].
    fn call(&mut self, call: &Call) -> Result<u32, HostError>;

    /// The answer of the call-out whose callback runs. It must not be asked for when the
    /// callback came without headers.
    ///
    /// # Errors
    /// [`HostError`].
    fn answer(&mut self) -> Result<CallAnswer, HostError>;

    /// A property of the stream; none where it is not set.
    ///
    /// # Errors
    /// [`HostError`].
    fn property(&mut self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError>;

    /// Sets filter state `wasm.<name>`.
    ///
    /// # Errors
    /// [`HostError`].
    fn set_state(&mut self, name: &str, value: &[u8]) -> Result<(), HostError>;

    /// Writes a line to the proxy's log. Never anything that a client or server sent.
    fn log(&mut self, text: &str);
}
