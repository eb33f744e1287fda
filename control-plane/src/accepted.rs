//! Tells the bridge which version of the policy file is accepted: it loads no other.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::replace::replace;
use crate::xds::resource::hex;

/// The file that holds the hash of the accepted document.
#[derive(Debug)]
pub struct Accepted {
    path: PathBuf,
    written: Option<String>,
}

impl Accepted {
    /// The file in a state directory.
    pub fn in_state(directory: &Path) -> PathBuf {
        directory.join("accepted.sha256")
    }

    /// Nothing is accepted yet; what an earlier run has accepted stays until something is.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            written: None,
        }
    }

    /// Writes the lower-case hex SHA-256 of a document, and a line break. Without a document
    /// nothing is accepted and the file goes. A reader sees either the old file or the new one.
    ///
    /// # Errors
    /// The file cannot be written; what it held before is still there.
    pub fn set(&mut self, document: Option<&[u8]>) -> io::Result<()> {
        let Some(document) = document else {
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            };
        };
        let hash = hex(&Sha256::digest(document), 64);
        if self.written.as_ref() == Some(&hash) {
            return Ok(());
        }
        replace(&self.path, format!("{hash}\n").as_bytes())?;
        self.written = Some(hash);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_hash_of_the_document_for_the_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = Accepted::in_state(directory.path());
        let mut accepted = Accepted::new(path.clone());
        accepted.set(Some(b"abc")).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"
        );
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        accepted.set(Some(b"abd")).unwrap();
        assert_ne!(fs::read_to_string(&path).unwrap(), text);
        accepted.set(None).unwrap();
        accepted.set(None).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_cannot_be_written_is_told() {
        let mut accepted = Accepted::new(PathBuf::from("/nowhere/at/all/accepted.sha256"));
        assert!(accepted.set(Some(b"abc")).is_err());
    }
}
