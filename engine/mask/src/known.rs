//! Secrets that one part of a message gave away, looked for in its other parts.

use crate::Entity;
use crate::detect::Finding;
use std::collections::BTreeMap;

/// Shorter ones may be words.
const LEAST: usize = 6;
/// Longer ones stand alone.
pub(crate) const MOST: usize = 128;

/// A set of secrets, sorted for a walk along their letters.
#[derive(Debug, Default)]
pub(crate) struct Known {
    secrets: Vec<(String, Entity)>,
    /// First bytes of any.
    first: Vec<bool>,
}

impl Known {
    /// Keeps what cannot be an ordinary word.
    pub(crate) fn new(found: BTreeMap<String, Entity>) -> Self {
        let secrets: Vec<_> = found
            .into_iter()
            .filter(|(text, _)| {
                (LEAST..=MOST).contains(&text.len())
                    && text
                        .bytes()
                        .any(|b| b.is_ascii_digit() || b.is_ascii_punctuation())
                    && text.chars().any(char::is_alphanumeric)
            })
            .collect();
        let mut first = vec![false; 256];
        for (text, _) in &secrets {
            let byte = text.bytes().next().unwrap_or_default();
            if let Some(seen) = first.get_mut(usize::from(byte)) {
                *seen = true;
            }
        }
        Self { secrets, first }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// Every secret in a text, whole words only. Each byte costs at most the length of a
    /// secret times the logarithm of their number.
    /// Stops when that many are found.
    pub(crate) fn scan(&self, text: &str, most: usize, out: &mut Vec<Finding>) {
        let most = out.len().saturating_add(most);
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(byte) = bytes.get(at)
            && out.len() < most
        {
            let starts =
                self.first.get(usize::from(*byte)).copied() == Some(true) && !joined(bytes, at);
            match starts.then(|| self.longest(bytes, at)).flatten() {
                Some((end, entity)) => {
                    out.push(Finding {
                        span: at..end,
                        entity,
                        score: 900,
                        contextual: false,
                    });
                    at = end;
                }
                None => at += 1,
            }
        }
    }

    /// The longest secret that begins at a place and ends a word.
    fn longest(&self, text: &[u8], at: usize) -> Option<(usize, Entity)> {
        let mut range = self.secrets.as_slice();
        let mut best = None;
        for (depth, byte) in text.get(at..)?.iter().take(MOST).enumerate() {
            let letter = |secret: &(String, Entity)| secret.0.as_bytes().get(depth).copied();
            let from = range.partition_point(|s| letter(s).is_none_or(|b| b < *byte));
            let to = range.partition_point(|s| letter(s).is_none_or(|b| b <= *byte));
            range = range.get(from..to).unwrap_or_default();
            let Some((first, entity)) = range.first() else {
                break;
            };
            if first.len() == depth + 1 && !joined(text, at + depth + 1) {
                best = Some((at + depth + 1, *entity));
            }
        }
        best
    }
}

/// A place between two letters or digits.
fn joined(text: &[u8], at: usize) -> bool {
    let letter = |i: usize| text.get(i).is_some_and(u8::is_ascii_alphanumeric);
    at.checked_sub(1).is_some_and(letter) && letter(at)
}
