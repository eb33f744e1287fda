//! Token exchange (RFC 8693): the one place that holds the client secret and asks for tokens.
//!
//! A filter asks while the client's request waits, so answers are kept: each for one caller's one
//! token, one audience and one set of scopes, and never longer than that token itself lasts.

mod cache;
mod endpoint;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_zero_proto::TokenRequest;
use tokio::sync::{Mutex, Semaphore};

pub use endpoint::{Secret, TokenEndpoint};

use cache::{Cache, Slot};
use endpoint::Client;

/// Tokens that are kept; beyond it the one that was not used for longest goes.
const MOST_TOKENS: usize = 4096;

/// Requests to the endpoint that are under way at once.
const MOST_REQUESTS: usize = 64;

/// Requests that may wait for their turn, and for how long: with what an answer may take, it
/// is less than a filter waits.
const MOST_WAITING: usize = 1024;
const TURN: Duration = Duration::from_millis(250);

/// How long before its end a token is replaced, at most.
const EARLY_SECONDS: u64 = 60;

/// What a token of unknown life is believed to last, in seconds: enough for the requests that
/// wait for it. Nobody else gets it.
const UNKNOWN_LIFE: u64 = 60;

/// How long nobody tries to replace a token early after that has failed.
const REST: Duration = Duration::from_secs(5);

/// A token for a server.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The text.
    pub text: Secret,
    /// Unix seconds.
    pub expires_at: u64,
    /// Unix seconds; from then on another one is asked for.
    refresh_at: u64,
    /// Whether the endpoint has said how long it lasts.
    of_known_life: bool,
}

/// Why there is no token. None holds text of a token or of the endpoint's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The caller's token has expired, or the endpoint refuses to exchange it.
    #[error("the issuer refuses to exchange the token ({0})")]
    Grant(&'static str),
    /// The endpoint knows this client, its secret or its rights no longer.
    #[error(
        "the issuer refuses this client ({0}): look at OKTA_CLIENT_ID, OKTA_CLIENT_SECRET and its grants"
    )]
    Client(&'static str),
    /// The endpoint's answer is not one of RFC 8693.
    #[error("the issuer's answer is malformed: {0}")]
    Malformed(&'static str),
    /// No answer in time.
    #[error("the issuer does not answer in time")]
    Timeout,
    /// The endpoint is down, overloaded, or asks to be left alone for a while.
    #[error("the issuer is not available ({0})")]
    Unavailable(&'static str),
}

/// Asks for tokens and keeps them.
#[derive(Debug)]
pub struct Broker {
    client: Client,
    cache: Mutex<Cache>,
    requests: Semaphore,
    waiting: Semaphore,
    /// Until when the endpoint has asked to be left alone.
    silent_until: Mutex<Option<Instant>>,
}

impl Broker {
    /// A broker that asks one endpoint, with nothing kept.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(endpoint: TokenEndpoint) -> Result<Self, reqwest::Error> {
        Ok(Self {
            client: Client::new(endpoint)?,
            cache: Mutex::new(Cache::new(MOST_TOKENS)),
            requests: Semaphore::new(MOST_REQUESTS),
            waiting: Semaphore::new(MOST_WAITING),
            silent_until: Mutex::new(None),
        })
    }

    /// A token for what the request says, kept or new; `now` is Unix seconds. Requests for the
    /// same token wait for one answer.
    ///
    /// # Errors
    /// [`Refused`]; whoever waited for the same answer gets the same refusal.
    pub async fn token(&self, request: &TokenRequest, now: u64) -> Result<Token, Refused> {
        let began = Instant::now();
        let slot = self.cache.lock().await.slot(request, now);
        let mut kept = slot.lock().await;
        // Whoever waited for the slot is later by that.
        let now = now.saturating_add(began.elapsed().as_secs());
        if request.token_expires_at <= now {
            return Err(Refused::Grant("the caller's token has expired"));
        }
        let answered = kept.answered.is_some_and(|at| at >= began);
        if let Some(refused) = kept.failed
            && answered
        {
            return Err(refused);
        }
        let usable = kept.token.clone().filter(|token| token.expires_at > now);
        if let Some(token) = &usable {
            let rests = kept.rests_until.is_some_and(|until| Instant::now() < until);
            if token.refresh_at > now || answered || rests {
                return Ok(token.clone());
            }
        }
        let asked = self.ask(request, now).await;
        match (asked, usable) {
            (Ok(token), _) => {
                *kept = Slot::of(token.clone());
                Ok(token)
            }
            // It is early: the old one is good for a while.
            (Err(Refused::Timeout | Refused::Unavailable(_)), Some(token))
                if token.of_known_life =>
            {
                kept.rests_until = Some(Instant::now() + REST);
                Ok(token)
            }
            (Err(refused), _) => {
                *kept = Slot::failed(refused);
                Err(refused)
            }
        }
    }

    async fn ask(&self, request: &TokenRequest, now: u64) -> Result<Token, Refused> {
        self.is_welcome().await?;
        let busy = Refused::Unavailable("too many requests are under way");
        let _turn = match self.requests.try_acquire() {
            Ok(turn) => turn,
            Err(_) => {
                let _place = self.waiting.try_acquire().map_err(|_| busy)?;
                let turn = tokio::time::timeout(TURN, self.requests.acquire()).await;
                let turn = turn.ok().and_then(Result::ok).ok_or(busy)?;
                self.is_welcome().await?;
                turn
            }
        };
        let answer = self.client.exchange(request).await;
        if let Err((_, Some(pause))) = &answer {
            *self.silent_until.lock().await = Some(Instant::now() + *pause);
        }
        let granted = answer.map_err(|(refused, _)| refused)?;
        // From when it was asked for: whatever the way took is the token's loss.
        let ends = now.saturating_add(granted.expires_in.unwrap_or(UNKNOWN_LIFE));
        let expires_at = ends.min(request.token_expires_at);
        let lifetime = expires_at.saturating_sub(now);
        let early = EARLY_SECONDS.min(lifetime / 10);
        Ok(Token {
            text: granted.token,
            expires_at,
            refresh_at: match granted.expires_in {
                Some(_) => expires_at.saturating_sub(early),
                None => now,
            },
            of_known_life: granted.expires_in.is_some(),
        })
    }

    async fn is_welcome(&self) -> Result<(), Refused> {
        match *self.silent_until.lock().await {
            Some(until) if Instant::now() < until => {
                Err(Refused::Unavailable("it asked to be left alone"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Tokens and refusals that are kept.
    pub async fn len(&self) -> usize {
        self.cache.lock().await.len()
    }

    /// Whether nothing is kept.
    pub async fn is_empty(&self) -> bool {
        self.len().await == 0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// The longest pause that an endpoint may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What the broker shares between its parts.
type Shared = Arc<Mutex<Slot>>;

#[cfg(test)]
mod tests;
