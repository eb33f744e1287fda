//! Which keys a reading knew of and found: for the test that holds the reference complete.

use super::fields::Key;
use crate::node::Entry;
use std::cell::RefCell;

/// One key that a section may have.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) what: &'static str,
    pub(crate) key: &'static str,
    pub(crate) built: bool,
    pub(crate) there: bool,
}

thread_local! {
    static SEEN: RefCell<Vec<Seen>> = const { RefCell::new(Vec::new()) };
}

/// Everything that was seen while `reading`.
pub(crate) fn during<T>(reading: impl FnOnce() -> T) -> (T, Vec<Seen>) {
    SEEN.take();
    (reading(), SEEN.take())
}

pub(super) fn note(what: &'static str, keys: &[Key], entries: &[Entry]) {
    SEEN.with_borrow_mut(|seen| {
        for key in keys {
            let built = match key {
                Key::Built(_) => true,
                Key::Later(_) => false,
                // Told of elsewhere, if at all.
                Key::Known(_) => continue,
            };
            seen.push(Seen {
                what,
                key: key.name(),
                built,
                there: entries.iter().any(|entry| entry.key == key.name()),
            });
        }
    });
}
