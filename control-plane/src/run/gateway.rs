//! Control plane, Envoy, bridge and audit of one machine, from start to clean end.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mcp_zero_compile::DevIssuer;
use tokio::sync::watch;

use super::audit;
use super::bootstrap::{self, Bootstrap};
use super::bridge::{self, BridgeCommand};
use super::envoy::EnvoyCommand;
use super::probe::{Probe, probe};
use super::supervisor::supervise;
use crate::app::{Plane, Published, Start};
use crate::dev::{AUDIENCE, DevIdentity, DevServer};
use crate::failure::Failure;
use crate::settings::{LogLevel, local_url};
use crate::{admin, xds};

/// After this a gateway that is not ready says why.
const PATIENCE: Duration = Duration::from_secs(20);

/// What differs from a control plane alone.
#[derive(Debug)]
pub struct Gateway {
    /// The Envoy program.
    pub envoy: PathBuf,
    /// Its worker threads.
    pub concurrency: Option<u32>,
    /// Its base id.
    pub base_id: Option<u32>,
    /// The socket over which it is fed, in the state directory.
    pub xds_socket: PathBuf,
}

/// Starts the development issuer of a state directory.
///
/// # Errors
/// No port, or no place for its key.
pub async fn development_issuer(state: &Path) -> Result<DevIssuer, Failure> {
    let identity = DevIdentity::open_or_create(state)?;
    let server = DevServer::start(&identity).await?;
    Ok(DevIssuer {
        issuer: server.issuer().to_owned(),
        audience: AUDIENCE.to_owned(),
    })
}

/// Runs until `stop` is set, or Envoy dies too often.
///
/// # Errors
/// The start fails, or Envoy does.
pub async fn run(
    gateway: Gateway,
    start: Start,
    stop: watch::Sender<bool>,
    stopped: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let state = gateway
        .xds_socket
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let settings = start.settings.clone();
    let listener = start.listener.clone();
    let command = envoy_command(&gateway, &start, &state)?;
    let access_log = PathBuf::from(&start.listener.access_log);
    let bridge_socket = start.bridge_socket.clone();
    let bridge = bridge_command(&start)?;
    let (plane_stop, plane_stopped) = watch::channel(false);
    let plane = Plane::start(start, plane_stopped.clone()).await?;
    let status = audit::Status::default();
    if let Some(address) = settings.admin {
        let (fleet, published) = (plane.fleet.clone(), plane.published.clone());
        admin::serve(address, fleet, published, status.clone()).await?;
    }
    let (audit_stop, audit_stopped) = watch::channel(false);
    let audit = audit::follow(access_log, plane.sink.clone(), audit_stopped, status);
    let audit = tokio::spawn(audit);
    let url = settings.public_url(listener.address);
    let local = local_url(listener.address);
    let state_shown = settings.state_dir.clone();
    let announcing = tokio::spawn({
        let (published, stopped) = (plane.published.clone(), stopped.clone());
        async move {
            if let Some(published) =
                ready(listener.address, &bridge_socket, published, stopped).await
            {
                banner(&published, &url, &local, &state_shown);
            }
        }
    });
    let (bridge_stop, bridge_stopped) = watch::channel(false);
    let bridging = bridge.map(|command| {
        tokio::spawn(bridge::run(
            command,
            plane.published.clone(),
            bridge_stopped,
        ))
    });
    let ended = supervise(command.program(), plane.published.clone(), stopped).await;
    let _ = stop.send(true);
    announcing.abort();
    // Nobody speaks to it any more: Envoy has ended.
    let _ = bridge_stop.send(true);
    if let Some(bridging) = bridging {
        let _ = bridging.await;
    }
    // The access log has its last line by now: Envoy has ended.
    let _ = audit_stop.send(true);
    let _ = audit.await;
    let _ = plane_stop.send(true);
    ended
}

/// Nothing where there is no policy file, or no program to start.
fn bridge_command(start: &Start) -> Result<Option<BridgeCommand>, Failure> {
    let program = start.programs.as_ref().and_then(|p| p.bridge.clone());
    let (Some(program), Some(policy)) = (program, &start.settings.policy_file) else {
        return Ok(None);
    };
    let policy = std::path::absolute(policy)
        .map_err(|e| Failure::config(format!("{}: {e}", policy.display())))?;
    Ok(Some(BridgeCommand {
        program,
        policy,
        socket: start.bridge_socket.clone(),
        accepted: start.accepted.clone(),
    }))
}

fn envoy_command(gateway: &Gateway, start: &Start, state: &Path) -> Result<EnvoyCommand, Failure> {
    let module = std::fs::read(&start.module.path)
        .map_err(|e| Failure::config(format!("{}: {e}", start.module.path)))?;
    let admin_socket = state.join("envoy.sock");
    let file = state.join("envoy.yaml");
    let text = Bootstrap {
        node_id: "mcp-zero",
        module: &sha256(&module),
        admin_socket: &admin_socket,
        plane: &bootstrap::Plane::Unix(gateway.xds_socket.clone()),
    }
    .render();
    std::fs::write(&file, text).map_err(|e| Failure::config(format!("{}: {e}", file.display())))?;
    Ok(EnvoyCommand {
        program: gateway.envoy.clone(),
        bootstrap: file,
        admin_socket,
        base_id: gateway.base_id,
        concurrency: gateway.concurrency,
        access_log: PathBuf::from(&start.listener.access_log),
        gateway_key: start.key.clone(),
        log_level: start.settings.log_level.unwrap_or(LogLevel::Info),
    })
}

/// The lower-case hex SHA-256 of a module.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    xds::resource::hex(&Sha256::digest(bytes), 64)
}

/// Waits until a policy is published, our filter answers through Envoy, and the bridge does where
/// there are stdio servers.
async fn ready(
    listen: std::net::SocketAddr,
    bridge: &Path,
    mut published: watch::Receiver<Option<Published>>,
    mut stopped: watch::Receiver<bool>,
) -> Option<Published> {
    let begin = Instant::now();
    let mut told = false;
    let first = tokio::select! {
        found = published.wait_for(Option::is_some) => found.ok()?.clone()?,
        () = super::stopped(&mut stopped) => return None,
    };
    loop {
        let live = published.borrow().clone();
        let bridged = live.is_some_and(|live| live.bridged);
        let seen = match probe(listen).await {
            Probe::Ready if bridged && !bridge::is_ready(bridge).await => {
                Probe::Waiting("the bridge to stdio servers does not answer".to_owned())
            }
            seen => seen,
        };
        match seen {
            Probe::Ready => return Some(published.borrow().clone().unwrap_or(first)),
            Probe::Waiting(reason) => {
                if begin.elapsed() > PATIENCE && !told {
                    told = true;
                    tracing::warn!(reason, "still not ready");
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
            () = super::stopped(&mut stopped) => return None,
        }
    }
}

/// What to try, for people; audit records go to standard output, this does not.
fn banner(published: &Published, url: &str, local: &str, state: &Path) {
    let dev = published.dev;
    let server = published.servers.first().map_or("SERVER", String::as_str);
    let mut text = format!(
        "\nready: posture={} {}\n\n  URL       {url}/mcp/{server}\n",
        published.posture, published.ready_line
    );
    if published.servers.len() > 1 {
        text.push_str(&format!("  servers   {}\n", published.servers.join(", ")));
    }
    let program = std::env::current_exe()
        .ok()
        .map_or_else(|| "mcp-zero".to_owned(), |p| shown(&p));
    if dev {
        text.push_str(&format!(
            "  token     {program} token --user alice --groups developers --state-dir {}\n",
            shown(state)
        ));
    } else {
        text.push_str("  token     from your identity provider\n");
    }
    let token = if dev {
        format!(
            "$({program} token --user alice --groups developers --state-dir {})",
            shown(state)
        )
    } else {
        "$TOKEN".to_owned()
    };
    text.push_str(&format!(
        "\nTry it:\n\n  curl -s {local}/mcp/{server} \\\n    -H \"Authorization: Bearer {token}\" \\\n    -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\\n    -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{{}},\"clientInfo\":{{\"name\":\"curl\",\"version\":\"1\"}}}}}}'\n\nA client's configuration:\n\n  {{\"mcpServers\": {{\"{server}\": {{\"type\": \"http\", \"url\": \"{url}/mcp/{server}\",\n    \"headers\": {{\"Authorization\": \"Bearer TOKEN\"}}}}}}}}\n\nAudit records follow on standard output; Ctrl-C ends.\n"
    ));
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// A path as one would type it here.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let text = path
        .strip_prefix(&here)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned();
    if text.contains('/') || text.starts_with('.') {
        text
    } else {
        format!("./{text}")
    }
}
