//! Records that are missing: each worker numbers its records, and a number that does not
//! come is a record that was lost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Workers that are remembered. One is forgotten when so many have begun after it.
const REMEMBERED: usize = 256;

/// What is known of every worker. Kept with the position in the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Workers {
    /// Counts workers as they are seen.
    born: u64,
    known: BTreeMap<String, Worker>,
}

/// One life of a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Worker {
    born: u64,
    last: u64,
    /// Exchanges that were under way when the last record was written.
    open: u64,
    gateway_id: String,
    /// Its Envoy has ended.
    ended: bool,
}

/// A gap, as a record and as figures.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gap {
    /// The record that tells it, of kind `gap`.
    pub(super) record: Map<String, Value>,
    /// Records that are known to be missing.
    pub(super) missing: u64,
}

impl Workers {
    /// Takes note of an outcome record; the gap before it, if there is one.
    pub(super) fn seen(&mut self, record: &Map<String, Value>) -> Option<Gap> {
        let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| record.get(name).and_then(Value::as_u64);
        let name = text("worker");
        let sequence = number("sequence").filter(|_| !name.is_empty())?;
        if !self.known.contains_key(name) {
            self.forget_one();
            self.born += 1;
        }
        let born = self.born;
        let worker = self.known.entry(name.to_owned()).or_insert_with(|| Worker {
            born,
            ..Worker::default()
        });
        let expected = worker.last.saturating_add(1);
        worker.last = worker.last.max(sequence);
        worker.open = number("open_exchanges").unwrap_or(0);
        text("gateway_id").clone_into(&mut worker.gateway_id);
        let missing = sequence.saturating_sub(expected);
        (missing > 0).then(|| {
            let mut record = gap(name, &worker.gateway_id, text("timestamp"), "lost");
            record.insert("from_sequence".to_owned(), expected.into());
            record.insert("to_sequence".to_owned(), (sequence - 1).into());
            record.insert("count".to_owned(), missing.into());
            Gap { record, missing }
        })
    }

    /// Envoy has ended, at a time. Unless it ended in order, the records of its last moment
    /// may be lost, and no number tells how many: each worker has a gap without an end.
    pub(super) fn ended(&mut self, timestamp: &str, in_order: bool) -> Vec<Gap> {
        let alive = self.known.iter_mut().filter(|(_, w)| !w.ended);
        let mut gaps = Vec::new();
        for (name, worker) in alive {
            worker.ended = true;
            if in_order {
                continue;
            }
            let mut record = gap(name, &worker.gateway_id, timestamp, "gateway_ended");
            record.insert("from_sequence".to_owned(), (worker.last + 1).into());
            // Those that were open then have no record.
            record.insert("count_at_least".to_owned(), worker.open.into());
            let missing = worker.open;
            gaps.push(Gap { record, missing });
        }
        gaps
    }

    fn forget_one(&mut self) {
        if self.known.len() < REMEMBERED {
            return;
        }
        let oldest = self.known.iter().min_by_key(|(_, w)| w.born);
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
            self.known.remove(&name);
        }
    }
}

fn gap(worker: &str, gateway_id: &str, timestamp: &str, cause: &str) -> Map<String, Value> {
    let record = json!({
        "event_type": "gap",
        "schema_version": 1,
        "timestamp": timestamp,
        "gateway_id": gateway_id,
        "worker": worker,
        "cause": cause,
    });
    match record {
        Value::Object(record) => record,
        // `json!` of braces is an object.
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(worker: &str, sequence: u64) -> Map<String, Value> {
        let record = json!({"worker": worker, "sequence": sequence, "open_exchanges": 3,
            "timestamp": "t", "gateway_id": "g"});
        record.as_object().unwrap().clone()
    }

    #[test]
    fn a_number_that_does_not_come_is_a_gap() {
        let mut workers = Workers::default();
        assert_eq!(workers.seen(&record("a", 1)), None);
        assert_eq!(workers.seen(&record("b", 1)), None);
        assert_eq!(workers.seen(&record("a", 2)), None);
        let gap = workers.seen(&record("a", 6)).unwrap();
        assert_eq!(gap.missing, 3);
        assert_eq!(gap.record["event_type"], "gap");
        assert_eq!(gap.record["cause"], "lost");
        assert_eq!(gap.record["from_sequence"], 3);
        assert_eq!(gap.record["to_sequence"], 5);
        assert_eq!(gap.record["count"], 3);
        assert_eq!(workers.seen(&record("b", 2)), None);
        // The first that is seen of a worker need not be its first.
        assert_eq!(workers.seen(&record("c", 3)).unwrap().missing, 2);
        // A record of Envoy alone has no number.
        assert_eq!(workers.seen(&Map::new()), None);
    }

    #[test]
    fn an_end_without_order_is_a_gap_of_each_worker_once() {
        let mut workers = Workers::default();
        workers.seen(&record("a", 1));
        workers.seen(&record("b", 9));
        let gaps = workers.ended("t2", false);
        assert_eq!(gaps.len(), 2);
        assert_eq!(gaps[1].record["cause"], "gateway_ended");
        assert_eq!(gaps[1].record["from_sequence"], 10);
        assert_eq!(gaps[1].record["count_at_least"], 3);
        assert_eq!(gaps[1].record["timestamp"], "t2");
        assert!(workers.ended("t3", false).is_empty());
        // What comes late all the same is no further gap.
        assert_eq!(workers.seen(&record("b", 10)), None);
        workers.seen(&record("c", 1));
        assert!(workers.ended("t4", true).is_empty());
        assert!(workers.ended("t5", false).is_empty());
    }

    #[test]
    fn few_workers_are_remembered() {
        let mut workers = Workers::default();
        for n in 0..2 * REMEMBERED {
            workers.seen(&record(&format!("w{n}"), 1));
        }
        assert_eq!(workers.known.len(), REMEMBERED);
        assert_eq!(
            workers.seen(&record(&format!("w{}", 2 * REMEMBERED - 1), 2)),
            None
        );
    }
}
