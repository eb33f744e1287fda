//! From a regex to the automaton that filters run.
//!
//! A dense automaton may double with each step of its pattern: its size is bounded, so that a
//! policy that cannot be enforced cheaply is refused here and never met in the data path.

use regex_automata::dfa::{StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;

/// The most that one automaton, or the work on it, may take.
const MOST_BYTES: usize = 1 << 20;
/// The longest pattern.
const LONGEST: usize = 1024;

/// Why a pattern is no automaton.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AutomatonError {
    /// It is not a regex.
    #[error("not a regex: {0}")]
    Syntax(String),
    /// It takes more than there is for one.
    #[error("the regex takes more than {} KiB as an automaton", MOST_BYTES >> 10)]
    TooLarge,
}

/// The automaton of `\A(?:pattern)\z`, little endian.
///
/// # Errors
/// The pattern is no regex of the Rust `regex` crate, or is too large.
pub(crate) fn automaton(pattern: &str) -> Result<Vec<u8>, AutomatonError> {
    if pattern.len() > LONGEST {
        return Err(AutomatonError::TooLarge);
    }
    // By itself first: what it opens it must also close.
    syntax::parse(pattern).map_err(|e| {
        let told = e.to_string();
        let last = told.lines().last().unwrap_or_default();
        AutomatonError::Syntax(last.trim_start_matches("error: ").to_owned())
    })?;
    let nfa = thompson::Compiler::new()
        .configure(thompson::Config::new().nfa_size_limit(Some(MOST_BYTES)))
        .build(&format!(r"\A(?:{pattern})\z"))
        .map_err(|e| match e.size_limit() {
            Some(_) => AutomatonError::TooLarge,
            None => AutomatonError::Syntax(e.to_string()),
        })?;
    let (bytes, padding) = dense::Builder::new()
        .configure(
            dense::Config::new()
                .start_kind(StartKind::Anchored)
                .dfa_size_limit(Some(MOST_BYTES))
                .determinize_size_limit(Some(MOST_BYTES)),
        )
        .build_from_nfa(&nfa)
        .map_err(|e| match e.is_size_limit_exceeded() {
            true => AutomatonError::TooLarge,
            false => AutomatonError::Syntax(e.to_string()),
        })?
        .to_bytes_little_endian();
    Ok(bytes.get(padding..).unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_zero_policy::Regex;

    #[test]
    fn whole_texts_match() {
        for (pattern, text, wanted) in [
            ("a|b", "a", true),
            ("a|b", "ab", false),
            ("a|b", "xb", false),
            ("^a$", "a", true),
            ("(?i)straße", "STRAßE", true),
            ("[a-z]{2,3}", "abcd", false),
            ("", "", true),
            ("", "x", false),
            (".*", "a\nb", false),
            ("(?s).*", "a\nb", true),
            (r"\d+", "٣", true),
            (r"(?-u:\d)+", "12", true),
            ("é+", "éé", true),
        ] {
            let bytes = automaton(pattern).unwrap();
            let regex = Regex::from_automaton(pattern, &bytes).unwrap();
            assert_eq!(regex.matches(text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused_at_once() {
        for pattern in ["(a|b)*a(a|b){40}", r"\w{500}{500}", &"a".repeat(1025)] {
            assert_eq!(
                automaton(pattern),
                Err(AutomatonError::TooLarge),
                "{pattern}"
            );
        }
        for pattern in ["(", "a)|(b", "[z-a]", r"\1", r"(?=a)", r"a\b"] {
            let found = automaton(pattern);
            assert!(
                matches!(found, Err(AutomatonError::Syntax(_))),
                "{pattern} {found:?}"
            );
        }
    }

    #[test]
    fn a_changed_automaton_is_refused_or_runs() {
        let bytes = automaton("[ab]*c").unwrap();
        assert!(Regex::from_automaton("x", &bytes[1..]).is_none());
        assert!(Regex::from_automaton("x", b"").is_none());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            if let Some(regex) = Regex::from_automaton("x", &changed) {
                let _ = regex.matches("abcabc");
            }
        }
    }
}
