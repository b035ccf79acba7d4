//! The schemas of everything that may be said, made once a run from the types.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Schemas that share their definitions.
pub(crate) struct Schemas {
    generator: SchemaGenerator,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        Self { generator: SchemaSettings::draft2020_12().into_generator() }
    }

    /// The schema of a type.
    pub(crate) fn of<T: JsonSchema>(&mut self) -> Value {
        let mut schema = self.generator.subschema_for::<T>().to_value();
        drop_null(&mut schema);
        schema
    }

    /// The schema of a component kind, without the key `kind`.
    pub(crate) fn of_kind(&mut self, kind: &dyn components::component::ErasedComponent) -> Value {
        let mut schema = kind.schema(&mut self.generator).to_value();
        drop_null(&mut schema);
        schema
    }

    /// The definitions that the schemas made so far refer to as `#/$defs/...`.
    pub(crate) fn definitions(&self) -> Definitions {
        let mut definitions = self.generator.definitions().clone();
        definitions.values_mut().for_each(drop_null);
        Definitions(definitions)
    }
}

/// What `$ref` leads to.
pub(crate) struct Definitions(pub(crate) Map<String, Value>);

impl Definitions {
    /// The schema itself, or the one that it refers to.
    pub(crate) fn follow<'s>(&'s self, mut schema: &'s Value) -> &'s Value {
        while let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/$defs/")) {
            match self.0.get(name) {
                Some(definition) => schema = definition,
                None => break,
            }
        }
        schema
    }
}

/// In a manifest, what is not said is left out: a key without value is a mistake, though the types
/// behind (`Option`) would read it.
fn drop_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(drop_null),
        Value::Object(keywords) => {
            if let Some(Value::Array(types)) = keywords.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    keywords.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(words)) = keywords.get_mut("enum") {
                words.retain(|word| !word.is_null());
            }
            if keywords.get("default").is_some_and(Value::is_null) {
                keywords.shift_remove("default");
            }
            let is_null = |branch: &Value| branch.get("type").is_some_and(|name| name == "null");
            if let Some(Value::Array(branches)) = keywords.get_mut("anyOf") {
                branches.retain(|branch| !is_null(branch));
                if let [Value::Object(only)] = branches.as_slice() {
                    let only = only.clone();
                    keywords.shift_remove("anyOf");
                    for (keyword, value) in only {
                        keywords.entry(keyword).or_insert(value);
                    }
                }
            }
            keywords.values_mut().for_each(drop_null);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The schema of the manifest's first level; what lies below is checked section by section.
pub(crate) fn head() -> Value {
    json!({
        "type": "object",
        "properties": {
            "landfall": { "description": "The version of the manifest's language." },
            "name": { "type": "string", "description": "The deployment's name." },
            "about": { "type": "string", "description": "What it is, in one line." },
            "parameters": { "type": "object" },
            "environments": { "type": "object" },
            "components": { "type": "object", "minProperties": 1, "description": "What the deployment is made of." },
            "people": { "type": "object" },
            "guarantees": { "type": "array" },
            "probes": { "type": "object" },
        },
        "required": ["name", "components"],
        "additionalProperties": false,
    })
}
