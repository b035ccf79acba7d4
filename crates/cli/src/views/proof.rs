//! What is proved of an environment in AWS: for a terminal, for programs, as a page that an auditor keeps.

use crate::arguments::ManifestArguments;
use crate::command_error::CommandError;
use crate::verbs::version::VERSION;
use crate::views::style::{BAD, BOLD, CAUTION, GOOD, paint};
use analysis::reachability::{GuaranteeReport, Outcome, ProofReport, render};
use compiler::AwsDeployment;
use compiler::report::Sources;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};
use model::{Fault, FaultKind, Findings};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The version of the record's JSON form.
const RECORD_VERSION: u32 = 1;

/// How far the guarantees of a manifest are proved, the implicit one among them.
#[derive(Debug, Serialize)]
pub(crate) struct Guarantees {
    /// How many there are in the manifest.
    stated: usize,
    /// In one word.
    state: State,
    /// What to type to prove them.
    #[serde(skip_serializing_if = "Option::is_none")]
    prove_with: Option<String>,
    #[serde(skip)]
    pairs: usize,
}

/// How far they are proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Proved,
    Refuted,
    Unknown,
    /// The environment is on this machine.
    NotAsked,
}

impl Guarantees {
    /// As a proof says.
    pub(crate) fn of_proof(report: &ProofReport) -> Self {
        let state = match report.guarantees.iter().map(|guarantee| guarantee.outcome).max() {
            Some(Outcome::Holds) => State::Proved,
            Some(Outcome::Violated) => State::Refuted,
            Some(Outcome::Unknown) | None => State::Unknown,
        };
        // The last one is the implicit one.
        let stated = report.guarantees.len().saturating_sub(1);
        Self { stated, state, prove_with: None, pairs: report.counts().values().sum() }
    }

    /// On this machine there are no networks between components, so nothing is asked.
    pub(crate) fn not_asked(stated: usize, clouds: &[String], arguments: &ManifestArguments) -> Self {
        let prove_with = clouds.first().map(|cloud| {
            let manifest = match (&arguments.file, &arguments.path) {
                (Some(file), _) => format!(" --file {}", file.display()),
                (None, Some(path)) => format!(" {}", path.display()),
                (None, None) => String::new(),
            };
            format!("landfall check{manifest} -e {cloud}")
        });
        Self { stated, state: State::NotAsked, prove_with, pairs: 0 }
    }

    /// One line; empty where there is nothing to say.
    pub(crate) fn text(&self) -> String {
        let (stated, pairs) = (self.stated, self.pairs);
        let guarantees = match stated {
            0 => String::new(),
            1 => " and 1 guarantee".to_owned(),
            _ => format!(" and {stated} guarantees"),
        };
        match (self.state, &self.prove_with) {
            (State::Proved, _) => {
                let text = format!("Proved: exactly the stated ways{guarantees}, over all {pairs} pairs.");
                paint(GOOD, text) + "\n"
            }
            (State::Refuted, _) => paint(BAD, "Refuted: see the errors above. Nothing of this is deployed.") + "\n",
            (State::Unknown, _) => {
                paint(CAUTION, "Not proved: what is not known is named above; the rest holds.") + "\n"
            }
            (State::NotAsked, Some(command)) => match stated {
                0 => format!("Who reaches whom in AWS is not proved here: `{command}` does.\n"),
                1 => format!("Its guarantee is not proved here: `{command}` does.\n"),
                _ => format!("Its {stated} guarantees are not proved here: `{command}` does.\n"),
            },
            (State::NotAsked, None) if stated > 0 => {
                let them = if stated == 1 { "Its guarantee is" } else { "Its guarantees are" };
                format!("{them} not proved: that takes an environment with `target: aws`, and there is none.\n")
            }
            (State::NotAsked, None) => String::new(),
        }
    }
}

/// Guarantees, matrix and chains; with everything, the path of each verdict too.
pub(crate) fn text(report: &ProofReport, verbose: bool) -> String {
    format!("\n{}\n", if verbose { render::text(report) } else { render::outline(report) })
}

/// A part of a plan.
pub(crate) fn section(report: &ProofReport, verbose: bool) -> String {
    let head = paint(BOLD, "Who reaches whom");
    format!("\n{head}\n{}{}", text(report, verbose), Guarantees::of_proof(report).text())
}

/// What was proved, with what, and what came out.
#[derive(Serialize)]
struct Record<'a> {
    version: u32,
    deployment: &'a str,
    manifest: &'a str,
    manifest_digest: &'a str,
    tool_version: &'static str,
    guarantees: Guarantees,
    findings: serde_json::Value,
    proof: &'a ProofReport,
}

/// Writes a JSON record and a page that needs nothing else. The same manifest gives the same files.
pub(crate) fn write(
    report: &ProofReport,
    deployment: &AwsDeployment,
    findings: &Findings,
    sources: &Sources,
    directory: &Path,
) -> Result<(PathBuf, PathBuf), CommandError> {
    let fault = |error: &dyn std::fmt::Display| {
        let fault =
            Fault::new(FaultKind::NeedsPerson, format!("writing the evidence to {}", directory.display()), error);
        CommandError::Fault(fault.help("give a directory that you may write to: --evidence DIR"))
    };
    let record = Record {
        version: RECORD_VERSION,
        deployment: &deployment.name,
        manifest: &report.file,
        manifest_digest: deployment.digest.as_str(),
        tool_version: VERSION,
        guarantees: Guarantees::of_proof(report),
        findings: compiler::report::to_json(findings, sources),
        proof: report,
    };
    let text = serde_json::to_string_pretty(&record).map_err(|error| fault(&error))? + "\n";
    let page = page(&record, report).map_err(|error| fault(&error))?;
    std::fs::create_dir_all(directory).map_err(|error| fault(&error))?;
    let paths = ["json", "html"].map(|end| directory.join(format!("{}-proof.{end}", deployment.name)));
    for (path, text) in paths.iter().zip([&text, &page]) {
        local_runtime::write_atomically(path, text.as_bytes(), 0o644).map_err(CommandError::Fault)?;
    }
    let [record, page] = paths;
    Ok((record, page))
}

fn page(record: &Record<'_>, report: &ProofReport) -> Result<String, minijinja::Error> {
    let claims = |wanted: fn(&GuaranteeReport) -> bool| report.guarantees.iter().filter(move |one| wanted(one)).count();
    let mut environment = Environment::new();
    environment.add_template("proof.html", include_str!("proof.html"))?;
    environment.get_template("proof.html")?.render(context! {
        all => report.guarantees.len(),
        held => claims(|one| one.outcome == Outcome::Holds),
        refuted => claims(|one| one.outcome == Outcome::Violated),
        matrix => Value::from_safe_string(render::svg(report)),
        details => render::text(report),
        ..Value::from(Serde(record))
    })
}
