//! `mcp-zero health`: for health checks of containers, which have no other HTTP client.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::failure::Failure;

const TIMEOUT: Duration = Duration::from_secs(2);
const LARGEST: u64 = 64 * 1024;

#[derive(Debug, clap::Args)]
pub(super) struct HealthArgs {
    /// Where `--admin` of the control plane listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    admin: SocketAddr,
}

/// Succeeds when the control plane is ready: a policy is live, and every gateway runs it.
///
/// # Errors
/// It is not, or nobody answers within two seconds.
pub(super) async fn run(args: &HealthArgs) -> Result<(), Failure> {
    let answer = tokio::time::timeout(TIMEOUT, ask(args.admin))
        .await
        .map_err(|_| Failure::runtime(format!("{}: no answer", args.admin)))?
        .map_err(|e| Failure::runtime(format!("{}: {e}", args.admin)))?;
    let text = String::from_utf8_lossy(&answer);
    if text.starts_with("HTTP/1.1 200 ") {
        return Ok(());
    }
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Err(Failure::runtime(format!("not ready: {}", body.trim())))
}

async fn ask(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer).await?;
    Ok(answer)
}
