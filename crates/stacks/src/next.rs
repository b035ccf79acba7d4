//! What to do next with a stack: for every state that CloudFormation knows, one answer.
//!
//! Pure and total. The answer is computed anew from what the account shows after every call, so a run that was cut off at any
//! point is gone on with by the same table.

use crate::account::{ChangeSetKind, StackStatus};
use crate::situation::{ChangeSetSituation, Goal, Ownership, StackSituation};

/// The next thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is as wanted.
    Done,
    /// Something is under way, ours or somebody else's: wait until it has ended.
    Wait,
    /// Ask what would change.
    CreateChangeSet(ChangeSetKind),
    /// CloudFormation computes what would change: wait.
    AwaitChangeSet,
    /// Do it.
    ExecuteChangeSet,
    /// Remove a change set that is of no use.
    DeleteChangeSet,
    /// Save the evidence, then go back to the last state that was good.
    RollBack,
    /// Go on with a rollback that failed; the second time without the resources at which it failed.
    ContinueRollback {
        /// Leave these resources as they are.
        skip_failed: bool,
    },
    /// Delete it: it is empty, or it is to go.
    Delete {
        /// Leave the resources at which an earlier deletion failed.
        retain_failed: bool,
    },
    /// Stop an update: the stack is to go.
    CancelUpdate,
    /// Protect it from deletion.
    Protect,
    /// End its protection: it is to go.
    Unprotect,
    /// The stack is put back (or gone); say why what was wanted did not work.
    Failed,
    /// No call can be right; say why.
    Refuse(Refusal),
}

/// Why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A stack of that name is somebody else's; in words.
    NameTaken(String),
    /// CloudFormation does not take the change.
    ChangeSetFailed,
    /// It stays stuck after all that a program may do.
    Stuck,
}

/// Deletions of everything: as it is, then with what blocks removed.
const WHOLE_DELETIONS: u32 = 2;
/// Deletions after which one that still fails is a person's matter. What is left keeps what it lies in from being deleted as well
/// (an association its route table, that one its network), and each of these shows only when the one before is left.
const MOST_DELETIONS: u32 = 8;
/// Rollbacks of one kind after which a person has to look.
const MOST_ROLLBACKS: u32 = 2;

/// The next thing to do.
#[must_use]
pub fn next(situation: &StackSituation) -> Next {
    let Some(status) = situation.status.filter(|status| *status != StackStatus::DeleteComplete) else {
        return match situation.goal {
            Goal::Absent => Next::Done,
            Goal::Present if situation.has_failed => Next::Failed,
            Goal::Present => Next::CreateChangeSet(ChangeSetKind::Create),
        };
    };
    if let Ownership::Foreign(why) = &situation.ownership {
        return Next::Refuse(Refusal::NameTaken(why.clone()));
    }
    match situation.goal {
        Goal::Present => towards_present(situation, status),
        Goal::Absent => towards_absent(situation, status),
    }
}

fn towards_present(situation: &StackSituation, status: StackStatus) -> Next {
    use StackStatus as S;
    match status {
        S::ReviewInProgress => with_change_set(situation, ChangeSetKind::Create),
        S::CreateComplete
        | S::UpdateComplete
        | S::UpdateRollbackComplete
        | S::ImportComplete
        | S::ImportRollbackComplete => {
            if situation.is_as_wanted && !situation.has_failed {
                if situation.is_protected { Next::Done } else { Next::Protect }
            } else if situation.has_failed {
                Next::Failed
            } else {
                with_change_set(situation, ChangeSetKind::Update)
            }
        }
        S::CreateFailed | S::UpdateFailed if situation.tries.rolled_back < MOST_ROLLBACKS => Next::RollBack,
        S::CreateFailed | S::RollbackFailed => delete(situation, false),
        S::UpdateFailed | S::ImportRollbackFailed => Next::Refuse(Refusal::Stuck),
        S::RollbackComplete if situation.has_failed => Next::Failed,
        S::RollbackComplete => delete(situation, false),
        S::UpdateRollbackFailed => match situation.tries.continued {
            0 => Next::ContinueRollback { skip_failed: false },
            1 => Next::ContinueRollback { skip_failed: true },
            _ => Next::Refuse(Refusal::Stuck),
        },
        S::DeleteFailed => delete(situation, true),
        S::DeleteComplete => Next::CreateChangeSet(ChangeSetKind::Create),
        S::CreateInProgress
        | S::RollbackInProgress
        | S::UpdateInProgress
        | S::UpdateCompleteCleanupInProgress
        | S::UpdateRollbackInProgress
        | S::UpdateRollbackCompleteCleanupInProgress
        | S::DeleteInProgress
        | S::ImportInProgress
        | S::ImportRollbackInProgress => Next::Wait,
    }
}

fn towards_absent(situation: &StackSituation, status: StackStatus) -> Next {
    use StackStatus as S;
    match status {
        S::DeleteComplete => Next::Done,
        S::UpdateInProgress if situation.tries.cancelled == 0 => Next::CancelUpdate,
        S::RollbackInProgress
        | S::UpdateInProgress
        | S::UpdateCompleteCleanupInProgress
        | S::UpdateRollbackInProgress
        | S::UpdateRollbackCompleteCleanupInProgress
        | S::DeleteInProgress
        | S::ImportInProgress
        | S::ImportRollbackInProgress => Next::Wait,
        // A stack that is being made can be deleted at once; waiting for it could take hours.
        S::CreateInProgress
        | S::ReviewInProgress
        | S::CreateFailed
        | S::CreateComplete
        | S::RollbackFailed
        | S::RollbackComplete
        | S::UpdateComplete
        | S::UpdateFailed
        | S::UpdateRollbackFailed
        | S::UpdateRollbackComplete
        | S::ImportComplete
        | S::ImportRollbackFailed
        | S::ImportRollbackComplete => delete(situation, false),
        S::DeleteFailed => delete(situation, true),
    }
}

/// Deletes, at first everything; what blocks is left only after a deletion of this run failed at it.
fn delete(situation: &StackSituation, has_failed: bool) -> Next {
    if situation.is_protected {
        Next::Unprotect
    } else if situation.tries.deleted >= if has_failed { MOST_DELETIONS } else { WHOLE_DELETIONS + 1 } {
        Next::Refuse(Refusal::Stuck)
    } else {
        Next::Delete { retain_failed: has_failed && situation.tries.deleted >= WHOLE_DELETIONS }
    }
}

fn with_change_set(situation: &StackSituation, kind: ChangeSetKind) -> Next {
    match situation.change_set {
        ChangeSetSituation::Absent => Next::CreateChangeSet(kind),
        ChangeSetSituation::InTheMaking => Next::AwaitChangeSet,
        ChangeSetSituation::Ready => Next::ExecuteChangeSet,
        ChangeSetSituation::Empty if kind == ChangeSetKind::Create => Next::Refuse(Refusal::ChangeSetFailed),
        ChangeSetSituation::Empty if situation.is_protected => Next::Done,
        ChangeSetSituation::Empty => Next::Protect,
        ChangeSetSituation::Failed { made_now: true } => Next::Refuse(Refusal::ChangeSetFailed),
        ChangeSetSituation::Failed { made_now: false } => Next::DeleteChangeSet,
    }
}

impl std::fmt::Display for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Done => "nothing",
            Self::Wait => "wait until it has ended",
            Self::CreateChangeSet(ChangeSetKind::Create) => "ask for a change set that makes it",
            Self::CreateChangeSet(ChangeSetKind::Update) => "ask for a change set that changes it",
            Self::AwaitChangeSet => "wait for the change set",
            Self::ExecuteChangeSet => "execute the change set",
            Self::DeleteChangeSet => "remove the change set",
            Self::RollBack => "save the evidence, roll back",
            Self::ContinueRollback { skip_failed: false } => "go on with the rollback",
            Self::ContinueRollback { skip_failed: true } => "go on with the rollback without what fails, and name it",
            Self::Delete { retain_failed: false } => "delete it",
            Self::Delete { retain_failed: true } => "delete it without what blocks, and name it",
            Self::CancelUpdate => "stop the update",
            Self::Protect => "protect it from deletion",
            Self::Unprotect => "end its protection",
            Self::Failed => "say why it failed",
            Self::Refuse(Refusal::NameTaken(_)) => "refuse: it is somebody else's",
            Self::Refuse(Refusal::ChangeSetFailed) => "refuse: CloudFormation does not take the change",
            Self::Refuse(Refusal::Stuck) => "refuse: a person has to look",
        })
    }
}
