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

    fn body(self, number: u64) -> String {
        self.tool().map_or_else(
            || format!(r#"{{"jsonrpc":"2.0","id":{number},"method":"tools/list"}}"#),
            |tool| {
                format!(
                    r#"{{"jsonrpc":"2.0","id":{number},"method":"tools/call","params":{{"name":"{tool}","arguments":{{"n":{number},"password":"{PASSWORD}"}}}}}}"#
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
    /// The id of its message, which no other has.
    pub number: u64,
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

/// Whom clients call.
#[derive(Debug, Clone)]
pub struct Target {
    /// The gateway.
    pub address: SocketAddr,
    /// Their token.
    pub token: String,
    /// The server.
    pub server: &'static str,
    /// It wants a session.
    pub sessions: bool,
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
    seen: Mutex<Vec<Seen>>,
}

impl Load {
    /// Starts clients with the usual mix.
    pub fn start(target: &Target, clients: usize) -> Self {
        Self::of(target, clients, &MIX)
    }

    /// Starts clients that ask for these kinds only.
    pub fn of(target: &Target, clients: usize, kinds: &[Kind]) -> Self {
        let shared = Arc::new(Shared::default());
        let clients = (0..clients)
            .map(|n| {
                let (shared, kinds) = (Arc::clone(&shared), kinds.to_vec());
                let mut caller = Caller {
                    target: target.clone(),
                    connection: None,
                    session: None,
                };
                std::thread::spawn(move || caller.run(&kinds, n, &shared))
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

/// Numbers all messages of this process.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// One client with its connection.
struct Caller {
    target: Target,
    connection: Option<TcpStream>,
    session: Option<String>,
}

impl Caller {
    fn run(&mut self, kinds: &[Kind], offset: usize, shared: &Shared) {
        for &kind in kinds.iter().cycle().skip(offset) {
            if shared.over.load(Ordering::SeqCst) {
                return;
            }
            let seen = self.see(kind);
            match seen.sight {
                Sight::Allowed | Sight::Denied => {
                    shared.good.fetch_add(1, Ordering::SeqCst);
                }
                Sight::Failed(_) | Sight::Broken(_) | Sight::Wrong(_) => {
                    self.session = None;
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

    fn see(&mut self, kind: Kind) -> Seen {
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let begin = now_ms();
        let answered = self
            .begin_session()
            .and_then(|()| self.post(&kind.body(number)));
        let mut seen = Seen {
            kind,
            number,
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
                seen.sight = judge(kind, self.target.sessions, &response);
            }
            Err(error) => {
                self.connection = None;
                seen.sight = Sight::Broken(error.to_string());
            }
        }
        seen
    }

    /// Where the server wants a session and there is none.
    fn begin_session(&mut self) -> io::Result<()> {
        if !self.target.sessions || self.session.is_some() {
            return Ok(());
        }
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let begun = self.post(&format!(
            r#"{{"jsonrpc":"2.0","id":{number},"method":"initialize","params":{{"protocolVersion":"2025-06-18","capabilities":{{}},"clientInfo":{{"name":"load","version":"1"}}}}}}"#
        ))?;
        let session = begun.header("mcp-session-id").map(str::to_owned);
        self.session = Some(session.ok_or(io::ErrorKind::ConnectionRefused)?);
        self.post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)?;
        Ok(())
    }

    fn post(&mut self, body: &str) -> io::Result<Response> {
        let bearer = format!("Bearer {}", self.target.token);
        let mut headers = vec![
            ("authorization", bearer.as_str()),
            ("connection", "keep-alive"),
        ];
        if let Some(session) = &self.session {
            headers.push(("mcp-session-id", session));
            headers.push(("mcp-protocol-version", "2025-06-18"));
        }
        let path = format!("/mcp/{}", self.target.server);
        let text = request("POST", &path, &headers, body);
        let stream = match &mut self.connection {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect_timeout(&self.target.address, PATIENCE)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_nodelay(true)?;
                none.insert(stream)
            }
        };
        stream.write_all(text.as_bytes())?;
        let response = read(stream)?;
        if response.header("connection") == Some("close") {
            self.connection = None;
        }
        Ok(response)
    }
}

fn read(stream: &mut TcpStream) -> io::Result<Response> {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        if let Some((response, _)) = parse(&bytes, false) {
            return Ok(response);
        }
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => bytes.extend(piece.iter().take(n)),
        }
    }
}

fn judge(kind: Kind, sessions: bool, response: &Response) -> Sight {
    let body = &response.body;
    let has = |text: &str| body.contains(text);
    if has(MAIL) || has(PASSWORD) {
        return Sight::Wrong(format!("a secret came through: {body}"));
    }
    // A session is gone with the process that held it, and its last call with it.
    let gone = sessions && (response.status == 404 || response.status == 200 && has("\"error\""));
    if matches!(response.status, 502..=504) || gone {
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
