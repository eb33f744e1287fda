//! Every server of the policy that is loaded.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::bounds::Bounds;
use crate::launch::Launcher;
use crate::reply::Refusal;
use crate::seats::Seats;
use crate::server::Server;
use crate::watch::TagKey;
use mcp_zero_compile::StdioServer;

type Named = HashMap<Box<str>, Entry>;

#[derive(Debug)]
struct Entry {
    server: Arc<Server>,
    /// What a request for it must say; none where nobody gives tags out.
    tag: Option<String>,
}

/// What is loaded.
#[derive(Debug)]
pub(crate) struct Servers {
    bounds: Arc<Bounds>,
    launcher: Arc<Launcher>,
    seats: Arc<Seats>,
    /// Nothing before the first policy.
    loaded: Mutex<Option<Named>>,
}

impl Servers {
    pub(crate) fn new(folder: PathBuf, bounds: Arc<Bounds>) -> Self {
        Self {
            launcher: Arc::new(Launcher::new(folder, Arc::clone(&bounds))),
            seats: Arc::new(Seats::default()),
            bounds,
            loaded: Mutex::new(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Named>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True once a policy is loaded.
    pub(crate) fn is_ready(&self) -> bool {
        self.lock().is_some()
    }

    /// The server of a name, in the definition of that tag: what a policy has judged runs in the
    /// program that this policy names, and in no other.
    ///
    /// # Errors
    /// There is none, nothing is loaded yet, or another definition is.
    pub(crate) fn find(&self, name: &str, tag: Option<&str>) -> Result<Arc<Server>, Refusal> {
        let loaded = self.lock();
        let named = loaded.as_ref().ok_or(Refusal::NotReady)?;
        let entry = named.get(name).ok_or(Refusal::NoServer)?;
        if entry.tag.is_some() && entry.tag.as_deref() != tag {
            return Err(Refusal::NotReady);
        }
        Ok(Arc::clone(&entry.server))
    }

    /// Takes another version. Servers that it changes or lacks end with all their sessions;
    /// the others go on.
    pub(crate) fn load(&self, specs: Vec<StdioServer>, key: Option<&TagKey>) {
        let mut retired = Vec::new();
        {
            let mut loaded = self.lock();
            let mut before = loaded.take().unwrap_or_default();
            let mut now = Named::new();
            for spec in specs {
                let name: Box<str> = spec.name.as_str().into();
                let tag = key.map(|key| spec.tag(key));
                let server = match before.remove(&name).map(|entry| entry.server) {
                    Some(same) if same.spec == spec => same,
                    other => {
                        retired.extend(other);
                        Arc::new(Server::new(
                            spec,
                            Arc::clone(&self.bounds),
                            Arc::clone(&self.launcher),
                            Arc::clone(&self.seats),
                        ))
                    }
                };
                now.insert(name, Entry { server, tag });
            }
            retired.extend(before.into_values().map(|entry| entry.server));
            *loaded = Some(now);
        }
        for server in retired {
            tracing::info!(server = %server.spec.name, "the server has changed; its sessions end");
            server.retire();
        }
    }

    /// Ends now and then what is unused or has lived too long.
    pub(crate) async fn sweep(&self) {
        let shortest = self.bounds.idle.min(self.bounds.life);
        let every = (shortest / 10).clamp(Duration::from_millis(50), Duration::from_secs(30));
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let servers: Vec<_> = self
                .lock()
                .iter()
                .flat_map(|n| n.values().map(|entry| Arc::clone(&entry.server)))
                .collect();
            for server in servers {
                server.sweep();
            }
        }
    }

    /// Ends everything and waits until no process is left, for as long as that may take.
    pub(crate) async fn end(&self) {
        let servers = self.lock().take().unwrap_or_default();
        for entry in servers.into_values() {
            entry.server.retire();
        }
        let limit = self.bounds.grace + self.bounds.kill + Duration::from_secs(1);
        let gone = async {
            while self.seats.are_taken() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(limit, gone).await.is_err() {
            tracing::warn!("some servers have not ended; what keeps them ends them");
        }
    }
}
