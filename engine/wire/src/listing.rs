//! Lists of tools, prompts and resources inside results.

use crate::json::{Edits, Kind, Value};
use crate::method::ListKind;
use crate::rpc::has_other;
use crate::target::can_be_asked_for;

/// How many items of a list stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing {
    /// Items that stay.
    pub kept: usize,
    /// Items that are taken out.
    pub removed: usize,
}

/// Why a list cannot be filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the list cannot be read")]
pub struct ListingError;

impl ListKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::Tools,
        Self::Prompts,
        Self::Resources,
        Self::ResourceTemplates,
    ];

    /// The result's member that holds the list.
    pub fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::ResourceTemplates => "resourceTemplates",
        }
    }

    /// The item's member that names it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Tools | Self::Prompts => "name",
            Self::Resources => "uri",
            Self::ResourceTemplates => "uriTemplate",
        }
    }
}

/// Takes out the items that are not to be seen, and those whose name means another thing to
/// another reader or that nobody could ask for; the order of the others is kept.
///
/// # Errors
/// [`ListingError`] when the list or the name of an item cannot be read.
pub fn filter(
    result: Value<'_>,
    kind: ListKind,
    mut keep: impl FnMut(&str) -> bool,
    edits: &mut Edits,
) -> Result<Listing, ListingError> {
    let list = result.get(kind.member()).ok_or(ListingError)?;
    if list.kind() != Kind::Array {
        return Err(ListingError);
    }
    let key = kind.key();
    let named = |item: Value<'_>| {
        let name = item.get_text(key)?;
        Some(!has_other(item, &[key]) && can_be_asked_for(kind, &name) && keep(&name))
    };
    let names: Option<Vec<bool>> = list.items().map(named).collect();
    let names = names.ok_or(ListingError)?;
    let removed = edits.remove_items(list, |i, _| names.get(i).is_some_and(|stays| *stays));
    Ok(Listing {
        kept: names.len().saturating_sub(removed),
        removed,
    })
}

/// Whether a result has a member that some readers take for one of its lists or for requests to
/// the client, though it is spelt otherwise.
pub fn is_ambiguous(result: Value<'_>) -> bool {
    const DECIDES: &[&str] = &[
        "tools",
        "prompts",
        "resources",
        "resourceTemplates",
        "inputRequests",
    ];
    has_other(result, DECIDES)
}

/// The lists that a result holds by its shape, for answers whose request is not known.
pub fn kinds(result: Value<'_>) -> impl Iterator<Item = ListKind> {
    ListKind::ALL.into_iter().filter(move |kind| {
        result
            .get(kind.member())
            .is_some_and(|v| v.kind() == Kind::Array)
    })
}

/// A list that was made for one caller may not be shared: `cacheScope` becomes private.
pub fn make_private(result: Value<'_>, edits: &mut Edits) {
    if let Some(scope) = result.get("cacheScope")
        && scope.text().as_deref() != Some("private")
    {
        edits.replace(scope.span(), *b"\"private\"");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Doc, Limits};

    fn filtered(text: &str, kind: ListKind, keep: &[&str]) -> Result<String, ListingError> {
        let doc = Doc::scan(text.as_bytes(), &Limits::default()).unwrap();
        let mut edits = Edits::default();
        filter(doc.root(), kind, |n| keep.contains(&n), &mut edits)?;
        make_private(doc.root(), &mut edits);
        Ok(String::from_utf8(edits.apply(text.as_bytes()).unwrap()).unwrap())
    }

    #[test]
    fn items_leave_and_the_rest_stays_as_it_was() {
        let text = r#"{"tools":[{"name":"a","x":1.0},{"name":"b"},{"name":"c"}],"nextCursor":"n","cacheScope":"public"}"#;
        assert_eq!(
            filtered(text, ListKind::Tools, &["a", "c"]).unwrap(),
            r#"{"tools":[{"name":"a","x":1.0},{"name":"c"}],"nextCursor":"n","cacheScope":"private"}"#
        );
        let text = r#"{"resourceTemplates":[{"uriTemplate":"x://{y}"}]}"#;
        assert_eq!(
            filtered(text, ListKind::ResourceTemplates, &[]).unwrap(),
            r#"{"resourceTemplates":[]}"#
        );
    }

    #[test]
    fn items_of_two_names_and_of_none_that_can_be_asked_for_leave() {
        let keep = |text: &str, kind: ListKind| {
            let doc = Doc::scan(text.as_bytes(), &Limits::default()).unwrap();
            filter(doc.root(), kind, |_| true, &mut Edits::default())
        };
        for (text, kind) in [
            (r#"{"tools":[{"name":"a","Name":"b"}]}"#, ListKind::Tools),
            (r#"{"tools":[{"name":"a b"}]}"#, ListKind::Tools),
            (r#"{"tools":[{"name":""}]}"#, ListKind::Tools),
            (r#"{"prompts":[{"name":" a"}]}"#, ListKind::Prompts),
            (
                r#"{"resources":[{"uri":"FILE:///x"}]}"#,
                ListKind::Resources,
            ),
            (
                r#"{"resources":[{"uri":"file:///x","URI":"file:///y"}]}"#,
                ListKind::Resources,
            ),
            (
                r#"{"resourceTemplates":[{"uriTemplate":"a://b/{c}","uri_template":"a://d"}]}"#,
                ListKind::ResourceTemplates,
            ),
        ] {
            let found = keep(text, kind).unwrap();
            assert_eq!((found.kept, found.removed), (0, 1), "{text}");
        }
        // Templates stand for URIs of normal form whatever they look like.
        for template in [
            "file://{+path}",
            "db://{host}:{port}/{db}",
            "https://api.x{?q}",
        ] {
            let text = format!("{{\"resourceTemplates\":[{{\"uriTemplate\":\"{template}\"}}]}}");
            assert_eq!(
                keep(&text, ListKind::ResourceTemplates).unwrap().kept,
                1,
                "{text}"
            );
        }
        let doc = |text: &str| {
            let doc = Doc::scan(text.as_bytes(), &Limits::default()).unwrap();
            is_ambiguous(doc.root())
        };
        for name in [
            "Tools",
            "TOOLS",
            "tool\u{17f}",
            "resource_templates",
            "InputRequests",
            "input-requests",
        ] {
            assert!(doc(&format!("{{\"{name}\":[]}}")), "{name}");
        }
        assert!(!doc(r#"{"tools":[],"content":[],"Title":1,"tool":1}"#));
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for text in [
            r#"{"tools":{}}"#,
            "{}",
            r#"{"tools":[{"title":"x"}]}"#,
            r#"{"tools":[1]}"#,
        ] {
            assert_eq!(
                filtered(text, ListKind::Tools, &[]),
                Err(ListingError),
                "{text}"
            );
        }
    }
}
