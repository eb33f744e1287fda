//! Secrets that are told by the name before them.

use super::key::{Key, classify_bytes};
use super::value::{self, Form, judge};
use crate::Entity;
use std::ops::Range;

/// A secret behind its name.
pub(super) struct Hit {
    pub(super) span: Range<usize>,
    pub(super) entity: Entity,
    pub(super) score: u32,
}

/// Bytes before a separator in which a name is looked for.
pub(super) const NAME: usize = 64;
/// Bytes of a quoted value.
pub(super) const QUOTED: usize = 1024;
/// Bytes of a value that are judged.
const SAMPLE: usize = 256;

/// The value behind the `:` or `=` at `at`, where the name before it is a secret's.
pub(super) fn find(text: &str, at: usize, memo: &mut usize) -> Option<Hit> {
    let bytes = text.as_bytes();
    let byte = |i: usize| bytes.get(i).copied();
    let begin = match (byte(at)?, byte(at + 1)) {
        (b':', Some(b':' | b'/')) => return None,
        (_, _) if at > 0 && matches!(byte(at - 1), Some(b':' | b'=')) => return None,
        (b':' | b'=', Some(b'=')) | (b'=', Some(b'>')) => at + 2,
        _ => at + 1,
    };
    let (key, name) = name(text, at)?;
    let rest = text.get(begin..)?;
    let gap = space(rest, true);
    let (mut from, quoted) = (begin + gap, rest.get(gap..)?);
    if let Some((span, form)) = quotation(quoted) {
        let inner = quoted.get(span.clone())?;
        let inner_from = from + span.start;
        let inner = credentials(inner, key)?;
        return hit(inner.1, inner_from + inner.0, key, form);
    }
    let gap = space(rest, false);
    from = begin + gap;
    let line = rest.get(gap..)?;
    let mut value = run(line, from, name.line, memo);
    if key == Key::Authorization {
        let scheme = line
            .bytes()
            .take(NAME)
            .position(|b| b.is_ascii_whitespace())
            .filter(|end| line.as_bytes().get(*end) == Some(&b' '));
        if let Some(end) = scheme {
            let (skipped, _) = credentials(line.get(..=end)?, key)?;
            let rest = line.get(skipped..)?;
            let skipped = skipped + space(rest, false);
            from += skipped;
            value = run(line.get(skipped..)?, from, false, memo);
        }
    }
    // All that a line holds is meant, a word of a sentence may not be.
    let after = text.get(from + value.len()..)?;
    let ended = after.is_empty() || after.starts_with(['\r', '\n', '\\']);
    let joined = bytes.get(at) == Some(&b'=') && gap == 0;
    if bytes.get(at) == Some(&b'=') && gap > 0 && is_variable(value) {
        return None;
    }
    let form = if ended || (joined && value.len() >= 6) {
        Form::Line
    } else {
        Form::Bare
    };
    hit(value, from, key, form)
}

/// The start of a long value: enough to tell what it is.
fn sample(value: &str) -> &str {
    let end = value.floor_char_boundary(SAMPLE);
    value.get(..end).unwrap_or(value)
}

pub(super) fn hit(value: &str, from: usize, key: Key, form: Form) -> Option<Hit> {
    let (entity, score) = judge(sample(value), key, form)?;
    Some(Hit {
        span: from..from + value.len(),
        entity,
        score,
    })
}

/// What `name = value` takes from elsewhere: a variable or a member.
fn is_variable(value: &str) -> bool {
    let name = value
        .bytes()
        .all(|b| b.is_ascii_alphabetic() || b"._".contains(&b));
    name && value.contains(['_', '.'])
}

fn credentials(text: &str, key: Key) -> Option<(usize, &str)> {
    if key != Key::Authorization {
        return Some((0, text));
    }
    let inner = value::credentials(text)?;
    Some((text.len() - inner.len(), inner))
}

/// Length of the space before a value; the next line only where quotes follow.
pub(super) fn space(text: &str, lines: bool) -> usize {
    text.bytes()
        .take(NAME)
        .take_while(|b| matches!(b, b' ' | b'\t') || (lines && matches!(b, b'\r' | b'\n')))
        .count()
}

struct Name {
    /// It begins its line.
    line: bool,
}

/// The secret's name before a separator.
fn name(text: &str, at: usize) -> Option<(Key, Name)> {
    let before = text.get(..at)?.as_bytes();
    let trimmed = before.trim_ascii_end();
    if before.len() - trimmed.len() > 8 {
        return None;
    }
    // Closing quotes and brackets, and what escapes them.
    let end = trimmed
        .iter()
        .rev()
        .take(8)
        .take_while(|b| b"\"'`]\\?*".contains(b))
        .count();
    let body = trimmed.get(..trimmed.len() - end)?;
    let mut start = body.len().saturating_sub(NAME);
    if let Some(stop) = body
        .get(start..)?
        .iter()
        .rposition(|b| !(b.is_ascii_alphanumeric() || b"_-. $".contains(b)))
    {
        start += stop + 1;
    }
    let written = body.get(start..)?;
    let line_start = body
        .get(..start)
        .and_then(<[u8]>::last)
        .is_none_or(|b| *b == b'\n');
    let typed = || {
        // `name: Type = value`
        let rest = body.get(..start)?.strip_suffix(b":")?;
        let from = rest.len().saturating_sub(NAME);
        let is_type = written.trim_ascii().iter().all(u8::is_ascii_alphanumeric);
        (is_type && written.len() < 24)
            .then(|| classify_bytes(rest.get(from..)?))
            .flatten()
    };
    let key = classify_bytes(written).or_else(typed)?;
    Some((key, Name { line: line_start }))
}

/// A quoted value at the start of a text: where it is inside.
pub(super) fn quotation(text: &str) -> Option<(Range<usize>, Form)> {
    let bytes = text.as_bytes();
    // A prefix of a literal, and escapes of a text inside another.
    let prefix = bytes.iter().take_while(|b| b"fbruFBRU".contains(b)).count();
    let prefix = if prefix <= 2 { prefix } else { 0 };
    let slashes = bytes
        .get(prefix..)?
        .iter()
        .take_while(|b| **b == b'\\')
        .count();
    let quote = *bytes.get(prefix + slashes)?;
    if !matches!(quote, b'"' | b'\'' | b'`') {
        return None;
    }
    let start = prefix + slashes + 1;
    let inside = bytes.get(start..)?;
    let mut run = 0;
    for (i, byte) in inside.iter().take(QUOTED).enumerate() {
        match *byte {
            b'\\' => run += 1,
            b'\n' => return None,
            b if b == quote && run <= slashes && (run == slashes || run == 0) => {
                return Some((start..start + i - run, Form::Quoted));
            }
            _ => run = 0,
        }
    }
    None
}

/// A value without quotes. At the start of a line it may hold any sign.
fn run<'t>(text: &'t str, from: usize, line: bool, memo: &mut usize) -> &'t str {
    let bytes = text.as_bytes();
    let known = memo.checked_sub(from).filter(|length| *length > 0);
    let end = known
        .filter(|length| *length <= text.len())
        .unwrap_or_else(|| {
            let stop = |b: &u8| b.is_ascii_whitespace() || b"\"'`<>\\".contains(b);
            bytes.iter().position(stop).unwrap_or(bytes.len())
        });
    *memo = from + end;
    let word = text.get(..end).unwrap_or_default();
    let cut = word
        .bytes()
        .enumerate()
        .take(QUOTED)
        .find(|(i, b)| match b {
            b',' | b';' | b'&' => !line || names_next(word, i + 1),
            b')' | b'}' | b']' | b'|' => !line,
            _ => false,
        })
        .map_or(word.len(), |(i, _)| i);
    let value = word.get(..cut).unwrap_or_default();
    value.trim_end_matches([',', ';', '.', ':'])
}

/// `name=` or `name:` follows.
fn names_next(text: &str, from: usize) -> bool {
    let rest = text.get(from..).unwrap_or_default().as_bytes();
    let name = rest
        .iter()
        .take(NAME)
        .take_while(|b| b.is_ascii_alphanumeric() || b"_-.".contains(b))
        .count();
    name > 0 && matches!(rest.get(name), Some(b'=' | b':'))
}
