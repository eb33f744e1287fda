//! One look-up at an identity provider.

use std::time::Duration;

use headers::{Age, CacheControl, HeaderMapExt as _};
use reqwest::header::HeaderMap;
use reqwest::{Client, StatusCode};
use serde::Deserialize;

use crate::outbound::{self, BodyError, chain};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Discovery documents, in the order in which they are tried.
const WELL_KNOWN: [&str; 2] = [
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
];

/// Why no keys could be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The HTTP client could not be made.
    #[error("no HTTP client: {0}")]
    Client(String),
    /// A URL is malformed or of a scheme that is not allowed.
    #[error("`{0}` is not an https URL")]
    Url(String),
    /// The server did not answer.
    #[error("{url}: {reason}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// Why there is no answer.
        reason: String,
    },
    /// The server answered with something else than 200.
    #[error("{url}: status {status}")]
    Status {
        /// What was asked.
        url: String,
        /// The answer's status.
        status: StatusCode,
    },
    /// The answer is over the limit.
    #[error("{0}: more than 64 KiB")]
    TooLarge(String),
    /// The discovery document is malformed.
    #[error("{url}: no discovery document: {reason}")]
    Document {
        /// What was asked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The discovery document speaks for another issuer.
    #[error("{url}: the document's issuer is `{found}`, not `{wanted}`")]
    Issuer {
        /// What was asked.
        url: String,
        /// The document's `issuer`.
        found: String,
        /// The configured one.
        wanted: String,
    },
}

/// A key set as it came.
#[derive(Debug)]
pub struct Fetched {
    /// Where it was.
    pub uri: String,
    /// The document.
    pub body: Vec<u8>,
    /// How long it is fresh, where the answer says (RFC 9111 §4.2.1 and §5.2.2).
    pub fresh: Option<Duration>,
}

#[derive(Debug, Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
}

/// Fetches key sets.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: Client,
    /// For loopback addresses: proxies of the environment are no help there.
    direct: Client,
}

impl Fetcher {
    /// A fetcher that follows no redirect.
    ///
    /// # Errors
    /// The platform's certificate store cannot be read.
    pub fn new() -> Result<Self, FetchError> {
        let made = |loopback| {
            outbound::client(TIMEOUT, loopback).map_err(|e| FetchError::Client(e.to_string()))
        };
        Ok(Self {
            client: made(false)?,
            direct: made(true)?,
        })
    }

    /// The keys of an issuer, found by discovery unless `jwks_uri` is given.
    ///
    /// # Errors
    /// No discovery document can be read, it speaks for another issuer, a URL is
    /// not https (unless `insecure`), or an answer is too large.
    pub async fn fetch(
        &self,
        issuer: &str,
        jwks_uri: Option<&str>,
        insecure: bool,
    ) -> Result<Fetched, FetchError> {
        let uri = match jwks_uri {
            Some(uri) => uri.to_owned(),
            None => self.discover(issuer, insecure).await?,
        };
        let (body, headers) = self.get(&uri, insecure).await?;
        let fresh = fresh(&headers);
        Ok(Fetched { uri, body, fresh })
    }

    async fn discover(&self, issuer: &str, insecure: bool) -> Result<String, FetchError> {
        let mut first = None;
        for path in WELL_KNOWN {
            let url = format!("{}{path}", issuer.trim_end_matches('/'));
            match self.document(&url, issuer, insecure).await {
                Ok(document) => return Ok(document.jwks_uri),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        Err(first.unwrap_or_else(|| FetchError::Url(issuer.to_owned())))
    }

    async fn document(
        &self,
        url: &str,
        issuer: &str,
        insecure: bool,
    ) -> Result<Document, FetchError> {
        let (body, _) = self.get(url, insecure).await?;
        let document: Document =
            serde_json::from_slice(&body).map_err(|e| FetchError::Document {
                url: url.to_owned(),
                reason: e.to_string(),
            })?;
        if document.issuer != issuer {
            return Err(FetchError::Issuer {
                url: url.to_owned(),
                found: document.issuer.chars().take(200).collect(),
                wanted: issuer.to_owned(),
            });
        }
        Ok(document)
    }

    async fn get(&self, url: &str, insecure: bool) -> Result<(Vec<u8>, HeaderMap), FetchError> {
        let parsed = outbound::url(url, insecure).map_err(|_| FetchError::Url(url.to_owned()))?;
        let client = if outbound::is_loopback(&parsed) {
            &self.direct
        } else {
            &self.client
        };
        let unreachable = |error: reqwest::Error| FetchError::Unreachable {
            url: url.to_owned(),
            reason: chain(&error),
        };
        let response = client.get(parsed).send().await.map_err(unreachable)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status {
                url: url.to_owned(),
                status: response.status(),
            });
        }
        let headers = response.headers().clone();
        let body = outbound::body(response)
            .await
            .map_err(|error| match error {
                BodyError::TooLarge => FetchError::TooLarge(url.to_owned()),
                BodyError::Broken(error) => unreachable(error),
            })?;
        Ok((body, headers))
    }
}

/// What `Cache-Control` leaves of a key set's time; a header that cannot be read says nothing.
fn fresh(headers: &HeaderMap) -> Option<Duration> {
    let control = headers.typed_get::<CacheControl>()?;
    if control.no_cache() || control.no_store() {
        return Some(Duration::ZERO);
    }
    let age = headers.typed_get::<Age>().map_or(0, |age| age.as_secs());
    let left = |whole: Duration| whole.saturating_sub(Duration::from_secs(age));
    control.max_age().map(left)
}

#[cfg(test)]
mod tests;
