//! The tunnels of a deployment in an account: the host of each asks every minute whether a query comes through, and its log says what
//! came of it.

use crate::account::cloud::Cloud;
use crate::account::logs::groups;
use crate::account::session::{Connected, Visit};
use crate::arguments::DeploymentArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::surroundings::Surroundings;
use crate::views::table::columns;
use components::TunnelAnswer;
use engine::ports::{TunnelFacts, TunnelStanding};
use jiff::{SignedDuration, Timestamp};
use model::process_graph::NodeSpec;
use model::{ComponentName, NodeId};
use serde_json::json;
use stacks::{Account as _, Session, World};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many lines of a log are looked at: some minutes of it.
const LINES: usize = 100;
/// What an SSH client says when the other server does not know the key.
const NOT_REGISTERED: &str = "Permission denied (publickey";
/// A host that has just started says the first word after so long at the most.
const FIRST_WORD: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_secs(5);

/// The tunnels of a deployment with the seconds between two questions.
fn tunnels(cloud: &Cloud) -> impl Iterator<Item = (&NodeId, &ComponentName, u32)> {
    cloud.graph.nodes.iter().filter_map(|(id, node)| match &node.spec {
        NodeSpec::Tunnel(tunnel) => Some((id, &node.component, tunnel.health.as_ref()?.interval_seconds)),
        _ => None,
    })
}

/// How the tunnels of a deployment are.
pub(crate) async fn look(
    session: &Session<'_, Connected<'_>>,
    cloud: &Cloud,
    world: &World,
    waits: bool,
) -> Result<BTreeMap<NodeId, TunnelFacts>, CommandError> {
    let mut all = BTreeMap::new();
    if tunnels(cloud).next().is_none() {
        return Ok(all);
    }
    let groups = groups(session, cloud, world).await?;
    for (node, component, interval) in tunnels(cloud) {
        let Some(group) = groups.iter().find(|group| group.component == component.as_str()) else { continue };
        let began = Instant::now();
        loop {
            let doing = format!("reading the log {}", group.name);
            let tail = session.account.log_tail(&group.name, "", LINES).await;
            let tail = tail.map_err(|error| CommandError::Preflight(error.fault(doing)))?;
            let lines = tail.map(|tail| tail.lines).unwrap_or_default();
            let (facts, is_fresh) = facts(&lines, interval, Timestamp::now());
            if is_fresh || !waits || began.elapsed() > FIRST_WORD {
                all.insert(node.clone(), facts);
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(all)
}

/// How a tunnel is by the last lines of its log, and whether they are of now.
fn facts(lines: &[String], interval: u32, now: Timestamp) -> (TunnelFacts, bool) {
    let down = |words: String| TunnelFacts { standing: TunnelStanding::Down, words };
    let last = lines.iter().enumerate().rev().find_map(|(index, line)| Some((index, TunnelAnswer::read(line)?)));
    let said_by_client = |from: usize| lines[from..].iter().rev().find(|line| TunnelAnswer::read(line).is_none());
    let Some((index, TunnelAnswer { at, works })) = last else {
        return match said_by_client(0) {
            Some(line) if line.contains(NOT_REGISTERED) => (waiting(line), true),
            _ => (down("its host has not said yet whether a query comes through".to_owned()), false),
        };
    };
    let age = at.parse::<Timestamp>().map_or(SignedDuration::MAX, |at| now.duration_since(at));
    let ago = format!("{} s ago", age.as_secs().max(0));
    // Two questions may be lost, and what is said takes a moment to get here.
    if age > SignedDuration::from_secs(i64::from(interval.max(60)) * 3 + 60) {
        return (down(format!("its host has said nothing since {at}")), false);
    }
    if works {
        let words = format!("a query came through it {ago}");
        return (TunnelFacts { standing: TunnelStanding::Up, words }, true);
    }
    let refused = lines[..index].iter().rev().find(|line| TunnelAnswer::read(line).is_none());
    match said_by_client(index).or(refused) {
        Some(line) if line.contains(NOT_REGISTERED) => (waiting(line), true),
        Some(line) => (down(format!("no query came through it {ago}; the last line of its log: {line}")), true),
        None => (down(format!("no query came through it {ago}")), true),
    }
}

fn waiting(line: &str) -> TunnelFacts {
    TunnelFacts { standing: TunnelStanding::Waiting, words: format!("the other server does not know its key: {line}") }
}

fn word(standing: TunnelStanding) -> &'static str {
    match standing {
        TunnelStanding::Up => "up",
        TunnelStanding::Waiting => "waiting",
        TunnelStanding::Down => "down",
    }
}

/// `landfall tunnel status` in an account.
pub(crate) fn status(
    cloud: &Cloud,
    arguments: &DeploymentArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let visit = Visit::looking(cloud, &arguments.account, surroundings, console);
    let found = visit.deployed(async |session, world| look(session, cloud, &world, false).await)?;
    let named = |node: &NodeId| cloud.graph.nodes.get(node).map_or_else(String::new, |node| node.component.to_string());
    if console.json {
        let tunnels: Vec<_> = found
            .iter()
            .map(|(node, facts)| json!({ "tunnel": named(node), "state": word(facts.standing), "seen": facts.words }))
            .collect();
        return console.document(&json!({
            "version": 1, "deployment": cloud.application.name, "environment": cloud.application.environment.name,
            "tunnels": tunnels,
        }));
    }
    if found.is_empty() {
        return console.line(&format!("{} keeps no tunnel open", cloud.deployment.name));
    }
    let rows =
        found.iter().map(|(node, facts)| vec![named(node), word(facts.standing).to_owned(), facts.words.clone()]);
    console.text(&columns(&["tunnel", "state", "seen by its host"], rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[&str]) -> (TunnelStanding, bool, String) {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let (facts, is_fresh) = facts(&lines, 60, "2026-11-21T10:00:40Z".parse().unwrap());
        (facts.standing, is_fresh, facts.words)
    }

    #[test]
    fn a_tunnel_is_as_its_host_saw_it_last() {
        let key = "bi@vendor: Permission denied (publickey).";
        let (none, works) = ("2026-11-21T10:00:00Z TunnelWorks: 0", "2026-11-21T10:00:10Z TunnelWorks: 1");
        assert_eq!(told(&[none, works]), (TunnelStanding::Up, true, "a query came through it 30 s ago".to_owned()));
        assert_eq!(told(&[works, key]).0, TunnelStanding::Up);
        assert_eq!(told(&[works, key, "2026-11-21T10:00:20Z TunnelWorks: 0"]).0, TunnelStanding::Waiting);
        assert_eq!(told(&[key]).0, TunnelStanding::Waiting);
        let (standing, _, words) = told(&["Error: remote port forwarding failed for listen port 15240", none]);
        assert!(standing == TunnelStanding::Down && words.contains("listen port 15240"), "{words}");
        assert_eq!(
            told(&[]),
            (TunnelStanding::Down, false, "its host has not said yet whether a query comes through".to_owned())
        );
        let (standing, is_fresh, words) = told(&["2026-11-21T09:00:00Z TunnelWorks: 1"]);
        assert!(
            standing == TunnelStanding::Down && !is_fresh && words.contains("since 2026-11-21T09:00:00Z"),
            "{words}"
        );
    }
}
