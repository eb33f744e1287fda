//! A demo MCP server over Streamable HTTP. Its tools return personal data and secrets, all of them
//! invented, so that one sees what a gateway in front of it lets through, masks and refuses.

mod customers;
mod desk;

use axum::Router;
use clap::Parser;
use desk::Desk;
use rmcp::task_manager::TaskManager;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};
use tracing_subscriber::EnvFilter;

/// How long open connections may take to finish once the server was told to stop.
const DRAIN: Duration = Duration::from_secs(2);

/// A demo MCP server with tools that return personal data.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:9100", value_name = "ADDRESS")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The library tells of every session and refusal; a demo beside a gateway should not.
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("error,mcp_zero_demo_server=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match serve(arguments.listen).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            error!(address = %arguments.listen, "demo server: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until SIGTERM or ctrl-c.
async fn serve(address: SocketAddr) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;

    let config = StreamableHttpServerConfig::default();
    let streams = config.cancellation_token.clone();
    let tasks = TaskManager::new();
    let service = StreamableHttpService::new(
        move || Ok(Desk::new(tasks.clone())),
        Arc::new(LocalSessionManager::default()),
        config,
    );
    let router = Router::new().nest_service("/mcp", service);
    info!("demo server listens on http://{address}/mcp");

    let stopped = streams.clone();
    let server = axum::serve(listener, router)
        .with_graceful_shutdown(async move { stopped.cancelled_owned().await });
    let mut server = tokio::spawn(server.into_future());
    tokio::select! {
        ended = &mut server => return ended.map_err(std::io::Error::other)?,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    // Ends the open event streams too, which would otherwise keep their connections alive.
    streams.cancel();
    match tokio::time::timeout(DRAIN, server).await {
        Ok(ended) => ended.map_err(std::io::Error::other)?,
        Err(_) => Ok(()),
    }
}
