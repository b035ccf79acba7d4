//! `landfall outputs` in an account: addresses, and secrets by reference.

use crate::account::askable::{key_pairs_of, secrets_of};
use crate::account::bastions;
use crate::account::cloud::Cloud;
use crate::account::running::CloudRunning;
use crate::account::session::{Connected, Visit};
use crate::arguments::OutputsArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::surroundings::Surroundings;
use crate::views;
use engine::ports::Running as _;
use local_runtime::{FilledOutput, OutputValue};
use model::process_graph::Output;
use stacks::{Session, World};
use std::collections::BTreeSet;

pub(crate) fn run(
    cloud: &Cloud,
    arguments: &OutputsArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let only = arguments.only.as_deref();
    if let Some(only) = only.filter(|only| !cloud.graph.outputs.iter().any(|output| output.name == *only)) {
        let known: Vec<&str> = cloud.graph.outputs.iter().map(|output| output.name.as_str()).collect();
        let message = format!("{} has no output `{only}`", cloud.deployment.name);
        return Err(CommandError::usage(message, format!("the outputs are: {}", known.join(", "))));
    }
    let wanted = |output: &Output| only.is_none_or(|only| output.name == only);
    let visit = Visit::looking(cloud, &arguments.deployment.account, surroundings, console);
    let outputs = visit.deployed(async |session, world| {
        let depth = if arguments.reveal { Depth::Secrets } else { Depth::PublicKeys };
        filled(session, cloud, &world, &wanted, depth).await
    })?;
    if let (Some(only), [output], false) = (only, outputs.as_slice(), console.json) {
        return match &output.value {
            OutputValue::Shown(value) => console.line(value),
            OutputValue::Secret(secret) => console.line(secret.expose()),
            OutputValue::Withheld(_) => {
                Err(CommandError::usage(format!("`{only}` is a secret"), "add --reveal to print it"))
            }
        };
    }
    if console.json {
        return console.document(&serde_json::json!({
            "version": 1,
            "deployment": cloud.application.name,
            "environment": cloud.application.environment.name,
            "outputs": views::outputs::json(&outputs),
        }));
    }
    console.text(&views::outputs::text(&cloud.command("outputs"), &outputs))
}

/// What is read of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Nothing.
    Addresses,
    /// Key pairs, for their public halves.
    PublicKeys,
    /// Everything.
    Secrets,
}

/// The outputs with their values; secrets only where they are to be shown.
pub(crate) async fn filled(
    session: &Session<'_, Connected<'_>>,
    cloud: &Cloud,
    world: &World,
    wanted: &impl Fn(&Output) -> bool,
    depth: Depth,
) -> Result<Vec<FilledOutput>, CommandError> {
    let bastions = bastions::outputs(cloud, world);
    let is_of_bastion = |output: &&Output| bastions.iter().any(|known| known.component == output.component);
    let others = cloud.graph.outputs.iter().filter(|output| !is_of_bastion(output));
    let outputs: Vec<&Output> = bastions.iter().chain(others).filter(|output| wanted(output)).collect();
    let mut needed = BTreeSet::new();
    if depth != Depth::Addresses {
        needed.extend(key_pairs_of(outputs.iter().map(|output| &output.value)));
    }
    if depth == Depth::Secrets {
        needed.extend(secrets_of(outputs.iter().map(|output| &output.value)));
    }
    let running = CloudRunning::look(session.account, &cloud.deployment, &cloud.graph, &needed, None).await;
    let running = running.map_err(CommandError::Fault)?;
    let mut filled = Vec::new();
    for output in outputs {
        let value = match output.value.has_secret() {
            true if depth != Depth::Secrets => OutputValue::Withheld(Vec::new()),
            true => OutputValue::Secret(running.fill(&output.value).map_err(CommandError::Fault)?),
            // What only the hosts know (a path, a port behind the balancer) is of no use here.
            false => match running.fill(&output.value) {
                Ok(value) => OutputValue::Shown(without_usual_port(value.expose())),
                Err(_) => continue,
            },
        };
        filled.push(FilledOutput {
            name: output.name.clone(),
            about: output.about.clone(),
            component: output.component.clone(),
            value,
        });
    }
    Ok(filled)
}

/// `https://x.example.org:443/a` as people write it.
fn without_usual_port(url: &str) -> String {
    for (scheme, port) in [("https://", ":443"), ("http://", ":80")] {
        let Some(rest) = url.strip_prefix(scheme) else { continue };
        let end = rest.find('/').unwrap_or(rest.len());
        if let Some(host) = rest[..end].strip_suffix(port) {
            return format!("{scheme}{host}{}", &rest[end..]);
        }
    }
    url.to_owned()
}

#[cfg(test)]
mod tests {
    use super::without_usual_port;

    #[test]
    fn usual_ports_are_left_out() {
        assert_eq!(without_usual_port("https://x.org:443"), "https://x.org");
        assert_eq!(without_usual_port("https://x.org:443/a:443"), "https://x.org/a:443");
        assert_eq!(without_usual_port("https://x.org:8443/"), "https://x.org:8443/");
        assert_eq!(without_usual_port("http://x.org:80/"), "http://x.org/");
        assert_eq!(without_usual_port("plain:443"), "plain:443");
    }
}
