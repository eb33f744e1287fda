//! The `mcp-zero` program.

fn main() {}
