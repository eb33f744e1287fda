//! Requests without sessions (2026-07-28): a child for each caller, or one for all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use mcp_zero_compile::Sessions;
use mcp_zero_wire::revision::{META_CAPABILITIES, META_VERSION, Revision};
use tokio::time::Instant;

use super::{EndOnDrop, Pending, Sent, Server, begin};
use crate::bounds::Bounds;
use crate::caller::Caller;

use crate::link::{Ask, First, Kind, Link, Role};
use crate::reply::{NO_METHOD, Refusal};

/// A child that lived this long was well.
const WELL: Duration = Duration::from_secs(20);
/// The longest wait for a child that keeps ending.
const LONGEST: Duration = Duration::from_secs(30);
/// The longest wait that a request takes part in.
const WAITED: Duration = Duration::from_secs(1);
/// How long a server that gave no answer to the question for its era is taken for an old one.
const UNSURE: Duration = Duration::from_secs(60);

/// Codes of errors that only 2026-07-28 has.
const HEADER_MISMATCH: i64 = -32020;
const MISSING_CAPABILITY: i64 = -32021;
const UNSUPPORTED_VERSION: i64 = -32022;

/// When a child that keeps ending may be started again.
#[derive(Debug, Default)]
pub(super) struct Patience {
    failures: u32,
    until: Option<Instant>,
}

impl Patience {
    /// A child has ended that was not told to.
    pub(super) fn ended(&mut self, lived: Duration) {
        if lived > WELL {
            *self = Self::default();
            return;
        }
        let wait = Duration::from_millis(50) * 2_u32.saturating_pow(self.failures.min(16));
        self.failures += 1;
        self.until = Some(Instant::now() + wait.min(LONGEST));
    }

    /// Waits for the time to start, if that is soon.
    pub(super) async fn wait(&self) -> Result<(), Refusal> {
        match self.until {
            Some(until) if until > Instant::now() + WAITED => Err(Refusal::Failing),
            Some(until) => {
                tokio::time::sleep_until(until).await;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// The children and what is known of them.
#[derive(Debug, Default)]
pub(super) struct Modern {
    slots: Mutex<HashMap<Caller, Arc<Slot>>>,
    /// Held while the question is asked.
    era: tokio::sync::Mutex<Era>,
}

#[derive(Debug, Default)]
struct Slot {
    starting: tokio::sync::Mutex<Patience>,
    link: Mutex<Option<Arc<Link>>>,
}

#[derive(Debug, Default, Clone, Copy)]
enum Era {
    #[default]
    Unknown,
    Modern,
    /// It knows sessions only; until when that is believed.
    Legacy(Option<Instant>),
}

/// What a server made of the question.
enum Probe {
    Modern,
    Legacy,
    Silent,
}

impl Modern {
    fn lock(&self) -> MutexGuard<'_, HashMap<Caller, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what is unused or has lived too long.
    pub(super) fn sweep(&self, bounds: &Bounds) {
        self.lock().retain(|_, slot| {
            let link = slot.lock();
            let Some(link) = &*link else {
                return Arc::strong_count(slot) > 1;
            };
            let idle = link.used.ago() > bounds.idle && !link.is_awaited(None);
            let over = idle || link.born.elapsed() > bounds.life;
            if over {
                link.end();
            }
            !over
        });
    }

    pub(super) fn end(&self) {
        for (_, slot) in self.lock().drain() {
            if let Some(link) = slot.lock().take() {
                link.end();
            }
        }
    }
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<Arc<Link>>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> Option<Arc<Link>> {
        self.lock().clone().filter(|link| !link.is_over())
    }
}

impl Server {
    /// Enters a request that stands alone. It is given up when its client goes.
    ///
    /// # Errors
    /// The server speaks no revision without sessions, cannot be started, or has ended.
    pub(crate) async fn modern(&self, caller: Caller, sent: Sent<'_>) -> Result<Pending, Refusal> {
        let whose = match self.spec.sessions {
            Sessions::PerClient => caller,
            Sessions::Shared => Caller::EVERYBODY,
        };
        let link = self.modern_child(whose).await?;
        let kind = if sent.method == "subscriptions/listen" {
            Kind::Listen
        } else {
            Kind::Call
        };
        begin(&link, caller, None, kind, sent)
    }

    async fn modern_child(&self, caller: Caller) -> Result<Arc<Link>, Refusal> {
        let slot = Arc::clone(self.modern.lock().entry(caller).or_default());
        if let Some(link) = slot.running() {
            return Ok(link);
        }
        let mut patience = slot.starting.lock().await;
        if let Some(link) = slot.running() {
            return Ok(link);
        }
        if let Some(old) = slot.lock().take() {
            patience.ended(old.born.elapsed());
        }
        patience.wait().await?;
        let mut era = self.modern.era.lock().await;
        match *era {
            Era::Legacy(None) => return Err(Refusal::LegacyOnly),
            Era::Legacy(Some(until)) if until > Instant::now() => {
                return Err(Refusal::LegacyOnly);
            }
            Era::Unknown | Era::Modern | Era::Legacy(Some(_)) => {}
        }
        let role = match self.spec.sessions {
            Sessions::PerClient => Role::Modern,
            Sessions::Shared => Role::ModernShared,
        };
        let seat = self.seats.take(caller, &self.bounds)?;
        let link = self.start(role, seat)?;
        let mut guard = EndOnDrop(Some(Arc::clone(&link)));
        if !matches!(*era, Era::Modern) {
            // A child that is asked has no session to lose; one that knows the answer serves on.
            *era = match self.probe(&link).await {
                Probe::Modern => Era::Modern,
                Probe::Legacy => Era::Legacy(None),
                Probe::Silent => Era::Legacy(Some(Instant::now() + UNSURE)),
            };
            tracing::info!(server = %self.spec.name, era = ?*era, "the server's era is known");
            if !matches!(*era, Era::Modern) {
                return Err(Refusal::LegacyOnly);
            }
        }
        drop(era);
        let mut place = slot.lock();
        if self.is_retired() {
            return Err(Refusal::NoServer);
        }
        *place = Some(Arc::clone(&link));
        guard.0 = None;
        Ok(link)
    }

    async fn probe(&self, link: &Arc<Link>) -> Probe {
        let ask = Ask {
            owner: 0,
            caller: Caller::EVERYBODY,
            key: None,
            id: "0",
            token: None,
            session: None,
            kind: Kind::Quiet,
        };
        let Ok((number, first)) = link.begin(ask) else {
            return Probe::Silent;
        };
        let version = Revision::V20260728.name();
        let own = env!("CARGO_PKG_VERSION");
        let line = format!(
            r#"{{"jsonrpc":"2.0","id":{number},"method":"server/discover","params":{{"_meta":{{"{META_VERSION}":"{version}","{META_CAPABILITIES}":{{}},"io.modelcontextprotocol/clientInfo":{{"name":"mcp-zero","version":"{own}"}}}}}}}}"#
        );
        if link.send((line + "\n").into()).await.is_err() {
            return Probe::Silent;
        }
        match tokio::time::timeout(self.bounds.probe, first).await {
            Ok(Ok(First::Answer(answer))) if link.is_over() => {
                // It ended instead of answering, and was answered for.
                drop(answer);
                Probe::Silent
            }
            Ok(Ok(First::Answer(answer))) => match answer.code {
                None | Some(HEADER_MISMATCH | MISSING_CAPABILITY | UNSUPPORTED_VERSION) => {
                    Probe::Modern
                }
                Some(_) => Probe::Legacy,
            },
            Ok(Ok(First::Events(_)) | Err(_)) | Err(_) => Probe::Silent,
        }
    }

    fn is_retired(&self) -> bool {
        self.retired.load(std::sync::atomic::Ordering::Acquire)
    }
}

/// The status of an answer (2026-07-28, basic/transports/streamable-http).
pub(super) fn status(code: Option<i64>) -> StatusCode {
    match code {
        Some(HEADER_MISMATCH | MISSING_CAPABILITY | UNSUPPORTED_VERSION) => StatusCode::BAD_REQUEST,
        Some(NO_METHOD) => StatusCode::NOT_FOUND,
        Some(_) | None => StatusCode::OK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_that_keeps_ending_is_left_alone_ever_longer() {
        let mut patience = Patience::default();
        assert_eq!(patience.wait().await, Ok(()));
        let mut waits = Vec::new();
        for _ in 0..20 {
            patience.ended(Duration::from_millis(1));
            waits.push(patience.until.unwrap() - Instant::now());
        }
        let ever_longer = waits
            .windows(2)
            .all(|pair| pair[1] + WAITED / 100 >= pair[0]);
        let last = *waits.last().unwrap();
        assert!(
            ever_longer && last > LONGEST - WAITED && last <= LONGEST,
            "{waits:?}"
        );
        assert_eq!(patience.wait().await, Err(Refusal::Failing));
        patience.until = Some(Instant::now());
        assert_eq!(patience.wait().await, Ok(()));
        patience.ended(WELL * 2);
        assert_eq!(patience.until, None);
    }
}
