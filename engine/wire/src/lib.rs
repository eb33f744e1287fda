//! What travels: JSON, JSON-RPC, MCP methods, SSE.
