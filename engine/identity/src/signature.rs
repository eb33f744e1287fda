//! Signatures that somebody else checks: the host of a filter has a library that is many times as
//! fast as any code in Wasm.

use crate::issuer::Algorithm;
use crate::key::Numbers;
use std::fmt;

/// A signature, and what it is to be checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature<'a> {
    /// SubjectPublicKeyInfo (RFC 5280 §4.1) in DER.
    pub key: &'a [u8],
    /// `sha256`, `sha384` or `sha512`.
    pub hash: &'static str,
    /// What is signed.
    pub signed: &'a [u8],
    /// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2), or an Ecdsa-Sig-Value (RFC 3279 §2.2.3) in DER.
    pub signature: Vec<u8>,
}

/// Who checks signatures in place of `jwt-simple`.
pub trait Signatures: fmt::Debug {
    /// Whether a signature is right; none where that cannot be told here.
    fn is_right(&self, signature: &Signature<'_>) -> Option<bool>;
}

/// Object identifiers of a key, as far as they are the same for every key of its kind.
const RSA_ENCRYPTION: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
const P256: &[u8] =
    b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const P384: &[u8] = b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";

/// Tags of DER (X.690 §8).
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// How a host knows a key; none for what hosts do not check.
#[derive(Debug, Clone)]
pub(crate) struct HostKey {
    spki: Vec<u8>,
    hash: &'static str,
    /// Bytes of a coordinate, where the signature is a pair of numbers.
    coordinate: Option<usize>,
}

impl HostKey {
    /// `numbers` are those of a key that was found to be good.
    pub(crate) fn new(algorithm: Algorithm, numbers: Numbers<'_>) -> Option<Self> {
        let (hash, coordinate) = match algorithm {
            Algorithm::Rs256 => ("sha256", None),
            Algorithm::Rs384 => ("sha384", None),
            Algorithm::Rs512 => ("sha512", None),
            Algorithm::Es256 => ("sha256", Some(32)),
            Algorithm::Es384 => ("sha384", Some(48)),
            Algorithm::EdDsa => return None,
        };
        let (identifier, key) = match (numbers, coordinate) {
            (Numbers::Rsa { modulus, exponent }, None) => {
                let numbers = [integer(modulus), integer(exponent)].concat();
                (RSA_ENCRYPTION, tagged(SEQUENCE, &numbers))
            }
            (Numbers::Point(point), Some(32)) => (P256, point.to_vec()),
            (Numbers::Point(point), Some(_)) => (P384, point.to_vec()),
            (Numbers::Rsa { .. }, Some(_)) | (Numbers::Point(_), None) => return None,
        };
        // No bits of the last byte are unused.
        let key = tagged(BIT_STRING, &[&[0], key.as_slice()].concat());
        Some(Self {
            spki: tagged(SEQUENCE, &[identifier, &key].concat()),
            hash,
            coordinate,
        })
    }

    /// The question about a signature of a token; none where it has not the form that its
    /// algorithm has (RFC 7518 §3.4), so that it is wrong.
    pub(crate) fn question<'a>(
        &'a self,
        signed: &'a [u8],
        signature: Vec<u8>,
    ) -> Option<Signature<'a>> {
        let signature = match self.coordinate {
            None => signature,
            Some(size) => {
                let (r, s) = signature.split_at_checked(size)?;
                let pair = (s.len() == size).then(|| [integer(r), integer(s)].concat())?;
                tagged(SEQUENCE, &pair)
            }
        };
        Some(Signature {
            key: &self.spki,
            hash: self.hash,
            signed,
            signature,
        })
    }
}

/// A number that is not negative, from its big-endian bytes.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = bytes.get(zeros..).unwrap_or_default();
    let sign: &[u8] = match digits.first() {
        Some(first) if *first < 0x80 => &[],
        Some(_) | None => &[0],
    };
    tagged(INTEGER, &[sign, digits].concat())
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count();
    let digits = length.get(zeros..).unwrap_or_default();
    let mut der = vec![tag];
    match digits {
        [] => der.push(0),
        [short] if *short < 0x80 => der.push(*short),
        // At most eight digits.
        long => {
            der.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            der.extend_from_slice(long);
        }
    }
    der.extend_from_slice(content);
    der
}

#[cfg(test)]
mod tests;
