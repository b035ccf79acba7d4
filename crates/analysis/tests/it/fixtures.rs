//! Shapes of networks that everybody knows, with the verdicts that they promise in their `Metadata`.

use analysis::reachability::{Options, ProofReport, Question, Status, prove, render};
use model::Findings;
use model::yaml::{self, Limits};
use std::path::PathBuf;

pub(crate) fn fixtures() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

pub(crate) fn ask(text: &str, from: &str, to: &str) -> ProofReport {
    let question = Question { from: Some(from.to_owned()), to: Some(to.to_owned()) };
    let options = Options { question, only_answers: true, ..Options::default() };
    prove(text, "t.yaml", &options).unwrap_or_else(|problem| panic!("{from} -> {to}: {problem}"))
}

/// The promises of a fixture: from, to, status.
fn promises(text: &str) -> Vec<(String, String, String)> {
    let document = yaml::read("fixture", text.as_bytes(), &Limits::default(), &mut Findings::new()).unwrap();
    let verdicts = document.root.get("Metadata").and_then(|metadata| metadata.get("Verdicts"));
    verdicts
        .and_then(|verdicts| verdicts.entries())
        .unwrap_or_default()
        .iter()
        .map(|entry| {
            let (from, to) = entry.key.split_once(" -> ").unwrap();
            (from.to_owned(), to.to_owned(), entry.value.text().unwrap().to_owned())
        })
        .collect()
}

#[test]
fn known_shapes_have_the_verdicts_that_they_promise() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (file, text) in fixtures() {
        for (from, to, promised) in promises(&text) {
            count += 1;
            let report = ask(&text, &from, &to);
            if report.answers.is_empty() || report.answers.iter().any(|answer| answer.verdict.status.word() != promised)
            {
                wrong.push(format!("{file}: {from} -> {to} should be {promised}\n{}", render::text(&report)));
            }
            for answer in &report.answers {
                let verdict = &answer.verdict;
                match verdict.status {
                    Status::Unreachable => assert!(verdict.cut.is_some(), "{file}: {from} -> {to} has no cut"),
                    Status::Unknown => assert!(!verdict.whys.is_empty(), "{file}: {from} -> {to} names nothing"),
                    Status::Partly => assert!(verdict.part.is_some(), "{file}: {from} -> {to} says no part"),
                    Status::Reachable => assert!(!verdict.hops.is_empty(), "{file}: {from} -> {to} has no hops"),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    println!("{} shapes keep {count} promises", fixtures().len());
    assert!(count > 300 && fixtures().len() >= 45, "only {count} promises");
}

#[test]
fn the_matrix_says_the_same_as_questions() {
    for (file, text) in fixtures() {
        let report = prove(&text, &file, &Options::default()).unwrap();
        assert!(!report.cells.is_empty(), "{file}");
        for cell in report.cells.iter().step_by(7) {
            let (from, to) = (&report.sources[cell.source], &report.destinations[cell.destination].name);
            let answer = ask(&text, from, to);
            assert_eq!(
                answer.answers.iter().map(|answer| answer.verdict.status).max(),
                Some(cell.status),
                "{file}: {from} -> {to}"
            );
        }
        let json = render::json(&report);
        assert_eq!(json["version"], 1);
        assert!(render::svg(&report).starts_with("<svg "));
        assert_eq!(render::sarif(&report)["version"], "2.1.0");
    }
}

/// The same template in JSON with the long forms of all functions.
fn long_form(node: &yaml::Node) -> serde_json::Value {
    use serde_json::{Value, json};
    let plain = match &node.kind {
        yaml::Kind::Scalar { text, .. } if node.tag.is_some() => json!(text),
        yaml::Kind::Scalar { .. } => node.to_json(),
        yaml::Kind::Sequence(items) => items.iter().map(long_form).collect(),
        yaml::Kind::Mapping(entries) => {
            Value::Object(entries.iter().map(|entry| (entry.key.clone(), long_form(&entry.value))).collect())
        }
    };
    match node.tag.as_deref().and_then(|tag| tag.strip_prefix('!')) {
        Some(name @ ("Ref" | "Condition")) => json!({ name: plain }),
        Some("GetAtt") => {
            let parts: Vec<&str> = node.text().unwrap().splitn(2, '.').collect();
            json!({ "Fn::GetAtt": parts })
        }
        Some(name) => {
            let name = format!("Fn::{name}");
            json!({ name: plain })
        }
        None => plain,
    }
}

#[test]
fn long_forms_in_json_mean_the_same() {
    for (file, text) in fixtures() {
        let document = yaml::read(&file, text.as_bytes(), &Limits::default(), &mut Findings::new()).unwrap();
        let json = serde_json::to_string_pretty(&long_form(&document.root)).unwrap();
        assert!(json.contains("\"Ref\""), "{file}");
        let statuses = |text: &str| -> Vec<_> {
            let report = prove(text, &file, &Options::default()).unwrap();
            report.cells.iter().map(|cell| (cell.source, cell.destination, cell.status)).collect()
        };
        assert_eq!(statuses(&text), statuses(&json), "{file}");
    }
}
