//! The page about the manifest, written from the JSON Schema: its descriptions are the doc comments
//! of the types that read the manifest.

use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt::Write;

/// The root's keys first, then every definition that is reached from it, each once.
pub(super) fn page(schema: &Value) -> String {
    let mut page = String::from("# The manifest\n\n");
    paragraph(&mut page, schema);
    page.push_str(
        "An editor that knows JSON Schema completes and checks it with `landfall.schema.json` beside this page.\n\
         Wherever a value stands, `${parameter}` may stand instead.\n\n",
    );
    let mut found = Vec::new();
    body(&mut page, schema, &mut found);
    let mut written: BTreeSet<String> = BTreeSet::new();
    let mut next = 0;
    while let Some(name) = found.get(next).cloned() {
        next += 1;
        if !written.insert(name.clone()) {
            continue;
        }
        let Some(definition) = schema["$defs"].get(&name) else { continue };
        let _ = write!(page, "\n## {name}\n\n");
        paragraph(&mut page, definition);
        body(&mut page, definition, &mut found);
    }
    page
}

fn paragraph(page: &mut String, schema: &Value) {
    if let Some(text) = schema["description"].as_str() {
        let _ = write!(page, "{}\n\n", text.trim());
    }
}

/// What a schema says beyond its description: keys, alternatives, or a scalar's rules.
fn body(page: &mut String, schema: &Value, found: &mut Vec<String>) {
    let alternatives = ["oneOf", "anyOf"].iter().find_map(|key| schema[*key].as_array());
    if let Some(properties) = schema["properties"].as_object().filter(|properties| !properties.is_empty()) {
        keys(page, schema, properties, found);
    }
    if let Some(alternatives) = alternatives {
        page.push_str("One of:\n\n");
        for alternative in alternatives {
            let about = alternative["description"].as_str().map(|text| format!(": {}", one_line(text)));
            let _ = writeln!(page, "- {}{}", kind(alternative, found), about.unwrap_or_default());
        }
        for alternative in alternatives {
            if let Some(properties) = alternative["properties"].as_object().filter(|keys| !keys.is_empty()) {
                page.push('\n');
                keys(page, alternative, properties, found);
            }
        }
    } else if schema["properties"].is_null() {
        let rules = rules(schema);
        let rules = if rules.is_empty() { rules } else { format!(" ({rules})") };
        let _ = writeln!(page, "Type: {}{rules}", kind(schema, found));
    }
}

fn keys(page: &mut String, schema: &Value, properties: &Map<String, Value>, found: &mut Vec<String>) {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    page.push_str("| key | type | default | meaning |\n|---|---|---|---|\n");
    for (key, value) in properties {
        let default = match (value.get("default"), required.contains(&key.as_str())) {
            (_, true) => "required".to_owned(),
            (Some(Value::Null) | None, false) => String::new(),
            (Some(default), false) => format!("`{default}`"),
        };
        let rules = rules(value);
        let rules = if rules.is_empty() { rules } else { format!(" ({rules})") };
        let about = one_line(value["description"].as_str().unwrap_or_default());
        let kind = kind(value, found).replace('|', "\\|");
        let _ = writeln!(
            page,
            "| `{key}` | {kind}{} | {} | {} |",
            rules.replace('|', "\\|"),
            default.replace('|', "\\|"),
            about.replace('|', "\\|")
        );
    }
}

/// A schema without the alternative that every value has: a text that refers to a parameter.
fn said_directly(schema: &Value) -> &Value {
    let is_reference = |choice: &&Value| choice["pattern"] == r"\$\{[^}]+\}";
    match schema["anyOf"]
        .as_array()
        .map(|choices| choices.iter().filter(|choice| !is_reference(choice)).collect::<Vec<_>>())
    {
        Some(choices) if choices.len() == 1 => choices[0],
        _ => schema,
    }
}

/// A type in words, with links to definitions, which are noted as found.
fn kind(schema: &Value, found: &mut Vec<String>) -> String {
    let schema = said_directly(schema);
    let by_kind: Vec<&Value> =
        schema["allOf"].as_array().into_iter().flatten().filter_map(|rule| rule.get("then")).collect();
    if !by_kind.is_empty() {
        let kinds: Vec<String> = by_kind.into_iter().map(|then| kind(then, found)).collect();
        return format!("{}, by `kind`", kinds.join(" or "));
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        found.push(name.to_owned());
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(constant) = schema.get("const") {
        return format!("`{constant}`");
    }
    if let Some(values) = schema["enum"].as_array() {
        let shown = values.iter().filter(|value| !value.is_null()).map(|value| format!("`{}`", plain(value)));
        return shown.collect::<Vec<_>>().join(" or ");
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(choices) = schema[key].as_array() {
            let mut words: Vec<String> = Vec::new();
            for choice in choices.iter().filter(|choice| choice["type"] != "null") {
                words.push(kind(choice, found));
            }
            words.dedup();
            return words.join(" or ");
        }
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect(),
        _ => vec![],
    };
    let words: Vec<String> = names.into_iter().map(|name| named(name, schema, found)).collect();
    if words.is_empty() { "anything".to_owned() } else { words.join(" or ") }
}

fn named(name: &str, schema: &Value, found: &mut Vec<String>) -> String {
    match name {
        "array" => format!("list of {}", kind(&schema["items"], found)),
        "object" => match &schema["additionalProperties"] {
            values @ Value::Object(_) => format!("mapping of {}", kind(values, found)),
            _ => "mapping".to_owned(),
        },
        "boolean" => "`true` or `false`".to_owned(),
        "integer" => "whole number".to_owned(),
        "string" => "text".to_owned(),
        other => other.to_owned(),
    }
}

/// The limits of a value.
fn rules(schema: &Value) -> String {
    let schema = said_directly(schema);
    let mut rules = Vec::new();
    if let Some(format) =
        schema["format"].as_str().filter(|format| !format.starts_with("uint") && !format.starts_with("int"))
    {
        rules.push(format.to_owned());
    }
    for (key, words) in [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minLength", "characters at least"),
        ("maxLength", "characters at most"),
        ("minItems", "entries at least"),
        ("maxItems", "entries at most"),
    ] {
        if let Some(limit) = schema.get(key).filter(|limit| **limit != 0 && !limit.is_null()) {
            rules.push(format!("{words} {limit}"));
        }
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        rules.push(format!("`{pattern}`"));
    }
    rules.join(", ")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_types_limits_and_definitions_are_shown() {
        let schema = json!({
            "description": "A manifest.",
            "properties": {
                "name": { "type": "string", "pattern": "^a|b$", "description": "Its\nname." },
                "size": { "$ref": "#/$defs/Size" },
                "parts": { "type": "object", "additionalProperties": { "allOf": [
                    { "if": {}, "then": { "$ref": "#/$defs/Part" } },
                ] } },
                "wait": { "anyOf": [{ "type": "string", "format": "duration" }, { "type": "string", "pattern": r"\$\{[^}]+\}" }] },
                "ports": { "type": ["array", "null"], "items": { "type": "integer", "minimum": 1 }, "default": [80] },
            },
            "required": ["name"],
            "$defs": { "Size": { "description": "How big.", "enum": ["small", "large"] }, "Part": { "description": "A part." }, "Unused": {} },
        });
        let page = page(&schema);
        assert!(page.contains("| `name` | text (`^a\\|b$`) | required | Its name. |"), "{page}");
        assert!(page.contains("| `size` | [Size](#size) |  |  |"), "{page}");
        assert!(page.contains("| `ports` | list of whole number | `[80]` |  |"), "{page}");
        assert!(page.contains("| `wait` | text (duration) |  |  |"), "{page}");
        assert!(page.contains("| `parts` | mapping of [Part](#part), by `kind` |  |  |"), "{page}");
        assert!(page.contains("## Part\n\nA part.\n"), "{page}");
        assert!(page.contains("## Size\n\nHow big.\n\nType: `small` or `large`\n"), "{page}");
        assert!(!page.contains("Unused"), "{page}");
    }
}
