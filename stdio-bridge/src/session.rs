//! A session of a client (revisions up to 2025-11-25).

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use mcp_zero_wire::revision::Revision;
use mcp_zero_wire::sse::encode::message;

use crate::bounds::Bounds;
use crate::caller::Caller;
use crate::link::Link;
use crate::reply::Refusal;
use crate::seats::Seat;
use crate::stream::{Events, LastUse, Stream};

/// Events that a session keeps for resuming.
const REPLAYED: usize = 256;

/// A session; its id is known to its caller only.
#[derive(Debug)]
pub(crate) struct Session {
    /// What the client sends in `Mcp-Session-Id`.
    pub(crate) id: Box<str>,
    /// Tells the sessions of one child apart.
    pub(crate) number: u64,
    /// Whose it is.
    pub(crate) caller: Caller,
    /// The child that serves it.
    pub(crate) link: Arc<Link>,
    /// The stream that belongs to no request.
    pub(crate) standalone: Arc<Stream>,
    pub(crate) used: Arc<LastUse>,
    pub(crate) born: Instant,
    revision: OnceLock<Revision>,
    replay: Mutex<Replay>,
    bounds: Arc<Bounds>,
    /// Held where the child is not this session's own.
    _seat: Option<Seat>,
}

#[derive(Debug, Default)]
struct Replay {
    events: VecDeque<Kept>,
    bytes: usize,
    /// Streams of requests that are not answered yet.
    live: HashMap<u32, Arc<Stream>>,
    streams: u32,
}

#[derive(Debug)]
struct Kept {
    stream: u32,
    sequence: u64,
    event: Bytes,
}

impl Session {
    /// A session with a new id.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(crate) fn new(
        number: u64,
        caller: Caller,
        link: Arc<Link>,
        seat: Option<Seat>,
        bounds: &Arc<Bounds>,
    ) -> Result<Arc<Self>, getrandom::Error> {
        let mut random = [0_u8; 24];
        getrandom::fill(&mut random)?;
        let mut id = String::with_capacity(48);
        for byte in random {
            // Writing to a string cannot fail.
            let _ = write!(id, "{byte:02x}");
        }
        Ok(Arc::new(Self {
            id: id.into(),
            number,
            caller,
            link,
            standalone: Arc::new(Stream::new(0, true, bounds.stream)),
            used: Arc::new(LastUse::new()),
            born: Instant::now(),
            revision: OnceLock::new(),
            replay: Mutex::default(),
            bounds: Arc::clone(bounds),
            _seat: seat,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Replay> {
        self.replay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The revision that client and server agreed on.
    pub(crate) fn agreed(&self, revision: Revision) {
        // The first answer to `initialize` is the only one.
        let _ = self.revision.set(revision);
    }

    /// True where nothing is open at it, and nothing was for a while.
    pub(crate) fn is_unused(&self) -> bool {
        self.used.ago() >= self.bounds.unused
            && !self.standalone.is_read()
            && !self.link.is_awaited(Some(self.number))
    }

    /// Opens the stream of one request; it begins with an id to resume from, where the
    /// revision has that (2025-11-25).
    pub(crate) fn open_stream(&self) -> (Arc<Stream>, Events) {
        let mut replay = self.lock();
        replay.streams += 1;
        let number = replay.streams;
        let stream = Arc::new(Stream::new(number, false, self.bounds.stream));
        replay.live.insert(number, Arc::clone(&stream));
        drop(replay);
        let events = stream.attach(None);
        if let Some(priming) = self.priming(number) {
            stream.push(priming, false);
        }
        (stream, events)
    }

    fn priming(&self, stream: u32) -> Option<Bytes> {
        let primed = self
            .revision
            .get()
            .is_some_and(|r| *r >= Revision::V20251125);
        primed.then(|| format!("id: {stream}-0\nretry: 1000\ndata: \n\n").into())
    }

    /// Sends a message on a stream, and keeps it so that it can be sent again.
    pub(crate) fn emit(&self, stream: &Stream, data: &[u8], last: bool) {
        self.used.touch();
        let sequence = stream.next_sequence();
        let message = message(data);
        let mut event = Vec::with_capacity(message.len() + 32);
        event.extend_from_slice(format!("id: {}-{sequence}\n", stream.number).as_bytes());
        event.extend_from_slice(&message);
        let event = Bytes::from(event);
        let mut replay = self.lock();
        replay.bytes += event.len();
        replay.events.push_back(Kept {
            stream: stream.number,
            sequence,
            event: event.clone(),
        });
        while replay.events.len() > REPLAYED
            || (replay.bytes > self.bounds.replay && replay.events.len() > 1)
        {
            if let Some(lost) = replay.events.pop_front() {
                replay.bytes -= lost.event.len();
            }
        }
        if last {
            replay.live.remove(&stream.number);
        }
        drop(replay);
        stream.push(event, last);
    }

    /// Reads the stream that belongs to no request; a reader that was there ends.
    pub(crate) fn listen(&self) -> Events {
        let events = self.standalone.attach(None);
        if let Some(priming) = self.priming(0) {
            self.standalone.push(priming, false);
        }
        self.with_beat(events)
    }

    fn with_beat(&self, events: Events) -> Events {
        events.with_beat(self.bounds.keepalive, Some(Arc::clone(&self.used)))
    }

    /// Reads a stream on from after an event.
    ///
    /// # Errors
    /// No event of this id was sent, or it is too long ago.
    pub(crate) fn resume(&self, last_event: &str) -> Result<Events, Refusal> {
        const UNKNOWN: Refusal = Refusal::Invalid("The stream cannot be resumed from this event");
        let (number, sequence) = last_event.split_once('-').ok_or(UNKNOWN)?;
        let number: u32 = number.parse().map_err(|_| UNKNOWN)?;
        let sequence: u64 = sequence.parse().map_err(|_| UNKNOWN)?;
        let replay = self.lock();
        let of_stream = || replay.events.iter().filter(|kept| kept.stream == number);
        let missed: Vec<Bytes> = of_stream()
            .filter(|kept| kept.sequence > sequence)
            .map(|kept| kept.event.clone())
            .collect();
        // What lies between is gone when the oldest that is left does not follow it.
        let whole = of_stream()
            .next()
            .is_none_or(|oldest| oldest.sequence <= sequence.saturating_add(1));
        if of_stream()
            .next_back()
            .is_some_and(|newest| newest.sequence < sequence)
        {
            return Err(UNKNOWN);
        }
        let stream = match replay.live.get(&number) {
            Some(stream) => Arc::clone(stream),
            None if number == 0 => Arc::clone(&self.standalone),
            None if whole && of_stream().next().is_some() => {
                let ended = Arc::new(Stream::new(number, false, self.bounds.stream));
                let events = ended.attach(Some(missed));
                ended.finish();
                return Ok(events);
            }
            None => return Err(UNKNOWN),
        };
        if !whole {
            return Err(UNKNOWN);
        }
        drop(replay);
        Ok(self.with_beat(stream.attach(Some(missed))))
    }
}
