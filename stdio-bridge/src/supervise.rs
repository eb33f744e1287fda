//! The two stages between the bridge and a server.
//!
//! The bridge starts this same program again as a *keeper*, in a session of its own. The keeper
//! starts it once more as a *starter*, which asks to die with the keeper and then becomes the
//! server. The keeper takes over whatever the server leaves behind, so that the whole tree ends
//! with the server, when the bridge asks for it, and when the bridge itself is gone, however
//! that came about. Neither stage needs more than safe calls.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, getppid, kill_process, set_child_subreaper,
    set_parent_process_death_signal, setsid, wait,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until};

const KEEPER: &str = "__keep";
const STARTER: &str = "__start";
/// The exit code of what cannot be started, as shells have it.
const NOT_STARTED: u8 = 127;
/// How often processes that must end are looked for.
const LOOK: Duration = Duration::from_millis(20);
/// What is left of a server's tree has this long after a signal, once the server itself is gone.
const LEFT_BEHIND: Duration = Duration::from_millis(300);

/// The arguments that make this program the keeper of the command that follows them.
pub(crate) fn arguments(kill: Duration) -> [OsString; 3] {
    [
        KEEPER.into(),
        std::process::id().to_string().into(),
        kill.as_millis().to_string().into(),
    ]
}

/// Runs a stage, where the program was started as one.
pub fn stage(mut args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    args.next();
    let stage = args.next()?;
    if stage == KEEPER {
        Some(keep(args))
    } else if stage == STARTER {
        Some(start(args))
    } else {
        None
    }
}

fn number<T: std::str::FromStr>(args: &mut impl Iterator<Item = OsString>) -> Option<T> {
    args.next()?.to_str()?.parse().ok()
}

fn not_started(why: impl std::fmt::Display) -> ExitCode {
    // The bridge logs what stands on this standard error.
    let _ = writeln!(io::stderr(), "mcp-stdio-bridge: {why}");
    ExitCode::from(NOT_STARTED)
}

/// Becomes the server.
fn start(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let (Some(keeper), Some(command)) = (number::<i32>(&mut args), args.next()) else {
        return not_started("no command");
    };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return not_started(error);
    }
    // The keeper may have gone before it was asked for.
    if getppid().map(Pid::as_raw_pid) != Some(keeper) {
        return ExitCode::FAILURE;
    }
    let error = Command::new(&command).args(args).exec();
    not_started(format_args!("{}: {error}", command.to_string_lossy()))
}

fn keep(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let (Some(bridge), Some(kill)) = (number::<i32>(&mut args), number::<u64>(&mut args)) else {
        return not_started("no command");
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let kill = Duration::from_millis(kill);
    let kept = runtime.and_then(|runtime| runtime.block_on(run(bridge, kill, args)));
    match kept {
        Ok(code) => code,
        Err(error) => not_started(error),
    }
}

async fn run(
    bridge: i32,
    kill: Duration,
    command: impl Iterator<Item = OsString>,
) -> io::Result<ExitCode> {
    setsid()?;
    set_child_subreaper(Some(getpid()))?;
    // From here on only the bridge's end and its word end this process.
    let mut told = signal(SignalKind::terminate())?;
    let mut child = signal(SignalKind::child())?;
    // The same word comes when the bridge's thread ends that has started this process: its
    // only one. It may have ended before it was asked for.
    set_parent_process_death_signal(Some(Signal::TERM))?;
    if getppid().map(Pid::as_raw_pid) != Some(bridge) {
        return Ok(ExitCode::FAILURE);
    }
    let mut keeper = Keeper::start(command)?;
    while keeper.reap() && keeper.status.is_none() {
        tokio::select! {
            _ = child.recv() => {}
            _ = told.recv() => break,
        }
    }
    let patience = if keeper.status.is_some() {
        LEFT_BEHIND
    } else {
        kill
    };
    keeper.end(patience).await;
    Ok(keeper.code())
}

struct Keeper {
    server: Pid,
    status: Option<WaitStatus>,
}

impl Keeper {
    fn start(command: impl Iterator<Item = OsString>) -> io::Result<Self> {
        let server = Command::new("/proc/self/exe")
            .arg(STARTER)
            .arg(std::process::id().to_string())
            .args(command)
            .process_group(0)
            .spawn()?;
        // The pipes are the server's alone: when it closes them, they are closed.
        let null = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/null")?;
        rustix::stdio::dup2_stdin(&null)?;
        rustix::stdio::dup2_stdout(&null)?;
        rustix::stdio::dup2_stderr(&null)?;
        let server = i32::try_from(server.id()).ok().and_then(Pid::from_raw);
        Ok(Self {
            server: server.ok_or(io::ErrorKind::InvalidData)?,
            status: None,
        })
    }

    /// Collects what has ended; false when no process is left.
    fn reap(&mut self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => {
                    if pid == self.server {
                        self.status = Some(status);
                    }
                }
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    /// Asks the whole tree to end, then makes it.
    async fn end(&mut self, patience: Duration) {
        signal_all(Signal::TERM);
        let limit = Instant::now() + patience;
        while self.reap() && Instant::now() < limit {
            sleep_until(limit.min(Instant::now() + LOOK)).await;
        }
        while self.reap() {
            signal_all(Signal::KILL);
            sleep(LOOK).await;
        }
    }

    fn code(&self) -> ExitCode {
        self.status
            .and_then(|status| {
                let signal = status.terminating_signal().map(|signal| 128 + signal);
                status.exit_status().or(signal)
            })
            .and_then(|code| u8::try_from(code).ok())
            .map_or(ExitCode::FAILURE, ExitCode::from)
    }
}

/// Signals every process below this one: what has left the server's process group too, since
/// all that loses its parent becomes this one's child.
fn signal_all(signal: Signal) {
    for pid in below(std::process::id()) {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            // It may have ended meanwhile.
            let _ = kill_process(pid, signal);
        }
    }
}

/// Every process whose line of parents leads to `root`.
fn below(root: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pairs: Vec<(u32, u32)> = entries
        .filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Some((pid, parent(pid)?))
        })
        .collect();
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(
            pairs
                .iter()
                .filter(|(_, p)| *p == parent)
                .map(|(pid, _)| *pid),
        );
        at += 1;
    }
    found.remove(0);
    found
}

/// The parent of a process, from its `stat` (proc(5)): the second field behind the name, which
/// stands in parentheses and may hold any character.
fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let behind = memchr::memrchr(b')', &stat)? + 1;
    let fields = std::str::from_utf8(stat.get(behind..)?).ok()?;
    fields.split_ascii_whitespace().nth(1)?.parse().ok()
}
