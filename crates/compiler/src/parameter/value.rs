//! From what was given to the values: references between parameters, types, rules.

use super::declaration::{Declarations, Declared};
use super::source::{Candidate, Raw, ValueSource};
use super::{Overridden, ParameterType, ParameterValue, ValueExplanation, condition, redacted};
use crate::codes;
use crate::nearest::list;
use crate::order::{around, order, shown_members};
use crate::shape::shown;
use crate::substitute::{ComponentReferences, INSERTED, Substitution, Uses};
use components::reference::ReferenceText;
use indexmap::IndexMap;
use model::yaml::{Kind, Node};
use model::{Finding, Findings, ManifestPath, Place};
use serde_json::Value;

/// The values of all declared parameters, and which source won for each.
pub(crate) fn resolve(
    root: &Node,
    declarations: &Declarations,
    given: &IndexMap<String, Vec<Candidate>>,
    findings: &mut Findings,
) -> (IndexMap<String, Option<ParameterValue>>, Vec<ValueExplanation>) {
    let mut values: IndexMap<String, Option<ParameterValue>> = IndexMap::new();
    for name in declarations.keys() {
        values.insert(name.clone(), None);
    }
    let mut left = INSERTED;
    for name in in_order(declarations, given, findings) {
        let (Some(Some(declared)), Some(candidates)) = (declarations.get(&name), given.get(&name)) else { continue };
        let Some(winner) = candidates.first() else { continue };
        if !check_use(&name, declared, winner, findings) {
            continue;
        }
        if let Some(value) = read(&name, declared, winner, &values, &mut left, findings) {
            let (r#type, source, place) = (declared.r#type.clone(), winner.source.clone(), winner.place.clone());
            values.insert(name, Some(ParameterValue { r#type, value, source, place }));
        }
    }
    check_unused(root, declarations, given, findings);
    condition::check(declarations, given, &values, findings);
    let explanations = explain(declarations, given, &values);
    (values, explanations)
}

/// Whether this parameter may be given at all, and by this source.
fn check_use(name: &str, declared: &Declared, winner: &Candidate, findings: &mut Findings) -> bool {
    let errors = findings.error_count();
    if winner.source == ValueSource::Default {
        return true;
    }
    let place = || winner.place.clone();
    if declared.locked {
        let related = Place::Value(declared.at.key("locked"));
        let finding = Finding::new(&codes::LOCKED_VALUE, place(), format!("`{name}` is locked"));
        findings.push(finding.related(related, "locked here").help("remove this value"));
    }
    if let Some(instead) = &declared.deprecated {
        let finding = Finding::new(&codes::DEPRECATED_VALUE, place(), format!("`{name}` is deprecated"));
        findings.push(finding.help(instead.clone()));
    }
    if declared.r#type == ParameterType::Secret && winner.source == ValueSource::Set {
        let summary = format!("the secret `{name}` is given on the command line");
        let help = "name the place where it is, `env:NAME` or `file:PATH`, in a values file or in the environment";
        findings.push(Finding::new(&codes::OPEN_SECRET, place(), summary).help(help));
    }
    findings.error_count() == errors
}

fn read(
    name: &str,
    declared: &Declared,
    candidate: &Candidate,
    values: &IndexMap<String, Option<ParameterValue>>,
    left: &mut usize,
    findings: &mut Findings,
) -> Option<Value> {
    let place = &candidate.place;
    match &candidate.raw {
        Raw::Text(text) => match declared.r#type.read_text(text) {
            Ok(value) => obeys(name, declared, &value, place, findings).then_some(value),
            Err(help) => {
                findings.push(wrong_value(
                    name,
                    &declared.r#type,
                    declared,
                    &Value::from(text.as_str()),
                    place.clone(),
                    help,
                ));
                None
            }
        },
        Raw::Plain(value) => read_value(name, declared, value, place, findings),
        Raw::Said(node, at) => {
            let errors = findings.error_count();
            let uses = Uses::default();
            let is_unset_reported = false;
            let mut substitution = Substitution { parameters: values, is_unset_reported, left: *left, uses, findings };
            let value = substitution.tree(node, at, ComponentReferences::Refused).map(unescape);
            *left = substitution.left;
            if findings.error_count() > errors {
                return None;
            }
            read_value(name, declared, &value?, place, findings)
        }
    }
}

/// Reads a value and checks it against the rules. Items of a list are reported each at its place.
fn read_value(name: &str, declared: &Declared, value: &Value, place: &Place, findings: &mut Findings) -> Option<Value> {
    let (r#type, mut wrong) = (&declared.r#type, false);
    if let (ParameterType::List(item), Value::Array(items)) = (r#type, value) {
        for (index, value) in items.iter().enumerate() {
            if let Err(help) = item.read(value) {
                findings.push(wrong_value(name, item, declared, value, item_place(place, index), help));
                wrong = true;
            }
        }
    }
    match r#type.read(value) {
        Ok(value) => obeys(name, declared, &value, place, findings).then_some(value),
        Err(_) if wrong => None,
        Err(help) => {
            findings.push(wrong_value(name, r#type, declared, value, place.clone(), help));
            None
        }
    }
}

fn item_place(place: &Place, index: usize) -> Place {
    match place {
        Place::Value(path) => Place::Value(path.index(index)),
        elsewhere => elsewhere.clone(),
    }
}

fn wrong_value(
    name: &str,
    wanted: &ParameterType,
    declared: &Declared,
    value: &Value,
    place: Place,
    help: String,
) -> Finding {
    let related = Place::Value(declared.at.key("type"));
    if declared.r#type == ParameterType::Secret {
        let summary = format!("`{name}` must say where the secret is, not hold it");
        return Finding::new(&codes::OPEN_SECRET, place, summary)
            .help(help)
            .related(related, "declared as a secret here");
    }
    let what = match value {
        Value::Null => "nothing is given".to_owned(),
        value => format!("{} is none", shown(value)),
    };
    let subject = if *wanted == declared.r#type { format!("`{name}`") } else { format!("each item of `{name}`") };
    let summary = format!("{subject} must be {}, but {what}", wanted.noun());
    Finding::new(&codes::WRONG_VALUE, place, summary).help(help).related(related, "its type is declared here")
}

/// Whether a value obeys `one-of`, `pattern`, `min` and `max`.
fn obeys(name: &str, declared: &Declared, value: &Value, place: &Place, findings: &mut Findings) -> bool {
    let before = findings.error_count();
    let items = match value {
        Value::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    for (index, item) in items.iter().enumerate() {
        let place = &if value.is_array() { item_place(place, index) } else { place.clone() };
        if let Some(allowed) = declared.one_of.as_ref().filter(|allowed| !allowed.contains(item)) {
            let texts: Vec<String> =
                allowed.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let summary = format!("{} is not possible for `{name}`", shown(item));
            let finding = Finding::new(&codes::NOT_ALLOWED_VALUE, place.clone(), summary);
            let related = Place::Value(declared.at.key("one-of"));
            findings.push(finding.help(format!("possible: {}", list(&texts))).related(related, "declared here"));
        }
        let mismatch = declared.pattern.as_ref().zip(item.as_str()).filter(|(pattern, text)| !pattern.is_match(text));
        if let Some((pattern, _)) = mismatch {
            let summary = format!("{} does not match the pattern of `{name}`", shown(item));
            let finding = Finding::new(&codes::UNMATCHED_VALUE, place.clone(), summary);
            let related = Place::Value(declared.at.key("pattern"));
            findings.push(finding.help(format!("it must match `{pattern}`")).related(related, "declared here"));
        }
    }
    if let Some(measure) = declared.r#type.measure(value) {
        let unit = match declared.r#type {
            ParameterType::String => " characters",
            ParameterType::List(_) => " items",
            _ => "",
        };
        let seen = if unit.is_empty() { shown(value) } else { format!("{measure}{unit}") };
        let limits = [
            ("min", "small", "least", declared.least.filter(|least| measure < *least)),
            ("max", "large", "most", declared.most.filter(|most| measure > *most)),
        ];
        for (key, word, bound, crossed) in limits {
            if let Some(limit) = crossed {
                let limit = print_limit(&declared.r#type, limit);
                let summary = format!("`{name}` is too {word}: {seen}");
                let finding = Finding::new(&codes::VALUE_OUT_OF_RANGE, place.clone(), summary);
                let related = Place::Value(declared.at.key(key));
                findings.push(finding.help(format!("give at {bound} {limit}{unit}")).related(related, "declared here"));
            }
        }
    }
    findings.error_count() == before
}

fn print_limit(r#type: &ParameterType, limit: i128) -> String {
    let number = u64::try_from(limit).unwrap_or_default();
    match r#type {
        ParameterType::Size => model::scalar::Size::from_bytes(number).to_string(),
        ParameterType::Duration if number % 1000 == 0 => {
            model::scalar::Duration::from_seconds(number / 1000).to_string()
        }
        ParameterType::Duration => format!("{number}ms"),
        _ => limit.to_string(),
    }
}

/// Values of the manifest that did not win are checked too: another environment's mistake should
/// not wait until somebody goes there.
fn check_unused(
    root: &Node,
    declarations: &Declarations,
    given: &IndexMap<String, Vec<Candidate>>,
    findings: &mut Findings,
) {
    let mut check = |name: &str, node: &Node, at: ManifestPath| {
        let Some(Some(declared)) = declarations.get(name) else { return };
        let won = given.get(name).and_then(|candidates| candidates.first());
        let place = Place::Value(at);
        if won.is_some_and(|won| won.place == place) || !references(node).is_empty() {
            return;
        }
        read_value(name, declared, &unescape(node.to_json()), &place, findings);
    };
    let manifest = ManifestPath::root();
    for entry in root.get("parameters").and_then(Node::entries).unwrap_or_default() {
        if let Some(default) = entry.value.get("default").filter(|default| !default.is_null()) {
            check(&entry.key, default, manifest.key("parameters").key(&entry.key).key("default"));
        }
    }
    for environment in root.get("environments").and_then(Node::entries).unwrap_or_default() {
        let at = manifest.key("environments").key(&environment.key).key("parameters");
        for entry in environment.value.get("parameters").and_then(Node::entries).unwrap_or_default() {
            check(&entry.key, &entry.value, at.key(&entry.key));
        }
    }
}

/// The parameters in an order in which each comes after those that its value refers to. Those of a
/// circle are reported and left out.
fn in_order(
    declarations: &Declarations,
    given: &IndexMap<String, Vec<Candidate>>,
    findings: &mut Findings,
) -> Vec<String> {
    let needs = |name: &str| match given.get(name).and_then(|candidates| candidates.first()) {
        Some(Candidate { raw: Raw::Said(node, _), .. }) => {
            references(node).into_iter().filter(|other| declarations.contains_key(other)).collect()
        }
        _ => Vec::new(),
    };
    let names: Vec<String> = declarations.keys().cloned().collect();
    let (order, cycles) = order(&names, needs);
    for cycle in cycles {
        let first = &cycle[0];
        let place_of = |name: &String| {
            given.get(name).and_then(|candidates| candidates.first()).map(|winner| winner.place.clone())
        };
        let Some(place) = place_of(first) else { continue };
        let summary = format!("parameters refer to each other in a circle: {}", around(&cycle));
        let mut finding =
            Finding::new(&codes::PARAMETER_CYCLE, place, summary).help("give one of them a value of its own");
        for (_, name) in shown_members(&cycle) {
            if let Some(place) = place_of(name) {
                finding = finding.related(place, "which refers on from here");
            }
        }
        findings.push(finding);
    }
    order
}

/// The parameters that a value refers to.
fn references(node: &Node) -> Vec<String> {
    match &node.kind {
        Kind::Scalar { text, .. } => {
            let parsed = ReferenceText::parse(text).unwrap_or_default();
            parsed.references().filter(|found| found.export.is_empty()).map(|found| found.component.clone()).collect()
        }
        Kind::Sequence(items) => items.iter().flat_map(references).collect(),
        Kind::Mapping(entries) => entries.iter().flat_map(|entry| references(&entry.value)).collect(),
    }
}

/// A parameter's value is data: `$${` in the manifest's text means `${` in the value.
fn unescape(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("$${", "${")),
        Value::Array(items) => items.into_iter().map(unescape).collect(),
        other => other,
    }
}

fn explain(
    declarations: &Declarations,
    given: &IndexMap<String, Vec<Candidate>>,
    values: &IndexMap<String, Option<ParameterValue>>,
) -> Vec<ValueExplanation> {
    let mut explanations = Vec::new();
    for (name, declared) in declarations.iter().filter_map(|(name, declared)| Some((name, declared.as_ref()?))) {
        let candidates = given.get(name).map(Vec::as_slice).unwrap_or_default();
        let overridden = candidates.iter().skip(1).map(|candidate| Overridden {
            source: candidate.source.clone(),
            value: redacted(&declared.r#type, candidate.raw.shown()),
        });
        let value =
            values.get(name).and_then(Option::as_ref).map(|value| redacted(&declared.r#type, value.value.clone()));
        explanations.push(ValueExplanation {
            parameter: name.clone(),
            r#type: declared.r#type.to_string(),
            about: declared.about.clone(),
            value,
            source: candidates.first().map(|winner| winner.source.clone()),
            overridden: overridden.collect(),
        });
    }
    explanations
}
