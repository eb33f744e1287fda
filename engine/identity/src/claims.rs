//! The claims of a token, each checked.

use crate::caller::Caller;
use crate::error::TokenError;
use crate::issuer::Issuer;
use mcp_zero_wire::json::{Kind, Value};

/// When a token is valid, leeway not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) expires_at: u64,
    pub(crate) not_before: u64,
    pub(crate) issued_at: Option<u64>,
}

impl Window {
    /// Reads `exp`, `nbf` and `iat`. A fraction shortens the window.
    fn read(claims: Value<'_>) -> Result<Self, TokenError> {
        let exp = claims.get("exp").ok_or(TokenError::NoExpiry)?;
        let nbf = claims.get("nbf").map(NumericDate::read).transpose()?;
        let iat = claims.get("iat").map(NumericDate::read).transpose()?;
        Ok(Self {
            expires_at: NumericDate::read(exp)?.whole,
            not_before: nbf
                .map(NumericDate::up)
                .max(iat.map(NumericDate::up))
                .unwrap_or_default(),
            issued_at: iat.map(|iat| iat.whole),
        })
    }

    /// Whether a token of that issuer is valid at `now`.
    pub(crate) fn check(self, issuer: &Issuer, now: u64) -> Result<(), TokenError> {
        let leeway = issuer.leeway_seconds;
        if now >= self.expires_at.saturating_add(leeway) {
            return Err(TokenError::Expired);
        }
        if now.saturating_add(leeway) < self.not_before {
            return Err(TokenError::NotYetValid);
        }
        let latest = now
            .saturating_add(issuer.max_token_seconds)
            .saturating_add(leeway);
        let long_lived = self.issued_at.is_some_and(|issued_at| {
            self.expires_at > issued_at.saturating_add(issuer.max_token_seconds)
        });
        if self.expires_at > latest || long_lived {
            return Err(TokenError::Lifetime);
        }
        Ok(())
    }
}

/// Seconds since 1970 (RFC 7519 §2), without an exponent. Too large a number saturates.
#[derive(Debug, Clone, Copy)]
struct NumericDate {
    whole: u64,
    fraction: bool,
}

impl NumericDate {
    fn read(value: Value<'_>) -> Result<Self, TokenError> {
        let raw = match value.kind() {
            Kind::Number => value.raw_str(),
            _ => return Err(TokenError::Claims),
        };
        let (whole, fraction) = raw.split_once('.').unwrap_or((raw, ""));
        if !whole
            .bytes()
            .chain(fraction.bytes())
            .all(|b| b.is_ascii_digit())
        {
            return Err(TokenError::Claims);
        }
        Ok(Self {
            // Digits alone: what does not parse does not fit.
            whole: whole.parse().unwrap_or(u64::MAX),
            fraction: fraction.bytes().any(|b| b != b'0'),
        })
    }

    fn up(self) -> u64 {
        self.whole.saturating_add(u64::from(self.fraction))
    }
}

/// Reads the caller out of the claims of a token of that issuer.
pub(crate) fn caller(
    claims: Value<'_>,
    issuer: &Issuer,
    now: u64,
) -> Result<(Caller, Window), TokenError> {
    let window = Window::read(claims)?;
    window.check(issuer, now)?;
    audience(claims, issuer)?;
    let subject = claims
        .get_text("sub")
        .filter(|subject| !subject.trim().is_empty())
        .ok_or(TokenError::Subject)?;
    let user_id = at(claims, &issuer.user_id)
        .ok()
        .flatten()
        .and_then(Value::text)
        .filter(|user_id| !user_id.trim().is_empty())
        .ok_or(TokenError::UserId)?;
    let email = at(claims, &issuer.email)
        .ok()
        .flatten()
        .and_then(Value::text);
    let caller = Caller {
        issuer_name: issuer.name.as_str().into(),
        issuer: issuer.issuer.as_str().into(),
        subject: subject.into(),
        user_id: user_id.into(),
        email: email.map(Into::into),
        groups: groups(claims, issuer)?,
        in_scope: in_scope(claims, issuer)?,
        expires_at: window.expires_at,
    };
    Ok((caller, window))
}

/// `aud` is a string or a list of strings and holds one of ours.
fn audience(claims: Value<'_>, issuer: &Issuer) -> Result<(), TokenError> {
    let ours = |text: &str| issuer.audiences.iter().any(|audience| audience == text);
    let aud = claims.get("aud").ok_or(TokenError::Audience)?;
    let found = match aud.kind() {
        Kind::String => aud.text().is_some_and(|text| ours(&text)),
        Kind::Array => {
            let mut found = false;
            for item in aud.items() {
                found |= ours(&item.text().ok_or(TokenError::Claims)?);
            }
            found
        }
        Kind::Null | Kind::Bool | Kind::Number | Kind::Object => return Err(TokenError::Claims),
    };
    found.then_some(()).ok_or(TokenError::Audience)
}

/// Whether every required scope is there: in `scope`, a text with spaces (RFC 9068 §2.2.3), or in
/// `scp`, mostly a list (Okta, Entra). A claim of another form is no claim of scopes.
fn in_scope(claims: Value<'_>, issuer: &Issuer) -> Result<bool, TokenError> {
    if issuer.required_scopes.is_empty() {
        return Ok(true);
    }
    let mut found: Vec<String> = Vec::new();
    for claim in ["scope", "scp"] {
        let Some(value) = claims.get(claim) else {
            continue;
        };
        let mut add = |value: Value<'_>| {
            let text = value.text().ok_or(TokenError::Claims)?;
            found.extend(text.split(' ').map(str::to_owned));
            Ok(())
        };
        match value.kind() {
            Kind::String => add(value)?,
            Kind::Array => value.items().try_for_each(add)?,
            Kind::Null | Kind::Bool | Kind::Number | Kind::Object => {
                return Err(TokenError::Claims);
            }
        }
    }
    Ok(issuer
        .required_scopes
        .iter()
        .all(|scope| found.contains(scope)))
}

/// Absent, one string, or a list of strings. Anything else might hide a group that a rule
/// denies.
fn groups(claims: Value<'_>, issuer: &Issuer) -> Result<Vec<Box<str>>, TokenError> {
    if elsewhere(claims, issuer) {
        return Err(TokenError::GroupsElsewhere);
    }
    let Some(value) = at(claims, &issuer.groups).map_err(|NotObject| TokenError::Groups)? else {
        return Ok(Vec::new());
    };
    let one = |value: Value<'_>| value.text().map(Box::from).ok_or(TokenError::Groups);
    match value.kind() {
        Kind::String => Ok(vec![one(value)?]),
        Kind::Array => value.items().map(one).collect(),
        Kind::Null | Kind::Bool | Kind::Number | Kind::Object => Err(TokenError::Groups),
    }
}

/// Whether the token says that its groups are to be fetched: a distributed claim (OpenID
/// Connect Core §5.6.2) of that name or of the mapped one, or `hasgroups`.
fn elsewhere(claims: Value<'_>, issuer: &Issuer) -> bool {
    let distributed = claims.get("_claim_names").is_some_and(|names| {
        !names.is_object()
            || names.get("groups").is_some()
            || issuer
                .groups
                .first()
                .is_some_and(|claim| names.get(claim).is_some())
    });
    let marked = claims
        .get("hasgroups")
        .is_some_and(|mark| mark.as_bool() != Some(false));
    distributed || marked
}

/// A path leads through something that is not an object, or is empty.
#[derive(Debug)]
struct NotObject;

/// The claim at a path; nothing where a member on the way is absent.
fn at<'d>(claims: Value<'d>, path: &[String]) -> Result<Option<Value<'d>>, NotObject> {
    if path.is_empty() {
        return Err(NotObject);
    }
    let mut value = claims;
    for segment in path {
        if !value.is_object() {
            return Err(NotObject);
        }
        match value.get(segment) {
            Some(inner) => value = inner,
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

#[cfg(test)]
mod tests;
