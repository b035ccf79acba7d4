//! `landfall verify`: whether everything promised is true, and the evidence for it.

use crate::account;
use crate::account::cloud::Cloud;
use crate::arguments::VerifyArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{Existing, block_on, find_existing, lease};
use crate::record::Record;
use crate::surroundings::{Surroundings, host};
use crate::verbs::version::VERSION;
use crate::views;
use crate::views::evidence::{EVIDENCE_VERSION, Evidence};
use crate::views::progress::print_json_line;
use engine::SystemClock;
use local_runtime::LocalTarget;
use model::verification::{ProbeResult, VerificationReport};
use model::{Digest, ProbeId};
use std::path::Path;

pub(crate) fn run(
    arguments: &VerifyArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    if let Some(cloud) = Cloud::find(&arguments.deployment, surroundings, console)? {
        return account::verify::run(&cloud, arguments, surroundings, console);
    }
    let existing = find_existing(&arguments.deployment)?;
    let record = existing.finished()?;
    let chosen = chosen(arguments, record)?;
    let report = block_on(async {
        // Probes that kill a program must not meet another landfall at work.
        let _lease = if arguments.gentle { None } else { Some(lease(&existing.target, "verify", 10, console).await?) };
        match &chosen {
            None if !arguments.gentle => all(&existing.target, record, console).await,
            _ => Ok(ask(&existing.target, record, chosen.as_deref(), !arguments.gentle, console).await),
        }
    })?;
    if let Some(directory) = &arguments.evidence {
        write_evidence(&existing, record, &report, directory, surroundings, console)?;
    }
    if console.json {
        print_json_line(&serde_json::json!({
            "version": 1,
            "event": "verify_finished",
            "deployment": existing.name,
            "proved": report.is_proved(),
            "passed": report.passed(),
            "waiting": report.waiting(),
            "report": report,
        }));
    } else {
        console.line(&views::verification::summary(&report))?;
    }
    if report.nothing_failed() { Ok(()) } else { Err(CommandError::VerifyFailed) }
}

/// The probes that `--only` means; none when all are meant.
fn chosen(arguments: &VerifyArguments, record: &Record) -> Result<Option<Vec<ProbeId>>, CommandError> {
    if arguments.only.is_empty() {
        return Ok(None);
    }
    let ids = record.graph.probes.iter().map(|probe| probe.id.clone());
    let wanted = |id: &ProbeId| arguments.only.iter().any(|text| id.as_str().contains(text.as_str()));
    let chosen: Vec<ProbeId> = ids.filter(wanted).collect();
    if chosen.is_empty() {
        let known: Vec<&str> = record.graph.probes.iter().map(|probe| probe.id.as_str()).collect();
        let message = format!("no probe's name contains `{}`", arguments.only.join("`, `"));
        return Err(CommandError::usage(message, format!("the probes are: {}", known.join(", "))));
    }
    Ok(Some(chosen))
}

/// Asks every probe and remembers what they found.
pub(crate) async fn all(
    target: &LocalTarget,
    record: &Record,
    console: &Console,
) -> Result<VerificationReport, CommandError> {
    let report = ask(target, record, None, true, console).await;
    let mut record = record.clone();
    record.verification = Some(report.clone());
    record.write(target.home()).map_err(CommandError::Fault)?;
    Ok(report)
}

async fn ask(
    target: &LocalTarget,
    record: &Record,
    only: Option<&[ProbeId]>,
    disruptive: bool,
    console: &Console,
) -> VerificationReport {
    let options = prober::Options { only, disruptive, ..prober::Options::new(&SystemClock) };
    if !console.json {
        console.tell(&format!("\nVerifying {}:", record.graph.deployment));
    }
    let show = |result: &ProbeResult| {
        if console.json {
            print_json_line(&serde_json::json!({ "version": 1, "event": "probe", "result": result }));
        } else {
            console.tell(&views::verification::result(result, console.verbose));
        }
    };
    prober::verify(&record.graph.probes, target, &options, &show).await
}

fn write_evidence(
    existing: &Existing,
    record: &Record,
    report: &VerificationReport,
    directory: &Path,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let tool = std::env::current_exe().and_then(std::fs::read);
    let evidence = Evidence {
        version: EVIDENCE_VERSION,
        deployment: existing.name.to_string(),
        environment: record.environment.clone(),
        manifest_path: record.manifest.display().to_string(),
        manifest_digest: record.manifest_digest.to_string(),
        tool_version: VERSION,
        tool_digest: tool.map(|bytes| Digest::of_bytes(&bytes).to_string()).unwrap_or_default(),
        machine: host(),
        user: surroundings.user(),
        proved: report.is_proved(),
        passed: report.passed(),
        report: report.clone(),
    };
    let (record, page) = views::evidence::write(&evidence, directory).map_err(CommandError::Fault)?;
    console.tell(&format!("Evidence: {} and {}", record.display(), page.display()));
    Ok(())
}
