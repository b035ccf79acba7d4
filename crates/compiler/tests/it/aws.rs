//! The tabpy blueprint, and networks and services of other shapes, in an account.

mod manifests;

pub(crate) use manifests::{ADOPTED, CLOSED, RECORDS, SHOP};

use crate::blueprints::files_of;
use crate::support::{MemoryFiles, TODAY, text_of};
use base64::Engine as _;
use compiler::{AwsDeployment, Compilation, Options, compile, export_cloudformation, lower_to_aws, render_templates};
use manifests::{HEAD, PAGES, SHAPES};
use model::Findings;
use model::cfn::{Kind, Layer, SecretContent, StoredSecret, SubPart, Value, read};
use model::cfn::{ParameterSource, TemplateSet};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

const BLUEPRINT: &str = include_str!("../../../../blueprints/tabpy/landfall.yaml");

/// What lies beside the manifests: the folder of [`PAGES`], and authorities.
fn source_files() -> MemoryFiles {
    let files = MemoryFiles::default().with("pages/serve.py", include_str!("host/pages/serve.py"));
    files.with("rds-ca.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
}

/// A service that runs from a folder, in an account.
pub(crate) fn pages() -> AwsDeployment {
    lower(&format!("{HEAD}{PAGES}"), &source_files()).0
}

/// The blueprint with an application on a database, with some words of it replaced.
pub(crate) fn webapp(replaced: &[(&str, &str)]) -> (AwsDeployment, PathBuf) {
    let (manifest, files, folder) = webapp_manifest(replaced);
    (lower(&manifest, &files).0, folder)
}

fn webapp_manifest(replaced: &[(&str, &str)]) -> (String, MemoryFiles, PathBuf) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../blueprints/private-webapp");
    let files = files_of(&folder);
    let mut manifest = files.0["landfall.yaml"].clone();
    for (from, to) in replaced {
        assert!(manifest.contains(from), "{from}");
        manifest = manifest.replace(from, to);
    }
    (manifest, files, folder)
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
    let cluster: &[(&str, &str)] =
        &[("default: mysql", "default: postgres"), ("kind: database\n", "kind: database\n    aurora: true\n")];
    for (name, replaced) in [
        ("private-webapp", &[][..]),
        ("private-webapp-mariadb", &[("default: mysql", "default: mariadb")][..]),
        ("private-webapp-cluster", cluster),
    ] {
        let (manifest, files, _) = webapp_manifest(replaced);
        let (deployment, templates) = lower(&manifest, &files);
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
        // The password of a login is worth nothing without it; a file is rendered anew.
        let is_login = |node: &model::NodeId| ["/users/", "/roles/"].iter().any(|part| node.as_str().contains(part));
        let is_file = |secret: &StoredSecret| matches!(secret.content, SecretContent::File(_));
        let worthless: BTreeSet<&String> = deployment
            .secrets
            .iter()
            .filter(|secret| is_file(secret) || secret.node.as_ref().is_some_and(is_login))
            .map(|secret| &secret.logical_id)
            .collect();
        for (id, resource) in deployment.graph.resources.iter().filter(|(_, it)| KEPT.contains(&it.kind.as_str())) {
            let [deletion, replacement] =
                if worthless.contains(id) { ["Delete"; 2] } else { ["RetainExceptOnCreate", "Retain"] };
            for (policy, says) in [("DeletionPolicy", deletion), ("UpdateReplacePolicy", replacement)] {
                assert_eq!(resource.attributes.get(policy), Some(&Value::text(says)), "{id}");
            }
        }
    }
}

/// An owner's triggers and routines are taken where there is a binary log, over TLS alone, and no statement is written down.
#[test]
fn servers_of_the_family_of_mysql_are_told_the_same() {
    let aurora = ("kind: database\n", "kind: database\n    aurora: true\n");
    for (replaced, kind) in [
        (&[][..], "AWS::RDS::DBParameterGroup"),
        (&[("default: mysql", "default: mariadb")][..], "AWS::RDS::DBParameterGroup"),
        (&[aurora][..], "AWS::RDS::DBClusterParameterGroup"),
    ] {
        let (manifest, files, _) = webapp_manifest(replaced);
        let (deployment, _) = lower(&manifest, &files);
        let group = deployment.graph.resources.values().find(|it| it.kind == kind).unwrap();
        let Kind::Map(parameters) = &group.properties.get("Parameters").unwrap().kind else {
            panic!("{:?}", group.properties)
        };
        let told: Vec<String> = parameters
            .iter()
            .map(|(name, value)| match &value.kind {
                Kind::Text(text) => format!("{name}={text}"),
                other => format!("{name}={other:?}"),
            })
            .collect();
        insta::allow_duplicates! {
            insta::assert_snapshot!(told.join("\n"), @r"
            general_log=0
            local_infile=0
            log_bin_trust_function_creators=1
            require_secure_transport=1
            slow_query_log=0
            tls_version=TLSv1.2,TLSv1.3
            ");
        }
    }
}

/// A host without a way to the internet asks nobody there: its authorities are written on it, its source is in storage.
#[test]
fn closed_hosts_ask_services_of_aws_alone() {
    let (_, deployment, _) = shapes().into_iter().find(|(name, ..)| *name == "closed-webapp").unwrap();
    let app = user_data(&deployment).into_iter().find(|(id, _)| id == "AppTemplate").unwrap().1;
    let files = host_files(&app);
    assert_eq!(files["/etc/landfall/rds-ca.pem"], "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    let set_up = &files["/usr/local/lib/landfall/set-up"];
    assert!(!set_up.contains("https://") && set_up.contains("fetch-source"), "{set_up}");
    let endpoints = deployment.graph.resources.values().filter(|it| it.kind == "AWS::EC2::VPCEndpoint");
    let interfaces: Vec<_> = endpoints.filter(|it| it.properties.get("SecurityGroupIds").is_some()).collect();
    assert_eq!(interfaces.len(), 6);
    for endpoint in interfaces {
        let policy = endpoint.properties.get("PolicyDocument").unwrap().get("Statement").unwrap().children()[0];
        let only = policy.get("Condition").unwrap().get("StringEquals").unwrap();
        assert_eq!(only.get("aws:PrincipalAccount"), Some(&Value::reference("AWS::AccountId")));
    }
    assert!(!deployment.graph.resources.values().any(|it| it.kind == "AWS::EC2::NatGateway"));
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
