//! The servers that a policy defines.

use std::path::Path;

use mcp_zero_compile::{Diagnostics, Source, StdioServer, Variables, stdio_servers};

use crate::cli::SECRET;

/// The stdio servers of a policy document. Other parts of it are the control plane's to judge.
///
/// # Errors
/// The document cannot be read, or one of the servers is wrong.
pub(crate) fn servers(path: &Path, bytes: &[u8]) -> Result<Vec<StdioServer>, Diagnostics> {
    let name = path.display().to_string();
    let source = Source::from_bytes(&name, bytes)?;
    stdio_servers(source, &variables(std::env::vars_os()))
}

/// What `${VAR}` may stand for; never the bridge's own secret.
fn variables(all: impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>) -> Variables {
    all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name != SECRET)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_server_is_given_the_secret_of_the_bridge() {
        let pairs = [("A", "1"), (SECRET, "c4n4ry")];
        let known = variables(pairs.map(|(n, v)| (n.into(), v.into())).into_iter());
        assert_eq!(known.get("A"), Some("1"));
        assert_eq!(known.get(SECRET), None);
    }
}
