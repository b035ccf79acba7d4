//! `landfall secret`: which generated secrets there are, and replacing one.

use crate::account;
use crate::account::cloud::{Cloud, Opened};
use crate::arguments::{DeploymentArguments, RotateArguments, SecretVerb, UpArguments};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{find_existing, open};
use crate::rotation::{self, Replaceable};
use crate::surroundings::Surroundings;
use crate::verbs::up;
use crate::views::table::columns;
use model::process_graph::{Node, NodeSpec, SecretRecipe, SecretSpec};
use model::{NodeId, ProcessGraph, Rotations};
use serde_json::json;
use std::time::Instant;

pub(crate) fn run(verb: &SecretVerb, surroundings: &Surroundings, console: &Console) -> Result<(), CommandError> {
    match verb {
        SecretVerb::Ls(arguments) => match Cloud::find(arguments, surroundings, console)? {
            Some(cloud) => list_of_account(&cloud, console),
            None => list_here(arguments, console),
        },
        SecretVerb::Rotate(arguments) => rotate(arguments, surroundings, console),
    }
}

fn rotate(arguments: &RotateArguments, surroundings: &Surroundings, console: &Console) -> Result<(), CommandError> {
    let begun = Instant::now();
    let RotateArguments { secret, manifest: said, wait, connect_to, account } = arguments;
    let after = UpArguments { wait: *wait, connect_to: connect_to.clone(), ..UpArguments::of(said, account) };
    match Cloud::open(said, surroundings, console)? {
        Opened::Local(project) => {
            let (manifest, application) = project.application(console)?;
            let rotations = open(&application.name, &manifest)?.rotations().map_err(CommandError::Preflight)?;
            let graph = compiler::realise_locally(&application, &rotations);
            let secret = rotation::named(rotation::replaceable(&graph), secret)?;
            up::run_here(&after, &[secret], manifest, application, console, begun)
        }
        Opened::Cloud(cloud) => {
            let cloud = cloud.with_current_secrets(account, surroundings, console)?;
            let secret = rotation::named(cloud.replaceable(), secret)?;
            account::up::run(cloud, &[secret], &after, surroundings, console)
        }
    }
}

fn list_here(arguments: &DeploymentArguments, console: &Console) -> Result<(), CommandError> {
    let existing = find_existing(arguments)?;
    let graph = &existing.finished()?.graph;
    let rotations = existing.target.rotations().map_err(CommandError::Preflight)?;
    let secrets = rotation::replaceable(graph);
    let listed = secrets.iter().map(|secret| Listed {
        made_at: existing.target.secret_made(&secret.node),
        ..Listed::new(secret, graph, &rotations)
    });
    list(existing.name.as_str(), compiler::LOCAL, listed.collect(), console)
}

fn list_of_account(cloud: &Cloud, console: &Console) -> Result<(), CommandError> {
    let secrets = cloud.replaceable();
    let listed = secrets.iter().map(|secret| Listed::new(secret, &cloud.graph, &cloud.deployment.rotations));
    list(cloud.application.name.as_str(), &cloud.application.environment.name, listed.collect(), console)
}

/// What is told of a secret.
struct Listed<'a> {
    name: &'a str,
    kind: &'static str,
    generation: u32,
    /// The one before, while it is valid too.
    previous: Option<u32>,
    /// When the one that is used was made, where that is known.
    made_at: Option<String>,
    used_by: Vec<String>,
}

impl<'a> Listed<'a> {
    fn new(secret: &'a Replaceable, graph: &ProcessGraph, rotations: &Rotations) -> Self {
        let rotation = rotations.of(&secret.key);
        Self {
            name: &secret.name,
            kind: kind(graph, secret),
            generation: rotation.generation,
            previous: rotation.valid_too(),
            made_at: None,
            used_by: users(graph, secret),
        }
    }
}

fn list(deployment: &str, environment: &str, listed: Vec<Listed<'_>>, console: &Console) -> Result<(), CommandError> {
    if console.json {
        let secrets: Vec<_> = listed
            .iter()
            .map(|one| {
                json!({ "name": one.name, "kind": one.kind, "generation": one.generation, "previous": one.previous,
                        "made_at": one.made_at, "used_by": one.used_by })
            })
            .collect();
        return console.document(
            &json!({ "version": 1, "deployment": deployment, "environment": environment, "secrets": secrets }),
        );
    }
    if listed.is_empty() {
        return console.line(&format!("{deployment} generates no secret."));
    }
    let rows = listed.into_iter().map(|one| {
        let state = match one.previous {
            Some(previous) => format!("{} ({previous} is valid too)", one.generation),
            None => one.generation.to_string(),
        };
        let made_at = one.made_at.unwrap_or_else(|| "-".to_owned());
        vec![one.name.to_owned(), one.kind.to_owned(), state, made_at, one.used_by.join(", ")]
    });
    console.text(&columns(&["secret", "kind", "generation", "made at", "used by"], rows))
}

fn spec<'a>(graph: &'a ProcessGraph, secret: &Replaceable) -> Option<&'a NodeSpec> {
    graph.nodes.get(&secret.node).map(|node| &node.spec)
}

fn kind(graph: &ProcessGraph, secret: &Replaceable) -> &'static str {
    match spec(graph, secret) {
        Some(NodeSpec::Secret(SecretSpec::Generated { recipe, .. })) => match recipe {
            SecretRecipe::Password { .. } => "password",
            SecretRecipe::Key { .. } => "key",
            SecretRecipe::Ed25519 | SecretRecipe::EcdsaP256 | SecretRecipe::Rsa { .. } => "key pair",
        },
        _ => "secret",
    }
}

/// The components whose running parts are made of it.
fn users(graph: &ProcessGraph, secret: &Replaceable) -> Vec<String> {
    let mut made_of = std::collections::BTreeSet::from([&secret.node]);
    let mut users = Vec::new();
    for (id, node) in &graph.nodes {
        let Node { component, needs, spec, .. } = node;
        let is_material = |need: &NodeId| graph.nodes.get(need).is_some_and(|needed| node.is_made_of(needed));
        if !needs.iter().any(|need| made_of.contains(need) && is_material(need)) {
            continue;
        }
        if spec.is_only_waited_for() {
            let name = component.to_string();
            if !users.contains(&name) {
                users.push(name);
            }
        } else {
            made_of.insert(id);
        }
    }
    users
}
