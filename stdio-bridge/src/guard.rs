//! What happens to a request whose handling is dropped.

use std::sync::Arc;

use crate::link::Link;

/// Forgets a request when it is dropped before the request was sent.
#[derive(Debug)]
pub(crate) struct Unsent {
    link: Arc<Link>,
    number: Option<u64>,
}

impl Unsent {
    pub(crate) fn new(link: Arc<Link>, number: u64) -> Self {
        let number = Some(number);
        Self { link, number }
    }

    /// The request is on its way.
    pub(crate) fn sent(mut self) {
        self.number = None;
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.link.lock().take(number);
        }
    }
}

/// Gives a request up when it is dropped before the answer has come (2026-07-28).
#[derive(Debug)]
pub(crate) struct Abandon {
    link: Arc<Link>,
    number: u64,
}

impl Abandon {
    pub(crate) fn new(link: Arc<Link>, number: u64) -> Self {
        Self { link, number }
    }
}

impl Drop for Abandon {
    fn drop(&mut self) {
        self.link.abandon(self.number);
    }
}
