//! The command line, and what it starts.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use clap::Parser;
use rustix::fs::Mode;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch as flag;

use crate::bounds::Bounds;
use crate::failure::Failure;
use crate::http::{self, Admission};
use crate::listen::{self, Address};
use crate::servers::Servers;
use crate::telemetry::{self, LogFormat, LogLevel};
use crate::watch::{self, Files};

/// The variable of the secret that the gateway shares.
pub(crate) const SECRET: &str = "MCP_BRIDGE_SECRET";
/// The shortest secret.
const SHORTEST_SECRET: usize = 16;
/// What open connections have to end by themselves when the bridge ends.
const FAREWELL: Duration = Duration::from_millis(300);

/// Serves the stdio servers of an mcp-zero policy as Streamable HTTP, for the gateway only.
#[derive(Debug, Parser)]
#[command(name = "mcp-stdio-bridge", version)]
pub struct Cli {
    /// The policy file
    #[arg(long, value_name = "FILE", env = "MCP_POLICY_FILE")]
    policy: PathBuf,
    /// Where to listen: unix:PATH, or a loopback address and port (with MCP_BRIDGE_SECRET)
    #[arg(long, value_name = "ADDRESS", env = "MCP_BRIDGE_LISTEN")]
    listen: String,
    /// A file with the SHA-256 of the policy that the control plane has accepted [any policy]
    #[arg(long, value_name = "FILE", env = "MCP_BRIDGE_ACCEPTED")]
    accepted: Option<PathBuf>,
    /// Mode of the Unix socket
    #[arg(
        long,
        value_name = "OCTAL",
        env = "MCP_BRIDGE_MODE",
        default_value = "0600"
    )]
    mode: String,
    /// How much to log
    #[arg(
        long,
        value_enum,
        ignore_case = true,
        env = "LOG_LEVEL",
        default_value = "info"
    )]
    log_level: LogLevel,
    /// What a log line looks like [text on a terminal, else json]
    #[arg(long, value_enum, ignore_case = true, env = "LOG_FORMAT")]
    log_format: Option<LogFormat>,
    /// Milliseconds until an unused session ends
    #[arg(long, hide = true)]
    idle_ms: Option<u64>,
    /// Milliseconds until an unused session may make room for another one
    #[arg(long, hide = true)]
    unused_ms: Option<u64>,
    /// Milliseconds until any session ends
    #[arg(long, hide = true)]
    life_ms: Option<u64>,
    /// Milliseconds between comments on listening streams
    #[arg(long, hide = true)]
    keepalive_ms: Option<u64>,
    /// Milliseconds that a child waits for a slow reader
    #[arg(long, hide = true)]
    stall_ms: Option<u64>,
    /// Milliseconds that a server has to answer the question for its era
    #[arg(long, hide = true)]
    probe_ms: Option<u64>,
}

impl Cli {
    /// Runs until it is told to end.
    ///
    /// # Errors
    /// The configuration is wrong, or the address cannot be had.
    pub fn execute(self) -> Result<(), Failure> {
        let address = Address::parse(&self.listen)?;
        let mode = listen::parse_mode(&self.mode)?;
        let admission = match &address {
            Address::Unix(_) => Admission::Socket,
            Address::Tcp(_) => secret()?,
        };
        telemetry::start(self.log_level, self.log_format);
        closed();
        // One thread: what the bridge does is little, and handing it over would cost more.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::runtime(error.to_string()))?;
        let done = runtime.block_on(self.run(address, mode, admission));
        // Nothing that still waits keeps the program.
        runtime.shutdown_background();
        done
    }

    fn bounds(&self) -> Bounds {
        let defaults = Bounds::default();
        let given = |ms: Option<u64>, default| ms.map_or(default, Duration::from_millis);
        Bounds {
            idle: given(self.idle_ms, defaults.idle),
            unused: given(self.unused_ms, defaults.unused),
            life: given(self.life_ms, defaults.life),
            keepalive: given(self.keepalive_ms, defaults.keepalive),
            stall: given(self.stall_ms, defaults.stall),
            probe: given(self.probe_ms, defaults.probe),
            ..defaults
        }
    }

    async fn run(self, address: Address, mode: Mode, admission: Admission) -> Result<(), Failure> {
        let policy = std::path::absolute(&self.policy)
            .map_err(|error| Failure::config(format!("--policy: {error}")))?;
        let folder = policy.parent().unwrap_or(&policy).to_owned();
        let bounds = Arc::new(self.bounds());
        let servers = Arc::new(Servers::new(folder, Arc::clone(&bounds)));
        let router = http::router(Arc::clone(&servers), admission, bounds);
        let stop = stop()?;
        let mut stopped = stop.clone();
        let farewell = async move {
            // Without a sender there is nobody to end the bridge but its end.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let serving = match &address {
            Address::Unix(path) => {
                let listener = listen::unix(path, mode)?;
                let served = axum::serve(listener, router).with_graceful_shutdown(farewell);
                tokio::spawn(served.into_future())
            }
            Address::Tcp(address) => {
                let listener = listen::tcp(*address).await?;
                let listener = listener.tap_io(|stream| {
                    // Only slower without.
                    let _ = stream.set_nodelay(true);
                });
                let served = axum::serve(listener, router).with_graceful_shutdown(farewell);
                tokio::spawn(served.into_future())
            }
        };
        tracing::info!(%address, "listening");
        let files = Files {
            policy,
            accepted: self.accepted,
        };
        tokio::spawn(watch::follow(files, Arc::clone(&servers)));
        tokio::spawn({
            let servers = Arc::clone(&servers);
            async move { servers.sweep().await }
        });
        let mut stopped = stop;
        // As above.
        let _ = stopped.wait_for(|stop| *stop).await;
        tracing::info!("ending");
        servers.end().await;
        if tokio::time::timeout(FAREWELL, serving).await.is_err() {
            tracing::debug!("connections were left open");
        }
        if let Address::Unix(path) = &address {
            // A socket file that stays behind is replaced by the next start.
            let _ = std::fs::remove_file(path);
        }
        Ok(())
    }
}

/// Keeps the memory and the environment of this process from servers, which run under the same
/// user: other servers' secrets are in them (proc(5), PR_SET_DUMPABLE). No core is written either.
fn closed() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "servers may read the environment of the bridge");
    }
}

fn secret() -> Result<Admission, Failure> {
    let wrong = || {
        Failure::config(format!(
            "{SECRET}: a TCP address needs a secret of at least {SHORTEST_SECRET} characters, or listen on unix:PATH"
        ))
    };
    let secret = std::env::var(SECRET).map_err(|_| wrong())?;
    if secret.len() < SHORTEST_SECRET || !secret.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(wrong());
    }
    Ok(Admission::Secret(secret.into_bytes().into()))
}

/// Turns true at SIGTERM and SIGINT.
fn stop() -> Result<flag::Receiver<bool>, Failure> {
    let failed = |error: std::io::Error| Failure::runtime(error.to_string());
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let (sender, receiver) = flag::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        sender.send_replace(true);
        // Kept, so that whoever asks later learns of it.
        std::future::pending::<()>().await;
    });
    Ok(receiver)
}
