//! Where records go.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;

use crate::run::confusable::Confusables;
use crate::settings::LogFormat;

/// Where and how records are written; changes with the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// A file, or standard output.
    pub file: Option<PathBuf>,
    /// How; a file is always JSON.
    pub format: LogFormat,
    /// Fields that are kept; all if empty.
    pub include: Vec<String>,
    /// What names are compared with that were denied.
    pub names: Arc<Confusables>,
}

/// Records that are being written. What has been written is not written again, however
/// often a full disk or a closed pipe interrupts it.
#[derive(Debug)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    written: usize,
    file: Option<PathBuf>,
}

impl Batch {
    /// Whole lines, of which nothing is written.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            written: 0,
            file: None,
        }
    }

    /// Writes on; how long the file is afterwards, where it is one.
    ///
    /// # Errors
    /// The disk is full, the pipe is closed: to be tried again.
    pub(super) fn write(&mut self, sink: &Sink) -> io::Result<u64> {
        if self.file != sink.file {
            // In another file a line begins anew.
            self.written = self.bytes.get(..self.written).map_or(0, |done| {
                done.iter()
                    .rposition(|b| *b == b'\n')
                    .map_or(0, |at| at + 1)
            });
            self.file.clone_from(&sink.file);
        }
        let mut out = match &sink.file {
            Some(path) => std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)?,
            // Without the buffer of the standard library, which does not tell how much of it
            // went out.
            None => File::from(io::stdout().as_fd().try_clone_to_owned()?),
        };
        write_on(&mut out, &self.bytes, &mut self.written)?;
        Ok(out.metadata().map_or(0, |about| about.len()))
    }
}

fn write_on(out: &mut impl Write, bytes: &[u8], written: &mut usize) -> io::Result<()> {
    while let Some(rest) = bytes.get(*written..).filter(|rest| !rest.is_empty()) {
        match out.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => *written += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that takes so many bytes, and is full then.
    struct Disk {
        free: usize,
        holds: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.free == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let n = self.free.min(bytes.len());
            self.holds.extend_from_slice(&bytes[..n]);
            self.free -= n;
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_gets_the_rest_and_nothing_twice() {
        let mut disk = Disk {
            free: 3,
            holds: Vec::new(),
        };
        let mut written = 0;
        for _ in 0..3 {
            let error = write_on(&mut disk, b"one\ntwo\n", &mut written).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
        disk.free = 100;
        write_on(&mut disk, b"one\ntwo\n", &mut written).unwrap();
        assert_eq!(disk.holds, b"one\ntwo\n");
    }

    #[test]
    fn another_file_gets_whole_lines() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("b");
        let mut batch = Batch::new(b"one\ntwo\n".to_vec());
        batch.written = 6;
        batch.file = Some(directory.path().join("a"));
        let sink = Sink {
            file: Some(file.clone()),
            format: LogFormat::Json,
            include: Vec::new(),
            names: Default::default(),
        };
        assert_eq!(batch.write(&sink).unwrap(), 4);
        assert_eq!(std::fs::read(file).unwrap(), b"two\n");
    }
}
