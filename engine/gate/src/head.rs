//! Headers as bytes: a client may send values that are not UTF-8.

/// Headers in order, names in lower case as Envoy gives them.
#[derive(Debug, Default, Clone)]
pub struct Headers(Vec<(Vec<u8>, Vec<u8>)>);

impl Headers {
    /// Takes the pairs as the host gave them.
    pub fn new(pairs: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        Self(pairs)
    }

    /// Every pair in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(n, v)| (n.as_slice(), v.as_slice()))
    }

    /// Every value of one header.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, v)| v)
    }

    /// Whether a header stands once and has exactly this value.
    pub fn says(&self, name: &str, value: &[u8]) -> bool {
        let mut values = self.all(name);
        values.next() == Some(value) && values.next().is_none()
    }

    /// The value of a header that is absent or stands once.
    ///
    /// # Errors
    /// [`HeaderError`] when it stands twice or is not UTF-8.
    pub fn one<'a>(&'a self, name: &'a str) -> Result<Option<&'a str>, HeaderError> {
        let mut values = self.all(name);
        let Some(first) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(HeaderError::Repeated);
        }
        std::str::from_utf8(first)
            .map(Some)
            .map_err(|_| HeaderError::NotUtf8)
    }
}

/// Why a header has no single readable value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The header stands more than once.
    #[error("the header stands more than once")]
    Repeated,
    /// The value is not UTF-8.
    #[error("the value is not UTF-8")]
    NotUtf8,
}
