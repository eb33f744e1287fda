//! Records that a process wrote before it was killed, and whose position it did not keep.

use std::collections::HashMap;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use serde_json::{Map, Value};

/// Records that are in the file already, each with how often.
#[derive(Debug, Default)]
pub(super) struct Held(HashMap<String, usize>);

impl Held {
    /// Reads the records of `file` from a byte on. A line that was cut off is taken away: it
    /// is no record, and what it was to say is still in the log.
    ///
    /// # Errors
    /// The file cannot be read or repaired. A file that is not there holds nothing.
    pub(super) fn read(file: &Path, from: u64) -> io::Result<Self> {
        let mut held = Self::default();
        let mut open = match std::fs::OpenOptions::new()
            .read(true)
            .append(true)
            .open(file)
        {
            Ok(open) => open,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(held),
            Err(error) => return Err(error),
        };
        let about = open.metadata()?;
        // A pipe or a device cannot be read back. A shorter file is a new one.
        if !about.is_file() || about.len() < from {
            return Ok(held);
        }
        open.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        open.read_to_end(&mut bytes)?;
        let whole = bytes
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        let (lines, torn) = bytes.split_at(whole);
        if !torn.is_empty() {
            tracing::warn!(file = %file.display(), bytes = torn.len(), "the last audit record was cut off; it is written again");
            // A file that may only grow keeps the piece, on a line of its own.
            if open.set_len(from + whole as u64).is_err() {
                open.write_all(b"\n")?;
            }
        }
        for line in lines.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            if let Ok(record) = serde_json::from_slice(line) {
                *held.0.entry(key(&record)).or_default() += 1;
            }
        }
        Ok(held)
    }

    /// Whether a record is held; each is found as often as it is there.
    pub(super) fn take(&mut self, record: &Map<String, Value>) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let key = key(record);
        let Some(count) = self.0.get_mut(&key) else {
            return false;
        };
        *count -= 1;
        if *count == 0 {
            self.0.remove(&key);
        }
        true
    }
}

/// What tells records apart, whichever of their fields are kept and in whatever version.
fn key(record: &Map<String, Value>) -> String {
    let names = [
        "event_type",
        "correlation_id",
        "worker",
        "sequence",
        "from_sequence",
    ];
    let known: Vec<String> = names
        .iter()
        .map(|name| record.get(*name).map(Value::to_string).unwrap_or_default())
        .collect();
    // Some have no id at all: only the same text is the same record.
    if record.get("correlation_id").is_some() || record.get("worker").is_some() {
        known.join(" ")
    } else {
        Value::Object(record.clone()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(id: &str) -> Map<String, Value> {
        json!({"event_type": "outcome", "correlation_id": id})
            .as_object()
            .unwrap()
            .clone()
    }

    #[test]
    fn whole_lines_are_held_and_a_torn_one_is_taken_away() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("audit.jsonl");
        assert!(!Held::read(&file, 0).unwrap().take(&record("a")));
        let line = |id: &str| Value::Object(record(id)).to_string();
        let text = format!(
            "{}\n{}\n{}\n{}",
            line("old"),
            line("a"),
            line("a"),
            &line("b")[..9]
        );
        std::fs::write(&file, &text).unwrap();
        let from = line("old").len() as u64 + 1;
        let mut held = Held::read(&file, from).unwrap();
        assert!(!held.take(&record("old")), "that is before the place");
        assert!(held.take(&record("a")));
        assert!(held.take(&record("a")));
        assert!(!held.take(&record("a")));
        assert!(!held.take(&record("b")));
        let repaired = std::fs::read_to_string(&file).unwrap();
        assert_eq!(repaired.lines().count(), 3);
        assert!(repaired.ends_with('\n'));
        // Another file by now: nothing of it is ours.
        assert!(!Held::read(&file, 10_000).unwrap().take(&record("a")));
    }
}
