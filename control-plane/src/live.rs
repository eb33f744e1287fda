//! What is being served, for the operator's commands: a Unix socket in the state directory that
//! only the owner of the process may open.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use mcp_zero_policy::Snapshot;
use tokio::sync::watch;

use crate::app::Published;
use crate::failure::Failure;
use crate::xds::listen;

/// How long a command waits for the control plane.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The posture and the servers of the live policy, in one line.
const READY_LINE: &str = "x-mcp-zero-ready-line";

/// The socket of a state directory.
pub fn socket(state: &Path) -> PathBuf {
    state.join("live.sock")
}

/// Serves the live policy, without its keys, until the process ends.
///
/// # Errors
/// The socket cannot be bound.
pub fn serve(state: &Path, published: watch::Receiver<Option<Published>>) -> Result<(), Failure> {
    let listener = listen::unix(&socket(state))?;
    let app = Router::new()
        .route("/policy", get(policy))
        .with_state(published);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(%error, "the socket of the live policy ended");
        }
    });
    Ok(())
}

async fn policy(State(published): State<watch::Receiver<Option<Published>>>) -> Response {
    let Some(live) = published.borrow().clone() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let headers = [
        (CONTENT_TYPE.as_str(), "application/x-protobuf"),
        (READY_LINE, &live.ready_line),
    ];
    (headers, live.snapshot.to_vec()).into_response()
}

/// The policy that a control plane on this machine serves.
#[derive(Debug)]
pub struct Live {
    /// As filters read it.
    pub snapshot: Snapshot,
    /// What the control plane says of it.
    pub ready_line: String,
}

impl Live {
    /// Asks the control plane of a state directory.
    ///
    /// # Errors
    /// Nobody serves a policy there, or another version of this program does.
    pub async fn ask(state: &Path) -> Result<Self, Failure> {
        let socket = socket(state);
        let failed = |what: &dyn std::fmt::Display| {
            Failure::config(format!(
                "{}: {what}; name the state directory of the gateway that runs with --state-dir",
                socket.display()
            ))
        };
        if !socket.exists() {
            return Err(failed(&"no such socket"));
        }
        let client = reqwest::Client::builder()
            .unix_socket(socket.as_path())
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .map_err(|e| failed(&e))?;
        let answer = client.get("http://localhost/policy").send().await;
        let answer = answer.map_err(|_| failed(&"nobody answers"))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::SERVICE_UNAVAILABLE => return Err(failed(&"no policy is live yet")),
            // Another version of this program, or another program.
            status => return Err(failed(&format_args!("an answer with status {status}"))),
        }
        let ready_line = answer.headers().get(READY_LINE);
        let ready_line = ready_line.and_then(|line| line.to_str().ok());
        let ready_line = ready_line.unwrap_or_default().to_owned();
        let bytes = answer.bytes().await.map_err(|e| failed(&e))?;
        let snapshot = Snapshot::decode(&bytes).map_err(|e| failed(&e))?;
        Ok(Self {
            snapshot,
            ready_line,
        })
    }
}
