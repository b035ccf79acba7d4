//! One JSON Schema of the whole manifest, so that editors complete and check it.
//!
//! It accepts a little more than the compiler: where a value may come from a parameter, it also
//! accepts a text with a reference.

use crate::manifest::{EnvironmentDeclaration, Guarantee, ParameterDeclaration, Person, VERSION};
use crate::parameter::ParameterType;
use crate::schema::{Definitions, Schemas};
use components::component::ErasedComponent;
use components::probes::ProbeSpec;
use components::registry;
use serde_json::{Map, Value, json};

/// The pattern of names of components, parameters, environments and people.
const NAME: &str = "^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$";

/// Patterns of the formats that editors do not know.
const FORMAT_PATTERNS: &[(&str, &str)] = &[
    ("cidr", "^[0-9A-Fa-f.:]+/[0-9]{1,3}$"),
    ("domain", "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"),
    ("duration", "^([0-9]+ *(ms|s|m|h|d) *)+$"),
    ("size", "^[0-9]+ *([kKMGTmgt]?[iI]?[bB])?$"),
];

/// One JSON Schema (2020-12) of the whole manifest, for editors.
#[must_use]
pub fn json_schema() -> Value {
    let mut schemas = Schemas::new();
    let parameter = schemas.of::<ParameterDeclaration>();
    let environment = schemas.of::<EnvironmentDeclaration>();
    let (person, guarantee, probe) = (schemas.of::<Person>(), schemas.of::<Guarantee>(), schemas.of::<ProbeSpec>());
    let kinds: Vec<(&dyn ErasedComponent, Value)> =
        registry::KINDS.iter().map(|kind| (*kind, schemas.of_kind(*kind))).collect();
    let definitions = schemas.definitions();

    // What may refer to parameters, and what they are made of.
    let mut open = definitions.0.clone();
    for definition in open.values_mut() {
        accept_references(definition, &definitions);
    }
    for (kind, schema) in &kinds {
        let mut component = definitions.follow(schema).clone();
        accept_references(&mut component, &definitions);
        add_kind(&mut component, *kind);
        open.insert(component_name(*kind), component);
    }
    // Parameters and environments say what references mean, so they hold none but in values.
    for schema in [&parameter, &environment] {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/")) {
            open.insert(name.to_owned(), definitions.follow(schema).clone());
        }
    }
    if let Some(declaration) = open.get_mut("ParameterDeclaration") {
        declaration["properties"]["type"]["enum"] = json!(ParameterType::all_names());
    }
    let mut closed = Value::Object(open);
    describe_formats(&mut closed);
    let named = |schema: &Value| json!({ "type": "object", "propertyNames": { "pattern": NAME }, "additionalProperties": schema });
    let described = |mut schema: Value, about: &str| {
        schema["description"] = json!(about);
        schema
    };
    let mut root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Landfall manifest",
        "description": "A self-hosted data application and how it runs.",
        "type": "object",
        "properties": {
            "landfall": { "const": VERSION, "description": "The version of the manifest's language." },
            "name": { "type": "string", "pattern": NAME, "description": "The deployment's name." },
            "about": { "type": "string", "description": "What it is, in one line." },
            "parameters": described(named(&parameter), "The values that a deployment may be given."),
            "environments": described(
                named(&environment),
                "Where it runs, and what is different there. `local`, this machine, always exists."
            ),
            "components": {
                "description": "What the deployment is made of.",
                "type": "object",
                "propertyNames": { "pattern": NAME },
                "minProperties": 1,
                "additionalProperties": component_schema(&kinds),
            },
            "people": described(named(&person), "The people who use or run it."),
            "guarantees": {
                "description": "What must hold of the paths between components, beyond the stated edges.",
                "type": "array",
                "items": guarantee,
            },
            "probes": described(
                json!({ "type": "object", "additionalProperties": probe }),
                "What must be true of the running deployment, besides what its components promise."
            ),
        },
        "required": ["landfall", "name", "components"],
        "additionalProperties": false,
    });
    accept_own_keys(&mut root);
    accept_own_keys(&mut closed);
    root["$defs"] = closed;
    root
}

fn component_name(kind: &dyn ErasedComponent) -> String {
    format!("component-{}", kind.kind())
}

/// A component is what its `kind` says.
fn component_schema(kinds: &[(&dyn ErasedComponent, Value)]) -> Value {
    let words: Vec<Value> =
        kinds.iter().map(|(kind, _)| json!({ "const": kind.kind(), "description": kind.about() })).collect();
    let cases: Vec<Value> = kinds
        .iter()
        .map(|(kind, _)| {
            json!({
                "if": { "properties": { "kind": { "const": kind.kind() } }, "required": ["kind"] },
                "then": { "$ref": format!("#/$defs/{}", component_name(*kind)) },
            })
        })
        .collect();
    json!({
        "type": "object",
        "properties": { "kind": { "oneOf": words } },
        "required": ["kind"],
        "allOf": cases,
    })
}

/// The specs say nothing about `kind`, which is how they are chosen.
fn add_kind(schema: &mut Value, kind: &dyn ErasedComponent) {
    let Some(keywords) = schema.as_object_mut() else { return };
    let properties = keywords.entry("properties").or_insert_with(|| json!({}));
    properties["kind"] = json!({ "const": kind.kind(), "description": kind.about() });
    let required = keywords.entry("required").or_insert_with(|| json!([]));
    if let Some(required) = required.as_array_mut() {
        required.insert(0, json!("kind"));
    }
}

/// Lets each value below be a text with a reference where it could not be one already.
fn accept_references(schema: &mut Value, definitions: &Definitions) {
    let Some(keywords) = schema.as_object_mut() else { return };
    if let Some(properties) = keywords.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(|value| accept_reference(value, definitions));
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(value) = keywords.get_mut(keyword) {
            accept_reference(value, definitions);
        }
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        for branch in keywords.get_mut(keyword).and_then(Value::as_array_mut).into_iter().flatten() {
            accept_references(branch, definitions);
        }
    }
}

fn accept_reference(schema: &mut Value, definitions: &Definitions) {
    accept_references(schema, definitions);
    if !needs_reference(schema, definitions) {
        return;
    }
    let mut wrapped = Map::new();
    // What editors show stays where they look for it.
    for keyword in ["description", "default"] {
        if let Some(value) = schema.as_object_mut().and_then(|keywords| keywords.shift_remove(keyword)) {
            wrapped.insert(keyword.to_owned(), value);
        }
    }
    let reference = json!({ "type": "string", "pattern": r"\$\{[^}]+\}" });
    wrapped.insert("anyOf".to_owned(), json!([schema.take(), reference]));
    *schema = Value::Object(wrapped);
}

/// Whether a text with a reference would be refused but can be meant: single values and lists.
fn needs_reference(schema: &Value, definitions: &Definitions) -> bool {
    let Some(keywords) = definitions.follow(schema).as_object() else { return false };
    if keywords.keys().all(|keyword| matches!(keyword.as_str(), "description" | "title" | "default")) {
        return false;
    }
    let is_limited =
        ["enum", "const", "pattern", "format", "maxLength"].iter().any(|keyword| keywords.contains_key(*keyword));
    match keywords.get("type").and_then(Value::as_str) {
        Some("string") => is_limited,
        Some("object") => false,
        Some(_) => true,
        None => {
            let branches = ["anyOf", "oneOf"].iter().filter_map(|keyword| keywords.get(*keyword)?.as_array()).flatten();
            let is_text = |branch: &Value| {
                let branch = definitions.follow(branch);
                branch.get("type").is_some_and(|name| name == "string") && !needs_reference(branch, definitions)
            };
            !branches.into_iter().any(is_text)
        }
    }
}

/// Gives the product's own formats a pattern.
fn describe_formats(schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            let format = keywords.get("format").and_then(Value::as_str);
            if let Some((_, pattern)) = FORMAT_PATTERNS.iter().find(|(name, _)| Some(*name) == format) {
                keywords.entry("pattern").or_insert_with(|| json!(pattern));
            }
            keywords.values_mut().for_each(describe_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(describe_formats),
        _ => {}
    }
}

/// Keys that begin with `x-` are free for the user's own use.
fn accept_own_keys(schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            if keywords.get("additionalProperties") == Some(&Value::Bool(false)) {
                keywords.entry("patternProperties").or_insert_with(|| json!({ "^x-": true }));
            }
            keywords.values_mut().for_each(accept_own_keys);
        }
        Value::Array(items) => items.iter_mut().for_each(accept_own_keys),
        _ => {}
    }
}
