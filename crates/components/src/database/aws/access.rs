//! The host through which one gets at a database where no bastion leads to it: it has no way in at all, only sessions of Systems
//! Manager, which it opens itself.

use super::super::valid::ValidDatabase;
use crate::aws_context::{AwsContext, Caller, NetworkInAws};
use crate::aws_host::{self, Hosts, Machine, access};
use model::cfn::Layer;
use model::process_graph::NodeSpec;

const LAYER: Layer = Layer::Access;

/// Adds the host, unless a bastion leads to the database.
pub(super) fn add(valid: &ValidDatabase, network: &NetworkInAws, cx: &mut AwsContext<'_>) {
    let Some(database) = cx.database(cx.name) else { return };
    let leads_here = |node: &model::process_graph::Node| match &node.spec {
        NodeSpec::SshServer(server) => {
            let mut forwards = server.accounts.values().flat_map(|account| &account.forwards);
            forwards.any(|forward| forward.port == database.port_id)
        }
        _ => false,
    };
    if cx.processes.nodes.values().any(leads_here) {
        return;
    }
    let at = valid.at.clone();
    let group = cx.group(LAYER, "access-group", &at, &format!("The host that reaches {}", cx.name), &network.vpc);
    let logs = cx.log_group(LAYER, "access-logs", &at);
    let about = format!("The way to {} of {} ({})", cx.name, cx.processes.deployment, cx.environment);
    let files = access::files(&about, &cx.next_id("access-Hosts", &at), &logs);
    let hosts = aws_host::add(
        &Hosts {
            layer: LAYER,
            part: "access",
            about: &about,
            too_long: (at.clone(), "write a shorter name"),
            machine: Machine::SMALLEST,
            network,
            group: &group,
            logs: &logs,
            sealed: &[],
            releases: None,
            rights: Vec::new(),
            files: &files,
            people: &[],
            count: 1,
            overlaps: true,
            start_seconds: 60,
            targets: None,
        },
        cx,
    );
    let id = hosts.logical_id().unwrap_or_default().to_owned();
    let caller = Caller { layer: LAYER, part: "access", group: &group, hosts: &id, because: &at };
    cx.let_reach(&caller, &database);
    cx.leads_to(&[database.component], &hosts);
}
