//! Follows the access log and writes one outcome record for each line of it.
//!
//! The log on disk is the buffer: a position is kept beside it and moves only
//! after the records of a piece are written, so that a crash repeats records
//! rather than losing them.

use std::io::{IsTerminal as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::watch;

use super::record;
use crate::settings::LogFormat;

const PAUSE: Duration = Duration::from_millis(50);
const RETRY: Duration = Duration::from_secs(1);
/// Read at a time.
const PIECE: usize = 256 * 1024;
/// A line over this is given up as unreadable.
const LONGEST_LINE: usize = 4 << 20;

/// Where and how records are written; changes with the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// A file, or standard output.
    pub file: Option<PathBuf>,
    /// How; a file is always JSON.
    pub format: LogFormat,
    /// Fields that are kept; all if empty.
    pub include: Vec<String>,
}

/// Follows `log` until `stop` is set and the log has no more lines.
pub async fn follow(log: PathBuf, sink: watch::Receiver<Sink>, mut stop: watch::Receiver<bool>) {
    let position_file = log.with_extension("position");
    let mut position = read_position(&log, &position_file);
    let mut rest = Vec::new();
    loop {
        let stopping = *stop.borrow();
        match read_piece(&log, position).await {
            Ok(piece) if !piece.is_empty() => {
                let length = piece.len() as u64;
                rest.extend_from_slice(&piece);
                let lines = take_lines(&mut rest);
                emit_until_written(&lines, &sink, &stop).await;
                position += length;
                keep_position(&position_file, position - rest.len() as u64);
            }
            Ok(_) if stopping => return,
            Ok(_) => {
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = super::stopped(&mut stop) => {}
                }
            }
            Err(_) if stopping => return,
            Err(error) => {
                tracing::error!(path = %log.display(), %error, "access log cannot be read");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Removes a log whose records are all written.
pub fn discard(log: &Path) {
    let _ = std::fs::remove_file(log.with_extension("position"));
    let _ = std::fs::remove_file(log);
}

fn read_position(log: &Path, position_file: &Path) -> u64 {
    let length = std::fs::metadata(log).map_or(0, |m| m.len());
    let kept = std::fs::read_to_string(position_file).ok();
    let position = kept.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    if position > length { 0 } else { position }
}

fn keep_position(position_file: &Path, position: u64) {
    if let Err(error) = std::fs::write(position_file, position.to_string()) {
        tracing::warn!(%error, "position in the access log cannot be kept");
    }
}

async fn read_piece(log: &Path, position: u64) -> std::io::Result<Vec<u8>> {
    let mut file = match File::open(log).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(position)).await?;
    let mut piece = Vec::new();
    file.take(PIECE as u64).read_to_end(&mut piece).await?;
    Ok(piece)
}

fn take_lines(rest: &mut Vec<u8>) -> Vec<String> {
    let mut lines = Vec::new();
    let Some(end) = rest.iter().rposition(|b| *b == b'\n') else {
        if rest.len() > LONGEST_LINE {
            lines.push(String::new());
            rest.clear();
        }
        return lines;
    };
    let tail = rest.split_off(end + 1);
    for line in rest.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        lines.push(String::from_utf8_lossy(line).into_owned());
    }
    *rest = tail;
    lines
}

/// A full disk or a closed pipe delays records; it does not drop them, until the
/// process itself ends.
async fn emit_until_written(
    lines: &[String],
    sink: &watch::Receiver<Sink>,
    stop: &watch::Receiver<bool>,
) {
    loop {
        let sink = sink.borrow().clone();
        match emit(lines, &sink) {
            Ok(()) => return,
            Err(error) => {
                tracing::error!(%error, records = lines.len(), "audit records cannot be written");
                if *stop.borrow() {
                    return;
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

fn emit(lines: &[String], sink: &Sink) -> std::io::Result<()> {
    let stdout = std::io::stdout();
    let text_format = sink.format == LogFormat::Text && sink.file.is_none();
    let colour = text_format && stdout.is_terminal();
    let mut out = String::new();
    for line in lines {
        let mut record = record::outcome(line);
        if text_format {
            out.push_str(&record::line(&record, colour));
        } else {
            record::keep(&mut record, &sink.include);
            out.push_str(&serde_json::Value::Object(record).to_string());
        }
        out.push('\n');
    }
    match &sink.file {
        Some(path) => {
            let mut file = std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)?;
            file.write_all(out.as_bytes())
        }
        None => {
            let mut lock = stdout.lock();
            lock.write_all(out.as_bytes())?;
            lock.flush()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"request_id":"r1","status":200,"record":null}"#;

    #[tokio::test]
    async fn every_line_becomes_one_record_and_none_is_repeated() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("access.log");
        let out = directory.path().join("audit.jsonl");
        let (_keep, sink) = watch::channel(Sink {
            file: Some(out.clone()),
            format: LogFormat::Json,
            include: Vec::new(),
        });
        for round in 1..=2 {
            let (stop, stopped) = watch::channel(false);
            let task = tokio::spawn(follow(log.clone(), sink.clone(), stopped));
            let mut file = std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(&log)
                .unwrap();
            // One line in two writes, then a whole one.
            let (a, b) = LINE.split_at(7);
            file.write_all(a.as_bytes()).unwrap();
            tokio::time::sleep(Duration::from_millis(120)).await;
            file.write_all(format!("{b}\n{LINE}\n").as_bytes()).unwrap();
            stop.send(true).unwrap();
            task.await.unwrap();
            let records = std::fs::read_to_string(&out).unwrap();
            assert_eq!(records.lines().count(), 2 * round);
        }
        discard(&log);
        assert!(!log.exists());
    }
}
