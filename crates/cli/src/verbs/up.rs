//! `landfall up`: from the manifest to a running deployment that is proved.

use crate::account;
use crate::account::cloud::{Cloud, Opened};
use crate::account::plan_file;
use crate::arguments::UpArguments;
use crate::command_error::CommandError;
use crate::console::Console;
use crate::deployment::{block_on, lease, open};
use crate::interrupt;
use crate::record::Record;
use crate::rotation::{self, Replaceable};
use crate::surroundings::Surroundings;
use crate::verbs::verify;
use crate::views::progress::{ProgressView, print_json_line};
use crate::views::style::duration;
use crate::views::{self};
use compiler::Application;
use engine::{Ending, Journal, Options, Request, SystemClock, is_settled, propose, run as run_plan};
use local_runtime::{LocalTarget, Removal, authority_certificate};
use model::process_graph::NodeSpec;
use model::run_state::RunState;
use model::verification::VerificationReport;
use model::{DeploymentPlan, Fault, FaultKind, ProcessGraph, Rotations};
use std::path::{Path, PathBuf};
use std::time::Instant;

pub(crate) fn run(arguments: &UpArguments, surroundings: &Surroundings, console: &Console) -> Result<(), CommandError> {
    let begun = Instant::now();
    if let Some(path) = &arguments.manifest.path
        && let Some(reviewed) = plan_file::read(path)?
    {
        return account::up::run_reviewed(reviewed, arguments, surroundings, console);
    }
    let project = match Cloud::open(&arguments.manifest, surroundings, console)? {
        Opened::Cloud(cloud) => {
            let cloud = cloud.with_current_secrets(&arguments.account, surroundings, console)?;
            return account::up::run(cloud, &[], arguments, surroundings, console);
        }
        Opened::Local(project) => project,
    };
    let (manifest, application) = project.application(console)?;
    run_here(arguments, &[], manifest, application, console, begun)
}

/// Brings a deployment up on this machine; begins to replace the secrets in `rotate` first, or goes on with that.
pub(crate) fn run_here(
    arguments: &UpArguments,
    rotate: &[Replaceable],
    manifest: PathBuf,
    application: Application,
    console: &Console,
    begun: Instant,
) -> Result<(), CommandError> {
    let target = open(&application.name, &manifest)?;
    let rotations = target.rotations().map_err(CommandError::Preflight)?;
    let graph = compiler::realise_locally(&application, &rotations);
    let up = Up { arguments, rotate, console, manifest, application, graph, target, begun };
    block_on(up.run())
}

struct Up<'a> {
    arguments: &'a UpArguments,
    rotate: &'a [Replaceable],
    console: &'a Console,
    manifest: PathBuf,
    application: Application,
    graph: ProcessGraph,
    target: LocalTarget,
    begun: Instant,
}

impl Up<'_> {
    async fn run(mut self) -> Result<(), CommandError> {
        self.target.prepare().map_err(CommandError::Preflight)?;
        let verb = if self.rotate.is_empty() { "up" } else { "secret rotate" };
        let lease = lease(&self.target, verb, self.arguments.wait, self.console).await?;
        self.target.sweep();
        let mut journal = Journal::open(self.target.home().journal()).map_err(CommandError::Preflight)?;
        // Nobody else writes it while the lease is held.
        let mut rotations = self.target.rotations().map_err(CommandError::Preflight)?;
        if !self.rotate.is_empty() {
            rotation::begin(self.rotate, &mut rotations, self.console);
            self.target.write_rotations(&rotations).map_err(CommandError::Fault)?;
        }
        self.graph = compiler::realise_locally(&self.application, &rotations);
        let mut changed = match self.converge(&mut journal).await {
            Err(error @ CommandError::Preflight(_)) if *journal.state() == RunState::default() => {
                // Refused before anything was made: leave no trace of a deployment that never was.
                drop(lease);
                self.target.remove(Removal::default()).await.map_err(CommandError::Fault)?;
                return Err(error);
            }
            other => other?,
        };
        self.settle(&mut rotations)?;
        let (mut record, mut report) = self.prove(changed).await?;
        let holds = report.as_ref().or(record.verification.as_ref()).is_some_and(VerificationReport::nothing_failed);
        if rotations.has_two_valid() {
            if self.arguments.no_verify || !holds {
                self.console.tell(&rotation::stays_begun("landfall up"));
            } else {
                rotation::end_previous(&mut rotations, self.console);
                self.target.write_rotations(&rotations).map_err(CommandError::Fault)?;
                self.graph = compiler::realise_locally(&self.application, &rotations);
                changed += self.converge(&mut journal).await?;
                self.settle(&mut rotations)?;
                (record, report) = self.prove(changed).await?;
            }
        }
        self.conclude(changed, report.as_ref().or(record.verification.as_ref()), report.is_some())?;
        match report {
            Some(report) if !report.nothing_failed() => Err(CommandError::VerifyFailed),
            _ => Ok(()),
        }
    }

    /// Everything is as wanted: what was to end has ended.
    fn settle(&self, rotations: &mut Rotations) -> Result<(), CommandError> {
        if rotations.settle() { self.target.write_rotations(rotations).map_err(CommandError::Fault) } else { Ok(()) }
    }

    /// Remembers what was brought up and asks the probes, unless they proved this very graph already.
    async fn prove(&self, changed: usize) -> Result<(Record, Option<VerificationReport>), CommandError> {
        let record = self.remember()?;
        let report = match &record.verification {
            _ if self.arguments.no_verify => None,
            Some(_) if changed == 0 && record.is_proved() => None,
            _ => Some(verify::all(&self.target, &record, self.console).await?),
        };
        Ok((record, report))
    }

    /// Offers to install the database engines that are missing: never without a word, never with a password.
    async fn install_missing(&self, plan: &DeploymentPlan) -> Result<(), CommandError> {
        for missing in self.target.missing_engines(plan).await.map_err(CommandError::Preflight)? {
            let command = missing.command();
            if !self.arguments.yes {
                if !self.console.can_ask || self.console.json {
                    continue;
                }
                let caution = missing.caution().map_or_else(String::new, |caution| format!("\nNote: {caution}."));
                let question = format!(
                    "{} is not on this machine. `{command}` installs it.{caution}\nInstall it now? Type yes:",
                    missing.engine
                );
                if !self.console.confirm(&question, "yes")? {
                    continue;
                }
            }
            self.console.tell(&format!("Installing {}: {command}", missing.engine));
            if let Some(caution) = missing.caution().filter(|_| self.arguments.yes) {
                self.console.tell(&format!("  note: {caution}"));
            }
            let tell = |line: &str| self.console.tell(&format!("  {line}"));
            missing.run(&Surroundings::runtime_variables(), &tell).await.map_err(CommandError::Preflight)?;
        }
        Ok(())
    }

    /// Plans and runs; returns the number of steps.
    async fn converge(&self, journal: &mut Journal) -> Result<usize, CommandError> {
        let mut plan = self.propose(journal).await?;
        if is_settled(&plan, journal.state()) {
            return Ok(0);
        }
        self.install_missing(&plan).await?;
        self.target.preflight(&plan).await.map_err(CommandError::Preflight)?;
        let view = ProgressView::new(self.console.json, self.console.quiet, self.console.stderr_is_terminal);
        let sink = |event: &model::RunEvent| view.show(event);
        let mut options = Options::new(&SystemClock, &sink);
        options.interrupt = interrupt::listen().map_err(CommandError::from)?;
        let mut steps = 0;
        loop {
            let differences = self.target.engine_differences(&plan).await;
            self.announce(&plan, &differences)?;
            let report = run_plan(&plan, &self.target, journal, &options).await.map_err(CommandError::Fault)?;
            steps += report.succeeded.len();
            if report.ending == Ending::Failed {
                // A stranger may take a port between the plan and the step that listens on it. Where
                // any number will do, another plan has another one.
                let again = self.propose(journal).await?;
                if again.ports != plan.ports {
                    plan = again;
                    continue;
                }
            }
            conclude_run(report.ending, report.failed)?;
            return Ok(steps);
        }
    }

    async fn propose(&self, journal: &Journal) -> Result<DeploymentPlan, CommandError> {
        let request = Request {
            deployment: &self.application.name,
            environment: &self.application.environment.name,
            manifest: &self.application.digest,
            desired: Some(&self.graph),
        };
        propose(&request, journal.state(), &self.target).await.map_err(CommandError::Preflight)
    }

    fn announce(&self, plan: &DeploymentPlan, differences: &[String]) -> Result<(), CommandError> {
        if self.console.json || plan.steps.is_empty() {
            return Ok(());
        }
        self.console.tell(&format!("{}\n", views::plan::headline(plan)));
        for refused in self.target.refused_wishes(plan).map_err(CommandError::Preflight)? {
            self.console.tell(&format!("  note: {refused}"));
        }
        for difference in differences {
            self.console.tell(&format!("  note: {difference}"));
        }
        Ok(())
    }

    /// Writes down what was brought up; keeps what the probes found of the very same graph.
    fn remember(&self) -> Result<Record, CommandError> {
        let home = self.target.home();
        let known = Record::read(home).map_err(CommandError::Preflight)?;
        let digest = self.application.digest.clone();
        let mut record = Record::new(&self.manifest, &self.application.environment.name, digest, self.graph.clone());
        if let Some(known) = &known
            && known.graph == record.graph
        {
            record.verification = known.verification.clone();
        }
        if known.as_ref() != Some(&record) {
            record.write(home).map_err(CommandError::Fault)?;
        }
        Ok(record)
    }

    /// The certificate that signs those of the deployment's edges, when it has any.
    fn authority(&self) -> Option<PathBuf> {
        let has_edge = self.graph.nodes.values().any(|node| matches!(node.spec, NodeSpec::Edge(_)));
        let folders = Surroundings::folders().ok().filter(|_| has_edge)?;
        Some(authority_certificate(&folders))
    }

    fn conclude(
        &self,
        changed: usize,
        report: Option<&VerificationReport>,
        is_fresh: bool,
    ) -> Result<(), CommandError> {
        let outputs = self.target.outputs(&self.graph, &[]).map_err(CommandError::Fault)?;
        let took = self.begun.elapsed().as_millis() as u64;
        let name = &self.application.name;
        if self.console.json {
            print_json_line(&serde_json::json!({
                "version": 1,
                "event": "up_finished",
                "deployment": name,
                "environment": self.application.environment.name,
                "changed": changed,
                "proved": report.map(VerificationReport::is_proved),
                "verified_at": report.map(|report| &report.started_at),
                "outputs": views::outputs::json(&outputs),
                "took_ms": took,
            }));
            return Ok(());
        }
        let console = self.console;
        if let Some(report) = report.filter(|_| is_fresh) {
            console.line(&views::verification::summary(report))?;
        }
        if changed == 0 && !is_fresh {
            let known = match report {
                Some(report) if report.is_proved() => {
                    format!("all {} claims held at {}", report.results.len(), report.started_at)
                }
                _ => "not verified; type `landfall verify`".to_owned(),
            };
            console.line(&format!("Nothing to do: {name} is as its manifest says ({known})."))?;
        } else {
            console.line(&format!("{name} is up ({}).\n", duration(took)))?;
            console.text(&views::outputs::text(&format!("landfall outputs {name}"), &outputs))?;
            console.tell(&next_steps(&self.manifest, name.as_str(), self.authority().as_deref()));
        }
        Ok(())
    }
}

/// The error of a run that did not finish.
pub(crate) fn conclude_run(ending: Ending, failed: Vec<(model::StepId, Fault)>) -> Result<(), CommandError> {
    match ending {
        Ending::Finished => Ok(()),
        Ending::Interrupted => Err(CommandError::Interrupted),
        Ending::Failed => Err(CommandError::Fault(failed.into_iter().next().map_or_else(
            || Fault::new(FaultKind::Bug, "running the plan", "it failed without a failed step"),
            |(_, fault)| fault,
        ))),
    }
}

fn next_steps(manifest: &Path, name: &str, authority: Option<&Path>) -> String {
    let shown = crate::surroundings::readable(manifest);
    let trust = authority.map_or_else(String::new, |certificate| {
        format!(
            "\nIts certificate is signed by your own authority, {}; no program trusts that by itself: \
             `landfall doctor` tells how to make one do so.",
            certificate.display()
        )
    });
    format!(
        "{trust}\nIt goes on running. Edit {shown} and type `landfall up` again to change it; \
         `landfall status {name}`, `logs`, `verify` and `down` work from any shell."
    )
}
