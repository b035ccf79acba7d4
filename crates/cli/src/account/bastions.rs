//! What people need to come in by a bastion of an account: where its balancer is, its host key, a command.

use crate::account::cloud::Cloud;
use crate::account::way::Whereabouts;
use components::aws_context::pascal;
use model::private_access::SshServerSpec;
use model::process_graph::{NodeSpec, Output};
use model::text::{Part, SecretPart};
use model::{Atom, ComponentName, Text};
use stacks::World;

const SSH: &str = "22";

/// The outputs of bastions, under the names that they have on this machine.
pub(crate) fn outputs(cloud: &Cloud, world: &World) -> Vec<Output> {
    let is_tunnel = |component: &ComponentName| {
        let mut nodes = cloud.graph.nodes.values();
        nodes.any(|node| node.component == *component && matches!(node.spec, NodeSpec::Tunnel(_)))
    };
    let servers = cloud.graph.nodes.values().filter_map(|node| match &node.spec {
        NodeSpec::SshServer(server) if !is_tunnel(&node.component) => Some((&node.component, server)),
        _ => None,
    });
    servers.flat_map(|(component, server)| of_bastion(component, server, cloud, world)).collect()
}

fn of_bastion(component: &ComponentName, server: &SshServerSpec, cloud: &Cloud, world: &World) -> Vec<Output> {
    let told = |what: &str| {
        let name = format!("{}{what}", pascal(component.as_str()));
        world.stacks.values().find_map(|seen| seen.stack.outputs.get(&name).cloned())
    };
    let (Some(host), Some(port)) = (told("Address"), told("Port")) else { return Vec::new() };
    let output = |part: &str, about: &str, value: Text| Output {
        name: format!("{component}.{part}"),
        about: about.to_owned(),
        value,
        component: component.clone(),
    };
    let place = if port == SSH { host.clone() } else { format!("[{host}]:{port}") };
    let key = Part::Hole(Atom::Secret(server.host_key.clone(), SecretPart::Public));
    let known_hosts = [Part::Literal(format!("{place} ")), key].into_iter().collect();
    let mut all = vec![
        output("address", "where it listens, for SSH clients", Text::literal(format!("{host}:{port}"))),
        output("known-hosts", "the line of `known_hosts` by which clients know it", known_hosts),
    ];
    // People log in as themselves; a command that can be pasted names one of them.
    let people = &cloud.application.people;
    let person = server.accounts.keys().find(|name| people.contains_key(name.as_str())).map_or("NAME", String::as_str);
    for database in &cloud.deployment.databases {
        let name = &database.component;
        let leads = server.accounts.values().any(|account| account.forwards.iter().any(|to| to.name == name.as_str()));
        let Some(to) = Whereabouts::of(database, world, cloud).ok().filter(|_| leads) else { continue };
        let end = 10_000 + u32::from(to.port);
        let command = format!("ssh -N -p {port} -L 127.0.0.1:{end}:{}:{} {person}@{host}", to.address, to.port);
        let about = format!("holds 127.0.0.1:{end} open as a way to {name}; everybody writes their own name");
        all.push(output(&format!("command.{name}"), &about, Text::literal(command)));
    }
    all
}
