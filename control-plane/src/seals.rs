//! Which keys seal the ids of sessions. The keys themselves are derived from the gateway key by
//! whoever has it; here are their names alone, so that a rotation is a push.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::replace::replace;
use crate::xds::resource::hex;

/// The key that is used until the first rotation: the same for every control plane, so that
/// gateways behind one address know each other's sessions.
const FIRST: &str = "00000001";
/// How long sessions go on that a former key has sealed: as long as a session may live.
const GRACE_SECONDS: u64 = 86_400;
/// Former keys that are kept; more rotations than these in a day end the oldest sessions.
const MOST: usize = 8;

/// Why a rotation or the list of keys is refused.
#[derive(Debug, thiserror::Error)]
pub enum SealsError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not a key id and the time since when it seals.
    #[error(
        "{path}, line {line}: not a key id and a time; `mcp-zero rotate-sessions` writes this file"
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// The system gives no random bytes.
    #[error("random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

/// The names of the keys, in a file of the state directory.
#[derive(Debug)]
pub struct Seals {
    path: PathBuf,
    /// Newest first, with the Unix second since when each seals.
    keys: Vec<(String, u64)>,
    ids: Vec<String>,
    failed: bool,
}

impl Seals {
    /// Reads the keys of a state directory.
    ///
    /// # Errors
    /// [`SealsError`]: the file is there and cannot be understood.
    pub fn open(directory: &Path, now: u64) -> Result<Self, SealsError> {
        let path = directory.join("session-keys");
        let keys = read(&path)?;
        Ok(Self {
            ids: accepted(&keys, now),
            path,
            keys,
            failed: false,
        })
    }

    /// Ids of the keys that open, the first of which seals.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// Looks at the file and the time again. True where the ids have changed. A file that cannot
    /// be understood changes nothing and is told once.
    pub fn refresh(&mut self, now: u64) -> bool {
        match read(&self.path) {
            Ok(keys) => {
                self.keys = keys;
                self.failed = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failed, true) {
                    tracing::error!(%error, "keys of sessions not read; the last good ones stay");
                }
            }
        }
        let ids = accepted(&self.keys, now);
        let changed = ids != self.ids;
        self.ids = ids;
        changed
    }

    /// Puts a new key before the others; those go on opening for a day, or not at all.
    ///
    /// # Errors
    /// [`SealsError`]; what was before still is.
    pub fn rotate(&mut self, now: u64, at_once: bool) -> Result<&str, SealsError> {
        let mut random = [0; 4];
        getrandom::fill(&mut random)?;
        let mut keys = vec![(hex(&random, 8), now)];
        if !at_once {
            let open = accepted(&self.keys, now);
            keys.extend(
                self.keys
                    .iter()
                    .filter(|(id, _)| open.contains(id))
                    .cloned(),
            );
            keys.truncate(MOST);
        }
        let lines: String = keys.iter().map(|(id, at)| format!("{id} {at}\n")).collect();
        replace(&self.path, lines.as_bytes()).map_err(|source| SealsError::File {
            path: self.path.clone(),
            source,
        })?;
        self.ids = accepted(&keys, now);
        self.keys = keys;
        Ok(self.ids.first().map_or(FIRST, String::as_str))
    }

    /// What there is without a file: the first key, for good.
    pub fn first() -> Vec<String> {
        vec![FIRST.to_owned()]
    }
}

/// A former key opens until a day after the next one began.
fn accepted(keys: &[(String, u64)], now: u64) -> Vec<String> {
    let mut successor = None;
    let mut ids = Vec::new();
    for (id, since) in keys {
        if successor.is_none_or(|began: u64| now < began.saturating_add(GRACE_SECONDS)) {
            ids.push(id.clone());
        }
        successor = Some(*since);
    }
    ids
}

fn read(path: &Path) -> Result<Vec<(String, u64)>, SealsError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(vec![(FIRST.to_owned(), 0)]);
        }
        Err(source) => {
            let path = path.to_owned();
            return Err(SealsError::File { path, source });
        }
    };
    let mut keys: Vec<(String, u64)> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let read = line.split_once(' ').and_then(|(id, since)| {
            let plain = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
            let fresh =
                id.len() == 8 && id.bytes().all(plain) && keys.iter().all(|(other, _)| other != id);
            fresh.then_some(())?;
            Some((id.to_owned(), since.parse().ok()?))
        });
        let path = path.to_owned();
        keys.push(read.ok_or(SealsError::Line { path, line: number })?);
    }
    if keys.is_empty() {
        let path = path.to_owned();
        return Err(SealsError::Line { path, line: 1 });
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_keeps_the_former_key_for_a_day() {
        let directory = tempfile::tempdir().unwrap();
        let mut live = Seals::open(directory.path(), 1000).unwrap();
        assert_eq!(live.ids(), [FIRST]);
        assert!(!live.refresh(2000));
        let mut hand = Seals::open(directory.path(), 2000).unwrap();
        let new = hand.rotate(2000, false).unwrap().to_owned();
        assert!(live.refresh(2001));
        assert_eq!(live.ids(), [new.as_str(), FIRST]);
        assert!(!live.refresh(2000 + GRACE_SECONDS - 1));
        assert!(live.refresh(2000 + GRACE_SECONDS));
        assert_eq!(live.ids(), [new.as_str()]);
        // What no key opens any more is not kept.
        let mut hand = Seals::open(directory.path(), 3000 + GRACE_SECONDS).unwrap();
        let newer = hand.rotate(3000 + GRACE_SECONDS, false).unwrap().to_owned();
        assert_eq!(hand.ids(), [newer, new]);
    }

    #[test]
    fn a_rotation_at_once_ends_every_session() {
        let directory = tempfile::tempdir().unwrap();
        let mut seals = Seals::open(directory.path(), 1000).unwrap();
        let new = seals.rotate(1000, true).unwrap().to_owned();
        assert_eq!(seals.ids(), [new]);
    }

    #[test]
    fn many_rotations_keep_few_keys() {
        let directory = tempfile::tempdir().unwrap();
        let mut seals = Seals::open(directory.path(), 1000).unwrap();
        for second in 0..20 {
            seals.rotate(1000 + second, false).unwrap();
        }
        assert_eq!(seals.ids().len(), MOST);
    }

    #[test]
    fn a_file_that_says_nothing_is_an_error_and_changes_nothing() {
        for text in [
            "",
            "x\n",
            "00000001\n",
            "0000000A 1\n",
            "00000001 x\n",
            "00000001 1\n00000001 2\n",
        ] {
            let directory = tempfile::tempdir().unwrap();
            let mut live = Seals::open(directory.path(), 1).unwrap();
            fs::write(directory.path().join("session-keys"), text).unwrap();
            assert!(Seals::open(directory.path(), 1).is_err(), "{text:?}");
            assert!(!live.refresh(1));
            assert_eq!(live.ids(), [FIRST]);
        }
    }
}
