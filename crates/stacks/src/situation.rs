//! How a stack stands, as far as the next call depends on it.

use crate::account::{ChangeSet, ChangeSetStatus, Stack, StackStatus};
use crate::deployment::{DEPLOYMENT_TAG, Deployment, ENVIRONMENT_TAG};
use serde::{Deserialize, Serialize};

/// What is wanted of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// It is as its template says.
    Present,
    /// It is gone.
    Absent,
}

/// Whose a stack is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// The deployment's.
    Ours,
    /// An empty one that waits for a review, and nobody else's change set is in it.
    Unclaimed,
    /// Somebody else's; in words.
    Foreign(String),
}

/// How the change set stands that would do what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeSetSituation {
    /// There is none.
    Absent,
    /// CloudFormation computes it.
    InTheMaking,
    /// It can be executed.
    Ready,
    /// There is nothing to change.
    Empty,
    /// It could not be made.
    Failed {
        /// Whether this run asked for it; an earlier one's is asked for again.
        made_now: bool,
    },
}

/// What this run has done to a stack already. Nothing is done without end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tries {
    /// Rollbacks that were continued.
    pub continued: u32,
    /// Deletions that were begun.
    pub deleted: u32,
    /// Updates that were cancelled.
    pub cancelled: u32,
    /// Rollbacks that were begun.
    pub rolled_back: u32,
}

/// How a stack stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSituation {
    /// What is wanted.
    pub goal: Goal,
    /// How it stands; none when there is no such stack.
    pub status: Option<StackStatus>,
    /// Whose it is.
    pub ownership: Ownership,
    /// Whether its template, parameters and tags are the wanted ones.
    pub is_as_wanted: bool,
    /// Whether it is protected from deletion.
    pub is_protected: bool,
    /// The change set that would do what is wanted.
    pub change_set: ChangeSetSituation,
    /// Whether this run changed it and that failed.
    pub has_failed: bool,
    /// What this run has done to it.
    pub tries: Tries,
}

impl ChangeSetSituation {
    /// From what the account says.
    #[must_use]
    pub fn of(change_set: Option<&ChangeSet>, made_now: bool) -> Self {
        let Some(change_set) = change_set else { return Self::Absent };
        match change_set.status {
            ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress => Self::InTheMaking,
            ChangeSetStatus::CreateComplete if change_set.is_executable => Self::Ready,
            // Being executed, or executed before: the stack's own state tells the rest.
            ChangeSetStatus::CreateComplete => Self::Failed { made_now },
            ChangeSetStatus::Failed if says_no_change(change_set.reason.as_deref()) => Self::Empty,
            ChangeSetStatus::Failed | ChangeSetStatus::DeleteFailed => Self::Failed { made_now },
            ChangeSetStatus::DeleteInProgress | ChangeSetStatus::DeletePending => Self::InTheMaking,
            ChangeSetStatus::DeleteComplete => Self::Absent,
        }
    }
}

/// CloudFormation has no code of its own for a change set that changes nothing, only these words.
fn says_no_change(reason: Option<&str>) -> bool {
    reason.is_some_and(|reason| {
        reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
    })
}

/// Whose a stack is, by its tags; of one that waits for a review, by the names of its change sets.
pub(crate) fn ownership(deployment: &Deployment, stack: &Stack, change_sets: &[String]) -> Ownership {
    let tag = |key: &str| stack.tags.get(key).map(String::as_str);
    match (tag(DEPLOYMENT_TAG), tag(ENVIRONMENT_TAG)) {
        (Some(name), Some(environment)) if name == deployment.deployment && environment == deployment.environment => {
            Ownership::Ours
        }
        (Some(name), environment) => {
            let environment = environment.unwrap_or("of no environment");
            Ownership::Foreign(format!("it belongs to the deployment {name} ({environment})"))
        }
        (None, _) if stack.status == StackStatus::ReviewInProgress => {
            match change_sets.iter().find(|name| !name.starts_with(crate::token::PREFIX)) {
                None => Ownership::Unclaimed,
                Some(other) => {
                    Ownership::Foreign(format!("somebody else's change set {other} waits in it for a review"))
                }
            }
        }
        (None, _) => Ownership::Foreign(format!("it has no tag {DEPLOYMENT_TAG}, so it was not made by landfall")),
    }
}
