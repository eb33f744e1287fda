//! Envoy as a child process: started, read, started again, stopped.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::Child;
use tokio::sync::watch;

use super::backoff::{Backoff, Next};
use super::scrub::scrub;
use super::{audit, envoy_admin, tether};
use crate::failure::{EX_CONFIG, Failure};
use crate::settings::LogLevel;

/// How long Envoy may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);
/// The longest line of its output that is kept.
const LONGEST_LINE: u64 = 8 * 1024;

/// How Envoy is started.
#[derive(Debug, Clone)]
pub struct EnvoyCommand {
    /// The program.
    pub program: PathBuf,
    /// The rendered bootstrap.
    pub bootstrap: PathBuf,
    /// Its admin socket.
    pub admin_socket: PathBuf,
    /// A fixed base id, or any that is free.
    pub base_id: Option<u32>,
    /// Worker threads, or one for each core.
    pub concurrency: Option<u32>,
    /// How much it logs.
    pub log_level: LogLevel,
    /// Its access log, into which its end is noted.
    pub access_log: PathBuf,
}

impl EnvoyCommand {
    fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = [
            "-c",
            &self.bootstrap.to_string_lossy(),
            "--file-flush-interval-msec",
            "100",
            "--drain-time-s",
            "1",
            "--log-level",
            match self.log_level {
                LogLevel::Debug => "info",
                LogLevel::Info | LogLevel::Warning => "warning",
                LogLevel::Error => "error",
                LogLevel::Critical => "critical",
            },
        ]
        .map(str::to_owned)
        .to_vec();
        match self.base_id {
            Some(id) => arguments.extend(["--base-id".to_owned(), id.to_string()]),
            None => arguments.push("--use-dynamic-base-id".to_owned()),
        }
        if let Some(workers) = self.concurrency {
            arguments.extend(["--concurrency".to_owned(), workers.to_string()]);
        }
        arguments
    }

    fn spawn(&self) -> std::io::Result<Child> {
        tether::command(&self.program)
            .args(self.arguments())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Envoy needs nothing of the environment, and what it has it can leak.
            .env_clear()
            .kill_on_drop(true)
            // A Ctrl-C is ours to handle: Envoy is asked to end afterwards.
            .process_group(0)
            .spawn()
    }
}

/// Keeps Envoy running until `stop` is set.
///
/// # Errors
/// It cannot be started, or dies too often.
pub async fn supervise(
    command: EnvoyCommand,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let mut backoff = Backoff::default();
    let begin = Instant::now();
    // What an earlier process left may lack its end.
    note_end(&command.access_log, false);
    loop {
        if *stop.borrow() {
            return Ok(());
        }
        remove_stale(&command.admin_socket);
        let mut child = command
            .spawn()
            .map_err(|error| Failure::config(format!("{}: {error}", command.program.display())))?;
        forward(&mut child, &stop);
        let status = tokio::select! {
            status = child.wait() => status,
            () = super::stopped(&mut stop) => {
                let in_order = end(&mut child, &command.admin_socket).await;
                note_end(&command.access_log, in_order);
                return Ok(());
            }
        };
        if matches!(&status, Ok(status) if status.code() == Some(i32::from(EX_CONFIG))) {
            return Err(Failure::config(format!(
                "{} cannot be started; see the message above",
                command.program.display()
            )));
        }
        tracing::error!(status = describe(status), "Envoy ended");
        note_end(&command.access_log, false);
        match backoff.died(begin.elapsed()) {
            Next::GiveUp => {
                return Err(Failure::runtime(
                    "Envoy ended five times within a minute; see its messages above",
                ));
            }
            Next::Restart(wait) => {
                tracing::warn!(wait_ms = wait.as_millis(), "starting Envoy again");
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = super::stopped(&mut stop) => return Ok(()),
                }
            }
        }
    }
}

fn note_end(access_log: &Path, in_order: bool) {
    if let Err(error) = audit::note_end(access_log, in_order) {
        tracing::warn!(%error, "the end of Envoy cannot be noted; the next one will be");
    }
}

/// Whether it ended by itself.
async fn end(child: &mut Child, admin_socket: &Path) -> bool {
    let asked = envoy_admin::post(admin_socket, "/quitquitquit").await;
    if let Err(error) = &asked {
        tracing::debug!(%error, "Envoy could not be asked to end");
    }
    let ended = match asked {
        Ok(_) => tokio::time::timeout(GRACE, child.wait()).await.is_ok(),
        Err(_) => false,
    };
    if !ended && let Err(error) = child.kill().await {
        tracing::warn!(%error, "Envoy could not be killed");
    }
    ended
}

fn remove_stale(socket: &Path) {
    match std::fs::remove_file(socket) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(path = %socket.display(), %error, "stale socket"),
    }
}

fn describe(status: std::io::Result<ExitStatus>) -> String {
    status.map_or_else(|e| e.to_string(), |s| s.to_string())
}

fn forward(child: &mut Child, stop: &watch::Receiver<bool>) {
    if let Some(out) = child.stdout.take() {
        tokio::spawn(read(out, stop.clone()));
    }
    if let Some(err) = child.stderr.take() {
        tokio::spawn(read(err, stop.clone()));
    }
}

/// Passes lines on without credentials. A line longer than the limit is cut in
/// pieces, and a piece that follows a cut is dropped: it could be the rest of a token.
async fn read(stream: impl AsyncRead + Unpin, stop: watch::Receiver<bool>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    let mut continued = false;
    loop {
        line.clear();
        match (&mut reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .await
        {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let whole = line.last() == Some(&b'\n');
        if !continued {
            let text = scrub(String::from_utf8_lossy(&line).trim_end());
            if text.contains("[critical]") || text.contains("[error]") {
                tracing::error!(target: "envoy", "{text}");
            } else if text.contains("[info]") || text.contains("[debug]") || *stop.borrow() {
                // At the end it only tells that its streams end.
                tracing::debug!(target: "envoy", "{text}");
            } else if !text.is_empty() {
                tracing::warn!(target: "envoy", "{text}");
            }
        }
        continued = !whole;
    }
}
