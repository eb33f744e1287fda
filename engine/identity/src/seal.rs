//! Ids that a client carries for us: what a server has chosen, sealed to one caller.
//!
//! Nothing is stored. A sealed id is `base64url(key id ‖ AES-256-GCM-SIV(parts))` (RFC 8452), with
//! the caller and the purpose as associated data: under another caller, for another purpose, or
//! with one bit changed it does not open. The nonce is fixed, which this cipher allows; equal ids
//! of one caller are equal when sealed, and that is wanted: a server that repeats a session id
//! does not seem to begin another session.

use aes_gcm_siv::aead::{Aead as _, Payload};
use aes_gcm_siv::{Aes256GcmSiv, KeyInit as _, Nonce};
use hmac_sha256::HKDF;
use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Decoder as _, Encoder as _};
use std::fmt;

/// The longest sealed id that is given out or read.
pub const MAX_SEALED_BYTES: usize = 4096;
const KEY_ID_BYTES: usize = 4;

/// The secret that gateways and their control plane share. Keys of work are derived from it
/// (HKDF-SHA256, RFC 5869); it is used for nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct GatewayKey([u8; 32]);

/// Text that is no gateway key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 64 hexadecimal digits")]
pub struct GatewayKeyError;

impl GatewayKey {
    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, GatewayKeyError> {
        let digits = text.as_bytes();
        let mut key = [0; 32];
        if digits.len() != 2 * key.len() {
            return Err(GatewayKeyError);
        }
        for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
            *byte = match pair {
                [high, low] => (hex(*high)? << 4) | hex(*low)?,
                _ => return Err(GatewayKeyError),
            };
        }
        Ok(Self(key))
    }

    /// A key from random bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// As [`GatewayKey::parse`] reads it.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A key of work for one purpose.
    pub fn derive(&self, purpose: &str, id: &str) -> [u8; 32] {
        let extracted = HKDF::extract(b"mcp-zero", self.0);
        let mut key = [0; 32];
        // The end of the purpose is part of the text: neither contains a zero.
        HKDF::expand(&mut key, extracted, format!("{purpose}\0{id}"));
        key
    }
}

fn hex(digit: u8) -> Result<u8, GatewayKeyError> {
    let value = char::from(digit).to_digit(16).ok_or(GatewayKeyError)?;
    u8::try_from(value).map_err(|_| GatewayKeyError)
}

impl fmt::Debug for GatewayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GatewayKey(…)")
    }
}

/// What an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A session of a server.
    Session,
    /// A task of a server.
    Task,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Task => "task",
        }
    }
}

/// To whom an id belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// Whoever calls a gateway that asks for no identity.
    Anonymous,
    /// A verified caller, whatever the token.
    Caller {
        /// Exact `iss`.
        issuer: &'a str,
        /// Exact `sub`.
        subject: &'a str,
    },
}

/// Why there is no sealer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealerError {
    /// There must be a key to seal with.
    #[error("no key id")]
    None,
    /// Not eight lower-case hexadecimal digits, or there twice.
    #[error("a key id is not eight lower-case hexadecimal digits, or stands twice")]
    Id,
}

/// Seals with the first of its keys and opens with any.
pub struct Sealer(Vec<([u8; KEY_ID_BYTES], Aes256GcmSiv)>);

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.0.iter().map(|(id, _)| u32::from_be_bytes(*id));
        f.debug_list().entries(ids).finish()
    }
}

impl Sealer {
    /// Derives the keys of those ids, the first to seal with.
    ///
    /// # Errors
    /// [`SealerError`]
    pub fn new(key: &GatewayKey, ids: &[impl AsRef<str>]) -> Result<Self, SealerError> {
        let mut keys: Vec<([u8; KEY_ID_BYTES], Aes256GcmSiv)> = Vec::new();
        for text in ids {
            let text = text.as_ref();
            let plain = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
            if text.len() != 2 * KEY_ID_BYTES || !text.bytes().all(plain) {
                return Err(SealerError::Id);
            }
            let id = u32::from_str_radix(text, 16).map_err(|_| SealerError::Id)?;
            let id = id.to_be_bytes();
            if keys.iter().any(|(other, _)| *other == id) {
                return Err(SealerError::Id);
            }
            let key = key.derive("seal", text);
            keys.push((id, Aes256GcmSiv::new(&key.into())));
        }
        match keys.is_empty() {
            true => Err(SealerError::None),
            false => Ok(Self(keys)),
        }
    }

    /// Seals texts to their owner; none where they are too long.
    pub fn seal(&self, purpose: Purpose, owner: Owner<'_>, parts: &[&str]) -> Option<String> {
        let (id, cipher) = self.0.first()?;
        let mut plain = Vec::new();
        for part in parts {
            put(&mut plain, part);
        }
        let payload = Payload {
            msg: &plain,
            aad: &context(purpose, owner),
        };
        let sealed = cipher.encrypt(&Nonce::default(), payload).ok()?;
        let text = Base64UrlSafeNoPadding::encode_to_string([&id[..], &sealed].concat()).ok()?;
        (text.len() <= MAX_SEALED_BYTES).then_some(text)
    }

    /// The texts of a sealed id; none unless it was sealed for this purpose to this owner.
    pub fn open(&self, purpose: Purpose, owner: Owner<'_>, sealed: &str) -> Option<Vec<String>> {
        if sealed.len() > MAX_SEALED_BYTES {
            return None;
        }
        let bytes = Base64UrlSafeNoPadding::decode_to_vec(sealed, None).ok()?;
        let (id, ciphertext) = bytes.split_at_checked(KEY_ID_BYTES)?;
        let (_, cipher) = self.0.iter().find(|(known, _)| known == id)?;
        let payload = Payload {
            msg: ciphertext,
            aad: &context(purpose, owner),
        };
        let plain = cipher.decrypt(&Nonce::default(), payload).ok()?;
        let mut rest = plain.as_slice();
        let mut parts = Vec::new();
        while !rest.is_empty() {
            parts.push(take(&mut rest)?);
        }
        Some(parts)
    }
}

/// What must be the same at both ends.
fn context(purpose: Purpose, owner: Owner<'_>) -> Vec<u8> {
    let mut context = Vec::new();
    put(&mut context, purpose.name());
    if let Owner::Caller { issuer, subject } = owner {
        put(&mut context, issuer);
        put(&mut context, subject);
    }
    context
}

/// A text behind its length: where one ends is part of it.
fn put(into: &mut Vec<u8>, text: &str) {
    into.extend_from_slice(&(text.len() as u64).to_be_bytes());
    into.extend_from_slice(text.as_bytes());
}

fn take(from: &mut &[u8]) -> Option<String> {
    let (length, rest) = from.split_first_chunk()?;
    let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
    let (text, rest) = rest.split_at_checked(length)?;
    *from = rest;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests;
