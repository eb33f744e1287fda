//! Joins what clients, server and audit log saw, and says what does not fit.

use super::load::{Kind, Seen, Sight};
use super::{MAIL, PASSWORD};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Records of an incarnation may be lost from its last flush on. The interval is 100 ms; a
/// busy machine is late.
const LAST_MOMENT_MS: u64 = 10_000;

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Evidence {
    /// By clients.
    pub seen: Vec<Seen>,
    /// By the server, line by line.
    pub server: Vec<Value>,
    /// Audit records in the order of the file.
    pub audit: Vec<Value>,
    /// Lines of the audit file that are no JSON.
    pub torn: usize,
    /// Texts in which no secret may stand, by name.
    pub texts: Vec<(String, String)>,
    /// The token of the clients.
    pub token: String,
    /// Ids of earlier records, none of which may come again.
    pub past: HashSet<String>,
}

/// Why an exchange may lack its record.
#[derive(Debug, Clone, Default)]
pub enum Excuse {
    /// It may not.
    #[default]
    None,
    /// Envoy was killed at these times (ms).
    Killed(Vec<u64>),
    /// The disk of the access log was full for a while.
    FullDisk,
}

/// What a check has covered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Exchanges of clients.
    pub exchanges: usize,
    /// Of them answered in the gateway's own words for a fault, or not at all.
    pub failed: usize,
    /// Requests that reached the server.
    pub calls: usize,
    /// Outcome records.
    pub records: usize,
    /// Gap records.
    pub gaps: usize,
    /// Exchanges without a record, each excused.
    pub unrecorded: usize,
    /// Policy versions that judged.
    pub versions: usize,
}

impl Evidence {
    /// Joins everything.
    ///
    /// # Errors
    /// What does not fit, one line each.
    pub fn check(&self, excuse: &Excuse) -> Result<Found, Vec<String>> {
        let mut wrong = Vec::new();
        let records = self.records(&mut wrong);
        let calls = self.calls(&records, &mut wrong);
        let mut lost = self.clients(&records, &calls, &mut wrong);
        // A server call of which neither a record nor an answered client knows.
        let answered: BTreeSet<&str> = self.seen.iter().filter_map(|s| s.id.as_deref()).collect();
        lost.extend(
            calls
                .iter()
                .filter(|(id, _)| !records.contains_key(*id) && !answered.contains(*id))
                .map(|(id, call)| Lost {
                    id: (*id).to_owned(),
                    end: call["ms"].as_u64().unwrap_or(0),
                }),
        );
        let versions = self.versions(&mut wrong);
        self.secrets(&mut wrong);
        self.excused(&records, &lost, excuse, &mut wrong);
        if wrong.is_empty() {
            let failed = |s: &&Seen| matches!(s.sight, Sight::Failed(_) | Sight::Broken(_));
            Ok(Found {
                exchanges: self.seen.len(),
                failed: self.seen.iter().filter(failed).count(),
                calls: self.server.len(),
                records: records.len(),
                gaps: self.gaps().count(),
                unrecorded: lost.len(),
                versions,
            })
        } else {
            Err(wrong)
        }
    }

    /// Adds what reached a process behind the bridge. It gets no headers: the number of the
    /// message in its arguments leads to the record, or to what the client saw. Lists have none.
    pub(super) fn join_by_number(&mut self, calls: Vec<Value>) {
        let of_t = self.audit.iter().filter(|r| r["server_name"] == "t");
        let by_record: HashMap<&str, &str> = of_t
            .filter_map(|r| Some((r["jsonrpc_id"].as_str()?, r["correlation_id"].as_str()?)))
            .collect();
        let by_client: HashMap<u64, &str> = self
            .seen
            .iter()
            .filter_map(|s| Some((s.number, s.id.as_deref()?)))
            .collect();
        let mut joined = Vec::new();
        for mut call in calls {
            let Some(number) = call["n"].as_u64() else {
                continue;
            };
            let known = by_record.get(number.to_string().as_str()).copied();
            let id = known.or_else(|| by_client.get(&number).copied());
            call["id"] = id
                .map_or_else(|| format!("number {number}"), str::to_owned)
                .into();
            joined.push(call);
        }
        self.server.extend(joined);
    }

    /// Outcome records by id: never two of one exchange.
    fn records<'a>(&'a self, wrong: &mut Vec<String>) -> HashMap<&'a str, &'a Value> {
        let mut records = HashMap::new();
        let mut numbers = BTreeSet::new();
        if self.torn > 0 {
            wrong.push(format!(
                "{} lines of the audit file are no records",
                self.torn
            ));
        }
        for record in self.audit.iter().filter(|r| r["event_type"] == "outcome") {
            let Some(id) = record["correlation_id"].as_str() else {
                continue;
            };
            if records.insert(id, record).is_some() || self.past.contains(id) {
                wrong.push(format!("two outcome records of {id}"));
            }
            let number = (record["worker"].as_str(), record["sequence"].as_u64());
            if number.0.is_some() && !numbers.insert(number) {
                wrong.push(format!("two records have the number {number:?}"));
            }
        }
        records
    }

    /// Requests that reached the server by id: each was allowed.
    fn calls<'a>(
        &'a self,
        records: &HashMap<&str, &Value>,
        wrong: &mut Vec<String>,
    ) -> HashMap<&'a str, &'a Value> {
        let mut calls = HashMap::new();
        for call in &self.server {
            let Some(id) = call["id"].as_str() else {
                wrong.push(format!(
                    "a request without an id reached the server: {call}"
                ));
                continue;
            };
            if calls.insert(id, call).is_some() {
                wrong.push(format!("{id} reached the server twice"));
            }
            if call["tool"] == "get-secret" {
                wrong.push(format!("a forbidden call reached the server: {call}"));
            }
            if call["leak"] == true || call["authorization"] == true {
                wrong.push(format!("a secret reached the server: {call}"));
            }
            if let Some(record) = records.get(id) {
                let tool = record["tool_name"].as_str().unwrap_or_default();
                if record["decision"] != "allow" || call["tool"] != tool {
                    wrong.push(format!("the server got {call}, the record says {record}"));
                }
            }
        }
        calls
    }

    /// What clients saw agrees with records and server; the exchanges without a record.
    fn clients(
        &self,
        records: &HashMap<&str, &Value>,
        calls: &HashMap<&str, &Value>,
        wrong: &mut Vec<String>,
    ) -> Vec<Lost> {
        let mut lost = Vec::new();
        for seen in &self.seen {
            if let Sight::Wrong(what) = &seen.sight {
                wrong.push(what.clone());
            }
            let Some(id) = seen.id.as_deref() else {
                continue;
            };
            match seen.sight {
                Sight::Denied if calls.contains_key(id) => {
                    wrong.push(format!("{id} was denied and reached the server"));
                }
                Sight::Allowed if !calls.contains_key(id) && !is_list_of_process(seen, records) => {
                    wrong.push(format!("{id} was answered by nobody"));
                }
                _ => {}
            }
            let Some(record) = records.get(id) else {
                lost.push(Lost {
                    id: id.to_owned(),
                    end: seen.end,
                });
                continue;
            };
            let decision = match seen.sight {
                Sight::Allowed => record["decision"] == "allow",
                Sight::Denied => record["decision"] == "deny",
                _ => true,
            };
            let tool = match seen.sight {
                // What failed before it was read names none.
                Sight::Failed(_) => true,
                _ => record["tool_name"].as_str() == seen.kind.tool(),
            };
            if !decision || !tool || record["http_status"] != seen.status {
                wrong.push(format!("the client saw {seen:?}, the record says {record}"));
            }
        }
        lost
    }

    /// Every decision is that of the version in its record; how many versions there were.
    fn versions(&self, wrong: &mut Vec<String>) -> usize {
        let mut flips: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut versions = BTreeSet::new();
        for record in self.audit.iter().filter(|r| r["event_type"] == "outcome") {
            let Some(version) = record["policy_version"].as_str() else {
                continue;
            };
            versions.insert(version);
            let tool = record["tool_name"].as_str().unwrap_or_default();
            let decision = record["decision"].as_str().unwrap_or_default();
            let judged = record["cause"] != "aborted" && record["http_status"] == 200;
            if tool == "flip" && judged {
                flips.entry(version).or_default().insert(decision);
            }
            if tool == "get-secret" && decision == "allow" {
                wrong.push(format!("a forbidden call was allowed: {record}"));
            }
        }
        for (version, decisions) in flips {
            if decisions.len() > 1 {
                wrong.push(format!("version {version} decided both ways"));
            }
        }
        versions.len()
    }

    fn secrets(&self, wrong: &mut Vec<String>) {
        let token = self.token.rsplit('.').next().unwrap_or_default();
        for (name, text) in &self.texts {
            for secret in [MAIL, PASSWORD, token] {
                if !secret.is_empty() && text.contains(secret) {
                    wrong.push(format!("a secret stands in {name}"));
                }
            }
        }
    }

    fn gaps(&self) -> impl Iterator<Item = &Value> {
        self.audit.iter().filter(|r| r["event_type"] == "gap")
    }

    /// Each exchange without a record lies in a gap that was told, and no gap is without
    /// a reason.
    fn excused(
        &self,
        records: &HashMap<&str, &Value>,
        lost: &[Lost],
        excuse: &Excuse,
        wrong: &mut Vec<String>,
    ) {
        let holes: u64 = self
            .gaps()
            .filter(|gap| gap["cause"] == "lost")
            .map(|gap| gap["count"].as_u64().unwrap_or(0))
            .sum();
        let ends = self.gaps().filter(|gap| gap["cause"] == "gateway_ended");
        match excuse {
            Excuse::None => {
                wrong.extend(lost.iter().map(|l| format!("{} has no record", l.id)));
                wrong.extend(self.gaps().map(|gap| format!("no reason for {gap}")));
            }
            Excuse::FullDisk => {
                if holes != lost.len() as u64 {
                    wrong.push(format!(
                        "{} exchanges have no record, the gaps tell of {holes}",
                        lost.len()
                    ));
                }
                wrong.extend(ends.map(|gap| format!("no reason for {gap}")));
            }
            Excuse::Killed(kills) => {
                if holes > 0 {
                    wrong.push(format!("{holes} records are lost in the middle"));
                }
                let begins: HashMap<&str, u64> = self
                    .seen
                    .iter()
                    .filter_map(|s| Some((s.id.as_deref()?, s.begin)))
                    .filter(|(id, _)| records.contains_key(id))
                    .collect();
                let windows = self.last_moments(&begins);
                if windows.len() != kills.len() {
                    wrong.push(format!("{} kills, {} gaps", kills.len(), windows.len()));
                    return;
                }
                for (kill, from) in kills.iter().zip(&windows) {
                    if kill.saturating_sub(*from) > LAST_MOMENT_MS {
                        wrong.push(format!(
                            "records are lost from {from} on, the kill was at {kill}"
                        ));
                    }
                }
                for l in lost {
                    let excused = kills
                        .iter()
                        .zip(&windows)
                        // What reached the client before the kill was read after it.
                        .any(|(kill, from)| l.end >= *from && l.end <= *kill + LAST_MOMENT_MS);
                    if !excused {
                        wrong.push(format!("{} ended at {} and has no record", l.id, l.end));
                    }
                }
            }
        }
    }

    /// For each gap at an end of Envoy: when the last exchange that has a record began.
    /// Records are in the order in which exchanges ended, so what is lost ended later.
    fn last_moments(&self, begins: &HashMap<&str, u64>) -> Vec<u64> {
        let mut windows = Vec::new();
        let mut last = 0;
        for record in &self.audit {
            if record["event_type"] == "gap" {
                windows.push(last);
            } else if let Some(begin) = record["correlation_id"]
                .as_str()
                .and_then(|id| begins.get(id))
            {
                last = *begin;
            }
        }
        windows
    }
}

/// A process behind the bridge cannot say which list it was asked for.
fn is_list_of_process(seen: &Seen, records: &HashMap<&str, &Value>) -> bool {
    let record = seen.id.as_deref().and_then(|id| records.get(id));
    seen.kind == Kind::List && record.is_none_or(|record| record["server_name"] == "t")
}

/// An exchange without a record.
#[derive(Debug)]
struct Lost {
    id: String,
    end: u64,
}

/// The decision of the last record of a tool that both policies judge differently.
pub(super) fn last_flip(audit: &[Value]) -> Option<&str> {
    let flips = audit
        .iter()
        .rev()
        .find(|r| r["tool_name"] == Kind::Flip.tool().unwrap_or_default());
    flips.and_then(|r| r["decision"].as_str())
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
