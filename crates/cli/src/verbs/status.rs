//! `landfall status`: where a deployment stands, or all of them.

use crate::account;
use crate::account::cloud::Cloud;
use crate::arguments::DeploymentArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{Existing, all, block_on, find_existing};
use crate::surroundings::Surroundings;
use crate::views::style::{BAD, CAUTION, DIM, GOOD, duration, paint};
use crate::views::table::columns;
use crate::views::ways;
use engine::Journal;
use indexmap::IndexMap;
use local_runtime::{DatabaseFacts, Phase, ProgramStatus, Status};
use model::NodeId;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub(crate) fn run(
    arguments: &DeploymentArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    if let Some(cloud) = Cloud::find(arguments, surroundings, console)? {
        return account::status::run(&cloud, arguments, surroundings, console);
    }
    let folders = Surroundings::folders().map_err(CommandError::Preflight)?;
    let wants_all = arguments.deployment.is_none() && !std::path::Path::new(crate::project::MANIFEST).exists();
    if wants_all && all(&folders).is_empty() {
        if console.json {
            return console.document(&json!({ "version": 1, "deployments": [] }));
        }
        return console.line("Nothing is up on this machine. Type `landfall up blueprints/tabpy` to begin.");
    }
    let names: Vec<Option<String>> = if wants_all {
        all(&folders).into_iter().map(|name| Some(name.to_string())).collect()
    } else {
        vec![arguments.deployment.clone()]
    };
    let mut documents = Vec::new();
    for name in names {
        let existing = find_existing(&DeploymentArguments { deployment: name, ..arguments.clone() })?;
        let status = block_on(look(&existing))?;
        if console.json {
            documents.push(document(&existing, &status)?);
        } else {
            show(&existing, &status, console)?;
        }
    }
    if console.json {
        return console.document(&json!({ "version": 1, "deployments": documents }));
    }
    Ok(())
}

/// How long a program that is just starting is waited for, so that a moment is not told as a state.
const MOMENT: Duration = Duration::from_secs(2);

async fn look(existing: &Existing) -> Result<Status, CommandError> {
    let begun = Instant::now();
    loop {
        let status = existing.target.status().await.map_err(CommandError::Fault)?;
        let is_starting = status.programs.values().any(|program| program.phase == Phase::Starting);
        if !is_starting || begun.elapsed() > MOMENT {
            return Ok(status);
        }
        tokio::time::sleep(MOMENT / 40).await;
    }
}

/// Whether everything that should run does.
fn is_healthy(existing: &Existing, status: &Status) -> bool {
    let programs_ready = status.programs.values().all(|program| program.phase == Phase::Ready);
    let expected = existing
        .record
        .as_ref()
        .map_or(0, |record| record.graph.nodes.values().filter(|node| node.spec.is_running_part()).count());
    let there = status.programs.len() + status.edges.len() + status.ssh_servers.len() + status.tunnels.len();
    existing.record.is_some() && programs_ready && there == expected
}

fn document(existing: &Existing, status: &Status) -> Result<Value, CommandError> {
    let unfinished = unfinished(existing)?;
    Ok(json!({
        "name": existing.name,
        "manifest": existing.record.as_ref().map(|record| &record.manifest),
        "healthy": is_healthy(existing, status),
        "unfinished_run": unfinished,
        "verified": existing.record.as_ref().and_then(|record| record.verification.as_ref()).map(|report| json!({
            "at": report.started_at, "passed": report.passed(), "of": report.results.len(),
        })),
        "status": status,
        "databases": databases(existing)?,
    }))
}

/// The id of a run that was begun and not finished.
fn unfinished(existing: &Existing) -> Result<Option<String>, CommandError> {
    let state = Journal::read(&existing.target.home().journal()).map_err(CommandError::Preflight)?;
    Ok(state.current.map(|run| run.run))
}

/// The database servers that were made.
fn databases(existing: &Existing) -> Result<IndexMap<NodeId, DatabaseFacts>, CommandError> {
    let Some(record) = &existing.record else { return Ok(IndexMap::new()) };
    existing.target.databases(&record.graph).map_err(CommandError::Preflight)
}

fn show(existing: &Existing, status: &Status, console: &Console) -> Result<(), CommandError> {
    let name = &existing.name;
    let healthy = is_healthy(existing, status);
    let word = match (&status.supervisor, healthy) {
        (None, _) => paint(BAD, "not running"),
        (Some(_), true) => paint(GOOD, "running"),
        (Some(_), false) => paint(CAUTION, "not complete"),
    };
    console.line(&format!("{name}: {word}"))?;
    if let Some(record) = &existing.record {
        console.line(&paint(DIM, format!("  from {}", record.manifest.display())))?;
    }
    let programs = status.programs.iter().map(|(node, program)| program_row(node.as_str(), program));
    let edges = status.edges.iter().map(|(node, edge)| edge_row(node.as_str(), edge));
    let servers = status.ssh_servers.iter().map(|(node, server)| ways::server_row(node.as_str(), server));
    let tunnels = status.tunnels.iter().map(|(node, tunnel)| ways::tunnel_row(node.as_str(), tunnel));
    let rows: Vec<Vec<String>> = programs.chain(edges).chain(servers).chain(tunnels).collect();
    if !rows.is_empty() {
        console
            .text(&columns(&["  part", "state", "ports", "pid", "up for", "restarts", "memory", "last end"], rows))?;
    }
    if let Some(supervisor) = &status.supervisor {
        let line = format!(
            "  supervisor {}, up for {}, {} with the edge",
            supervisor.pid,
            duration(supervisor.uptime_seconds * 1000),
            mebibytes(supervisor.memory_bytes),
        );
        console.line(&paint(DIM, line))?;
    }
    for (node, facts) in databases(existing)? {
        let runs = || format!("{} {}", facts.engine, facts.release);
        let line = format!("  {node}: {}", facts.difference.clone().unwrap_or_else(runs));
        console.line(&paint(if facts.difference.is_some() { CAUTION } else { DIM }, line))?;
    }
    let verified = existing.record.as_ref().and_then(|record| record.verification.as_ref());
    match verified {
        Some(report) => {
            let (passed, all) = (report.passed(), report.results.len());
            console.line(&format!("  verified {}: {passed} of {all} claims held", report.started_at))?;
        }
        None => console.line("  not verified yet; type `landfall verify`")?,
    }
    if let Some(run) = unfinished(existing)? {
        console.line(&paint(CAUTION, format!("  run {run} was cut off; type `landfall up` to go on")))?;
    } else if !healthy {
        console.line(&paint(CAUTION, "  type `landfall up` to mend it"))?;
    }
    for (node, tunnel) in &status.tunnels {
        if let Some(line) = ways::tunnel_trouble(tunnel) {
            console.line(&paint(CAUTION, format!("  {node}: {line}")))?;
        }
    }
    Ok(())
}

fn program_row(node: &str, program: &ProgramStatus) -> Vec<String> {
    let phase = format!("{:?}", program.phase).to_lowercase();
    vec![
        format!("  {node}"),
        phase,
        program.ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        program.pid.map(|pid| pid.to_string()).unwrap_or_default(),
        program.uptime_seconds.map(|seconds| duration(seconds * 1000)).unwrap_or_default(),
        program.restarts.to_string(),
        program.memory_bytes.map(mebibytes).unwrap_or_default(),
        program.last_end.clone().unwrap_or_default(),
    ]
}

fn edge_row(node: &str, edge: &local_runtime::EdgeState) -> Vec<String> {
    let status = serde_json::to_value(&edge.status).unwrap_or_default();
    let ports: Vec<String> = status["listeners"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|listener| Some(listener["address"].as_str()?.rsplit(':').next()?.to_owned()))
        .collect();
    let blank = String::new;
    vec![format!("  {node}"), "ready".to_owned(), ports.join(" "), blank(), blank(), blank(), blank(), blank()]
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
