//! The keys of all issuers: fetched, kept while an issuer is away, passed on.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mcp_zero_compile::{Algorithm as Accepted, IssuerPlan};
use mcp_zero_identity::{Algorithm, jwks};
use mcp_zero_proto as proto;

use super::shelf::Stock;
use super::{Fetcher, Schedule, Shelf};

/// The shortest time for which an answer's `Cache-Control` makes keys fresh. Many issuers forbid
/// every cache; a new key is looked up when a token names it, so this is for keys that go.
const FRESH_AT_LEAST: Duration = Duration::from_secs(300);

/// What is known of one issuer.
#[derive(Debug, Default)]
struct Held {
    /// Where the keys were found.
    uri: String,
    keys: Vec<proto::Key>,
    /// Unix seconds.
    fetched_at: u64,
    /// How long the last answer says that it is fresh.
    fresh: Option<Duration>,
    schedule: Schedule,
    asking: bool,
    /// Somebody waits for a key that is not here, or may be.
    wanted: bool,
    /// What the policy accepts now; keys of anything else were not taken.
    algorithms: Vec<Accepted>,
}

/// What is known of a key that a filter does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It is here; gateways have it or are about to.
    Here,
    /// The issuer is being asked, or will be at once.
    Asked,
    /// The issuer was asked lately and did not have it, or is none of ours.
    Nowhere,
    /// The issuer was asked lately and did not answer, or may not be asked yet.
    Unanswered,
}

/// Identifies what was asked, an issuer and its `jwks_uri` in the policy: a changed plan
/// begins anew.
pub(super) type Source = (String, Option<String>);

/// A key set that was found.
#[derive(Debug)]
pub(super) struct Found {
    /// Where it was.
    pub(super) uri: String,
    /// Its keys; never none.
    pub(super) keys: Vec<proto::Key>,
    /// How long the answer says that it is fresh.
    pub(super) fresh: Option<Duration>,
}

/// The result of one look-up.
#[derive(Debug)]
pub struct Looked {
    source: Source,
    keys: Result<Found, String>,
}

impl Looked {
    /// What was found for an issuer.
    pub(super) fn new(plan: &IssuerPlan, keys: Result<Found, String>) -> Self {
        Self {
            source: source(plan),
            keys,
        }
    }

    /// The issuer that was asked.
    pub fn issuer(&self) -> &str {
        &self.source.0
    }

    /// Why there are no keys.
    pub fn problem(&self) -> Option<&str> {
        self.keys.as_ref().err().map(String::as_str)
    }
}

/// The keys of the live policy's issuers.
#[derive(Debug, Default)]
pub struct KeyStore {
    plans: Vec<IssuerPlan>,
    held: BTreeMap<Source, Held>,
    /// Where they outlive the process; nowhere for a look-up that is made once.
    shelf: Option<Shelf>,
}

impl KeyStore {
    /// No keys yet, but for what an earlier process has left.
    pub fn new(shelf: Shelf) -> Self {
        Self {
            shelf: Some(shelf),
            ..Self::default()
        }
    }

    /// Takes the issuers of a new policy at `now`; keys of those that stay are kept, of new ones
    /// what an earlier process has left is used.
    pub fn plan(&mut self, plans: &[IssuerPlan], now: Duration) {
        self.plans = plans.to_vec();
        let wanted: Vec<Source> = plans.iter().map(source).collect();
        self.held.retain(|source, _| wanted.contains(source));
        for plan in plans {
            let held = self.held.entry(source(plan)).or_insert_with(|| {
                let shelf = self.shelf.as_ref();
                let clock = unix_now();
                let stock = shelf.and_then(|shelf| shelf.load(plan, clock));
                let held = stock.map_or_else(Held::default, |stock| Held::of(stock, now, clock));
                Held {
                    algorithms: plan.algorithms.clone(),
                    ..held
                }
            });
            if held.algorithms != plan.algorithms {
                held.algorithms.clone_from(&plan.algorithms);
                // Whatever is being asked at the moment does not answer that.
                held.wanted = true;
            }
        }
    }

    /// Issuers that are to be asked at `now` (since the start of the process).
    pub fn due(&mut self, now: Duration) -> Vec<IssuerPlan> {
        let mut due = Vec::new();
        for plan in &self.plans {
            if let Some(held) = self.held.get_mut(&source(plan))
                && !held.asking
                && (held.schedule.wait(now, held.fresh(plan)).is_zero()
                    || (held.wanted && held.schedule.may_ask(now)))
            {
                held.asking = true;
                held.wanted = false;
                // Before it is asked: a process that ends meanwhile has asked too.
                if let Some(shelf) = &self.shelf
                    && !held.keys.is_empty()
                {
                    shelf.save(&source(plan), &held.stock(unix_now()));
                }
                due.push(plan.clone());
            }
        }
        due
    }

    /// Looks for one key at `now`. A look-up that this asks for is in the next
    /// [`due`](Self::due); never more than one in thirty seconds comes of it.
    pub fn want(&mut self, issuer: &str, algorithm: &str, kid: &str, now: Duration) -> Known {
        if self.has(issuer, algorithm, kid) {
            return Known::Here;
        }
        let plan = self.plans.iter().find(|plan| plan.issuer == issuer);
        let held = plan.and_then(|plan| self.held.get_mut(&source(plan)));
        let Some(held) = held else {
            return Known::Nowhere;
        };
        if held.asking {
            return Known::Asked;
        }
        if held.schedule.may_ask(now) {
            held.wanted = true;
            return Known::Asked;
        }
        if held.has_answered() {
            Known::Nowhere
        } else {
            Known::Unanswered
        }
    }

    /// Whether the keys of an issuer have one.
    pub fn has(&self, issuer: &str, algorithm: &str, kid: &str) -> bool {
        let fits = |key: &proto::Key| key.algorithm == algorithm && key.kid.as_deref() == Some(kid);
        let plan = self.plans.iter().find(|plan| plan.issuer == issuer);
        plan.and_then(|plan| self.held.get(&source(plan)))
            .is_some_and(|held| held.keys.iter().any(fits))
    }

    /// Whether an issuer's last answer has all keys that the policy accepts now: a key that is
    /// not among them does not exist.
    pub fn has_answered(&self, issuer: &str) -> bool {
        let plan = self.plans.iter().find(|plan| plan.issuer == issuer);
        plan.and_then(|plan| self.held.get(&source(plan)))
            .is_some_and(Held::has_answered)
    }

    /// Takes a look-up in. True where what filters need has changed.
    pub fn take(&mut self, now: Duration, looked: Looked) -> bool {
        let Some(held) = self.held.get_mut(&looked.source) else {
            // Of a policy that is gone.
            return false;
        };
        held.asking = false;
        held.schedule.asked(now, looked.keys.is_ok());
        held.fresh = looked.keys.as_ref().ok().and_then(|found| found.fresh);
        match looked.keys {
            Ok(Found { uri, keys, .. }) => {
                held.uri = uri;
                held.keys = keys;
                held.fetched_at = unix_now();
                if let Some(shelf) = &self.shelf {
                    shelf.save(&looked.source, &held.stock(held.fetched_at));
                }
                true
            }
            Err(reason) => {
                let (issuer, _) = &looked.source;
                tracing::warn!(issuer, reason, kept = held.keys.len(), "keys not fetched");
                false
            }
        }
    }

    /// Whether every issuer has keys, or was asked at least once.
    pub fn is_ready(&self) -> bool {
        self.held
            .values()
            .all(|held| !held.keys.is_empty() || held.schedule.was_asked())
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
            // Of no concern here: `Worker::publish`.
            seals: Vec::new(),
            control_plane: String::new(),
        }
    }
}

impl Held {
    fn has_answered(&self) -> bool {
        !self.wanted && self.schedule.was_answered()
    }

    /// How long its keys are fresh: as long as the policy says, or less where the issuer does.
    fn fresh(&self, plan: &IssuerPlan) -> Duration {
        let most = Duration::from_secs(u64::from(plan.jwks_cache_seconds));
        self.fresh
            .map_or(most, |fresh| fresh.max(FRESH_AT_LEAST).min(most))
    }

    /// What an earlier process has left, taken at `now`, which is `clock` in Unix seconds.
    fn of(stock: Stock, now: Duration, clock: u64) -> Self {
        let mut schedule = Schedule::default();
        let ago = clock.saturating_sub(stock.asked_at);
        schedule.asked_before(now, Duration::from_secs(ago));
        Self {
            uri: stock.uri,
            keys: stock.keys,
            fetched_at: stock.fetched_at,
            schedule,
            ..Self::default()
        }
    }

    fn stock(&self, asked_at: u64) -> Stock {
        Stock {
            uri: self.uri.clone(),
            fetched_at: self.fetched_at,
            asked_at: asked_at.max(self.fetched_at),
            keys: self.keys.clone(),
        }
    }
}

pub(super) fn source(plan: &IssuerPlan) -> Source {
    (plan.issuer.clone(), plan.jwks_uri.clone())
}

pub(crate) fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}

/// Asks one issuer.
pub async fn look_up(fetcher: Fetcher, plan: IssuerPlan) -> Looked {
    let keys = ask(&fetcher, &plan).await;
    Looked::new(&plan, keys)
}

async fn ask(fetcher: &Fetcher, plan: &IssuerPlan) -> Result<Found, String> {
    let fetched = fetcher
        .fetch(
            &plan.issuer,
            plan.jwks_uri.as_deref(),
            plan.insecure_allowed,
        )
        .await
        .map_err(|e| e.to_string())?;
    let keys = keys_in(&fetched.body, plan, &fetched.uri)?;
    Ok(Found {
        uri: fetched.uri,
        keys,
        fresh: fetched.fresh,
    })
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
mod tests;
