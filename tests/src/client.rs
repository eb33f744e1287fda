//! An HTTP/1.1 client that sends exactly the bytes a test gives it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

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

    /// Status line and headers, as they came.
    pub fn head(&self) -> &str {
        &self.head
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

/// Sends raw bytes on a new connection and gives what comes back: a whole response, or whatever
/// came until the connection ended or fell silent for the time. An answer that was cut, or none,
/// is no failure here.
pub fn attempt(address: SocketAddr, request: &[u8], silence: Duration) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Ok(mut stream) = TcpStream::connect(address) else {
        return bytes;
    };
    let _ = stream.set_read_timeout(Some(silence));
    if stream.write_all(request).is_err() {
        return bytes;
    }
    let mut piece = [0; 16 * 1024];
    while response(&bytes).is_none() {
        match stream.read(&mut piece) {
            Ok(n) if n > 0 => bytes.extend_from_slice(&piece[..n]),
            Ok(_) | Err(_) => break,
        }
    }
    bytes
}

/// The whole response in bytes, if there is one.
pub fn response(bytes: &[u8]) -> Option<Response> {
    parse(bytes, false).map(|(response, _)| response)
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

/// A connection that is used for more than one exchange: no byte of it is lost.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    /// As [`connect`].
    pub fn open(address: SocketAddr) -> Self {
        Self {
            stream: connect(address),
            bytes: Vec::new(),
        }
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// When they cannot be sent.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the bytes are sent");
    }

    /// The next whole response.
    ///
    /// # Panics
    /// When it does not come.
    pub fn response(&mut self) -> Response {
        loop {
            if let Some((response, used)) = parse(&self.bytes, false) {
                self.bytes.drain(..used);
                return response;
            }
            assert!(
                self.more(Duration::from_secs(10)),
                "no whole answer: {:?}",
                String::from_utf8_lossy(&self.bytes)
            );
        }
    }

    /// What has come within a time and was no whole response.
    ///
    /// # Panics
    /// When the connection fails in another way than by its end.
    pub fn rest(&mut self, time: Duration) -> String {
        let begin = Instant::now();
        while let Some(left) = time.checked_sub(begin.elapsed())
            && !left.is_zero()
            && self.more(left)
        {}
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Whether the other end closes within a time.
    pub fn ends_within(&mut self, time: Duration) -> bool {
        let begin = Instant::now();
        while let Some(left) = time.checked_sub(begin.elapsed())
            && !left.is_zero()
        {
            let _ = self.stream.set_read_timeout(Some(left));
            match self.stream.read(&mut [0; 1024]) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(e) if is_timeout(&e) => return false,
                Err(_) => return true,
            }
        }
        false
    }

    /// Reads what comes next; false where nothing does.
    fn more(&mut self, time: Duration) -> bool {
        let _ = self.stream.set_read_timeout(Some(time));
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece) {
            Ok(n) => {
                self.bytes.extend_from_slice(&piece[..n]);
                n > 0
            }
            Err(_) => false,
        }
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
    )
}

/// Reads one whole response.
///
/// # Panics
/// When it does not come.
pub fn read(stream: &mut TcpStream) -> Response {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        if let Some((response, _)) = parse(&bytes, false) {
            return response;
        }
        match stream.read(&mut piece) {
            Ok(0) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                return parse(&bytes, true)
                    .unwrap_or_else(|| panic!("no whole answer: {text:?}"))
                    .0;
            }
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
            Err(e) => panic!(
                "no whole answer ({e}): {:?}",
                String::from_utf8_lossy(&bytes)
            ),
        }
    }
}

/// A response and how many bytes it has.
pub(crate) fn parse(bytes: &[u8], closed: bool) -> Option<(Response, usize)> {
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
    let (body, used) = match length {
        Some(length) => (rest.get(..length)?.to_vec(), length),
        None if chunked => dechunk(rest)?,
        None if matches!(status, 204 | 304) => (Vec::new(), 0),
        None if closed => (rest.to_vec(), rest.len()),
        None => return None,
    };
    response.body = String::from_utf8_lossy(&body).into_owned();
    Some((response, split + 4 + used))
}

/// A chunked body (RFC 9112 §7.1), once its end is there, and how many bytes it took.
pub(crate) fn dechunk(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut rest = bytes;
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|w| w == b"\r\n")?;
        let size = std::str::from_utf8(rest.get(..line)?).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            // Trailers, if any, end in an empty line as well.
            let end = rest.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
            return Some((body, bytes.len() - rest.len() + end));
        }
        rest = rest.get(line + 2..)?;
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}
