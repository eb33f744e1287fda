//! Child processes: started, read, started again, stopped.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use mcp_zero_compile::{SECRET_VARIABLES, Secrets};
use mcp_zero_gate::GatewayKey;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::Child;
use tokio::sync::watch;

use super::backoff::{Backoff, Next};
use super::scrub::scrub;
use super::{audit, envoy_admin, tether};
use crate::app::Published;
use crate::failure::{EX_CONFIG, Failure};
use crate::settings::GATEWAY_KEY;

/// How long a child may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);
/// The longest line of its output that is kept.
const LONGEST_LINE: u64 = 8 * 1024;
/// Between two starts of a child that dies too often, but that others can do without.
const REST: Duration = Duration::from_secs(30);
/// A shorter value of a variable is no secret.
const SHORTEST: usize = 4;

/// One child program and how it is treated.
#[derive(Debug, Clone)]
pub struct Program {
    /// What it is.
    pub kind: Kind,
    /// Its file.
    pub file: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The gateway key, for a child that must have it: it is not inherited.
    pub gateway_key: Option<GatewayKey>,
    /// The Unix socket that it makes; a stale one is removed before each start.
    pub socket: PathBuf,
    /// The access log that it writes: its ends are noted there.
    pub access_log: Option<PathBuf>,
}

/// Which program a child is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Without it there is no gateway. It is asked to end over its socket.
    Envoy,
    /// Without it the stdio servers are missing. It ends on SIGTERM.
    Bridge,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Envoy => "Envoy",
            Self::Bridge => "mcp-stdio-bridge",
        }
    }
}

impl Program {
    fn spawn(&self) -> std::io::Result<Child> {
        tether::command(&self.file)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Policies name variables, later ones others than the first: a child gets them all
            // but the gateway's own secrets.
            .env_clear()
            .envs(inherited(std::env::vars_os()))
            .envs(
                self.gateway_key
                    .iter()
                    .map(|key| (GATEWAY_KEY, key.to_hex())),
            )
            .kill_on_drop(true)
            // A Ctrl-C is ours to handle: the child is asked to end afterwards.
            .process_group(0)
            .spawn()
    }
}

impl Program {
    /// Tells the follower of its log that it writes no more.
    fn note_end(&self, in_order: bool) {
        if let Some(log) = &self.access_log
            && let Err(error) = audit::note_end(log, in_order)
        {
            tracing::warn!(%error, "the end of Envoy cannot be noted; the next one will be");
        }
    }

    fn cannot_start(&self, why: &str) -> Failure {
        Failure::config(format!("{} cannot be started: {why}", self.file.display()))
    }
}

/// The variables that children get.
fn inherited(
    own: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    own.filter(|(name, _)| !SECRET_VARIABLES.iter().any(|secret| name == secret))
}

/// Keeps a program running until `stop` is set. Its output is passed on without credentials, and
/// without the secrets of what is live.
///
/// # Errors
/// It cannot be started, or dies too often, and is one that nothing works without.
pub async fn supervise(
    program: Program,
    live: Live,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let name = program.kind.name();
    let mut backoff = Backoff::default();
    let begin = Instant::now();
    // What an earlier process left may lack its end.
    program.note_end(false);
    loop {
        if *stop.borrow() {
            return Ok(());
        }
        remove_stale(&program.socket);
        match program.spawn() {
            Ok(mut child) => {
                forward(program.kind, &mut child, &live, &stop);
                let status = tokio::select! {
                    status = child.wait() => status,
                    () = super::stopped(&mut stop) => {
                        let in_order = end(&program, &mut child).await;
                        program.note_end(in_order);
                        return Ok(());
                    }
                };
                if could_not_start(&status) && program.kind == Kind::Envoy {
                    return Err(program.cannot_start("see the message above"));
                }
                tracing::error!(status = describe(status), "{name} ended");
                program.note_end(false);
            }
            Err(error) => {
                let failure = program.cannot_start(&error.to_string());
                match program.kind {
                    Kind::Envoy => return Err(failure),
                    Kind::Bridge => tracing::error!("{failure}"),
                }
            }
        }
        let wait = match (backoff.died(begin.elapsed()), program.kind) {
            (Next::Restart(wait), _) => wait,
            (Next::GiveUp, Kind::Bridge) => REST,
            (Next::GiveUp, Kind::Envoy) => {
                return Err(Failure::runtime(
                    "Envoy ended five times within a minute; see its messages above",
                ));
            }
        };
        tracing::warn!(wait_ms = wait.as_millis(), "starting {name} again");
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = super::stopped(&mut stop) => return Ok(()),
        }
    }
}

/// Whether it was not the program that ended, but what was to become it.
fn could_not_start(status: &std::io::Result<ExitStatus>) -> bool {
    matches!(status, Ok(status) if status.code() == Some(i32::from(EX_CONFIG)))
}

/// Whether it ended by itself.
async fn end(program: &Program, child: &mut Child) -> bool {
    let name = program.kind.name();
    let asked = match program.kind {
        Kind::Envoy => envoy_admin::post(&program.socket, "/quitquitquit")
            .await
            .map(drop),
        Kind::Bridge => terminate(child),
    };
    if let Err(error) = &asked {
        tracing::debug!(%error, "{name} could not be asked to end");
    }
    let ended = match asked {
        Ok(()) => tokio::time::timeout(GRACE, child.wait()).await.is_ok(),
        Err(_) => false,
    };
    if !ended && let Err(error) = child.kill().await {
        tracing::warn!(%error, "{name} could not be killed");
    }
    ended
}

fn terminate(child: &Child) -> std::io::Result<()> {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    match id.and_then(Pid::from_raw) {
        Some(pid) => Ok(kill_process(pid, Signal::TERM)?),
        // It has ended by itself.
        None => Ok(()),
    }
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

type Live = watch::Receiver<Option<Published>>;

fn forward(kind: Kind, child: &mut Child, live: &Live, stop: &watch::Receiver<bool>) {
    if let Some(out) = child.stdout.take() {
        tokio::spawn(read(kind, out, live.clone(), stop.clone()));
    }
    if let Some(err) = child.stderr.take() {
        tokio::spawn(read(kind, err, live.clone(), stop.clone()));
    }
}

/// Values that no log may show.
fn secrets(live: &Live) -> Secrets {
    let live = live.borrow();
    let names = live.iter().flat_map(|live| &live.secrets);
    let values = names.filter_map(|name| std::env::var(name).ok());
    Secrets::among(values, SHORTEST)
}

/// Passes lines on without credentials. A line longer than the limit is cut in
/// pieces, and a piece that follows a cut is dropped: it could be the rest of a token.
async fn read(kind: Kind, stream: impl AsyncRead + Unpin, live: Live, stop: watch::Receiver<bool>) {
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
            let text = String::from_utf8_lossy(&line);
            let text = scrub(&secrets(&live).taken_out(text.trim_end()));
            match kind {
                Kind::Envoy => tell_of_envoy(&text, *stop.borrow()),
                Kind::Bridge => tell_of_bridge(&text),
            }
        }
        continued = !whole;
    }
}

fn tell_of_envoy(text: &str, ending: bool) {
    if text.contains("[critical]") || text.contains("[error]") {
        tracing::error!(target: "envoy", "{text}");
    } else if text.contains("[info]") || text.contains("[debug]") || ending {
        // At the end it only tells that its streams end.
        tracing::debug!(target: "envoy", "{text}");
    } else if !text.is_empty() {
        tracing::warn!(target: "envoy", "{text}");
    }
}

fn tell_of_bridge(text: &str) {
    let says = |level: &str| text.contains(level);
    if says("ERROR") {
        tracing::error!(target: "bridge", "{text}");
    } else if says("WARN") {
        tracing::warn!(target: "bridge", "{text}");
    } else if says("DEBUG") || says("TRACE") {
        tracing::debug!(target: "bridge", "{text}");
    } else if !text.is_empty() {
        tracing::info!(target: "bridge", "{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_inherit_all_but_the_gateways_secrets() {
        let own = ["PATH", "MY_TOKEN"].iter().chain(&SECRET_VARIABLES);
        let own = own.map(|name| (OsString::from(name), OsString::from("x")));
        let names: Vec<OsString> = inherited(own).map(|(name, _)| name).collect();
        assert_eq!(names, ["PATH", "MY_TOKEN"]);
    }

    #[tokio::test]
    async fn a_dead_bridge_is_started_again_and_ended_by_a_signal() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let script = format!(
            "echo s >> {0}; [ $(wc -l < {0}) -lt 3 ] && exit 1; trap 'echo e >> {0}; exit 0' TERM; while :; do sleep 0.05; done",
            log.display()
        );
        let program = Program {
            gateway_key: None,
            access_log: None,
            kind: Kind::Bridge,
            file: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".into(), script.into()],
            socket: directory.path().join("none.sock"),
        };
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(supervise(program, watch::channel(None).1, stopped));
        let lines = || {
            std::fs::read_to_string(&log)
                .unwrap_or_default()
                .replace('\n', "")
        };
        let begin = Instant::now();
        while lines() != "sss" {
            assert!(begin.elapsed() < Duration::from_secs(20), "{}", lines());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The shell sets its trap right after its line.
        tokio::time::sleep(Duration::from_millis(300)).await;
        stop.send(true).unwrap();
        running.await.unwrap().unwrap();
        assert_eq!(lines(), "ssse");
    }
}
