//! `landfall plan` for an account: what would be done to each component, and what that means.

use crate::account::cloud::Cloud;
use crate::account::codes;
use crate::account::plan_file;
use crate::account::session::{Connected, Visit};
use crate::arguments::{AllowedArguments, PlanArguments};
use crate::command_error::CommandError;
use crate::console::Console;
use crate::surroundings::{Surroundings, readable};
use crate::views;
use analysis::cost::{CostReport, fixed_cost};
use analysis::duration::{DurationReport, time_to_create};
use model::cfn::{ResourceGraph, read};
use model::{ComponentName, Finding, Findings, ManifestPath, Place};
use serde::Serialize;
use stacks::account::Identity;
use stacks::plan::{PlanRefusal, ResourceAction};
use stacks::{Account as _, AccountPlan, PlanOptions, Session, World};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The version of the document's JSON form.
const OUTLOOK_VERSION: u32 = 1;

/// A plan with what it costs and how long it takes.
#[derive(Debug, Serialize)]
pub(crate) struct Outlook {
    version: u32,
    offline: bool,
    environment: String,
    /// The digest by which `up FILE` knows it.
    digest: String,
    pub(crate) plan: AccountPlan,
    /// How long it usually takes.
    pub(crate) duration: DurationReport,
    pub(crate) cost: CostChange,
}

/// What the change means for the bill.
#[derive(Debug, Serialize)]
pub(crate) struct CostChange {
    /// A month before, in millionths.
    before: u64,
    /// A month after, in millionths.
    pub(crate) after: u64,
    /// By component, in millionths a month; those that stay the same are left out.
    pub(crate) by_component: BTreeMap<String, i64>,
    /// All of it.
    pub(crate) report: CostReport,
}

impl CostChange {
    /// In millionths a month.
    pub(crate) fn difference(&self) -> i64 {
        signed(self.after) - signed(self.before)
    }
}

fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}

pub(crate) fn run(
    cloud: &Cloud,
    arguments: &PlanArguments,
    surroundings: &Surroundings,
    console: &Console,
) -> Result<(), CommandError> {
    let options = options(cloud, &arguments.allowed)?;
    let visit = Visit::looking(cloud, &arguments.account, surroundings, console);
    let outlook = visit.run(async |session, identity| {
        let (world, plan) = make(session, identity, &options).await?;
        if arguments.output.is_none() {
            session.discard(&plan).await.map_err(CommandError::Preflight)?;
        }
        Outlook::new(session, cloud, &world, plan).await
    })?;
    if let Some(file) = &arguments.output {
        plan_file::write(file, &outlook.plan, &cloud.manifest, &arguments.manifest)?;
    }
    if console.json {
        let mut document = serde_json::to_value(&outlook).map_err(std::io::Error::from)?;
        document["proof"] = cloud.proof_json();
        console.document(&document)?;
    } else {
        console.text(&views::account_plan::text(&outlook, console.verbose))?;
        console.text(&cloud.proof_section(console.verbose))?;
    }
    if !outlook.plan.refusals.is_empty() {
        return Err(refused(&outlook.plan.refusals, cloud));
    }
    match &arguments.output {
        Some(file) => console.tell(&format!("\nType `landfall up {}` to do exactly this.", readable(&absolute(file)))),
        None if outlook.plan.is_empty() => {}
        None => console.tell(&format!("\nType `{}` to do this.", cloud.command("up"))),
    }
    Ok(())
}

fn absolute(file: &Path) -> std::path::PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf())
}

/// Looks and plans.
pub(crate) async fn make(
    session: &Session<'_, Connected<'_>>,
    identity: &Identity,
    options: &PlanOptions,
) -> Result<(World, AccountPlan), CommandError> {
    let world = session.observe().await.map_err(CommandError::Preflight)?;
    let plan = session.plan(&world, &identity.account, options).await.map_err(CommandError::Preflight)?;
    Ok((world, plan))
}

/// The components that may lose something; each must be one of the deployment's.
pub(crate) fn options(cloud: &Cloud, allowed: &AllowedArguments) -> Result<PlanOptions, CommandError> {
    let known: BTreeSet<&ComponentName> =
        cloud.deployment.graph.resources.values().filter_map(|resource| resource.component.as_ref()).collect();
    let mut allow_replace = BTreeSet::new();
    for name in &allowed.allow_replace {
        // One that is no longer in the manifest is removed; it can be named too.
        let component = ComponentName::new(name.clone()).map_err(|_| {
            let known: Vec<&str> = known.iter().map(|name| name.as_str()).collect();
            CommandError::usage(
                format!("--allow-replace {name}: that is no name of a component"),
                format!("the components are: {}", known.join(", ")),
            )
        })?;
        allow_replace.insert(component);
    }
    Ok(PlanOptions { allow_replace })
}

/// The refusals of a plan, each under its line of the manifest.
pub(crate) fn refused(refusals: &[PlanRefusal], cloud: &Cloud) -> CommandError {
    let mut findings = Findings::new();
    for refusal in refusals {
        let code = if refusal.component.is_some() { &codes::RUN002 } else { &codes::RUN005 };
        findings.push(
            Finding::new(code, place(refusal.origin.as_ref(), &cloud.deployment.name), &refusal.cause)
                .help(&refusal.help),
        );
    }
    CommandError::Refused(findings, Box::new(cloud.sources.clone()))
}

/// The line of the manifest, or a name where no line made it.
pub(crate) fn place(origin: Option<&ManifestPath>, name: &str) -> Place {
    origin.map_or_else(|| Place::Outside(name.to_owned()), |origin| Place::Key(origin.clone()))
}

impl Outlook {
    /// Of a plan, with what the templates that are there cost.
    pub(crate) async fn new(
        session: &Session<'_, Connected<'_>>,
        cloud: &Cloud,
        world: &World,
        plan: AccountPlan,
    ) -> Result<Self, CommandError> {
        let region = cloud.region();
        let mut before = Vec::new();
        for seen in world.stacks.values() {
            let template =
                match &seen.template {
                    Some(template) => Some(template.clone()),
                    None => session.account.template(&seen.stack.id).await.map_err(|error| {
                        CommandError::Preflight(error.fault(format!("reading {}", seen.stack.name)))
                    })?,
                };
            let graph = template.and_then(|text| read(&seen.stack.name, &text, &mut Findings::new()));
            before.extend(graph.map(|template| with_components(template.graph, &cloud.deployment.graph)));
        }
        let before: Vec<CostReport> = before.iter().map(|graph| fixed_cost(graph, region)).collect();
        let after = fixed_cost(&cloud.deployment.graph, region);
        Ok(Self {
            version: OUTLOOK_VERSION,
            offline: false,
            environment: cloud.application.environment.name.clone(),
            digest: plan.digest().to_string(),
            duration: time_to_create(&touched(&cloud.deployment.graph, &plan)),
            cost: CostChange {
                before: before.iter().map(|report| report.monthly.0).sum(),
                after: after.monthly.0,
                by_component: by_component(&before, &after),
                report: after,
            },
            plan,
        })
    }
}

/// A template that is there says no components; those of the same logical ids are meant.
fn with_components(mut graph: ResourceGraph, wanted: &ResourceGraph) -> ResourceGraph {
    for (id, resource) in &mut graph.resources {
        if let Some(known) = wanted.resources.get(id) {
            resource.component.clone_from(&known.component);
        }
    }
    graph
}

/// The resources that take time: those that are made, changed or replaced.
fn touched(graph: &ResourceGraph, plan: &AccountPlan) -> ResourceGraph {
    let ids: BTreeSet<&str> = plan
        .changes()
        .filter(|change| change.action != ResourceAction::Delete)
        .map(|change| change.logical_id.as_str())
        .collect();
    let mut graph = graph.clone();
    graph.resources.retain(|id, _| ids.contains(id.as_str()));
    graph
}

fn by_component(before: &[CostReport], after: &CostReport) -> BTreeMap<String, i64> {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    let mut add = |report: &CostReport, sign: i64| {
        for line in &report.lines {
            let name = line.component.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            *sums.entry(name).or_default() += sign * signed(line.monthly.0);
        }
    };
    for report in before {
        add(report, -1);
    }
    add(after, 1);
    sums.retain(|_, difference| *difference != 0);
    sums
}
