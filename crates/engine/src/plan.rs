//! From what is wanted, what was made and what the world shows to the steps between: pure.
//!
//! A node gets a step when it is not there, when its description (or what it is made of) changed,
//! when the world says that it is broken, when an earlier run was cut off on it, or when something
//! that it was made of is made again:
//!
//! - a secret that is made again has another value: what holds it is made again;
//! - a file, a source folder or a Python environment comes back with the same content, so other files
//!   stay; but a program or edge that reads it, itself or by way of another file, may have started
//!   with what was broken, so it is restarted;
//! - a program or edge that is restarted, and a database whose content changes, leaves those alone that only talk to it.

use crate::ports::{Condition, Observed};
use indexmap::IndexMap;
use model::plan::{Consequence, PLAN_VERSION};
use model::process_graph::{Node, NodeSpec, PortWish, SecretRecipe, SecretSpec};
use model::run_state::{Made, RunState};
use model::{Action, DeploymentName, DeploymentPlan, Digest, NodeId, PortId, ProcessGraph, Step, StepId};
use std::collections::BTreeSet;

mod content;
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
    let nothing = IndexMap::new();
    let wanted = situation.desired.map_or(&nothing, |graph| &graph.nodes);
    let digests = situation.desired.map(|graph| graph.digests(&ports)).unwrap_or_default();
    let changes = Draft::of(situation, wanted, &digests, &ports).changes;
    let made = &situation.state.made;

    let needs = order::needs(&changes, wanted, made, &ports);
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
    let steps: Vec<Step> = steps.collect();
    let touched = steps.iter().filter(|step| step.action != Action::Delete).count();
    DeploymentPlan {
        version: PLAN_VERSION,
        deployment: situation.deployment.clone(),
        environment: situation.environment.to_owned(),
        manifest: situation.manifest.clone(),
        unchanged: wanted.len() - touched,
        steps,
        wishes: wishes(situation.desired),
        ports,
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

/// The changes while they are found, node by node in the order of needs.
struct Draft<'a> {
    situation: &'a Situation<'a>,
    wanted: &'a IndexMap<NodeId, Node>,
    ports: &'a IndexMap<PortId, u16>,
    changes: IndexMap<NodeId, Change>,
    /// Content that is made again, or leads to such content.
    fresh: BTreeSet<&'a NodeId>,
}

impl<'a> Draft<'a> {
    fn of(
        situation: &'a Situation<'a>,
        wanted: &'a IndexMap<NodeId, Node>,
        digests: &IndexMap<NodeId, Digest>,
        ports: &'a IndexMap<PortId, u16>,
    ) -> Self {
        let mut draft = Self { situation, wanted, ports, changes: IndexMap::new(), fresh: BTreeSet::new() };
        for (id, node) in wanted {
            let own = digests.get(id).and_then(|digest| draft.change(id, node, digest));
            let change = own.or_else(|| draft.spread(node));
            let is_fresh = change.is_some() || node.needs.iter().any(|need| draft.is_fresh_for(node, need));
            if is_fresh {
                draft.fresh.insert(id);
            }
            draft.changes.extend(change.map(|change| (id.clone(), change)));
        }
        let is_down = situation.desired.is_none();
        let why = if is_down { "the deployment is taken down" } else { "no longer wanted" };
        for id in order::creation(&situation.state.made).into_iter().rev().filter(|id| !wanted.contains_key(*id)) {
            draft.changes.insert(id.clone(), Change { action: Action::Delete, why: why.into() });
        }
        draft
    }

    /// Whether a node is made of a needed one that is made again.
    fn is_fresh_for(&self, node: &Node, need: &NodeId) -> bool {
        self.fresh.contains(need) && self.wanted.get(need).is_some_and(|needed| node.is_made_of(needed))
    }

    /// What happens to a node for its own sake.
    fn change(&self, id: &NodeId, node: &Node, digest: &Digest) -> Option<Change> {
        let change = |action, why| Some(Change { action, why });
        let Some(made) = self.situation.state.made.get(id) else {
            return change(Action::Create, "not there yet".into());
        };
        if made.digest != *digest {
            return change(Action::Update, self.difference(made, node));
        }
        if let Some(Condition::Broken(what)) = self.situation.observed.nodes.get(id) {
            return change(Action::Repair, what.clone());
        }
        if !made.settled {
            return change(Action::Repair, "an earlier run was cut off while working on it".into());
        }
        None
    }

    /// What making other nodes again, with the same description, means for this one.
    fn spread(&self, node: &Node) -> Option<Change> {
        let is_secret = |id: &NodeId| matches!(self.wanted.get(id), Some(Node { spec: NodeSpec::Secret(_), .. }));
        let is_other_value = |need: &NodeId| is_secret(need) && self.changes.contains_key(need);
        let spreads =
            |need: &&NodeId| self.is_fresh_for(node, need) && (node.spec.is_running_part() || is_other_value(need));
        let need = node.needs.iter().find(spreads)?;
        let what = if self.changes.contains_key(need) { "is made again" } else { "leads to what is made again" };
        Some(Change { action: Action::Repair, why: format!("{need} {what}") })
    }

    /// In words, why a node is no longer what was made.
    fn difference(&self, made: &Made, node: &Node) -> String {
        let mut reasons = Vec::new();
        if let (NodeSpec::DatabaseContent(before), NodeSpec::DatabaseContent(wanted)) = (&made.node.spec, &node.spec) {
            let words = content::difference(before, wanted);
            if !words.is_empty() {
                return words.join("; ");
            }
        }
        if made.node.spec != node.spec || made.node.component != node.component {
            reasons.push("its description changed".to_owned());
        }
        let is_content = |id: &NodeId| self.wanted.get(id).is_some_and(|needed| node.is_made_of(needed));
        let changed = |need: &&NodeId| self.changes.contains_key(*need) && is_content(need);
        for need in node.needs.intersection(&made.node.needs).filter(changed) {
            reasons.push(format!("{need} changes"));
        }
        reasons.extend(node.needs.difference(&made.node.needs).map(|need| format!("it now needs {need}")));
        reasons.extend(made.node.needs.difference(&node.needs).map(|need| format!("it no longer needs {need}")));
        for port in node.spec.ports() {
            match (made.numbers.get(port), self.ports.get(port)) {
                (Some(old), Some(new)) if old != new => reasons.push(format!("port {port} moves from {old} to {new}")),
                _ => {}
            }
        }
        if reasons.is_empty() { "made from another description".to_owned() } else { reasons.join(", ") }
    }
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
            SecretRecipe::Key { .. } | SecretRecipe::Ed25519 | SecretRecipe::EcdsaP256 | SecretRecipe::Rsa { .. } => {
                Consequence::DataLoss
            }
        },
        _ => Consequence::None,
    }
}
