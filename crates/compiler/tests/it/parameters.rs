//! Which source wins.

use crate::support::{MemoryFiles, TODAY, text_of};
use compiler::{Compilation, Options, ValueSource, ValuesFile, compile};
use serde_json::json;

const MANIFEST: &str = r#"
landfall: 1
name: shop
parameters:
  a: { type: string, default: default }
  count: { type: int, default: 1 }
  users: { type: list<string>, default: [alice] }
  host: { type: domain, default: shop.example.org }
  url: { type: string, default: "https://${host}/$${x}" }
  copies: { type: list<string>, default: "${users}" }
  secret: { type: secret, default: "env:ONE" }
  unset: { type: string, required-when: { count: [7, 8] } }
environments:
  staging: { target: local, parameters: { a: overlay, secret: "file:two.txt" } }
components: { app: { kind: service, command: [app, "${url}", "${unset}"], environment: { U: "${unset}" } } }
"#;

fn given(give: impl FnOnce(&mut Options<'_>)) -> Compilation {
    let files = MemoryFiles::default();
    let mut options = Options::new(&files, TODAY);
    options.environment = "staging".into();
    give(&mut options);
    compile("landfall.yaml", MANIFEST.as_bytes(), &options)
}

fn value(compilation: &Compilation, name: &str) -> (serde_json::Value, ValueSource) {
    let application = compilation.application.as_ref().unwrap_or_else(|| panic!("{}", text_of(compilation)));
    let parameter = &application.parameters[name];
    (parameter.value.clone(), parameter.source.clone())
}

#[test]
fn each_source_beats_the_next() {
    let values = |text: &str| Some(ValuesFile { name: "v.yaml".into(), bytes: text.into() });
    let all = given(|options| {
        options.set = vec!["a=first".into(), "a=set".into()];
        options.values = values("a: values\n");
        options.variables.insert("LANDFALL_PARAM_A".into(), "variable".into());
    });
    assert_eq!(value(&all, "a"), (json!("set"), ValueSource::Set));
    let explained = &all.values[0];
    let overridden: Vec<String> =
        explained.overridden.iter().map(|other| format!("{}: {}", other.source, other.value)).collect();
    assert_eq!(
        overridden,
        [
            "v.yaml: \"values\"",
            "LANDFALL_PARAM_A: \"variable\"",
            "environment staging: \"overlay\"",
            "default: \"default\""
        ]
    );
    let no_set = given(|options| {
        options.values = values("{\"a\": \"values\"}");
        options.variables.insert("LANDFALL_PARAM_A".into(), "variable".into());
    });
    assert_eq!(value(&no_set, "a"), (json!("values"), ValueSource::ValuesFile("v.yaml".into())));
    let variable = given(|options| {
        options.variables.insert("LANDFALL_PARAM_A".into(), "variable".into());
        options.variables.insert("HOME".into(), "/root".into());
    });
    assert_eq!(value(&variable, "a"), (json!("variable"), ValueSource::Variable("LANDFALL_PARAM_A".into())));
    let overlay = given(|_| {});
    assert_eq!(value(&overlay, "a"), (json!("overlay"), ValueSource::Environment("staging".into())));
    let default = given(|options| options.environment = "local".into());
    assert_eq!(value(&default, "a"), (json!("default"), ValueSource::Default));
}

#[test]
fn values_keep_their_types() {
    let compilation = given(|options| options.set = vec!["users=bob,carol".into(), "count=3".into()]);
    assert_eq!(value(&compilation, "users").0, json!(["bob", "carol"]));
    assert_eq!(value(&compilation, "copies").0, json!(["bob", "carol"]));
    assert_eq!(value(&compilation, "count").0, json!(3));
    assert_eq!(value(&compilation, "url").0, json!("https://shop.example.org/${x}"));
}

#[test]
fn a_value_is_data_even_when_it_looks_like_a_reference() {
    let compilation =
        given(|options| options.set = vec!["host=x.example.org".into(), "url=${host} ${app.port}".into()]);
    assert_eq!(value(&compilation, "url").0, json!("${host} ${app.port}"));
    let application = compilation.application.unwrap();
    let graph = serde_json::to_string(&compiler::realise_locally(&application, &model::Rotations::default())).unwrap();
    assert!(graph.contains("${host} ${app.port}"), "{graph}");
}

#[test]
fn what_is_not_given_is_left_out() {
    let compilation = given(|_| {});
    let said = &compilation.application.unwrap().components[0].said;
    assert_eq!(said["command"].as_array().unwrap().len(), 2);
    assert_eq!(said.get("environment"), None, "a mapping of nothing but what is not given");
    let needed = given(|options| options.set = vec!["count=8".into()]);
    assert_eq!(needed.findings.iter().map(|finding| finding.code.code).collect::<Vec<_>>(), ["PAR009"]);
}

#[test]
fn secrets_are_never_shown() {
    let compilation = given(|options| {
        options.variables.insert("LANDFALL_PARAM_SECRET".into(), "hunter2".into());
    });
    let explained = serde_json::to_string(&compilation.values).unwrap();
    assert!(explained.contains("file:two.txt") && explained.contains("env:ONE"), "{explained}");
    assert!(!explained.contains("hunter2"), "{explained}");
    assert!(!text_of(&compilation).contains("hunter2"), "{}", text_of(&compilation));
    let said = given(|options| {
        options.values = Some(ValuesFile { name: "v.yaml".into(), bytes: b"{ secret: hunter2, cuont: 1 }".into() });
    });
    let text = text_of(&said);
    assert!(text.contains("PAR015") && text.contains("PAR013"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}
