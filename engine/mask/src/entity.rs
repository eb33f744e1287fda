//! What is looked for.

/// A kind of personal data or secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// An e-mail address.
    EmailAddress,
    /// A payment card number that passes Luhn's check.
    CreditCard,
    /// An API key or access token.
    ApiKey,
    /// A password or other shared secret.
    Password,
}

/// A name that is no entity's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown entity `{0}`")]
pub struct UnknownEntity(pub String);

impl Entity {
    /// Every entity, in order.
    pub const ALL: [Self; 4] = [
        Self::EmailAddress,
        Self::CreditCard,
        Self::ApiKey,
        Self::Password,
    ];

    /// The name that policies use.
    pub fn name(self) -> &'static str {
        match self {
            Self::EmailAddress => "EMAIL_ADDRESS",
            Self::CreditCard => "CREDIT_CARD",
            Self::ApiKey => "API_KEY",
            Self::Password => "PASSWORD",
        }
    }

    /// What stands in a finding's place.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::EmailAddress => "<EMAIL_ADDRESS>",
            Self::CreditCard => "<CREDIT_CARD>",
            Self::ApiKey => "<API_KEY>",
            Self::Password => "<PASSWORD>",
        }
    }

    /// The entity of a name.
    ///
    /// # Errors
    /// [`UnknownEntity`] for any other spelling.
    pub fn parse(name: &str) -> Result<Self, UnknownEntity> {
        Self::ALL
            .into_iter()
            .find(|entity| entity.name() == name)
            .ok_or_else(|| UnknownEntity(name.to_owned()))
    }

    /// True for a text that is a placeholder already.
    pub(crate) fn is_placeholder(text: &str) -> bool {
        Self::ALL.iter().any(|entity| entity.placeholder() == text)
    }
}
