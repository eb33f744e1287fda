//! Clients that call without pause and write down what they saw.

use super::{MAIL, PASSWORD, now_ms};
use crate::client::parse;
use crate::{Response, request};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// No answer for so long is none at all.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An allowed call.
    Plain,
    /// A call that a rule denies.
    Denied,
    /// A call with a secret in its arguments and an address in its answer.
    Masked,
    /// A list that holds a forbidden item.
    List,
    /// A call that is answered by a stream.
    Events,
    /// A call that only one of the two policies allows.
    Flip,
    /// A call that the server never answers.
    Hang,
}

const MIX: [Kind; 6] = [
    Kind::Plain,
    Kind::Denied,
    Kind::Masked,
    Kind::List,
    Kind::Events,
    Kind::Flip,
];

impl Kind {
    /// The tool that is called.
    pub fn tool(self) -> Option<&'static str> {
        match self {
            Self::Plain => Some("get-plain"),
            Self::Denied => Some("get-secret"),
            Self::Masked => Some("get-mail"),
            Self::List => None,
            Self::Events => Some("get-events"),
            Self::Flip => Some("flip"),
            Self::Hang => Some("get-hang"),
        }
    }

    fn body(self) -> String {
        self.tool().map_or_else(
            || r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#.to_owned(),
            |tool| {
                format!(
                    r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"password":"{PASSWORD}"}}}}}}"#
                )
            },
        )
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// As the policy says: the server's answer.
    Allowed,
    /// As the policy says: a denial.
    Denied,
    /// An error in the gateway's own words.
    Failed(u16),
    /// No whole answer.
    Broken(String),
    /// An answer that may never be.
    Wrong(String),
}

/// One exchange as its client saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What it was.
    pub kind: Kind,
    /// From the answer's headers.
    pub id: Option<String>,
    /// HTTP status, 0 without an answer.
    pub status: u16,
    /// When it began, in milliseconds.
    pub begin: u64,
    /// When it ended.
    pub end: u64,
    /// How.
    pub sight: Sight,
}

/// Running clients.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    over: AtomicBool,
    good: AtomicUsize,
    failed: AtomicUsize,
    flips: AtomicU64,
    seen: Mutex<Vec<Seen>>,
}

impl Load {
    /// Starts clients with the usual mix.
    pub fn start(address: SocketAddr, token: &str, clients: usize) -> Self {
        Self::of(address, token, clients, &MIX)
    }

    /// Starts clients that ask for these kinds only.
    pub fn of(address: SocketAddr, token: &str, clients: usize, kinds: &[Kind]) -> Self {
        let shared = Arc::new(Shared::default());
        let clients = (0..clients)
            .map(|n| {
                let (shared, token, kinds) =
                    (Arc::clone(&shared), token.to_owned(), kinds.to_vec());
                std::thread::spawn(move || client(address, &token, &kinds, n, &shared))
            })
            .collect();
        Self { shared, clients }
    }

    /// How many were answered as the policy says.
    pub fn good(&self) -> usize {
        self.shared.good.load(Ordering::SeqCst)
    }

    /// How many were not.
    pub fn failed(&self) -> usize {
        self.shared.failed.load(Ordering::SeqCst)
    }

    /// Waits until so many more are answered well; how long that took.
    ///
    /// # Panics
    /// When they are not within the time.
    pub fn more(&self, count: usize, within: Duration) -> Duration {
        let begin = std::time::Instant::now();
        let goal = self.good() + count;
        while self.good() < goal {
            assert!(
                begin.elapsed() < within,
                "only {} of {count} in {within:?}; the last: {:?}",
                count + self.good() - goal,
                self.last()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        begin.elapsed()
    }

    fn last(&self) -> Vec<Seen> {
        let seen = self.shared.seen.lock().expect("no client panics");
        seen.iter().rev().take(3).cloned().collect()
    }

    /// Ends all clients; what they saw.
    ///
    /// # Panics
    /// When one of them has.
    pub fn end(self) -> Vec<Seen> {
        self.shared.over.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().expect("no client panics");
        }
        std::mem::take(&mut *self.shared.seen.lock().expect("no client panics"))
    }
}

fn client(address: SocketAddr, token: &str, kinds: &[Kind], offset: usize, shared: &Shared) {
    let mut connection: Option<TcpStream> = None;
    for &kind in kinds.iter().cycle().skip(offset) {
        if shared.over.load(Ordering::SeqCst) {
            return;
        }
        let begin = now_ms();
        let answered = call(&mut connection, address, token, kind);
        let mut seen = Seen {
            kind,
            id: None,
            status: 0,
            begin,
            end: now_ms(),
            sight: Sight::Broken(String::new()),
        };
        match answered {
            Ok(response) => {
                seen.id = response.header("x-correlation-id").map(str::to_owned);
                seen.status = response.status;
                seen.sight = judge(kind, &response);
            }
            Err(error) => {
                connection = None;
                seen.sight = Sight::Broken(error.to_string());
            }
        }
        match seen.sight {
            Sight::Allowed | Sight::Denied => {
                shared.good.fetch_add(1, Ordering::SeqCst);
                if kind == Kind::Flip {
                    shared.flips.fetch_add(1, Ordering::SeqCst);
                }
            }
            Sight::Failed(_) | Sight::Broken(_) | Sight::Wrong(_) => {
                shared.failed.fetch_add(1, Ordering::SeqCst);
                // Not a storm while nobody listens.
                std::thread::sleep(Duration::from_millis(25));
            }
        }
        if let Ok(mut all) = shared.seen.lock() {
            all.push(seen);
        }
    }
}

fn call(
    connection: &mut Option<TcpStream>,
    address: SocketAddr,
    token: &str,
    kind: Kind,
) -> io::Result<Response> {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("connection", "keep-alive"),
    ];
    let text = request("POST", "/mcp/s", &headers, &kind.body());
    let stream = match connection {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
            connection.insert(stream)
        }
    };
    stream.write_all(text.as_bytes())?;
    let response = read(stream)?;
    if response.header("connection") == Some("close") {
        *connection = None;
    }
    Ok(response)
}

fn read(stream: &mut TcpStream) -> io::Result<Response> {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        if let Some(response) = parse(&bytes, false) {
            return Ok(response);
        }
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => bytes.extend(piece.iter().take(n)),
        }
    }
}

fn judge(kind: Kind, response: &Response) -> Sight {
    let body = &response.body;
    let has = |text: &str| body.contains(text);
    if has(MAIL) || has(PASSWORD) {
        return Sight::Wrong(format!("a secret came through: {body}"));
    }
    if matches!(response.status, 502..=504) {
        return if has("\"error\"") && response.header("x-correlation-id").is_some() {
            Sight::Failed(response.status)
        } else {
            Sight::Wrong(format!("not our words: {response:?}"))
        };
    }
    let denied = response.status == 200 && has("Access denied");
    let allowed = response.status == 200
        && match kind {
            Kind::Plain => has("did get-plain"),
            Kind::Masked => has("<EMAIL_ADDRESS>"),
            Kind::List => has("get-plain") && !has("get-secret"),
            Kind::Events => body.matches("<EMAIL_ADDRESS>").count() == 2 && has("the end"),
            Kind::Flip => has("did flip"),
            Kind::Denied | Kind::Hang => false,
        };
    match (allowed, denied, kind) {
        (true, false, _) => Sight::Allowed,
        (false, true, Kind::Denied | Kind::Flip) => Sight::Denied,
        _ => Sight::Wrong(format!("{kind:?}: {} {body}", response.status)),
    }
}

/// A GET stream that stays open and counts its events.
#[derive(Debug)]
pub struct Stream {
    events: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    socket: TcpStream,
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Its record comes at its end.
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
    }
}

impl Stream {
    /// Opens one; closed when dropped.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn open(address: SocketAddr, token: &str) -> Self {
        let mut stream = crate::connect(address);
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("connection", "keep-alive"),
        ];
        let text = request("GET", "/mcp/s", &headers, "");
        stream
            .write_all(text.as_bytes())
            .expect("the request is sent");
        let this = Self {
            events: Arc::default(),
            ended: Arc::default(),
            socket: stream.try_clone().expect("the same socket"),
        };
        let (events, ended) = (Arc::clone(&this.events), Arc::clone(&this.ended));
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            let mut tail = String::new();
            while let Ok(n @ 1..) = stream.read(&mut piece) {
                tail.push_str(&String::from_utf8_lossy(piece.get(..n).unwrap_or_default()));
                events.fetch_add(tail.matches("\n\n").count(), Ordering::SeqCst);
                let rest = tail.rfind("\n\n").map_or(0, |at| at + 2);
                tail.drain(..rest);
            }
            ended.store(true, Ordering::SeqCst);
        });
        this
    }

    /// Events so far.
    pub fn events(&self) -> usize {
        self.events.load(Ordering::SeqCst)
    }

    /// Whether it was cut.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Waits for events that come from now on.
    ///
    /// # Panics
    /// When they do not, or the stream ends.
    pub fn more(&self, count: usize) {
        let goal = self.events() + count;
        crate::wait("an event on the open stream", || {
            assert!(!self.has_ended(), "the stream was cut");
            self.events() >= goal
        });
    }
}
