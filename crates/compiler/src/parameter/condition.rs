//! `required-when` and `forbidden-when`, and parameters that nobody gave.

use super::ParameterValue;
use super::declaration::{Declarations, Declared, wanted_values};
use super::source::{Candidate, VARIABLE_PREFIX, ValueSource};
use crate::codes;
use indexmap::IndexMap;
use model::{Finding, Findings, Place};
use serde_json::Value;

/// Reports what is missing and what may not be there.
pub(super) fn check(
    declarations: &Declarations,
    given: &IndexMap<String, Vec<Candidate>>,
    values: &IndexMap<String, Option<ParameterValue>>,
    findings: &mut Findings,
) {
    for (name, declared) in declarations.iter().filter_map(|(name, declared)| Some((name, declared.as_ref()?))) {
        let winner = given.get(name).and_then(|candidates| candidates.first());
        match (winner, &declared.required_when, &declared.forbidden_when) {
            (None, Some(condition), _) => {
                if let Some(because) = holds(condition, declarations, values) {
                    let summary = format!("`{name}` must be given, because {because}");
                    let place = Place::Key(declared.at.clone());
                    findings
                        .push(Finding::new(&codes::REQUIRED_VALUE, place, summary).help(how_to_give(name, declared)));
                }
            }
            // What may be forbidden may be left out too.
            (None, None, Some(condition)) if holds(condition, declarations, values).is_some() => {}
            // That is reported where it is locked.
            (None, None, _) if declared.locked => {}
            (None, None, _) => {
                let place = Place::Key(declared.at.clone());
                let finding = Finding::new(&codes::MISSING_VALUE, place, format!("`{name}` has no value"));
                findings.push(finding.help(how_to_give(name, declared)));
            }
            (Some(winner), _, Some(condition)) if winner.source != ValueSource::Default => {
                if let Some(because) = holds(condition, declarations, values) {
                    let summary = format!("`{name}` may not be given, because {because}");
                    let finding = Finding::new(&codes::FORBIDDEN_VALUE, winner.place.clone(), summary);
                    let related = Place::Value(declared.at.key("forbidden-when"));
                    findings.push(finding.help("leave it out").related(related, "said here"));
                }
            }
            _ => {}
        }
    }
}

fn how_to_give(name: &str, declared: &Declared) -> String {
    let variable = format!("{VARIABLE_PREFIX}{}", name.to_ascii_uppercase().replace('-', "_"));
    if declared.r#type == super::ParameterType::Secret {
        return format!(
            "say where it is, as `{variable}=env:NAME` or `file:PATH`, in a values file or in the environment"
        );
    }
    format!("give it with `--set {name}=...`, in a values file, as the variable {variable}, or add a `default`")
}

/// Why all of a condition holds, in words.
fn holds(
    condition: &IndexMap<String, Value>,
    declarations: &Declarations,
    values: &IndexMap<String, Option<ParameterValue>>,
) -> Option<String> {
    let mut reasons = Vec::new();
    for (name, wanted) in condition {
        let r#type = &declarations.get(name)?.as_ref()?.r#type;
        let value = &values.get(name)?.as_ref()?.value;
        let met =
            wanted_values(wanted).iter().filter_map(|wanted| r#type.item().read(wanted).ok()).any(
                |wanted| match value {
                    Value::Array(items) => items.contains(&wanted),
                    single => *single == wanted,
                },
            );
        if !met {
            return None;
        }
        reasons.push(format!("`{name}` is {value}"));
    }
    Some(reasons.join(" and "))
}
