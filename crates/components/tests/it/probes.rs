use crate::support::{json, json_map, validated};
use components::probes::{ProbeContext, ValidProbe, validate};
use indexmap::IndexMap;
use model::{Findings, ManifestPath};

const COMPONENTS: &str = r#"
app: { kind: service, command: [app], port: any, users: { names: [ann] } }
web: { kind: edge, domain: shop.example.org, routes: { /: app } }
"#;

fn checked(said: &str, parameters: &str) -> (Option<ValidProbe>, String) {
    let at = ManifestPath::root().key("probes").key("it-works");
    let kinds = IndexMap::from([("app".to_owned(), "service"), ("web".to_owned(), "edge")]);
    let parameters = json_map(parameters);
    let cx = ProbeContext { at: &at, kinds: &kinds, probes: &["it-works", "other"], parameters: &parameters };
    let mut findings = Findings::new();
    let spec = serde_json::from_value(json(said)).unwrap();
    let valid = validate("it-works", spec, &cx, &mut findings);
    let lines: Vec<String> = findings.iter().map(|found| format!("{} {}", found.code.code, found.summary)).collect();
    (valid, lines.join("\n"))
}

#[test]
fn a_probe_becomes_data() {
    let said = r#"
about: an evaluation returns the right numbers
http:
  to: web
  method: POST
  path: /evaluate
  user: "${app.first-user.name}"
  password: "${app.users.ann.password}"
  headers: { x-test: 1 }
  json: { a: [1] }
expect: { status: [200, 201], json: { "": [2, 4] }, headers: { content-type: "~json" } }
contrast: { passing: app/alive, means: green but dead }
"#;
    let (valid, lines) = checked(said, "{}");
    assert_eq!(lines, "");
    let probe = valid.unwrap().lower(&validated(COMPONENTS).local()).unwrap();
    insta::assert_json_snapshot!("probe", probe);
}

#[test]
fn a_service_is_asked_at_its_port() {
    let (valid, _) = checked("{ about: it works, http: { to: app }, expect: { status: 200 } }", "{}");
    let probe = valid.unwrap().lower(&validated(COMPONENTS).local()).unwrap();
    let question = serde_json::to_value(&probe.question).unwrap();
    assert_eq!(question["request"]["to"], serde_json::json!({ "to": "port", "port": "app/http" }));
}

#[test]
fn a_condition_decides_whether_a_probe_holds() {
    let holds = |when: &str, parameters: &str| {
        let said = format!("{{ about: it works, when: {when}, http: {{ to: web }}, expect: {{ status: 200 }} }}");
        let (valid, lines) = checked(&said, parameters);
        assert_eq!(lines, "");
        valid.is_some()
    };
    assert!(holds("{ evaluate: true }", "{ evaluate: true }"));
    assert!(!holds("{ evaluate: true }", "{ evaluate: false }"));
    assert!(holds("{ size: [small, medium] }", "{ size: medium }"));
    assert!(!holds("{ size: [small, medium], evaluate: true }", "{ size: large, evaluate: true }"));
    assert!(holds("{ workers: 2 }", "{ workers: 2 }"));
    assert!(!holds("{ issuer: a }", "{ issuer: null }"));
}

#[test]
fn a_probe_that_cannot_fail_is_refused() {
    let (valid, lines) = checked("{ about: it works, http: { to: web }, expect: {} }", "{}");
    assert!(valid.is_none());
    insta::assert_snapshot!(lines, @"PRB003 any answer would do, so nothing is proved");
}
