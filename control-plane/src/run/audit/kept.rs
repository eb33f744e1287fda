//! How far the access log is recorded, kept beside it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::gaps::Workers;

/// What is kept. Everything before `position` is recorded; what is after may be recorded
/// too, for a process can end between a record and this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    /// Bytes of the log.
    pub(super) position: u64,
    /// Where the records went.
    pub(super) file: Option<PathBuf>,
    /// How long that file was then.
    pub(super) length: u64,
    /// Whose records they were.
    pub(super) workers: Workers,
}

impl Kept {
    /// Reads what is kept of a log; nothing of a log that is another one by now.
    pub(super) fn load(log: &Path) -> Self {
        let kept = match std::fs::read(place(log)) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, "position in the access log cannot be read; it is read from its start");
                Self::default()
            }),
            Err(_) => Self::default(),
        };
        let length = std::fs::metadata(log).map_or(0, |m| m.len());
        if kept.position > length {
            return Self {
                position: 0,
                ..kept
            };
        }
        kept
    }

    /// Replaces what is kept as a whole: where the disk is full, the old state stays.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn save(&self, log: &Path) -> std::io::Result<()> {
        let place = place(log);
        let new = place.with_extension("position-new");
        let text = serde_json::to_vec(self).map_err(std::io::Error::other)?;
        std::fs::write(&new, text)?;
        std::fs::rename(new, place)
    }
}

/// The file beside a log.
pub(super) fn place(log: &Path) -> PathBuf {
    log.with_extension("position")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_unless_the_log_is_shorter() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("access.log");
        assert_eq!(Kept::load(&log), Kept::default());
        std::fs::write(&log, "12345").unwrap();
        let kept = Kept {
            position: 5,
            file: Some("a".into()),
            length: 9,
            workers: Workers::default(),
        };
        kept.save(&log).unwrap();
        assert_eq!(Kept::load(&log), kept);
        std::fs::write(&log, "1234").unwrap();
        let again = Kept::load(&log);
        assert_eq!((again.position, again.length), (0, 9));
        std::fs::write(place(&log), "x").unwrap();
        assert_eq!(Kept::load(&log), Kept::default());
    }
}
