//! Who may give a parameter's value, strongest first: the command line, a values file, environment
//! variables, the environment's overlay, the default.

use super::declaration::Declarations;
use crate::codes;
use crate::nearest::suggest;
use crate::options::Options;
use indexmap::IndexMap;
use model::yaml::{self, Limits, Node};
use model::{Finding, Findings, ManifestPath, Place, Severity};
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// What environment variables that give parameters begin with.
pub(crate) const VARIABLE_PREFIX: &str = "LANDFALL_PARAM_";

/// Who gave a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "from", content = "name", rename_all = "kebab-case")]
pub enum ValueSource {
    /// `--set`.
    Set,
    /// The values file of this name.
    ValuesFile(String),
    /// The environment variable of this name.
    Variable(String),
    /// The overlay of the environment of this name.
    Environment(String),
    /// The parameter's default.
    Default,
}

impl fmt::Display for ValueSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set => f.write_str("--set"),
            Self::ValuesFile(file) => f.write_str(file),
            Self::Variable(name) => f.write_str(name),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A values file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValuesFile {
    /// Its name as the user wrote it.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// A value that somebody gave.
pub(crate) struct Candidate {
    pub(crate) source: ValueSource,
    pub(crate) place: Place,
    pub(crate) raw: Raw,
}

/// A value as it was given.
pub(crate) enum Raw {
    /// By a flag or a variable.
    Text(String),
    /// In a file beside the manifest: as it is.
    Plain(Value),
    /// In the manifest, where it may refer to other parameters.
    Said(Node, ManifestPath),
}

impl Raw {
    /// As it was given, before it is read by its type.
    pub(crate) fn shown(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.clone()),
            Self::Plain(value) => value.clone(),
            Self::Said(node, _) => node.to_json(),
        }
    }
}

/// All values given for each declared parameter, strongest first.
pub(crate) fn candidates(
    root: &Node,
    declarations: &Declarations,
    options: &Options<'_>,
    findings: &mut Findings,
) -> IndexMap<String, Vec<Candidate>> {
    let mut collected = Collected { declarations, candidates: IndexMap::new(), findings };
    for name in declarations.keys() {
        collected.candidates.insert(name.clone(), Vec::new());
    }
    collected.settings(&options.set);
    if let Some(file) = &options.values {
        collected.values_file(file);
    }
    collected.variables(options);
    collected.overlay(root, &options.environment);
    collected.defaults(root);
    collected.candidates
}

struct Collected<'a> {
    declarations: &'a Declarations,
    candidates: IndexMap<String, Vec<Candidate>>,
    findings: &'a mut Findings,
}

impl Collected<'_> {
    fn add(&mut self, name: &str, source: ValueSource, place: Place, raw: Raw) {
        if let Some(candidates) = self.candidates.get_mut(name) {
            candidates.push(Candidate { source, place, raw });
            return;
        }
        let names: Vec<&str> = self.declarations.keys().map(String::as_str).collect();
        let summary = format!("there is no parameter `{name}`");
        let mut finding = Finding::new(&codes::UNKNOWN_PARAMETER, place, summary);
        finding.help = Some(match suggest(name, &names, "parameter") {
            Some(help) => help,
            None => "the manifest declares no parameters".into(),
        });
        if matches!(source, ValueSource::Variable(_)) {
            finding.severity = Severity::Warning;
        }
        self.findings.push(finding);
    }

    /// Of several settings of one parameter the last one counts, as everywhere on command lines.
    fn settings(&mut self, settings: &[String]) {
        let mut last: IndexMap<&str, &str> = IndexMap::new();
        for setting in settings {
            match setting.split_once('=').map(|(name, value)| (name.trim(), value)) {
                Some((name, value)) if !name.is_empty() => {
                    last.insert(name, value);
                }
                _ => {
                    // What stands there could be a secret, so only a name is shown.
                    let shown = if self.declarations.contains_key(setting.trim()) { setting.trim() } else { "..." };
                    let place = Place::Outside(format!("--set {shown}"));
                    let finding = Finding::new(&codes::MALFORMED_SETTING, place, "the setting has no value");
                    self.findings.push(finding.help(format!("write `--set {shown}=VALUE`")));
                }
            }
        }
        for (name, value) in last {
            let place = Place::Outside(format!("--set {name}"));
            self.add(name, ValueSource::Set, place, Raw::Text(value.to_owned()));
        }
    }

    fn values_file(&mut self, file: &ValuesFile) {
        let Some(document) = yaml::read(&file.name, &file.bytes, &Limits::default(), self.findings) else { return };
        let place = |range| Place::Span { file: file.name.clone(), range };
        let Some(entries) = document.root.entries() else {
            let summary = format!("the values file is {}, not a mapping", document.root.noun());
            let finding = Finding::new(&codes::UNREADABLE_VALUES, place(document.root.range.clone()), summary);
            self.findings.push(finding.help("write one `name: value` a line"));
            return;
        };
        for entry in entries {
            let known = self.declarations.contains_key(&entry.key);
            let range = if known && !entry.value.range.is_empty() { &entry.value.range } else { &entry.key_range };
            let source = ValueSource::ValuesFile(file.name.clone());
            self.add(&entry.key, source, place(range.clone()), Raw::Plain(entry.value.to_json()));
        }
    }

    fn variables(&mut self, options: &Options<'_>) {
        for (variable, value) in &options.variables {
            let Some(name) = variable.strip_prefix(VARIABLE_PREFIX) else { continue };
            let name = name.to_ascii_lowercase().replace('_', "-");
            let place = Place::Outside(variable.clone());
            self.add(&name, ValueSource::Variable(variable.clone()), place, Raw::Text(value.clone()));
        }
    }

    fn overlay(&mut self, root: &Node, environment: &str) {
        let all = ManifestPath::root().key("environments");
        let environments = root.get("environments").and_then(Node::entries).unwrap_or_default();
        for other in environments {
            let at = all.key(&other.key).key("parameters");
            for entry in other.value.get("parameters").and_then(Node::entries).unwrap_or_default() {
                let at = at.key(&entry.key);
                let is_known = self.candidates.contains_key(&entry.key);
                // Names are checked in every environment, values count in the chosen one.
                if other.key == environment || !is_known {
                    let source = ValueSource::Environment(other.key.clone());
                    let place = if is_known { Place::Value(at.clone()) } else { Place::Key(at.clone()) };
                    self.add(&entry.key, source, place, Raw::Said(entry.value.clone(), at));
                }
            }
        }
    }

    fn defaults(&mut self, root: &Node) {
        let all = ManifestPath::root().key("parameters");
        for entry in root.get("parameters").and_then(Node::entries).unwrap_or_default() {
            if let Some(default) = entry.value.get("default").filter(|default| !default.is_null()) {
                let at = all.key(&entry.key).key("default");
                self.add(&entry.key, ValueSource::Default, Place::Value(at.clone()), Raw::Said(default.clone(), at));
            }
        }
    }
}
