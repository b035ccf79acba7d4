//! Numbers for ports: kept as long as possible, handed over inside the deployment, otherwise chosen
//! by the target.

use crate::plan::wishes;
use crate::ports::{Observed, Target};
use indexmap::IndexMap;
use model::process_graph::{PortRequest, PortWish};
use model::run_state::RunState;
use model::{Fault, FaultKind, PortId, ProcessGraph};

/// The number of every port that is wanted.
///
/// A number stays until its wish changes or a stranger has taken it. A number that this deployment
/// gives up can be wished for by another of its ports (a component was renamed, say).
///
/// # Errors
/// When an exact number cannot be had.
pub fn allocate(
    desired: Option<&ProcessGraph>,
    state: &RunState,
    observed: &Observed,
    target: &impl Target,
) -> Result<IndexMap<PortId, u16>, Fault> {
    let Some(graph) = desired else { return Ok(IndexMap::new()) };
    let wishes = wishes(desired);
    let stays = |port: &PortId, number: u16| {
        let wish = wishes.get(port);
        let fits = match wish {
            Some(PortWish::Exactly(exact)) => *exact == number,
            Some(PortWish::Preferably(preferred)) => *preferred == number || wish == state.wishes.get(port),
            Some(PortWish::Any) => true,
            None => false,
        };
        fits && !observed.lost_ports.contains_key(port)
    };
    let mut given = state.ports.clone();
    given.retain(|port, number| stays(port, *number));
    // What an unfinished run left may still listen on a number that is given away no longer.
    let listening = state.made.values().flat_map(|made| &made.numbers);
    let mut released: IndexMap<u16, PortId> = listening
        .chain(&state.ports)
        .filter(|(port, number)| given.get(*port) != Some(number) && !observed.lost_ports.contains_key(*port))
        .map(|(port, number)| (*number, port.clone()))
        .collect();
    released.retain(|number, _| !given.values().any(|kept| kept == number));
    let mut taken_over: IndexMap<PortId, PortId> = IndexMap::new();
    for (port, wish) in &wishes {
        let (PortWish::Exactly(number) | PortWish::Preferably(number)) = wish else { continue };
        if !given.contains_key(port)
            && let Some(from) = released.shift_remove(number)
        {
            given.insert(port.clone(), *number);
            if from != *port {
                taken_over.insert(port.clone(), from);
            }
        }
    }
    refuse_exchange(&taken_over)?;
    let missing: IndexMap<PortId, PortRequest> = graph
        .ports
        .iter()
        .filter(|(port, _)| !given.contains_key(*port))
        .map(|(port, request)| (port.clone(), request.clone()))
        .collect();
    if !missing.is_empty() {
        let chosen = target.choose_ports(&missing, &given)?;
        given.extend(chosen.into_iter().filter(|(port, _)| missing.contains_key(port)));
    }
    let in_order = |port: &PortId| given.get(port).map(|number| (port.clone(), *number));
    Ok(graph.ports.keys().filter_map(in_order).collect())
}

/// Two ports that take each other's number would each have to wait for the other.
fn refuse_exchange(taken_over: &IndexMap<PortId, PortId>) -> Result<(), Fault> {
    for start in taken_over.keys() {
        let mut at = start;
        for _ in 0..taken_over.len() {
            let Some(next) = taken_over.get(at) else { break };
            if next == start {
                let cause = format!("{start} and {at} exchange their numbers, so each waits for the other");
                return Err(Fault::new(FaultKind::NeedsPerson, "giving numbers to ports", cause)
                    .help("move one of them to a free number first, run `landfall up`, then move it on"));
            }
            at = next;
        }
    }
    Ok(())
}
