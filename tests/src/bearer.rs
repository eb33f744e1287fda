//! What adds a token for clients that cannot be told to send one.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

/// A listener that passes every byte on, with one `Authorization` header more in each request.
#[derive(Debug)]
pub struct Bearer {
    address: SocketAddr,
}

impl Bearer {
    /// Starts on a free loopback port; its threads end with the test process.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start(gateway: SocketAddr, token: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let header = format!("\r\nauthorization: Bearer {token}");
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let header = header.clone();
                std::thread::spawn(move || forward(client, gateway, header.as_bytes()));
            }
        });
        Self { address }
    }

    /// The URL of a server behind the gateway.
    pub fn url(&self, server: &str) -> String {
        format!("http://localhost:{}/mcp/{server}", self.address.port())
    }
}

/// Carries one connection until either side ends it.
fn forward(mut client: TcpStream, gateway: SocketAddr, header: &[u8]) -> Option<()> {
    let mut server = TcpStream::connect(gateway).ok()?;
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut back, mut answers) = (client.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let _ = requests(&mut client, &mut server, header);
    let _ = server.shutdown(Shutdown::Both);
    Some(())
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
            read(client, &mut piece, &mut bytes)?;
        };
        let length = length(bytes.get(..head)?)?;
        while bytes.len() < head + 4 + length {
            read(client, &mut piece, &mut bytes)?;
        }
        let rest = bytes.split_off(head + 4 + length);
        server.write_all(bytes.get(..head)?).ok()?;
        server.write_all(header).ok()?;
        server.write_all(bytes.get(head..)?).ok()?;
        bytes = rest;
    }
}

fn read(client: &mut TcpStream, piece: &mut [u8], bytes: &mut Vec<u8>) -> Option<()> {
    let count = client.read(piece).ok().filter(|&n| n > 0)?;
    bytes.extend_from_slice(piece.get(..count)?);
    Some(())
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
