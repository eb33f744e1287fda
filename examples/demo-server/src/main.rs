//! A demo MCP server with tools that return personal data.
fn main() {}
