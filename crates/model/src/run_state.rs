//! The state of a deployment as the fold of its journal.

use crate::event::{Event, Outcome, RunEvent};
use crate::plan::{Action, DeploymentPlan, Step};
use crate::process_graph::{Node, PortWish};
use crate::{Digest, NodeId, PortId, StepId};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A history that no run can have written: the journal was changed by hand or is of another product.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal's history is impossible: {0}")]
pub struct IllegalHistory(pub String);

/// A node as it was last made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// Its description then.
    pub node: Node,
    /// Its digest then.
    pub digest: Digest,
    /// The numbers of its ports then. They may differ from what is given away since, as long as
    /// the step that moves it has not succeeded.
    #[serde(default)]
    pub numbers: IndexMap<PortId, u16>,
    /// What the effect left behind to compare with.
    pub evidence: Option<Digest>,
    /// False between the start of a step on this node and its success: nobody knows then what is
    /// there, so the next plan must make it again (or remove it), whatever the digest says.
    pub settled: bool,
}

/// How far a step of the current run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepState {
    /// Not yet begun.
    Waiting,
    /// Begun; whether it happened is not known until it succeeds.
    Started,
    /// Done.
    Succeeded,
    /// Refused by the world.
    Failed,
}

/// The state of a deployment: what is made, and the run that is under way or was cut off.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunState {
    /// What is made.
    pub made: IndexMap<NodeId, Made>,
    /// The ports that are given away.
    pub ports: IndexMap<PortId, u16>,
    /// What was wished for each of them.
    pub wishes: IndexMap<PortId, PortWish>,
    /// The run that has started and not finished.
    pub current: Option<CurrentRun>,
}

/// A run that has started and not finished.
#[derive(Debug, Clone, PartialEq)]
pub struct CurrentRun {
    /// Its id.
    pub run: String,
    /// Its plan.
    pub plan: DeploymentPlan,
    /// How far each step is.
    pub steps: IndexMap<StepId, StepState>,
    /// Whether it was stopped; only a new run may follow.
    pub stopped: bool,
}

impl RunState {
    /// The only transition: what an event changes.
    ///
    /// A run that was cut off may be followed by another one: the new run's plan was made from what
    /// the world showed, so what the old one left in the air is known again.
    ///
    /// # Errors
    /// When the event cannot follow what happened before.
    pub fn apply(&mut self, event: &RunEvent) -> Result<(), IllegalHistory> {
        match &event.event {
            Event::Checkpoint { made, ports, wishes } => {
                if *self != Self::default() {
                    return Err(IllegalHistory("a checkpoint that is not the first event".into()));
                }
                *self = Self { made: made.clone(), ports: ports.clone(), wishes: wishes.clone(), current: None };
            }
            Event::RunStarted { plan } => {
                self.ports = plan.ports.clone();
                self.wishes = plan.wishes.clone();
                self.current = Some(CurrentRun {
                    run: event.run.clone(),
                    steps: plan.steps.iter().map(|step| (step.id.clone(), StepState::Waiting)).collect(),
                    plan: (**plan).clone(),
                    stopped: false,
                });
            }
            Event::StepStarted { step, .. } => {
                self.step(event, step, &[StepState::Waiting], StepState::Started)?;
                let begun = self.planned(step)?;
                match (self.made.get_mut(&begun.node), begun.digest) {
                    (Some(made), _) => made.settled = false,
                    (None, Some(digest)) => {
                        let numbers = self.numbers(&begun.desired);
                        let made = Made { node: begun.desired, digest, numbers, evidence: None, settled: false };
                        self.made.insert(begun.node, made);
                    }
                    (None, None) => {}
                }
            }
            Event::StepProgress { .. } => {}
            Event::StepSucceeded { step, outcome } => {
                self.step(event, step, &[StepState::Started], StepState::Succeeded)?;
                let done = self.planned(step)?;
                self.record(done, outcome);
            }
            Event::StepFailed { step, .. } => {
                self.step(event, step, &[StepState::Started], StepState::Failed)?;
            }
            Event::RunStopped { .. } => self.run(event)?.stopped = true,
            Event::RunFinished => {
                let run = self.run(event)?;
                if let Some((step, _)) = run.steps.iter().find(|(_, state)| **state != StepState::Succeeded) {
                    return Err(IllegalHistory(format!("run {} finished before step {step}", event.run)));
                }
                self.current = None;
            }
        }
        Ok(())
    }

    fn record(&mut self, step: Step, outcome: &Outcome) {
        match (step.action, step.digest) {
            (Action::Delete, _) | (_, None) => {
                self.made.shift_remove(&step.node);
            }
            (_, Some(digest)) => {
                let (numbers, evidence) = (self.numbers(&step.desired), outcome.evidence.clone());
                let made = Made { node: step.desired, digest, numbers, evidence, settled: true };
                self.made.insert(step.node, made);
            }
        }
    }

    fn numbers(&self, node: &Node) -> IndexMap<PortId, u16> {
        let number = |port: &PortId| Some((port.clone(), *self.ports.get(port)?));
        node.spec.ports().into_iter().filter_map(number).collect()
    }

    fn run(&mut self, event: &RunEvent) -> Result<&mut CurrentRun, IllegalHistory> {
        match &mut self.current {
            Some(run) if run.run == event.run && !run.stopped => Ok(run),
            _ => Err(IllegalHistory(format!("an event of run {}, which is not under way", event.run))),
        }
    }

    fn step(
        &mut self,
        event: &RunEvent,
        step: &StepId,
        before: &[StepState],
        after: StepState,
    ) -> Result<(), IllegalHistory> {
        let run = self.run(event)?;
        match run.steps.get_mut(step) {
            Some(state) if before.contains(state) => {
                *state = after;
                Ok(())
            }
            Some(state) => Err(IllegalHistory(format!("step {step} went from {state:?} to {after:?}"))),
            None => Err(IllegalHistory(format!("step {step} is not in the plan"))),
        }
    }

    fn planned(&self, id: &StepId) -> Result<Step, IllegalHistory> {
        self.current
            .as_ref()
            .and_then(|run| run.plan.steps.iter().find(|step| step.id == *id))
            .cloned()
            .ok_or_else(|| IllegalHistory(format!("step {id} is not in the plan")))
    }
}
