//! One request to the token endpoint, and its answer.

use std::fmt;
use std::time::Duration;

use form_urlencoded::Serializer;
use mcp_zero_identity::{MAX_TOKEN_BYTES, is_token68};
use mcp_zero_proto::TokenRequest;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{StatusCode, Url};
use serde::Deserialize;

use super::{LONGEST_PAUSE, Refused};
use crate::jwks::store::unix_now;
use crate::outbound::{self, BodyError, chain};

/// Shorter than a filter waits, so that it hears what has happened.
const TIMEOUT: Duration = Duration::from_millis(1500);

/// The longest life of a token that is believed, in seconds.
const LONGEST_LIFE: u64 = 7 * 86_400;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// A text that nobody is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text in.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for whoever it is meant for.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Where tokens are exchanged, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenEndpoint {
    /// `OKTA_TOKEN_ENDPOINT`.
    pub url: Url,
    /// `OKTA_CLIENT_ID`.
    pub client_id: String,
    /// `OKTA_CLIENT_SECRET`.
    pub client_secret: Secret,
}

impl TokenEndpoint {
    /// Reads the URL: https, or http where `insecure`, without user and fragment.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn url(text: &str, insecure: bool) -> Result<Url, &'static str> {
        let url = outbound::url(text, insecure)?;
        match url.fragment() {
            None => Ok(url),
            Some(_) => Err("a URL with a fragment"),
        }
    }
}

/// What the endpoint has granted.
pub(super) struct Granted {
    pub(super) token: Secret,
    /// Seconds, where it says.
    pub(super) expires_in: Option<u64>,
}

/// A refusal, and how long the endpoint wants to be left alone.
pub(super) type Failed = (Refused, Option<Duration>);

/// The members of RFC 8693 §2.2.1 that are looked at.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    issued_token_type: String,
    token_type: String,
    expires_in: Option<u64>,
    scope: Option<String>,
}

/// The member of RFC 6749 §5.2 that is looked at.
#[derive(Deserialize)]
struct Problem {
    error: String,
}

/// Speaks to the endpoint.
#[derive(Debug)]
pub(super) struct Client {
    endpoint: TokenEndpoint,
    http: reqwest::Client,
}

impl Client {
    pub(super) fn new(endpoint: TokenEndpoint) -> Result<Self, reqwest::Error> {
        Ok(Self {
            http: outbound::client(TIMEOUT, outbound::is_loopback(&endpoint.url))?,
            endpoint,
        })
    }

    /// Exchanges the caller's token.
    ///
    /// # Errors
    /// [`Failed`]; nothing of the endpoint's text is in it.
    pub(super) async fn exchange(&self, request: &TokenRequest) -> Result<Granted, Failed> {
        let scope = request.scopes.join(" ");
        let mut form = vec![
            ("grant_type", GRANT),
            ("subject_token", &request.token),
            ("subject_token_type", ACCESS_TOKEN),
            ("requested_token_type", ACCESS_TOKEN),
            ("audience", &request.audience),
        ];
        if !scope.is_empty() {
            form.push(("scope", &scope));
        }
        let sent = self
            .http
            .post(self.endpoint.url.clone())
            // RFC 6749 §2.3.1: both are encoded before they are joined.
            .basic_auth(
                encode(|text| {
                    text.append_key_only(&self.endpoint.client_id);
                }),
                Some(encode(|text| {
                    text.append_key_only(self.endpoint.client_secret.reveal());
                })),
            )
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(encode(|query| {
                query.extend_pairs(form);
            }))
            .send()
            .await;
        let response = sent.map_err(|error| (unanswered(&error), None))?;
        let status = response.status();
        let pause = pause(status, response.headers(), unix_now());
        let body = outbound::body(response)
            .await
            .map_err(|error| match error {
                BodyError::TooLarge => (Refused::Malformed("more than 64 KiB"), None),
                BodyError::Broken(error) => (unanswered(&error), None),
            })?;
        match status {
            StatusCode::OK => granted(&body, request).map_err(|refused| (refused, None)),
            _ => Err((refused(status, &body), pause)),
        }
    }
}

/// `application/x-www-form-urlencoded`.
fn encode(fill: impl FnOnce(&mut Serializer<'_, String>)) -> String {
    let mut text = Serializer::new(String::new());
    fill(&mut text);
    text.finish()
}

fn unanswered(error: &reqwest::Error) -> Refused {
    if error.is_timeout() {
        return Refused::Timeout;
    }
    // Says where the connection failed; requests and answers are not in it.
    tracing::warn!(reason = chain(error), "token endpoint not reached");
    Refused::Unavailable("it cannot be reached")
}

/// When Okta's limit begins anew, in Unix seconds. It sends this in place of `Retry-After`.
const RATE_LIMIT_RESET: &str = "x-rate-limit-reset";

/// `Retry-After` (RFC 9110 §10.2.3) in seconds, or Okta's own header; what cannot be read, a date
/// among it, counts as the longest pause. `now` is Unix seconds.
pub(super) fn pause(status: StatusCode, headers: &HeaderMap, now: u64) -> Option<Duration> {
    if !matches!(status.as_u16(), 429 | 503) {
        return None;
    }
    let number = |value: &HeaderValue| value.to_str().ok()?.trim().parse::<u64>().ok();
    let seconds = match (headers.get(RETRY_AFTER), headers.get(RATE_LIMIT_RESET)) {
        (Some(after), _) => number(after),
        // Clocks differ by seconds: never no pause at all.
        (None, Some(reset)) => number(reset).map(|reset| reset.saturating_sub(now).max(1)),
        (None, None) => return None,
    };
    Some(
        seconds
            .map_or(LONGEST_PAUSE, Duration::from_secs)
            .min(LONGEST_PAUSE),
    )
}

fn refused(status: StatusCode, body: &[u8]) -> Refused {
    match status.as_u16() {
        429 => return Refused::Unavailable("too many requests"),
        500..=599 => return Refused::Unavailable("a server error"),
        400 | 401 | 403 => {}
        _ => return Refused::Malformed("a status that is no answer"),
    }
    let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
        return Refused::Malformed("an error without a code");
    };
    match problem.error.as_str() {
        "invalid_client" => Refused::Client("invalid_client"),
        "unauthorized_client" => Refused::Client("unauthorized_client"),
        "unsupported_grant_type" => Refused::Client("unsupported_grant_type"),
        "invalid_grant" => Refused::Grant("invalid_grant"),
        // RFC 8693 §2.2.2: the caller's token is good no longer, or never was.
        "invalid_request" => Refused::Grant("invalid_request"),
        "invalid_target" => Refused::Grant("invalid_target"),
        "invalid_scope" => Refused::Grant("invalid_scope"),
        "access_denied" => Refused::Grant("access_denied"),
        "temporarily_unavailable" => Refused::Unavailable("temporarily_unavailable"),
        // Its own text stays out of the log.
        _ => Refused::Grant("another error"),
    }
}

fn granted(body: &[u8], request: &TokenRequest) -> Result<Granted, Refused> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|_| Refused::Malformed("a member is missing"))?;
    if !matches!(answer.issued_token_type.as_str(), ACCESS_TOKEN | JWT) {
        return Err(Refused::Malformed("`issued_token_type` is no access token"));
    }
    if !answer.token_type.eq_ignore_ascii_case("bearer") {
        return Err(Refused::Malformed("`token_type` is not Bearer"));
    }
    if answer.access_token.len() > MAX_TOKEN_BYTES || !is_token68(&answer.access_token) {
        return Err(Refused::Malformed("`access_token` is no bearer token"));
    }
    // What goes back is what the caller came with: nothing was exchanged.
    if answer.access_token == request.token {
        return Err(Refused::Malformed("`access_token` is the caller's own"));
    }
    if answer
        .expires_in
        .is_some_and(|seconds| seconds == 0 || seconds > LONGEST_LIFE)
    {
        return Err(Refused::Malformed("`expires_in` is out of range"));
    }
    if let Some(scope) = &answer.scope {
        let has = |wanted: &String| scope.split(' ').any(|one| one == wanted);
        if !request.scopes.iter().all(has) {
            return Err(Refused::Grant("fewer scopes than asked for"));
        }
    }
    Ok(Granted {
        token: Secret::new(answer.access_token),
        expires_in: answer.expires_in,
    })
}
