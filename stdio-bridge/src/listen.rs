//! Where the bridge is reached.

use std::fmt;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::process::umask;
use tokio::net::{TcpListener, UnixListener};

use crate::failure::Failure;

/// A place to listen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// A Unix socket.
    Unix(PathBuf),
    /// A loopback address.
    Tcp(SocketAddr),
}

impl Address {
    /// Reads `unix:PATH` or a loopback address with its port.
    ///
    /// # Errors
    /// It is neither.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Self::Unix(path.into()));
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Ok(Self::Tcp(address)),
            Ok(_) => Err(Failure::config(format!(
                "--listen: `{text}` is no loopback address; whoever reaches the bridge can use every server"
            ))),
            Err(_) => Err(Failure::config(format!(
                "--listen: `{text}` is neither unix:PATH nor a loopback address with a port"
            ))),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

/// Reads the mode of the socket, in octal; only user and group may have any right.
///
/// # Errors
/// It is no such mode.
pub(crate) fn parse_mode(text: &str) -> Result<Mode, Failure> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| mode & !0o770 == 0 && mode & 0o600 == 0o600)
        .map(Mode::from_raw_mode)
        .ok_or_else(|| {
            Failure::config(format!(
                "--mode: `{text}` is no mode such as 0600 or 0660; others may have no right"
            ))
        })
}

/// Makes the socket. It is never open to more than `mode` says; a socket that nobody answers on
/// is replaced.
///
/// # Errors
/// Somebody answers there, it is something else than a socket, or the system refuses.
pub(crate) fn unix(path: &Path, mode: Mode) -> Result<UnixListener, Failure> {
    let fail = |what: String| Failure::runtime(format!("unix:{}: {what}", path.display()));
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(fail("there is something else than a socket".to_owned()));
        }
        Ok(_) => match UnixStream::connect(path) {
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path).map_err(|error| fail(error.to_string()))?;
            }
            Err(error) => return Err(fail(error.to_string())),
            Ok(_) => return Err(fail("somebody listens there already".to_owned())),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(fail(error.to_string())),
    }
    // One thread runs yet, so that nothing else is made with this mask.
    let before = umask(
        Mode::RWXU
            .union(Mode::RWXG)
            .union(Mode::RWXO)
            .difference(mode),
    );
    let listener = UnixListener::bind(path);
    umask(before);
    listener.map_err(|error| fail(error.to_string()))
}

/// Listens on a loopback address.
///
/// # Errors
/// The system refuses.
pub(crate) async fn tcp(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Failure::runtime(format!("{address}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn only_sockets_and_loopback_are_addresses() {
        assert_eq!(
            Address::parse("unix:/a").unwrap(),
            Address::Unix("/a".into())
        );
        for good in ["127.0.0.1:80", "[::1]:0", "127.9.9.9:1"] {
            assert!(
                matches!(Address::parse(good), Ok(Address::Tcp(_))),
                "{good}"
            );
        }
        for bad in [
            "",
            "unix:",
            "0.0.0.0:80",
            "10.0.0.1:80",
            "localhost:80",
            "[::]:80",
            "/a",
        ] {
            assert_eq!(Address::parse(bad).unwrap_err().code(), 78, "{bad}");
        }
    }

    #[test]
    fn others_have_no_right() {
        for good in ["0600", "600", "0660", "770"] {
            assert!(parse_mode(good).is_ok(), "{good}");
        }
        for bad in ["0666", "0606", "0400", "1600", "x", ""] {
            assert!(parse_mode(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let mode = parse_mode("0600").unwrap();
        let first = unix(&path, mode).unwrap();
        let seen = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(seen, 0o600);
        assert!(unix(&path, mode).is_err(), "it is in use");
        drop(first);
        assert!(unix(&path, mode).is_ok(), "nobody answers");
        let file = directory.path().join("f");
        std::fs::write(&file, "kept").unwrap();
        assert!(unix(&file, mode).is_err());
        assert_eq!(std::fs::read(&file).unwrap(), b"kept");
    }
}
