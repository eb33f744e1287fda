//! Why a token is refused.

/// Why a token is refused. All are HTTP 401 but [`TokenError::StaleKeys`].
///
/// None holds text of the token, so each may be recorded; none is for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.reason())]
pub enum TokenError {
    /// Longer than [`MAX_TOKEN_BYTES`](crate::MAX_TOKEN_BYTES).
    TooLong,
    /// Not three parts of canonical base64url around two strict JSON objects.
    Malformed,
    /// A header parameter that is refused or unknown, or has the wrong type.
    Header,
    /// No algorithm, or one that is not accepted here.
    Algorithm,
    /// A `typ` that is not accepted here.
    Type,
    /// No `iss`, or one that is not configured.
    Issuer,
    /// The issuer's keys are missing or too old to be trusted: HTTP 503.
    StaleKeys,
    /// No key, or more than one, fits the token's `kid` and algorithm.
    UnknownKey,
    /// The signature is not the key's.
    Signature,
    /// A registered claim has the wrong type.
    Claims,
    /// No `exp`.
    NoExpiry,
    /// `exp` has passed.
    Expired,
    /// `nbf` or `iat` lies ahead.
    NotYetValid,
    /// `exp` lies too far ahead, or too long after `iat`.
    Lifetime,
    /// No `aud`, or none of ours in it.
    Audience,
    /// No `sub`, or not a non-empty string.
    Subject,
    /// The user id is absent, blank or not a string.
    UserId,
    /// The groups are neither a string nor a list of strings.
    Groups,
    /// The token says that its groups are to be fetched elsewhere.
    GroupsElsewhere,
}

impl TokenError {
    /// The sentence for the audit record.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "the token is too long",
            Self::Malformed => "the token is malformed",
            Self::Header => "the token's header holds a parameter that is not accepted",
            Self::Algorithm => "the token's algorithm is not accepted",
            Self::Type => "the token's type is not accepted",
            Self::Issuer => "the token's issuer is not accepted",
            Self::StaleKeys => "the issuer's keys are missing or too old",
            Self::UnknownKey => "no key fits the token",
            Self::Signature => "the token's signature is wrong",
            Self::Claims => "a registered claim has the wrong type",
            Self::NoExpiry => "the token does not expire",
            Self::Expired => "the token has expired",
            Self::NotYetValid => "the token is not valid yet",
            Self::Lifetime => "the token is valid for too long",
            Self::Audience => "the token is for another audience",
            Self::Subject => "the token has no subject",
            Self::UserId => "the token has no user id",
            Self::Groups => "the token's groups are unreadable",
            Self::GroupsElsewhere => "the token's groups are elsewhere",
        }
    }
}
