//! Follows the access log and writes one outcome record for each line of it, and a gap
//! record where lines are missing.
//!
//! The log on disk is the buffer: a position is kept beside it and moves only after the
//! records of a piece are written, so that a crash loses none. Nor does it repeat any in a
//! file: what the file holds beyond the position is found at the next start. The space of
//! what is recorded is freed.

mod free;
mod gaps;
mod held;
mod kept;
mod lines;
mod sink;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

pub use self::sink::Sink;

use self::free::Freeing;
use self::gaps::Gap;
use self::held::Held;
use self::kept::Kept;
use self::lines::{Piece, read_piece, take_lines};
use self::sink::Batch;
use super::record;
use crate::run::confusable::Confusables;
use crate::settings::LogFormat;

const PAUSE: Duration = Duration::from_millis(50);
const RETRY: Duration = Duration::from_secs(1);
/// The member of a line of ours that says that Envoy has ended.
const ENDED: &str = "envoy_ended";

/// What the follower has met since the start of the process.
#[derive(Debug, Clone, Default)]
pub struct Status(Arc<Figures>);

#[derive(Debug, Default)]
struct Figures {
    records: AtomicU64,
    gaps: AtomicU64,
    missing: AtomicU64,
    waiting: AtomicBool,
}

/// The figures of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StatusNow {
    /// Outcome records that were written.
    pub records: u64,
    /// Gap records that were written.
    pub gaps: u64,
    /// Records that are known to be missing.
    pub missing: u64,
    /// Records cannot be written at the moment; they wait in the access log.
    pub waiting: bool,
}

impl Status {
    /// What is so now.
    pub fn now(&self) -> StatusNow {
        let figures = &self.0;
        StatusNow {
            records: figures.records.load(Ordering::Relaxed),
            gaps: figures.gaps.load(Ordering::Relaxed),
            missing: figures.missing.load(Ordering::Relaxed),
            waiting: figures.waiting.load(Ordering::Relaxed),
        }
    }
}

/// Follows `log` until `stop` is set and the log has no more lines.
pub async fn follow(
    log: PathBuf,
    sink: watch::Receiver<Sink>,
    mut stop: watch::Receiver<bool>,
    status: Status,
) {
    let Some(mut follower) = Follower::start(log, sink, &stop, status).await else {
        return;
    };
    follower.freeing.free(&follower.log, free::STEP).await;
    loop {
        let stopping = *stop.borrow();
        match read_piece(&follower.log, follower.read).await {
            Ok(piece) if piece.length() > 0 => {
                if !follower.take(&piece, &stop).await {
                    // The records stay in the log for the next start.
                    return;
                }
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
                tracing::error!(path = %follower.log.display(), %error, "access log cannot be read");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Writes into the log that Envoy has ended; the follower closes its workers there. Only
/// while no Envoy writes to it.
///
/// # Errors
/// The log cannot be written.
pub fn note_end(log: &Path, in_order: bool) -> io::Result<()> {
    let mut file = match std::fs::OpenOptions::new().append(true).open(log) {
        Ok(file) => file,
        // No line was ever written.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let now =
        time::OffsetDateTime::now_utc().format(&time::format_description::well_known::Rfc3339);
    let line = json!({ENDED: {"timestamp": now.unwrap_or_default(), "in_order": in_order}});
    // The line before may have been cut off.
    file.write_all(format!("\n{line}\n").as_bytes())
}

struct Follower {
    log: PathBuf,
    sink: watch::Receiver<Sink>,
    status: Status,
    kept: Kept,
    /// Up to here the log is read; what of it is no whole line yet is in `rest`.
    read: u64,
    rest: Vec<u8>,
    held: Held,
    /// Where the log ended at the start: later lines cannot be held.
    horizon: u64,
    /// Whether the state could be kept the last time.
    keeps: bool,
    freeing: Freeing,
}

impl Follower {
    async fn start(
        log: PathBuf,
        sink: watch::Receiver<Sink>,
        stop: &watch::Receiver<bool>,
        status: Status,
    ) -> Option<Self> {
        let kept = Kept::load(&log);
        let horizon = std::fs::metadata(&log).map_or(0, |about| about.len());
        let mut held = Held::default();
        if horizon > kept.position {
            let file = kept.file.clone().or_else(|| sink.borrow().file.clone());
            match file {
                Some(file) => held = read_held(&file, kept.length, stop, &status).await?,
                None => tracing::warn!(
                    "records that were being written when the last process ended may come twice on standard output; `audit.file` prevents that"
                ),
            }
        }
        Some(Self {
            read: kept.position,
            freeing: Freeing::new(kept.position, kept.file.clone()),
            log,
            sink,
            status,
            kept,
            rest: Vec::new(),
            held,
            horizon,
            keeps: true,
        })
    }

    /// Takes a piece of the log; false if the process ends before it is recorded.
    async fn take(&mut self, piece: &Piece, stop: &watch::Receiver<bool>) -> bool {
        if piece.empty > 0 && !self.rest.is_empty() {
            // The rest of that line does not come any more.
            self.rest.push(b'\n');
        }
        self.rest.extend_from_slice(&piece.bytes);
        let lines = take_lines(&mut self.rest);
        let mut records = Vec::new();
        for line in &lines {
            self.records(line, &mut records);
        }
        let read = self.read + piece.length();
        let position = read - self.rest.len() as u64;
        if !records.is_empty() && !self.write(&records, stop).await {
            return false;
        }
        self.read = read;
        if position == self.kept.position {
            return true;
        }
        self.kept.position = position;
        if position >= self.horizon {
            self.held = Held::default();
        }
        self.keep().await;
        self.freeing.free(&self.log, free::STEP).await;
        true
    }

    async fn keep(&mut self) {
        let mut saved = self.kept.save(&self.log);
        if saved.is_err() {
            // The disk may be full of what is recorded.
            self.freeing.free(&self.log, 1).await;
            saved = self.kept.save(&self.log);
        }
        match &saved {
            Ok(()) => self.freeing.kept(self.kept.position),
            Err(error) if self.keeps => {
                tracing::warn!(%error, "position in the access log cannot be kept");
            }
            Err(_) => {}
        }
        self.keeps = saved.is_ok();
    }

    /// The records of a line, without those that are written already.
    fn records(&mut self, line: &str, out: &mut Vec<Map<String, Value>>) {
        let mut gaps = Vec::new();
        let mut outcome = None;
        match envoy_ended(line) {
            Some((timestamp, in_order)) => gaps = self.kept.workers.ended(&timestamp, in_order),
            None => {
                let record = record::outcome(line);
                gaps.extend(self.kept.workers.seen(&record));
                outcome = Some(record);
            }
        }
        for Gap { record, missing } in gaps {
            let text = |name: &str| record.get(name).map(Value::to_string).unwrap_or_default();
            tracing::warn!(
                worker = text("worker"),
                cause = text("cause"),
                from_sequence = text("from_sequence"),
                to_sequence = text("to_sequence"),
                missing,
                "audit records are missing"
            );
            self.status.0.gaps.fetch_add(1, Ordering::Relaxed);
            self.status.0.missing.fetch_add(missing, Ordering::Relaxed);
            if !self.held.take(&record) {
                out.push(record);
            }
        }
        if let Some(mut record) = outcome
            && !self.held.take(&record)
        {
            looks_like(&mut record, &self.sink.borrow().names);
            self.status.0.records.fetch_add(1, Ordering::Relaxed);
            out.push(record);
        }
    }

    /// A full disk or a closed pipe delays records; it does not drop them. False if the
    /// process ends first.
    async fn write(
        &mut self,
        records: &[Map<String, Value>],
        stop: &watch::Receiver<bool>,
    ) -> bool {
        let mut batch = Batch::new(render(records, &self.sink.borrow()));
        loop {
            let sink = self.sink.borrow().clone();
            match batch.write(&sink) {
                Ok(length) => {
                    if self.status.0.waiting.swap(false, Ordering::Relaxed) {
                        tracing::info!("audit records are written again");
                    }
                    self.freeing.written(sink.file.as_deref());
                    self.kept.file = sink.file;
                    self.kept.length = length;
                    return true;
                }
                Err(error) => {
                    if !self.status.0.waiting.swap(true, Ordering::Relaxed) {
                        tracing::error!(%error, "audit records cannot be written; they wait in the access log");
                    }
                    if *stop.borrow() {
                        return false;
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
}

/// Tells of a denied name that a person would take for an allowed one.
fn looks_like(record: &mut Map<String, Value>, names: &Confusables) {
    let is = |name: &str, text: &str| record.get(name).and_then(Value::as_str) == Some(text);
    if !is("decision", "deny") {
        return;
    }
    let name = record
        .get("tool_name")
        .or_else(|| record.get("prompt_name"));
    let name = name.and_then(Value::as_str).unwrap_or_default();
    if let Some(like) = names.like(name) {
        record.insert("looks_like".to_owned(), like.into());
    }
}

/// Tries until it can be read; nothing if the process ends first.
async fn read_held(
    file: &Path,
    from: u64,
    stop: &watch::Receiver<bool>,
    status: &Status,
) -> Option<Held> {
    loop {
        match Held::read(file, from) {
            Ok(held) => return Some(held),
            Err(error) => {
                if !status.0.waiting.swap(true, Ordering::Relaxed) {
                    tracing::error!(file = %file.display(), %error, "audit records cannot be read back");
                }
            }
        }
        if *stop.borrow() {
            return None;
        }
        tokio::time::sleep(RETRY).await;
    }
}

fn envoy_ended(line: &str) -> Option<(String, bool)> {
    // Cheap for the lines of Envoy, which begin otherwise.
    line.strip_prefix("{\"")?.strip_prefix(ENDED)?;
    let line: Value = serde_json::from_str(line).ok()?;
    let told = line.get(ENDED)?;
    let timestamp = told.get("timestamp")?.as_str()?.to_owned();
    Some((timestamp, told.get("in_order")?.as_bool()?))
}

fn render(records: &[Map<String, Value>], sink: &Sink) -> Vec<u8> {
    let text_format = sink.format == LogFormat::Text && sink.file.is_none();
    let colour = text_format && io::stdout().is_terminal();
    let mut out = String::new();
    for record in records {
        if text_format {
            out.push_str(&record::line(record, colour));
        } else {
            let mut record = record.clone();
            record::keep(&mut record, &sink.include);
            out.push_str(&Value::Object(record).to_string());
        }
        out.push('\n');
    }
    out.into_bytes()
}

#[cfg(test)]
mod tests;
