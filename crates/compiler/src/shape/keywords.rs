//! What the keywords of a schema say.

use crate::schema::Definitions;
use serde_json::{Map, Value};

/// The words of a closed list: `enum`, or branches that are one constant each.
pub(super) fn words<'s>(keywords: &'s Map<String, Value>, definitions: &'s Definitions) -> Option<Vec<&'s Value>> {
    if let Some(constant) = keywords.get("const") {
        return Some(vec![constant]);
    }
    if let Some(words) = keywords.get("enum").and_then(Value::as_array) {
        return Some(words.iter().collect());
    }
    let branches = keywords.get("oneOf").or_else(|| keywords.get("anyOf"))?.as_array()?;
    let mut all = Vec::new();
    for branch in branches {
        all.extend(words(definitions.follow(branch).as_object()?, definitions)?);
    }
    Some(all)
}

pub(super) fn types(keywords: &Map<String, Value>) -> Vec<&str> {
    match keywords.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ if keywords.contains_key("properties") => vec!["object"],
        _ => Vec::new(),
    }
}

pub(super) fn branch_types<'s>(branch: &'s Map<String, Value>, definitions: &'s Definitions) -> Vec<&'s str> {
    match types(branch) {
        none if none.is_empty() => match words(branch, definitions) {
            Some(words) => words.iter().map(|word| type_of(word)).collect(),
            None => Vec::new(),
        },
        types => types,
    }
}

pub(super) fn branch_has_type(value: &Value, branch: &Value, definitions: &Definitions) -> bool {
    let Some(keywords) = branch.as_object() else { return true };
    let types = branch_types(keywords, definitions);
    if types.is_empty() {
        let nested = keywords.get("anyOf").or_else(|| keywords.get("oneOf")).and_then(Value::as_array);
        return nested.is_none_or(|nested| {
            nested.iter().any(|branch| branch_has_type(value, definitions.follow(branch), definitions))
        });
    }
    types.iter().any(|name| has_type(value, name))
}

/// The branch whose only required key was said.
pub(super) fn chosen_by_key<'s>(value: &Value, branches: &[&'s Value]) -> Option<&'s Value> {
    let entries = value.as_object()?;
    branches.iter().copied().find(|branch| only_key(branch).is_some_and(|key| entries.contains_key(key)))
}

pub(super) fn only_key(branch: &Value) -> Option<&str> {
    branch.get("required")?.as_array()?.first()?.as_str()
}

pub(super) fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}

pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
