//! What goes to a child's standard input, in order and whole.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf as _, Bytes};
use tokio::net::unix::pipe;
use tokio::sync::Notify;

/// The child takes nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server has ended")]
pub(crate) struct Closed;

/// Lines on their way to a child. A line is written at once where the pipe has room; what does
/// not fit is written by [`Outbox::drain`], so that a sender that goes away leaves no half line.
#[derive(Debug)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
    limit: usize,
    /// Something is queued, or all is over.
    work: Notify,
    /// The queue is below its limit again.
    room: Notify,
}

#[derive(Debug)]
struct Inner {
    /// Absent once closed.
    pipe: Option<Arc<pipe::Sender>>,
    queue: VecDeque<Bytes>,
    queued: usize,
}

impl Outbox {
    pub(crate) fn new(pipe: pipe::Sender, limit: usize) -> Self {
        Self {
            inner: Mutex::new(Inner {
                pipe: Some(Arc::new(pipe)),
                queue: VecDeque::new(),
                queued: 0,
            }),
            limit,
            work: Notify::new(),
            room: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a line; waits while too much is queued before it.
    ///
    /// # Errors
    /// The child takes nothing any more.
    pub(crate) async fn send(&self, line: Bytes) -> Result<(), Closed> {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            // From here on no notice is missed.
            room.as_mut().enable();
            if self.lock().queued <= self.limit {
                return self.push(line);
            }
            room.await;
        }
    }

    /// Sends a line whatever is queued; for the few short ones that nobody can wait for.
    ///
    /// # Errors
    /// The child takes nothing any more.
    pub(crate) fn push(&self, mut line: Bytes) -> Result<(), Closed> {
        let mut inner = self.lock();
        let Some(pipe) = &inner.pipe else {
            return Err(Closed);
        };
        if inner.queue.is_empty() && write(pipe, &mut line).is_err() {
            drop(inner);
            self.close();
            return Err(Closed);
        }
        if !line.is_empty() {
            inner.queued += line.len();
            inner.queue.push_back(line);
            self.work.notify_one();
        }
        Ok(())
    }

    /// Writes what is queued, until the outbox is closed.
    pub(crate) async fn drain(&self) {
        loop {
            let work = self.work.notified();
            tokio::pin!(work);
            work.as_mut().enable();
            let (pipe, idle) = {
                let inner = self.lock();
                match &inner.pipe {
                    Some(pipe) => (Arc::clone(pipe), inner.queue.is_empty()),
                    None => return,
                }
            };
            if idle {
                drop(pipe);
                work.await;
                continue;
            }
            tokio::select! {
                writable = pipe.writable() => {
                    if writable.is_err() || self.write_queued(&pipe).is_err() {
                        self.close();
                    }
                }
                () = work => {}
            }
        }
    }

    fn write_queued(&self, pipe: &pipe::Sender) -> io::Result<()> {
        let mut inner = self.lock();
        while let Some(front) = inner.queue.front_mut() {
            let before = front.len();
            write(pipe, front)?;
            let (left, written) = (front.len(), before - front.len());
            inner.queued -= written;
            if left > 0 {
                break;
            }
            inner.queue.pop_front();
        }
        if inner.queued <= self.limit {
            self.room.notify_waiters();
        }
        Ok(())
    }

    /// Closes the child's standard input; what is queued is gone.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.pipe = None;
        inner.queue.clear();
        inner.queued = 0;
        self.work.notify_one();
        self.room.notify_waiters();
    }
}

/// Writes as much as there is room for now.
fn write(pipe: &pipe::Sender, line: &mut Bytes) -> io::Result<()> {
    while !line.is_empty() {
        match pipe.try_write(line) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => line.advance(written),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
