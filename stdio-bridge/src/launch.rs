//! Starts children and sees them to their end.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::bounds::Bounds;
use crate::framing::Lines;
use crate::link::{End, Link, Role};
use crate::outbox::Outbox;
use crate::seats::Seat;
use crate::stderr::Tail;
use crate::{stderr, supervise};
use mcp_zero_compile::StdioServer;

/// Variables that a child inherits, by name.
const INHERITED: [&str; 12] = [
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
];
/// Variables that a child inherits, by the beginning of their names.
const INHERITED_PREFIXES: [&str; 3] = ["npm_config_", "PIP_", "UV_"];

/// How long what a child has said may be on its way once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What is needed to start any child.
#[derive(Debug)]
pub(crate) struct Launcher {
    /// This program.
    program: PathBuf,
    inherited: Vec<(OsString, OsString)>,
    /// The folder of the policy file, which working directories are relative to.
    folder: PathBuf,
    bounds: Arc<Bounds>,
}

/// The variables that a child may inherit.
fn inherited(all: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let listed = |name: &str| {
        INHERITED.contains(&name) || INHERITED_PREFIXES.iter().any(|p| name.starts_with(p))
    };
    all.filter(|(name, _)| name.to_str().is_some_and(listed))
        .collect()
}

impl Launcher {
    pub(crate) fn new(folder: PathBuf, bounds: Arc<Bounds>) -> Self {
        Self {
            // The file that runs, even where it was replaced since.
            program: PathBuf::from("/proc/self/exe"),
            inherited: inherited(std::env::vars_os()),
            folder,
            bounds,
        }
    }

    /// Where a server runs: the folder of the policy file, or what it says relative to that.
    fn directory(&self, spec: &StdioServer) -> io::Result<PathBuf> {
        let named = self.folder.join(spec.cwd.as_deref().unwrap_or("."));
        let found = named.canonicalize().and_then(|path| match path.is_dir() {
            true => Ok(path),
            false => Err(io::ErrorKind::NotADirectory.into()),
        });
        found.map_err(|error| {
            io::Error::new(error.kind(), format!("cwd `{}`: {error}", named.display()))
        })
    }

    /// Starts a child of a server. The seat is free again when its processes are gone.
    ///
    /// # Errors
    /// The system does not start it.
    pub(crate) fn start(
        &self,
        spec: &StdioServer,
        role: Role,
        seat: Seat,
    ) -> io::Result<Arc<Link>> {
        let mut command = Command::new(&self.program);
        command
            .args(supervise::arguments(self.bounds.kill))
            .arg(&spec.command)
            .args(&spec.args)
            .current_dir(self.directory(spec)?)
            .env_clear()
            .envs(self.inherited.iter().map(|(name, value)| (name, value)))
            .envs(&spec.env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
        let stdin = child.stdin.take().ok_or_else(missing)?.into_owned_fd()?;
        let stdout = child.stdout.take().ok_or_else(missing)?.into_owned_fd()?;
        let errors = child.stderr.take().ok_or_else(missing)?;
        let outbox = Outbox::new(pipe::Sender::from_owned_fd(stdin)?, self.bounds.outbox);
        let server: Arc<str> = spec.name.as_str().into();
        let link = Arc::new(Link::new(
            Arc::clone(&server),
            role,
            outbox,
            Arc::clone(&self.bounds),
        ));
        let stdout = pipe::Receiver::from_owned_fd(stdout)?;
        let limit = self.bounds.line.max(spec.max_response_bytes as usize);
        tokio::spawn(read(Arc::clone(&link), stdout, limit));
        let secrets = stderr::secrets(spec);
        let said = tokio::spawn(stderr::drain(server, errors, secrets));
        tokio::spawn({
            let link = Arc::clone(&link);
            async move { link.outbox.drain().await }
        });
        tokio::spawn(keep(child, Arc::clone(&link), said, seat));
        Ok(link)
    }
}

/// Takes whatever the child says, until it says no more.
async fn read(link: Arc<Link>, mut pipe: pipe::Receiver, limit: usize) {
    let mut lines = Lines::new(limit);
    loop {
        match pipe.read_buf(lines.room()).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        while let Some(line) = lines.next_line() {
            let Some(behind) = link.route(line) else {
                continue;
            };
            match link.role {
                // The client's own child waits for its client.
                Role::Session | Role::Modern => behind.wait_for_room(link.bounds.stall).await,
                Role::Shared | Role::ModernShared => behind.cut(),
            }
        }
    }
    link.gone();
}

/// Waits for the end of a child, or brings it about: its input closes; where that is not
/// enough, the stage between ends it by signals.
async fn keep(mut child: Child, link: Arc<Link>, said: JoinHandle<Tail>, seat: Seat) {
    let server = Arc::clone(&link.server);
    let ended = tokio::select! {
        status = child.wait() => Some(status),
        () = link.over() => None,
    };
    if ended.is_some() {
        // What it said before is still on its way.
        link.over_within(LAST_WORDS).await;
        link.gone();
    }
    let status = match ended {
        Some(status) => status,
        None => finish(&mut child, &link.bounds).await,
    };
    drop(seat);
    let status = match status {
        Ok(status) => status,
        Err(error) => {
            tracing::warn!(%server, %error, "a process of the server cannot be awaited");
            return;
        }
    };
    let failed = match link.how_ended() {
        Some(End::Missed) => true,
        Some(End::Unneeded) => !status.success(),
        Some(End::Expected) | None => false,
    };
    if !failed {
        tracing::info!(%server, %status, "a process of the server has ended");
        return;
    }
    // Whatever held the other end is gone, so that its end was or soon is read.
    let said = match tokio::time::timeout(LAST_WORDS, said).await {
        Ok(Ok(tail)) => tail.text(),
        Ok(Err(_)) | Err(_) => String::new(),
    };
    tracing::warn!(%server, %status, stderr = said.as_str(), "the server has ended by itself");
}

async fn finish(child: &mut Child, bounds: &Bounds) -> io::Result<std::process::ExitStatus> {
    if let Ok(status) = tokio::time::timeout(bounds.grace, child.wait()).await {
        return status;
    }
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        // It may have ended meanwhile.
        let _ = kill_process(pid, Signal::TERM);
    }
    let limit = bounds.kill + Duration::from_secs(2);
    match tokio::time::timeout(limit, child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            child.start_kill()?;
            child.wait().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_variables_are_inherited() {
        let all = [
            "PATH",
            "HOME",
            "PATHS",
            "MCP_BRIDGE_SECRET",
            "npm_config_registry",
            "NPM_CONFIG_X",
            "PIP_INDEX_URL",
            "PIPE",
            "UV_CACHE_DIR",
            "OKTA_CLIENT_SECRET",
            "https_proxy",
        ];
        let pairs = all.iter().map(|name| ((*name).into(), "x".into()));
        let kept: Vec<OsString> = inherited(pairs).into_iter().map(|(name, _)| name).collect();
        let expected = [
            "PATH",
            "HOME",
            "npm_config_registry",
            "PIP_INDEX_URL",
            "UV_CACHE_DIR",
            "https_proxy",
        ];
        assert_eq!(kept, expected);
    }
}
