//! What all streams of one worker share. A VM lives through many configurations, each with
//! a root context of its own; statics outlive them all.

use super::envoy::{info, warn};
use super::signature::HostSignatures;
use super::{envoy, ffi};
use mcp_zero_gate::{GatewayKey, Loaded, Mark, World};
use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher as _, RandomState};
use std::rc::Rc;

thread_local! {
    static WORKER: Rc<Worker> = Rc::new(Worker::default());
}

/// The worker of this VM.
pub(super) fn this() -> Rc<Worker> {
    WORKER.with(Rc::clone)
}

/// The variable of the gateway key.
const KEY: &str = "MCP_GATEWAY_KEY";

/// Time for Envoy to write what a callback left, in milliseconds.
const FLUSH_MS: u32 = 10;

pub(super) struct Worker {
    pub(super) world: RefCell<World>,
    /// Names this life of the worker in its records.
    name: String,
    /// From Envoy's environment; without it no snapshot is taken.
    key: Option<GatewayKey>,
    sequence: Cell<u64>,
    open: Cell<u64>,
    /// Streams that are cut at the next tick.
    cuts: RefCell<Vec<u32>>,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            world: RefCell::new(World::with_signatures(HostSignatures)),
            // The keys of a new hash state are random: two lives of a worker differ.
            name: format!("{:016x}", RandomState::new().hash_one(0)),
            key: std::env::var(KEY)
                .ok()
                .and_then(|text| GatewayKey::parse(&text).ok()),
            sequence: Cell::new(0),
            open: Cell::new(0),
            cuts: RefCell::default(),
        }
    }
}

impl Worker {
    /// Reads a snapshot and makes it live, or tells why not; the one before stays then. No
    /// configuration at all is no snapshot: everything is refused.
    ///
    /// The answer depends on the bytes alone, never on what was live before. Envoy asks the
    /// VM of its main thread first and refuses the update there; where that VM agrees and a
    /// worker's does not, Envoy passes the worker's requests without this filter.
    pub(super) fn configure(&self, configuration: &[u8]) -> Result<Option<Loaded>, ()> {
        if configuration.is_empty() {
            self.current(None);
            return Ok(None);
        }
        match Loaded::read(configuration, self.key.as_ref()) {
            Ok(loaded) => {
                self.current(Some(&loaded));
                Ok(Some(loaded))
            }
            Err(e) => {
                warn(&format!("the snapshot is refused: {e}"));
                Err(())
            }
        }
    }

    /// Makes a snapshot live that was read, or none. Envoy does not configure a plugin anew
    /// while streams under the same configuration are open; but a stream that begins under
    /// it says that it is the current one.
    pub(super) fn current(&self, loaded: Option<&Loaded>) {
        // No callback runs inside another, so the world is free.
        let Ok(mut world) = self.world.try_borrow_mut() else {
            warn("the worker's state is in use");
            return;
        };
        let before = world.version().map(str::to_owned);
        match loaded {
            Some(loaded) => world.adopt(loaded),
            None => world.clear(),
        }
        if world.version() != before.as_deref() {
            match world.version() {
                Some(version) => info(&format!("policy {version} is live")),
                None => warn("no policy is live: everything is refused"),
            }
        }
    }

    /// An exchange has begun.
    pub(super) fn began(&self) {
        self.open.set(self.open.get().saturating_add(1));
    }

    /// An exchange has ended, with a record or without one.
    pub(super) fn ended(&self) {
        self.open.set(self.open.get().saturating_sub(1));
    }

    /// The place of the next record. Envoy writes the records of a worker in the order in
    /// which they are made.
    pub(super) fn mark(&self) -> Mark<'_> {
        let next = self.sequence.get().wrapping_add(1);
        self.sequence.set(next);
        Mark {
            worker: &self.name,
            sequence: next,
            open: self.open.get(),
        }
    }

    /// Has a stream cut at the next tick.
    pub(super) fn cut_soon(&self, stream: u32) -> Result<(), crate::host::HostError> {
        ffi::set_tick_period(FLUSH_MS)?;
        self.cuts.borrow_mut().push(stream);
        Ok(())
    }

    pub(super) fn cut_all(&self) {
        let streams = self.cuts.take();
        // Before another context is chosen: the timer belongs to this one.
        if let Err(e) = ffi::set_tick_period(0) {
            warn(&e.to_string());
        }
        for stream in streams {
            // A stream that has ended in the meantime is no longer known.
            if ffi::set_effective_context(stream).is_ok()
                && let Err(e) = envoy::cut()
            {
                warn(&e.to_string());
            }
        }
    }
}
