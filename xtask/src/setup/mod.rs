//! Gets what a fresh machine with Rust, Python 3 and a C compiler lacks.

mod cache;
mod chromium;
mod clients;
mod debian;
mod envoy;
mod node;
mod standard_library;
mod wheel;

use crate::failure::Result;
use std::path::PathBuf;

pub(crate) use clients::{Clients, peers};

/// Where the parts for the build are.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The Envoy program.
    pub(crate) envoy: PathBuf,
    /// The folder with wasi libc's archives.
    pub(crate) wasi_libc: PathBuf,
    /// The folder `library` of the source, where the sysroot has no standard library source.
    pub(crate) standard_library: Option<PathBuf>,
}

/// Fetches whatever is missing.
pub(crate) fn all() -> Result<(Parts, Clients)> {
    Ok((parts()?, clients::get()?))
}

/// Fetches what the build lacks; the tests need more.
pub(crate) fn parts() -> Result<Parts> {
    let _only_one = cache::lock()?;
    Ok(Parts {
        envoy: envoy::get()?,
        wasi_libc: debian::wasi_libc()?,
        standard_library: standard_library::get()?,
    })
}
