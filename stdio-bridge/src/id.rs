//! Ids of requests: equal when they decode to the same, answered as they were spelled.

use mcp_zero_wire::json::Value;
use mcp_zero_wire::rpc::Id;

/// What two spellings of one id have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Integer(i64),
    Text(Box<str>),
}

impl Key {
    /// The key of an id that was read as one.
    pub(crate) fn of(value: Value<'_>) -> Option<Self> {
        match value.text() {
            Some(text) => Some(Self::Text(text.into())),
            None => value.raw_str().parse().ok().map(Self::Integer),
        }
    }

    /// The key of the member `id` of a message.
    pub(crate) fn of_message(root: Value<'_>) -> Option<Self> {
        root.get("id").and_then(Self::of)
    }
}

/// The number that an answer of a child carries: one that the bridge gave out.
pub(crate) fn number(id: Id<'_>) -> Option<u64> {
    id.raw().parse().ok()
}
