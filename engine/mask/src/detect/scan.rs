//! The pass over a text.

use super::{
    Detector, Finding, MOST_FINDINGS, assignment, card, email, pem, spoken, token, trigger, url,
};
use crate::Entity;
use std::ops::Range;

/// Ends that several looks would otherwise search for again.
#[derive(Debug, Default)]
struct Memo {
    /// A run of Base64url characters that ends here was read before.
    run: usize,
    /// A run without whitespace or punctuation that ends here was read before.
    word: usize,
    /// No PEM block ends in what follows.
    unended: bool,
}

struct Scan<'t> {
    detector: &'t Detector,
    text: &'t str,
    bytes: &'t [u8],
    found: Vec<Finding>,
    /// The `@` of a URL's user name and password, which is no e-mail address.
    login: Option<usize>,
    memo: Memo,
}

/// Every finding, in the order in which their places are reached, up to one more than may
/// be.
pub(super) fn findings(detector: &Detector, text: &str) -> Vec<Finding> {
    let mut scan = Scan {
        detector,
        text,
        bytes: text.as_bytes(),
        found: Vec::new(),
        login: None,
        memo: Memo::default(),
    };
    scan.run();
    scan.found
}

impl Scan<'_> {
    fn run(&mut self) {
        let (mut at, mut joined) = (0, false);
        while self.found.len() <= MOST_FINDINGS
            && let Some(hit) = trigger::next(self.bytes, at, joined)
            && let Some(byte) = self.bytes.get(hit).copied()
        {
            let end = match byte {
                b'0'..=b'9' => self.digits(hit),
                b'@' | b'%' | b'\\' => self.address(hit),
                b':' | b'=' => self.separator(hit),
                b'-' => self.dash(hit),
                _ => self.word(hit),
            };
            // What follows a finding begins anew.
            joined = end.is_none() && trigger::joins(byte);
            at = end.unwrap_or(0).max(hit + 1);
        }
    }

    /// Keeps a finding; where to go on.
    fn found(&mut self, span: Range<usize>, entity: Entity, score: u32) -> Option<usize> {
        self.keep(span, entity, score, false)
    }

    fn keep(
        &mut self,
        span: Range<usize>,
        entity: Entity,
        score: u32,
        contextual: bool,
    ) -> Option<usize> {
        if !self.detector.wants(entity) || score < self.detector.threshold || span.is_empty() {
            return None;
        }
        let end = span.end;
        self.found.push(Finding {
            span,
            entity,
            score,
            contextual,
        });
        Some(end)
    }

    fn word(&mut self, at: usize) -> Option<usize> {
        if self.detector.wants(Entity::ApiKey)
            && let Some(end) = token::find(self.bytes, at, &mut self.memo.run)
            && let Some(end) = self.found(at..end, Entity::ApiKey, 1000)
        {
            return Some(end);
        }
        let hit = spoken::spoken(self.text, at)?;
        self.keep(hit.span, hit.entity, hit.score, true)
    }

    /// No token begins with a digit.
    fn digits(&mut self, at: usize) -> Option<usize> {
        if !self.detector.wants(Entity::CreditCard) {
            return None;
        }
        let (span, score) = card::find(self.bytes, at)?;
        self.found(span, Entity::CreditCard, score)
    }

    fn address(&mut self, at: usize) -> Option<usize> {
        if self.login == Some(at) || !self.detector.wants(Entity::EmailAddress) {
            return None;
        }
        let (span, score) = email::find(self.text, at)?;
        self.found(span, Entity::EmailAddress, score)
    }

    fn separator(&mut self, at: usize) -> Option<usize> {
        if self.detector.wants(Entity::Password)
            && let Some(login) = url::login(self.bytes, at)
        {
            self.login = Some(login.end);
            self.keep(login, Entity::Password, 900, true);
            return None;
        }
        if !self.detector.wants(Entity::Password) && !self.detector.wants(Entity::ApiKey) {
            return None;
        }
        let hit = assignment::find(self.text, at, &mut self.memo.word)?;
        self.keep(hit.span, hit.entity, hit.score, true)
    }

    fn dash(&mut self, at: usize) -> Option<usize> {
        if self.detector.wants(Entity::ApiKey)
            && let Some(end) = pem::find(self.bytes, at, &mut self.memo.unended)
        {
            return self.found(at..end, Entity::ApiKey, 1000);
        }
        let hit = spoken::flag(self.text, at)?;
        self.keep(hit.span, hit.entity, hit.score, true)
    }
}
