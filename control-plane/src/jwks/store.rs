//! The keys of all issuers: fetched, kept while an issuer is away, passed on.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mcp_zero_compile::IssuerPlan;
use mcp_zero_identity::{Algorithm, jwks};
use mcp_zero_proto as proto;

use super::{Fetcher, Schedule};

/// What is known of one issuer.
#[derive(Debug, Default)]
struct Held {
    keys: Vec<proto::Key>,
    /// Unix seconds.
    fetched_at: u64,
    schedule: Schedule,
    asking: bool,
}

/// Identifies what was asked: a changed plan begins anew.
type Source = (String, Option<String>);

/// The result of one look-up.
#[derive(Debug)]
pub struct Looked {
    source: Source,
    keys: Result<Vec<proto::Key>, String>,
}

impl Looked {
    /// What was found for an issuer.
    pub(super) fn new(plan: &IssuerPlan, keys: Result<Vec<proto::Key>, String>) -> Self {
        Self {
            source: source(plan),
            keys,
        }
    }

    /// Why there are no keys.
    pub(super) fn problem(&self) -> Option<&str> {
        self.keys.as_ref().err().map(String::as_str)
    }
}

/// The keys of the live policy's issuers.
#[derive(Debug, Default)]
pub struct KeyStore {
    plans: Vec<IssuerPlan>,
    held: BTreeMap<Source, Held>,
}

impl KeyStore {
    /// Takes the issuers of a new policy; keys of those that stay are kept.
    pub fn plan(&mut self, plans: &[IssuerPlan]) {
        self.plans = plans.to_vec();
        let wanted: Vec<Source> = plans.iter().map(source).collect();
        self.held.retain(|source, _| wanted.contains(source));
        for source in wanted {
            self.held.entry(source).or_default();
        }
    }

    /// Issuers that are to be asked at `now` (since the start of the process).
    pub fn due(&mut self, now: Duration) -> Vec<IssuerPlan> {
        let mut due = Vec::new();
        for plan in &self.plans {
            let fresh = Duration::from_secs(u64::from(plan.jwks_cache_seconds));
            if let Some(held) = self.held.get_mut(&source(plan))
                && !held.asking
                && held.schedule.wait(now, fresh).is_zero()
            {
                held.asking = true;
                due.push(plan.clone());
            }
        }
        due
    }

    /// Takes a look-up in. True where what filters need has changed.
    pub fn take(&mut self, now: Duration, looked: Looked) -> bool {
        let Some(held) = self.held.get_mut(&looked.source) else {
            // Of a policy that is gone.
            return false;
        };
        held.asking = false;
        held.schedule.asked(now, looked.keys.is_ok());
        match looked.keys {
            Ok(keys) => {
                held.keys = keys;
                held.fetched_at = unix_now();
                true
            }
            Err(reason) => {
                let (issuer, _) = &looked.source;
                tracing::warn!(issuer, reason, kept = held.keys.len(), "keys not fetched");
                false
            }
        }
    }

    /// Whether every issuer was asked at least once.
    pub fn all_asked(&self) -> bool {
        self.held.values().all(|held| held.schedule.was_asked())
    }

    /// The keys as filters get them.
    pub fn keys(&self) -> proto::Keys {
        let sets = self.plans.iter().filter_map(|plan| {
            let held = self.held.get(&source(plan))?;
            (!held.keys.is_empty()).then(|| proto::KeySet {
                issuer: plan.issuer.clone(),
                use_until: held.fetched_at + u64::from(plan.jwks_stale_seconds),
                keys: held.keys.clone(),
            })
        });
        proto::Keys {
            sets: sets.collect(),
        }
    }
}

fn source(plan: &IssuerPlan) -> Source {
    (plan.issuer.clone(), plan.jwks_uri.clone())
}

fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}

/// Asks one issuer.
pub async fn look_up(fetcher: Fetcher, plan: IssuerPlan) -> Looked {
    let keys = ask(&fetcher, &plan).await;
    Looked::new(&plan, keys)
}

async fn ask(fetcher: &Fetcher, plan: &IssuerPlan) -> Result<Vec<proto::Key>, String> {
    let fetched = fetcher
        .fetch(
            &plan.issuer,
            plan.jwks_uri.as_deref(),
            plan.insecure_allowed,
        )
        .await
        .map_err(|e| e.to_string())?;
    keys_in(&fetched.body, plan, &fetched.uri)
}

/// The keys of a set that an issuer's tokens may be signed with; never none. `origin` is where
/// the set is from.
pub(super) fn keys_in(
    set: &[u8],
    plan: &IssuerPlan,
    origin: &str,
) -> Result<Vec<proto::Key>, String> {
    let allowed: Vec<Algorithm> = plan
        .algorithms
        .iter()
        .filter_map(|a| Algorithm::parse(a.name()))
        .collect();
    let set = jwks::parse_jwks(set, &allowed).map_err(|e| format!("{origin}: {e}"))?;
    for warning in &set.warnings {
        tracing::warn!(issuer = plan.issuer, origin, "{warning}");
    }
    if set.keys.is_empty() {
        return Err(format!("{origin}: no usable key"));
    }
    let keys = set.keys.into_iter().map(|key| proto::Key {
        kid: key.kid,
        algorithm: key.algorithm.name().to_owned(),
        modulus: key.modulus,
        exponent: key.exponent,
        point: key.point,
    });
    Ok(keys.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(issuer: &str) -> IssuerPlan {
        IssuerPlan {
            name: "main".to_owned(),
            issuer: issuer.to_owned(),
            jwks_uri: None,
            algorithms: vec![mcp_zero_compile::Algorithm::Es256],
            jwks_cache_seconds: 3600,
            jwks_stale_seconds: 86_400,
            insecure_allowed: false,
        }
    }

    fn looked(issuer: &str, keys: Result<Vec<proto::Key>, String>) -> Looked {
        Looked {
            source: source(&plan(issuer)),
            keys,
        }
    }

    #[test]
    fn keys_survive_an_issuer_that_is_away() {
        let mut store = KeyStore::default();
        let s = Duration::from_secs;
        store.plan(&[plan("https://a")]);
        assert!(!store.all_asked());
        assert_eq!(store.due(s(0)).len(), 1);
        assert!(store.due(s(0)).is_empty(), "one question at a time");
        let key = proto::Key {
            algorithm: "ES256".to_owned(),
            ..Default::default()
        };
        assert!(store.take(s(0), looked("https://a", Ok(vec![key]))));
        assert!(store.all_asked());
        let until = store.keys().sets[0].use_until;
        assert!(store.due(s(3599)).is_empty());
        assert_eq!(store.due(s(3600)).len(), 1);
        assert!(!store.take(s(3600), looked("https://a", Err("away".to_owned()))));
        assert_eq!(store.keys().sets[0].use_until, until);
        // A failure is tried again, but not at once.
        assert!(store.due(s(3620)).is_empty());
        assert_eq!(store.due(s(3631)).len(), 1);
        store.plan(&[plan("https://b")]);
        assert!(store.keys().sets.is_empty());
        assert!(!store.take(s(3631), looked("https://a", Ok(vec![]))));
    }
}
