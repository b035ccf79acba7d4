//! What is so on this machine.

use crate::access::{self, Access, What};
use crate::command_error::CommandError;
use crate::deployment::Existing;
use crate::verbs::who_can::wanted::Wanted;
use crate::verbs::who_can::world::World;
use compiler::Application;
use model::process_graph::NodeSpec;
use std::collections::BTreeSet;

/// Looks at what runs: what was brought up, less what a server does not have.
pub(super) async fn look(
    existing: &Existing,
    application: &Application,
    wanted: &Wanted,
) -> Result<World, CommandError> {
    let graph = &existing.finished()?.graph;
    let mut access = access::of(graph, &application.people);
    access.retain(|access| wanted.fits(access));
    let mut strange = Vec::new();
    let status = existing.target.status().await.map_err(CommandError::Fault)?;
    for (id, node) in &graph.nodes {
        let component = node.component.as_str();
        let real: BTreeSet<String> = match &node.spec {
            _ if !wanted.names(component) => continue,
            NodeSpec::DatabaseContent(content) => match existing.target.let_in(content).await {
                Ok(let_in) => {
                    strange.extend(let_in.differences.iter().map(|words| format!("{component}: {words}")));
                    let_in.roles
                }
                Err(fault) => {
                    strange.push(format!("{component} lets nobody in now: {}", fault.cause));
                    BTreeSet::new()
                }
            },
            NodeSpec::SshServer(_) => match status.ssh_servers.get(id) {
                Some(state) => state.accounts.iter().cloned().collect(),
                None => {
                    strange.push(format!("{component} lets nobody in now: it does not run"));
                    BTreeSet::new()
                }
            },
            _ => continue,
        };
        let is_same_kind = |access: &Access| {
            matches!(
                (&node.spec, &access.what),
                (NodeSpec::DatabaseContent(_), What::Database { .. }) | (NodeSpec::SshServer(_), What::Forwards(_))
            )
        };
        access.retain(|access| {
            access.component.as_str() != component || !is_same_kind(access) || real.contains(&access.who)
        });
    }
    Ok(World { access, strange })
}
