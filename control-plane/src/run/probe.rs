//! Whether a request through Envoy is answered by our filter.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const TIMEOUT: Duration = Duration::from_secs(2);
const LARGEST: u64 = 64 * 1024;

/// What a probe saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// Our filter answered.
    Ready,
    /// Something else: the listener is not there, or has no policy yet.
    Waiting(String),
}

/// Asks the listener for `/`, which only our filter answers with its own 404.
pub async fn probe(listen: SocketAddr) -> Probe {
    match tokio::time::timeout(TIMEOUT, ask(reachable(listen))).await {
        Ok(Ok(answer)) => judge(&answer),
        Ok(Err(error)) => Probe::Waiting(error.to_string()),
        Err(_) => Probe::Waiting("no answer".to_owned()),
    }
}

/// The address on which this machine reaches a listener.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn ask(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nuser-agent: mcp-zero-probe\r\nconnection: close\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// Envoy's deny-all default would give 503 here, and without a filter there is
/// no listener: a JSON 404 with our header means that the filter runs.
fn judge(answer: &[u8]) -> Probe {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let head = head.to_ascii_lowercase();
    let first = head.lines().next().unwrap_or_default();
    let ours = first.split(' ').nth(1) == Some("404")
        && head
            .lines()
            .any(|line| line.starts_with("x-correlation-id:"))
        && body.contains("\"jsonrpc\"");
    if ours {
        Probe::Ready
    } else {
        Probe::Waiting(first.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_404_counts() {
        let ours = b"HTTP/1.1 404 Not Found\r\nX-Correlation-Id: 1\r\n\r\n{\"jsonrpc\":\"2.0\"}";
        assert_eq!(judge(ours), Probe::Ready);
        for other in [
            &b"HTTP/1.1 503 Service Unavailable\r\nx-correlation-id: 1\r\n\r\n{\"jsonrpc\":\"2.0\"}"[..],
            b"HTTP/1.1 404 Not Found\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx-correlation-id: 1\r\n\r\n",
            b"",
        ] {
            assert!(matches!(judge(other), Probe::Waiting(_)));
        }
    }
}
