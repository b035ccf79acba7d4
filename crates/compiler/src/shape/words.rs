//! How values, types and places are called in messages.

use model::{ManifestPath, Segment};
use serde_json::Value;

/// Types in a row: `a text, a list or true or false`.
pub(super) fn type_nouns(types: &[&str]) -> String {
    let mut nouns: Vec<&str> = Vec::new();
    for name in types {
        let is_covered = *name == "integer" && types.contains(&"number");
        if !is_covered && !nouns.contains(&type_noun(name)) {
            nouns.push(type_noun(name));
        }
    }
    match nouns.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
        None => "something else".to_owned(),
    }
}

fn type_noun(name: &str) -> &'static str {
    match name {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a mapping",
        _ => "nothing",
    }
}

pub(super) fn format_noun(format: &str) -> &str {
    match format {
        "cidr" => "block of addresses",
        other => other,
    }
}

pub(super) fn said(value: &Value) -> String {
    match value {
        Value::Null => "nothing is said".into(),
        Value::Bool(value) => format!("{value} is none"),
        Value::Number(value) => format!("the number {value} is none"),
        Value::String(text) => format!("the text {} is none", shown(&Value::String(text.clone()))),
        Value::Array(_) => "a list is given".into(),
        Value::Object(_) => "a mapping is given".into(),
    }
}

/// A value for messages, cut to a length that can be read.
pub(crate) fn shown(value: &Value) -> String {
    const SHOWN: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= SHOWN { text } else { text.chars().take(SHOWN).chain("...".chars()).collect() }
}

/// How a number or a truth value becomes a text.
pub(crate) fn in_quotes(value: &Value) -> String {
    if value.is_f64() {
        // `8.40` is read as 8.4, and only the file knows what was written.
        return "put it in quotes".into();
    }
    format!("put it in quotes: \"{value}\"")
}

/// What YAML 1.1 would have read.
pub(super) fn is_old_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" | "true" => Some(true),
        "no" | "off" | "n" | "false" => Some(false),
        _ => None,
    }
}

/// The last step of a path for messages: `domain`, `users[1]`.
pub(crate) fn last(path: &ManifestPath) -> String {
    let segments = path.segments();
    let key = segments.iter().rposition(|segment| matches!(segment, Segment::Key(_))).unwrap_or(0);
    segments[key..].iter().cloned().collect::<ManifestPath>().to_string()
}

pub(super) fn owner(path: &ManifestPath) -> String {
    if path.segments().is_empty() { "the manifest".into() } else { format!("`{}`", last(path)) }
}
