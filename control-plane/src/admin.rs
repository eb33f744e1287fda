//! Health of the control plane, on loopback.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::Published;
use crate::failure::Failure;
use crate::run::audit;
use crate::xds::Fleet;

#[derive(Debug, Clone)]
struct Shared {
    fleet: Fleet,
    published: watch::Receiver<Option<Published>>,
    audit: audit::Status,
}

/// Serves `/healthz` and `/readyz`.
///
/// # Errors
/// The address cannot be bound.
pub async fn serve(
    address: SocketAddr,
    fleet: Fleet,
    published: watch::Receiver<Option<Published>>,
    audit: audit::Status,
) -> Result<(), Failure> {
    let listener = TcpListener::bind(address).await.map_err(|e| {
        Failure::config(format!(
            "--admin {address}: {e}; choose another, or `--admin off`"
        ))
    })?;
    let app = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Shared {
            fleet,
            published,
            audit,
        });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(%error, "the admin interface ended");
        }
    });
    Ok(())
}

/// Ready once a policy is being served and every connected gateway runs it.
async fn ready(State(shared): State<Shared>) -> impl IntoResponse {
    let policy = shared
        .published
        .borrow()
        .as_ref()
        .map(|p| p.policy_version.clone());
    let gateways = shared.fleet.gateways();
    let ready = policy.is_some() && gateways.iter().all(|g| g.is_current());
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = serde_json::json!({"ready": ready, "policy_version": policy, "gateways": gateways,
        "audit": shared.audit.now()});
    (status, Json(body))
}
