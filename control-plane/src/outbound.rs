//! Requests that the control plane makes itself: to issuers and to token endpoints.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};

/// The largest answer taken.
pub(crate) const LARGEST: usize = 64 * 1024;

/// An answer that is not taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// More than 64 KiB.
    #[error("more than 64 KiB")]
    TooLarge,
    /// The connection failed.
    #[error(transparent)]
    Broken(#[from] reqwest::Error),
}

/// A client that follows no redirect. Proxies of the environment are no help on the way to a
/// loopback address.
///
/// # Errors
/// The platform's certificate store cannot be read.
pub(crate) fn client(timeout: Duration, loopback: bool) -> Result<Client, reqwest::Error> {
    let builder = Client::builder()
        .redirect(Policy::none())
        .timeout(timeout)
        .user_agent("mcp-zero");
    match loopback {
        true => builder.no_proxy().build(),
        false => builder.build(),
    }
}

/// Reads a URL: https, or http where `insecure`; without a user.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn url(text: &str, insecure: bool) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "no URL")?;
    match url.scheme() {
        "https" => {}
        "http" if insecure => {}
        _ => return Err("not https"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL with a user");
    }
    Ok(url)
}

/// The whole body of an answer.
///
/// # Errors
/// [`BodyError`]
pub(crate) async fn body(mut response: Response) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LARGEST {
            return Err(BodyError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whether a URL leads to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The innermost cause, which is what an operator needs.
pub(crate) fn chain(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
