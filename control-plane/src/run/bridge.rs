//! The bridge beside Envoy, from the first policy with a stdio server on.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::supervisor::{Kind, Program, supervise};
use crate::app::Published;
use crate::failure::Failure;

const TIMEOUT: Duration = Duration::from_secs(2);
const LARGEST: u64 = 64 * 1024;

/// How the bridge is started.
#[derive(Debug, Clone)]
pub struct BridgeCommand {
    /// Its file.
    pub program: PathBuf,
    /// The policy file.
    pub policy: PathBuf,
    /// Where it listens.
    pub socket: PathBuf,
    /// The hash of the version that it may load.
    pub accepted: PathBuf,
}

impl BridgeCommand {
    /// As a child to supervise.
    pub fn program(self) -> Program {
        let mut listen = OsString::from("unix:");
        listen.push(&self.socket);
        Program {
            access_log: None,
            gateway_key: None,
            kind: Kind::Bridge,
            file: self.program,
            arguments: vec![
                "--policy".into(),
                self.policy.into(),
                "--listen".into(),
                listen,
                "--accepted".into(),
                self.accepted.into(),
            ],
            socket: self.socket,
        }
    }
}

/// Waits for a policy with a stdio server, then keeps the bridge running until `stop` is set.
///
/// # Errors
/// As [`supervise`].
pub async fn run(
    command: BridgeCommand,
    mut published: watch::Receiver<Option<Published>>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let wanted = |live: &Option<Published>| live.as_ref().is_some_and(|live| live.bridged);
    tokio::select! {
        found = published.wait_for(wanted) => if found.is_err() {
            return Ok(());
        },
        () = super::stopped(&mut stop) => return Ok(()),
    }
    supervise(command.program(), published, stop).await
}

/// Whether the bridge answers, with a policy loaded.
pub async fn is_ready(socket: &Path) -> bool {
    let answer = tokio::time::timeout(TIMEOUT, ask(socket)).await;
    let Ok(Ok(answer)) = answer else {
        return false;
    };
    answer.starts_with(b"HTTP/1.1 200 ")
}

async fn ask(socket: &Path) -> std::io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket).await?;
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UnixListener;

    #[test]
    fn the_command_line() {
        let command = BridgeCommand {
            program: "/bin/b".into(),
            policy: "/p.yaml".into(),
            socket: "/s/bridge.sock".into(),
            accepted: "/s/accepted.sha256".into(),
        };
        assert_eq!(
            command.program().arguments,
            [
                "--policy",
                "/p.yaml",
                "--listen",
                "unix:/s/bridge.sock",
                "--accepted",
                "/s/accepted.sha256"
            ]
        );
    }

    #[tokio::test]
    async fn ready_is_what_answers_200() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("s");
        assert!(!is_ready(&socket).await);
        let listener = UnixListener::bind(&socket).unwrap();
        let served = tokio::spawn(async move {
            for status in ["503 Service Unavailable", "200 OK"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut piece = [0; 1024];
                let _ = stream.read(&mut piece).await.unwrap();
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        assert!(!is_ready(&socket).await);
        assert!(is_ready(&socket).await);
        served.await.unwrap();
    }
}
