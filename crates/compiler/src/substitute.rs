//! `${parameter}` replaced by its value. References to what components export stay as they are:
//! they are known only where the deployment runs.

use crate::codes;
use crate::nearest::suggest;
use crate::parameter::{ParameterType, ParameterValue};
use components::reference::{Piece, ReferenceText};
use indexmap::IndexMap;
use model::yaml::{Kind, Node};
use model::{Finding, Findings, ManifestPath, Place, Segment};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// Which values of the manifest come from which parameter.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    values: HashMap<ManifestPath, (String, Place)>,
    lost: HashSet<ManifestPath>,
}

impl Uses {
    /// The parameter that this value, or one that holds it, comes from.
    pub(crate) fn of(&self, path: &ManifestPath) -> Option<(&str, &Place)> {
        if self.values.is_empty() {
            return None;
        }
        let mut path = path.clone();
        loop {
            if let Some((parameter, place)) = self.values.get(&path) {
                return Some((parameter, place));
            }
            path = path.parent()?;
        }
    }

    /// Whether a value is missing here only because of a problem that is reported already.
    pub(crate) fn is_lost(&self, path: &ManifestPath) -> bool {
        self.lost.contains(path)
    }

    /// Whether any value below this path is missing for that reason.
    pub(crate) fn has_lost(&self, path: &ManifestPath) -> bool {
        self.lost.iter().any(|lost| lost.segments().starts_with(path.segments()))
    }

    /// Whether this is a list's item that a parameter fills alone.
    pub(crate) fn is_item_from_list(&self, path: &ManifestPath) -> bool {
        matches!(path.segments().last(), Some(Segment::Index(_))) && self.values.contains_key(path)
    }
}

/// Whether references to components may stand in a part of the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ComponentReferences {
    /// They stay as they are.
    Kept,
    /// Nothing is known of components here.
    Refused,
}

/// How many bytes of values may be inserted in all.
pub(crate) const INSERTED: usize = 4 << 20;

/// Replaces references in trees.
pub(crate) struct Substitution<'a> {
    /// The values; a parameter that is declared but has no usable value is `None`.
    pub(crate) parameters: &'a IndexMap<String, Option<ParameterValue>>,
    /// Whether a parameter without value is a problem that is reported already.
    pub(crate) is_unset_reported: bool,
    /// How many bytes may still be inserted: values that hold others twice would double each time.
    pub(crate) left: usize,
    /// What came from where.
    pub(crate) uses: Uses,
    /// Where problems go.
    pub(crate) findings: &'a mut Findings,
}

impl Substitution<'_> {
    /// The tree as JSON with all parameters replaced. A key whose value is one parameter that has
    /// not been given is left out, and so is a mapping of nothing but such keys.
    pub(crate) fn tree(&mut self, node: &Node, path: &ManifestPath, components: ComponentReferences) -> Option<Value> {
        match &node.kind {
            Kind::Scalar { .. } => match node.to_json() {
                Value::String(text) if text.contains("${") => self.text(&text, path, components),
                plain => Some(plain),
            },
            Kind::Sequence(items) => {
                let items = items.iter().enumerate();
                Some(items.filter_map(|(index, item)| self.tree(item, &path.index(index), components)).collect())
            }
            Kind::Mapping(entries) => {
                let mut mapping = Map::new();
                for entry in entries {
                    if let Some(value) = self.tree(&entry.value, &path.key(&entry.key), components) {
                        mapping.insert(entry.key.clone(), value);
                    }
                }
                let is_unset = mapping.is_empty()
                    && !entries.is_empty()
                    && !entries.iter().any(|entry| self.uses.is_lost(&path.key(&entry.key)));
                (!is_unset).then_some(Value::Object(mapping))
            }
        }
    }

    fn text(&mut self, text: &str, path: &ManifestPath, components: ComponentReferences) -> Option<Value> {
        let parsed = match ReferenceText::parse(text) {
            Ok(parsed) => parsed,
            Err(error) => {
                let finding = Finding::new(&codes::MALFORMED_REFERENCE, Place::Value(path.clone()), error.to_string());
                self.findings.push(finding.help("for the two characters themselves write `$${`"));
                return self.lost(path);
            }
        };
        if let [Piece::Reference(reference)] = parsed.0.as_slice()
            && reference.export.is_empty()
        {
            return self.whole(&reference.component, path);
        }
        let (mut out, mut is_lost) = (String::new(), false);
        for piece in &parsed.0 {
            match piece {
                Piece::Literal(literal) => out.push_str(&escape(literal)),
                Piece::Reference(reference) if reference.export.is_empty() => {
                    match self.inside(&reference.component, path) {
                        Some(text) => out.push_str(&escape(&text)),
                        None => is_lost = true,
                    }
                }
                Piece::Reference(reference) => {
                    if components == ComponentReferences::Refused {
                        let summary = format!("`{reference}` is not known here");
                        let finding = Finding::new(&codes::MISPLACED_REFERENCE, Place::Value(path.clone()), summary);
                        self.findings.push(finding.help("only parameters, as `${name}`, can stand here"));
                    }
                    out.push_str(&reference.to_string());
                }
            }
        }
        if is_lost { self.lost(path) } else { Some(Value::String(out)) }
    }

    /// A value that is one reference: it keeps the parameter's type.
    fn whole(&mut self, name: &str, path: &ManifestPath) -> Option<Value> {
        let parameters = self.parameters;
        let Some(parameter) = parameters.get(name) else {
            self.unknown(name, path);
            return self.lost(path);
        };
        let Some(parameter) = parameter else {
            return if self.is_unset_reported { self.lost(path) } else { None };
        };
        self.uses.values.insert(path.clone(), (name.to_owned(), parameter.place.clone()));
        if parameter.r#type == ParameterType::Secret && !may_be_given(path) {
            self.misused_secret(name, path);
        }
        let size = match &parameter.value {
            Value::Array(items) => items.iter().map(|item| 16 + item.as_str().map_or(0, str::len)).sum(),
            single => single.as_str().map_or(16, str::len),
        };
        if self.insert(size, path) { Some(escape_all(parameter.value.clone())) } else { self.lost(path) }
    }

    /// A reference inside of a longer text; `None` when there is no text after a problem.
    fn inside(&mut self, name: &str, path: &ManifestPath) -> Option<String> {
        let parameters = self.parameters;
        let Some(parameter) = parameters.get(name) else {
            self.unknown(name, path);
            return None;
        };
        let Some(parameter) = parameter else { return (!self.is_unset_reported).then(String::new) };
        let text = match (&parameter.r#type, &parameter.value) {
            (ParameterType::Secret, _) => {
                self.misused_secret(name, path);
                return None;
            }
            (ParameterType::List(_), _) => {
                let summary = format!("the list `${{{name}}}` cannot stand inside of a text");
                let finding = Finding::new(&codes::WRONG_TYPE, Place::Value(path.clone()), summary);
                self.findings.push(finding.help(format!("a list can only be a whole value: `key: ${{{name}}}`")));
                return None;
            }
            (_, Value::String(text)) => text.clone(),
            (_, other) => other.to_string(),
        };
        self.insert(text.len(), path).then_some(text)
    }

    /// Whether so many bytes may be inserted; reported once when they may not.
    fn insert(&mut self, bytes: usize, path: &ManifestPath) -> bool {
        if self.left == 0 {
            return false;
        }
        if bytes > self.left {
            self.left = 0;
            let place = Place::Value(path.clone());
            let summary = "the values of parameters grow beyond all measure here";
            let finding = Finding::new(&codes::GROWING_VALUES, place, summary);
            self.findings.push(finding.help("do not let parameters repeat others that repeat others"));
            return false;
        }
        self.left -= bytes;
        true
    }

    /// Leaves a value out after a problem that is reported.
    fn lost(&mut self, path: &ManifestPath) -> Option<Value> {
        self.uses.lost.insert(path.clone());
        None
    }

    fn unknown(&mut self, name: &str, path: &ManifestPath) {
        let known: Vec<&str> = self.parameters.keys().map(String::as_str).collect();
        let place = Place::Value(path.clone());
        let literal = format!("write `$${{{name}}}` if the characters themselves are meant");
        let help = match suggest(name, &known, "parameter") {
            Some(suggestion) if suggestion.ends_with('?') => format!("{suggestion} Or {literal}"),
            Some(suggestion) => format!("{literal}; {suggestion}"),
            None => format!("declare it under `parameters`, or {literal}"),
        };
        let summary = format!("there is no parameter `{name}`");
        self.findings.push(Finding::new(&codes::UNKNOWN_REFERENCE, place, summary).help(help));
    }

    fn misused_secret(&mut self, name: &str, path: &ManifestPath) {
        let summary = format!("the secret parameter `{name}` cannot stand here");
        let finding = Finding::new(&codes::MISUSED_SECRET, Place::Value(path.clone()), summary);
        let help = format!("add a component `{{ kind: secret, given: \"${{{name}}}\" }}` and refer to its `value`");
        self.findings.push(finding.help(help));
    }
}

/// Whether a secret parameter may stand at this path: `components.NAME.given`.
fn may_be_given(path: &ManifestPath) -> bool {
    match path.segments() {
        [Segment::Key(section), _, Segment::Key(key)] => section == "components" && key == "given",
        _ => false,
    }
}

/// Values are data: a `${` in them is no reference.
fn escape(text: &str) -> String {
    text.replace("${", "$${")
}

fn escape_all(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(escape(&text)),
        Value::Array(items) => items.into_iter().map(escape_all).collect(),
        other => other,
    }
}
