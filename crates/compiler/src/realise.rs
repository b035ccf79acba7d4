//! From an application to the graph of processes on this machine.

use crate::application::Application;
use components::context::{LocalContext, LocalGraph};
use model::ProcessGraph;

/// The processes, files, ports and probes of an application on this machine.
#[must_use]
pub fn realise_locally(application: &Application) -> ProcessGraph {
    let mut local = LocalGraph::new(application.name.clone());
    for component in &application.components {
        let environment = &application.environment.name;
        let mut cx = LocalContext { name: &component.name, at: &component.at, environment, local: &mut local };
        component.valid.realise_locally(&mut cx);
    }
    for probe in &application.probes {
        if let Some(probe) = probe.valid.lower(&local) {
            local.probe(probe);
        }
    }
    local.finish()
}
