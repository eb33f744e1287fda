//! Tells the bridge which version of the policy file is accepted: it loads no other. A copy of
//! that version stands beside, for a bridge that starts when the file has changed to one that is
//! refused.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::replace::replace;
use crate::xds::resource::hex;

/// The key by which control plane and bridge tell definitions of servers apart.
pub type TagKey = [u8; 32];

/// The file that holds the hash of the accepted document and the key of tags, and the copy of
/// the document.
pub struct Accepted {
    path: PathBuf,
    key: TagKey,
    written: Option<String>,
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Accepted {
    /// The file in a state directory.
    pub fn in_state(directory: &Path) -> PathBuf {
        directory.join("accepted.sha256")
    }

    /// Nothing is accepted yet; what an earlier run has accepted stays until something is.
    pub fn new(path: PathBuf, key: TagKey) -> Self {
        Self {
            path,
            key,
            written: None,
        }
    }

    /// The key of tags.
    pub fn key(&self) -> TagKey {
        self.key
    }

    /// Writes the lower-case hex SHA-256 of a document and the key of tags, a line each. Without a document
    /// nothing is accepted and the file goes. A reader sees either the old file or the new one.
    ///
    /// # Errors
    /// The file cannot be written; what it held before is still there.
    pub fn set(&mut self, document: Option<&[u8]>) -> io::Result<()> {
        let copy = self.path.with_extension("policy");
        let Some(document) = document else {
            return remove(&self.path).and_then(|()| remove(&copy));
        };
        let hash = hex(&Sha256::digest(document), 64);
        if self.written.as_ref() == Some(&hash) {
            return Ok(());
        }
        // Until the hash follows, nobody takes the copy for what is accepted.
        replace(&copy, document)?;
        replace(
            &self.path,
            format!("{hash}\n{}\n", hex(&self.key, 64)).as_bytes(),
        )?;
        self.written = Some(hash);
        Ok(())
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
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
        let mut accepted = Accepted::new(path.clone(), [7; 32]);
        accepted.set(Some(b"abc")).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let (hash, key) = text.split_once('\n').unwrap();
        assert_eq!(
            hash,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(key.trim_end(), "07".repeat(32));
        assert!(!format!("{accepted:?}").contains(key.trim_end()));
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        accepted.set(Some(b"abd")).unwrap();
        assert_ne!(fs::read_to_string(&path).unwrap(), text);
        let copy = path.with_extension("policy");
        assert_eq!(fs::read(&copy).unwrap(), b"abd");
        assert_eq!(
            fs::metadata(&copy).unwrap().permissions().mode() & 0o777,
            0o600
        );
        accepted.set(None).unwrap();
        accepted.set(None).unwrap();
        assert!(!path.exists() && !copy.exists());
    }

    #[test]
    fn what_cannot_be_written_is_told() {
        let mut accepted = Accepted::new(PathBuf::from("/nowhere/at/all/accepted.sha256"), [7; 32]);
        assert!(accepted.set(Some(b"abc")).is_err());
    }
}
