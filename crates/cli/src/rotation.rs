//! Replacing a generated secret. Of a login of a database two are valid at once: the new one is made, everybody who uses it
//! is restarted and proved, then the old one ends. Where it stands is a small file; cut off anywhere, `up` goes on from there.

use crate::command_error::CommandError;
use crate::console::Console;
use local_runtime::LocalTarget;
use model::process_graph::{NodeSpec, SecretSpec};
use model::{NodeId, ProcessGraph, Rotation, Rotations};
use std::collections::BTreeSet;

/// Said when the old secrets stay valid for now.
pub(crate) const STAYS_BEGUN: &str =
    "Old passwords stay valid beside the new ones until the probes prove the new ones: type `landfall up` again then.";

/// A secret that can be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaceable {
    /// As people say it: `db.app`.
    pub(crate) name: String,
    /// What its rotation goes by: the node of its first generation.
    pub(crate) key: NodeId,
    /// The node of the one that is used.
    pub(crate) node: NodeId,
    /// Whether two are valid at once.
    pub(crate) overlaps: bool,
}

/// Secrets that are to be replaced.
pub(crate) struct Choice<'a> {
    /// Which.
    pub(crate) secrets: Vec<&'a Replaceable>,
}

/// The generated secrets of a graph, by the names that people say.
pub(crate) fn replaceable(graph: &ProcessGraph, rotations: &Rotations) -> Vec<Replaceable> {
    let mut secrets = Vec::new();
    let logins = logins(graph);
    for (node, what) in &graph.nodes {
        if !matches!(what.spec, NodeSpec::Secret(SecretSpec::Generated { .. })) || logins.contains(node) {
            continue;
        }
        let part = node.as_str().split_once('/').map_or(node.as_str(), |(_, part)| part);
        let name = format!("{}.{part}", what.component);
        secrets.push(Replaceable { name, key: node.clone(), node: node.clone(), overlaps: false });
    }
    for what in graph.nodes.values() {
        let NodeSpec::DatabaseContent(content) = &what.spec else { continue };
        for (role, declaration) in &content.content.roles {
            let key = NodeId::new(format!("{}/roles/{role}", what.component));
            // The one that is used comes first.
            let Some(node) = declaration.logins.values().next() else { continue };
            let name = format!("{}.{role}", what.component);
            secrets.push(Replaceable { name, key, node: node.clone(), overlaps: true });
        }
    }
    shorten(&mut secrets);
    secrets.sort_by(|a, b| a.name.cmp(&b.name));
    let _ = rotations;
    secrets
}

/// The nodes of passwords of databases' logins.
fn logins(graph: &ProcessGraph) -> BTreeSet<&NodeId> {
    let contents = graph.nodes.values().filter_map(|node| match &node.spec {
        NodeSpec::DatabaseContent(content) => Some(content),
        _ => None,
    });
    contents.flat_map(|content| content.content.roles.values()).flat_map(|role| role.logins.values()).collect()
}

/// `tabpy.users/analyst/password` is `tabpy.analyst` where nothing else is called so.
fn shorten(secrets: &mut [Replaceable]) {
    let short: Vec<String> = secrets
        .iter()
        .map(|secret| {
            let Some((component, part)) = secret.name.split_once('.') else { return secret.name.clone() };
            let words: Vec<&str> = part
                .split('/')
                .filter(|word| !["users", "roles", "password", "value", "secret"].contains(word))
                .collect();
            if words.is_empty() { component.to_owned() } else { format!("{component}.{}", words.join(".")) }
        })
        .collect();
    for (index, name) in short.iter().enumerate() {
        if short.iter().filter(|other| *other == name).count() == 1
            && let Some(secret) = secrets.get_mut(index)
        {
            secret.name.clone_from(name);
        }
    }
}

/// Begins, or goes on with what an earlier run began.
pub(crate) fn begin(
    choice: &Choice<'_>,
    rotations: &mut Rotations,
    target: &LocalTarget,
    console: &Console,
) -> Result<(), CommandError> {
    for Replaceable { name, key, overlaps, .. } in &choice.secrets {
        let now = rotations.of(key);
        if now.previous.is_some() {
            console
                .tell(&format!("Going on with the rotation of {name} that was begun: generation {}.", now.generation));
            continue;
        }
        let next = now.generation + 1;
        rotations.set(key.clone(), Rotation { generation: next, previous: overlaps.then_some(now.generation) });
        console.tell(&match overlaps {
            true => {
                format!(
                    "Rotating {name} to generation {next}: the old password stays valid until the new one is proved."
                )
            }
            false => format!("Rotating {name} to generation {next}; whoever uses it is restarted with it."),
        });
    }
    target.write_rotations(rotations).map_err(CommandError::Fault)
}

/// Whether old secrets are still valid beside new ones.
pub(crate) fn is_under_way(rotations: &Rotations) -> bool {
    rotations.iter().any(|(_, rotation)| rotation.previous.is_some())
}

/// Ends the old ones.
pub(crate) fn finish(rotations: &mut Rotations, target: &LocalTarget, console: &Console) -> Result<(), CommandError> {
    let ended: Vec<(NodeId, u32)> = rotations
        .iter()
        .filter(|(_, rotation)| rotation.previous.is_some())
        .map(|(key, rotation)| (key.clone(), rotation.generation))
        .collect();
    for (key, generation) in ended {
        console.tell(&format!("{key}: generation {generation} is proved; the one before it ends now."));
        rotations.set(key, Rotation { generation, previous: None });
    }
    target.write_rotations(rotations).map_err(CommandError::Fault)
}
