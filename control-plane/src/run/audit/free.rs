//! Gives the disk space of recorded lines back: a hole takes their place in the log.
//!
//! Positions stay what they are, the log only looks long. Nothing is freed before its records
//! and the position behind them are on the disk.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::kept::place;

/// Freed at a time; so much of what is recorded stays, and no more.
pub(super) const STEP: u64 = 1 << 20;

/// How far a log is freed.
#[derive(Debug, Default)]
pub(super) struct Freeing {
    /// Before it there is nothing.
    freed: u64,
    /// The position in the file beside the log.
    kept: u64,
    /// Where records went since; `None` is standard output.
    sinks: BTreeSet<Option<PathBuf>>,
    /// A failure was told.
    told: bool,
}

impl Freeing {
    /// A log of which nothing is known to be free, recorded up to a position in a sink.
    pub(super) fn new(kept: u64, sink: Option<PathBuf>) -> Self {
        Self {
            kept,
            sinks: [sink].into(),
            ..Self::default()
        }
    }

    /// Records were written.
    pub(super) fn written(&mut self, sink: Option<&Path>) {
        let sink = sink.map(Path::to_path_buf);
        if !self.sinks.contains(&sink) {
            self.sinks.insert(sink);
        }
    }

    /// A position was kept.
    pub(super) fn kept(&mut self, position: u64) {
        self.kept = position;
    }

    /// Frees what is recorded, if that is as much as `least`.
    pub(super) async fn free(&mut self, log: &Path, least: u64) {
        let (from, to) = (self.freed, self.kept);
        if to.saturating_sub(from) < least.max(1) {
            return;
        }
        let (path, sinks) = (log.to_path_buf(), self.sinks.clone());
        // A disk may take its time.
        let freed = tokio::task::spawn_blocking(move || free(&path, from, to, &sinks)).await;
        match freed.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => {
                self.freed = to;
                self.sinks.clear();
                self.told = false;
            }
            Err(error) if !self.told => {
                self.told = true;
                tracing::warn!(log = %log.display(), %error, "the space of recorded lines cannot be freed: the access log grows");
            }
            Err(_) => {}
        }
    }
}

fn free(log: &Path, from: u64, to: u64, sinks: &BTreeSet<Option<PathBuf>>) -> io::Result<()> {
    for sink in sinks {
        sync(sink.as_deref())?;
    }
    let position = place(log);
    File::open(&position)?.sync_all()?;
    if let Some(folder) = position.parent() {
        File::open(folder)?.sync_all()?;
    }
    let file = OpenOptions::new().write(true).open(log)?;
    punch(&file, from, to - from)
}

#[cfg(target_os = "linux")]
fn punch(file: &File, from: u64, length: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    Ok(fallocate(file, hole, from, length)?)
}

#[cfg(not(target_os = "linux"))]
fn punch(_: &File, _: u64, _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn sync(sink: Option<&Path>) -> io::Result<()> {
    let Some(path) = sink else {
        // A pipe or a terminal has nothing to sync.
        let _ = rustix::fs::fdatasync(io::stdout());
        return Ok(());
    };
    match File::open(path) {
        Ok(file) if file.metadata()?.is_file() => file.sync_data(),
        Ok(_) => Ok(()),
        // Somebody has taken the records away.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
