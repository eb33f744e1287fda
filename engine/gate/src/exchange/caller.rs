//! Who calls, for the bridge: it limits the processes of each caller, and needs no name for that.

use mcp_zero_identity::Caller;
use sha2::{Digest as _, Sha256};

/// The header that carries it. A client's own is taken off like every unknown header.
pub(super) const CALLER: &str = "x-mcp-zero-caller";

/// The first half of SHA-256 over issuer and subject, each behind its length, in lower-case hex.
/// Anonymous callers are one caller: the hash of nothing.
pub(super) fn pseudonym(caller: Option<&Caller>) -> String {
    let mut hash = Sha256::new();
    if let Some(caller) = caller {
        for part in [&caller.issuer, &caller.subject] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    let digest = hash.finalize();
    digest.iter().take(16).map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(issuer: &str, subject: &str) -> Caller {
        Caller {
            issuer_name: "i".into(),
            issuer: issuer.into(),
            subject: subject.into(),
            user_id: "u".into(),
            email: None,
            groups: Vec::new(),
            in_scope: true,
            expires_at: 0,
        }
    }

    #[test]
    fn callers_are_told_apart_by_issuer_and_subject_alone() {
        let of = |issuer, subject| pseudonym(Some(&caller(issuer, subject)));
        assert_eq!(of("https://a", "bob").len(), 32);
        assert_eq!(of("https://a", "bob"), of("https://a", "bob"));
        assert_ne!(of("https://a", "bob"), of("https://b", "bob"));
        // Where one ends and the other begins is part of it.
        assert_ne!(of("https://a", "bob"), of("https://ab", "ob"));
        assert_ne!(of("", ""), pseudonym(None));
        assert_eq!(pseudonym(None), "e3b0c44298fc1c149afbf4c8996fb924");
    }
}
