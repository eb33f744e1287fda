//! The build steps of this workspace.
fn main() {}
