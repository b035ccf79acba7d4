//! `landfall verify` in an account: the same probes, asked at the public names.

use crate::account::askable::{database_asked, not_checkable, secrets_of, texts_of};
use crate::account::cloud::Cloud;
use crate::account::open_ways::OpenWays;
use crate::account::running::{CloudRunning, ConnectTo};
use crate::account::session::{Connected, Visit};
use crate::account::tunnels;
use crate::arguments::VerifyArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::surroundings::{Surroundings, host};
use crate::verbs::version::VERSION;
use crate::views;
use crate::views::evidence::{EVIDENCE_VERSION, Evidence};
use crate::views::progress::print_json_line;
use crate::views::style::{CAUTION, DIM, paint};
use engine::SystemClock;
use model::probe::{Probe, Question};
use model::verification::{ProbeResult, Verdict, VerificationReport};
use model::{Digest, ProbeId};
use serde_json::{Value, json};
use stacks::{MANIFEST_TAG, Session, World};
use std::collections::BTreeMap;

/// What the probes found, and which could not be asked from here.
pub(crate) struct Verification {
    pub(crate) report: VerificationReport,
    pub(crate) not_checkable: Vec<(ProbeId, String, String)>,
}

impl Verification {
    /// Whether a claim that was asked does not hold. Where nothing can be asked from here, nothing has.
    pub(crate) fn has_failed(&self) -> bool {
        let is_none_asked = self.report.results.is_empty() && !self.not_checkable.is_empty();
        !is_none_asked && !self.report.nothing_failed()
    }
}

pub(crate) fn run(
    cloud: &Cloud,
    arguments: &VerifyArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let visit = Visit::looking(cloud, &arguments.deployment.account, surroundings, console);
    let verification = visit.deployed(async |session, world| {
        warn_of_another_manifest(&world, cloud, console);
        ask(session, &visit, &world, &arguments.only, arguments.connect_to.as_ref()).await
    })?;
    if let Some(directory) = &arguments.evidence {
        let evidence = evidence(cloud, &verification.report, surroundings);
        let (record, page) = views::evidence::write(&evidence, directory).map_err(CommandError::Fault)?;
        console.tell(&format!("Evidence: {} and {}", record.display(), page.display()));
    }
    conclude(cloud, &verification, console)?;
    if verification.report.nothing_failed() { Ok(()) } else { Err(CommandError::VerifyFailed) }
}

/// Says that what is asked is not what was deployed, when the manifest has changed since.
pub(crate) fn warn_of_another_manifest(world: &World, cloud: &Cloud, console: &Console) {
    let mine = cloud.deployment.digest.short();
    let other = world.stacks.values().find_map(|seen| seen.stack.tags.get(MANIFEST_TAG).filter(|tag| *tag != mine));
    if let Some(other) = other
        && !console.json
    {
        console.tell(&format!(
            "{} the manifest has changed since it was deployed ({other} there, {mine} here); `{}` says what would change",
            paint(CAUTION, "note:"),
            cloud.command("plan")
        ));
    }
}

/// Asks every probe that can be asked from here.
pub(crate) async fn ask(
    session: &Session<'_, Connected<'_>>,
    visit: &Visit<'_>,
    world: &World,
    only: &[String],
    connect_to: Option<&ConnectTo>,
) -> Result<Verification, CommandError> {
    let Visit { cloud, console, .. } = *visit;
    let chosen = chosen(&cloud.graph.probes, only)?;
    let mut not_asked = Vec::new();
    let mut probes = Vec::new();
    for probe in chosen {
        match not_checkable(probe, cloud) {
            Some(why) if connect_to.is_none() || !why.contains("--connect-to") => not_asked.push(named(probe, why)),
            _ => probes.push(probe.clone()),
        }
    }
    let needed = secrets_of(probes.iter().flat_map(texts_of));
    let running = CloudRunning::look(session.account, &cloud.deployment, &cloud.graph, &needed, connect_to).await;
    let running = running.map_err(CommandError::Fault)?;
    if !console.json {
        console.tell(&format!("\nVerifying {}:", cloud.deployment.name));
    }
    let show = |result: &ProbeResult| {
        if console.json {
            print_json_line(&json!({ "version": 1, "event": "probe", "result": result }));
        } else {
            console.tell(&views::verification::result(result, console.verbose));
        }
    };
    let asks_tunnels = probes.iter().any(|probe| matches!(probe.question, Question::Tunnel { .. }));
    let tunnels = if asks_tunnels { tunnels::look(session, cloud, world, true).await? } else { BTreeMap::new() };
    let ways = OpenWays::open(&visit.ways()?, cloud, world, &|words| console.tell(words), &probes, &show).await;
    probes.retain(|probe| match database_asked(probe).and_then(|port| ways.closed.get(port)) {
        Some(why) => {
            not_asked.push(named(probe, why.clone()));
            false
        }
        None => true,
    });
    let running = running.with_databases(ways.ends()).with_tunnels(tunnels);
    let options = prober::Options { disruptive: false, ..prober::Options::new(&SystemClock) };
    let mut report = prober::verify(&probes, &running, &options, &show).await;
    report.results.splice(0..0, ways.close().await);
    if !console.json {
        for (_, claim, why) in &not_asked {
            console.tell(&format!(
                "  {} {claim}\n      {}",
                paint(DIM, "-"),
                paint(DIM, format!("not checkable from here: {why}"))
            ));
        }
        hint_at_sources(cloud, &report, console);
    }
    Ok(Verification { report, not_checkable: not_asked })
}

/// A probe that is not asked, and why.
fn named(probe: &Probe, why: String) -> (ProbeId, String, String) {
    (probe.id.clone(), format!("{}: {}", probe.component, probe.claim), why)
}

/// Says what else it may be when nothing at all answers.
fn hint_at_sources(cloud: &Cloud, report: &VerificationReport, console: &Console) {
    let is_silent = |result: &ProbeResult| match &result.verdict {
        Verdict::Failed { seen, .. } => seen.contains("no answer within"),
        Verdict::Passed { .. } | Verdict::Waiting { .. } => false,
    };
    if report.results.is_empty() || !report.results.iter().all(is_silent) {
        return;
    }
    let allowed: Vec<String> = cloud
        .graph
        .nodes
        .values()
        .filter_map(|node| match &node.spec {
            model::process_graph::NodeSpec::Edge(edge) => Some(edge.allow.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    if !allowed.is_empty() {
        console.tell(&format!(
            "{} nothing answers at all: is this machine among the allowed sources ({})?",
            paint(CAUTION, "note:"),
            allowed.join(", ")
        ));
    }
}

fn chosen<'p>(probes: &'p [Probe], only: &[String]) -> Result<Vec<&'p Probe>, CommandError> {
    let is_meant =
        |probe: &&Probe| only.is_empty() || only.iter().any(|text| probe.id.as_str().contains(text.as_str()));
    let chosen: Vec<&Probe> = probes.iter().filter(is_meant).collect();
    if chosen.is_empty() && !only.is_empty() {
        let known: Vec<&str> = probes.iter().map(|probe| probe.id.as_str()).collect();
        let message = format!("no probe's name contains `{}`", only.join("`, `"));
        return Err(CommandError::usage(message, format!("the probes are: {}", known.join(", "))));
    }
    Ok(chosen)
}

/// The probes that were not asked, as JSON.
pub(crate) fn not_checkable_json(verification: &Verification) -> Vec<Value> {
    let all = verification.not_checkable.iter();
    all.map(|(probe, claim, why)| json!({ "probe": probe, "claim": claim, "why": why })).collect()
}

/// The line below the table, or the last line of NDJSON.
fn conclude(cloud: &Cloud, verification: &Verification, console: &Console) -> Result<(), CommandError> {
    let report = &verification.report;
    if console.json {
        print_json_line(&json!({
            "version": 1,
            "event": "verify_finished",
            "deployment": cloud.application.name,
            "environment": cloud.application.environment.name,
            "proved": report.is_proved(),
            "passed": report.passed(),
            "not_checkable": not_checkable_json(verification),
            "report": report,
        }));
        return Ok(());
    }
    console.line(&summary(verification))
}

/// `Proved: all 14 claims hold; 7 cannot be checked from here.`
pub(crate) fn summary(verification: &Verification) -> String {
    let summary = views::verification::summary(&verification.report);
    match verification.not_checkable.len() {
        0 => summary,
        count => format!("{summary} {count} more cannot be checked from here."),
    }
}

fn evidence(cloud: &Cloud, report: &VerificationReport, surroundings: &Surroundings) -> Evidence {
    let tool = std::env::current_exe().and_then(std::fs::read);
    Evidence {
        version: EVIDENCE_VERSION,
        deployment: cloud.application.name.to_string(),
        environment: cloud.application.environment.name.clone(),
        manifest_path: cloud.manifest.display().to_string(),
        manifest_digest: cloud.application.digest.to_string(),
        tool_version: VERSION,
        tool_digest: tool.map(|bytes| Digest::of_bytes(&bytes).to_string()).unwrap_or_default(),
        machine: host(),
        user: surroundings.user(),
        proved: report.is_proved(),
        passed: report.passed(),
        report: report.clone(),
    }
}
