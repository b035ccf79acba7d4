//! Which step waits for which.

use super::Change;
use indexmap::{IndexMap, IndexSet};
use model::process_graph::{Node, NodeSpec};
use model::run_state::Made;
use model::{Action, NodeId, PortId};
use std::collections::BTreeSet;

/// For each changed node, in order of preference: the changed nodes whose steps come before.
pub(super) type Needs = IndexMap<NodeId, IndexSet<NodeId>>;

/// What was made in an order in which each comes after all that it needs; otherwise as it was made.
pub(super) fn creation(made: &IndexMap<NodeId, Made>) -> Vec<&NodeId> {
    let mut needs = Needs::new();
    for id in made.keys() {
        needs.insert(id.clone(), IndexSet::new());
    }
    for (id, made) in made {
        for need in &made.node.needs {
            add(&mut needs, id, need);
        }
    }
    sorted(&needs).into_iter().filter_map(|id| made.get_key_value(id).map(|(id, _)| id)).collect()
}

/// The order of the changed nodes:
///
/// - what is made comes after what it needs; what is removed comes after those that need it;
/// - who may log in at an SSH server that is there is settled first: it waits for nothing that it only leads to, so that whoever lost
///   a right loses it although something else fails;
/// - who takes over a port number comes after the one who gives it away;
/// - where that leaves a choice, a node is removed after its former users were changed, so that
///   they are never without both.
pub(super) fn needs(
    changes: &IndexMap<NodeId, Change>,
    wanted: &IndexMap<NodeId, Node>,
    made: &IndexMap<NodeId, Made>,
    ports: &IndexMap<PortId, u16>,
) -> Needs {
    let is_door = |id: &NodeId| {
        let is_update = changes.get(id).is_some_and(|change| change.action == Action::Update);
        is_update && matches!(wanted.get(id), Some(Node { spec: NodeSpec::SshServer(_), .. }))
    };
    let (doors, others): (Vec<&NodeId>, Vec<&NodeId>) = changes.keys().partition(|id| is_door(id));
    let mut needs: Needs = doors.into_iter().chain(others).map(|id| (id.clone(), IndexSet::new())).collect();
    // What it led to before, and leads to still.
    let only_leads_to = |id: &NodeId, need: &NodeId| {
        let led_there = made.get(id).is_some_and(|made| made.node.needs.contains(need));
        led_there
            && matches!((wanted.get(id), wanted.get(need)), (Some(node), Some(needed)) if !node.is_made_of(needed))
    };
    let is_removed = |id: &NodeId| changes.get(id).is_some_and(|change| change.action == Action::Delete);
    let changed = || changes.keys().filter(|id| !is_removed(id));
    let removed = || changes.keys().filter(|id| is_removed(id));

    for id in changed() {
        // Also what is needed by way of nodes that stay as they are.
        let own = wanted.get(id).into_iter().flat_map(|node| &node.needs);
        let mut reached: IndexSet<&NodeId> = own.filter(|need| !is_door(id) || !only_leads_to(id, need)).collect();
        let mut next = 0;
        while let Some(need) = reached.get_index(next).copied() {
            if changes.contains_key(need) {
                add(&mut needs, id, need);
            } else {
                reached.extend(wanted.get(need).into_iter().flat_map(|node| &node.needs));
            }
            next += 1;
        }
    }
    let former_needs = |id: &NodeId| made.get(id).into_iter().flat_map(|made| &made.node.needs);
    for id in removed() {
        for need in former_needs(id).filter(|need| is_removed(need)) {
            add(&mut needs, need, id);
        }
    }
    for (giver, taker) in hand_overs(changes, wanted, made, ports) {
        add(&mut needs, taker, giver);
    }
    for id in changed() {
        for need in former_needs(id).filter(|need| is_removed(need)) {
            add(&mut needs, need, id);
        }
    }
    needs
}

/// The nodes in an order that keeps their needs and, apart from that, their own order.
pub(super) fn sorted(needs: &Needs) -> Vec<&NodeId> {
    let mut sorted: IndexSet<&NodeId> = IndexSet::new();
    while sorted.len() < needs.len() {
        let is_next = |(id, needs): &(&NodeId, &IndexSet<NodeId>)| {
            !sorted.contains(*id) && needs.iter().all(|need| sorted.contains(need))
        };
        let Some((id, _)) = needs.iter().find(is_next) else { break };
        sorted.insert(id);
    }
    sorted.into_iter().collect()
}

/// Makes `id` wait for `need` when both are there and `need` does not already wait for `id`.
fn add(needs: &mut Needs, id: &NodeId, need: &NodeId) {
    if id == need || !needs.contains_key(need) || waits_for(needs, need, id) {
        return;
    }
    if let Some(of_id) = needs.get_mut(id) {
        of_id.insert(need.clone());
    }
}

fn waits_for(needs: &Needs, id: &NodeId, other: &NodeId) -> bool {
    let mut seen = IndexSet::from([id]);
    let mut next = 0;
    while let Some(id) = seen.get_index(next).copied() {
        if id == other {
            return true;
        }
        seen.extend(needs.get(id).into_iter().flatten());
        next += 1;
    }
    false
}

/// Pairs of changed nodes: the one that listened on a number and the other one that will.
fn hand_overs<'a>(
    changes: &'a IndexMap<NodeId, Change>,
    wanted: &IndexMap<NodeId, Node>,
    made: &IndexMap<NodeId, Made>,
    ports: &IndexMap<PortId, u16>,
) -> Vec<(&'a NodeId, &'a NodeId)> {
    let numbers = |node: &Node, ports: &IndexMap<PortId, u16>| -> BTreeSet<u16> {
        node.spec.listens().into_iter().filter_map(|port| ports.get(port).copied()).collect()
    };
    let before = |id| made.get(id).map(|made| numbers(&made.node, &made.numbers)).unwrap_or_default();
    let after = |id| wanted.get(id).map(|node| numbers(node, ports)).unwrap_or_default();
    let mut pairs = Vec::new();
    for giver in changes.keys() {
        let given: BTreeSet<u16> = before(giver).difference(&after(giver)).copied().collect();
        let takers = changes.keys().filter(|taker| *taker != giver && !given.is_disjoint(&after(taker)));
        pairs.extend(takers.map(|taker| (giver, taker)));
    }
    pairs
}
