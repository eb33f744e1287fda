//! The `Authorization` header.

/// The longest token that is read.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The credential of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {}

/// Why a request has no usable credential. All are HTTP 401; only
/// [`CredentialError::Missing`] goes without an `error` in the challenge (RFC 6750 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.reason())]
pub enum CredentialError {
    /// No header, or an empty one.
    Missing,
    /// The header twice, or a comma in it.
    Several,
    /// Not `Bearer` and one token (RFC 6750 §2.1).
    NotBearer,
    /// A token longer than [`MAX_TOKEN_BYTES`].
    TooLong,
    /// Bytes beyond ASCII.
    NotAscii,
}

impl CredentialError {
    /// The sentence for the audit record.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing => "no credential",
            Self::Several => "more than one credential",
            Self::NotBearer => "the credential is not a bearer token",
            Self::TooLong => "the credential is too long",
            Self::NotAscii => "the credential is not ASCII",
        }
    }
}

impl Credential {
    /// The bearer token among all values of `Authorization`.
    ///
    /// The scheme's name compares without regard to case (RFC 9110 §11.1); between it and the
    /// token there may be several spaces and nothing else.
    ///
    /// # Errors
    /// [`CredentialError`] unless there is exactly one header with exactly one bearer token.
    pub fn from_headers<'a>(
        values: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<&'a str, CredentialError> {
        let mut values = values.into_iter();
        let value = values.next().ok_or(CredentialError::Missing)?;
        if values.next().is_some() || value.contains(&b',') {
            return Err(CredentialError::Several);
        }
        if value.is_empty() {
            return Err(CredentialError::Missing);
        }
        if !value.is_ascii() {
            return Err(CredentialError::NotAscii);
        }
        let value = std::str::from_utf8(value).map_err(|_| CredentialError::NotAscii)?;
        let (scheme, token) = value.split_once(' ').ok_or(CredentialError::NotBearer)?;
        let token = token.trim_start_matches(' ');
        if !scheme.eq_ignore_ascii_case("bearer") || !is_token68(token) {
            return Err(CredentialError::NotBearer);
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(CredentialError::TooLong);
        }
        Ok(token)
    }
}

/// Whether a text has the form of a bearer token: `b64token` of RFC 6750 §2.1.
pub fn is_token68(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    !body.is_empty()
        && body
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(values: &[&'a str]) -> Result<&'a str, CredentialError> {
        Credential::from_headers(values.iter().map(|v| v.as_bytes()))
    }

    #[test]
    fn one_bearer_token() {
        for value in [
            "Bearer a.b-_~+/c==",
            "bearer a.b-_~+/c==",
            "BEARER   a.b-_~+/c==",
        ] {
            assert_eq!(read(&[value]), Ok("a.b-_~+/c=="), "{value}");
        }
    }

    #[test]
    fn nothing_else() {
        use CredentialError::{Missing, NotBearer, Several};
        assert_eq!(read(&[]), Err(Missing));
        assert_eq!(read(&[""]), Err(Missing));
        assert_eq!(read(&["Bearer a", "Bearer a"]), Err(Several));
        assert_eq!(read(&["Bearer a,Bearer b"]), Err(Several));
        assert_eq!(read(&["Bearer a, Basic b"]), Err(Several));
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer =",
            "Basic a",
            "a",
            " Bearer a",
            "Bearer a ",
            "Bearer a b",
            "Bearer\ta",
            "Bearer \ta",
            "Bearer: a",
            "Bearer a=b",
            "Bearer \"a\"",
            "Bearer a\u{0}",
        ] {
            assert_eq!(read(&[value]), Err(NotBearer), "{value:?}");
        }
    }

    #[test]
    fn bytes() {
        let of = |value: &'static [u8]| Credential::from_headers([value]);
        assert_eq!(of(b"Bearer \xff"), Err(CredentialError::NotAscii));
        assert_eq!(
            of("Bearer \u{212a}".as_bytes()),
            Err(CredentialError::NotAscii)
        );
    }

    #[test]
    fn length() {
        let fits = format!("Bearer {}", "a".repeat(MAX_TOKEN_BYTES));
        assert!(read(&[&fits]).is_ok());
        assert_eq!(read(&[&format!("{fits}a")]), Err(CredentialError::TooLong));
    }
}
