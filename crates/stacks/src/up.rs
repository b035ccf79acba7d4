//! Bringing a deployment up: stacks in the order in which they need each other, independent ones side by side, secrets between.

use crate::account::{Identity, Stack};
use crate::causes::Cause;
use crate::lease::LeaseRequest;
use crate::plan::{AccountPlan, StackAction};
use crate::situation::Goal;
use crate::stack_run::{StackFailure, StackResult, StackRun, Wish};
use crate::{Account, Applied, Extent, Notice, Session, World};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use indexmap::IndexMap;
use model::cfn::Layer;
use model::{Fault, FaultKind, Rotations};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How a deployment is brought up.
pub struct UpOptions<'a> {
    /// How the lease is asked for.
    pub lease: LeaseRequest<'a>,
    /// After so long it is left to itself: what is under way goes on in the account.
    pub timeout: Option<Duration>,
    /// Reads all secrets although nothing says that they are not as wanted: somebody wrote one by hand.
    pub check_secrets: bool,
    /// What the account said of rotations before, when the deployment is a step further in them.
    pub rotates_from: Option<&'a Rotations>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq)]
pub struct UpReport {
    /// The stacks that are as wanted, or gone, as they were finished; each with what happened to it.
    pub finished: Vec<(String, &'static str)>,
    /// The stacks that are not, the first failure first.
    pub failed: Vec<FailedStack>,
    /// The stacks that were not begun with, because of a failure or a person.
    pub not_begun: Vec<String>,
    /// The secrets that were written, by logical id.
    pub secrets: Vec<String>,
    /// What was changed inside of databases, in words.
    pub databases: Vec<String>,
    /// What is still there although nothing uses it any more, in words.
    pub left: Vec<String>,
    /// What the stacks tell.
    pub outputs: IndexMap<String, String>,
    /// How long it took.
    pub took: Duration,
}

/// A stack that is not as wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedStack {
    /// Which.
    pub stack: String,
    /// Why, and what to do.
    pub fault: Fault,
    /// The independent causes.
    pub causes: Vec<Cause>,
}

/// A part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Stack(Layer),
    /// What goes into places that stacks make: secrets and releases.
    Contents,
    /// What must be in databases.
    Databases,
    /// What must be in databases no more.
    Departures,
}

/// How a part ended.
enum Ended {
    Stack(Box<Result<StackResult, StackFailure>>),
    Contents(Result<Vec<String>, Fault>),
    Databases(Result<Applied, Fault>),
}

impl<A: Account> Session<'_, A> {
    /// Does what a plan says. When nothing is to be done, nothing is locked and nothing is called but what tells so.
    ///
    /// # Errors
    /// When it may not begin: a plan that is refused, something known to stand in the way, somebody else's lease. A stack that fails is no
    /// error but in the report.
    pub async fn up(
        &self,
        plan: &AccountPlan,
        world: &World,
        caller: &Identity,
        options: &UpOptions<'_>,
    ) -> Result<UpReport, Fault> {
        let began = Instant::now();
        if let Some(refusal) = plan.refusals.first() {
            let cause = match &refusal.origin {
                Some(origin) => format!("{origin}: {}", refusal.cause),
                None => refusal.cause.clone(),
            };
            let doing = format!("bringing up {}", self.deployment.name);
            return Err(Fault::new(FaultKind::NeedsPerson, doing, cause).help(refusal.help.clone()));
        }
        if !plan.is_empty()
            && let Some(obstacle) = self.preflight(plan, world, caller).await?.into_iter().next()
        {
            return Err(obstacle);
        }
        let is_protected = world.stacks.values().all(|seen| seen.stack.is_protected);
        if plan.is_empty()
            && is_protected
            && !options.check_secrets
            && options.rotates_from.is_none()
            && !self.deployment.rotations.clone().settle()
            && self.has_its_secrets(world).await?
            && self.has_its_contents(world).await?
            && !self.are_contents_touched(world).await
        {
            let outputs = outputs(world);
            let finished = world.stacks.values().map(|seen| (seen.stack.name.clone(), "as it was")).collect();
            return Ok(UpReport { finished, outputs, took: began.elapsed(), ..UpReport::empty() });
        }
        let lease = self.acquire(&options.lease).await?;
        let work = async {
            self.take_step(options.rotates_from).await?;
            let run = self.run(plan, world);
            let report = match options.timeout {
                None => run.await,
                Some(timeout) => tokio::time::timeout(timeout, run).await.map_err(|_| self.too_long(timeout))?,
            };
            if report.failed.is_empty() {
                self.settle_rotations().await?;
            }
            Ok(report)
        };
        let report = self.while_held(lease, work).await?;
        Ok(UpReport { took: began.elapsed(), ..report })
    }

    fn too_long(&self, after: Duration) -> Fault {
        let cause = format!("not finished after {} s; what is under way goes on in the account", after.as_secs());
        Fault::new(FaultKind::Timeout, format!("bringing up {}", self.deployment.name), cause)
            .help("run the same command again: it waits for what is under way and goes on from there")
    }

    async fn run(&self, plan: &AccountPlan, world: &World) -> UpReport {
        let world = Mutex::new(world.clone());
        let mut report = UpReport::empty();
        let mut waiting = self.parts(plan);
        let mut finished: BTreeSet<Part> = Layer::ALL
            .into_iter()
            .map(Part::Stack)
            .chain([Part::Contents, Part::Databases, Part::Departures])
            .filter(|part| !waiting.contains(part))
            .collect();
        let mut running: FuturesUnordered<BoxFuture<'_, (Part, Ended)>> = FuturesUnordered::new();
        loop {
            let may_begin = report.failed.is_empty() && !self.interrupt.is_cancelled();
            if may_begin {
                let ready: Vec<Part> =
                    waiting.iter().copied().filter(|part| self.before(*part).is_subset(&finished)).collect();
                waiting.retain(|part| !ready.contains(part));
                for part in ready {
                    running.push(Box::pin(self.begin(part, plan, &world)));
                }
            }
            let Some((part, ended)) = running.next().await else { break };
            match ended {
                Ended::Stack(ended) => match *ended {
                    Ok(result) => {
                        finished.insert(part);
                        report.finished.push((self.deployment.stack_name(result.layer), result.outcome));
                        report.left.extend(result.left);
                        set(&world, result.layer, result.stack);
                    }
                    Err(StackFailure { fault, causes }) => {
                        report.failed.push(FailedStack { stack: self.name_of(part), fault, causes });
                    }
                },
                Ended::Contents(Ok(put)) => {
                    finished.insert(part);
                    let stale = !put.is_empty()
                        && plan.stack(Layer::Service).is_some_and(|stack| stack.action == StackAction::Keep);
                    if stale {
                        self.tell(Notice::Remark(
                            "secrets changed: hosts that run already read them at their next start".to_owned(),
                        ));
                    }
                    report.secrets = put;
                }
                Ended::Databases(Ok(applied)) => {
                    finished.insert(part);
                    report.databases.extend(applied.done);
                    if applied.waiting.is_empty() {
                        waiting.retain(|part| *part != Part::Departures);
                    }
                }
                Ended::Contents(Err(fault)) | Ended::Databases(Err(fault)) => {
                    report.failed.push(FailedStack { stack: self.name_of(part), fault, causes: Vec::new() });
                }
            }
        }
        report.not_begun = waiting.iter().map(|part| self.name_of(*part)).collect();
        if report.failed.is_empty() && !waiting.is_empty() {
            let fault = self.interrupted(&report.not_begun.join(", "));
            report.failed.push(FailedStack { stack: self.deployment.name.clone(), fault, causes: Vec::new() });
        }
        report.outputs = outputs(&world.lock().unwrap_or_else(PoisonError::into_inner));
        report
    }

    /// What there is to do.
    fn parts(&self, plan: &AccountPlan) -> Vec<Part> {
        let mut parts: Vec<Part> = plan.stacks.iter().map(|stack| Part::Stack(stack.layer)).collect();
        if !self.content_layers().is_empty() {
            parts.push(Part::Contents);
        }
        if !self.deployment.databases.is_empty() {
            parts.extend([Part::Databases, Part::Departures]);
        }
        parts
    }

    /// What must be finished before a part is begun.
    fn before(&self, part: Part) -> BTreeSet<Part> {
        let contents = self.content_layers();
        match part {
            Part::Contents => contents.into_iter().map(Part::Stack).collect(),
            Part::Databases => {
                let layers = self.database_layers().into_iter().chain(contents).map(Part::Stack);
                layers.chain([Part::Contents]).collect()
            }
            // Whoever used it uses something else by then, or is gone.
            Part::Departures => {
                Layer::ALL.into_iter().map(Part::Stack).chain([Part::Contents, Part::Databases]).collect()
            }
            Part::Stack(layer) => {
                let mut before: BTreeSet<Part> = self.deployment.before(layer).into_iter().map(Part::Stack).collect();
                if self.deployment.wanted(layer).is_some() && contents.iter().all(|earlier| *earlier < layer) {
                    before.insert(Part::Contents);
                }
                // Nothing works with a database before what must be in it is there.
                if self.deployment.wanted(layer).is_some()
                    && layer > Layer::Access
                    && !self.deployment.databases.is_empty()
                {
                    before.insert(Part::Databases);
                }
                before
            }
        }
    }

    fn name_of(&self, part: Part) -> String {
        match part {
            Part::Stack(layer) => self.deployment.stack_name(layer),
            Part::Contents => format!("the secrets and releases of {}", self.deployment.name),
            Part::Databases => format!("what is in the databases of {}", self.deployment.name),
            Part::Departures => format!("what goes from the databases of {}", self.deployment.name),
        }
    }

    async fn begin(&self, part: Part, plan: &AccountPlan, world: &Mutex<World>) -> (Part, Ended) {
        let now = world.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let layer = match part {
            Part::Contents => return (part, Ended::Contents(self.fill(&now).await)),
            Part::Databases => {
                let applied = self.apply_contents(&now, Extent::Additions).await;
                return (part, Ended::Databases(applied));
            }
            Part::Departures => {
                return (part, Ended::Databases(self.apply_contents(&now, Extent::Everything).await));
            }
            Part::Stack(layer) => layer,
        };
        let reviewed = plan.stack(layer);
        let template = self.deployment.wanted(layer);
        let parameters = template.map(|stack| now.parameters(self.deployment, stack)).unwrap_or_default();
        let there = now.stack(layer);
        // As wanted when the plan was made, and nothing that it takes has changed since.
        let has_same_parameters = || {
            there.is_some_and(|stack| {
                parameters.given.iter().all(|(name, value)| stack.parameters.get(name) == Some(value))
            }) && parameters.unknown.is_empty()
        };
        if let Some(stack) = there.filter(|stack| stack.is_protected)
            && reviewed.is_some_and(|plan| plan.action == StackAction::Keep)
            && has_same_parameters()
        {
            let (stack, left) = (Some(stack.clone()), Vec::new());
            return (part, Ended::Stack(Box::new(Ok(StackResult { layer, stack, outcome: "as it was", left }))));
        }
        let wish = Wish {
            layer,
            name: self.deployment.stack_name(layer),
            goal: if template.is_some() { Goal::Present } else { Goal::Absent },
            template,
            parameters,
            reviewed,
            allowed: &plan.allow_replace,
            may_empty_buckets: false,
        };
        (part, Ended::Stack(Box::new(StackRun::new(self, wish).run().await)))
    }
}

impl UpReport {
    fn empty() -> Self {
        Self {
            finished: Vec::new(),
            failed: Vec::new(),
            not_begun: Vec::new(),
            secrets: Vec::new(),
            databases: Vec::new(),
            left: Vec::new(),
            outputs: IndexMap::new(),
            took: Duration::ZERO,
        }
    }

    /// The fault that says most: the first failure.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        self.failed.first().map(|failed| &failed.fault)
    }
}

fn set(world: &Mutex<World>, layer: Layer, stack: Option<Stack>) {
    let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
    match stack {
        Some(stack) => drop(world.stacks.insert(layer, crate::Seen { stack, template: None })),
        None => drop(world.stacks.shift_remove(&layer)),
    }
}

fn outputs(world: &World) -> IndexMap<String, String> {
    world.stacks.values().flat_map(|seen| seen.stack.outputs.clone()).collect()
}
