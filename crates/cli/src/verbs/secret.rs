//! `landfall secret`: which generated secrets there are, and replacing one.

use crate::account::cloud::{Cloud, Opened};
use crate::arguments::{
    AccountArguments, AllowedArguments, DeploymentArguments, RotateArguments, SecretVerb, UpArguments,
};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{find_existing, open};
use crate::rotation::{self, Choice, Replaceable};
use crate::surroundings::Surroundings;
use crate::verbs::up;
use crate::views::table::columns;
use model::process_graph::{Node, NodeSpec, SecretRecipe, SecretSpec};
use model::{NodeId, ProcessGraph};
use serde_json::json;
use std::time::Instant;

pub(crate) fn run(verb: &SecretVerb, surroundings: &Surroundings, console: &Console) -> Result<(), CommandError> {
    match verb {
        SecretVerb::Ls(arguments) => list(arguments, console),
        SecretVerb::Rotate(arguments) => rotate(arguments, surroundings, console),
    }
}

fn rotate(arguments: &RotateArguments, surroundings: &Surroundings, console: &Console) -> Result<(), CommandError> {
    let begun = Instant::now();
    let project = match Cloud::open(&arguments.manifest, surroundings, console)? {
        Opened::Local(project) => project,
        Opened::Cloud(_) => {
            return Err(CommandError::usage(
                "secret rotate works on this machine; in an account Secrets Manager keeps the passwords of databases",
                "leave out `-e`, or change the secret in Secrets Manager and type `landfall up`",
            ));
        }
    };
    let (manifest, application) = project.application(console)?;
    let target = open(&application.name, &manifest)?;
    let rotations = target.rotations().map_err(CommandError::Preflight)?;
    let graph = compiler::realise_locally(&application, &rotations);
    let secrets = rotation::replaceable(&graph, &rotations);
    let wanted = arguments.secret.as_str();
    let Some(secret) = secrets.iter().find(|secret| secret.name == wanted || secret.key.as_str() == wanted) else {
        let names: Vec<&str> = secrets.iter().map(|secret| secret.name.as_str()).collect();
        let help = if names.is_empty() {
            "the manifest generates none".to_owned()
        } else {
            format!("the generated secrets are: {}", names.join(", "))
        };
        return Err(CommandError::usage(format!("no generated secret is called `{wanted}`"), help));
    };
    let arguments = UpArguments {
        manifest: arguments.manifest.clone(),
        wait: arguments.wait,
        no_verify: false,
        yes: false,
        check_secrets: false,
        connect_to: None,
        evidence: None,
        allowed: AllowedArguments::default(),
        account: AccountArguments::default(),
    };
    up::run_here(&arguments, Some(&Choice { secrets: vec![secret] }), manifest, application, console, begun)
}

fn list(arguments: &DeploymentArguments, console: &Console) -> Result<(), CommandError> {
    let existing = find_existing(arguments)?;
    let graph = &existing.finished()?.graph;
    let rotations = existing.target.rotations().map_err(CommandError::Preflight)?;
    let secrets = rotation::replaceable(graph, &rotations);
    let described = secrets.iter().map(|secret| {
        let rotation = rotations.of(&secret.key);
        let made = existing.target.secret_made(&secret.node);
        (secret, rotation, kind(graph, secret), made, users(graph, secret))
    });
    if console.json {
        let secrets: Vec<_> = described
            .map(|(secret, rotation, kind, made, users)| {
                json!({ "name": secret.name, "kind": kind, "generation": rotation.generation, "previous": rotation.previous,
                        "made_at": made, "used_by": users })
            })
            .collect();
        return console.document(&json!({ "version": 1, "deployment": existing.name, "secrets": secrets }));
    }
    let rows: Vec<Vec<String>> = described
        .map(|(secret, rotation, kind, made, users)| {
            let state = match rotation.previous {
                Some(previous) => format!("{} ({previous} is valid too)", rotation.generation),
                None => rotation.generation.to_string(),
            };
            vec![secret.name.clone(), kind.to_owned(), state, made.unwrap_or_default(), users.join(", ")]
        })
        .collect();
    if rows.is_empty() {
        return console.line(&format!("{} generates no secret.", existing.name));
    }
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
            SecretRecipe::Ed25519 | SecretRecipe::Rsa { .. } => "key pair",
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
