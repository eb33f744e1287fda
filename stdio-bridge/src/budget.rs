//! How many bytes of messages there may be between their senders and the children.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bounds::Bounds;
use crate::caller::Caller;
use crate::reply::Refusal;

/// Counts the bytes of messages that are being read or wait for a child to take them.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    callers: HashMap<Caller, usize>,
}

/// The bytes of one message; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    budget: Arc<Budget>,
    caller: Caller,
    bytes: usize,
}

impl Budget {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for a message of at most so many bytes.
    ///
    /// # Errors
    /// The caller, or everybody together, has as many under way as there may be.
    pub(crate) fn take(
        self: &Arc<Self>,
        caller: Caller,
        bytes: usize,
        bounds: &Bounds,
    ) -> Result<Hold, Refusal> {
        let mut held = self.lock();
        let own = held.callers.get(&caller).copied().unwrap_or(0);
        // The largest message that a policy can allow is never refused for itself.
        if own > 0 && own.saturating_add(bytes) > bounds.bytes_per_caller {
            return Err(Refusal::CallerFull);
        }
        if held.all > 0 && held.all.saturating_add(bytes) > bounds.bytes {
            return Err(Refusal::Full);
        }
        held.all += bytes;
        *held.callers.entry(caller).or_default() += bytes;
        drop(held);
        Ok(Hold {
            budget: Arc::clone(self),
            caller,
            bytes,
        })
    }
}

impl Hold {
    /// The message is read, and no longer than this.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        self.release(self.bytes.saturating_sub(bytes));
    }

    fn release(&mut self, bytes: usize) {
        let mut held = self.budget.lock();
        held.all = held.all.saturating_sub(bytes);
        if let Some(own) = held.callers.get_mut(&self.caller) {
            *own = own.saturating_sub(bytes);
            if *own == 0 {
                held.callers.remove(&self.caller);
            }
        }
        drop(held);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.release(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_and_everybody_have_their_bytes() {
        let bounds = Bounds {
            bytes_per_caller: 10,
            bytes: 15,
            ..Bounds::default()
        };
        let (alice, bob) = (
            Caller::parse(&[b'a'; 32]).unwrap(),
            Caller::parse(&[b'b'; 32]).unwrap(),
        );
        let budget = Arc::new(Budget::default());
        let mut first = budget.take(alice, 8, &bounds).unwrap();
        assert_eq!(
            budget.take(alice, 3, &bounds).unwrap_err(),
            Refusal::CallerFull
        );
        let second = budget.take(bob, 7, &bounds).unwrap();
        first.shrink(2);
        let third = budget.take(alice, 3, &bounds).unwrap();
        assert_eq!(
            budget.take(bob, 4, &bounds).unwrap_err(),
            Refusal::CallerFull
        );
        assert_eq!(budget.take(alice, 4, &bounds).unwrap_err(), Refusal::Full);
        drop((first, second, third));
        assert!(budget.lock().callers.is_empty() && budget.lock().all == 0);
        assert!(budget.take(alice, 99, &bounds).is_ok(), "alone");
    }
}
