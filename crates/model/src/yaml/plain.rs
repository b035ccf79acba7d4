//! What an unquoted scalar means: the core schema of YAML 1.2, with the module's two exceptions.

use serde_json::{Number, Value};

pub(super) fn value(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0x") {
        return unsigned(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return unsigned(digits, 8);
    }
    let magnitude = text.strip_prefix(['-', '+']).unwrap_or(text);
    let whole = magnitude.split(['.', 'e', 'E']).next().unwrap_or_default();
    if !magnitude.starts_with(|c: char| c.is_ascii_digit() || c == '.') || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    if magnitude.bytes().all(|byte| byte.is_ascii_digit()) {
        let signed = text.strip_prefix('+').unwrap_or(text);
        return signed.parse::<i64>().map(Number::from).or_else(|_| signed.parse::<u64>().map(Number::from)).ok();
    }
    let is_float = magnitude.bytes().any(|byte| byte.is_ascii_digit())
        && magnitude.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if is_float { Number::from_f64(text.parse().ok()?) } else { None }
}

fn unsigned(digits: &str, radix: u32) -> Option<Number> {
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, radix).ok().map(Number::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn follows_the_core_schema() {
        for (text, expected) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("true", json!(true)),
            ("0", json!(0)),
            ("-0", json!(0)),
            ("+7", json!(7)),
            ("-12", json!(-12)),
            ("18446744073709551615", json!(u64::MAX)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("1e3", json!(1000.0)),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn everything_else_is_a_text() {
        for text in [
            "no",
            "yes",
            "on",
            "off",
            "012",
            "-012",
            "00.5",
            "0b1",
            "0x",
            "0x+1",
            "1_000",
            ".",
            "-",
            "+",
            "1.2.3",
            ".inf",
            ".nan",
            "1e999",
            "99999999999999999999",
            "12:30",
            "2027-01-31",
            "1e",
            "e1",
            "inf",
            "NaN",
        ] {
            assert_eq!(value(text), json!(text));
        }
    }
}
