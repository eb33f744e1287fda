//! The host's encoding of header maps: a count, the two lengths of each pair, then names and
//! values, each ended by a zero byte. Integers are 32 bits, little endian.

use crate::host::Pairs;

/// Reads a map; none where the bytes are not one.
pub fn decode(bytes: &[u8]) -> Option<Pairs> {
    if bytes.is_empty() {
        return Some(Pairs::new());
    }
    let count = number(bytes, 0)?;
    let mut at = count.checked_mul(8)?.checked_add(4)?;
    if at > bytes.len() {
        return None;
    }
    let mut pairs = Pairs::with_capacity(count);
    for index in 0..count {
        let lengths = 4 + index * 8;
        let name = text(bytes, &mut at, number(bytes, lengths)?)?;
        let value = text(bytes, &mut at, number(bytes, lengths + 4)?)?;
        pairs.push((name, value));
    }
    Some(pairs)
}

/// Writes a map.
pub fn encode<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let count = u32::try_from(pairs.clone().count()).unwrap_or(u32::MAX);
    let mut encoded = count.to_le_bytes().to_vec();
    for (name, value) in pairs.clone() {
        encoded.extend(length(name));
        encoded.extend(length(value));
    }
    for (name, value) in pairs {
        encoded.extend(name);
        encoded.push(0);
        encoded.extend(value);
        encoded.push(0);
    }
    encoded
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(four.try_into().ok()?)).ok()
}

fn text(bytes: &[u8], at: &mut usize, length: usize) -> Option<Vec<u8>> {
    let end = at.checked_add(length)?;
    let text = bytes.get(*at..end)?;
    (bytes.get(end) == Some(&0)).then_some(())?;
    *at = end + 1;
    Some(text.to_vec())
}

#[cfg(test)]
#[cfg(not(feature = "panic-switch"))]
mod tests {
    use super::*;

    fn pair(name: &[u8], value: &[u8]) -> (Vec<u8>, Vec<u8>) {
        (name.to_vec(), value.to_vec())
    }

    #[test]
    fn a_map_survives_both_ways() {
        let pairs = vec![pair(b":path", b"/"), pair(b"x", b"\xff\0y"), pair(b"", b"")];
        let encoded = encode(pairs.iter().map(|(n, v)| (n.as_slice(), v.as_slice())));
        assert_eq!(decode(&encoded), Some(pairs));
        assert_eq!(decode(&encode(std::iter::empty())), Some(vec![]));
        assert_eq!(decode(b""), Some(vec![]));
    }

    #[test]
    fn a_broken_map_is_none() {
        let pairs = [pair(b"name", b"value")];
        let whole = encode(pairs.iter().map(|(n, v)| (n.as_slice(), v.as_slice())));
        for end in 1..whole.len() {
            assert_eq!(decode(&whole[..end]), None, "{end}");
        }
        assert_eq!(decode(b"\xff\xff\xff\xff"), None);
        assert_eq!(decode(b"\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        let mut unended = whole;
        *unended.last_mut().unwrap() = b'x';
        assert_eq!(decode(&unended), None);
    }
}
