//! The few bytes of a message that the bridge changes: ids, tokens and line ends. All else
//! leaves as it came.

use std::ops::Range;

use bytes::Bytes;
use mcp_zero_wire::json::{Doc, EditError, Edits, Value};

/// `_meta` member that ties a notification to a `subscriptions/listen` (2026-07-28).
pub(crate) const META_SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// Where an id stands in its document.
pub(crate) fn id_span(root: Value<'_>) -> Option<Range<usize>> {
    root.get("id").map(Value::span)
}

/// The progress token that a request brings.
pub(crate) fn progress_token(params: Option<Value<'_>>) -> Option<Value<'_>> {
    params?.get("_meta")?.get("progressToken")
}

/// The subscription that a message of a server belongs to.
pub(crate) fn subscription(body: Option<Value<'_>>) -> Option<Value<'_>> {
    body?.get("_meta")?.get(META_SUBSCRIPTION)
}

/// The number in a token that the bridge gave out; some servers turn numbers to strings.
pub(crate) fn given_number(value: Value<'_>) -> Option<u64> {
    match value.text() {
        Some(text) => text.parse().ok(),
        None => value.raw_str().parse().ok(),
    }
}

/// A message for a child: one line, with the bridge's own id and tokens. Line ends between
/// tokens become spaces; what some readers take for a line end inside a string is escaped.
///
/// # Errors
/// Two of the spans overlap.
pub(crate) fn line(doc: &Doc<'_>, spans: &[(Range<usize>, &str)]) -> Result<Bytes, EditError> {
    let mut edits = Edits::default();
    for (span, by) in spans {
        edits.replace(span.clone(), *by);
    }
    edits.blank_line_breaks(doc);
    let end = doc.src().len();
    edits.replace(end..end, "\n");
    Ok(without_separators(edits.apply(doc.src())?).into())
}

/// A message for a client with its own ids and tokens.
///
/// # Errors
/// Two of the spans overlap.
pub(crate) fn restored(doc: &Doc<'_>, spans: &[(Range<usize>, &str)]) -> Result<Bytes, EditError> {
    let mut edits = Edits::default();
    for (span, by) in spans {
        edits.replace(span.clone(), *by);
    }
    Ok(edits.apply(doc.src())?.into())
}

/// U+0085, U+2028 and U+2029 can stand only inside strings, where an escape means the same.
fn without_separators(line: Vec<u8>) -> Vec<u8> {
    let separator = |rest: &[u8]| -> Option<(usize, &'static [u8])> {
        if rest.starts_with(b"\xc2\x85") {
            Some((2, b"\\u0085"))
        } else if rest.starts_with(b"\xe2\x80\xa8") {
            Some((3, b"\\u2028"))
        } else if rest.starts_with(b"\xe2\x80\xa9") {
            Some((3, b"\\u2029"))
        } else {
            None
        }
    };
    let mut out = Vec::new();
    let mut kept = 0;
    for at in memchr::memchr2_iter(0xc2, 0xe2, &line) {
        if let Some((length, escape)) = separator(line.get(at..).unwrap_or_default()) {
            out.extend_from_slice(line.get(kept..at).unwrap_or_default());
            out.extend_from_slice(escape);
            kept = at + length;
        }
    }
    if kept == 0 {
        return line;
    }
    out.extend_from_slice(line.get(kept..).unwrap_or_default());
    out
}

/// The spelling of a subscription id towards the client: a child that made a string of a number
/// gets a string of the client's id.
pub(crate) fn subscription_spelling(from_child: Value<'_>, id: &str) -> String {
    if from_child.text().is_some() && !id.starts_with('"') {
        format!("\"{id}\"")
    } else {
        id.to_owned()
    }
}

#[cfg(test)]
mod tests;
