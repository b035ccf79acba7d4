//! The tabpy blueprint, and networks and services of other shapes, in an account.

use crate::support::{MemoryFiles, TODAY, text_of};
use base64::Engine as _;
use compiler::{AwsDeployment, Compilation, Options, compile, export_cloudformation, lower_to_aws, render_templates};
use model::Findings;
use model::cfn::{Kind, Layer, SecretContent, SubPart, Value, read};
use model::cfn::{ParameterSource, TemplateSet};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

const BLUEPRINT: &str = include_str!("../../../../blueprints/tabpy/landfall.yaml");
const HEAD: &str = r#"
landfall: 1
name: shop
environments:
  production: { target: aws, account: "123456789012", region: eu-central-1 }
"#;
/// Every component and setting that the blueprint does not show.
pub(crate) const SHOP: &str = r#"
people:
  alice: { roles: [admin], email: alice@example.org }
  bob: { roles: [reader], email: bob@example.org }
components:
  net: { kind: network, zones: 3, egress: nat-per-zone, block: 10.20.0.0/20 }
  key: { kind: secret, generate: { key: { bytes: 32, encoding: hex } } }
  licence: { kind: secret, given: "env:LICENCE" }
  signing: { kind: secret, generate: rsa }
  app:
    kind: service
    size: large
    instances: 2
    python: { minimum: "3.11", packages: [shop==1.2.0], imports: [shop] }
    command: ["${self.bin.shop}", --port, "${self.port}", --say, "50% of $5 \"now\""]
    environment: { KEY: "${key.value}", LICENCE: "a ${licence.value}", PLAIN: "it's ${self.data}" }
    files:
      shop.sh: { text: "echo $${HOME} {{ data }}\n", mode: "0644" }
      public.pem: { text: "{{ pem }}", with: { pem: "${signing.public}" }, mode: "0644" }
    port: any
  api: { kind: service, command: [/usr/bin/api], port: 8001, needs: [app] }
  job: { kind: service, command: [/usr/bin/job], restart: on-failure }
  web:
    kind: edge
    domain: shop.example.org
    also: [www.shop.example.org, a.example.org, b.example.org, c.example.org]
    exposure: internet
    zone: Z0123456789ABCDEFGHIJ
    routes: { /: { to: [app, api], sticky: true }, /api: { to: api, health: { path: /ok, status: [200, 204] } } }
    tls: { minimum: "1.3" }
  inside:
    kind: edge
    domain: inside.example.org
    exposure: internal
    redirect: false
    routes: { /: api }
"#;
pub(crate) const CLOSED: &str = r#"
components:
  net: { kind: network, egress: endpoints }
  key: { kind: secret, generate: ed25519 }
  app: { kind: service, command: [/usr/bin/app], port: 9000, environment: { KEY: "${key.value}" } }
  web: { kind: edge, domain: app.example.org, exposure: internal, routes: { /: app } }
"#;
pub(crate) const ADOPTED: &str = r#"
components:
  net:
    kind: network
    existing:
      vpc: vpc-0123456789abcdef0
      block: 10.0.0.0/16
      public: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]
      private: [subnet-0123456789abcdef2, subnet-0123456789abcdef3]
  app: { kind: service, command: [/usr/bin/app], port: 9000, health: { path: /ok } }
  web: { kind: edge, domain: app.example.org, exposure: internet, routes: { /: app } }
"#;
const NO_NETWORK: &str = "components: { app: { kind: service, command: [/usr/bin/app] } }\n";

/// A program of the user's own.
const PAGES: &str = r#"
components:
  pages:
    kind: service
    source: pages
    command: [/usr/bin/python3, "${self.source}/serve.py", "${self.port}"]
    port: 9004
    health: { path: /, status: [200], timeout: 30s }
  web: { kind: edge, domain: tabpy.example.org, exposure: internet, routes: { /: pages } }
"#;

/// A database of its own that nobody uses but people.
pub(crate) const RECORDS: &str = r#"
people:
  alice: { roles: [admin] }
components:
  net: { kind: network, egress: endpoints }
  db:
    kind: database
    engine: postgres
    version: "17"
    databases: [records]
    people: { admin: owner }
    zones: 2
guarantees:
  - { nothing: internet, reaches: db }
  - { nothing: db, reaches: internet }
  - { only: net, reaches: db }
"#;
/// A cluster.
pub(crate) const CLUSTER: &str = r#"
components:
  db: { kind: database, engine: postgres, version: "17", databases: [records], aurora: true, zones: 2, port: 6000 }
guarantees: [{ only: db, reaches: "db:6000" }, { nothing: db, reaches: internet }]
"#;
/// The other engines.
pub(crate) const OTHERS: &str = r#"
components:
  one: { kind: database, engine: mysql, version: "8.4", databases: [records], storage: 100GiB, size: large, backups: { keep: 30, at: "23:50" } }
  two: { kind: database, engine: mariadb, version: "11.4", databases: [records], deletion-protection: false }
"#;

/// An application on a database, people who reach it, and a dashboard elsewhere that reads it.
pub(crate) const WEBAPP: &str = r#"
people:
  alice: { roles: [admin], ssh-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKTOgL5pZ6dV5mYTmLbpsK+iHrOgr3GMsYdKjN4Xyz" }
  bob: { roles: [analyst], ssh-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY" }
components:
  net: { kind: network }
  db:
    kind: database
    engine: mysql
    version: "8.4"
    databases: [teams]
    people: { admin: owner, analyst: read-only }
  app:
    kind: service
    source: pages
    command: [/usr/bin/python3, "${self.source}/serve.py", "${self.port}"]
    uses: { db: { grants: read-write, connections: 20, driver: pymysql } }
    environment: { DATABASE_URL: "${self.uses.db.url}", DATABASE_HOST: "${self.uses.db.host}", CA: "${self.uses.db.ca}" }
    port: 8000
    health: { path: /health }
  jump:
    kind: bastion
    to: db
    people: [admin, analyst]
    allow: { sources: [203.0.113.0/24, 198.51.100.7/32], owner: ops@example.org, review-by: "2027-06-30" }
  bi:
    kind: tunnel
    target: db
    grants: read-only
    to:
      host: tunnel.vendor.example
      user: tunnel15240
      host-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY"
      listen: 15240
  web:
    kind: edge
    domain: teams.example.org
    exposure: internet
    allow: { sources: [203.0.113.0/24], owner: web team, review-by: "2027-06-30" }
    routes: { /: app }
guarantees:
  - { nothing: internet, reaches: db }
  - { only: [app, jump, bi], reaches: "db:3306" }
  - { nothing: db, reaches: internet }
  - { only: [203.0.113.0/24, 198.51.100.7/32], reaches: "jump:22" }
  - { nothing: web, reaches: db }
"#;

/// The same without a way to the internet: its source comes from storage, its authorities from a file.
pub(crate) const CLOSED_WEBAPP: &str = r#"
people:
  alice: { roles: [admin] }
components:
  net: { kind: network, zones: 3, egress: endpoints }
  db:
    kind: database
    engine: mariadb
    version: "11.4"
    databases: [teams, stock]
    people: { admin: owner }
    zones: 2
    authorities: rds-ca.pem
  app:
    kind: service
    source: pages
    command: [/usr/bin/python3, "${self.source}/serve.py", "${self.port}"]
    uses: { db: { database: teams, grants: read-write } }
    environment: { DATABASE_URL: "${self.uses.db.url}" }
    port: 8000
  web: { kind: edge, domain: teams.example.org, exposure: internal, routes: { /: app } }
guarantees:
  - { nothing: internet, reaches: app }
  - { nothing: app, reaches: internet }
  - { nothing: db, reaches: internet }
"#;

/// Databases of every kind, and everybody who may come to one.
pub(crate) const HOUSE: &str = r#"
people:
  alice: { roles: [admin], email: alice@example.org, ssh-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKTOgL5pZ6dV5mYTmLbpsK+iHrOgr3GMsYdKjN4Xyz" }
  bob: { roles: [analyst], ssh-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY" }
  carol: { roles: [editor] }
components:
  net: { kind: network, zones: 3, egress: nat-per-zone, block: 10.30.0.0/18 }
  main:
    kind: database
    engine: mariadb
    version: "11.4"
    size: medium
    databases: [shop, audit]
    people: { admin: owner, editor: read-write, analyst: { shop: read-only } }
    zones: 2
    storage: 200GiB
    backups: { keep: 35, at: "23:45" }
  archive:
    kind: database
    engine: postgres
    version: "17"
    databases: { events: { extensions: [pg_trgm, pgcrypto] }, history: {} }
    people: { admin: owner, analyst: { history: read-only } }
    aurora: true
    zones: 3
  stock:
    kind: database
    engine: mysql
    version: "8.4"
    databases: [stock]
    people: { admin: owner }
    aurora: true
    size: large
    port: 3310
    deletion-protection: false
  app:
    kind: service
    source: pages
    instances: 2
    command: [/usr/bin/python3, "${self.source}/serve.py", "${self.port}"]
    uses:
      main: { database: shop, grants: read-write, connections: 40 }
      archive: { database: events, grants: read-only }
    environment: { SHOP: "${self.uses.main.url}", EVENTS: "${self.uses.archive.url}" }
    users: { people: [admin, editor] }
    port: 8000
    health: { path: /health }
  worker:
    kind: service
    command: [/usr/bin/worker]
    uses: { stock: { grants: owner, driver: pymysql }, main: { database: audit, grants: read-write } }
    environment: { STOCK: "${self.uses.stock.url}", AUDIT: "${self.uses.main.url}" }
  jump:
    kind: bastion
    to: [main, archive]
    people: [admin, analyst]
    port: 2222
    allow: { sources: [203.0.113.0/24, "2001:db8::/32"], owner: ops@example.org, review-by: "2027-06-30" }
  inner:
    kind: bastion
    to: stock
    people: admin
    allow: { sources: [10.0.0.0/8], owner: ops@example.org, review-by: "2027-06-30" }
  bi:
    kind: tunnel
    target: main
    database: shop
    grants: read-only
    to:
      host: tunnel.vendor.example
      user: tunnel15240
      host-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY"
      listen: 15240
  board:
    kind: tunnel
    target: archive
    database: history
    grants: read-only
    to:
      host: 198.51.100.20
      port: 443
      user: landfall
      host-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY"
      listen: 15241
  web: { kind: edge, domain: shop.example.org, exposure: internet, routes: { /: app } }
guarantees:
  - { nothing: internet, reaches: main }
  - { nothing: internet, reaches: archive }
  - { nothing: internet, reaches: stock }
  - { only: [app, worker, jump, bi], reaches: "main:3306" }
  - { only: [app, jump, board], reaches: "archive:5432" }
  - { only: [worker, inner], reaches: "stock:3310" }
  - { nothing: web, reaches: main }
"#;

const SHAPES: [(&str, &str); 11] = [
    ("shop", SHOP),
    ("closed", CLOSED),
    ("adopted", ADOPTED),
    ("no-network", NO_NETWORK),
    ("pages", PAGES),
    ("records", RECORDS),
    ("cluster", CLUSTER),
    ("others", OTHERS),
    ("webapp", WEBAPP),
    ("closed-webapp", CLOSED_WEBAPP),
    ("house", HOUSE),
];

/// What lies beside the manifests: the folder of [`PAGES`], and authorities.
fn source_files() -> MemoryFiles {
    let files = MemoryFiles::default().with("pages/serve.py", include_str!("host/pages/serve.py"));
    files.with("rds-ca.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
}

/// A service that runs from a folder, in an account.
pub(crate) fn pages() -> AwsDeployment {
    lower(&format!("{HEAD}{PAGES}"), &source_files()).0
}

fn blueprint_files() -> MemoryFiles {
    MemoryFiles::default()
        .with("files/launch.py", include_str!("../../../../blueprints/tabpy/files/launch.py"))
        .with("files/passwords.txt", include_str!("../../../../blueprints/tabpy/files/passwords.txt"))
        .with("files/tabpy.conf", include_str!("../../../../blueprints/tabpy/files/tabpy.conf"))
        .with("files/constraints.txt", include_str!("../../../../blueprints/tabpy/files/constraints.txt"))
}

/// Compiles a manifest in the environment `production`.
fn compile_production(manifest: &str, files: &MemoryFiles) -> Compilation {
    let mut options = Options::new(files, TODAY);
    options.environment = "production".to_owned();
    let compilation = compile("landfall.yaml", manifest.as_bytes(), &options);
    assert!(compilation.application.is_some(), "{}", text_of(&compilation));
    compilation
}

/// Lowers a manifest in the environment `production`.
pub(crate) fn lower(manifest: &str, files: &MemoryFiles) -> (AwsDeployment, TemplateSet) {
    let compilation = compile_production(manifest, files);
    let mut findings = Findings::new();
    let application = compilation.application.as_ref().unwrap();
    let deployment = lower_to_aws(application, &model::Rotations::default(), &mut findings)
        .unwrap_or_else(|| panic!("{findings:?}"));
    let templates = render_templates(&deployment, &mut findings);
    assert!(findings.is_empty(), "{findings:?}");
    (deployment, templates)
}

/// What is compiled and lowered of each shape.
pub(crate) fn compiled_shapes() -> Vec<(&'static str, Compilation, AwsDeployment)> {
    let mut manifests = vec![("tabpy", BLUEPRINT.to_owned(), blueprint_files())];
    for (name, components) in SHAPES {
        manifests.push((name, format!("{HEAD}{components}"), source_files()));
    }
    let compiled = manifests
        .into_iter()
        .map(|(name, manifest, files)| (name, compile_production(&manifest, &files), lower(&manifest, &files).0));
    compiled.collect()
}

/// A manifest with the given end, compiled and lowered.
pub(crate) fn compiled(components: &str) -> (Compilation, AwsDeployment) {
    let manifest = format!("{HEAD}{components}");
    let files = MemoryFiles::default();
    (compile_production(&manifest, &files), lower(&manifest, &files).0)
}

pub(crate) fn tabpy() -> (AwsDeployment, TemplateSet) {
    lower(BLUEPRINT, &blueprint_files())
}

/// Deployments of every shape, the blueprint first.
pub(crate) fn shapes() -> Vec<(&'static str, AwsDeployment, TemplateSet)> {
    let (deployment, templates) = tabpy();
    let mut shapes = vec![("tabpy", deployment, templates)];
    for (name, components) in SHAPES {
        let (deployment, templates) = lower(&format!("{HEAD}{components}"), &source_files());
        shapes.push((name, deployment, templates));
    }
    shapes
}

/// Writes the exported folder of a deployment.
pub(crate) fn export(name: &str, deployment: &AwsDeployment, templates: &TemplateSet) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    for file in export_cloudformation(deployment, templates) {
        let path = folder.join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file.text).unwrap();
    }
    folder
}

/// The user data of each launch template, with stand-ins for what is known when the stack is made.
pub(crate) fn user_data(deployment: &AwsDeployment) -> Vec<(String, String)> {
    let templates = deployment.graph.resources.iter().filter(|(_, it)| it.kind == "AWS::EC2::LaunchTemplate");
    templates
        .map(|(id, template)| {
            let data = template.properties.get("LaunchTemplateData").unwrap().get("UserData").unwrap();
            let Kind::Base64(inner) = &data.kind else { panic!("{data:?}") };
            let Kind::Sub(parts, _) = &inner.kind else { panic!("{inner:?}") };
            let part = |part: &SubPart| match part {
                SubPart::Literal(text) => text.clone(),
                SubPart::Name(name) | SubPart::Attribute(name, _) => format!("the-{}", name.replace("::", "-")),
            };
            (id.clone(), parts.iter().map(part).collect())
        })
        .collect()
}

/// The files that a host gets, by path.
pub(crate) fn host_files(user_data: &str) -> BTreeMap<String, String> {
    let mut findings = Findings::new();
    let limits = model::yaml::Limits::default();
    let document = model::yaml::read("user-data", user_data.as_bytes(), &limits, &mut findings).unwrap();
    let files = document.root.get("write_files").unwrap().items().unwrap();
    files
        .iter()
        .map(|file| {
            let text = |key: &str| file.get(key).and_then(model::yaml::Node::text);
            let content = text("content").unwrap();
            let decode = || base64::engine::general_purpose::STANDARD.decode(content).unwrap();
            let content = match text("encoding") {
                None => content.to_owned(),
                Some("b64") => String::from_utf8(decode()).unwrap(),
                Some(_) => {
                    let mut text = String::new();
                    flate2::read::GzDecoder::new(decode().as_slice()).read_to_string(&mut text).unwrap();
                    text
                }
            };
            (text("path").unwrap().to_owned(), content)
        })
        .collect()
}

#[test]
fn templates_of_the_blueprint() {
    let (deployment, templates) = tabpy();
    export("tabpy", &deployment, &templates);
    for stack in &templates.stacks {
        // What is compressed changes with the blueprint's files, which have tests of their own.
        let lines = stack.text.lines().map(|line| match line.split_once("content: 'H4s") {
            Some((before, _)) => format!("{before}content: [compressed]\n"),
            None => format!("{line}\n"),
        });
        insta::assert_snapshot!(format!("tabpy-{}", stack.layer.name()), lines.collect::<String>());
    }
    let files = export_cloudformation(&deployment, &templates);
    let readme = files.iter().find(|file| file.path == "README.md").unwrap();
    insta::assert_snapshot!("tabpy-readme", readme.text.replace(deployment.digest.short(), "[digest]"));
}

#[test]
fn the_same_manifest_gives_the_same_templates() {
    assert_eq!(tabpy().1, tabpy().1);
}

/// What is written is what is proved: reading the templates gives the resources of the graph.
#[test]
fn templates_are_read_back() {
    for (name, deployment, templates) in shapes() {
        let mut count = 0;
        for stack in &templates.stacks {
            let mut findings = Findings::new();
            let template = read("template.yaml", &stack.text, &mut findings).unwrap_or_else(|| panic!("{findings:?}"));
            assert!(
                findings.is_empty() && template.graph.gaps.is_empty(),
                "{name}: {findings:?} {:?}",
                template.graph.gaps
            );
            count += template.graph.resources.len();
            for (id, read) in &template.graph.resources {
                let made = &deployment.graph.resources[id];
                assert_eq!(read.kind, made.kind);
                let path = read.attributes["Metadata"].get("ManifestPath").unwrap();
                assert_eq!(path, &Value::text(made.origin.as_ref().unwrap().to_string()), "{id}");
                let handed =
                    made.properties.mentions().iter().any(|name| {
                        deployment.graph.resources.get(*name).is_some_and(|other| other.layer != made.layer)
                    });
                if !handed {
                    assert_eq!(read.properties, made.properties, "{name}: {id}");
                }
            }
            for name in template.graph.resources.values().flat_map(|resource| resource.properties.mentions()) {
                let known = template.graph.resources.contains_key(name) || template.graph.parameters.contains_key(name);
                assert!(known || name.starts_with("AWS::"), "{name} is unknown in {}", stack.name);
            }
        }
        assert_eq!(count, deployment.graph.resources.len(), "{name}: each resource is in one stack");
    }
}

/// Each parameter is an output of a stack before, a zone, or has a default.
#[test]
fn stacks_hand_values_on_in_order() {
    for (name, _, templates) in shapes() {
        let mut told: BTreeSet<(Layer, String)> = BTreeSet::new();
        for stack in &templates.stacks {
            for (parameter, source) in &stack.parameters {
                match source {
                    ParameterSource::Output { layer, name: output } => {
                        assert!(told.contains(&(*layer, output.clone())), "{name}: {parameter} of {}", stack.name);
                    }
                    ParameterSource::Default => assert!(stack.text.contains("    Default: "), "{parameter}"),
                    ParameterSource::HostedZone { domain } => assert!(domain.contains('.')),
                }
            }
            assert!(!stack.text.contains("Fn::ImportValue") && !stack.text.contains("Export:"));
            let outputs = stack.text.split_once("\nOutputs:\n").map_or("", |(_, outputs)| outputs);
            let names = outputs.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
            told.extend(names.map(|line| (stack.layer, line.trim().trim_end_matches(':').to_owned())));
        }
    }
}

/// A rule exists because a line of the manifest says so, and opens one port.
#[test]
fn rules_are_edges() {
    for (name, deployment, _) in shapes() {
        for (id, resource) in &deployment.graph.resources {
            match resource.kind.as_str() {
                "AWS::EC2::SecurityGroup" => {
                    assert!(resource.properties.get("SecurityGroupIngress").is_none(), "{id}");
                    let egress = resource.properties.get("SecurityGroupEgress").unwrap();
                    let only = egress.children();
                    assert!(only.len() == 1 && only[0].get("CidrIp") == Some(&Value::text("127.0.0.1/32")), "{id}");
                }
                "AWS::EC2::SecurityGroupIngress" | "AWS::EC2::SecurityGroupEgress" => {
                    let origin = resource.origin.as_ref().unwrap().to_string();
                    let edges = [".routes.", ".allow.sources[", ".egress", ".exposure", ".uses.", ".to", ".target"];
                    // Whoever changes what is in a database reaches it because it is there.
                    let is_access = id.contains("Access")
                        && deployment.databases.iter().any(|one| one.origin.to_string() == origin);
                    assert!(
                        is_access || edges.iter().any(|edge| origin.contains(edge)),
                        "{name}: {id} because of {origin}"
                    );
                    assert_eq!(resource.properties.get("FromPort"), resource.properties.get("ToPort"));
                }
                _ => {}
            }
        }
    }
}

/// Alarms are told to those who run it, and to nobody else.
#[test]
fn admins_are_told_of_alarms() {
    let (_, shop, _) = shapes().swap_remove(1);
    let told = shop.graph.resources.values().filter(|resource| resource.kind == "AWS::SNS::Subscription");
    let addresses: Vec<_> = told.map(|resource| resource.properties.get("Endpoint").unwrap().clone()).collect();
    assert_eq!(addresses, [Value::text("alice@example.org")]);
}

/// No right is wider than AWS allows it to be narrow.
#[test]
fn rights_are_narrow() {
    /// Actions for which AWS knows no resource.
    const WITHOUT_RESOURCE: &[&str] = &["cloudwatch:PutMetricData", "ssmmessages:"];
    fn statements(value: &Value) -> Vec<&Value> {
        let own = value.get("Effect").is_some_and(|effect| *effect == Value::text("Allow")).then_some(value);
        own.into_iter().chain(value.children().into_iter().flat_map(statements)).collect()
    }
    let mut seen = 0;
    for (_, deployment, _) in shapes() {
        for (id, resource) in &deployment.graph.resources {
            for statement in statements(&resource.properties) {
                seen += 1;
                let texts = |key: &str| -> Vec<String> {
                    let value = statement.get(key);
                    let items = value
                        .map(|value| if matches!(value.kind, Kind::List(_)) { value.children() } else { vec![value] });
                    let text = |value: &Value| match &value.kind {
                        Kind::Text(text) => Some(text.clone()),
                        _ => None,
                    };
                    items.unwrap_or_default().into_iter().filter_map(text).collect()
                };
                let actions = texts("Action");
                assert!(!actions.is_empty() && actions.iter().all(|action| !action.contains('*')), "{id}: {actions:?}");
                if resource.kind == "AWS::IAM::Role" && texts("Resource").iter().any(|resource| resource == "*") {
                    let needed = |action: &String| WITHOUT_RESOURCE.iter().any(|prefix| action.starts_with(prefix));
                    assert!(actions.iter().all(needed), "{id}: {actions:?}");
                }
            }
        }
    }
    assert!(seen > 20);
}

#[test]
fn what_is_kept_outlives_its_stack() {
    const KEPT: &[&str] = &["AWS::SecretsManager::Secret", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Logs::LogGroup"];
    for (_, deployment, _) in shapes() {
        // The password of a login is worth nothing without it.
        let is_login = |node: &model::NodeId| ["/users/", "/roles/"].iter().any(|part| node.as_str().contains(part));
        let passwords: BTreeSet<&String> = deployment
            .secrets
            .iter()
            .filter(|secret| secret.node.as_ref().is_some_and(is_login))
            .map(|secret| &secret.logical_id)
            .collect();
        for (id, resource) in deployment.graph.resources.iter().filter(|(_, it)| KEPT.contains(&it.kind.as_str())) {
            let [deletion, replacement] =
                if passwords.contains(id) { ["Delete"; 2] } else { ["RetainExceptOnCreate", "Retain"] };
            for (policy, says) in [("DeletionPolicy", deletion), ("UpdateReplacePolicy", replacement)] {
                assert_eq!(resource.attributes.get(policy), Some(&Value::text(says)), "{id}");
            }
        }
    }
}

/// No value of a secret can be in a template: nothing but their places is known when it is made. Hosts ask for them.
#[test]
fn hosts_hold_no_secret() {
    let (_, deployment, _) = shapes().swap_remove(1);
    let sealed: BTreeSet<&str> = deployment
        .secrets
        .iter()
        .filter(|secret| matches!(secret.content, SecretContent::File(_)))
        .map(|secret| secret.logical_id.as_str())
        .collect();
    assert!(sealed.contains("AppEnvironment"), "{sealed:?}");
    let app = user_data(&deployment).into_iter().find(|(id, _)| id == "AppTemplate").unwrap().1;
    let files = host_files(&app);
    insta::assert_snapshot!(files["/etc/landfall/secrets"], @r#"
    /run/landfall/files/public.pem 0644 the-AppFilePublicPem 5d3f33fdfdf7
    /run/landfall/environment 0600 the-AppEnvironment 009ae9f2df5a
    "#);
    insta::assert_snapshot!(files["/etc/systemd/system/landfall-app.service"].lines().take(24).collect::<Vec<_>>().join("\n"), @r#"
    [Unit]
    Description=app of shop (production)
    Wants=network-online.target
    After=network-online.target landfall-secrets.service
    Requires=landfall-secrets.service
    StartLimitIntervalSec=0

    [Service]
    User=landfall
    Group=landfall
    ExecStart=/opt/landfall/python/bin/shop --port 8000 --say "50%% of $$5 \"now\""
    WorkingDirectory=/var/lib/landfall
    StateDirectory=landfall
    StateDirectoryMode=0700
    EnvironmentFile=/run/landfall/environment
    Environment="PLAIN=it's /var/lib/landfall"
    Restart=always
    RestartSec=2
    TimeoutStopSec=10
    MemoryMax=4294967296
    MemorySwapMax=0
    NoNewPrivileges=yes
    ProtectSystem=strict
    ProtectHome=yes
    "#);
    assert_eq!(files["/etc/landfall/files/shop.sh"], "echo ${HOME} /var/lib/landfall\n");
    let environment = deployment.secrets.iter().find(|secret| secret.logical_id == "AppEnvironment").unwrap();
    let SecretContent::File(file) = &environment.content else { panic!("{environment:?}") };
    insta::assert_snapshot!(file.template, @r#"
    KEY={{ KEY | shell }}
    LICENCE={{ LICENCE | shell }}
    "#);
}
