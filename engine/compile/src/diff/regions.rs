//! Regions of names: which sets of patterns have a name that they and no others match.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use regex_automata::dfa::{Automaton, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};

/// The largest automaton, and the most regions.
const MOST_BYTES: usize = 8 << 20;
/// Patterns that begin with a star and end with one: each may double the automaton.
const MOST_INNER: usize = 10;
const MOST_REGIONS: usize = 20_000;

/// A name for each region of the patterns, one that none of them matches among them. Nothing where
/// they are too many.
pub(super) fn regions<'p>(patterns: impl Iterator<Item = &'p str>) -> Option<Vec<String>> {
    let patterns: BTreeSet<&str> = patterns.collect();
    let inner = |p: &&&str| p.len() > 1 && p.starts_with('*') && p.ends_with('*');
    if patterns.iter().filter(inner).count() > MOST_INNER {
        return None;
    }
    let letters: BTreeSet<char> = patterns.iter().flat_map(|p| p.chars()).collect();
    // A character of no pattern stands for all of them: only a star matches it.
    let fresh = ('a'..='z').chain('0'..='9').chain('\u{100}'..='\u{200}');
    let fresh = fresh.into_iter().find(|c| !letters.contains(c))?;
    let mut alphabet: Vec<char> = vec![fresh];
    alphabet.extend(letters.iter().filter(|c| **c != '*'));
    let regexes: Vec<String> = patterns.iter().map(|pattern| regex(pattern)).collect();
    let automaton = dense::Builder::new()
        .configure(
            dense::Config::new()
                .match_kind(MatchKind::All)
                .dfa_size_limit(Some(MOST_BYTES))
                .determinize_size_limit(Some(MOST_BYTES)),
        )
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .thompson(thompson::Config::new().utf8(false))
        .build_many(&regexes)
        .ok()?;
    let start = automaton
        .start_state_forward(&Input::new("").anchored(Anchored::Yes))
        .ok()?;
    let mut known = HashSet::from([start]);
    let mut queue = VecDeque::from([(start, String::new())]);
    let mut found: HashMap<Vec<usize>, String> = HashMap::new();
    let mut order = Vec::new();
    while let Some((state, name)) = queue.pop_front() {
        if !name.is_empty() {
            let end = automaton.next_eoi_state(state);
            let mut matching: Vec<usize> = match automaton.is_match_state(end) {
                true => (0..automaton.match_len(end))
                    .map(|at| automaton.match_pattern(end, at).as_usize())
                    .collect(),
                false => Vec::new(),
            };
            matching.sort_unstable();
            found.entry(matching).or_insert_with(|| {
                order.push(name.clone());
                name.clone()
            });
            if order.len() > MOST_REGIONS {
                return None;
            }
        }
        for letter in &alphabet {
            let mut next = state;
            for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                next = automaton.next_state(next, byte);
            }
            if known.insert(next) {
                let mut longer = name.clone();
                longer.push(*letter);
                queue.push_back((next, longer));
            }
        }
    }
    Some(order)
}

/// The pattern as an expression over bytes, for the whole name.
fn regex(pattern: &str) -> String {
    let mut text = r"\A".to_owned();
    for byte in pattern.bytes() {
        match byte {
            b'*' => text.push_str(r"(?s-u:.)*"),
            _ => text.push_str(&format!(r"(?-u:\x{byte:02x})")),
        }
    }
    text.push_str(r"\z");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_zero_policy::Glob;

    /// Which of the patterns match.
    fn matching(patterns: &[&str], name: &str) -> Vec<bool> {
        let matches = |pattern: &&str| Glob::new(pattern).matches(name);
        patterns.iter().map(matches).collect()
    }

    #[test]
    fn every_region_has_a_name_and_each_only_one() {
        for patterns in [
            &["a", "b"][..],
            &["a*", "*b"],
            &["a*", "*a", "*a*", "aa"],
            &["get_*", "*_secret", "get_secret", "*"],
            &["a*b*c", "*b*", "abc"],
            &["é*", "*é", "日本"],
            &[],
        ] {
            let names = regions(patterns.iter().copied()).unwrap();
            let found: HashSet<_> = names.iter().map(|n| matching(patterns, n)).collect();
            assert_eq!(found.len(), names.len(), "{patterns:?}: {names:?}");
            // Every word over the letters falls into one of them.
            let letters: BTreeSet<char> = patterns.iter().flat_map(|p| p.chars()).collect();
            let mut words = vec![String::new()];
            for _ in 0..4 {
                let longer: Vec<String> = words
                    .iter()
                    .flat_map(|w| letters.iter().chain(&['~']).map(move |c| format!("{w}{c}")))
                    .take(20_000)
                    .collect();
                for word in &longer {
                    assert!(
                        found.contains(&matching(patterns, word)),
                        "{patterns:?}: {word}"
                    );
                }
                words = longer;
            }
        }
    }

    #[test]
    fn too_many_are_refused() {
        let patterns: Vec<String> = ('a'..='z').map(|c| format!("*{c}{c}{c}*")).collect();
        assert!(regions(patterns.iter().map(String::as_str)).is_none());
    }
}
