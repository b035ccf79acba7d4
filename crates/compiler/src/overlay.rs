//! An environment's settings laid over the components. Nodes keep their ranges, so that a finding
//! about a value points to the line that said it, in the overlay or below.

use crate::codes;
use crate::nearest::suggest;
use model::yaml::{Entry, Kind, Node};
use model::{Finding, Findings, ManifestPath, Place};

/// The manifest's tree with the environment's `components` laid over it.
pub(crate) fn overlay(root: &Node, environment: &str, findings: &mut Findings) -> Node {
    let mut merged = root.clone();
    let path = ManifestPath::root().key("environments").key(environment).key("components");
    let Some((_, settings)) = root.at(&path) else { return merged };
    let Some(components) = merged_components(&mut merged) else { return merged };
    for setting in settings.entries().unwrap_or_default() {
        if let Some(known) = components.iter_mut().find(|entry| entry.key == setting.key) {
            lay_over(&mut known.value, &setting.value);
        } else if setting.value.get("kind").is_some() {
            components.push(setting.clone());
        } else {
            let names: Vec<&str> = components.iter().map(|entry| entry.key.as_str()).collect();
            let summary = format!("there is no component `{}` to overlay", setting.key);
            let mut finding = Finding::new(&codes::UNKNOWN_OVERLAY, Place::Key(path.key(&setting.key)), summary);
            finding.help = suggest(&setting.key, &names, "component");
            findings.push(finding);
        }
    }
    merged
}

fn merged_components(root: &mut Node) -> Option<&mut Vec<Entry>> {
    let Kind::Mapping(entries) = &mut root.kind else { return None };
    let components = entries.iter_mut().find(|entry| entry.key == "components")?;
    match &mut components.value.kind {
        Kind::Mapping(entries) => Some(entries),
        Kind::Scalar { .. } | Kind::Sequence(_) => None,
    }
}

/// Mappings are merged key by key, everything else is replaced; a key without value is removed.
fn lay_over(below: &mut Node, above: &Node) {
    let (Kind::Mapping(entries), Kind::Mapping(changes)) = (&mut below.kind, &above.kind) else {
        *below = above.clone();
        return;
    };
    for change in changes {
        let known = entries.iter().position(|entry| entry.key == change.key);
        match known {
            Some(index) if change.value.is_null() => {
                entries.remove(index);
            }
            Some(index) => {
                lay_over(&mut entries[index].value, &change.value);
                entries[index].key_range = change.key_range.clone();
            }
            None if change.value.is_null() => {}
            None => entries.push(change.clone()),
        }
    }
}
