//! `landfall status` in an account: stacks, hosts, and from which manifest they were made.

use crate::account::cloud::Cloud;
use crate::account::session::{Connected, Visit};
use crate::arguments::DeploymentArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::surroundings::Surroundings;
use crate::views::style::{BAD, BOLD, CAUTION, DIM, GOOD, paint};
use crate::views::table::columns;
use model::cfn::Layer;
use serde_json::{Value, json};
use stacks::account::{Host, Stack, StackStatus};
use stacks::{Account as _, MANIFEST_TAG, Session, World};

/// A group of hosts.
struct Group {
    component: String,
    hosts: Vec<Host>,
}

pub(crate) fn run(
    cloud: &Cloud,
    arguments: &DeploymentArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let visit = Visit::looking(cloud, &arguments.account, surroundings, console);
    let (world, groups) = visit.deployed(async |session, world| {
        let groups = groups(session, cloud, &world).await?;
        Ok((world, groups))
    })?;
    if console.json {
        return console.document(&document(cloud, &world, &groups));
    }
    show(cloud, &world, &groups, console)
}

async fn groups(
    session: &Session<'_, Connected<'_>>,
    cloud: &Cloud,
    world: &World,
) -> Result<Vec<Group>, CommandError> {
    let mut groups = Vec::new();
    let Some(stack) = world.stack(Layer::Service) else { return Ok(groups) };
    let doing = || format!("looking at the hosts of {}", cloud.deployment.name);
    let resources = session.account.resources(&stack.id).await;
    let resources = resources.map_err(|error| CommandError::Preflight(error.fault(doing())))?;
    for resource in resources.iter().filter(|resource| resource.resource_type == "AWS::AutoScaling::AutoScalingGroup") {
        let Some(group) = &resource.physical_id else { continue };
        let hosts = session.account.hosts(group).await;
        let component = cloud.deployment.component(&resource.logical_id);
        groups.push(Group {
            component: component.map_or_else(|| resource.logical_id.clone(), ToString::to_string),
            hosts: hosts.map_err(|error| CommandError::Preflight(error.fault(doing())))?,
        });
    }
    Ok(groups)
}

fn is_in_service(host: &Host) -> bool {
    host.is_healthy && host.lifecycle == "InService"
}

fn is_good(stack: &Stack) -> bool {
    matches!(stack.status, StackStatus::CreateComplete | StackStatus::UpdateComplete | StackStatus::ImportComplete)
}

/// Whether all stacks are there and good, and every group has a host in service.
fn is_healthy(cloud: &Cloud, world: &World, groups: &[Group]) -> bool {
    let wanted = cloud.deployment.templates.stacks.iter();
    wanted.map(|stack| stack.layer).all(|layer| world.stack(layer).is_some_and(is_good))
        && groups.iter().all(|group| group.hosts.iter().any(is_in_service))
}

fn since(stack: &Stack) -> &str {
    stack.updated_at.as_deref().unwrap_or(&stack.created_at)
}

fn document(cloud: &Cloud, world: &World, groups: &[Group]) -> Value {
    let stacks: Vec<Value> = world
        .stacks
        .iter()
        .map(|(layer, seen)| {
            let stack = &seen.stack;
            json!({
                "layer": layer.name(), "stack": stack.name, "id": stack.id, "status": stack.status.word(),
                "reason": stack.reason, "since": since(stack), "protected": stack.is_protected,
                "manifest": stack.tags.get(MANIFEST_TAG),
            })
        })
        .collect();
    let missing: Vec<&str> = missing(cloud, world).collect();
    let groups: Vec<Value> = groups
        .iter()
        .map(|group| {
            let hosts: Vec<Value> = group
                .hosts
                .iter()
                .map(|host| json!({ "instance": host.instance, "lifecycle": host.lifecycle, "healthy": host.is_healthy }))
                .collect();
            json!({ "component": group.component, "hosts": hosts })
        })
        .collect();
    json!({
        "version": 1,
        "deployments": [{
            "name": cloud.application.name,
            "environment": cloud.application.environment.name,
            "account": cloud.application.environment.account,
            "region": cloud.region(),
            "manifest": cloud.manifest,
            "manifest_digest": cloud.deployment.digest.short(),
            "stacks": stacks,
            "missing_stacks": missing,
            "groups": groups,
            "healthy": is_healthy(cloud, world, &[]) && groups_are_healthy(&groups),
        }],
    })
}

fn groups_are_healthy(groups: &[Value]) -> bool {
    let serves = |host: &Value| host["healthy"] == true && host["lifecycle"] == "InService";
    groups.iter().all(|group| group["hosts"].as_array().is_some_and(|hosts| hosts.iter().any(serves)))
}

fn missing<'c>(cloud: &'c Cloud, world: &World) -> impl Iterator<Item = &'c str> {
    let wanted = cloud.deployment.templates.stacks.iter();
    let absent: Vec<&str> =
        wanted.filter(|stack| world.stack(stack.layer).is_none()).map(|stack| stack.name.as_str()).collect();
    absent.into_iter()
}

fn show(cloud: &Cloud, world: &World, groups: &[Group], console: &Console) -> Result<(), CommandError> {
    let word = if is_healthy(cloud, world, groups) { paint(GOOD, "up") } else { paint(BAD, "not as it should be") };
    let environment = &cloud.application.environment;
    let account = environment.account.as_deref().unwrap_or("?");
    let name = paint(BOLD, &cloud.deployment.name);
    console.line(&format!("{name} (account {account}, {}): {word}\n", cloud.region()))?;
    let rows = world.stacks.values().map(|seen| {
        let stack = &seen.stack;
        let protected = if stack.is_protected { "protected" } else { "not protected" };
        [format!("  {}", stack.name), stack.status.word().to_owned(), since(stack).to_owned(), protected.to_owned()]
    });
    console.text(&columns(&["  stack", "status", "since", "deletion"], rows))?;
    for seen in world.stacks.values().filter(|seen| !is_good(&seen.stack)) {
        if let Some(reason) = &seen.stack.reason {
            console.line(&format!("  {} {}: {reason}", paint(CAUTION, "!"), seen.stack.name))?;
        }
    }
    for name in missing(cloud, world) {
        console.line(&format!("  {} {name} is not there; `{}` makes it", paint(CAUTION, "!"), cloud.command("up")))?;
    }
    for group in groups {
        console.line(&format!("\n  {}:", group.component))?;
        for host in &group.hosts {
            let sign = if is_in_service(host) { paint(GOOD, "✓") } else { paint(CAUTION, "…") };
            let health = if host.is_healthy { "healthy" } else { "not healthy" };
            console.line(&format!("    {sign} {}  {}, {health}", host.instance, host.lifecycle))?;
        }
        if group.hosts.is_empty() {
            console.line(&format!("    {} no host", paint(BAD, "✗")))?;
        }
    }
    let mine = cloud.deployment.digest.short();
    let others = world.stacks.values().filter_map(|seen| seen.stack.tags.get(MANIFEST_TAG));
    if others.clone().any(|tag| tag != mine) {
        let words = format!("\n  the manifest has changed since; `{}` says what would change", cloud.command("plan"));
        console.line(&paint(DIM, words))?;
    }
    Ok(())
}
