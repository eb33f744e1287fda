//! Where gateways connect: a Unix socket, whose mode is the authentication, or TCP with
//! mutual TLS. Nothing is served in clear over TCP, on loopback neither.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::identity::TlsFiles;
use crate::failure::Failure;
use crate::settings::Environment;

/// Handshakes that are under way at a time; more wait.
const HANDSHAKES: usize = 64;
/// The longest handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// After an accept that failed, for want of file descriptors for example.
const PAUSE: Duration = Duration::from_millis(200);

/// What can be said about xDS on the command line; absent fields come from the environment.
#[derive(Debug, Clone, Default, clap::Args)]
#[allow(
    rustdoc::broken_intra_doc_links,
    reason = "the help names the variable of each option in brackets"
)]
pub struct XdsOptions {
    /// Where gateways connect: unix:PATH, or IP:PORT with mutual TLS [MCP_XDS, unix:xds.sock in the state directory]
    #[arg(long, value_name = "ADDRESS")]
    pub xds: Option<String>,
    /// Certificate chain of the control plane, in PEM [MCP_XDS_TLS_CERT]
    #[arg(long, value_name = "FILE")]
    pub xds_tls_cert: Option<String>,
    /// Its private key, in PEM [MCP_XDS_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    pub xds_tls_key: Option<String>,
    /// Authorities of the gateways' certificates, in PEM [MCP_XDS_TLS_CLIENT_CA]
    #[arg(long, value_name = "FILE")]
    pub xds_tls_client_ca: Option<String>,
}

/// Where gateways connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A Unix socket in a directory that only the owner may enter.
    Unix(PathBuf),
    /// TCP, with mutual TLS.
    Tls(SocketAddr, TlsFiles),
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tls(address, _) => write!(f, "{address}"),
        }
    }
}

impl Listen {
    /// Reads the options; `default` is the Unix socket where none is named.
    ///
    /// # Errors
    /// One line a problem: no address, a file of mutual TLS that is missing beside an
    /// `IP:PORT`, or one that would mean nothing beside a Unix socket.
    pub fn read(
        options: &XdsOptions,
        environment: Environment<'_>,
        default: PathBuf,
    ) -> Result<Self, Failure> {
        let mut problems = Vec::new();
        let mut text = |option: &Option<String>, name: &str| {
            let found = option
                .clone()
                .map_or_else(|| environment(name), |t| Ok(Some(t)));
            let found = found.unwrap_or_else(|problem| {
                problems.push(problem);
                None
            });
            found.filter(|text| !text.trim().is_empty())
        };
        let address = text(&options.xds, "MCP_XDS");
        let files = [
            ("--xds-tls-cert", "MCP_XDS_TLS_CERT", &options.xds_tls_cert),
            ("--xds-tls-key", "MCP_XDS_TLS_KEY", &options.xds_tls_key),
            (
                "--xds-tls-client-ca",
                "MCP_XDS_TLS_CLIENT_CA",
                &options.xds_tls_client_ca,
            ),
        ]
        .map(|(option, name, given)| (option, name, text(given, name)));
        let listen = match address {
            None => Self::unix(default, &files, &mut problems),
            Some(text) => match text.strip_prefix("unix:").filter(|p| !p.is_empty()) {
                Some(path) => Self::unix(PathBuf::from(path), &files, &mut problems),
                None => Self::tcp(&text, files, &mut problems),
            },
        };
        match listen {
            Some(listen) if problems.is_empty() => Ok(listen),
            Some(_) | None => Err(Failure::configs(problems)),
        }
    }

    fn unix(path: PathBuf, files: &[File; 3], problems: &mut Vec<String>) -> Option<Self> {
        for (option, name, given) in files {
            if given.is_some() {
                problems.push(format!(
                    "{option} ({name}): a Unix socket has no TLS; name an address with --xds IP:PORT, or leave it out"
                ));
            }
        }
        Some(Self::Unix(path))
    }

    fn tcp(text: &str, files: [File; 3], problems: &mut Vec<String>) -> Option<Self> {
        let address = text.parse::<SocketAddr>().ok();
        if address.is_none() {
            problems.push(format!(
                "--xds (MCP_XDS): `{text}` is neither unix:PATH nor IP:PORT"
            ));
        }
        for (option, name, given) in &files {
            if given.is_none() {
                problems.push(format!(
                    "--xds {text}: over TCP gateways and control plane show each other certificates; {option} ({name}) is missing"
                ));
            }
        }
        let [certificate, key, client_ca] = files.map(|(_, _, given)| given.map(PathBuf::from));
        let files = TlsFiles {
            certificate: certificate?,
            key: key?,
            client_ca: client_ca?,
        };
        Some(Self::Tls(address?, files))
    }
}

/// An option, its variable, and what was given.
type File = (&'static str, &'static str, Option<String>);

/// Connections whose peer has shown a certificate.
pub(crate) type Peers = mpsc::Receiver<std::io::Result<TlsStream<TcpStream>>>;

/// Binds a Unix socket for its owner alone.
///
/// # Errors
/// It cannot be bound.
pub(crate) fn unix(socket: &Path) -> Result<UnixListener, Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |e: std::io::Error| Failure::config(format!("{}: {e}", socket.display()));
    match std::fs::remove_file(socket) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(failed(e)),
    }
    let listener = UnixListener::bind(socket).map_err(failed)?;
    // The directory is closed to others; the socket is too.
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

/// Binds an address; who shows no certificate of the authority never reaches a service.
///
/// # Errors
/// It cannot be bound, or the files are not what they should be.
pub(crate) async fn tls(address: SocketAddr, files: TlsFiles) -> Result<Peers, Failure> {
    let config = files.load().map_err(Failure::config)?;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|e| Failure::config(format!("--xds {address}: {e}")))?;
    let (peers_in, peers) = mpsc::channel(HANDSHAKES);
    tokio::spawn(accept(listener, files, config, peers_in));
    Ok(peers)
}

async fn accept(
    listener: TcpListener,
    files: TlsFiles,
    mut config: Arc<tokio_rustls::rustls::ServerConfig>,
    peers: mpsc::Sender<std::io::Result<TlsStream<TcpStream>>>,
) {
    let slots = Arc::new(Semaphore::new(HANDSHAKES));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::error!(%error, "xDS accepts no connection");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
            () = peers.closed() => return,
        };
        // A renewed certificate counts from the next connection on.
        match files.load() {
            Ok(fresh) => config = fresh,
            Err(error) => tracing::error!(error, "the last good certificates stay"),
        }
        let (acceptor, peers) = (TlsAcceptor::from(Arc::clone(&config)), peers.clone());
        tokio::spawn(async move {
            let _slot = slot;
            // Answers are small and awaited.
            let _ = stream.set_nodelay(true);
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let _ = peers.send(Ok(stream)).await;
                }
                Ok(Err(error)) => tracing::warn!(%peer, %error, "no gateway: handshake refused"),
                Err(_) => tracing::warn!(%peer, "no gateway: no handshake in time"),
            }
        });
    }
}

#[cfg(test)]
mod tests;
