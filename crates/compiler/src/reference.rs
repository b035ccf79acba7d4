//! `${component.export}`: whether each leads somewhere and may stand where it stands.

use crate::codes;
use crate::nearest::suggest;
use components::component::ExportName;
use components::reference::{Reference, ReferenceText};
use indexmap::IndexMap;
use model::{Finding, Findings, ManifestPath, Place, Segment};
use serde_json::Value;

/// What each component exports; `None` for one that is not valid, so that nothing is said twice.
pub(crate) type Exports = IndexMap<String, Option<Vec<ExportName>>>;

/// Checks all references below a value. `this` is the component that `self` means.
pub(crate) fn check(value: &Value, at: &ManifestPath, this: Option<&str>, exports: &Exports, findings: &mut Findings) {
    for_each(value, at, &mut |reference, at| {
        if let Some(finding) = problem(reference, at, this, exports) {
            findings.push(finding);
        }
    });
}

/// The components that the references below a value lead to; `self` left out.
pub(crate) fn components(value: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for_each(value, &ManifestPath::root(), &mut |reference, _| {
        if reference.component != "self" && !names.contains(&reference.component) {
            names.push(reference.component.clone());
        }
    });
    names
}

/// Calls for each reference to a component. Texts that cannot be split were reported when
/// parameters were replaced.
fn for_each(value: &Value, at: &ManifestPath, call: &mut dyn FnMut(&Reference, &ManifestPath)) {
    match value {
        Value::String(text) if text.contains("${") => {
            for reference in ReferenceText::parse(text).unwrap_or_default().references() {
                if !reference.export.is_empty() {
                    call(reference, at);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                for_each(item, &at.index(index), call);
            }
        }
        Value::Object(entries) => {
            for (key, value) in entries {
                for_each(value, &at.key(key), call);
            }
        }
        _ => {}
    }
}

fn problem(reference: &Reference, at: &ManifestPath, this: Option<&str>, exports: &Exports) -> Option<Finding> {
    let place = Place::Value(at.clone());
    let component = if reference.component == "self" { this } else { Some(reference.component.as_str()) };
    let Some(component) = component else {
        let finding = Finding::new(&codes::UNKNOWN_COMPONENT, place, format!("`{reference}`: nothing is `self` here"));
        return Some(finding.help("write the component's name instead of `self`"));
    };
    let Some(known) = exports.get(component) else {
        let names: Vec<&str> = exports.keys().map(String::as_str).collect();
        let summary = format!("`{reference}`: there is no component `{component}`");
        let mut finding = Finding::new(&codes::UNKNOWN_COMPONENT, place, summary);
        finding.help = suggest(component, &names, "component");
        return Some(finding);
    };
    let known = known.as_ref()?;
    let Some(export) = known.iter().find(|export| export.name == reference.export) else {
        let names: Vec<&str> = known.iter().map(|export| export.name.as_str()).collect();
        let summary = format!("`{reference}`: `{component}` exports no `{}`", reference.export);
        let finding = Finding::new(&codes::UNKNOWN_EXPORT, place, summary);
        let help = suggest(&reference.export, &names, "export").unwrap_or_else(|| "it exports nothing".into());
        return Some(finding.help(help));
    };
    if export.secret && !may_hold_secret(at) {
        let summary = format!("the secret `{reference}` would be seen here");
        let help = "secrets may stand in a service's `environment` and `files`, and as a probe's credentials";
        return Some(Finding::new(&codes::MISPLACED_SECRET, place, summary).help(help));
    }
    None
}

/// Whether a secret at this path can stay one. ([`components::together`] looks at the files' modes.)
fn may_hold_secret(at: &ManifestPath) -> bool {
    let keys: Vec<&str> = at
        .segments()
        .iter()
        .map(|segment| match segment {
            Segment::Key(key) => key.as_str(),
            Segment::Index(_) => "",
        })
        .collect();
    match keys.as_slice() {
        ["components", _, key, ..] => matches!(*key, "environment" | "files"),
        ["probes", _, "http", key, ..] => matches!(*key, "user" | "password" | "headers"),
        _ => false,
    }
}
