//! The schema for editors agrees with the compiler.

use compiler::json_schema;
use components::registry;
use model::Findings;
use model::yaml::{Limits, read};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn json(text: &[u8]) -> Option<Value> {
    let document = read("landfall.yaml", text, &Limits::default(), &mut Findings::new())?;
    Some(document.root.to_json())
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&json_schema()).unwrap()
}

fn errors(validator: &jsonschema::Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn is_a_schema() {
    assert!(jsonschema::meta::is_valid(&json_schema()));
}

#[test]
fn accepts_each_example() {
    let validator = validator();
    for kind in registry::KINDS {
        let manifest = format!("landfall: 1\nname: example\n{}", kind.example());
        assert_eq!(errors(&validator, &json(manifest.as_bytes()).unwrap()), Vec::<String>::new(), "{}", kind.kind());
    }
}

#[test]
fn accepts_references_where_values_are_expected() {
    let manifest = br#"
landfall: 1
name: shop
x-note: mine
parameters: { users: { type: list<string>, default: [a], x-b: c }, port: { type: port, default: 80 } }
components:
  app: { kind: service, command: [app], port: "${port}", users: { names: "${users}" }, memory: "${memory}", x-a: 1 }
  web: { kind: edge, domain: "${domain}", routes: { /: app }, redirect: "${redirect}", exposure: "${exposure}",
         limits: { idle-timeout: "${idle}" }, allow: { sources: "${sources}" } }
probes:
  works: { about: it works, http: { to: web, json: { a: "${b}" } }, expect: { status: "${status}" } }
"#;
    assert_eq!(errors(&validator(), &json(manifest).unwrap()), Vec::<String>::new());
}

#[test]
fn refuses_the_shapes_that_the_compiler_refuses() {
    let validator = validator();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/invalid");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let is_shape = ["SHP00", "COM002", "COM003", "MAN00", "PAR002"].iter().any(|code| name.starts_with(code));
        // A number beyond 32 bits, and a tag that JSON does not show.
        if !is_shape || !name.ends_with(".yaml") || ["SHP009.yaml", "MAN004.yaml"].contains(&name.as_str()) {
            continue;
        }
        let Some(value) = json(&fs::read(&path).unwrap()) else { continue };
        assert!(!validator.is_valid(&value), "{name} is accepted");
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn uses_only_keywords_that_the_shape_check_knows() {
    const KNOWN: &[&str] = &[
        "$defs",
        "$ref",
        "$schema",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "default",
        "description",
        "enum",
        "format",
        "if",
        "items",
        "maximum",
        "maxItems",
        "maxLength",
        "minimum",
        "minItems",
        "minLength",
        "minProperties",
        "oneOf",
        "pattern",
        "patternProperties",
        "properties",
        "propertyNames",
        "required",
        "then",
        "title",
        "type",
        "uniqueItems",
    ];
    fn walk(schema: &Value, is_schema: bool) {
        match schema {
            Value::Object(entries) => {
                for (key, value) in entries {
                    assert!(!is_schema || KNOWN.contains(&key.as_str()), "{key}");
                    let holds_names = is_schema && matches!(key.as_str(), "properties" | "$defs" | "patternProperties");
                    if !is_schema || !matches!(key.as_str(), "default" | "const" | "enum" | "required") {
                        walk(value, !holds_names);
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, is_schema)),
            _ => {}
        }
    }
    walk(&json_schema(), true);
}

#[test]
fn says_what_everything_is() {
    let schema = json_schema();
    for kind in registry::KINDS {
        let component = &schema["$defs"][format!("component-{}", kind.kind())];
        assert_eq!(component["properties"]["kind"]["const"], kind.kind());
        for (key, property) in component["properties"].as_object().unwrap() {
            assert!(property.get("description").is_some(), "{}.{key} has no description", kind.kind());
        }
    }
}
