//! Base64 as resources and images carry it (RFC 4648 §4).

/// True for a text that can be base64 or its URL-safe form; anything else is no binary value.
pub(crate) fn plausible(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len() - body.len() <= 2
        && body
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+/-_\r\n".contains(&b))
}

/// Bytes from which on base64 is more than a word or a number.
const LEAST: usize = 64;

/// What files begin with.
const MAGIC: [&[u8]; 24] = [
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"RIFF",
    b"OggS",
    b"ID3",
    b"fLaC",
    b"\xff\xfb",
    b"\xff\xf3",
    b"\xff\xf2",
    b"\xff\xf1",
    b"%PDF",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1f\x8b\x08",
    b"BZh",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf",
    b"II*\0",
    b"MM\0*",
    b"\0\0\x01\0",
    b"\x1aE\xdf\xa3",
    b"\0asm",
];

/// True for base64 that can hold an image, a sound or a file. Anything else may be a text
/// that only says so.
pub(crate) fn binary(text: &str) -> bool {
    if !plausible(text) {
        return false;
    }
    let symbols = text.bytes().filter(|b| !b"\r\n=".contains(b)).count();
    if symbols % 4 == 1 {
        return false;
    }
    let head = text.get(..text.len().min(16)).and_then(decode);
    symbols / 4 * 3 + symbols % 4 * 3 / 4 >= LEAST
        || head.is_some_and(|head| MAGIC.iter().any(|magic| head.starts_with(magic)))
}

/// Reads either alphabet, with or without padding and line breaks.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut word, mut bits) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\r' | b'\n' => continue,
            _ => return None,
        };
        word = (word << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from((word >> bits) & 0xff).ok()?);
        }
    }
    Some(out)
}
