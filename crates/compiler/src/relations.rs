//! What components want of each other: references, needs, an order, ports of their own.

use crate::application::Component;
use crate::codes;
use crate::component_stage::Draft;
use crate::nearest::suggest;
use crate::order::{around, order, shown_members};
use crate::reference::{self, Exports};
use components::component::{Need, ValidComponent};
use indexmap::IndexMap;
use model::process_graph::PortWish;
use model::yaml::Node;
use model::{Finding, Findings, ManifestPath, Place, ProcessGraph};
use serde_json::{Map, Value};

/// Checks all references to what components export.
pub(crate) fn check_references(drafts: &IndexMap<String, Draft>, probes: &Map<String, Value>, findings: &mut Findings) {
    let exports: Exports =
        drafts.iter().map(|(name, draft)| (name.clone(), draft.valid.as_ref().map(ValidComponent::exports))).collect();
    for (name, draft) in drafts {
        reference::check(&draft.said, &draft.at, Some(name), &exports, findings);
    }
    let at = ManifestPath::root().key("probes");
    for (name, probe) in probes {
        reference::check(probe, &at.key(name), None, &exports, findings);
    }
}

/// Checks what components need of each other; returns them in order when nothing is wrong.
pub(crate) fn in_order(drafts: &IndexMap<String, Draft>, findings: &mut Findings) -> Option<Vec<String>> {
    let errors = findings.error_count();
    let mut edges: IndexMap<&str, Vec<(String, ManifestPath)>> = IndexMap::new();
    for (name, draft) in drafts {
        let mut needs = Vec::new();
        for need in &draft.needs {
            check_need(need, drafts, findings);
            needs.push((need.component.to_string(), need.at.clone()));
        }
        for other in reference::components(&draft.said) {
            if needs.iter().all(|(known, _)| *known != other) {
                needs.push((other, draft.at.clone()));
            }
        }
        edges.insert(name, needs);
    }
    let names: Vec<String> = drafts.keys().cloned().collect();
    let (order, circles) = order(&names, |name| {
        let needs = edges.get(name).into_iter().flatten();
        needs.filter(|(other, _)| drafts.contains_key(other)).map(|(other, _)| other.clone()).collect()
    });
    for circle in circles {
        findings.push(circle_finding(&circle, &edges));
    }
    (findings.error_count() == errors).then_some(order)
}

fn check_need(need: &Need, drafts: &IndexMap<String, Draft>, findings: &mut Findings) {
    let place = Place::Value(need.at.clone());
    let Some(found) = drafts.get(need.component.as_str()) else {
        let names: Vec<&str> = drafts.keys().map(String::as_str).collect();
        let summary = format!("there is no component `{}`", need.component);
        let mut finding = Finding::new(&codes::UNKNOWN_NEED, place, summary);
        finding.help = suggest(need.component.as_str(), &names, "component");
        findings.push(finding);
        return;
    };
    if let Some(kind) = found.kind.filter(|kind| !need.kinds.is_empty() && !need.kinds.contains(&kind.kind())) {
        let summary =
            format!("`{}` is a {}, but a {} is needed here", need.component, kind.kind(), need.kinds.join(" or "));
        let related = Place::Key(found.at.clone());
        findings.push(Finding::new(&codes::WRONG_NEED, place, summary).related(related, "declared here"));
    }
}

fn circle_finding(circle: &[String], edges: &IndexMap<&str, Vec<(String, ManifestPath)>>) -> Finding {
    let next = |index: usize| &circle[(index + 1) % circle.len()];
    let place = |index: usize| {
        let needs = edges.get(circle[index].as_str()).into_iter().flatten();
        needs.filter(|(other, _)| other == next(index)).map(|(_, at)| Place::Value(at.clone())).next()
    };
    let summary = format!("components need each other in a circle: {}", around(circle));
    let first = place(0).unwrap_or_else(|| Place::Key(ManifestPath::root().key("components").key(&circle[0])));
    let mut finding =
        Finding::new(&codes::COMPONENT_CYCLE, first, summary).help("take one of these needs or references out");
    for (index, name) in shown_members(circle) {
        if let Some(place) = place(index) {
            finding = finding.related(place, format!("`{name}` needs `{}` here", next(index)));
        }
    }
    finding
}

/// The components in their order; called when all of them are valid.
pub(crate) fn finish(mut drafts: IndexMap<String, Draft>, order: &[String]) -> Vec<Component> {
    let mut components = Vec::new();
    for name in order {
        let Some(Draft { at, kind: Some(kind), said, name: Some(name), valid: Some(valid), .. }) =
            drafts.swap_remove(name)
        else {
            continue;
        };
        components.push(Component { name, kind: kind.kind(), at, said, valid });
    }
    components
}

/// Two components cannot have the same number. Numbers that nobody said are only wishes and give way.
pub(crate) fn check_ports(graph: &ProcessGraph, root: &Node, findings: &mut Findings) {
    let mut wanted: IndexMap<u16, &ManifestPath> = IndexMap::new();
    for request in graph.ports.values() {
        let number = match request.wish {
            PortWish::Exactly(number) => number,
            PortWish::Preferably(number) if root.at(&request.origin).is_some_and(|(_, node)| node.text().is_some()) => {
                number
            }
            PortWish::Preferably(_) | PortWish::Any => continue,
        };
        if let Some(first) = wanted.get(&number) {
            let summary = format!("the port {number} is wanted twice");
            let finding = Finding::new(&codes::PORT_CLASH, Place::Value(request.origin.clone()), summary)
                .related(Place::Value((*first).clone()), "wanted here first")
                .help("change one of the numbers, or leave it out to get a free one");
            findings.push(finding);
        } else {
            wanted.insert(number, &request.origin);
        }
    }
}
