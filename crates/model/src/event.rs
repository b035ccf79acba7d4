//! What happens in a run. The journal is a list of these; every view is made from them.

use crate::plan::DeploymentPlan;
use crate::process_graph::PortWish;
use crate::run_state::Made;
use crate::{Digest, Fault, NodeId, PortId, StepId};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// The version of the journal's JSON form.
pub const JOURNAL_VERSION: u32 = 1;

/// An event with when it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEvent {
    /// [`JOURNAL_VERSION`].
    pub version: u32,
    /// RFC 3339, UTC.
    pub at: String,
    /// Which run; all events of one `up` or `down` share it.
    pub run: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first line of a journal that was made short: what earlier runs left, all at once.
    Checkpoint {
        /// What is made.
        made: IndexMap<NodeId, Made>,
        /// The ports that are given away.
        ports: IndexMap<PortId, u16>,
        /// What was wished for each of them.
        #[serde(default)]
        wishes: IndexMap<PortId, PortWish>,
    },
    /// A run begins; the whole plan is written down, so that it can be taken up again.
    RunStarted {
        /// What will be done.
        plan: Box<DeploymentPlan>,
    },
    /// Written and synced before the effect.
    StepStarted {
        /// Which step.
        step: StepId,
        /// Its idempotency token.
        token: String,
    },
    /// For people; never changes the state, and is not kept in the journal.
    StepProgress {
        /// Which step.
        step: StepId,
        /// What it is doing.
        message: String,
        /// How much is done, from 0 to 1, where that is known.
        fraction: Option<f64>,
    },
    /// Written after the effect.
    StepSucceeded {
        /// Which step.
        step: StepId,
        /// How it went.
        outcome: Outcome,
    },
    /// The effect failed.
    StepFailed {
        /// Which step.
        step: StepId,
        /// Why.
        fault: Fault,
    },
    /// The run ended before its last step, because of a failed step or a person.
    RunStopped {
        /// In words.
        reason: String,
    },
    /// All steps have succeeded.
    RunFinished,
}

/// How a step that succeeded went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// In a few words, for people: `698 MB, 92 packages`.
    pub summary: String,
    /// What the effect left behind that later steps and repairs compare with (for a file its content's digest).
    pub evidence: Option<Digest>,
}
