//! Keys asked for once, for a snapshot that no control plane renews.

use std::path::Path;
use std::time::Duration;

use mcp_zero_compile::IssuerPlan;
use mcp_zero_proto::Keys;

use super::store::{Found, Looked, keys_in};
use super::{Fetcher, KeyStore, look_up};

/// The largest file of keys.
const LARGEST: u64 = 1 << 20;

/// The keys of all issuers, asked now.
///
/// # Errors
/// A line for each issuer whose keys cannot be had.
pub async fn fetch(issuers: &[IssuerPlan]) -> Result<Keys, Vec<String>> {
    let fetcher = Fetcher::new().map_err(|e| vec![e.to_string()])?;
    let mut store = KeyStore::default();
    store.plan(issuers, Duration::ZERO);
    let mut problems = Vec::new();
    for plan in store.due(Duration::ZERO) {
        let issuer = plan.issuer.clone();
        let looked = look_up(fetcher.clone(), plan).await;
        if let Some(reason) = looked.problem() {
            problems.push(format!("{issuer}: no keys: {reason}"));
        }
        store.take(Duration::ZERO, looked);
    }
    if problems.is_empty() {
        Ok(store.keys())
    } else {
        Err(problems)
    }
}

/// The keys of the one issuer, from a file that holds its key set (RFC 7517 §5).
///
/// # Errors
/// The policy has no issuer or several, or the file holds no usable key.
pub fn from_file(issuers: &[IssuerPlan], file: &Path) -> Result<Keys, String> {
    let name = file.display();
    let [plan] = issuers else {
        return Err(format!(
            "--keys {name}: a file holds the keys of one issuer, and the policy has {}; use `--keys fetch`",
            issuers.len()
        ));
    };
    let size = std::fs::metadata(file)
        .map_err(|e| format!("{name}: {e}"))?
        .len();
    if size > LARGEST {
        return Err(format!("{name}: larger than 1 MiB"));
    }
    let body = std::fs::read(file).map_err(|e| format!("{name}: {e}"))?;
    let uri = name.to_string();
    let keys = keys_in(&body, plan, &uri)?;
    let mut store = KeyStore::default();
    store.plan(issuers, Duration::ZERO);
    let fresh = None;
    store.take(
        Duration::ZERO,
        Looked::new(plan, Ok(Found { uri, keys, fresh })),
    );
    Ok(store.keys())
}
