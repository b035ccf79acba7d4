//! The blueprints that ship with the product.

use crate::support::{MemoryFiles, TODAY, text_of};
use compiler::{Compilation, Options, compile, json_schema, realise_locally};
use model::process_graph::{NodeSpec, ProcessGraph};
use model::yaml::{Limits, read};
use model::{Findings, NodeId};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn blueprints() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../blueprints");
    let mut blueprints: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    blueprints.retain(|path| path.is_dir());
    blueprints.sort();
    blueprints
}

pub(crate) fn files_of(blueprint: &Path) -> MemoryFiles {
    fn collect(folder: &Path, below: &str, files: &mut MemoryFiles) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{below}{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                collect(&path, &format!("{name}/"), files);
            } else if let Ok(text) = fs::read_to_string(&path) {
                files.0.insert(name, text);
            }
        }
    }
    let mut files = MemoryFiles::default();
    collect(blueprint, "", &mut files);
    files
}

fn compile_blueprint(blueprint: &Path, set: &[&str]) -> Compilation {
    let files = files_of(blueprint);
    let mut options = Options::new(&files, TODAY);
    options.set = set.iter().map(|setting| (*setting).to_owned()).collect();
    compile("landfall.yaml", files.0["landfall.yaml"].as_bytes(), &options)
}

#[test]
fn each_blueprint_compiles_without_a_finding() {
    let blueprints = blueprints();
    assert!(!blueprints.is_empty());
    for blueprint in blueprints {
        let compilation = compile_blueprint(&blueprint, &[]);
        assert!(compilation.findings.is_empty(), "{}:\n{}", blueprint.display(), text_of(&compilation));
        let graph = realise_locally(&compilation.application.unwrap(), &model::Rotations::default());
        assert!(!graph.probes.is_empty() && !graph.nodes.is_empty());
    }
}

#[test]
fn each_generated_secret_of_a_blueprint_is_replaced_by_a_rotation() {
    for blueprint in blueprints() {
        let application = compile_blueprint(&blueprint, &[]).application.unwrap();
        let before = realise_locally(&application, &model::Rotations::default());
        let secrets = before.nodes.iter().filter(|(_, node)| matches!(node.spec, NodeSpec::Secret(_)));
        for secret in secrets.map(|(secret, _)| secret) {
            let mut rotations = model::Rotations::default();
            rotations.set(secret.clone(), model::Rotation { generation: 2, previous: None, ends: false });
            let after = realise_locally(&application, &rotations);
            // A role of a database gets another login with another secret, everything else another value in its place.
            assert_ne!(after.nodes.get(secret), before.nodes.get(secret), "{}: {secret}", blueprint.display());
        }
    }
}

#[test]
fn editors_accept_each_blueprint() {
    let validator = jsonschema::draft202012::new(&json_schema()).unwrap();
    for blueprint in blueprints() {
        let bytes = fs::read(blueprint.join("landfall.yaml")).unwrap();
        let document = read("landfall.yaml", &bytes, &Limits::default(), &mut Findings::new()).unwrap();
        let said = document.root.to_json();
        let errors: Vec<String> =
            validator.iter_errors(&said).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", blueprint.display());
    }
}

#[test]
fn tabpy_refuses_half_a_set_of_oauth_settings() {
    let tabpy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../blueprints/tabpy");
    let half = compile_blueprint(&tabpy, &["oauth=true", "oauth-issuer=https://login.example.org/"]);
    let codes: Vec<&str> = half.findings.iter().map(|finding| finding.code.code).collect();
    assert_eq!(codes, ["PAR009", "PAR009"], "{}", text_of(&half));
    let stray = compile_blueprint(&tabpy, &["oauth-audience=tabpy"]);
    let codes: Vec<&str> = stray.findings.iter().map(|finding| finding.code.code).collect();
    assert_eq!(codes, ["PAR010"], "{}", text_of(&stray));
}

#[test]
fn tabpy_keeps_its_times_in_line() {
    let tabpy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../blueprints/tabpy");
    let long = compile_blueprint(&tabpy, &["evaluate-timeout=2m"]);
    assert!(long.findings.iter().any(|finding| finding.code.code == "TOG002"), "{}", text_of(&long));
}

fn tabpy(set: &[&str]) -> Compilation {
    compile_blueprint(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../blueprints/tabpy"), set)
}

fn tabpy_graph(set: &[&str]) -> ProcessGraph {
    let compilation = tabpy(set);
    let text = text_of(&compilation);
    realise_locally(&compilation.application.unwrap_or_else(|| panic!("{text}")), &model::Rotations::default())
}

fn probe_names(graph: &ProcessGraph) -> BTreeSet<String> {
    graph.probes.iter().map(|probe| probe.id.to_string()).collect()
}

#[test]
fn tabpy_never_runs_without_authentication() {
    for set in [&[][..], &["evaluate=false"], &["users=[a, b.c]", "gzip=false"]] {
        let graph = tabpy_graph(set);
        let NodeSpec::Program(program) = &graph.nodes[&NodeId::new("tabpy/program")].spec else { panic!() };
        let command: Vec<String> = program.command.iter().map(ToString::to_string).collect();
        assert!(command.iter().all(|word| !word.contains("auth")), "{command:?}");
        let passwords = &graph.nodes[&NodeId::new("tabpy/file/passwords.txt")].spec;
        assert!(matches!(passwords, NodeSpec::File(file) if file.mode == 0o600));
        let known = probe_names(&graph);
        for negative in ["info", "evaluate", "query"] {
            for with in ["without-credentials", "with-wrong-password"] {
                assert!(known.contains(&format!("{negative}-{with}")), "{known:?}");
            }
        }
    }
}

#[test]
fn tabpy_claims_only_what_its_parameters_say() {
    let on = probe_names(&tabpy_graph(&[]));
    let off = probe_names(&tabpy_graph(&["evaluate=false"]));
    assert_eq!(on.difference(&off).collect::<Vec<_>>(), ["evaluation-is-right"]);
    assert_eq!(off.difference(&on).collect::<Vec<_>>(), ["evaluation-is-off"]);
}

#[test]
fn tabpy_refuses_what_would_fail_later() {
    let shown = |set: &[&str]| text_of(&tabpy(set)).lines().next().unwrap_or_default().to_owned();
    insta::assert_snapshot!(shown(&["evaluate-timeout=90s"]), @"error[TOG002]: a request to tabpy may take 1m 30s, but is cut off after 1m without a byte");
    insta::assert_snapshot!(shown(&["users=[ann, Ann]"]), @r#"error[PAR007]: --set users: "Ann" does not match the pattern of `users`"#);
    insta::assert_snapshot!(shown(&["users=[\"a b\"]"]), @r#"error[PAR007]: --set users: "a b" does not match the pattern of `users`"#);
    insta::assert_snapshot!(shown(&["request-limit=1048577B"]), @"error[SVC010]: mib: the value is not a whole number of MiB; write it as 100MiB");
    insta::assert_snapshot!(shown(&["allowed-sources=[0.0.0.0/0]", "sources-owner="]), @"error[EDG004]: 0.0.0.0/0 is the whole internet, and nobody answers for it");
    insta::assert_snapshot!(shown(&["extra-packages=[polars]"]), @"warning[SVC003]: polars has no exact version");
    insta::assert_snapshot!(shown(&["size=small", "request-limit=500MiB"]), @"warning[TOG004]: a body of 500MiB may need more than the 1GiB of memory that tabpy has");
}
