//! Recall and precision on texts that others labelled (`tests/data`).
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads its data and prints what it measured"
)]

use super::{Detector, Finding};
use crate::Entity;
use crate::known::Known;
use std::collections::BTreeMap;
use std::ops::Range;

type Labelled = (String, Vec<(Entity, Range<usize>)>);

#[derive(Debug, Default, Clone, Copy)]
struct Score {
    found: u32,
    missed: u32,
    wrong: u32,
}

impl Score {
    fn recall(self) -> f64 {
        f64::from(self.found) / f64::from((self.found + self.missed).max(1))
    }

    fn precision(self) -> f64 {
        f64::from(self.found) / f64::from((self.found + self.wrong).max(1))
    }
}

fn read(name: &str) -> Vec<Labelled> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    let text = std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
    text.lines()
        .map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let offset = |v: &serde_json::Value| usize::try_from(v.as_u64().unwrap()).unwrap();
            let spans = row["spans"].as_array().unwrap().iter().map(|span| {
                let entity = Entity::parse(span[0].as_str().unwrap()).unwrap();
                (entity, offset(&span[1])..offset(&span[2]))
            });
            (row["text"].as_str().unwrap().to_owned(), spans.collect())
        })
        .collect()
}

fn measure(name: &str) -> BTreeMap<Entity, Score> {
    let detector = Detector::new(&Entity::ALL, 400);
    let overlap = |a: &Range<usize>, b: &Range<usize>| a.start < b.end && b.start < a.end;
    let mut scores: BTreeMap<Entity, Score> = BTreeMap::new();
    for (text, spans) in read(name) {
        let findings = detector.scan(&text, &Known::default()).unwrap();
        for (entity, span) in &spans {
            let covers = |f: &&Finding| f.span.start <= span.start && f.span.end >= span.end;
            let score = scores.entry(*entity).or_default();
            if findings.iter().any(|f| covers(&f)) {
                score.found += 1;
            } else {
                score.missed += 1;
                eprintln!(
                    "missed {} {:?} in {text:?}",
                    entity.name(),
                    &text[span.clone()]
                );
            }
        }
        for finding in &findings {
            if !spans.iter().any(|(_, span)| overlap(span, &finding.span)) {
                scores.entry(finding.entity).or_default().wrong += 1;
                let value = &text[finding.span.clone()];
                eprintln!("wrong {} {value:?} in {text:?}", finding.entity.name());
            }
        }
    }
    for (entity, score) in &scores {
        let (recall, precision) = (score.recall(), score.precision());
        eprintln!(
            "{name} {}: recall {recall:.3} precision {precision:.3} {score:?}",
            entity.name()
        );
    }
    scores
}

#[test]
fn recall_and_precision_stay_above_their_floors() {
    for name in ["synth.jsonl", "generated.jsonl", "technology.jsonl"] {
        for (entity, score) in measure(name) {
            assert!(score.recall() >= 0.98, "{name} {entity:?} {score:?}");
            // Short keys of `technology.jsonl` are not labelled.
            assert!(score.precision() >= 0.9, "{name} {entity:?} {score:?}");
        }
    }
}
