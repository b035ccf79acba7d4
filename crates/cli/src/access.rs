//! Who may use what: read from the graph of a deployment and the people of its manifest.

use compiler::People;
use model::database::GrantLevel;
use model::private_access::{SshServerSpec, TunnelSpec, TunnelWay};
use model::process_graph::{DatabaseContentSpec, NodeSpec};
use model::{ComponentName, ProcessGraph};
use std::collections::BTreeSet;

/// Somebody may use something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    /// Who: a person, a component, a name among an application's users.
    pub(crate) who: String,
    /// Whether it is a person of the manifest.
    pub(crate) is_person: bool,
    /// What: a component.
    pub(crate) component: ComponentName,
    /// What of it, and how much.
    pub(crate) what: What,
    /// The way there, for people.
    pub(crate) way: String,
}

/// What somebody may use, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// A database.
    Database {
        /// Its name.
        name: String,
        /// What may be done in it.
        level: GrantLevel,
    },
    /// An application's login.
    Login {
        /// The roles that the application sees.
        roles: Vec<String>,
    },
    /// Connections through a bastion, to these.
    Forwards(Vec<String>),
    /// The far end of a tunnel.
    FarEnd,
}

impl What {
    /// In a few words.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Database { name, level } => format!("{level} in {name}"),
            Self::Login { roles } if roles.is_empty() => "login".to_owned(),
            Self::Login { roles } => format!("login as {}", roles.join(", ")),
            Self::Forwards(to) => format!("forwards to {}", to.join(", ")),
            Self::FarEnd => "far end".to_owned(),
        }
    }

    /// What may be done in a database.
    pub(crate) fn level(&self) -> Option<GrantLevel> {
        match self {
            Self::Database { level, .. } => Some(*level),
            _ => None,
        }
    }
}

/// All that anybody may use, by component.
pub(crate) fn of(graph: &ProcessGraph, people: &People) -> Vec<Access> {
    let mut found = Vec::new();
    let tunnels: BTreeSet<&ComponentName> = graph
        .nodes
        .values()
        .filter(|node| matches!(node.spec, NodeSpec::Tunnel(_)))
        .map(|node| &node.component)
        .collect();
    for (id, node) in &graph.nodes {
        let component = &node.component;
        match &node.spec {
            NodeSpec::DatabaseContent(content) => found.extend(of_database(component, content, graph, people)),
            // A server beside a tunnel stands for the vendor's, where nobody of ours logs in.
            NodeSpec::SshServer(server) if !tunnels.contains(component) => {
                found.extend(of_bastion(component, server, people));
            }
            NodeSpec::Tunnel(tunnel) => found.extend(of_tunnel(component, tunnel)),
            NodeSpec::Secret(_) => {
                let user = id.as_str().strip_prefix(component.as_str()).and_then(|rest| rest.strip_prefix("/users/"));
                found.extend(user.map(|user| of_login(component, user, graph, people)));
            }
            _ => {}
        }
    }
    found
}

fn of_database(
    component: &ComponentName,
    content: &DatabaseContentSpec,
    graph: &ProcessGraph,
    people: &People,
) -> Vec<Access> {
    let mut found = Vec::new();
    for (role, declaration) in &content.content.roles {
        let is_person = people.contains_key(role);
        let way = if is_person {
            let through = bastions_to(content, role, graph).into_iter().map(|bastion| format!(", through {bastion}"));
            format!("landfall connect {component} --as {role}{}", through.collect::<String>())
        } else {
            way_of_component(role, graph)
        };
        found.extend(declaration.grants.iter().map(|(name, level)| Access {
            who: role.clone(),
            is_person,
            component: component.clone(),
            what: What::Database { name: name.clone(), level: *level },
            way: way.clone(),
        }));
    }
    found
}

/// The bastions through which somebody gets to a database.
fn bastions_to<'g>(content: &DatabaseContentSpec, who: &str, graph: &'g ProcessGraph) -> Vec<&'g ComponentName> {
    let servers = graph.nodes.values().filter_map(|node| match &node.spec {
        NodeSpec::SshServer(server) => Some((&node.component, server)),
        _ => None,
    });
    let leads = |server: &SshServerSpec| {
        server.accounts.get(who).is_some_and(|account| account.forwards.iter().any(|to| to.port == content.port))
    };
    servers.filter(|(_, server)| leads(server)).map(|(component, _)| component).collect()
}

fn way_of_component(role: &str, graph: &ProcessGraph) -> String {
    let own = graph.nodes.values().filter(|node| node.component.as_str() == role);
    let mut kinds = own.map(|node| &node.spec);
    if kinds.any(|spec| matches!(spec, NodeSpec::Tunnel(_))) {
        return format!("whoever is at the far end of the tunnel {role}");
    }
    format!("the program {role}, on its host alone")
}

fn of_bastion<'s>(
    component: &'s ComponentName,
    server: &'s SshServerSpec,
    people: &'s People,
) -> impl Iterator<Item = Access> + 's {
    server.accounts.iter().map(move |(name, account)| {
        let is_person = people.contains_key(name);
        let mut to: Vec<String> = account.forwards.iter().map(|to| to.name.clone()).collect();
        to.sort();
        to.dedup();
        Access {
            who: name.clone(),
            is_person,
            component: component.clone(),
            what: What::Forwards(to.clone()),
            way: match to.first() {
                _ if !is_person => "the probes of this deployment".to_owned(),
                Some(first) => format!("landfall tunnel open {first} --as {name}, or ssh -L with the own key"),
                None => "ssh with the own key".to_owned(),
            },
        }
    })
}

fn of_tunnel(component: &ComponentName, tunnel: &TunnelSpec) -> Option<Access> {
    let TunnelWay::Reverse { .. } = tunnel.way else { return None };
    let host = tunnel.server.host.as_literal();
    Some(Access {
        who: host.clone().unwrap_or_else(|| "the stand-in for the vendor".to_owned()),
        is_person: false,
        component: component.clone(),
        what: What::FarEnd,
        way: format!("the SSH server at {}", host.unwrap_or_else(|| "this machine".to_owned())),
    })
}

fn of_login(component: &ComponentName, user: &str, graph: &ProcessGraph, people: &People) -> Access {
    let person = people.get(user);
    let url = graph.outputs.iter().find(|output| output.name.ends_with(".url") || output.name == "url");
    let way = match url {
        Some(_) => "its address: `landfall outputs`".to_owned(),
        None => "its port, on this machine alone".to_owned(),
    };
    Access {
        who: user.to_owned(),
        is_person: person.is_some(),
        component: component.clone(),
        what: What::Login { roles: person.map(|person| person.roles.clone()).unwrap_or_default() },
        way,
    }
}
