//! `plugins[]` and the older section `masking`

use mcp_zero_mask::Entity;

use super::fields::{Fields, Key, flag, not_supported, text, texts, whole, wrong_type};
use crate::code::Code;
use crate::node::{Node, Value};
use crate::notes::Notes;
use crate::render::quoted;
use crate::suggest;

/// The one plugin of this build.
pub(crate) const MASKING: &str = "presidio-masking";

/// Plugins of the language that this build does not have.
const LATER: [&str; 3] = ["github-repo-filter", "rate-limit", "list-cache"];

/// Where masking runs unless the policy says otherwise.
const PRIORITY: u32 = 75;

/// One declared masking plugin.
#[derive(Debug, Clone)]
pub(crate) struct Masking {
    pub(crate) name: String,
    pub(crate) priority: u32,
    pub(crate) entities: Vec<Entity>,
    pub(crate) threshold_milli: u32,
}

/// Reads both spellings; the result is ordered by priority, then as in the file.
pub(super) fn read(
    plugins: Option<&Node>,
    masking: Option<(&std::ops::Range<usize>, &Node)>,
    notes: &mut Notes<'_>,
) -> Vec<Masking> {
    let mut found = Vec::new();
    if let Some(node) = plugins {
        match &node.value {
            Value::List(items) => declared(items, &mut found, notes),
            _ => wrong_type(node, "a list of plugins", notes),
        }
    }
    if let Some((key_span, node)) = masking {
        let older = older(node, notes);
        let twice = plugins.is_some_and(declares_masking);
        if twice {
            notes.advise(
                key_span,
                Code::MaskingTwice,
                "`masking` and the plugin `presidio-masking` are both there",
                "keep the plugin: one of the two could mask less than the other",
            );
        } else {
            notes.warn(
                key_span,
                Code::OldMasking,
                "`masking.presidio` is the older spelling",
                "declare the plugin: plugins: [{name: presidio-masking, config: {entities: […]}}]",
            );
        }
        found.extend(older);
    }
    found.sort_by_key(|masking| masking.priority);
    found
}

fn declares_masking(node: &Node) -> bool {
    let Value::List(items) = &node.value else {
        return false;
    };
    items.iter().any(|item| {
        let Value::Map(entries) = &item.value else {
            return false;
        };
        let is_named = |key: &str| {
            entries
                .iter()
                .any(|e| e.key == key && e.node.value == Value::Text(MASKING.to_owned()))
        };
        is_named("package") || is_named("name")
    })
}

fn declared(items: &[Node], found: &mut Vec<Masking>, notes: &mut Notes<'_>) {
    let keys = [
        Key::Built("name"),
        Key::Built("package"),
        Key::Built("priority"),
        Key::Built("config"),
    ];
    let mut names: Vec<&str> = Vec::new();
    for item in items {
        let Some(fields) = Fields::open(item, "plugins[]", &keys, notes) else {
            continue;
        };
        let name = fields
            .require("name", notes)
            .and_then(|node| text(node, notes));
        if let Some(name) = &name {
            if names.contains(&name.value) {
                let message = format!("there is a plugin {} already", quoted(name.value));
                notes.error(&name.span, Code::NotUnique, message);
            }
            if name.value.contains(char::is_whitespace) || name.value.contains(',') {
                let message = "the name of a plugin has neither spaces nor commas";
                notes.error(&name.span, Code::UnsuitableText, message);
            }
            names.push(name.value);
        }
        let package = match fields.get("package") {
            Some(node) => text(node, notes),
            None => name.clone(),
        };
        let Some(package) = package else { continue };
        if package.value != MASKING {
            unknown(package.value, &package.span, notes);
            continue;
        }
        let priority = fields
            .get("priority")
            .and_then(|node| priority(node, notes));
        let config = match fields.get("config") {
            Some(node) => config(node, notes),
            None => {
                let message =
                    "`config` is missing in plugins[]: `presidio-masking` needs `entities`";
                notes.error(fields.span(), Code::MissingKey, message);
                None
            }
        };
        if let (Some(name), Some((entities, threshold_milli))) = (name, config) {
            found.push(Masking {
                name: name.value.to_owned(),
                priority: priority.unwrap_or(PRIORITY),
                entities,
                threshold_milli,
            });
        }
    }
}

fn unknown(package: &str, span: &std::ops::Range<usize>, notes: &mut Notes<'_>) {
    if LATER.contains(&package) {
        let subject = format!("the plugin {}", quoted(package));
        not_supported(span, &subject, "this build has `presidio-masking`", notes);
    } else {
        let names: Vec<&str> = LATER.into_iter().chain([MASKING]).collect();
        let help = match notes.nearest(package, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "this build has `presidio-masking`".to_owned(),
        };
        let message = format!("there is no plugin {}", quoted(package));
        notes.advise(span, Code::UnknownPlugin, message, help);
    }
}

fn priority(node: &Node, notes: &mut Notes<'_>) -> Option<u32> {
    let priority = whole(node, 0..=u32::MAX, notes)?;
    match priority {
        70..=139 => Some(priority),
        20..=49 => {
            let subject = "masking before governance";
            let help = "give it a priority from 70 to 139, or leave it out (75)";
            not_supported(&node.span, subject, help, notes);
            None
        }
        _ => {
            let message = format!("the priority {priority} is in no band of plugins");
            let help = "the bands are 20 to 49, 70 to 99 and 100 to 139";
            notes.advise(&node.span, Code::Priority, message, help);
            None
        }
    }
}

fn config(node: &Node, notes: &mut Notes<'_>) -> Option<(Vec<Entity>, u32)> {
    let keys = [
        Key::Built("entities"),
        Key::Built("score_threshold"),
        Key::Later("language"),
        Key::Later("allow_list"),
        Key::Later("deny_list"),
        Key::Later("operators"),
        Key::Later("scope"),
    ];
    let fields = Fields::open(node, "the config of presidio-masking", &keys, notes)?;
    let threshold = fields
        .get("score_threshold")
        .map(|node| threshold(node, notes));
    let entities = fields
        .require("entities", notes)
        .and_then(|node| entities(node, notes))?;
    Some((entities, threshold.flatten().unwrap_or_default()))
}

/// From 0 to 1, in thousandths.
fn threshold(node: &Node, notes: &mut Notes<'_>) -> Option<u32> {
    let number = match node.value {
        Value::Integer(0) => 0.0,
        Value::Integer(1) => 1.0,
        Value::Integer(_) => -1.0,
        Value::Decimal(number) => number,
        _ => {
            wrong_type(node, "a number", notes);
            return None;
        }
    };
    if !(0.0..=1.0).contains(&number) {
        let message = "the number must be from 0 to 1";
        notes.error(&node.span, Code::OutOfRange, message);
        return None;
    }
    // Rounded down: a lower threshold masks more.
    (0..=1000u32)
        .rev()
        .find(|milli| f64::from(*milli) <= number * 1000.0)
}

fn entities(node: &Node, notes: &mut Notes<'_>) -> Option<Vec<Entity>> {
    let names = texts(node, "entities", notes)?;
    let known: Vec<&str> = Entity::ALL.into_iter().map(Entity::name).collect();
    let mut entities = Vec::new();
    for name in &names {
        match Entity::parse(name.value) {
            Ok(entity) => entities.push(entity),
            Err(_) => {
                let help = match notes.nearest(name.value, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("this build masks {}", suggest::list(&known)),
                };
                let subject = format!("the entity {}", quoted(name.value));
                not_supported(&name.span, &subject, &help, notes);
            }
        }
    }
    Some(entities)
}

fn older(node: &Node, notes: &mut Notes<'_>) -> Option<Masking> {
    let fields = Fields::open(node, "masking", &[Key::Built("presidio")], notes)?;
    let keys = [Key::Built("enabled"), Key::Built("entities")];
    let presidio = fields.require("presidio", notes)?;
    let fields = Fields::open(presidio, "masking.presidio", &keys, notes)?;
    let enabled = match fields.get("enabled") {
        Some(node) => flag(node, notes),
        None => Some(true),
    };
    let entities = fields
        .require("entities", notes)
        .and_then(|node| entities(node, notes));
    if let (Some(false), Some(node)) = (enabled, fields.get("enabled")) {
        let message = "masking is configured, but switched off";
        let help = "nothing is masked; set `enabled: true`, or take the section away";
        notes.warn(&node.span, Code::MaskingOff, message, help);
        return None;
    }
    Some(Masking {
        name: MASKING.to_owned(),
        priority: PRIORITY,
        entities: entities?,
        threshold_milli: 0,
    })
}
