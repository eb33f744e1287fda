//! Regexes of policies, as automata: compiled elsewhere, run here.

use regex_automata::dfa::{Automaton as _, dense::DFA};
use regex_automata::{Anchored, Input};

/// Automata are read in words of this size, in place.
const WORD: usize = 4;

/// A pattern that a whole text matches or does not, in time linear in the text.
#[derive(Clone)]
pub struct Regex {
    pattern: Box<str>,
    automaton: Box<DFA<Vec<u32>>>,
}

impl Regex {
    /// Takes an automaton for `\A(?:pattern)\z`, little endian; none where it is not a whole one
    /// for this machine.
    pub fn from_automaton(pattern: &str, bytes: &[u8]) -> Option<Self> {
        let mut room = vec![0u8; bytes.len().checked_add(WORD)?];
        let begin = room.as_ptr().align_offset(WORD);
        let aligned = room.get_mut(begin..begin.checked_add(bytes.len())?)?;
        aligned.copy_from_slice(bytes);
        let (automaton, read) = DFA::from_bytes(aligned).ok()?;
        (read == bytes.len()).then(|| Self {
            pattern: pattern.into(),
            automaton: Box::new(automaton.to_owned()),
        })
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        let input = Input::new(text).anchored(Anchored::Yes);
        match self.automaton.try_search_fwd(&input) {
            Ok(Some(found)) => found.offset() == text.len(),
            // An automaton of ours never gives up; one that did would have matched nothing.
            Ok(None) | Err(_) => false,
        }
    }

    /// As it was written.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }
}

/// Equal patterns make equal automata.
impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

impl std::fmt::Debug for Regex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Regex").field(&self.pattern).finish()
    }
}
