//! What an unquoted scalar means, by YAML's core schema.

use crate::node::Value;

/// The value of a plain scalar.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::Text(text.to_owned())),
    }
}

/// The value of a text that is a number.
pub(super) fn number(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let based = |digits: &str, base| i64::from_str_radix(digits, base).ok().map(Value::Integer);
    if let Some(digits) = text.strip_prefix("0x") {
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
        return plain.then(|| based(digits, 16).unwrap_or(Value::Decimal(f64::MAX)));
    }
    if let Some(digits) = text.strip_prefix("0o") {
        let plain = !digits.is_empty() && digits.bytes().all(|b| matches!(b, b'0'..=b'7'));
        return plain.then(|| based(digits, 8).unwrap_or(Value::Decimal(f64::MAX)));
    }
    match unsigned {
        ".inf" | ".Inf" | ".INF" => return Some(Value::Decimal(f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => {
            return Some(Value::Decimal(f64::NAN));
        }
        _ => {}
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) {
        // Beyond 64 bits no key accepts it either way.
        return Some(
            text.parse()
                .map_or(Value::Decimal(f64::MAX), Value::Integer),
        );
    }
    decimal(unsigned)
        .then(|| text.parse().ok().map(Value::Decimal))
        .flatten()
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn decimal(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let exponent = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    let mantissa = match mantissa.split_once('.') {
        Some((whole, part)) => {
            digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    mantissa && exponent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_schema() {
        let text = |t: &str| Value::Text(t.to_owned());
        for (written, value) in [
            ("~", Value::Null),
            ("True", Value::Bool(true)),
            ("yes", text("yes")),
            ("off", text("off")),
            ("007", Value::Integer(7)),
            ("-12", Value::Integer(-12)),
            ("0x1F", Value::Integer(31)),
            ("0o17", Value::Integer(15)),
            ("0x", text("0x")),
            ("1.", Value::Decimal(1.0)),
            (".5", Value::Decimal(0.5)),
            ("1e3", Value::Decimal(1000.0)),
            ("1e", text("1e")),
            (".", text(".")),
            ("-", text("-")),
            ("1_000", text("1_000")),
            ("-.inf", Value::Decimal(f64::INFINITY)),
            ("99999999999999999999", Value::Decimal(f64::MAX)),
            ("12:30", text("12:30")),
        ] {
            assert_eq!(plain(written), value, "{written}");
        }
    }
}
