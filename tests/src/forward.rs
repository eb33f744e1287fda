//! What stands between a client and a server and passes every byte on.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A listener in front of another one; its threads end with the test process.
#[derive(Debug)]
pub struct Forward {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Forward {
    /// Adds an `Authorization` header to each request, for clients that cannot be told to send one.
    ///
    /// # Panics
    /// When no port is free.
    pub fn with_token(gateway: SocketAddr, token: &str) -> Self {
        let header = format!("\r\nauthorization: Bearer {token}").into_bytes();
        Self::start(gateway, move |mut client, mut server, _| {
            requests(&mut client, &mut server, &header);
        })
    }

    /// Keeps what a server is sent.
    ///
    /// # Panics
    /// When no port is free.
    pub fn listening(server: SocketAddr) -> Self {
        Self::start(server, |mut client, mut server, seen| {
            let mut piece = [0; 16 * 1024];
            while let Some(bytes) = read(&mut client, &mut piece) {
                if let Ok(mut seen) = seen.lock() {
                    seen.extend_from_slice(bytes);
                }
                if server.write_all(bytes).is_err() {
                    return;
                }
            }
        })
    }

    fn start(
        to: SocketAddr,
        carry: impl Fn(TcpStream, TcpStream, &Mutex<Vec<u8>>) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let seen = Arc::<Mutex<Vec<u8>>>::default();
        let kept = Arc::clone(&seen);
        let carry = Arc::new(carry);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (carry, kept) = (Arc::clone(&carry), Arc::clone(&kept));
                std::thread::spawn(move || connect(client, to, |c, s| carry(c, s, &kept)));
            }
        });
        Self { address, seen }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has been sent so far, as text.
    ///
    /// # Panics
    /// When one of its threads has.
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().expect("no thread panics")).into_owned()
    }
}

/// Carries one connection until either side ends it.
fn connect(
    client: TcpStream,
    to: SocketAddr,
    carry: impl FnOnce(TcpStream, TcpStream),
) -> std::io::Result<()> {
    let server = TcpStream::connect(to)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut back, mut answers) = (client.try_clone()?, server.try_clone()?);
    let end = server.try_clone()?;
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    carry(client, server);
    end.shutdown(Shutdown::Both)
}

/// Passes requests on until the client ends. Bodies have a declared length: every client here says it.
fn requests(client: &mut TcpStream, server: &mut TcpStream, header: &[u8]) -> Option<()> {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let head = loop {
            if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
                break end;
            }
            bytes.extend_from_slice(read(client, &mut piece)?);
        };
        let length = length(bytes.get(..head)?)?;
        while bytes.len() < head + 4 + length {
            bytes.extend_from_slice(read(client, &mut piece)?);
        }
        let rest = bytes.split_off(head + 4 + length);
        let (head, body) = bytes.split_at(head);
        server.write_all(&[head, header, body].concat()).ok()?;
        bytes = rest;
    }
}

fn read<'a>(client: &mut TcpStream, piece: &'a mut [u8]) -> Option<&'a [u8]> {
    let count = client.read(piece).ok().filter(|&n| n > 0)?;
    piece.get(..count)
}

/// The length of the body, or nothing where it is not told in advance.
fn length(head: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(head).ok()?.to_ascii_lowercase();
    let value = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'))
    };
    if value("transfer-encoding").is_some() {
        return None;
    }
    value("content-length").map_or(Some(0), |v| v.trim().parse().ok())
}
