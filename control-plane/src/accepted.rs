//! Tells the bridge which version of the policy file is accepted: it loads no other. A copy of
//! that version stands beside, for a bridge that starts when the file has changed to one that is
//! refused.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::xds::resource::hex;

/// The file that holds the hash of the accepted document, and its copy.
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
        let copy = self.path.with_extension("policy");
        let Some(document) = document else {
            return remove(&self.path).and_then(|()| remove(&copy));
        };
        let hash = hex(&Sha256::digest(document), 64);
        if self.written.as_ref() == Some(&hash) {
            return Ok(());
        }
        // Until the hash follows, nobody takes the copy for what is accepted.
        self.replace(&copy, document)?;
        self.replace(&self.path, format!("{hash}\n").as_bytes())?;
        self.written = Some(hash);
        Ok(())
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let beside = self.path.with_extension("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
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
        let mut accepted = Accepted::new(PathBuf::from("/nowhere/at/all/accepted.sha256"));
        assert!(accepted.set(Some(b"abc")).is_err());
    }
}
