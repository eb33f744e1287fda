//! Written policies to diagnostics and snapshots.
