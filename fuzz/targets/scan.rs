//! The JSON reader: what it takes every strict reader takes, and no edits change no byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_zero_wire::json::{Doc, Edits, Kind, Limits, Value};
use serde_json::value::RawValue;

fn walk(value: Value<'_>) -> usize {
    let inner: usize = match value.kind() {
        Kind::Object => value
            .named()
            .map(|(name, value)| walk(name) + walk(value))
            .sum(),
        Kind::Array => value.items().map(walk).sum(),
        Kind::String => value.text().map_or(0, |text| usize::from(text.is_empty())),
        Kind::Number | Kind::Bool | Kind::Null => 0,
    };
    inner + 1
}

fuzz_target!(|data: &[u8]| {
    let Ok(doc) = Doc::scan(data, &Limits::default()) else {
        return;
    };
    assert!(walk(doc.root()) > 0);
    // As text: numbers beyond those of a machine are JSON, too.
    let text = std::str::from_utf8(data).expect("UTF-8");
    let other: &RawValue = serde_json::from_str(text).expect("a strict reader takes it");
    assert_eq!(other.get().starts_with('{'), doc.root().is_object());
    assert_eq!(Edits::default().apply(data).expect("no edits"), data);
    let mut edits = Edits::default();
    edits.blank_line_breaks(&doc);
    let blanked = edits.apply(data).expect("blanks in place of line breaks");
    assert_eq!(blanked.len(), data.len());
    let values = [data, &blanked].map(serde_json::from_slice::<serde_json::Value>);
    if let [Ok(before), Ok(after)] = values {
        assert_eq!(before, after, "line breaks between tokens mean nothing");
    }
});
