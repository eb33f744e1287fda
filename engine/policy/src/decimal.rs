//! Numbers as they are written: exact, of any size.

use std::cmp::Ordering;

/// A JSON number (RFC 8259 §6) by its value: `1`, `1.0` and `10e-1` are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    /// Without zeros at either end; empty for zero.
    digits: Box<[u8]>,
    /// Where the point stands: the value is `0.digits × 10^point`.
    point: i64,
}

impl Decimal {
    /// Reads a JSON number; none for other text, or where the exponent of another than zero
    /// does not fit 62 bits.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent),
            None => (rest, "0"),
        };
        let (below, power) = match exponent.as_bytes() {
            [b'-', ..] => (true, exponent.get(1..)?),
            [b'+', ..] => (false, exponent.get(1..)?),
            _ => (false, exponent),
        };
        if power.is_empty() || !power.bytes().all(|d| d.is_ascii_digit()) {
            return None;
        }
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        let canonical = whole == "0" || (!whole.is_empty() && !whole.starts_with('0'));
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if !canonical || !all.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let leading = all.iter().take_while(|d| **d == b'0').count();
        let end = all.iter().rposition(|d| *d != b'0').map_or(0, |at| at + 1);
        let digits: Box<[u8]> = all.get(leading..end).unwrap_or_default().into();
        if digits.is_empty() {
            // Zero, whatever its exponent.
            return Some(Self {
                negative: false,
                digits,
                point: 0,
            });
        }
        let before = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?;
        Some(Self {
            negative,
            digits,
            point: before.checked_add(exponent_of(below, power)?)?,
        })
    }
}

/// An exponent of its sign and digits; none where it is too large to add to.
fn exponent_of(negative: bool, digits: &str) -> Option<i64> {
    let digits = digits.trim_start_matches('0');
    let value: i64 = match digits {
        "" => 0,
        _ => digits.parse().ok().filter(|v| *v < 1 << 62)?,
    };
    Some(if negative { -value } else { value })
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |d: &Self| match (d.digits.is_empty(), d.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let by_sign = sign(self).cmp(&sign(other));
        if by_sign != Ordering::Equal || self.digits.is_empty() {
            return by_sign;
        }
        // Digits begin right after the point: the first that differs decides.
        let size = (self.point, &self.digits).cmp(&(other.point, &other.digits));
        if self.negative { size.reverse() } else { size }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn one_value_in_many_spellings() {
        for same in [
            &["1", "1.0", "10e-1", "0.1E1", "0.01e+2", "1e0", "1.000e00"][..],
            &[
                "0",
                "-0",
                "0.0",
                "0e5",
                "-0.000E-7",
                "0e99999999999999999999",
            ],
            &["-120", "-1.2e2", "-12E1", "-0.12e3"],
        ] {
            for text in same {
                assert_eq!(number(text), number(same[0]), "{text}");
            }
        }
    }

    #[test]
    fn order_is_that_of_the_numbers() {
        let ordered = [
            "-1e400",
            "-12",
            "-2",
            "-1.5",
            "-1",
            "-0.1",
            "-1e-400",
            "0",
            "1e-400",
            "0.09",
            "0.1",
            "0.11",
            "1",
            "1.00000000000000000001",
            "9",
            "10",
            "9007199254740993",
            "9007199254740994",
            "1e400",
        ];
        for pair in ordered.windows(2) {
            assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn what_is_no_json_number_is_none() {
        for text in [
            "",
            "-",
            "+1",
            "01",
            "1.",
            ".5",
            "1e",
            "1e+",
            "0x1",
            "1 ",
            "NaN",
            "1e4611686018427387904",
            "1.e1",
            "--1",
            "1e1.5",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
