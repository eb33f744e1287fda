//! Revisions of the MCP specification.

/// `_meta` member with the protocol version of a request (2026-07-28).
pub const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// `_meta` member with the client's capabilities (2026-07-28).
pub const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// How client and server speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// `initialize`, sessions, server requests on streams.
    Legacy,
    /// Every request stands alone (2026-07-28).
    Modern,
}

/// One published revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Revision {
    /// 2024-10-07
    V20241007,
    /// 2024-11-05
    V20241105,
    /// 2025-03-26
    V20250326,
    /// 2025-06-18
    V20250618,
    /// 2025-11-25
    V20251125,
    /// 2026-07-28
    V20260728,
}

impl Revision {
    /// Every revision, oldest first.
    pub const ALL: [Self; 6] = [
        Self::V20241007,
        Self::V20241105,
        Self::V20250326,
        Self::V20250618,
        Self::V20251125,
        Self::V20260728,
    ];

    /// The revision of that exact name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.name() == name)
    }

    /// As it stands in `MCP-Protocol-Version`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V20241007 => "2024-10-07",
            Self::V20241105 => "2024-11-05",
            Self::V20250326 => "2025-03-26",
            Self::V20250618 => "2025-06-18",
            Self::V20251125 => "2025-11-25",
            Self::V20260728 => "2026-07-28",
        }
    }

    /// How this revision speaks.
    pub fn era(self) -> Era {
        match self {
            Self::V20241007
            | Self::V20241105
            | Self::V20250326
            | Self::V20250618
            | Self::V20251125 => Era::Legacy,
            Self::V20260728 => Era::Modern,
        }
    }
}
