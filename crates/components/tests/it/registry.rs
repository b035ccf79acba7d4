use crate::support::{AnyFile, json, json_map, validated_for};
use components::registry::{KINDS, codes, find};
use serde_json::Value;

#[test]
fn kinds_are_sorted_and_unique() {
    let names: Vec<&str> = KINDS.iter().map(|kind| kind.kind()).collect();
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    assert!(names.iter().all(|name| find(name).is_some_and(|kind| kind.kind() == *name)));
    assert!(find("cluster").is_none());
}

#[test]
fn codes_are_unique_explained_and_sorted_in_each_kind() {
    let all: Vec<&str> = codes().iter().map(|code| code.code).collect();
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
    for kind in KINDS {
        assert!(kind.codes().windows(2).all(|pair| pair[0].code < pair[1].code), "{}", kind.kind());
    }
    for code in codes() {
        assert!(code.explanation.len() > 40 && !code.title.ends_with('.'), "{}", code.code);
    }
}

#[test]
fn every_example_is_valid_and_fits_its_schema() {
    for kind in KINDS {
        let example = json(kind.example());
        let components = example["components"].as_object().unwrap();
        assert!(components.values().any(|said| said["kind"] == kind.kind()), "{}", kind.kind());
        for said in components.values() {
            let mut said = said.as_object().unwrap().clone();
            let other = find(said.shift_remove("kind").unwrap().as_str().unwrap()).unwrap();
            let mut generator = schemars::SchemaGenerator::default();
            let mut schema = other.schema(&mut generator).to_value();
            let definitions = generator.take_definitions(true);
            schema.as_object_mut().unwrap().insert("$defs".to_owned(), Value::Object(definitions));
            let validator = jsonschema::validator_for(&schema).unwrap();
            let problems: Vec<String> =
                validator.iter_errors(&Value::Object(said)).map(|error| error.to_string()).collect();
            assert!(problems.is_empty(), "{}: {problems:?}", kind.kind());
        }
        let people = serde_json::from_value(example.get("people").cloned().unwrap_or_default()).unwrap_or_default();
        let outcome =
            validated_for(&below_components(kind.example()), people, &serde_json::Map::new(), &AnyFile("a text"));
        assert!(outcome.findings.is_empty(), "{}: {}", kind.kind(), outcome.lines());
    }
}

#[test]
fn a_spec_says_what_each_key_is_for() {
    for kind in KINDS {
        let mut generator = schemars::SchemaGenerator::default();
        kind.schema(&mut generator);
        for (name, schema) in generator.take_definitions(true) {
            for (key, property) in schema["properties"].as_object().into_iter().flatten() {
                assert!(property["description"].is_string(), "{} {name}.{key}", kind.kind());
            }
        }
    }
}

/// What stands below `components:`.
pub(crate) fn below_components(example: &str) -> String {
    let components = json_map(example)["components"].clone();
    serde_json::to_string(&components).unwrap()
}
