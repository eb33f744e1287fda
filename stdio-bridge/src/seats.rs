//! How many sessions and children there may be.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::bounds::Bounds;
use crate::caller::Caller;
use crate::reply::Refusal;

/// Counts what is taken.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    taken: Mutex<Taken>,
    /// One is free again.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    callers: HashMap<Caller, usize>,
}

/// One session or child; free again when it is dropped, which is when its process is gone.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    caller: Caller,
}

impl Seats {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True while any is taken.
    pub(crate) fn are_taken(&self) -> bool {
        self.lock().all > 0
    }

    /// A seat for a caller; what is everybody's counts among all only.
    ///
    /// # Errors
    /// The caller, or everybody together, has as many as there may be.
    pub(crate) fn take(self: &Arc<Self>, caller: Caller, bounds: &Bounds) -> Result<Seat, Refusal> {
        let mut taken = self.lock();
        if taken.all >= bounds.seats {
            return Err(Refusal::Full);
        }
        let own = taken.callers.entry(caller).or_default();
        if caller != Caller::EVERYBODY && *own >= bounds.seats_per_caller {
            return Err(Refusal::CallerFull);
        }
        *own += 1;
        taken.all += 1;
        Ok(Seat {
            seats: Arc::clone(self),
            caller,
        })
    }

    /// As [`Seats::take`], where one is about to be free: for as long as the end of its process
    /// may take.
    ///
    /// # Errors
    /// As [`Seats::take`].
    pub(crate) async fn take_soon(
        self: &Arc<Self>,
        caller: Caller,
        bounds: &Bounds,
    ) -> Result<Seat, Refusal> {
        let taken = async {
            loop {
                let freed = self.freed.notified();
                tokio::pin!(freed);
                // From here on no notice is missed.
                freed.as_mut().enable();
                if let Ok(seat) = self.take(caller, bounds) {
                    return seat;
                }
                freed.await;
            }
        };
        let limit = bounds.grace + bounds.kill + Duration::from_secs(1);
        match tokio::time::timeout(limit, taken).await {
            Ok(seat) => Ok(seat),
            Err(_) => self.take(caller, bounds),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        taken.all = taken.all.saturating_sub(1);
        if let Some(own) = taken.callers.get_mut(&self.caller) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.callers.remove(&self.caller);
            }
        }
        drop(taken);
        self.seats.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_and_everybody_have_their_limits() {
        let bounds = Bounds {
            seats_per_caller: 2,
            seats: 3,
            ..Bounds::default()
        };
        let (alice, bob) = (
            Caller::parse(&[b'a'; 32]).unwrap(),
            Caller::parse(&[b'b'; 32]).unwrap(),
        );
        let seats = Arc::new(Seats::default());
        let first = seats.take(alice, &bounds).unwrap();
        let _second = seats.take(alice, &bounds).unwrap();
        assert_eq!(seats.take(alice, &bounds).unwrap_err(), Refusal::CallerFull);
        let _third = seats.take(bob, &bounds).unwrap();
        assert_eq!(seats.take(bob, &bounds).unwrap_err(), Refusal::Full);
        drop(first);
        let _again = seats.take(Caller::EVERYBODY, &bounds).unwrap();
        assert_eq!(seats.take(bob, &bounds).unwrap_err(), Refusal::Full);
    }
}
