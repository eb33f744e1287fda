//! Lines of the access log out of pieces of it.

use std::io::{self, SeekFrom};
use std::path::Path;

use rustix::fs::{SeekFrom as Sought, seek};
use rustix::io::Errno;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

/// Read at a time.
const PIECE: usize = 256 * 1024;
/// A line over this is given up as unreadable.
const LONGEST_LINE: usize = 4 << 20;
/// How every line of Envoy begins: the first member by name. Inside of a line it stands
/// nowhere, for there quotation marks are escaped.
const BEGINS: &[u8] = br#"{"bytes_received":"#;

/// A piece of the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Piece {
    /// Bytes that hold nothing: a hole in place of lines that are recorded, or what a crash
    /// of the machine has left.
    pub(super) empty: u64,
    /// What comes then.
    pub(super) bytes: Vec<u8>,
}

impl Piece {
    /// Bytes of the log that it stands for.
    pub(super) fn length(&self) -> u64 {
        self.empty + self.bytes.len() as u64
    }
}

/// What stands in a log from a position on; nothing where there is no log yet.
///
/// # Errors
/// The log cannot be read.
pub(super) async fn read_piece(log: &Path, position: u64) -> io::Result<Piece> {
    let mut file = match File::open(log).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Piece::default()),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(position)).await?;
    let mut bytes = Vec::new();
    (&mut file)
        .take(PIECE as u64)
        .read_to_end(&mut bytes)
        .await?;
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    let mut empty = zeros as u64;
    if zeros > 0 && zeros == bytes.len() {
        // Measured first: what is written from now on is no hole.
        let length = file.metadata().await?.len();
        empty = next_data(&file, position + empty, length)? - position;
    }
    bytes.drain(..zeros);
    Ok(Piece { empty, bytes })
}

/// Where a hole ends; there where the file system knows of no holes.
fn next_data(file: &File, from: u64, length: u64) -> io::Result<u64> {
    match seek(file, Sought::Data(from)) {
        Ok(at) => Ok(at.max(from)),
        Err(Errno::NXIO) => Ok(length.max(from)),
        Err(Errno::INVAL) => Ok(from),
        Err(error) => Err(error.into()),
    }
}

/// Takes the whole lines out of what was read.
pub(super) fn take_lines(rest: &mut Vec<u8>) -> Vec<String> {
    let mut lines = Vec::new();
    let Some(end) = rest.iter().rposition(|b| *b == b'\n') else {
        if rest.len() > LONGEST_LINE {
            lines.push(String::new());
            rest.clear();
        }
        return lines;
    };
    let tail = rest.split_off(end + 1);
    for line in rest
        .split(|b| matches!(*b, b'\n' | 0))
        .filter(|l| !l.is_empty())
    {
        for piece in whole_again(line) {
            lines.push(String::from_utf8_lossy(piece).into_owned());
        }
    }
    *rest = tail;
    lines
}

/// A disk that was full cuts a line off, and the next one follows without a break.
fn whole_again(line: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut begin = 0;
    for at in 1..line.len() {
        if line.get(at..).is_some_and(|rest| rest.starts_with(BEGINS)) {
            pieces.extend(line.get(begin..at));
            begin = at;
        }
    }
    pieces.extend(line.get(begin..));
    pieces
}
