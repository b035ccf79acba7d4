//! Doing what a plan says: independent steps side by side, each written down before and after.
//!
//! The first failure or interruption begins no further step and lets those under way finish; the
//! journal then says exactly how far it came, and the next run goes on from there.

use crate::journal::Journal;
use crate::ports::{Clock, Job, Target};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use model::event::{JOURNAL_VERSION, Outcome};
use model::{DeploymentPlan, Digest, Event, Fault, FaultKind, RunEvent, Step, StepId};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// How a plan is run.
pub struct Options<'a, C: Clock> {
    /// The time.
    pub clock: &'a C,
    /// Stops the run after the steps under way.
    pub interrupt: CancellationToken,
    /// Is told every event as it happens, those of the journal after they are on the disk.
    pub sink: &'a (dyn Fn(&RunEvent) + Send + Sync),
    /// How many steps at a time.
    pub parallelism: usize,
    /// After so long without a word a step says that it is still at work.
    pub heartbeat: Duration,
    /// The pauses before a step that failed for a passing reason is tried again.
    pub retries: &'a [Duration],
}

impl<'a, C: Clock> Options<'a, C> {
    /// The usual: four steps at a time, a word every ten seconds, two retries.
    pub fn new(clock: &'a C, sink: &'a (dyn Fn(&RunEvent) + Send + Sync)) -> Self {
        const RETRIES: &[Duration] = &[Duration::from_millis(500), Duration::from_secs(2)];
        let heartbeat = Duration::from_secs(10);
        Self { clock, interrupt: CancellationToken::new(), sink, parallelism: 4, heartbeat, retries: RETRIES }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All steps succeeded.
    Finished,
    /// A step failed.
    Failed,
    /// A person stopped it.
    Interrupted,
}

/// What a run did.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// Its id in the journal.
    pub run: String,
    /// How it ended.
    pub ending: Ending,
    /// The steps that succeeded, as they finished.
    pub succeeded: Vec<(StepId, Outcome)>,
    /// The steps that failed, as they finished; the first is the cause.
    pub failed: Vec<(StepId, Fault)>,
    /// The steps that were not begun.
    pub not_begun: Vec<StepId>,
    /// How long it took.
    pub took: Duration,
}

/// Runs a plan that was made from the journal's state.
///
/// # Errors
/// When the journal cannot be written; steps under way are finished before. A failed step is no
/// error of the run but in its report.
pub async fn run<T: Target, C: Clock>(
    plan: &DeploymentPlan,
    target: &T,
    journal: &mut Journal,
    options: &Options<'_, C>,
) -> Result<RunReport, Fault> {
    let begun = Instant::now();
    let digest = plan.digest();
    let run = Digest::of(&(&digest, options.clock.now())).short().to_owned();
    let teller = Teller { run, clock: options.clock, sink: options.sink };
    let mut scribe = Scribe { journal, teller: &teller, refusal: None };
    scribe.write(Event::RunStarted { plan: Box::new(plan.clone()) });

    let mut progress = Progress::of(plan);
    let mut under_way = FuturesUnordered::new();
    loop {
        while under_way.len() < options.parallelism.max(1) {
            let goes_on = scribe.refusal.is_none() && progress.failed.is_empty() && !options.interrupt.is_cancelled();
            let Some(step) = progress.next().filter(|_| goes_on) else { break };
            let token = token(&digest, &step.id);
            if scribe.write(Event::StepStarted { step: step.id.clone(), token: token.clone() }) {
                progress.begin(step);
                under_way.push(perform(step, token, plan, target, &teller, options));
            }
        }
        let Some((step, result)) = under_way.next().await else { break };
        let step = step.id.clone();
        match result {
            Ok(outcome) => {
                scribe.write(Event::StepSucceeded { step: step.clone(), outcome: outcome.clone() });
                progress.succeed(step, outcome);
            }
            Err(fault) => {
                scribe.write(Event::StepFailed { step: step.clone(), fault: fault.clone() });
                progress.failed.push((step, fault));
            }
        }
    }

    let not_begun: Vec<StepId> = progress.waiting.iter().map(|step| step.id.clone()).collect();
    let ending = match progress.failed.first() {
        Some((step, fault)) => {
            scribe.write(Event::RunStopped { reason: format!("{step} failed: {fault}") });
            Ending::Failed
        }
        None if not_begun.is_empty() => {
            scribe.write(Event::RunFinished);
            Ending::Finished
        }
        None => {
            scribe.write(Event::RunStopped { reason: "interrupted".into() });
            Ending::Interrupted
        }
    };
    if let Some(refusal) = scribe.refusal {
        return Err(refusal);
    }
    let Progress { succeeded, failed, .. } = progress;
    Ok(RunReport { run: teller.run.clone(), ending, succeeded, failed, not_begun, took: begun.elapsed() })
}

/// The token of a step: repeating a step that did happen, with the same token, does nothing.
fn token(plan: &Digest, step: &StepId) -> String {
    Digest::of(&(plan, step)).short().to_owned()
}

/// Tells the views what happens.
struct Teller<'a, C: Clock> {
    run: String,
    clock: &'a C,
    sink: &'a (dyn Fn(&RunEvent) + Send + Sync),
}

impl<C: Clock> Teller<'_, C> {
    fn event(&self, event: Event) -> RunEvent {
        RunEvent { version: JOURNAL_VERSION, at: self.clock.now(), run: self.run.clone(), event }
    }

    fn progress(&self, step: &StepId, message: &str, fraction: Option<f64>) {
        let event = Event::StepProgress { step: step.clone(), message: message.to_owned(), fraction };
        (self.sink)(&self.event(event));
    }
}

/// Writes events down, then tells them. After the first refusal it writes nothing more.
struct Scribe<'a, C: Clock> {
    journal: &'a mut Journal,
    teller: &'a Teller<'a, C>,
    refusal: Option<Fault>,
}

impl<C: Clock> Scribe<'_, C> {
    fn write(&mut self, event: Event) -> bool {
        if self.refusal.is_some() {
            return false;
        }
        let event = self.teller.event(event);
        match self.journal.append(&event) {
            Ok(()) => {
                (self.teller.sink)(&event);
                true
            }
            Err(fault) => {
                self.refusal = Some(fault);
                false
            }
        }
    }
}

/// Which steps wait, run, are done.
struct Progress<'a> {
    waiting: Vec<&'a Step>,
    done: BTreeSet<&'a StepId>,
    by_id: &'a [Step],
    succeeded: Vec<(StepId, Outcome)>,
    failed: Vec<(StepId, Fault)>,
}

impl<'a> Progress<'a> {
    fn of(plan: &'a DeploymentPlan) -> Self {
        let waiting = plan.steps.iter().collect();
        Self { waiting, done: BTreeSet::new(), by_id: &plan.steps, succeeded: Vec::new(), failed: Vec::new() }
    }

    fn next(&self) -> Option<&'a Step> {
        self.waiting.iter().copied().find(|step| step.needs.iter().all(|need| self.done.contains(need)))
    }

    fn begin(&mut self, step: &Step) {
        self.waiting.retain(|waiting| waiting.id != step.id);
    }

    fn succeed(&mut self, step: StepId, outcome: Outcome) {
        self.done.extend(self.by_id.iter().map(|done| &done.id).find(|id| **id == step));
        self.succeeded.push((step, outcome));
    }
}

/// One step, with heartbeats, tried again after passing failures.
async fn perform<'s, T: Target, C: Clock>(
    step: &'s Step,
    token: String,
    plan: &DeploymentPlan,
    target: &T,
    teller: &Teller<'_, C>,
    options: &Options<'_, C>,
) -> (&'s Step, Result<Outcome, Fault>) {
    let begun = Instant::now();
    let last_word = Mutex::new(begun);
    let progress = |message: &str, fraction: Option<f64>| {
        if let Ok(mut last_word) = last_word.lock() {
            *last_word = Instant::now();
        }
        teller.progress(&step.id, message, fraction);
    };
    let job = Job { step, token: &token, ports: &plan.ports, progress: &progress };
    let work = async {
        let mut pauses = options.retries.iter();
        loop {
            match target.perform(job).await {
                Err(fault) if fault.kind == FaultKind::Transient && !options.interrupt.is_cancelled() => {
                    let Some(pause) = pauses.next() else { return Err(fault) };
                    progress(&format!("{fault}; trying again in {:.1} s", pause.as_secs_f64()), None);
                    tokio::time::sleep(*pause).await;
                }
                result => return result,
            }
        }
    };
    tokio::pin!(work);
    let mut heartbeat = tokio::time::interval(options.heartbeat.max(Duration::from_millis(1)));
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            result = &mut work => return (step, result),
            _ = heartbeat.tick() => {
                let silent = last_word.lock().is_ok_and(|last_word| last_word.elapsed() >= options.heartbeat);
                if silent {
                    progress(&format!("still at work after {} s", begun.elapsed().as_secs()), None);
                }
            }
        }
    }
}
