//! From an application to the graph of processes on this machine.

use crate::application::Application;
use components::context::{LocalContext, LocalGraph, Whole};
use model::{ProcessGraph, Rotations};

/// The processes, files, ports and probes of an application on this machine. `rotations`: how far its secrets are in
/// being replaced by new ones; the deployment keeps it.
#[must_use]
pub fn realise_locally(application: &Application, rotations: &Rotations) -> ProcessGraph {
    let whole = whole(application, rotations.clone());
    let mut local = LocalGraph::new(application.name.clone());
    for component in &application.components {
        let environment = &application.environment.name;
        let mut cx =
            LocalContext { name: &component.name, at: &component.at, environment, local: &mut local, whole: &whole };
        component.valid.realise_locally(&mut cx);
    }
    for probe in &application.probes {
        if let Some(probe) = probe.valid.lower(&local) {
            local.probe(probe);
        }
    }
    local.finish()
}

/// What each component may know of the whole application.
pub(crate) fn whole(application: &Application, rotations: Rotations) -> Whole {
    let uses = application.components.iter().flat_map(|component| component.valid.facts().uses).collect();
    Whole { people: application.people.clone(), uses, rotations }
}
