//! Who asks, as the gateway's filter says.

use std::fmt;

/// The header that names the caller.
pub(crate) const HEADER: &str = "x-mcp-zero-caller";

/// A caller: 16 bytes of a hash over issuer and subject.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Caller([u8; 16]);

impl Caller {
    /// Whose children are everybody's.
    pub(crate) const EVERYBODY: Self = Self([0; 16]);

    /// Exactly 32 hexadecimal digits, not all of them zero.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; 16];
        if text.len() != 32 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            for digit in pair {
                let value = char::from(*digit).to_digit(16)?;
                *byte = (*byte << 4) | u8::try_from(value).ok()?;
            }
        }
        Some(Self(bytes)).filter(|caller| *caller != Self::EVERYBODY)
    }
}

/// The first half is enough to tell callers apart in a log.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .take(8)
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_32_digits_are_a_caller() {
        let caller = Caller::parse(b"00112233445566778899aabbccddeeFF").unwrap();
        assert_eq!(format!("{caller:?}"), "0011223344556677");
        for bad in [
            &b""[..],
            &[b'1'; 31],
            &[b'1'; 33],
            &[b'0'; 32],
            b"0011223344556677 899aabbccddeeff",
        ] {
            assert_eq!(Caller::parse(bad), None);
        }
    }
}
