//! An HTTP/1.1 client that sends exactly the bytes a test gives it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A whole response.
#[derive(Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    head: String,
    /// The body as it came, still chunked where the server chunked it.
    pub body: String,
}

impl Response {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Sends raw bytes on a new connection and reads until the peer closes or falls silent.
///
/// # Panics
/// When nothing answers within five seconds, or the answer is not HTTP/1.1.
pub fn exchange(address: SocketAddr, request: &[u8]) -> Response {
    let mut stream = TcpStream::connect(address).expect("the listener accepts");
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a socket takes a time-out");
    stream.write_all(request).expect("the request is sent");
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    while !complete(&bytes) {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
            Err(e) => panic!(
                "no whole answer ({e}): {:?}",
                String::from_utf8_lossy(&bytes)
            ),
        }
    }
    parse(&bytes)
}

fn complete(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    length.is_some_and(|length| body.len() >= length)
}

fn parse(bytes: &[u8]) -> Response {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").expect("an HTTP response");
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
    Response {
        status: status.expect("a status line"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}
