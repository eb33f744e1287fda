//! The table of keys says what the readers read, and what is committed says what the table says.

use super::*;
use crate::document::seen;
use crate::schema;

const REFERENCE: &str = include_str!("../../../../policies/reference.yaml");
const LEGACY: &str =
    "version: 1\nservers: []\nmasking: {presidio: {enabled: true, entities: [EMAIL_ADDRESS]}}\n";

#[test]
fn the_table_has_the_keys_that_are_read_and_no_other() {
    let ((), seen) = seen::during(|| {
        for text in [REFERENCE, LEGACY] {
            let _ = compile(yaml(text), &environment());
        }
    });
    let mut read: Vec<_> = seen
        .iter()
        .filter(|key| key.built)
        .map(|key| (key.what, key.key))
        .collect();
    let mut table = schema::keys();
    read.sort_unstable();
    read.dedup();
    table.sort_unstable();
    assert_eq!(table, read);
}

#[test]
fn what_is_committed_is_current() {
    let committed = include_str!("../../../../docs/policy.schema.json");
    let made = format!("{:#}\n", json_schema());
    assert!(
        committed == made,
        "run `mcp-zero schema > docs/policy.schema.json`"
    );
    let committed = include_str!("../../../../docs/policy-reference.md");
    assert!(
        committed == reference(),
        "run `mcp-zero schema --format markdown > docs/policy-reference.md`"
    );
}
