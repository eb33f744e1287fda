//! Reading of JWK sets (RFC 7517), for the control plane.

use crate::compact;
use crate::issuer::Algorithm;
use crate::key::{Key, KeyError, Numbers};
use mcp_zero_wire::json::{Doc, Kind, Limits, ScanError, Value};

/// The most keys taken from one set.
pub const MAX_KEYS: usize = 32;

/// Members that only a private or symmetric key has.
const SECRETS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The usable keys of a set, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Jwks {
    /// The keys; empty where the set holds none that is usable.
    pub keys: Vec<JwkKey>,
    /// One sentence for each key that was left out.
    pub warnings: Vec<String>,
}

/// One usable key, as a snapshot carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwkKey {
    /// The key's id, if it has one.
    pub kid: Option<String>,
    /// The one algorithm it is used with.
    pub algorithm: Algorithm,
    /// RSA: the modulus, big endian. Empty for others.
    pub modulus: Vec<u8>,
    /// RSA: the exponent, big endian. Empty for others.
    pub exponent: Vec<u8>,
    /// EC: the uncompressed SEC 1 point; OKP: the key. Empty for RSA.
    pub point: Vec<u8>,
}

impl JwkKey {
    /// What the key is made of.
    pub fn numbers(&self) -> Numbers<'_> {
        if self.point.is_empty() {
            Numbers::Rsa {
                modulus: &self.modulus,
                exponent: &self.exponent,
            }
        } else {
            Numbers::Point(&self.point)
        }
    }
}

/// Why a text is not a JWK set at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// Not JSON, or JSON that two parsers may read in two ways.
    #[error("the key set is not valid JSON: {0}")]
    Json(#[from] ScanError),
    /// Not an object with a list `keys`.
    #[error("the key set has no list `keys`")]
    Shape,
}

/// Why one key is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Unusable {
    #[error("is not an object")]
    Object,
    #[error("has no readable `{0}`")]
    Member(&'static str),
    #[error("is not an RSA, EC or Ed25519 key")]
    Type,
    #[error("is a symmetric key")]
    Symmetric,
    #[error("holds secret parts and must be replaced")]
    Secret,
    #[error("is not for signatures")]
    Use,
    #[error("is on another curve than P-256, P-384 and Ed25519")]
    Curve,
    #[error("is for an algorithm that is not accepted")]
    Algorithm,
    #[error("is {0}")]
    Material(#[from] KeyError),
    #[error("shares its id with another key")]
    Ambiguous,
    #[error("repeats an earlier key")]
    Repeated,
    #[error("is beyond the {MAX_KEYS} keys that are read")]
    Surplus,
}

/// Reads a set. A key that cannot be used never disables the others: it is left out, with a
/// warning. The result may hold no key.
///
/// # Errors
/// [`JwksError`] where the text is not a key set.
pub fn parse_jwks(json: &[u8], allowed: &[Algorithm]) -> Result<Jwks, JwksError> {
    let limits = Limits {
        max_depth: 16,
        max_nodes: 16_384,
    };
    let doc = Doc::scan(json, &limits)?;
    let listed = doc
        .root()
        .get("keys")
        .filter(|keys| keys.kind() == Kind::Array)
        .ok_or(JwksError::Shape)?;
    let read: Vec<_> = listed
        .items()
        .map(|jwk| (jwk, read(jwk, allowed)))
        .collect();
    let usable: Vec<_> = read
        .iter()
        .filter_map(|(_, keys)| keys.clone().ok())
        .flatten()
        .collect();
    let mut jwks = Jwks::default();
    let mut taken = 0;
    for (index, (jwk, keys)) in read.into_iter().enumerate() {
        match keys.and_then(|keys| admit(keys, &jwks.keys, taken, &usable)) {
            Ok(keys) => {
                taken += 1;
                jwks.keys.extend(keys);
            }
            Err(reason) => jwks.warnings.push(warning(index, jwk, reason)),
        }
    }
    Ok(jwks)
}

/// Takes a key beside those taken before, out of all that are usable by themselves. Of keys
/// that share an id none can be told to be the right one.
fn admit(
    keys: Vec<JwkKey>,
    before: &[JwkKey],
    taken: usize,
    usable: &[JwkKey],
) -> Result<Vec<JwkKey>, Unusable> {
    let ambiguous = |key: &JwkKey| {
        key.kid.is_some()
            && usable.iter().any(|other| {
                other.kid == key.kid && other.algorithm == key.algorithm && other != key
            })
    };
    if keys.iter().any(ambiguous) {
        Err(Unusable::Ambiguous)
    } else if keys.iter().any(|key| before.contains(key)) {
        Err(Unusable::Repeated)
    } else if taken >= MAX_KEYS {
        Err(Unusable::Surplus)
    } else {
        Ok(keys)
    }
}

fn warning(index: usize, jwk: Value<'_>, reason: Unusable) -> String {
    /// Characters of an id that are quoted.
    const QUOTED: usize = 64;
    let place = index + 1;
    match jwk.get_text("kid") {
        Some(kid) => {
            let kid: String = kid
                .chars()
                .take(QUOTED)
                .flat_map(char::escape_debug)
                .collect();
            format!("key {place} (`{kid}`) {reason}")
        }
        None => format!("key {place} {reason}"),
    }
}

/// The key once for each algorithm that it may be used with: an RSA key without `alg` is good for
/// all of its kind that the issuer uses.
fn read(jwk: Value<'_>, allowed: &[Algorithm]) -> Result<Vec<JwkKey>, Unusable> {
    if !jwk.is_object() {
        return Err(Unusable::Object);
    }
    let kid = optional(jwk, "kid")?;
    let kind = required(jwk, "kty")?;
    if !matches!(kind.as_str(), "RSA" | "EC" | "OKP") {
        return Err(match kind.as_str() {
            "oct" => Unusable::Symmetric,
            _ => Unusable::Type,
        });
    }
    if SECRETS.iter().any(|name| jwk.get(name).is_some()) {
        return Err(Unusable::Secret);
    }
    if !for_signatures(jwk)? {
        return Err(Unusable::Use);
    }
    let fitting: &[Algorithm] = match kind.as_str() {
        "RSA" => &[Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512],
        _ => match required(jwk, "crv")?.as_str() {
            "P-256" if kind == "EC" => &[Algorithm::Es256],
            "P-384" if kind == "EC" => &[Algorithm::Es384],
            "Ed25519" if kind == "OKP" => &[Algorithm::EdDsa],
            _ => return Err(Unusable::Curve),
        },
    };
    let named = optional(jwk, "alg")?;
    let wanted = |algorithm: &&Algorithm| {
        allowed.contains(algorithm) && named.as_ref().is_none_or(|alg| alg == algorithm.name())
    };
    let keys: Vec<JwkKey> = fitting
        .iter()
        .filter(wanted)
        .map(|algorithm| material(jwk, kid.clone(), *algorithm))
        .collect::<Result<_, _>>()?;
    match keys.is_empty() {
        true => Err(Unusable::Algorithm),
        false => Ok(keys),
    }
}

/// The numbers, tried as a key.
fn material(jwk: Value<'_>, kid: Option<String>, algorithm: Algorithm) -> Result<JwkKey, Unusable> {
    let mut key = JwkKey {
        kid,
        algorithm,
        modulus: Vec::new(),
        exponent: Vec::new(),
        point: Vec::new(),
    };
    let mut point = |coordinate: usize| {
        key.point.push(4);
        for name in ["x", "y"] {
            let bytes = bytes(jwk, name)?;
            if bytes.len() != coordinate {
                return Err(Unusable::Member(name));
            }
            key.point.extend(bytes);
        }
        Ok(())
    };
    match algorithm {
        Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => {
            key.modulus = number(jwk, "n")?;
            key.exponent = number(jwk, "e")?;
        }
        Algorithm::Es256 => point(32)?,
        Algorithm::Es384 => point(48)?,
        Algorithm::EdDsa => key.point = bytes(jwk, "x")?,
    }
    Key::new(None, algorithm, key.numbers())?;
    Ok(key)
}

/// `use` and `key_ops`, where present, must allow verification (RFC 7517 §4.2, §4.3).
fn for_signatures(jwk: Value<'_>) -> Result<bool, Unusable> {
    let usage = optional(jwk, "use")?;
    let operations = match jwk.get("key_ops") {
        Some(list) if list.kind() != Kind::Array => {
            return Err(Unusable::Member("key_ops"));
        }
        Some(list) => list
            .items()
            .any(|item| item.text().is_some_and(|operation| operation == "verify")),
        None => true,
    };
    Ok(operations && usage.is_none_or(|usage| usage == "sig"))
}

/// A big-endian number without leading zeros.
fn number(jwk: Value<'_>, name: &'static str) -> Result<Vec<u8>, Unusable> {
    let bytes = bytes(jwk, name)?;
    Ok(bytes.into_iter().skip_while(|&byte| byte == 0).collect())
}

fn bytes(jwk: Value<'_>, name: &'static str) -> Result<Vec<u8>, Unusable> {
    compact::decode(&required(jwk, name)?).map_err(|_| Unusable::Member(name))
}

fn required(jwk: Value<'_>, name: &'static str) -> Result<String, Unusable> {
    optional(jwk, name)?.ok_or(Unusable::Member(name))
}

/// A string member; one of another type makes the key unusable.
fn optional(jwk: Value<'_>, name: &'static str) -> Result<Option<String>, Unusable> {
    match jwk.get(name) {
        None => Ok(None),
        Some(value) => {
            let text = value.text().ok_or(Unusable::Member(name))?;
            Ok(Some(text.into_owned()))
        }
    }
}

#[cfg(test)]
mod tests;
