//! Envoy's function `verify_signature`.

use super::envoy::warn;
use super::ffi;
use mcp_zero_gate::{Signature, Signatures};
use mcp_zero_proto::{Message as _, VerifySignatureArguments, VerifySignatureResult};

/// Has Envoy check signatures.
#[derive(Debug)]
pub(super) struct HostSignatures;

impl Signatures for HostSignatures {
    fn is_right(&self, signature: &Signature<'_>) -> Option<bool> {
        let arguments = VerifySignatureArguments {
            hash_function: signature.hash.to_owned(),
            public_key: signature.key.to_vec(),
            signature: signature.signature.clone(),
            text: signature.signed.to_vec(),
        };
        let answer = match ffi::call_foreign("verify_signature", &arguments.encode_to_vec()) {
            Ok(answer) => answer?,
            Err(error) => {
                warn(&error.to_string());
                return None;
            }
        };
        let answer = VerifySignatureResult::decode(answer.as_slice()).ok()?;
        Some(answer.result)
    }
}
