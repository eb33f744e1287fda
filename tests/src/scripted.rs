//! An MCP server as a test wants it: it keeps every byte that reaches it, and answers with
//! the bytes that the test gives.

use crate::client::dechunk;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A request as it arrived.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// Request line and headers, as they came.
    pub head: String,
    /// The body without its framing.
    pub body: String,
    /// Which of the server's connections it came on, counted from zero.
    pub connection: usize,
}

impl Received {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// What is sent back: pieces, each written by itself. An empty piece is a pause of [`PAUSE`].
pub type Answer = Vec<Vec<u8>>;

/// How long a server waits where an answer has an empty piece.
pub const PAUSE: Duration = Duration::from_millis(50);

type Script = dyn Fn(&Received) -> Answer + Send + Sync;

/// The running server.
#[derive(Debug)]
pub struct Scripted {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Scripted {
    /// Starts on a free loopback port; its threads end with the test process.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start(script: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let script: Arc<Script> = Arc::new(script);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let (kept, script) = (Arc::clone(&kept), Arc::clone(&script));
                std::thread::spawn(move || converse(stream, number, &kept, &*script));
            }
        });
        Self { address, received }
    }

    /// A server that answers every request with one JSON message.
    pub fn json(body: impl Into<String>) -> Self {
        let body = body.into();
        Self::start(move |_| vec![ok("application/json", &body)])
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Everything that has reached it.
    ///
    /// # Panics
    /// When one of its threads has.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no thread panics").clone()
    }

    /// Waits until so many requests have reached it.
    ///
    /// # Panics
    /// When they do not within ten seconds.
    pub fn wait(&self, count: usize) -> Vec<Received> {
        let begin = Instant::now();
        while self.received().len() < count {
            assert!(
                begin.elapsed() < Duration::from_secs(10),
                "only {:?}",
                self.received()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        self.received()
    }
}

/// A 200 with a body of a type.
pub fn ok(media: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// A 200 with an event stream in pieces of a size, each a chunk.
pub fn events(text: &str, size: usize) -> Answer {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut answer = vec![head.as_bytes().to_vec()];
    for piece in text.as_bytes().chunks(size) {
        let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
        chunk.extend_from_slice(piece);
        chunk.extend_from_slice(b"\r\n");
        answer.push(chunk);
    }
    answer.push(b"0\r\n\r\n".to_vec());
    answer
}

fn converse(mut stream: TcpStream, number: usize, kept: &Mutex<Vec<Received>>, script: &Script) {
    // Pieces must leave one by one.
    let _ = stream.set_nodelay(true);
    let mut bytes = Vec::new();
    while let Some(mut request) = next(&mut stream, &mut bytes) {
        request.connection = number;
        if let Ok(mut kept) = kept.lock() {
            kept.push(request.clone());
        }
        for piece in script(&request) {
            if piece.is_empty() {
                std::thread::sleep(PAUSE);
            }
            if stream.write_all(&piece).is_err() {
                return;
            }
        }
    }
}

pub(crate) fn next(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Received> {
    let mut piece = [0; 16 * 1024];
    loop {
        if let Some((request, used)) = whole(bytes) {
            bytes.drain(..used);
            return Some(request);
        }
        match stream.read(&mut piece) {
            Ok(n) if n > 0 => bytes.extend_from_slice(piece.get(..n)?),
            Ok(_) | Err(_) => return None,
        }
    }
}

fn whole(bytes: &[u8]) -> Option<(Received, usize)> {
    let split = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let mut request = Received {
        head: String::from_utf8_lossy(bytes.get(..split)?).into_owned(),
        body: String::new(),
        connection: 0,
    };
    let rest = bytes.get(split + 4..)?;
    let (body, used) = match request.header("content-length") {
        Some(length) => {
            let length: usize = length.parse().ok()?;
            (rest.get(..length)?.to_vec(), length)
        }
        None if request.header("transfer-encoding") == Some("chunked") => dechunk(rest)?,
        None => (Vec::new(), 0),
    };
    request.body = String::from_utf8_lossy(&body).into_owned();
    Some((request, split + 4 + used))
}
