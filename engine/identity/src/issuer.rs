//! What is accepted from an issuer.

use std::fmt;

/// A signature algorithm that this build verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// EdDSA on Ed25519 (RFC 8037).
    EdDsa,
}

impl Algorithm {
    /// Every algorithm of this build.
    pub const ALL: [Self; 6] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The JOSE name (RFC 7518 §3.1).
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of that JOSE name, which is case-sensitive.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One accepted issuer of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The name of the identity entry; rules name it in `subjects.issuers`.
    pub name: String,
    /// The exact `iss`.
    pub issuer: String,
    /// One of these must be in `aud`, byte for byte.
    pub audiences: Vec<String>,
    /// What its tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// How far clocks may differ.
    pub leeway_seconds: u64,
    /// How far ahead `exp` may lie, and how long after `iat`.
    pub max_token_seconds: u64,
    /// Accepted `typ` values; the empty string stands for an absent one.
    pub token_types: Vec<String>,
    /// The path of the claim that is the user id, in segments.
    pub user_id: Vec<String>,
    /// The path of the claim that is the e-mail address.
    pub email: Vec<String>,
    /// The path of the claim that lists the groups.
    pub groups: Vec<String>,
    /// Scopes that a token must have to be of any use here, all of them.
    pub required_scopes: Vec<String>,
}

impl Issuer {
    /// Whether a token with that `typ` may come from here. Media types compare without regard
    /// to case, and `application/` may be left out (RFC 7515 §4.1.9).
    pub(crate) fn accepts_type(&self, typ: Option<&str>) -> bool {
        let Some(typ) = typ else {
            return self.token_types.iter().any(String::is_empty);
        };
        // `application/` alone must not pass for an absent type.
        !short(typ).is_empty()
            && self
                .token_types
                .iter()
                .any(|accepted| short(accepted).eq_ignore_ascii_case(short(typ)))
    }
}

/// A media type without its leading `application/`.
fn short(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.get(..PREFIX.len()) {
        Some(head) if head.eq_ignore_ascii_case(PREFIX) => {
            typ.get(PREFIX.len()..).unwrap_or_default()
        }
        _ => typ,
    }
}
