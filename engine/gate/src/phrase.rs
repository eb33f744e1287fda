//! What clients are told, whoever answers: the filter, its last resort, or Envoy by itself.

use mcp_zero_wire::reply;

/// An error of JSON-RPC without its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phrase {
    /// The code.
    pub code: i64,
    /// The text; the correlation id follows it.
    pub text: &'static str,
}

impl Phrase {
    /// Nobody can judge the request.
    pub const UNAVAILABLE: Self = Self::new(-31503, "Service unavailable");
    /// There is nothing by that path.
    pub const NOT_FOUND: Self = Self::new(-31404, "Not found");
    /// A message over its limit.
    pub const TOO_LARGE: Self = Self::new(-31413, "Message too large");
    /// An answer that cannot be inspected.
    pub const BLOCKED: Self = Self::new(-31502, "Response blocked");
    /// What the policy does not allow.
    pub const DENIED: Self = Self::new(-31403, "Access denied");

    const fn new(code: i64, text: &'static str) -> Self {
        Self { code, text }
    }

    /// The message for a request whose id is not known (JSON-RPC 2.0 §5).
    pub fn body(self, correlation_id: &str) -> Vec<u8> {
        let text = with_id(self.text, correlation_id);
        reply::error(None, self.code, &text)
    }
}

/// Each text names the record that has the reason.
pub(crate) fn with_id(text: &str, correlation_id: &str) -> String {
    format!("{text} (correlation_id={correlation_id})")
}
