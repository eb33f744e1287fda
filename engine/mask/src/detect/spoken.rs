//! Secrets that a word or an option announces, with nothing but space between.

use super::assignment::{Hit, NAME, QUOTED, hit, quotation, space};
use super::key::{Key, classify};
use super::value::{Form, judge};
use crate::{Entity, base64};
use std::ops::Range;

/// `--password value`
pub(super) fn flag(text: &str, at: usize) -> Option<Hit> {
    let rest = text.get(at..)?.strip_prefix("--")?;
    let before = at.checked_sub(1).and_then(|i| text.as_bytes().get(i));
    if before.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'-') {
        return None;
    }
    let length = rest
        .bytes()
        .take(NAME)
        .take_while(|b| b.is_ascii_alphanumeric() || *b == b'-')
        .count();
    let key = classify(rest.get(..length)?)?;
    value_after(text, at + 2 + length, key)
}

/// Secrets that are announced by a word: `Bearer …`, `Basic …`, `IDENTIFIED BY …`,
/// `password is …`.
pub(super) fn spoken(text: &str, at: usize) -> Option<Hit> {
    let rest = text.get(at..)?;
    let after = |word: &str| {
        let head = rest.get(..word.len())?;
        head.eq_ignore_ascii_case(word).then_some(at + word.len())
    };
    match rest.as_bytes().first()?.to_ascii_lowercase() {
        b'b' => {
            if let Some(end) = after("bearer") {
                return token_after(text, end).and_then(|span| {
                    let value = text.get(span.clone())?;
                    judge(value, Key::Token, Form::Quoted)
                        .or_else(|| judge(value, Key::Api, Form::Quoted))
                        .map(|(entity, score)| Hit {
                            span,
                            entity,
                            score,
                        })
                });
            }
            let span = token_after(text, after("basic")?)?;
            let login = base64::decode(text.get(span.clone())?)?;
            let readable = login.is_ascii() && login.contains(&b':');
            readable.then_some(Hit {
                span,
                entity: Entity::Password,
                score: 900,
            })
        }
        b'i' => {
            let mut end = after("identified")?;
            for word in ["by", "password"] {
                let rest = text.get(end..)?;
                let gap = space(rest, true);
                let next = rest.get(gap..gap + word.len());
                if gap > 0 && next.is_some_and(|next| next.eq_ignore_ascii_case(word)) {
                    end += gap + word.len();
                } else if word == "by" {
                    return None;
                }
            }
            value_after(text, end, Key::Password)
        }
        b'p' => {
            let end = after("password is").or_else(|| after("passphrase is"))?;
            value_after(text, end, Key::Password)
        }
        _ => None,
    }
}

/// The token behind space.
fn token_after(text: &str, from: usize) -> Option<Range<usize>> {
    let rest = text.get(from..)?;
    let gap = space(rest, false);
    let body = rest.get(gap..)?;
    let length = body
        .bytes()
        .position(|b| !(b.is_ascii_alphanumeric() || b"._~+/=-".contains(&b)))
        .unwrap_or(body.len());
    let length = body.get(..length)?.trim_end_matches('.').len();
    (gap > 0 && length >= 8).then_some(from + gap..from + gap + length)
}

/// The word or quotation behind space.
fn value_after(text: &str, from: usize, key: Key) -> Option<Hit> {
    let rest = text.get(from..)?;
    let gap = space(rest, false);
    if gap == 0 {
        return None;
    }
    let from = from + gap;
    let rest = rest.get(gap..)?;
    if let Some((span, form)) = quotation(rest) {
        return hit(rest.get(span.clone())?, from + span.start, key, form);
    }
    let end = rest
        .bytes()
        .take(QUOTED)
        .position(|b| b.is_ascii_whitespace() || b"\"'`<>\\,;".contains(&b))
        .unwrap_or(rest.len().min(QUOTED));
    let value = rest.get(..end)?.trim_end_matches(['.', ':']);
    hit(value, from, key, Form::Bare)
}
