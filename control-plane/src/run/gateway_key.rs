//! The gateway key of `run`, where nobody gives one: made once for each state directory.

use std::fs;
use std::path::Path;

use mcp_zero_gate::GatewayKey;

use crate::failure::Failure;
use crate::replace::replace;

/// The key of a state directory, which Envoy gets in its environment. It outlives the process, so
/// that sessions do.
///
/// # Errors
/// The file cannot be read or written, or holds something else.
pub fn open_or_create(directory: &Path) -> Result<GatewayKey, Failure> {
    let path = directory.join("gateway.key");
    let told = |e: &dyn std::fmt::Display| Failure::config(format!("{}: {e}", path.display()));
    match fs::read_to_string(&path) {
        Ok(text) => GatewayKey::parse(text.trim()).map_err(|e| told(&e)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(|e| told(&e))?;
            let key = GatewayKey::from_bytes(bytes);
            replace(&path, key.to_hex().as_bytes()).map_err(|e| told(&e))?;
            Ok(key)
        }
        Err(error) => Err(told(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn it_is_made_once_and_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let key = open_or_create(directory.path()).unwrap();
        assert_eq!(open_or_create(directory.path()).unwrap(), key);
        let path = directory.path().join("gateway.key");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(&path, "short").unwrap();
        assert!(open_or_create(directory.path()).is_err());
    }
}
