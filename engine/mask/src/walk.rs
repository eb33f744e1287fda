//! One walk over a value: what is found becomes changes of its text.

use crate::detect::{Detector, Key, classify, replaced};
use crate::known::Known;
use crate::lift::{Change, lift};
use crate::masker::MaskError;
use crate::place::{Place, Side};
use crate::{Entity, Report, base64};
use mcp_zero_wire::json::{Doc, Kind, Limits, Value, quote};
use std::collections::{BTreeMap, BTreeSet};

/// How often a text may be JSON inside of JSON.
const NESTED: u8 = 2;

/// Members whose value belongs to the name above them.
const INHERIT: [&str; 8] = [
    "value",
    "values",
    "plaintext",
    "raw",
    "current",
    "previous",
    "old",
    "new",
];
/// The same in a schema.
const EXAMPLES: [&str; 5] = ["default", "const", "enum", "example", "examples"];

pub(crate) struct Walk<'w> {
    detector: &'w Detector,
    report: &'w mut Report,
    known: &'w Known,
    secrets: BTreeMap<String, Entity>,
}

/// Where the walk is.
#[derive(Clone, Copy)]
struct At {
    place: Place,
    key: Option<Key>,
    nested: u8,
}

type Step = Result<(), MaskError>;

impl<'w> Walk<'w> {
    pub(crate) fn new(detector: &'w Detector, report: &'w mut Report, known: &'w Known) -> Self {
        Self {
            detector,
            report,
            known,
            secrets: BTreeMap::new(),
        }
    }

    /// Secrets that only their surroundings gave away.
    pub(crate) fn into_secrets(self) -> BTreeMap<String, Entity> {
        self.secrets
    }

    /// Changes of a value, ordered by place.
    pub(crate) fn value(&mut self, value: Value<'_>, place: Place, out: &mut Vec<Change>) -> Step {
        let at = At {
            place,
            key: None,
            nested: 0,
        };
        self.visit(value, at, out)
    }

    /// A text that stands alone, changed.
    pub(crate) fn alone(
        &mut self,
        text: &str,
        key: Option<&str>,
    ) -> Result<Option<String>, MaskError> {
        let changes = self.text(text, key.and_then(classify), 0)?;
        Ok((!changes.is_empty()).then(|| spliced(text, &changes)))
    }

    fn visit(&mut self, value: Value<'_>, at: At, out: &mut Vec<Change>) -> Step {
        match value.kind() {
            _ if at.place == Place::Nothing => Ok(()),
            Kind::Null | Kind::Bool => Ok(()),
            Kind::Number => {
                self.number(value, at, out);
                Ok(())
            }
            Kind::String => match at.place {
                Place::Identifier | Place::Identifiers => Ok(()),
                _ => self.string(value, at, out),
            },
            Kind::Array => {
                let at = At {
                    place: at.place.items(),
                    ..at
                };
                value.items().try_for_each(|item| self.visit(item, at, out))
            }
            Kind::Object => self.object(value, at, out),
        }
    }

    fn object(&mut self, object: Value<'_>, at: At, out: &mut Vec<Change>) -> Step {
        let mut taken = BTreeSet::new();
        for (label, value) in object.named() {
            let name = label.text().unwrap_or_default();
            let hidden = (at.place == Place::Data)
                .then(|| self.label(object, label, &mut taken, out))
                .flatten();
            let place = at.place.member(object, &name);
            if place == Place::Binary && value.kind() == Kind::String {
                self.binary(object, value, out)?;
                continue;
            }
            let key = self.key(object, hidden.as_deref().unwrap_or(&name), at);
            self.visit(
                value,
                At {
                    place,
                    key,
                    nested: at.nested,
                },
                out,
            )?;
        }
        Ok(())
    }

    /// What a member's name says of its value.
    fn key(&self, object: Value<'_>, name: &str, at: At) -> Option<Key> {
        match at.place {
            Place::Schema(Side::Input | Side::Output) if EXAMPLES.contains(&name) => at.key,
            Place::Data if INHERIT.contains(&name) && at.key.is_some() => at.key,
            // `{"name": "DB_PASSWORD", "value": "…"}`
            Place::Data | Place::Argument if name == "value" => ["name", "key"]
                .into_iter()
                .find_map(|other| object.get_text(other))
                .and_then(|other| {
                    // As it will be read once it is masked.
                    let found = self.detector.scan(&other, self.known);
                    classify(&replaced(&other, &found))
                }),
            _ => classify(name),
        }
    }

    /// A member's name may itself hold findings; the new one stays the only one of its kind.
    fn label(
        &mut self,
        object: Value<'_>,
        label: Value<'_>,
        taken: &mut BTreeSet<String>,
        out: &mut Vec<Change>,
    ) -> Option<String> {
        let text = label.text()?;
        let changes = self.found(&text);
        if changes.is_empty() {
            return None;
        }
        if taken.is_empty() {
            taken.extend(object.members().map(|(name, _)| name.into_owned()));
        }
        let mut name = spliced(&text, &changes);
        let (stem, mut count) = (name.clone(), taken.len());
        while !taken.insert(name.clone()) {
            name = format!("{stem}_{count}");
            count += 1;
        }
        out.push(Change {
            span: label.span(),
            by: quote(&name),
        });
        Some(name)
    }

    fn number(&mut self, value: Value<'_>, at: At, out: &mut Vec<Change>) {
        if matches!(
            at.place,
            Place::Identifier | Place::Identifiers | Place::Count
        ) {
            return;
        }
        self.report.scanned();
        let written = value.raw_str();
        let found = at
            .key
            .and_then(|key| self.detector.keyed(written, key))
            .or_else(|| self.detector.number(written));
        if let Some(entity) = found {
            self.report.found(entity);
            out.push(Change {
                span: value.span(),
                by: quote(entity.placeholder()),
            });
        }
    }

    fn string(&mut self, value: Value<'_>, at: At, out: &mut Vec<Change>) -> Step {
        let text = value.text().unwrap_or_default();
        let changes = self.text(&text, at.key, at.nested)?;
        if !changes.is_empty() {
            let raw = value.raw_str();
            let inside = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
            lift(changes, inside, value.span().start + 1, out);
        }
        Ok(())
    }

    fn text(&mut self, text: &str, key: Option<Key>, nested: u8) -> Result<Vec<Change>, MaskError> {
        self.report.scanned();
        if let Some(entity) = key.and_then(|key| self.detector.keyed(text, key)) {
            self.report.found(entity);
            self.secrets.insert(text.trim().to_owned(), entity);
            return Ok(vec![Change {
                span: 0..text.len(),
                by: entity.placeholder().to_owned(),
            }]);
        }
        let inner = text.trim_start();
        if nested < NESTED
            && inner.starts_with(['{', '['])
            && let Ok(doc) = Doc::scan(text.as_bytes(), &Limits::default())
        {
            let mut changes = Vec::new();
            let at = At {
                place: Place::Data,
                key,
                nested: nested + 1,
            };
            self.visit(doc.root(), at, &mut changes)?;
            return Ok(changes);
        }
        let changes = self.found(text);
        // What looked like a template may be none without its findings.
        let whole = key
            .filter(|_| !changes.is_empty())
            .and_then(|key| self.detector.keyed(&spliced(text, &changes), key));
        Ok(match whole {
            Some(entity) => vec![Change {
                span: 0..text.len(),
                by: entity.placeholder().to_owned(),
            }],
            None => changes,
        })
    }

    fn found(&mut self, text: &str) -> Vec<Change> {
        let findings = self.detector.scan(text, self.known);
        let mut changes = Vec::with_capacity(findings.len());
        for finding in findings {
            self.report.found(finding.entity);
            if finding.contextual
                && let Some(secret) = text.get(finding.span.clone())
            {
                self.secrets.insert(secret.to_owned(), finding.entity);
            }
            changes.push(Change {
                span: finding.span,
                by: finding.entity.placeholder().to_owned(),
            });
        }
        changes
    }

    /// Base64: passed where it holds bytes, read where it says that it holds text.
    fn binary(&mut self, object: Value<'_>, value: Value<'_>, out: &mut Vec<Change>) -> Step {
        let encoded = value.text().unwrap_or_default();
        if !base64::plausible(&encoded) {
            let at = At {
                place: Place::Data,
                key: None,
                nested: 0,
            };
            return self.string(value, at, out);
        }
        let media = object.get_text("mimeType").unwrap_or_default();
        if !is_textual(&media) {
            self.report.skipped();
            return Ok(());
        }
        let bytes = base64::decode(&encoded).ok_or(MaskError::Encoded)?;
        let text = String::from_utf8(bytes).map_err(|_| MaskError::Encoded)?;
        let changes = self.text(&text, None, 0)?;
        if !changes.is_empty() {
            out.push(Change {
                span: value.span(),
                by: quote(&base64::encode(spliced(&text, &changes).as_bytes())),
            });
        }
        Ok(())
    }
}

/// Media types whose bytes are text (RFC 2046 §4.1, RFC 6839).
fn is_textual(media: &str) -> bool {
    let plain = media.split(';').next().unwrap_or_default();
    let plain = plain.trim().to_ascii_lowercase();
    plain.starts_with("text/")
        || [
            "json",
            "xml",
            "yaml",
            "x-yaml",
            "javascript",
            "toml",
            "x-ndjson",
            "x-sh",
            "sql",
        ]
        .iter()
        .any(|kind| {
            plain
                .strip_suffix(kind)
                .is_some_and(|rest| rest.ends_with(['/', '+']))
        })
}

/// A text with changes that are ordered and apart.
fn spliced(text: &str, changes: &[Change]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for change in changes {
        out.push_str(text.get(at..change.span.start).unwrap_or_default());
        out.push_str(&change.by);
        at = change.span.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}
