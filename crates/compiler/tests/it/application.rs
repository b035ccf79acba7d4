//! What valid manifests become.

use crate::support::{MemoryFiles, TODAY, text_of};
use compiler::{Application, Compilation, Options, compile, realise_locally};
use components::registry;
use insta::assert_snapshot;
use model::NodeId;

const SHOP: &str = r#"
landfall: 1
name: shop
about: A shop behind an edge.
parameters:
  domain: { type: domain, default: shop.localhost }
  users: { type: list<string>, default: [alice] }
  level: { type: string, one-of: [info, debug], default: info }
  token: { type: secret, default: "env:TOKEN" }
environments:
  staging: { target: local, parameters: { level: debug }, components: { web: { limits: { request-body: 1MiB }, also: [www.shop.localhost] }, app: { memory: } } }
  production: { target: aws, account: "123456789012", region: eu-central-1, parameters: { domain: shop.example.org } }
components:
  web: { kind: edge, domain: "${domain}", routes: { /: app }, x-owner: ops }
  app:
    kind: service
    source: ./app
    command: ["${self.source}/serve", "--port=${self.port}", "--literal=$${HOME}"]
    environment: { LEVEL: "${level}", TOKEN: "${token.value}", GREETING: "hello ${domain}" }
    files: { users.txt: { text: "{% for user in users %}{{ user.name }}\n{% endfor %}" } }
    users: { names: "${users}" }
    port: 8000
    memory: 512MiB
  token: { kind: secret, given: "${token}" }
people:
  alice: { roles: [admin], email: alice@example.org }
guarantees:
  - { nothing: internet, reaches: token }
probes:
  refused:
    about: strangers are refused
    http: { to: web, user: alice, password: wrong }
    expect: { status: 401 }
x-note: ignored
"#;

fn files() -> MemoryFiles {
    MemoryFiles::default().with("./app/serve", "#!/bin/sh\n")
}

fn run(manifest: &str, environment: &str, files: &MemoryFiles) -> Compilation {
    let mut options = Options::new(files, TODAY);
    options.environment = environment.to_owned();
    compile("landfall.yaml", manifest.as_bytes(), &options)
}

fn application(manifest: &str, environment: &str) -> Application {
    let compilation = run(manifest, environment, &files());
    let text = text_of(&compilation);
    compilation.application.unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn components_come_in_the_order_of_their_needs() {
    let application = application(SHOP, "local");
    let names: Vec<&str> = application.components.iter().map(|component| component.name.as_str()).collect();
    assert_eq!(names, ["token", "app", "web"]);
    let emitted = application.to_json();
    assert_eq!(emitted["components"]["app"]["said"]["environment"]["GREETING"], "hello shop.localhost");
    assert_eq!(emitted["components"]["app"]["said"]["users"]["names"], serde_json::json!(["alice"]));
    assert_eq!(emitted["components"]["web"]["said"].get("x-owner"), None);
    assert_eq!(emitted["parameters"]["token"], "env:TOKEN");
}

#[test]
fn the_graph_has_all_processes_and_probes() {
    let graph = realise_locally(&application(SHOP, "local"), &model::Rotations::default());
    let nodes: Vec<&str> = graph.nodes.keys().map(NodeId::as_str).collect();
    for node in &graph.nodes {
        for need in &node.1.needs {
            let (of, before) = (graph.nodes.get_index_of(node.0), graph.nodes.get_index_of(need));
            assert!(before < of && before.is_some(), "{} needs {need}", node.0);
        }
    }
    assert!(nodes.iter().any(|node| node.starts_with("web/")), "{nodes:?}");
    assert!(graph.probes.iter().any(|probe| probe.id.as_str() == "refused"));
    let graph = serde_json::to_value(&graph).unwrap();
    let text = graph.to_string();
    assert!(text.contains("--literal=${HOME}"), "{text}");
    assert!(!text.contains("$${"), "{text}");
}

#[test]
fn an_environment_overlays_parameters_and_components() {
    let staging = application(SHOP, "staging").to_json();
    assert_eq!(staging["components"]["app"]["said"]["environment"]["LEVEL"], "debug");
    assert_eq!(staging["components"]["web"]["said"]["limits"]["request-body"], "1MiB");
    assert_eq!(staging["components"]["web"]["said"]["domain"], "shop.localhost");
    assert_eq!(staging["components"]["app"]["said"].get("memory"), None);
    let production = application(SHOP, "production").to_json();
    assert_eq!(production["environment"]["account"], "123456789012");
    assert_eq!(production["components"]["web"]["said"]["domain"], "shop.example.org");
}

#[test]
fn findings_about_an_overlay_point_to_its_line() {
    let manifest = SHOP.replace("request-body: 1MiB", "request-bodi: 1MiB").replace("also: [www", "also: [www_");
    let staging = run(&manifest, "staging", &files());
    assert_snapshot!(text_of(&staging), @r#"
    error[SHP001]: `request-bodi` is not known here
      --> landfall.yaml:11:90
       |
    11 |   staging: { target: local, parameters: { level: debug }, components: { web: { limits: { request-bodi: 1MiB }, also: [www_.shop.loca...
       |                                                                                          ^^^^^^^^^^^^
       |
       = help: did you mean `request-body`?

    error[SHP007]: "www_.shop.localhost" is no domain
      --> landfall.yaml:11:119
       |
    11 | ...nents: { web: { limits: { request-bodi: 1MiB }, also: [www_.shop.localhost] }, app: { memory: } } }
       |                                                           ^^^^^^^^^^^^^^^^^^^
       |
       = help: each label has 1 to 63 of a-z, 0-9 and '-', with no '-' at its ends; for example `tabpy.example.org`
    "#);
    assert!(run(&manifest, "local", &files()).application.is_some());
}

#[test]
fn the_digest_changes_with_all_that_was_said() {
    let digest = |manifest: &str, environment: &str| application(manifest, environment).digest;
    let first = digest(SHOP, "local");
    assert_eq!(first, digest(SHOP, "local"));
    assert_eq!(first, digest(&SHOP.replace("x-note: ignored", "x-note: changed # too"), "local"));
    assert_ne!(first, digest(SHOP, "staging"));
    assert_ne!(first, digest(&SHOP.replace("default: [alice]", "default: [alice, bob]"), "local"));
    assert_ne!(first, digest(&SHOP.replace("status: 401", "status: 403"), "local"));
    let changed = MemoryFiles::default().with("./app/serve", "#!/bin/bash\n");
    assert_ne!(first, run(SHOP, "local", &changed).application.unwrap().digest);
}

#[test]
fn each_example_compiles() {
    for kind in registry::KINDS {
        let manifest = format!("landfall: 1\nname: example\n{}", kind.example());
        let files = files().with("licence.txt", "x").with("data/schema.sql", "CREATE TABLE teams (id int);");
        let compilation = run(&manifest, "local", &files);
        assert!(compilation.findings.is_empty(), "{}:\n{}", kind.kind(), text_of(&compilation));
        let _ = realise_locally(&compilation.application.unwrap(), &model::Rotations::default());
    }
}
