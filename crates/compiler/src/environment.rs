//! The environments of a manifest and the chosen one.

use crate::application::Environment;
use crate::codes;
use crate::manifest::{EnvironmentDeclaration, Target};
use crate::nearest::suggest;
use crate::options::LOCAL;
use indexmap::IndexMap;
use model::{ComponentName, Finding, Findings, ManifestPath, Place};
use serde_json::Value;

/// Checks all environments and returns the chosen one. `shaped` holds those that have the right
/// shape, `names` all that are declared.
pub(crate) fn choose(
    chosen: &str,
    names: &[&str],
    shaped: &IndexMap<String, Value>,
    findings: &mut Findings,
) -> Option<Environment> {
    let all = ManifestPath::root().key("environments");
    let mut environment = None;
    for name in names {
        let at = all.key(*name);
        if ComponentName::new(*name).is_err() {
            let help = "start with a lower-case letter and use at most 40 of a-z, 0-9 and '-'";
            let summary = format!("`{name}` is no name of an environment");
            let place = Place::Key(at.clone());
            findings.push(Finding::new(&codes::INVALID_ENVIRONMENT_NAME, place, summary).help(help));
        }
        let Some(said) = shaped.get(*name) else { continue };
        match serde_json::from_value::<EnvironmentDeclaration>(said.clone()) {
            Ok(declaration) => {
                let valid = check(name, declaration, &at, findings);
                if *name == chosen {
                    environment = valid;
                }
            }
            Err(error) => {
                let summary = format!("cannot be read: {error}");
                findings.push(Finding::new(&codes::UNREADABLE_VALUE, Place::Value(at), summary));
            }
        }
    }
    if !names.contains(&chosen) {
        if chosen == LOCAL {
            return Some(Environment { name: LOCAL.into(), target: Target::Local, account: None, region: None });
        }
        let mut known = names.to_vec();
        known.push(LOCAL);
        let place = Place::Outside(format!("--env {chosen}"));
        let finding = Finding::new(&codes::UNKNOWN_ENVIRONMENT, place, format!("there is no environment `{chosen}`"));
        let help = suggest(chosen, &known, "environment").unwrap_or_default();
        findings.push(finding.help(help));
    }
    environment
}

fn check(name: &str, said: EnvironmentDeclaration, at: &ManifestPath, findings: &mut Findings) -> Option<Environment> {
    let errors = findings.error_count();
    let target = said.target.or((name == LOCAL).then_some(Target::Local));
    match target {
        None => {
            let summary = format!("the environment `{name}` does not say its target");
            let finding = Finding::new(&codes::INCOMPLETE_ENVIRONMENT, Place::Key(at.clone()), summary);
            findings.push(finding.help("add `target: aws` with `account` and `region`, or `target: local`"));
        }
        Some(Target::Aws) if name == LOCAL => {
            let place = Place::Value(at.key("target"));
            let finding = Finding::new(&codes::MISPLACED_TARGET, place, "the environment `local` is this machine");
            findings.push(finding.help("remove the target here, and declare an environment of another name"));
        }
        Some(Target::Aws) => {
            for (key, given, example) in
                [("account", &said.account, "\"123456789012\""), ("region", &said.region, "eu-central-1")]
            {
                if given.is_none() {
                    let summary = format!("the environment `{name}` does not say its {key}");
                    let finding = Finding::new(&codes::INCOMPLETE_ENVIRONMENT, Place::Key(at.clone()), summary);
                    findings.push(finding.help(format!("add `{key}: {example}`")));
                }
            }
        }
        Some(Target::Local) => {
            for (key, given) in [("account", &said.account), ("region", &said.region)] {
                if given.is_some() {
                    let summary = format!("an environment on this machine has no {key}");
                    let finding = Finding::new(&codes::MISPLACED_TARGET, Place::Key(at.key(key)), summary);
                    findings.push(finding.help("remove it, or write `target: aws`"));
                }
            }
        }
    }
    let (account, region) = (said.account, said.region);
    (findings.error_count() == errors)
        .then(|| Some(Environment { name: name.to_owned(), target: target?, account, region }))
        .flatten()
}
