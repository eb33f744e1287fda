//! What may stand before a gateway and changes where its OAuth metadata is found.

use crate::scripted::next;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};

/// How a client gets to the metadata of a resource (RFC 9728).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// As our gateway does it: the challenge names its URL.
    Announced,
    /// The challenge names nothing; the document lies below the well-known path.
    Unannounced,
    /// The challenge names nothing, and there is only the document of the whole host.
    RootOnly,
}

/// A listener before a gateway that may start later; its threads end with the test process.
#[derive(Debug)]
pub struct Front {
    address: SocketAddr,
    gateway: Arc<OnceLock<SocketAddr>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Front {
    /// Listens on a free loopback port.
    ///
    /// # Panics
    /// When none is free.
    pub fn listen(layout: Layout) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let front = Self {
            address: listener
                .local_addr()
                .expect("a bound socket has an address"),
            gateway: Arc::default(),
            seen: Arc::default(),
        };
        let (gateway, seen) = (Arc::clone(&front.gateway), Arc::clone(&front.seen));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (gateway, seen) = (Arc::clone(&gateway), Arc::clone(&seen));
                std::thread::spawn(move || carry(client, *gateway.get()?, layout, &seen).ok());
            }
        });
        front
    }

    /// Its URL without a path.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    /// Says which gateway it stands before.
    pub fn stand_before(&self, gateway: SocketAddr) {
        let _ = self.gateway.set(gateway);
    }

    /// Method, path and status of each exchange so far, and `Bearer` where it had a token.
    ///
    /// # Panics
    /// When one of its threads has.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no thread panics").clone()
    }
}

/// One exchange: the connection ends with it.
fn carry(
    mut client: TcpStream,
    gateway: SocketAddr,
    layout: Layout,
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let Some(request) = next(&mut client, &mut bytes) else {
        return Ok(());
    };
    let mut words = request.head.split(' ');
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let hidden = layout == Layout::RootOnly && path.ends_with("/oauth-protected-resource/mcp/s");
    let mut server = TcpStream::connect(gateway)?;
    let head = if hidden {
        "HTTP/1.1 404 Not Found\r\ncontent-length: 0".to_owned()
    } else {
        let text = format!(
            "{}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{}",
            without(
                &request.head,
                &["connection", "transfer-encoding", "content-length"]
            ),
            request.body.len(),
            request.body
        );
        server.write_all(text.as_bytes())?;
        bytes.clear();
        head_of(&mut server, &mut bytes)?
    };
    let status = head.split(' ').nth(1).unwrap_or_default();
    let token = match request.header("authorization") {
        Some(_) => " Bearer",
        None => "",
    };
    if let Ok(mut seen) = seen.lock() {
        seen.push(format!("{method} {path} {status}{token}"));
    }
    let mut answer = without(&head, &["connection"]);
    if layout != Layout::Announced {
        answer = unannounced(&answer);
    }
    client.write_all(format!("{answer}\r\nconnection: close\r\n\r\n").as_bytes())?;
    if !hidden {
        client.write_all(&bytes)?;
        std::io::copy(&mut server, &mut client)?;
    }
    client.shutdown(Shutdown::Both)
}

/// Reads a head; what came behind it stays in `bytes`.
fn head_of(server: &mut TcpStream, bytes: &mut Vec<u8>) -> std::io::Result<String> {
    let mut piece = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            bytes.truncate(end);
            let head = String::from_utf8_lossy(bytes).into_owned();
            *bytes = rest;
            return Ok(head);
        }
        match server.read(&mut piece)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => bytes.extend_from_slice(piece.get(..n).unwrap_or_default()),
        }
    }
}

/// A head without some headers.
fn without(head: &str, names: &[&str]) -> String {
    let stays = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        !names.iter().any(|n| n.eq_ignore_ascii_case(name))
    };
    head.lines().filter(stays).collect::<Vec<_>>().join("\r\n")
}

/// A head whose challenge names no document.
fn unannounced(head: &str) -> String {
    let Some(begin) = head.find("resource_metadata=\"") else {
        return head.to_owned();
    };
    let (before, rest) = head.split_at(begin);
    let value = rest.splitn(3, '"').nth(2).unwrap_or_default();
    format!("{}{value}", before.trim_end_matches(", "))
}
