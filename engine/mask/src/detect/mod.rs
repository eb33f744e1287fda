//! One pass over a text: each byte is looked up once, and only some start a closer look
//! (`trigger`), whose length is bounded or remembered.

mod assignment;
mod card;
mod email;
mod key;
mod pem;
mod scan;
mod spoken;
mod token;
mod trigger;
mod url;
mod value;

use crate::known::Known;
use crate::{Entity, MaskError};
use std::ops::Range;

pub(crate) use key::{Key, classify};

/// A place in a text and what was found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) span: Range<usize>,
    pub(crate) entity: Entity,
    /// In thousandths.
    pub(crate) score: u32,
    /// Found by what stands around it: the same value elsewhere cannot be.
    pub(crate) contextual: bool,
}

/// How often a text with findings is read again.
const ROUNDS: usize = 8;

/// Findings that one message may have: each is kept until the message is written anew.
pub(crate) const MOST_FINDINGS: usize = 20_000;

/// Looks for a set of entities.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Detector {
    wanted: [bool; 4],
    threshold: u32,
}

impl Detector {
    pub(crate) fn new(entities: &[Entity], threshold: u32) -> Self {
        Self {
            wanted: Entity::ALL.map(|entity| entities.contains(&entity)),
            threshold: threshold.min(1000),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.wanted.contains(&true)
    }

    fn wants(&self, entity: Entity) -> bool {
        Entity::ALL
            .iter()
            .zip(self.wanted)
            .any(|(other, wanted)| wanted && *other == entity)
    }

    /// Every finding of a text, in order and apart; secrets that are known are found too.
    /// A placeholder may uncover what the value before it hid: a text with findings is read
    /// again until it has no more.
    ///
    /// # Errors
    /// [`MaskError::TooMany`]: there are more than a message may have.
    pub(crate) fn scan(&self, text: &str, known: &Known) -> Result<Vec<Finding>, MaskError> {
        let mut found = self.once(text, known)?;
        for _ in 0..ROUNDS {
            if found.is_empty() {
                break;
            }
            let mut more = self.once(&replaced(text, &found), known)?;
            if more.is_empty() {
                break;
            }
            original(&mut more, &found);
            found.append(&mut more);
            found = apart(found);
        }
        Ok(found)
    }

    fn once(&self, text: &str, known: &Known) -> Result<Vec<Finding>, MaskError> {
        let few = |count: usize| {
            (count <= MOST_FINDINGS)
                .then_some(())
                .ok_or(MaskError::TooMany)
        };
        let mut found = scan::findings(self, text);
        let count = found.len();
        few(count)?;
        if !known.is_empty() {
            known.scan(text, MOST_FINDINGS + 1, &mut found);
            few(found.len() - count)?;
        }
        Ok(apart(found))
    }

    /// What a whole value is by the name that it has.
    pub(crate) fn keyed(&self, text: &str, key: Key) -> Option<Entity> {
        let (entity, score) = value::keyed(text, key)?;
        (self.wants(entity) && score >= self.threshold).then_some(entity)
    }

    /// What a JSON number is.
    pub(crate) fn number(&self, written: &str) -> Option<Entity> {
        if !self.wants(Entity::CreditCard) || written.len() < 7 {
            return None;
        }
        let digits = card::whole_digits(written)?;
        let score = card::score(digits.as_bytes())?;
        (score >= self.threshold).then_some(Entity::CreditCard)
    }
}

/// A text with its findings replaced.
pub(crate) fn replaced(text: &str, found: &[Finding]) -> String {
    // A large text that outgrows its room would be copied into twice as much.
    let more: usize = found.iter().map(|f| f.entity.placeholder().len()).sum();
    let mut out = String::with_capacity(text.len() + more);
    let mut at = 0;
    for finding in found {
        out.push_str(text.get(at..finding.span.start).unwrap_or_default());
        out.push_str(finding.entity.placeholder());
        at = finding.span.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Carries findings of a text with replacements over to the text itself; both in order. What
/// touches a placeholder takes all that it stands for.
fn original(more: &mut [Finding], found: &[Finding]) {
    let mut replaced = found.iter().peekable();
    // Ends of the last replacement that lies before, there and here.
    let (mut there, mut here) = (0, 0);
    for finding in more {
        let Range { start, end } = finding.span.clone();
        let mut first = None;
        while let Some(next) = replaced.peek() {
            let begin = there + (next.span.start - here);
            let stop = begin + next.entity.placeholder().len();
            if begin >= end {
                break;
            }
            if stop > start && first.is_none() {
                first = Some(if start < begin {
                    here + (start - there)
                } else {
                    next.span.start
                });
            }
            (there, here) = (stop, next.span.end);
            replaced.next();
        }
        let from = first.unwrap_or(here + start.saturating_sub(there));
        let to = here + end.saturating_sub(there);
        finding.span = from..to.max(from);
    }
}

/// Joins findings that overlap: no byte of any of them may stay. The higher score names the
/// whole, then the longer one.
fn apart(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by_key(|finding| (finding.span.start, finding.span.end));
    let mut out: Vec<Finding> = Vec::with_capacity(found.len());
    for finding in found {
        match out.last_mut() {
            Some(last) if finding.span.start < last.span.end => {
                let strength = |f: &Finding| (f.score, f.span.len());
                if strength(&finding) > strength(last) {
                    last.entity = finding.entity;
                    last.score = finding.score;
                }
                last.contextual |= finding.contextual;
                last.span.end = last.span.end.max(finding.span.end);
            }
            _ => out.push(finding),
        }
    }
    out
}

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;
