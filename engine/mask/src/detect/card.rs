//! Payment card numbers.

use std::ops::Range;

/// Digits of a card (ISO/IEC 7812-1), at least and at most.
const LEAST: usize = 12;
const MOST: usize = 19;

/// A card that begins at the digit at `at`, the first of its run, and how sure that is.
pub(super) fn find(text: &[u8], at: usize) -> Option<(Range<usize>, u32)> {
    let first = digit_run(text, at);
    // What neither is one run of a card's length nor begins as groups of one do.
    if !matches!(first, 4 | 6 | LEAST..=MOST) || is_fraction(text, at) {
        return None;
    }
    let mut digits = [0; MOST];
    let mut groups = [0; MOST];
    // Ends of groups: what follows a card, such as its expiry, may look like one more.
    let mut ends = [(0, 0); MOST];
    let (mut end, mut count, mut runs) = (at, 0, 0);
    let mut run = first;
    while let Some(room) = digits.get_mut(count..count + run) {
        for (digit, byte) in room.iter_mut().zip(text.get(end..)?) {
            *digit = byte - b'0';
        }
        end += run;
        count += run;
        *groups.get_mut(runs)? = run;
        *ends.get_mut(runs)? = (end, count);
        runs += 1;
        let gap = separator(text.get(end..).unwrap_or_default());
        run = digit_run(text, end + gap);
        if gap == 0 || run == 0 {
            break;
        }
        end += gap;
    }
    let mut ends = ends.get(..runs)?.iter().enumerate().rev();
    ends.find_map(|(last, (end, count))| {
        let follows = text.get(*end).copied();
        if follows.is_some_and(|b| b.is_ascii_alphanumeric()) || !grouped(groups.get(..=last)?) {
            return None;
        }
        let score = plausible(digits.get(..*count)?)?;
        // Short ones are parts of other numbers more often.
        let before = at.checked_sub(1).and_then(|i| text.get(i)).copied();
        let part = |byte: Option<u8>| byte.is_some_and(|b| matches!(b, b'_' | b'-'));
        let short = *count < 14 && (part(before) || part(follows));
        (!short).then_some((at..*end, score))
    })
}

/// Digits in a row, one more than a card has at most.
fn digit_run(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    rest.iter()
        .take(MOST + 1)
        .take_while(|b| b.is_ascii_digit())
        .count()
}

/// Length of what may stand once between groups: a space, a dash or a dot, of any width.
fn separator(text: &[u8]) -> usize {
    match text {
        [b' ' | b'-' | b'.', ..] => 1,
        [0xc2, 0xa0, ..] => 2,
        [0xe2, 0x80, 0x87..=0x95 | 0xaf, ..] | [0xe2, 0x88, 0x92, ..] => 3,
        _ => 0,
    }
}

/// The fraction of a number.
fn is_fraction(text: &[u8], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|i| text.get(i)).copied();
    before(1) == Some(b'.') && before(2).is_some_and(|b| b.is_ascii_digit())
}

/// How sure it is that bare digits are a card number.
pub(super) fn score(digits: &[u8]) -> Option<u32> {
    let digits: Option<Vec<u8>> = digits
        .iter()
        .map(|b| b.is_ascii_digit().then(|| b - b'0'))
        .collect();
    plausible(&digits?)
}

fn plausible(digits: &[u8]) -> Option<u32> {
    let checks = (LEAST..=MOST).contains(&digits.len()) && issued(digits) && luhn(digits);
    checks.then_some(match digits.len() {
        14..=16 => 1000,
        _ => 700,
    })
}

/// Written in one run, or in groups as on a card; tables of numbers are not.
fn grouped(groups: &[usize]) -> bool {
    match groups {
        [] => false,
        [_] => true,
        [first, inner @ .., last] => {
            (*first == 4 || *first == 6)
                && (1..=13).contains(last)
                && inner.iter().all(|length| (2..=7).contains(length))
        }
    }
}

/// Luhn's check (ISO/IEC 7812-1 annex B).
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, digit)| match (i % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) => digit * 2 - if digit > 4 { 9 } else { 0 },
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Number ranges of the card networks, with the lengths that they issue.
fn issued(digits: &[u8]) -> bool {
    let prefix = |n: usize| {
        digits
            .iter()
            .take(n)
            .fold(0_u32, |value, digit| value * 10 + u32::from(*digit))
    };
    let length = digits.len();
    match prefix(2) {
        40..=49 => matches!(length, 13 | 16 | 18 | 19),
        51..=55 => length == 16,
        22..=27 => {
            (2200..=2204).contains(&prefix(4)) && length >= 16
                || (2221..=2720).contains(&prefix(4)) && length == 16
        }
        34 | 37 => length == 15,
        30 => ((300..=305).contains(&prefix(3)) || prefix(3) == 309) && length >= 14,
        36 | 38 | 39 => length >= 14,
        35 => length >= 16,
        // An older range of the same network.
        18 | 21 => matches!(prefix(4), 1800 | 2131) && length == 15,
        50 | 56..=58 | 60..=69 => true,
        81 | 82 | 97 => length >= 16,
        _ => false,
    }
}

/// The digits of a JSON number that is a whole one, however it is spelled.
pub(super) fn whole_digits(number: &str) -> Option<String> {
    let number = number.strip_prefix('-').unwrap_or(number);
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    if shift >= 0 {
        let zeros = usize::try_from(shift).ok().filter(|n| *n <= 24)?;
        digits.extend(std::iter::repeat_n('0', zeros));
    } else {
        let cut = usize::try_from(shift.checked_neg()?).ok()?;
        let keep = digits.len().checked_sub(cut)?;
        if digits.get(keep..)?.bytes().any(|b| b != b'0') {
            return None;
        }
        digits.truncate(keep);
    }
    let digits = digits.trim_start_matches('0');
    (digits.len() <= MOST).then(|| digits.to_owned())
}
