//! From what is wanted, what was made and what the world shows to the steps between: pure.
//!
//! A node gets a step when it is not there, when its description (or what it is made of) changed,
//! when the world says that it is broken, when an earlier run was cut off on it, or when something
//! that it was made of is made again:
//!
//! - a secret that is made again has another value: all that holds it is made again;
//! - a file, a source folder or a Python environment comes back with the same content, so other files
//!   stay; but a program or edge may have started with what was broken, so it is restarted;
//! - a program or edge that is restarted leaves those alone that only talk to it.

use crate::ports::{Condition, Observed};
use indexmap::IndexMap;
use model::plan::{Consequence, PLAN_VERSION};
use model::process_graph::{Node, NodeSpec, PortWish, SecretRecipe, SecretSpec};
use model::run_state::{Made, RunState};
use model::{Action, DeploymentName, DeploymentPlan, Digest, NodeId, PortId, ProcessGraph, Step, StepId};

mod order;

/// What a plan is made from.
#[derive(Clone, Copy)]
pub struct Situation<'a> {
    /// Whose plan.
    pub deployment: &'a DeploymentName,
    /// The environment, as `local`.
    pub environment: &'a str,
    /// The digest of what was said: the manifest with all parameters.
    pub manifest: &'a Digest,
    /// What is wanted; nothing for a removal.
    pub desired: Option<&'a ProcessGraph>,
    /// What was made.
    pub state: &'a RunState,
    /// What the world shows.
    pub observed: &'a Observed,
}

/// The steps from what is there to what is wanted, with `ports` as the numbers of all wanted ports.
#[must_use]
pub fn plan(situation: &Situation<'_>, ports: IndexMap<PortId, u16>) -> DeploymentPlan {
    let no_nodes = IndexMap::new();
    let wanted = situation.desired.map_or(&no_nodes, |graph| &graph.nodes);
    let digests = situation.desired.map(|graph| graph.digests(&ports)).unwrap_or_default();
    let made = &situation.state.made;

    let mut changes: IndexMap<NodeId, Change> = IndexMap::new();
    for (id, node) in wanted {
        let Some(digest) = digests.get(id) else { continue };
        if let Some(change) = change_of(id, node, digest, situation, &ports, &changes, wanted) {
            changes.insert(id.clone(), change);
        }
    }
    let unchanged = wanted.len() - changes.len();
    for id in order::creation(made).into_iter().rev().filter(|id| !wanted.contains_key(*id)) {
        changes.insert(id.clone(), Change { action: Action::Delete, why: "no longer wanted".into() });
    }
    if situation.desired.is_none() {
        changes.values_mut().for_each(|change| change.why = "the deployment is taken down".into());
    }

    let needs = order::needs(&changes, wanted, made, &situation.state.ports, &ports);
    let steps = order::sorted(&needs).into_iter().filter_map(|id| {
        let change = changes.get(id)?;
        let node = wanted.get(id).or_else(|| made.get(id).map(|made| &made.node))?;
        let needs = needs.get(id).into_iter().flatten();
        Some(Step {
            id: step_id(id, change.action),
            node: id.clone(),
            component: node.component.clone(),
            origin: node.origin.clone(),
            action: change.action,
            why: change.why.clone(),
            consequence: consequence(change.action, &node.spec),
            needs: needs.filter_map(|need| Some(step_id(need, changes.get(need)?.action))).collect(),
            desired: node.clone(),
            digest: if change.action == Action::Delete { None } else { digests.get(id).cloned() },
        })
    });
    DeploymentPlan {
        version: PLAN_VERSION,
        deployment: situation.deployment.clone(),
        environment: situation.environment.to_owned(),
        manifest: situation.manifest.clone(),
        steps: steps.collect(),
        wishes: wishes(situation.desired),
        ports,
        unchanged,
    }
}

/// Whether running the plan would change nothing, not even what is remembered.
#[must_use]
pub fn is_settled(plan: &DeploymentPlan, state: &RunState) -> bool {
    plan.steps.is_empty() && plan.ports == state.ports && plan.wishes == state.wishes && state.current.is_none()
}

/// What was wished for each port of a graph.
pub(crate) fn wishes(desired: Option<&ProcessGraph>) -> IndexMap<PortId, PortWish> {
    let ports = desired.into_iter().flat_map(|graph| &graph.ports);
    ports.map(|(port, request)| (port.clone(), request.wish)).collect()
}

/// What happens to a node, and why.
struct Change {
    action: Action,
    why: String,
}

fn step_id(node: &NodeId, action: Action) -> StepId {
    let verb = match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Repair => "repair",
        Action::Delete => "delete",
    };
    StepId::new(format!("{node}:{verb}"))
}

fn change_of(
    id: &NodeId,
    node: &Node,
    digest: &Digest,
    situation: &Situation<'_>,
    ports: &IndexMap<PortId, u16>,
    changes: &IndexMap<NodeId, Change>,
    wanted: &IndexMap<NodeId, Node>,
) -> Option<Change> {
    let change = |action, why| Some(Change { action, why });
    let Some(made) = situation.state.made.get(id) else {
        return change(Action::Create, "not there yet".into());
    };
    if made.digest != *digest {
        return change(Action::Update, difference(made, node, &situation.state.ports, ports, changes));
    }
    if let Some(Condition::Broken(what)) = situation.observed.nodes.get(id) {
        return change(Action::Repair, what.clone());
    }
    if !made.settled {
        return change(Action::Repair, "an earlier run was cut off while working on it".into());
    }
    let spreads = |need: &&NodeId| {
        let from = wanted.get(*need).map(|needed| &needed.spec);
        changes.contains_key(*need) && from.is_some_and(|from| repair_spreads(from, &node.spec))
    };
    let need = node.needs.iter().find(spreads)?;
    change(Action::Repair, format!("{need} is made again"))
}

/// Whether making `from` again, with the same description, means making `to` again as well.
fn repair_spreads(from: &NodeSpec, to: &NodeSpec) -> bool {
    match from {
        NodeSpec::Secret(_) => true,
        NodeSpec::PythonEnvironment(_) | NodeSpec::Source(_) | NodeSpec::File(_) => to.is_running_part(),
        NodeSpec::Program(_) | NodeSpec::Edge(_) => false,
    }
}

/// In words, why a node is no longer what was made.
fn difference(
    made: &Made,
    node: &Node,
    old_ports: &IndexMap<PortId, u16>,
    ports: &IndexMap<PortId, u16>,
    changes: &IndexMap<NodeId, Change>,
) -> String {
    let mut reasons = Vec::new();
    if made.node.spec != node.spec || made.node.component != node.component {
        reasons.push("its description changed".to_owned());
    }
    for need in node.needs.iter().filter(|need| changes.contains_key(*need)) {
        let verb = if made.node.needs.contains(need) { "changes" } else { "is new to it" };
        reasons.push(format!("{need} {verb}"));
    }
    for need in made.node.needs.difference(&node.needs) {
        reasons.push(format!("it no longer needs {need}"));
    }
    for port in node.spec.ports() {
        match (old_ports.get(port), ports.get(port)) {
            (Some(old), Some(new)) if old != new => reasons.push(format!("port {port} moves from {old} to {new}")),
            _ => {}
        }
    }
    if reasons.is_empty() { "made from another description".to_owned() } else { reasons.join(", ") }
}

/// What a step means for people who use the deployment.
///
/// A generated key that is removed takes with it what was encrypted or signed by it; a password
/// can be made anew.
fn consequence(action: Action, spec: &NodeSpec) -> Consequence {
    match (action, spec) {
        (Action::Update | Action::Repair | Action::Delete, NodeSpec::Program(_) | NodeSpec::Edge(_)) => {
            Consequence::Interruption
        }
        (Action::Delete, NodeSpec::Secret(SecretSpec::Generated { recipe, .. })) => match recipe {
            SecretRecipe::Password { .. } => Consequence::None,
            SecretRecipe::Key { .. } | SecretRecipe::Ed25519 | SecretRecipe::Rsa { .. } => Consequence::DataLoss,
        },
        _ => Consequence::None,
    }
}
