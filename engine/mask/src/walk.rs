//! One walk over a value: what is found becomes changes of its text.

use crate::detect::{Detector, Key, MOST_FINDINGS, classify, replaced};
use crate::known::{self, Known};
use crate::lift::{Change, lift};
use crate::masker::MaskError;
use crate::place::{Place, Side};
use crate::{Entity, Report, base64};
use mcp_zero_wire::json::{Doc, Kind, Limits, Value, quote};
use std::collections::{BTreeMap, BTreeSet};

/// How often a text may be JSON inside of JSON.
const NESTED: u8 = 2;

/// Values and names of a text inside of another, and its line breaks: each takes memory.
const NODES: usize = 500_000;
const BREAKS: usize = 1_000_000;
/// Keywords that leave a message's output schemas.
const MOST_GONE: usize = 200_000;

/// Members that name what another one holds.
const NAMES: [&str; 8] = [
    "name", "key", "field", "label", "Name", "Key", "Field", "Label",
];
/// Those that hold it.
const VALUES: [&str; 6] = ["value", "content", "text", "Value", "Content", "Text"];
/// Members of a schema whose value belongs to the name above them.
const EXAMPLES: [&str; 5] = ["default", "const", "enum", "example", "examples"];

pub(crate) struct Walk<'w> {
    detector: &'w Detector,
    report: &'w mut Report,
    known: &'w Known,
    secrets: BTreeMap<String, Entity>,
    /// Findings so far.
    count: usize,
    /// Keywords that leave schemas.
    gone: usize,
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
            count: 0,
            gone: 0,
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
            _ if at.place == Place::Nothing => {
                self.gone += 1;
                few(self.gone, MOST_GONE)
            }
            Kind::Null | Kind::Bool => Ok(()),
            Kind::Number => self.number(value, at, out),
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
            let hidden = if at.place == Place::Data {
                self.label(object, label, &mut taken, out)?
            } else {
                None
            };
            let place = at.place.member(object, &name);
            if place == Place::Binary && value.kind() == Kind::String {
                self.binary(object, value, out)?;
                continue;
            }
            let key = self.key(object, hidden.as_deref().unwrap_or(&name), at)?;
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

    /// What a member's name says of its value; what a container is called holds for all
    /// that is in it.
    fn key(&self, object: Value<'_>, name: &str, at: At) -> Result<Option<Key>, MaskError> {
        let above = at.key.filter(|_| at.place == Place::Data);
        Ok(match at.place {
            Place::Schema(Side::Input | Side::Output) if EXAMPLES.contains(&name) => at.key,
            Place::Data | Place::Argument if VALUES.contains(&name) => {
                self.beside(object, above)?.or(above)
            }
            _ => classify(name).or(above),
        })
    }

    /// `{"name": "DB_PASSWORD", "value": "…"}`
    fn beside(&self, object: Value<'_>, above: Option<Key>) -> Result<Option<Key>, MaskError> {
        for name in NAMES {
            let Some(other) = object.get_text(name) else {
                continue;
            };
            // As it will be read once it is masked.
            let key = match above.and_then(|key| self.detector.keyed(&other, key)) {
                Some(entity) => classify(entity.placeholder()),
                None => {
                    let found = self.detector.scan(&other, self.known)?;
                    classify(&replaced(&other, &found))
                }
            };
            if key.is_some() {
                return Ok(key);
            }
        }
        Ok(None)
    }

    /// A member's name may itself hold findings; the new one stays the only one of its kind.
    fn label(
        &mut self,
        object: Value<'_>,
        label: Value<'_>,
        taken: &mut BTreeSet<String>,
        out: &mut Vec<Change>,
    ) -> Result<Option<String>, MaskError> {
        let text = label.text().unwrap_or_default();
        let changes = self.found(&text)?;
        if changes.is_empty() {
            return Ok(None);
        }
        if taken.is_empty() {
            // No other name can be like a new one.
            for (name, _) in object.members() {
                if Entity::ALL.iter().any(|e| name.contains(e.placeholder())) {
                    taken.insert(name.into_owned());
                    few(taken.len(), MOST_FINDINGS)?;
                }
            }
        }
        let mut name = spliced(&text, &changes);
        let (stem, mut count) = (name.clone(), object.len() + taken.len());
        while !taken.insert(name.clone()) {
            name = format!("{stem}_{count}");
            count += 1;
        }
        out.push(Change {
            span: label.span(),
            by: quote(&name),
        });
        Ok(Some(name))
    }

    /// Counts a finding.
    fn hit(&mut self, entity: Entity) -> Step {
        self.report.found(entity);
        self.count += 1;
        few(self.count, MOST_FINDINGS)
    }

    /// Remembers a secret that may stand elsewhere.
    fn secret(&mut self, text: &str, entity: Entity) {
        if text.len() <= known::MOST {
            self.secrets.insert(text.to_owned(), entity);
        }
    }

    fn number(&mut self, value: Value<'_>, at: At, out: &mut Vec<Change>) -> Step {
        if matches!(
            at.place,
            Place::Identifier | Place::Identifiers | Place::Count
        ) {
            return Ok(());
        }
        self.report.scanned();
        let written = value.raw_str();
        let found = at
            .key
            .and_then(|key| self.detector.keyed(written, key))
            .or_else(|| self.detector.number(written));
        if let Some(entity) = found {
            self.hit(entity)?;
            out.push(Change {
                span: value.span(),
                by: quote(entity.placeholder()),
            });
        }
        Ok(())
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
            self.hit(entity)?;
            self.secret(text.trim(), entity);
            return Ok(vec![Change {
                span: 0..text.len(),
                by: entity.placeholder().to_owned(),
            }]);
        }
        let inner = text.trim_start();
        if nested < NESTED
            && inner.starts_with(['{', '['])
            && text.bytes().filter(|b| matches!(b, b'\r' | b'\n')).count() <= BREAKS
            && let Ok(doc) = Doc::scan(
                text.as_bytes(),
                &Limits {
                    max_nodes: NODES,
                    ..Limits::default()
                },
            )
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
        let changes = self.found(text)?;
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

    fn found(&mut self, text: &str) -> Result<Vec<Change>, MaskError> {
        let findings = self.detector.scan(text, self.known)?;
        let mut changes = Vec::with_capacity(findings.len());
        for finding in findings {
            self.hit(finding.entity)?;
            if finding.contextual
                && let Some(secret) = text.get(finding.span.clone())
            {
                self.secret(secret, finding.entity);
            }
            changes.push(Change {
                span: finding.span,
                by: finding.entity.placeholder().to_owned(),
            });
        }
        Ok(changes)
    }

    /// Base64: passed where it holds bytes, read where it says that it holds text.
    fn binary(&mut self, object: Value<'_>, value: Value<'_>, out: &mut Vec<Change>) -> Step {
        let encoded = value.text().unwrap_or_default();
        let media = object.get_text("mimeType").unwrap_or_default();
        let textual = is_textual(&media) && base64::plausible(&encoded);
        if !textual && !base64::binary(&encoded) {
            let at = At {
                place: Place::Data,
                key: None,
                nested: 0,
            };
            return self.string(value, at, out);
        }
        if !textual {
            self.report.skipped();
            return Ok(());
        }
        let bytes = base64::decode(&encoded).ok_or(MaskError::Encoded)?;
        drop(encoded);
        let text = String::from_utf8(bytes).map_err(|_| MaskError::Encoded)?;
        let changes = self.text(&text, None, 0)?;
        if !changes.is_empty() {
            let masked = spliced(&text, &changes);
            drop(text);
            let mut by = mcp_zero_wire::base64::encode(masked.as_bytes());
            drop(masked);
            by.insert(0, '"');
            by.push('"');
            out.push(Change {
                span: value.span(),
                by,
            });
        }
        Ok(())
    }
}

fn few(count: usize, most: usize) -> Step {
    if count > most {
        return Err(MaskError::TooMany);
    }
    Ok(())
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
    // A large text that outgrows its room would be copied into twice as much.
    let more: usize = changes.iter().map(|change| change.by.len()).sum();
    let mut out = String::with_capacity(text.len() + more);
    let mut at = 0;
    for change in changes {
        out.push_str(text.get(at..change.span.start).unwrap_or_default());
        out.push_str(&change.by);
        at = change.span.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}
