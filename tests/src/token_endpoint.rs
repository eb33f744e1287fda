//! A token endpoint that exchanges tokens (RFC 8693), as an identity provider has one.

use crate::scripted::{Answer, Received, Scripted, ok};
use jwt_simple::reexports::ct_codecs::{Base64, Base64UrlSafeNoPadding, Decoder as _};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The client that it knows.
const CLIENT_ID: &str = "mcp-gateway";
/// That client's secret.
pub const CLIENT_SECRET: &str = "c4n4ry-client-secret";

/// How it answers.
#[derive(Debug, Clone)]
pub enum Exchange {
    /// With a token for whoever came, for what was asked.
    Grant,
    /// With a status and a body.
    Say(u16, String),
    /// Not at all for a while.
    Silence,
}

/// A running endpoint.
#[derive(Debug)]
pub struct TokenEndpoint {
    server: Scripted,
    mode: Arc<Mutex<Exchange>>,
}

impl TokenEndpoint {
    /// Starts on a free loopback port.
    pub fn start() -> Self {
        let mode = Arc::new(Mutex::new(Exchange::Grant));
        let now = Arc::clone(&mode);
        let server = Scripted::start(move |request| {
            let mode = now.lock().expect("no thread panics").clone();
            answer(request, &mode)
        });
        Self { server, mode }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Answers so from now on.
    ///
    /// # Panics
    /// When one of its threads has.
    pub fn set(&self, mode: Exchange) {
        *self.mode.lock().expect("no thread panics") = mode;
    }

    /// The forms that have reached it.
    pub fn asked(&self) -> Vec<BTreeMap<String, String>> {
        let received = self.server.received();
        received.iter().map(|request| form(&request.body)).collect()
    }

    /// What a gateway has to be told of it.
    pub fn variables(&self) -> Vec<(String, String)> {
        [
            ("OKTA_TOKEN_ENDPOINT", self.url().as_str()),
            ("OKTA_CLIENT_ID", CLIENT_ID),
            ("OKTA_CLIENT_SECRET", CLIENT_SECRET),
            ("MCP_SKIP_TLS_VALIDATION", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// The token that it grants a subject for an audience.
    pub fn granted(subject: &str, audience: &str) -> String {
        let plain = |text: &str| text.replace([':', '/'], "-");
        format!("obo.{}.{}", plain(subject), plain(audience))
    }
}

fn answer(request: &Received, mode: &Exchange) -> Answer {
    let said = |status: u16, body: &str| {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        vec![format!("{head}{body}").into_bytes()]
    };
    let basic = request.header("authorization").unwrap_or_default();
    let known = basic.strip_prefix("Basic ").is_some_and(|basic| {
        Base64::decode_to_vec(basic, None)
            .is_ok_and(|bytes| bytes == format!("{CLIENT_ID}:{CLIENT_SECRET}").as_bytes())
    });
    if !known {
        return said(401, r#"{"error":"invalid_client"}"#);
    }
    match mode {
        Exchange::Say(status, body) => return said(*status, body),
        Exchange::Silence => return vec![Vec::new(); 60],
        Exchange::Grant => {}
    }
    let form = form(&request.body);
    let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let right = get("grant_type") == "urn:ietf:params:oauth:grant-type:token-exchange"
        && get("subject_token_type") == "urn:ietf:params:oauth:token-type:access_token";
    let Some(subject) = subject(get("subject_token")).filter(|_| right) else {
        return said(400, r#"{"error":"invalid_request"}"#);
    };
    let token = TokenEndpoint::granted(&subject, get("audience"));
    let body = json!({"access_token": token, "token_type": "Bearer", "expires_in": 300,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "scope": get("scope")});
    vec![ok("application/json", &body.to_string())]
}

/// Whom a token is about; its signature is for others to check.
fn subject(token: &str) -> Option<String> {
    let payload = token.split('.').nth(1)?;
    let payload = Base64UrlSafeNoPadding::decode_to_vec(payload, None).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims["sub"].as_str().map(str::to_owned)
}

fn form(body: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect()
}
