//! Verification keys of the issuers: discovery, fetching, keeping.
//!
//! Filters never call an identity provider; this is the only place that does,
//! and it does so at most once in thirty seconds for each issuer.

mod fetch;
pub(crate) mod jwk;
pub mod once;
mod schedule;
mod shelf;
pub(crate) mod store;

pub use fetch::{FetchError, Fetched, Fetcher};
pub use schedule::Schedule;
pub use shelf::Shelf;
pub use store::{KeyStore, Known, Looked, look_up};
