//! The one pattern language: `*` stands for any run of characters, everything else for itself.

/// A pattern over names, compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    written: Box<str>,
    /// The literal pieces between the stars; one piece means no star.
    pieces: Box<[Box<str>]>,
}

impl Glob {
    /// Every text is a pattern.
    pub fn new(pattern: &str) -> Self {
        Self {
            written: pattern.into(),
            pieces: pattern.split('*').map(Into::into).collect(),
        }
    }

    /// As it was written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// True for a pattern of stars only.
    pub fn is_any(&self) -> bool {
        self.pieces.len() > 1 && self.pieces.iter().all(|p| p.is_empty())
    }

    /// True when the pattern holds no star.
    pub fn is_literal(&self) -> bool {
        self.pieces.len() == 1
    }

    /// The literal text before the first star and after the last one.
    pub(crate) fn ends(&self) -> (&str, &str) {
        match &*self.pieces {
            [first, .., last] => (first, last),
            [only] => (only, only),
            [] => ("", ""),
        }
    }

    /// Whether the whole name matches; linear in its length for each piece, without backtracking.
    pub fn matches(&self, name: &str) -> bool {
        match &*self.pieces {
            [] => name.is_empty(),
            [exact] => **exact == *name,
            [first, middle @ .., last] => {
                let rest = name.strip_prefix(&**first);
                let Some(mut rest) = rest.and_then(|r| r.strip_suffix(&**last)) else {
                    return false;
                };
                // The leftmost place of each piece leaves the most for the next.
                for piece in middle {
                    let Some(at) = rest.find(&**piece) else {
                        return false;
                    };
                    rest = rest.get(at + piece.len()..).unwrap_or_default();
                }
                true
            }
        }
    }
}

impl std::fmt::Display for Glob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.written)
    }
}
