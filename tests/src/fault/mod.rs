//! Faults under load: parts are killed, hang, or find a disk full while clients call. All
//! that clients, server and audit log saw is joined by correlation id afterwards.

mod check;
mod disk;
mod load;
mod process;
pub mod scenario;
mod server;
mod site;

pub use check::{Evidence, Excuse, Found};
pub use disk::Disk;
pub use load::{Kind, Load, Seen, Sight, Stream, Target};
pub use process::{children, is_alive, open_files, resident_kib};
pub use server::{serve, serve_stdio};
pub use site::{Mode, Site};

use std::time::{SystemTime, UNIX_EPOCH};

/// A value that may reach a client or a server only masked, and a log never.
pub const MAIL: &str = "canary.person@example.com";
/// The same, of requests.
pub const PASSWORD: &str = "C4nary-Secret-77";

/// Milliseconds since 1970: one clock for all processes.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
