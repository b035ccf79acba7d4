//! Checks of a service's files and their templates.

use super::codes::{SVC005, SVC007, SVC008, SVC009, SVC010, SVC011};
use super::schema::FileSaid;
use super::valid::{ValidFile, Variable};
use crate::context::ValidationContext;
use crate::path_rules;
use crate::reference::ReferenceText;
use crate::said::{nearest, reference_text, report, report_key};
use indexmap::IndexMap;
use model::{Finding, Findings, ManifestPath, Place};
use serde_json::{Map, Value};
use template::{TemplateProblem, Usage};

/// What the templates of a service may use besides parameters and `with`.
pub(super) struct Surroundings {
    pub(super) user_names: Vec<String>,
    pub(super) has_users: bool,
    pub(super) has_port: bool,
    pub(super) has_python: bool,
    pub(super) has_source: bool,
}

/// Checks all files and puts them in an order in which each comes after those that it names.
pub(super) fn validate(
    said: IndexMap<String, FileSaid>,
    around: &Surroundings,
    cx: &ValidationContext<'_>,
    findings: &mut Findings,
) -> Option<Vec<ValidFile>> {
    let before = findings.error_count();
    let files: Vec<ValidFile> =
        said.into_iter().filter_map(|(name, file)| validate_one(name, file, around, cx, findings)).collect();
    let ordered = in_order(files, cx, findings);
    (findings.error_count() == before).then_some(ordered)
}

fn validate_one(
    name: String,
    said: FileSaid,
    around: &Surroundings,
    cx: &ValidationContext<'_>,
    findings: &mut Findings,
) -> Option<ValidFile> {
    let at = cx.at.key("files").key(&name);
    let before = findings.error_count();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if path_rules::below(&name).is_err() || name.ends_with('/') || !name.chars().all(plain) {
        let help = "use letters, digits, `-`, `_`, `.` and `/`, as `conf.d/server.ini`";
        report_key(findings, &SVC007, &at, format!("`{name}` cannot be the name of a file"), help);
    }
    let mode = said.mode.as_deref().map_or(Some(0o600), |text| mode(text, &at.key("mode"), findings));
    let (template_name, text, place) = template_text(&name, said.template, said.text, &at, cx, findings)?;
    let problems = template::check(&template_name, &text);
    let is_sound = problems.is_empty();
    for problem in problems {
        findings.push(template_finding(problem, &place, &text));
    }
    let usage = template::usage(&template_name, &text);
    let with = with_variables(said.with, &at.key("with"), around, findings);
    let variables = variables(&usage, with, around, cx, &text, &place, findings);
    if let Some(mode) = mode
        && mode & 0o077 != 0
        && (usage.derives_keys || variables.contains_key("users"))
    {
        let summary = format!("{name} is made with secrets, and mode {mode:04o} lets others read it");
        report(findings, &SVC009, &at, summary, "write `mode: \"0600\"`");
    }
    if is_sound && findings.error_count() == before {
        let context = variables.iter().map(|(key, variable)| (key.clone(), stand_in(variable, around))).collect();
        if let Err(problem) = template::rehearse(&template_name, &text, &context) {
            findings.push(template_finding(problem, &place, &text));
        }
    }
    (findings.error_count() == before).then_some(ValidFile {
        name,
        template_name,
        template: text,
        variables,
        mode: mode?,
    })
}

/// Where a template's text stands.
enum TextPlace {
    /// In a file of its own.
    File(String),
    /// In the manifest.
    Manifest(ManifestPath),
}

fn template_text(
    name: &str,
    template: Option<String>,
    text: Option<String>,
    at: &ManifestPath,
    cx: &ValidationContext<'_>,
    findings: &mut Findings,
) -> Option<(String, String, TextPlace)> {
    match (template, text) {
        (Some(path), None) => {
            let place = at.key("template");
            if let Err(why) = path_rules::below(&path) {
                report(
                    findings,
                    &SVC005,
                    &place,
                    format!("the path `{path}` {why}"),
                    "write it relative to the manifest",
                );
                return None;
            }
            match cx.files.text(&path) {
                Ok(text) => Some((path.clone(), text, TextPlace::File(path))),
                Err(why) => {
                    report(findings, &SVC005, &place, format!("{path}: {why}"), "make the file beside the manifest");
                    None
                }
            }
        }
        (None, Some(text)) => {
            let place = at.key("text");
            let parsed = reference_text(&text)?;
            if let Some(reference) = parsed.references().next() {
                let help = "write `{{ name }}` in the text, and give what it stands for below `with: { name: ... }`";
                report(findings, &SVC007, &place, format!("`{reference}` is not filled in a template"), help);
                return None;
            }
            Some((name.to_owned(), parsed.literal(), TextPlace::Manifest(place)))
        }
        (template, _) => {
            let problem =
                if template.is_some() { "both `template` and `text`" } else { "neither `template` nor `text`" };
            let help = "write `template: files/NAME`, a file beside the manifest, or `text: |` and the text below it";
            report(findings, &SVC007, at, format!("the file has {problem}"), help);
            None
        }
    }
}

fn mode(text: &str, at: &ManifestPath, findings: &mut Findings) -> Option<u32> {
    let mode = (3..=4).contains(&text.len()).then(|| u32::from_str_radix(text, 8).ok()).flatten();
    let usable = mode.filter(|mode| *mode <= 0o777 && mode & 0o400 != 0);
    if usable.is_none() {
        let help = "write three octal digits as a text, as `\"0600\"` or `\"0644\"`";
        report(findings, &SVC008, at, format!("`{text}` are no permission bits that can be used"), help);
    }
    usable
}

fn template_finding(problem: TemplateProblem, place: &TextPlace, text: &str) -> Finding {
    match place {
        TextPlace::File(file) => {
            Finding::new(&SVC010, Place::Span { file: file.clone(), range: problem.range }, problem.message)
        }
        TextPlace::Manifest(at) => {
            let line = text.lines().nth(problem.line - 1).unwrap_or_default().trim();
            let summary = format!("line {} of the template: {}", problem.line, problem.message);
            Finding::new(&SVC010, Place::Value(at.clone()), summary).help(format!("look at `{line}`"))
        }
    }
}

/// The variables that every template of the service has, and what they refer to.
fn own_variables(around: &Surroundings) -> Vec<(&'static str, Variable)> {
    let export = |name: &str| {
        let reference = crate::reference::Reference { component: "self".into(), export: name.into() };
        Variable::Text(ReferenceText(vec![crate::reference::Piece::Reference(reference)]))
    };
    let mut own = vec![
        ("address", export("address")),
        ("data", export("data")),
        ("deployment", Variable::Deployment),
        ("environment", Variable::Environment),
    ];
    for (there, name) in [(around.has_port, "port"), (around.has_python, "python"), (around.has_source, "source")] {
        if there {
            own.push((name, export(name)));
        }
    }
    if around.has_users {
        own.push(("users", Variable::Users));
    }
    own
}

fn with_variables(
    said: IndexMap<String, Value>,
    at: &ManifestPath,
    around: &Surroundings,
    findings: &mut Findings,
) -> IndexMap<String, Variable> {
    let mut variables = IndexMap::new();
    for (key, value) in said {
        let place = at.key(&key);
        let name = key.replace('-', "_");
        let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !fits {
            let help = "use lower-case letters, digits and `-`; templates see `-` as `_`";
            report_key(findings, &SVC007, &place, format!("`{key}` cannot be the name of a variable"), help);
            continue;
        }
        if name == "parameters" || own_variables(around).iter().any(|(own, _)| *own == name) {
            report_key(findings, &SVC007, &place, format!("templates have `{name}` already"), "take another name");
            continue;
        }
        if let Some(variable) = variable(value) {
            variables.insert(name, variable);
        }
    }
    variables
}

fn variable(value: Value) -> Option<Variable> {
    Some(match value {
        Value::String(text) => {
            let text = reference_text(&text)?;
            if text.references().next().is_some() {
                Variable::Text(text)
            } else {
                Variable::Plain(Value::String(text.literal()))
            }
        }
        Value::Array(items) => Variable::List(items.into_iter().filter_map(variable).collect()),
        Value::Object(entries) => {
            Variable::Map(entries.into_iter().filter_map(|(key, item)| Some((key, variable(item)?))).collect())
        }
        plain => Variable::Plain(plain),
    })
}

/// The variables that the template uses, each found; those that it uses and nobody gives are reported.
fn variables(
    usage: &Usage,
    with: IndexMap<String, Variable>,
    around: &Surroundings,
    cx: &ValidationContext<'_>,
    text: &str,
    place: &TextPlace,
    findings: &mut Findings,
) -> IndexMap<String, Variable> {
    let mut given: IndexMap<String, Variable> = with;
    given.extend(own_variables(around).into_iter().map(|(name, variable)| (name.to_owned(), variable)));
    let parameters: IndexMap<String, &Value> =
        cx.parameters.iter().map(|(name, value)| (name.replace('-', "_"), value)).collect();
    let mut used_parameters: Map<String, Value> = Map::new();
    let mut used: IndexMap<String, Variable> = IndexMap::new();
    for name in &usage.variables {
        let mut steps = name.split('.');
        let first = steps.next().unwrap_or_default();
        let missing = if first == "parameters" {
            match steps.next() {
                None => {
                    let all = parameters.iter().map(|(name, value)| (name.clone(), (*value).clone()));
                    used_parameters.extend(all);
                    None
                }
                Some(parameter) => match parameters.get(parameter) {
                    Some(value) => {
                        used_parameters.insert(parameter.to_owned(), (*value).clone());
                        None
                    }
                    None => Some((
                        format!("parameters.{parameter}"),
                        nearest(parameter, parameters.keys().map(String::as_str))
                            .map(|meant| format!("parameters.{meant}")),
                    )),
                },
            }
        } else if let Some(variable) = given.get(first) {
            used.insert(first.to_owned(), variable.clone());
            None
        } else {
            let known = given.keys().map(String::as_str).chain(["parameters"]);
            Some((first.to_owned(), nearest(first, known).map(str::to_owned)))
        };
        if let Some((missing, meant)) = missing {
            let (line, range) = template::check::place_of(text, name)
                .or_else(|| template::check::place_of(text, &missing))
                .unwrap_or((1, 0..0));
            let problem = TemplateProblem { line, range, message: format!("there is no variable `{missing}`") };
            let help = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "give it below `with`, or make it a parameter and write `parameters.NAME`".to_owned(),
            };
            findings.push(template_finding(problem, place, text).help(help));
        }
    }
    if !used_parameters.is_empty() || usage.variables.contains("parameters") {
        used.insert("parameters".to_owned(), Variable::Plain(Value::Object(used_parameters)));
    }
    used.sort_unstable_keys();
    used
}

/// A value of the right shape for what is known only where the deployment runs.
fn stand_in(variable: &Variable, around: &Surroundings) -> Value {
    match variable {
        Variable::Plain(value) => value.clone(),
        Variable::Text(text) => text
            .with(|reference| match reference.export.rsplit(['.', '-']).next() {
                Some("port") => "1024".to_owned(),
                Some("url") => "http://127.0.0.1:1024".to_owned(),
                _ => "value".to_owned(),
            })
            .into(),
        Variable::List(items) => items.iter().map(|item| stand_in(item, around)).collect(),
        Variable::Map(entries) => {
            Value::Object(entries.iter().map(|(key, item)| (key.clone(), stand_in(item, around))).collect())
        }
        Variable::Users => around
            .user_names
            .iter()
            .map(|name| serde_json::json!({ "name": name, "password": "password", "roles": [] }))
            .collect(),
        Variable::Deployment | Variable::Environment => "name".into(),
    }
}

/// The references that a file's variables hold.
pub(super) fn references(variables: &IndexMap<String, Variable>) -> Vec<&ReferenceText> {
    fn collect<'v>(variable: &'v Variable, found: &mut Vec<&'v ReferenceText>) {
        match variable {
            Variable::Text(text) => found.push(text),
            Variable::List(items) => items.iter().for_each(|item| collect(item, found)),
            Variable::Map(entries) => entries.values().for_each(|item| collect(item, found)),
            Variable::Plain(_) | Variable::Users | Variable::Deployment | Variable::Environment => {}
        }
    }
    let mut found = Vec::new();
    variables.values().for_each(|variable| collect(variable, &mut found));
    found
}

/// The files of the same service that a file names.
fn named_files(file: &ValidFile) -> Vec<String> {
    let texts = references(&file.variables).into_iter();
    let named = texts.flat_map(ReferenceText::references).filter(|reference| reference.component == "self");
    named.filter_map(|reference| reference.export.strip_prefix("file.").map(str::to_owned)).collect()
}

fn in_order(mut waiting: Vec<ValidFile>, cx: &ValidationContext<'_>, findings: &mut Findings) -> Vec<ValidFile> {
    let mut ordered: Vec<ValidFile> = Vec::new();
    while !waiting.is_empty() {
        let names: Vec<String> = waiting.iter().map(|file| file.name.clone()).collect();
        let ready = waiting.iter().position(|file| !named_files(file).iter().any(|named| names.contains(named)));
        let Some(ready) = ready else {
            let first = waiting.remove(0);
            let summary = format!("{} and the files that it names wait for each other", first.name);
            let help = "pass one of the paths in the command or in an environment variable instead";
            report(findings, &SVC011, &cx.at.key("files").key(&first.name).key("with"), summary, help);
            return ordered;
        };
        ordered.push(waiting.remove(ready));
    }
    ordered
}
