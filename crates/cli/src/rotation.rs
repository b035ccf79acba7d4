//! Replacing generated secrets. Of a login of a database two are valid at once: the new one is made, everybody who uses it
//! is replaced and proved, then the old one ends. Where it stands is written down before each step, on this machine in a small file,
//! in an account in its register; cut off anywhere, `up` goes on from there.

use crate::command_error::CommandError;
use crate::console::Console;
use model::process_graph::{NodeSpec, SecretSpec};
use model::{NodeId, ProcessGraph, Rotations};
use std::collections::BTreeSet;

/// Said when the old secrets stay valid for now. `up`: the command that goes on.
pub(crate) fn stays_begun(up: &str) -> String {
    format!("Old passwords stay valid beside the new ones until the probes prove the new ones: type `{up}` again then.")
}

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

/// The generated secrets of a graph, by the names that people say.
pub(crate) fn replaceable(graph: &ProcessGraph) -> Vec<Replaceable> {
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

/// The one that a person names.
pub(crate) fn named(mut secrets: Vec<Replaceable>, wanted: &str) -> Result<Replaceable, CommandError> {
    if let Some(found) = secrets.iter().position(|secret| secret.name == wanted || secret.key.as_str() == wanted) {
        return Ok(secrets.swap_remove(found));
    }
    let names: Vec<&str> = secrets.iter().map(|secret| secret.name.as_str()).collect();
    let help = if names.is_empty() {
        "the manifest generates none".to_owned()
    } else {
        format!("the generated secrets are: {}", names.join(", "))
    };
    Err(CommandError::usage(format!("no generated secret is called `{wanted}`"), help))
}

/// The passwords of a person.
pub(crate) fn of_person(mut secrets: Vec<Replaceable>, name: &str) -> Vec<Replaceable> {
    let parts = [format!("roles/{name}"), format!("users/{name}")];
    secrets.retain(|secret| {
        let part = secret.key.as_str().split_once('/').map(|(_, part)| part);
        part.is_some_and(|part| parts.iter().any(|own| own == part))
    });
    secrets
}

/// Begins, or goes on with what an earlier run began.
pub(crate) fn begin(secrets: &[Replaceable], rotations: &mut Rotations, console: &Console) {
    for Replaceable { name, key, overlaps, .. } in secrets {
        let is_new = rotations.begin(key, *overlaps);
        let generation = rotations.of(key).generation;
        console.tell(&match (is_new, overlaps) {
            (false, _) => format!("Going on with the rotation of {name} that was begun: generation {generation}."),
            (true, true) => format!(
                "Rotating {name} to generation {generation}: the old password stays valid until the new one is proved."
            ),
            (true, false) => format!("Rotating {name} to generation {generation}; whoever uses it gets it."),
        });
    }
}

/// Ends the old ones: everybody uses the new ones, which was proved.
pub(crate) fn end_previous(rotations: &mut Rotations, console: &Console) {
    for (key, generation) in rotations.end_previous() {
        console.tell(&format!("{key}: generation {generation} is proved; the one before it ends now."));
    }
}
