//! What filters ask in the middle of an exchange (callout.proto), over the connection by which
//! Envoy gets its configuration. An answer that is no success has no body: its status says all.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use mcp_zero_proto::{Exchange, KeyRequest, Message as _, TokenAnswer, TokenRequest};
use tokio::sync::{mpsc, oneshot, watch};

use crate::broker::{Broker, Refused};
use crate::jwks::store::unix_now;

/// The largest question: a token of 8 KiB and what goes with it.
const LARGEST: usize = 64 * 1024;

/// Shorter than a filter waits, so that it hears what has happened.
const PATIENCE: Duration = Duration::from_millis(1800);

/// Servers of the live policy that want tokens of their own.
pub type Exchanges = Vec<(String, Exchange)>;

/// Where a question for a key goes: to whoever keeps them.
pub type KeyQuestion = (KeyRequest, oneshot::Sender<Found>);

/// What came of a look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The key is on its way to gateways.
    Key,
    /// The issuer does not have it, or was asked just now and did not.
    Nothing,
    /// The issuer does not answer.
    Nobody,
}

/// What the answers are made of.
#[derive(Debug, Clone)]
pub struct Callouts {
    /// Nobody where the settings of token exchange are missing.
    pub broker: Option<Arc<Broker>>,
    /// Of the live policy.
    pub exchanges: watch::Receiver<Exchanges>,
    /// To the keeper of keys.
    pub keys: mpsc::Sender<KeyQuestion>,
}

impl Callouts {
    /// The routes, to stand beside the discovery services.
    pub fn router(self) -> Router {
        Router::new()
            .route("/mcp-zero/token", post(token))
            .route("/mcp-zero/key", post(key))
            .layer(DefaultBodyLimit::max(LARGEST))
            .with_state(self)
    }
}

async fn token(State(callouts): State<Callouts>, body: Bytes) -> Result<Vec<u8>, StatusCode> {
    let request = TokenRequest::decode(body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let wanted = Exchange {
        audience: request.audience.clone(),
        scopes: request.scopes.clone(),
    };
    // Tokens are for what the live policy says, and for nothing else that somebody asks for.
    let agreed = callouts
        .exchanges
        .borrow()
        .iter()
        .any(|(server, exchange)| *server == request.server && *exchange == wanted);
    if !agreed {
        return Err(StatusCode::BAD_REQUEST);
    }
    let broker = callouts.broker.ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
    let token = tokio::time::timeout(PATIENCE, broker.token(&request, unix_now()))
        .await
        .unwrap_or(Err(Refused::Timeout));
    match token {
        Ok(token) => Ok(TokenAnswer {
            access_token: token.text.reveal().to_owned(),
            expires_at: token.expires_at,
        }
        .encode_to_vec()),
        Err(refused) => {
            tracing::warn!(server = request.server, reason = %refused, "no token for a server");
            Err(match refused {
                Refused::Grant(_) => StatusCode::FORBIDDEN,
                Refused::Malformed(_) => StatusCode::BAD_GATEWAY,
                Refused::Timeout => StatusCode::GATEWAY_TIMEOUT,
                Refused::Client(_) | Refused::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            })
        }
    }
}

async fn key(State(callouts): State<Callouts>, body: Bytes) -> StatusCode {
    let Ok(request) = KeyRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    let (sender, receiver) = oneshot::channel();
    // Whoever floods us with unknown keys waits for nobody.
    if callouts.keys.try_send((request, sender)).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    match tokio::time::timeout(PATIENCE, receiver).await {
        Ok(Ok(Found::Key)) => StatusCode::NO_CONTENT,
        Ok(Ok(Found::Nothing)) => StatusCode::NOT_FOUND,
        Ok(Ok(Found::Nobody) | Err(_)) | Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests;
