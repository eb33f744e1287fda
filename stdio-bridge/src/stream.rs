//! One event stream and its reader.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderName, Response};
use bytes::Bytes;
use http_body::Frame;
use tokio::sync::Notify;
use tokio::time::Sleep;

use crate::guard::Abandon;

/// Events that a stream keeps while nobody reads it.
const KEPT: usize = 64;

/// When something was last used.
#[derive(Debug)]
pub(crate) struct LastUse(AtomicU64);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl LastUse {
    /// Used now.
    pub(crate) fn new() -> Self {
        let used = Self(AtomicU64::new(0));
        used.touch();
        used
    }

    /// Used again.
    pub(crate) fn touch(&self) {
        let now = u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.store(now, Ordering::Relaxed);
    }

    /// How long ago that was.
    pub(crate) fn ago(&self) -> Duration {
        let then = Duration::from_millis(self.0.load(Ordering::Relaxed));
        START.elapsed().saturating_sub(then)
    }
}

/// A stream towards a client; it outlives its readers.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Its number in its session.
    pub(crate) number: u32,
    /// What comes while nobody reads is kept for the next reader.
    keeps: bool,
    limit: usize,
    inner: Mutex<Inner>,
    room: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<Bytes>,
    bytes: usize,
    /// The number of the reader there is now.
    reader: Option<u64>,
    readers: u64,
    finished: bool,
    sequence: u64,
    waker: Option<Waker>,
}

impl Inner {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn clear(&mut self) {
        self.queue.clear();
        self.bytes = 0;
    }

    fn put(&mut self, event: Bytes) {
        self.bytes += event.len();
        self.queue.push_back(event);
    }
}

impl Stream {
    pub(crate) fn new(number: u32, keeps: bool, limit: usize) -> Self {
        Self {
            number,
            keeps,
            limit,
            inner: Mutex::default(),
            room: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the next event.
    pub(crate) fn next_sequence(&self) -> u64 {
        let mut inner = self.lock();
        inner.sequence += 1;
        inner.sequence
    }

    /// Hands an event to the reader. Without one it is kept or left to the replay buffer.
    pub(crate) fn push(&self, event: Bytes, last: bool) {
        let mut inner = self.lock();
        if inner.finished {
            return;
        }
        if inner.reader.is_some() {
            inner.put(event);
        } else if self.keeps {
            inner.put(event);
            while inner.queue.len() > KEPT || (inner.bytes > self.limit && inner.queue.len() > 1) {
                if let Some(lost) = inner.queue.pop_front() {
                    inner.bytes -= lost.len();
                }
            }
        }
        inner.finished |= last;
        inner.wake();
    }

    /// Nothing more comes.
    pub(crate) fn finish(&self) {
        let mut inner = self.lock();
        inner.finished = true;
        inner.wake();
        drop(inner);
        self.room.notify_waiters();
    }

    /// True while somebody reads.
    pub(crate) fn is_read(&self) -> bool {
        self.lock().reader.is_some()
    }

    /// True when the reader is far behind.
    pub(crate) fn is_full(&self) -> bool {
        let inner = self.lock();
        inner.reader.is_some() && inner.bytes > self.limit
    }

    /// Waits until the reader has caught up or is gone; after `stall` the stream is cut.
    pub(crate) async fn wait_for_room(&self, stall: Duration) {
        let caught_up = async {
            loop {
                let room = self.room.notified();
                tokio::pin!(room);
                room.as_mut().enable();
                if !self.is_full() {
                    return;
                }
                room.await;
            }
        };
        if tokio::time::timeout(stall, caught_up).await.is_err() {
            self.cut();
        }
    }

    /// Ends the reader, not the stream: what it missed can be had by resuming.
    pub(crate) fn cut(&self) {
        let mut inner = self.lock();
        inner.reader = None;
        inner.clear();
        inner.wake();
        drop(inner);
        self.room.notify_waiters();
    }

    /// Makes a new reader; one that was there ends. With `replay` the reader begins with that
    /// instead of what was kept.
    pub(crate) fn attach(self: &Arc<Self>, replay: Option<Vec<Bytes>>) -> Events {
        let mut inner = self.lock();
        if replay.is_some() || inner.reader.is_some() {
            inner.clear();
        }
        for event in replay.into_iter().flatten() {
            inner.put(event);
        }
        inner.readers += 1;
        let reader = inner.readers;
        inner.reader = Some(reader);
        inner.wake();
        drop(inner);
        self.room.notify_waiters();
        Events {
            stream: Arc::clone(self),
            reader,
            beat: None,
            abandon: None,
        }
    }
}

/// The body of a response that reads a stream.
#[derive(Debug)]
pub(crate) struct Events {
    stream: Arc<Stream>,
    reader: u64,
    beat: Option<Beat>,
    /// What a client gives up by closing the stream (2026-07-28).
    abandon: Option<Abandon>,
}

#[derive(Debug)]
struct Beat {
    every: Duration,
    sleep: Pin<Box<Sleep>>,
    used: Option<Arc<LastUse>>,
}

impl Events {
    /// Writes a comment whenever nothing else was written for a while. As long as they are
    /// taken, `used` counts as used.
    pub(crate) fn with_beat(mut self, every: Duration, used: Option<Arc<LastUse>>) -> Self {
        self.beat = Some(Beat {
            every,
            sleep: Box::pin(tokio::time::sleep(every)),
            used,
        });
        self
    }

    /// Gives the request up when the client closes the stream.
    pub(crate) fn with_abandon(mut self, abandon: Abandon) -> Self {
        self.abandon = Some(abandon);
        self
    }

    /// The response.
    pub(crate) fn response(self) -> Response<Body> {
        let mut response = Response::new(Body::new(self));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(
            CACHE_CONTROL,
            HeaderValue::from_static("no-cache, no-transform"),
        );
        headers.insert(
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        );
        response
    }
}

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        let mut inner = this.stream.lock();
        if inner.reader != Some(this.reader) {
            return Poll::Ready(None);
        }
        if let Some(event) = inner.queue.pop_front() {
            inner.bytes -= event.len();
            drop(inner);
            this.stream.room.notify_waiters();
            if let Some(beat) = &mut this.beat {
                beat.again();
            }
            return Poll::Ready(Some(Ok(Frame::data(event))));
        }
        if inner.finished {
            return Poll::Ready(None);
        }
        inner.waker = Some(cx.waker().clone());
        drop(inner);
        if let Some(beat) = &mut this.beat
            && beat.sleep.as_mut().poll(cx).is_ready()
        {
            beat.again();
            let comment = Bytes::from_static(b": keepalive\n\n");
            return Poll::Ready(Some(Ok(Frame::data(comment))));
        }
        Poll::Pending
    }
}

impl Beat {
    fn again(&mut self) {
        self.sleep
            .as_mut()
            .reset(tokio::time::Instant::now() + self.every);
        if let Some(used) = &self.used {
            used.touch();
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let mut inner = self.stream.lock();
        if inner.reader == Some(self.reader) {
            inner.reader = None;
            if !self.stream.keeps {
                inner.clear();
            }
            drop(inner);
            self.stream.room.notify_waiters();
        }
    }
}
