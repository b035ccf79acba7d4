//! `landfall up` in an account: from the manifest, or from a plan that was reviewed, to a deployment that is proved.

use crate::account::cloud::{Cloud, Opened};
use crate::account::codes;
use crate::account::outputs::{Depth, filled};
use crate::account::plan::{Outlook, make, options, place, refused};
use crate::account::plan_file::Reviewed;
use crate::account::session::{Connected, Visit, require_deployed};
use crate::account::verify::{self, Verification};
use crate::arguments::{ManifestArguments, UpArguments};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::rotation::{self, Replaceable};
use crate::surroundings::{Surroundings, host};
use crate::views;
use crate::views::progress::print_json_line;
use crate::views::style::{HINT, duration, paint};
use engine::ports::Clock as _;
use engine::{Holder, SystemClock};
use local_runtime::FilledOutput;
use model::{Fault, FaultKind, Finding, Findings, Rotations};
use serde_json::json;
use stacks::account::Identity;
use stacks::lease::LeaseRequest;
use stacks::up::{FailedStack, UpOptions, UpReport};
use stacks::{AccountPlan, Session, World};
use std::path::Path;
use std::time::{Duration, Instant};

/// Does what was reviewed.
pub(crate) fn run_reviewed(
    reviewed: Reviewed,
    arguments: &UpArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let given: &ManifestArguments = &arguments.manifest;
    if !given.set.is_empty() || given.values.is_some() || !arguments.allowed.allow_replace.is_empty() {
        return Err(CommandError::usage(
            "a plan that was reviewed is run as it is: --set, --values and --allow-replace belong to `plan`",
            "leave them out, or make another plan with them",
        ));
    }
    match Cloud::open(&reviewed.manifest, surroundings, console)? {
        Opened::Cloud(cloud) => {
            let cloud = cloud.with_current_secrets(&arguments.account, surroundings, console)?;
            let reviewed = Some(reviewed.plan);
            Up { cloud, rotates_from: None, reviewed, arguments, surroundings, console }.run(false)
        }
        Opened::Local(_) => {
            let fault = Fault::new(
                FaultKind::NeedsPerson,
                format!("running the plan for {}", reviewed.plan.deployment),
                format!("the environment {} is no longer in an account", reviewed.manifest.environment),
            );
            Err(CommandError::Preflight(fault.help("make a new plan")))
        }
    }
}

/// Brings a deployment up; begins to replace the secrets in `rotate` first, or goes on with that.
pub(crate) fn run(
    cloud: Cloud,
    rotate: &[Replaceable],
    arguments: &UpArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let before = cloud.deployment.rotations.clone();
    let mut rotations = before.clone();
    rotation::begin(rotate, &mut rotations, console);
    let rotates_from = (rotations != before).then_some(before);
    let up = Up { cloud: cloud.rotated(rotations)?, rotates_from, reviewed: None, arguments, surroundings, console };
    up.run(!rotate.is_empty())
}

/// One step of a deployment: nearly always the only one.
struct Up<'a> {
    cloud: Cloud,
    /// What the account says of rotations, when this is a step further in them.
    rotates_from: Option<Rotations>,
    /// The plan that was reviewed.
    reviewed: Option<AccountPlan>,
    arguments: &'a UpArguments,
    surroundings: &'a Surroundings,
    console: &'a Console,
}

/// How a step ended.
struct Done {
    has_changed: bool,
    report: UpReport,
    verification: Option<Verification>,
    outputs: Vec<FilledOutput>,
}

impl Up<'_> {
    /// Goes all steps. `must_exist`: what is not there yet is not made.
    fn run(mut self, must_exist: bool) -> Result<(), CommandError> {
        let began = Instant::now();
        let mut has_changed = false;
        loop {
            let mut done = self.step(must_exist)?;
            has_changed |= done.has_changed;
            done.has_changed = has_changed;
            let holds = done.verification.as_ref().is_some_and(|one| !one.has_failed());
            let mut rotations = self.cloud.deployment.rotations.clone();
            if !rotations.has_two_valid() || !holds {
                if rotations.has_two_valid() {
                    self.console.tell(&rotation::stays_begun(&self.cloud.command("up")));
                }
                conclude(&self.cloud, &done, began.elapsed(), self.console)?;
                return match done.verification {
                    Some(verification) if verification.has_failed() => Err(CommandError::VerifyFailed),
                    _ => Ok(()),
                };
            }
            if let Some(verification) = done.verification.as_ref().filter(|_| !self.console.json) {
                self.console.line(&verify::summary(verification))?;
            }
            let from = rotations.clone();
            rotation::end_previous(&mut rotations, self.console);
            self = Self { cloud: self.cloud.rotated(rotations)?, rotates_from: Some(from), reviewed: None, ..self };
        }
    }

    fn step(&mut self, must_exist: bool) -> Result<Done, CommandError> {
        let reviewed = self.reviewed.take();
        let Self { cloud, rotates_from, arguments, surroundings, console, .. } = &*self;
        let visit = Visit {
            evidence: arguments.evidence.clone(),
            stops_orderly: true,
            ..Visit::looking(cloud, &arguments.account, surroundings, console)
        };
        visit.run(async |session, identity| {
            let (world, plan) = planned(session, identity, cloud, reviewed, arguments).await?;
            if must_exist {
                require_deployed(&world, cloud)?;
            }
            announce(session, cloud, &world, &plan, console).await?;
            let report = apply(session, identity, &world, &plan, rotates_from.as_ref(), arguments).await?;
            if !report.failed.is_empty() {
                return Err(failed(&report, cloud, console));
            }
            let has_changed = !plan.is_empty() || !report.secrets.is_empty() || !report.databases.is_empty();
            let must_prove = has_changed || cloud.deployment.rotations.has_two_valid();
            let world = if has_changed { session.observe().await.map_err(CommandError::Fault)? } else { world };
            let verification = match must_prove && !arguments.no_verify {
                true => Some(verify::ask(session, &visit, &world, &[], arguments.connect_to.as_ref()).await?),
                false => None,
            };
            // A run that changes nothing reads no secret.
            let depth = if has_changed { Depth::PublicKeys } else { Depth::Addresses };
            let outputs = filled(session, cloud, &world, &|_| true, depth).await?;
            Ok(Done { has_changed, report, verification, outputs })
        })
    }
}

/// The plan to run: the one that was reviewed, if nothing has moved since, or a new one.
async fn planned(
    session: &Session<'_, Connected<'_>>,
    identity: &Identity,
    cloud: &Cloud,
    reviewed: Option<AccountPlan>,
    arguments: &UpArguments,
) -> Result<(World, AccountPlan), CommandError> {
    let (world, plan) = match reviewed {
        Some(plan) => {
            let world = session.observe().await.map_err(CommandError::Preflight)?;
            session.check_plan(&plan, &identity.account, &world).map_err(CommandError::Preflight)?;
            (world, plan)
        }
        None => make(session, identity, &options(cloud, &arguments.allowed)?).await?,
    };
    if plan.refusals.is_empty() { Ok((world, plan)) } else { Err(refused(&plan.refusals, cloud)) }
}

/// Shows what is begun with.
async fn announce(
    session: &Session<'_, Connected<'_>>,
    cloud: &Cloud,
    world: &World,
    plan: &AccountPlan,
    console: &Console,
) -> Result<(), CommandError> {
    if plan.is_empty() {
        return Ok(());
    }
    let outlook = Outlook::new(session, cloud, world, plan.clone()).await?;
    if console.json {
        print_json_line(&json!({ "version": 1, "event": "up_started", "outlook": outlook }));
    } else {
        console.tell(&views::account_plan::text(&outlook, console.verbose));
    }
    Ok(())
}

async fn apply(
    session: &Session<'_, Connected<'_>>,
    identity: &Identity,
    world: &World,
    plan: &AccountPlan,
    rotates_from: Option<&Rotations>,
    arguments: &UpArguments,
) -> Result<UpReport, CommandError> {
    let lease = lease("up", arguments.wait);
    let options = UpOptions { lease, timeout: None, check_secrets: arguments.check_secrets, rotates_from };
    match session.up(plan, world, identity, &options).await {
        Ok(report) => Ok(report),
        // All that stands in the way at once, not one a run.
        Err(fault) => {
            let others = match fault.kind {
                FaultKind::NeedsPerson | FaultKind::Permission => session.preflight(plan, world, identity).await,
                _ => Ok(Vec::new()),
            };
            let mut others = others.unwrap_or_default();
            others.retain(|other| *other != fault);
            Err(if others.is_empty() {
                CommandError::Preflight(fault)
            } else {
                CommandError::Obstacles(Box::new(fault), others)
            })
        }
    }
}

/// How this run asks for the lease.
pub(crate) fn lease(verb: &str, wait_seconds: u64) -> LeaseRequest<'static> {
    let holder = Holder { pid: std::process::id(), since: SystemClock.now(), command: verb.to_owned(), host: host() };
    LeaseRequest { holder, wait: (wait_seconds > 0).then(|| Duration::from_secs(wait_seconds)), is_dead: &is_dead }
}

/// Whether a holder was a process of this machine that is gone.
fn is_dead(holder: &Holder) -> bool {
    holder.host == host()
        && Path::new("/proc/self").exists()
        && !Path::new("/proc").join(holder.pid.to_string()).exists()
}

/// The causes of a failure, each under its line of the manifest.
pub(crate) fn failed(report: &UpReport, cloud: &Cloud, console: &Console) -> CommandError {
    if !console.json {
        for name in &report.not_begun {
            console.tell(&format!("  {} {name} was not begun", paint(HINT, "-")));
        }
    }
    failure(&report.failed, cloud)
}

/// The error that failed stacks make.
pub(crate) fn failure(failed: &[FailedStack], cloud: &Cloud) -> CommandError {
    let Some(first) = failed.first() else {
        return CommandError::Fault(Fault::new(FaultKind::Bug, "ending the run", "it failed without a failure"));
    };
    let mut findings = Findings::new();
    for stack in failed {
        for cause in &stack.causes {
            let summary = format!("{} ({}): {}", cause.logical_id, cause.resource_type, cause.reason);
            let help = cause.help.clone().or_else(|| stack.fault.help.clone());
            let mut finding = Finding::new(&codes::RUN001, place(cause.origin.as_ref(), &stack.stack), summary);
            finding.help = help;
            findings.push(finding);
        }
        if stack.causes.is_empty() {
            return CommandError::Fault(stack.fault.clone());
        }
    }
    let sources = Box::new(cloud.sources.clone());
    match first.fault.kind {
        FaultKind::Permission => CommandError::Denied(findings, sources),
        FaultKind::Permanent => CommandError::RolledBack(findings, sources),
        _ => CommandError::Stuck(findings, sources),
    }
}

fn conclude(cloud: &Cloud, done: &Done, took: Duration, console: &Console) -> Result<(), CommandError> {
    let Done { has_changed, report, verification, outputs } = done;
    let verification = verification.as_ref();
    let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let name = &cloud.deployment.name;
    if console.json {
        let stacks: Vec<_> =
            report.finished.iter().map(|(stack, outcome)| json!({ "stack": stack, "outcome": outcome })).collect();
        print_json_line(&json!({
            "version": 1,
            "event": "up_finished",
            "deployment": cloud.application.name,
            "environment": cloud.application.environment.name,
            "changed": has_changed,
            "stacks": stacks,
            "left": report.left,
            "secrets_written": report.secrets,
            "proved": verification.map(|verification| verification.report.is_proved()),
            "not_checkable": verification.map(verify::not_checkable_json),
            "outputs": views::outputs::json(outputs),
            "took_ms": took,
        }));
        return Ok(());
    }
    if let Some(verification) = verification {
        console.line(&verify::summary(verification))?;
    }
    for left in &report.left {
        console.line(&format!("{} still there although nothing uses it any more: {left}", paint(HINT, "note:")))?;
    }
    if !*has_changed {
        let verb = cloud.command("verify");
        return console.line(&format!("Nothing to do: {name} is as its manifest says; `{verb}` asks it again."));
    }
    console.line(&format!("{name} is up ({}).\n", duration(took)))?;
    console.text(&views::outputs::text(&cloud.command("outputs"), outputs))?;
    console.tell(&format!(
        "\nEdit {} and type `{}` again to change it. Nothing of it is kept on this machine.",
        crate::surroundings::readable(&cloud.manifest),
        cloud.command("up")
    ));
    Ok(())
}
