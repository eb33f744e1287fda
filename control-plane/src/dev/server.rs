//! Discovery document and keys over loopback HTTP.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use super::DevIdentity;
use crate::failure::Failure;

/// The running issuer.
#[derive(Debug)]
pub struct DevServer {
    issuer: String,
}

impl DevServer {
    /// Serves the issuer on loopback, on the port of its last run where that is free,
    /// so that tokens made before stay good.
    ///
    /// # Errors
    /// No port can be bound, or the state directory cannot be written.
    pub async fn start(identity: &DevIdentity) -> Result<Self, Failure> {
        let listener = bind(last_port(identity)).await?;
        let address = listener
            .local_addr()
            .map_err(|e| Failure::runtime(format!("development issuer: {e}")))?;
        let issuer = format!("http://{address}");
        identity.keep_issuer(&issuer)?;
        let app = routes(&issuer, identity.jwks());
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "the development issuer ended");
            }
        });
        Ok(Self { issuer })
    }

    /// The issuer URL.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
}

fn last_port(identity: &DevIdentity) -> u16 {
    let issuer = identity.issuer().unwrap_or_default();
    let port = issuer.rsplit(':').next().and_then(|p| p.parse().ok());
    port.unwrap_or(0)
}

async fn bind(port: u16) -> Result<TcpListener, Failure> {
    let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match TcpListener::bind(loopback(port)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(loopback(0))
            .await
            .map_err(|e| Failure::runtime(format!("development issuer: {e}"))),
    }
}

fn routes(issuer: &str, jwks: String) -> Router {
    let discovery = serde_json::json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/keys"),
        "id_token_signing_alg_values_supported": ["ES256"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
    })
    .to_string();
    let document = discovery.clone();
    Router::new()
        .route("/.well-known/openid-configuration", get(|| json(document)))
        .route(
            "/.well-known/oauth-authorization-server",
            get(|| json(discovery)),
        )
        .route("/keys", get(|| json(jwks)))
}

async fn json(text: String) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], text)
}

#[cfg(test)]
mod tests {
    use super::super::{DevIdentity, Person};
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test]
    async fn discovery_keys_and_tokens_agree() {
        let directory = tempfile::tempdir().unwrap();
        let identity = DevIdentity::open_or_create(directory.path()).unwrap();
        let mode = std::fs::metadata(directory.path().join("dev-issuer.key.pem"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let server = DevServer::start(&identity).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let get = async |url: String| -> serde_json::Value {
            client.get(url).send().await.unwrap().json().await.unwrap()
        };
        let document = get(format!(
            "{}/.well-known/openid-configuration",
            server.issuer()
        ))
        .await;
        assert_eq!(document["issuer"], server.issuer());
        let keys = get(document["jwks_uri"].as_str().unwrap().to_owned()).await;
        let key = &keys["keys"][0];
        assert_eq!(key["kty"], "EC");
        assert_eq!(key["alg"], "ES256");
        assert!(key["kid"].is_string() && key.get("d").is_none(), "{key}");

        let again = DevIdentity::open(directory.path()).unwrap();
        let person = Person {
            user: "alice".to_owned(),
            groups: vec!["developers".to_owned()],
            email: None,
        };
        let token = again.mint(&person, 60).unwrap();
        let header = jwt_simple::token::Token::decode_metadata(&token).unwrap();
        assert_eq!(header.key_id(), key["kid"].as_str());
    }
}
