//! The control plane and the mcp-zero command.
