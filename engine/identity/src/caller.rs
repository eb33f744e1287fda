//! The verified identity.

/// Who is calling, as a verified token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name of the identity entry that accepted the token.
    pub issuer_name: Box<str>,
    /// The exact `iss`.
    pub issuer: Box<str>,
    /// The exact `sub`, never empty.
    pub subject: Box<str>,
    /// The mapped user id, never blank.
    pub user_id: Box<str>,
    /// The mapped e-mail address, for records only.
    pub email: Option<Box<str>>,
    /// The mapped groups, as the token orders them.
    pub groups: Vec<Box<str>>,
    /// Whether the token has every scope that its issuer's entry requires.
    pub in_scope: bool,
    /// The token's `exp` in Unix seconds, without leeway.
    pub expires_at: u64,
}
