//! Names that look like others: a tool that was denied, though a person would take it for one that
//! the policy allows, is worth a look.

use std::collections::HashMap;

use mcp_zero_compile::Compiled;
use mcp_zero_policy::Glob;
use mcp_zero_proto::{Effect, ServerScope};
use unicode_normalization::UnicodeNormalization as _;
use unicode_security::confusable_detection::skeleton;

/// The names of tools and prompts that rules allow, by what they look like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confusables(HashMap<String, String>);

impl Confusables {
    /// Those of a policy that are written out.
    pub fn of(compiled: &Compiled) -> Self {
        let allow = i32::from(Effect::Allow);
        let rules = compiled.policy.rules.iter();
        let scopes = rules.filter(|r| r.effect == allow).flat_map(|r| &r.servers);
        let patterns = |scope: &ServerScope| [scope.tools.clone(), scope.prompts.clone()];
        let names = scopes.flat_map(patterns).flatten().flat_map(|p| p.globs);
        let written_out = names.filter(|name| Glob::new(name).is_literal());
        Self::among(written_out)
    }

    fn among(names: impl Iterator<Item = String>) -> Self {
        let each = |name: String| looks(&name).map(|look| (look, name.clone()));
        Self(names.flat_map(each).collect())
    }

    /// The name that another looks like without being it.
    pub fn like(&self, name: &str) -> Option<&str> {
        let mut found = looks(name).into_iter().filter_map(|look| self.0.get(&look));
        found.find(|found| *found != name).map(String::as_str)
    }
}

/// What is the same for names that look alike: the skeletons of Unicode TS 39 §4 of the name in
/// its compatible form (NFKC), as it is and in lower case. Of a skeleton the case says nothing: a
/// nought is a capital O there.
fn looks(name: &str) -> [String; 2] {
    let plain: String = name.nfkc().collect();
    let lower = plain.to_lowercase();
    [plain, lower].map(|text| skeleton(&text).collect::<String>().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_takes_for_the_same_is_told() {
        let known = Confusables::among(["get_bill".to_owned()].into_iter());
        for name in [
            "get_Bill",
            "GET_BILL",
            "get_biII",
            "get_bi1l",
            "g\u{435}t_bill",
            "\u{ff47}\u{ff45}\u{ff54}_bill",
            "get_b\u{131}ll",
        ] {
            assert_eq!(known.like(name), Some("get_bill"), "{name}");
        }
        let known = Confusables::among(["lookup".to_owned()].into_iter());
        for name in ["l00kup", "lOOkup", "1ookup", "Iookup"] {
            assert_eq!(known.like(name), Some("lookup"), "{name}");
        }
        let known = Confusables::among(["get_bill".to_owned()].into_iter());
        for name in ["get_bill", "get_bills", "put_bill", ""] {
            assert_eq!(known.like(name), None, "{name}");
        }
    }
}
