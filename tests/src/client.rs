//! An HTTP/1.1 client that sends exactly the bytes a test gives it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A whole response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    head: String,
    /// The body without its framing.
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

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// Sends raw bytes on a new connection and reads one whole response.
///
/// # Panics
/// When nothing answers within ten seconds, or the answer is not HTTP/1.1.
pub fn exchange(address: SocketAddr, request: &[u8]) -> Response {
    let mut stream = connect(address);
    stream.write_all(request).expect("the request is sent");
    read(&mut stream)
}

/// A connection with a time limit for reading.
///
/// # Panics
/// When nobody listens.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the listener accepts");
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a socket takes a time-out");
    stream
}

/// Reads one whole response.
///
/// # Panics
/// When it does not come.
pub fn read(stream: &mut TcpStream) -> Response {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        if let Some(response) = parse(&bytes, false) {
            return response;
        }
        match stream.read(&mut piece) {
            Ok(0) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                return parse(&bytes, true).unwrap_or_else(|| panic!("no whole answer: {text:?}"));
            }
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
            Err(e) => panic!(
                "no whole answer ({e}): {:?}",
                String::from_utf8_lossy(&bytes)
            ),
        }
    }
}

pub(crate) fn parse(bytes: &[u8], closed: bool) -> Option<Response> {
    let split = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(bytes.get(..split)?).into_owned();
    let rest = bytes.get(split + 4..)?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut response = Response {
        status,
        head,
        body: String::new(),
    };
    let length = response
        .header("content-length")
        .and_then(|l| l.parse::<usize>().ok());
    let chunked = response.header("transfer-encoding") == Some("chunked");
    let body = match length {
        Some(length) => rest.get(..length)?.to_vec(),
        None if chunked => dechunk(rest)?,
        None if matches!(status, 204 | 304) => Vec::new(),
        None if closed => rest.to_vec(),
        None => return None,
    };
    response.body = String::from_utf8_lossy(&body).into_owned();
    Some(response)
}

/// A chunked body (RFC 9112 §7.1), once its last chunk is there.
pub(crate) fn dechunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|w| w == b"\r\n")?;
        let size = std::str::from_utf8(rest.get(..line)?).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        rest = rest.get(line + 2..)?;
        if size == 0 {
            return rest.windows(2).any(|w| w == b"\r\n").then_some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}
