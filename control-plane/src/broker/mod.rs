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

/// How long before its end a token is replaced, at most.
const EARLY_SECONDS: u64 = 60;

/// A token for a server.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The text.
    pub text: Secret,
    /// Unix seconds.
    pub expires_at: u64,
    /// Unix seconds; from then on another one is asked for.
    refresh_at: u64,
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
            silent_until: Mutex::new(None),
        })
    }

    /// A token for what the request says, kept or new; `now` is Unix seconds. Requests for the
    /// same token wait for one answer.
    ///
    /// # Errors
    /// [`Refused`]; whoever waited for the same answer gets the same refusal.
    pub async fn token(&self, request: &TokenRequest, now: u64) -> Result<Token, Refused> {
        if request.token_expires_at <= now {
            return Err(Refused::Grant("the caller's token has expired"));
        }
        let began = Instant::now();
        let slot = self.cache.lock().await.slot(request, now);
        let mut kept = slot.lock().await;
        if let Some((at, refused)) = kept.failed
            && at >= began
        {
            return Err(refused);
        }
        let usable = kept.token.clone().filter(|token| token.expires_at > now);
        if let Some(token) = &usable
            && token.refresh_at > now
        {
            return Ok(token.clone());
        }
        let asked = self.ask(request, now).await;
        match (asked, usable) {
            (Ok(token), _) => {
                *kept = Slot::of(token.clone());
                Ok(token)
            }
            // It is early: the old one is good for a while.
            (Err(Refused::Timeout | Refused::Unavailable(_)), Some(token)) => Ok(token),
            (Err(refused), _) => {
                *kept = Slot::failed(refused, Instant::now());
                Err(refused)
            }
        }
    }

    async fn ask(&self, request: &TokenRequest, now: u64) -> Result<Token, Refused> {
        if let Some(until) = *self.silent_until.lock().await
            && Instant::now() < until
        {
            return Err(Refused::Unavailable("it asked to be left alone"));
        }
        let Ok(_one) = self.requests.try_acquire() else {
            return Err(Refused::Unavailable("too many requests are under way"));
        };
        let answer = self.client.exchange(request).await;
        if let Err((_, Some(pause))) = &answer {
            *self.silent_until.lock().await = Some(Instant::now() + *pause);
        }
        let granted = answer.map_err(|(refused, _)| refused)?;
        // From when it was asked for: whatever the way took is the token's loss.
        let ends = now.saturating_add(granted.expires_in.unwrap_or(0).max(1));
        let expires_at = ends.min(request.token_expires_at);
        let lifetime = expires_at.saturating_sub(now);
        let early = EARLY_SECONDS.min(lifetime / 10);
        Ok(Token {
            text: granted.token,
            expires_at,
            refresh_at: match granted.expires_in {
                Some(_) => expires_at.saturating_sub(early),
                // Of unknown life: good for this request.
                None => now,
            },
        })
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
