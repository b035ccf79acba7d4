//! `landfall explain`: what a finding code means, and where each parameter's value comes from.

use crate::arguments::{ExplainArguments, ManifestArguments};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::project::Project;
use crate::surroundings::Surroundings;
use crate::views::style::{BOLD, DIM, paint};
use crate::views::table::columns;
use compiler::ValueExplanation;
use model::FindingCode;
use serde_json::{Value, json};
use std::path::PathBuf;

pub(crate) fn run(
    arguments: &ExplainArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    match (&arguments.values, &arguments.subject) {
        (Some(file), subject) => values(arguments, file.clone(), subject.as_deref(), surroundings, console),
        (None, Some(code)) => explain(code, console),
        (None, None) => list(console),
    }
}

fn document(code: &FindingCode) -> Value {
    json!({ "code": code.code, "title": code.title, "severity": code.severity, "explanation": code.explanation })
}

/// The codes of manifests and of runs in an account, sorted.
pub(super) fn codes() -> Vec<&'static FindingCode> {
    let mut codes = compiler::codes();
    codes.extend(crate::account::codes::ALL);
    codes.sort_by_key(|code| code.code);
    codes
}

fn list(console: &Console) -> Result<(), CommandError> {
    let codes = codes();
    if console.json {
        let codes: Vec<Value> = codes.into_iter().map(document).collect();
        return console.document(&json!({ "version": 1, "codes": codes }));
    }
    console.text(&columns(&[], codes.iter().map(|code| [code.code.to_owned(), code.title.to_owned()])))
}

fn explain(wanted: &str, console: &Console) -> Result<(), CommandError> {
    let codes = codes();
    let Some(code) = codes.iter().find(|code| code.code.eq_ignore_ascii_case(wanted)) else {
        return Err(CommandError::usage(
            format!("there is no finding code `{wanted}`"),
            "type `landfall explain` for the list, or `landfall explain --values PATH` for a manifest's parameters",
        ));
    };
    if console.json {
        return console.document(&json!({ "version": 1, "code": document(code) }));
    }
    let severity = format!("{:?}", code.severity).to_lowercase();
    console.line(&format!("{} ({severity}): {}\n\n{}", paint(BOLD, code.code), code.title, code.explanation.trim()))
}

fn values(
    arguments: &ExplainArguments,
    file: Option<PathBuf>,
    subject: Option<&str>,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let manifest = ManifestArguments {
        path: subject.map(PathBuf::from),
        file: arguments.file.clone(),
        environment: arguments.environment.clone(),
        set: arguments.set.clone(),
        values: file,
    };
    let compiler::Compilation { values, findings, sources, .. } = Project::load(&manifest, surroundings)?.compilation;
    if console.json {
        console.document(&json!({ "version": 1, "environment": manifest.environment, "parameters": values }))?;
    } else {
        console.text(&columns(&["parameter", "value", "from", "instead of"], values.iter().map(row)))?;
    }
    // Values are shown even when they are refused: that is when one wants to know where they come from.
    if findings.has_errors() { Err(CommandError::Findings(findings, Box::new(sources))) } else { Ok(()) }
}

fn row(value: &ValueExplanation) -> [String; 4] {
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let overridden: Vec<String> =
        value.overridden.iter().map(|other| format!("{} ({})", shown(&other.value), other.source)).collect();
    [
        value.parameter.clone(),
        value.value.as_ref().map_or_else(|| paint(DIM, "(none)"), shown),
        value.source.as_ref().map(ToString::to_string).unwrap_or_default(),
        overridden.join(", "),
    ]
}
