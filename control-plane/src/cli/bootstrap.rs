//! `mcp-zero bootstrap`: what an Envoy that is started by others begins with.

use std::path::PathBuf;

use crate::failure::Failure;
use crate::run::bootstrap::{Bootstrap, Plane, TlsClient};

#[derive(Debug, clap::Args)]
pub(super) struct BootstrapArgs {
    /// `node.id`: one for each gateway (Envoy's --service-node goes first)
    #[arg(long, value_name = "ID", default_value = "mcp-zero")]
    node_id: String,
    /// The filter module, whose hash is shown to the control plane
    #[arg(long, value_name = "FILE")]
    filter: PathBuf,
    /// Where Envoy's admin interface is: a Unix socket
    #[arg(long, value_name = "PATH")]
    admin_socket: PathBuf,
    /// The control plane: unix:PATH, or HOST:PORT with mutual TLS
    #[arg(long, value_name = "ADDRESS")]
    xds: String,
    /// Certificate chain of the gateway, as Envoy reads it
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Authorities of the control plane's certificate
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
}

/// Prints the bootstrap.
///
/// # Errors
/// The module cannot be read, or the address is none or lacks its files.
pub(super) fn run(args: &BootstrapArgs) -> Result<(), Failure> {
    let module = std::fs::read(&args.filter)
        .map_err(|e| Failure::config(format!("{}: {e}", args.filter.display())))?;
    let files = [&args.tls_cert, &args.tls_key, &args.tls_ca];
    let plane = match (args.xds.strip_prefix("unix:"), files) {
        (Some(path), [None, None, None]) if !path.is_empty() => Plane::Unix(path.into()),
        (Some(_), _) => {
            return Err(Failure::config(
                "--xds: a Unix socket is unix:PATH and has no TLS files",
            ));
        }
        (None, [Some(certificate), Some(key), Some(authorities)]) => {
            let (host, port) = host_and_port(&args.xds).ok_or_else(|| {
                Failure::config(format!(
                    "--xds: `{}` is neither unix:PATH nor HOST:PORT",
                    args.xds
                ))
            })?;
            Plane::Tls(TlsClient {
                host,
                port,
                certificate: certificate.clone(),
                key: key.clone(),
                authorities: authorities.clone(),
            })
        }
        (None, _) => {
            return Err(Failure::config(
                "--xds HOST:PORT: mutual TLS needs --tls-cert, --tls-key and --tls-ca",
            ));
        }
    };
    let text = Bootstrap {
        node_id: &args.node_id,
        module: &crate::run::gateway::sha256(&module),
        admin_socket: &args.admin_socket,
        plane: &plane,
    }
    .render();
    super::say(text.trim_end())
}

fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-.:".contains(&b);
    let good = !host.is_empty() && host.bytes().all(plain);
    good.then(|| Some((host.to_owned(), port.parse().ok()?)))?
}
