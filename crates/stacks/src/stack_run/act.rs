//! Doing one thing to a stack.

use super::{Look, StackFailure, StackRun};
use crate::account::{ChangeAction, ChangeSet, Replacement, Stack, StackEvent, StackStatus};
use crate::causes::{self, Cause};
use crate::plan::{PlannedChange, ResourceAction, StackPlan, changes::Known, planned};
use crate::situation::Goal;
use crate::{Account, Next, Notice, change_set, token};
use model::{Fault, FaultKind};
use std::time::Duration;

/// After a call that somebody overtook.
const PAUSE: Duration = Duration::from_secs(2);
/// Executions of one run, after which it gives up: each one was refused or came to nothing.
const MOST_EXECUTIONS: u32 = 3;
/// How much of a log is in the message of a failure.
const LOG_LINES: usize = 20;

impl<A: Account> StackRun<'_, '_, A> {
    pub(super) async fn act(&mut self, step: Next, look: Look) -> Result<(), StackFailure> {
        let Look { stack, change_set, change_set_name, .. } = look;
        let Some(stack) = stack else {
            return Ok(self.ask(&change_set_name, None).await?);
        };
        match step {
            Next::CreateChangeSet(_) => self.ask(&change_set_name, Some(&stack)).await?,
            Next::ExecuteChangeSet => {
                if let Some(change_set) = change_set {
                    self.execute(&stack, &change_set).await?;
                }
            }
            Next::DeleteChangeSet => {
                let removed = self.session.account.delete_change_set(&stack.id, &change_set_name).await;
                self.unless_overtaken("preparing", removed)?;
            }
            Next::Wait => {
                self.tell_waiting(&stack).await?;
                self.follow(&stack, false).await?;
            }
            Next::RollBack => self.roll_back(&stack).await?,
            Next::ContinueRollback { skip_failed } => self.continue_rollback(&stack, skip_failed).await?,
            Next::Delete { retain_failed } => self.delete(&stack, retain_failed).await?,
            Next::CancelUpdate => {
                self.tries.cancelled += 1;
                let token = self.token("cancel", &stack).await?;
                let cancelled = self.session.account.cancel_update(&stack.id, &token).await;
                if self.unless_overtaken("stopping the update of", cancelled)? {
                    self.follow(&stack, false).await?;
                }
            }
            Next::Unprotect => self.protect(false).await?,
            Next::Done | Next::Failed | Next::Refuse(_) | Next::Protect | Next::AwaitChangeSet => {}
        }
        Ok(())
    }

    async fn ask(&mut self, name: &str, stack: Option<&Stack>) -> Result<(), Fault> {
        let Some(template) = self.wish.template else { return Ok(()) };
        crate::plan::all_known(&self.wish.name, &self.wish.parameters)?;
        self.has_made_change_set = true;
        change_set::create(self.session.account, template, &self.wish.parameters.given, name, stack).await
    }

    async fn execute(&mut self, stack: &Stack, change_set: &ChangeSet) -> Result<(), StackFailure> {
        self.check_reviewed(stack, change_set).await?;
        if self.executed >= MOST_EXECUTIONS {
            let why = self.refused.as_ref().map_or("it came to nothing".to_owned(), ToString::to_string);
            let doing = format!("executing the change set of {}", self.wish.name);
            return Err(Fault::new(FaultKind::NeedsPerson, doing, why).into());
        }
        self.executed += 1;
        self.mark(stack).await?;
        let is_new = stack.status == StackStatus::ReviewInProgress;
        self.outcome = if is_new { "made" } else { "changed" };
        self.session.tell(Notice::StackBegins {
            stack: self.wish.name.clone(),
            action: if is_new { "create" } else { "update" },
            resources: change_set.changes.len(),
            seconds: super::expected_seconds(self.session.deployment, &change_set.changes, self.session.types),
        });
        // CloudFormation replaces nothing in an update that keeps what failed.
        let keeps_failed = !change_set.changes.iter().any(|change| {
            change.action != ChangeAction::Add
                && matches!(change.replacement, Some(Replacement::True | Replacement::Conditional))
        });
        let token = token::token("execute", &[&change_set.id]);
        let executed = self.session.account.execute_change_set(&stack.id, &change_set.id, &token, keeps_failed).await;
        if self.unless_overtaken("executing the change set of", executed)? {
            self.follow(stack, true).await?;
        } else {
            tokio::time::sleep(PAUSE).await;
            // Its answer may have been lost and the change be under way, or done, or failed.
            if self.has_begun(stack).await? {
                self.follow(stack, true).await?;
            }
        }
        Ok(())
    }

    /// Whether something happened since the events were marked.
    async fn has_begun(&self, stack: &Stack) -> Result<bool, Fault> {
        let events = self.session.account.events(&stack.id, self.known.as_deref()).await;
        Ok(!events.map_err(|error| error.fault(format!("following the stack {}", self.wish.name)))?.is_empty())
    }

    /// What was not shown is not done.
    async fn check_reviewed(&self, stack: &Stack, change_set: &ChangeSet) -> Result<(), Fault> {
        let is_harmless = change_set.changes.iter().all(|change| change.action == ChangeAction::Add);
        let there = match is_harmless {
            true => None,
            false => {
                let text = self.session.account.template(&stack.id).await;
                text.map_err(|error| error.fault(format!("reading the template of {}", stack.name)))?
                    .and_then(|text| crate::plan::read(&stack.name, &text))
            }
        };
        let known = Known { deployment: self.session.deployment, there: there.as_ref(), types: self.session.types };
        let (changes, _) = planned(&change_set.changes, &known);
        let doing = format!("changing the stack {}", self.wish.name);
        if let Some(refusal) = self.session.forbidden(&changes, self.wish.allowed).into_iter().next() {
            let cause = match refusal.origin {
                Some(origin) => format!("{origin}: {}", refusal.cause),
                None => refusal.cause,
            };
            return Err(Fault::new(FaultKind::NeedsPerson, doing, cause).help(refusal.help));
        }
        let Some(beyond) = self.wish.reviewed.and_then(|plan| changes.iter().find(|change| !covers(plan, change)))
        else {
            return Ok(());
        };
        let cause = format!(
            "AWS now says that {} ({}) is to be {}, which the plan did not show",
            beyond.logical_id,
            beyond.resource_type,
            match beyond.action {
                ResourceAction::Create => "made",
                ResourceAction::Update => "changed",
                ResourceAction::MayReplace => "replaced, perhaps",
                ResourceAction::Replace => "replaced",
                ResourceAction::Delete => "removed",
            }
        );
        Err(Fault::new(FaultKind::NeedsPerson, doing, cause)
            .help("what is done so far stays; run the command again: its plan shows what is left"))
    }

    async fn roll_back(&mut self, stack: &Stack) -> Result<(), StackFailure> {
        self.tries.rolled_back += 1;
        let cause = self.explain(stack).await;
        self.session.tell(Notice::RollsBack { stack: self.wish.name.clone(), cause });
        let token = self.token("rollback", stack).await?;
        let begun = self.session.account.rollback_stack(&stack.id, &token).await;
        if self.unless_overtaken("rolling back", begun)? {
            self.follow(stack, false).await?;
        }
        Ok(())
    }

    async fn continue_rollback(&mut self, stack: &Stack, skip_failed: bool) -> Result<(), StackFailure> {
        self.tries.continued += 1;
        let mut skip = Vec::new();
        if skip_failed {
            let why = "the rollback goes on without them; they may not be as their template says";
            let resources = self.failed_in_rollback(stack).await?;
            skip = resources.iter().map(|(id, _)| id.clone()).collect();
            self.left
                .extend(resources.iter().map(|(id, reason)| format!("{id} was skipped by the rollback: {reason}")));
            self.session.tell(Notice::LeftAsTheyAre { stack: self.wish.name.clone(), resources, why });
        } else {
            let cause = self.explain(stack).await;
            self.session.tell(Notice::RollsBack { stack: self.wish.name.clone(), cause });
        }
        let token = self.token("continue", stack).await?;
        let begun = self.session.account.continue_rollback(&stack.id, &token, &skip).await;
        if self.unless_overtaken("going on with the rollback of", begun)? {
            self.follow(stack, false).await?;
        }
        Ok(())
    }

    /// Resources at which the rollback failed, with AWS's words.
    async fn failed_in_rollback(&self, stack: &Stack) -> Result<Vec<(String, String)>, Fault> {
        let fault = |error: crate::account::CallError| error.fault(format!("looking at the stack {}", stack.name));
        let events = self.session.account.events(&stack.id, None).await.map_err(fault)?;
        // Newest first: what failed since the rollback was last begun or gone on with.
        let since = events
            .iter()
            .take_while(|event| !(causes::is_of_stack(event) && event.status == "UPDATE_ROLLBACK_IN_PROGRESS"));
        let is_failed = |event: &&StackEvent| event.status == "UPDATE_FAILED" && !causes::is_of_stack(event);
        let mut failed: Vec<(String, String)> = since
            .filter(is_failed)
            .map(|event| (event.logical_id.clone(), event.reason.clone().unwrap_or_default()))
            .filter(|(_, reason)| !reason.contains("cancelled"))
            .collect();
        if failed.is_empty() {
            let resources = self.session.account.resources(&stack.id).await.map_err(fault)?;
            failed = resources
                .into_iter()
                .filter(|resource| resource.status == "UPDATE_FAILED")
                .map(|resource| (resource.logical_id, resource.reason.unwrap_or_default()))
                .collect();
        }
        failed.sort();
        failed.dedup_by(|one, other| one.0 == other.0);
        Ok(failed)
    }

    async fn delete(&mut self, stack: &Stack, retain_failed: bool) -> Result<(), StackFailure> {
        if self.wish.goal == Goal::Absent {
            self.outcome = "deleted";
        }
        let resources = self.session.account.resources(&stack.id).await;
        let resources = resources.map_err(|error| error.fault(format!("looking at the stack {}", stack.name)))?;
        if self.wish.goal == Goal::Absent || self.tries.deleted > 0 {
            let done = self.session.unblock(stack, &resources, self.wish.may_empty_buckets).await?;
            for what in done {
                self.session.tell(Notice::Unblocked { stack: self.wish.name.clone(), what });
            }
        }
        let mut retain = Vec::new();
        if retain_failed && stack.status == StackStatus::DeleteFailed {
            let failed: Vec<_> = resources.iter().filter(|resource| resource.status == "DELETE_FAILED").collect();
            retain = failed.iter().map(|resource| resource.logical_id.clone()).collect();
            let words: Vec<(String, String)> = failed
                .iter()
                .map(|one| (one.logical_id.clone(), one.reason.clone().unwrap_or_else(|| "no reason given".to_owned())))
                .collect();
            self.left.extend(failed.iter().map(|one| {
                let id = one.physical_id.as_deref().unwrap_or("without an id");
                let reason = one.reason.as_deref().unwrap_or("AWS gives no reason");
                format!("{} ({}, {id}) could not be deleted: {reason}", one.logical_id, one.resource_type)
            }));
            let why = "the stack is deleted without them; they stay in the account";
            self.session.tell(Notice::LeftAsTheyAre { stack: self.wish.name.clone(), resources: words, why });
        }
        self.tries.deleted += 1;
        self.session.tell(Notice::StackBegins {
            stack: self.wish.name.clone(),
            action: "delete",
            resources: resources.iter().filter(|resource| resource.status != "DELETE_COMPLETE").count(),
            seconds: 0,
        });
        let token = self.token("delete", stack).await?;
        let begun = self.session.account.delete_stack(&stack.id, &token, &retain).await;
        if self.unless_overtaken("deleting", begun)? {
            self.follow(stack, false).await?;
        } else {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    pub(super) async fn protect(&mut self, protected: bool) -> Result<(), Fault> {
        let changed = self.session.account.protect_stack(&self.wish.name, protected).await;
        self.unless_overtaken(if protected { "protecting" } else { "ending the protection of" }, changed).map(drop)
    }

    /// A token for one call in one state: the newest event marks the state.
    async fn token(&mut self, operation: &str, stack: &Stack) -> Result<String, Fault> {
        self.mark(stack).await?;
        Ok(token::token(operation, &[&stack.id, self.known.as_deref().unwrap_or_default()]))
    }

    /// Remembers the newest event, so that what follows can be told from what was.
    async fn mark(&mut self, stack: &Stack) -> Result<(), Fault> {
        let events = self.session.account.events(&stack.id, self.known.as_deref()).await;
        let events = events.map_err(|error| error.fault(format!("following the stack {}", stack.name)))?;
        if let Some(newest) = events.first() {
            self.known = Some(newest.id.clone());
        }
        Ok(())
    }

    /// Why a stack that this run finds failed is so; keeps the evidence, once.
    async fn explain(&mut self, stack: &Stack) -> String {
        if let Some(failure) = &self.failure {
            return failure.fault.cause.clone();
        }
        let failure = self.take_evidence(&stack.id, stack.status).await;
        failure.fault.cause
    }

    /// This run's change failed: keeps the evidence and says why.
    pub(super) async fn fail(&mut self, id: &str, status: StackStatus) {
        if self.failure.is_none() {
            self.failure = Some(self.take_evidence(id, status).await);
        }
    }

    async fn take_evidence(&mut self, id: &str, status: StackStatus) -> StackFailure {
        let evidence = self.session.evidence(&self.wish.name, id, status.word()).await;
        if !self.has_evidence {
            self.has_evidence = true;
            self.session.tell(match (self.session.keep)(&evidence) {
                Ok(()) => Notice::EvidenceKept { stack: self.wish.name.clone() },
                Err(fault) => Notice::EvidenceLost { fault },
            });
        }
        let kind = match evidence.causes.iter().any(|cause| cause.denied_action.is_some()) {
            true => FaultKind::Permission,
            false => FaultKind::Permanent,
        };
        let cause = match evidence.causes.as_slice() {
            [] => format!("it is {status}, and AWS gives no reason"),
            causes => causes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        };
        let mut fault = Fault::new(kind, format!("bringing the stack {} to its template", self.wish.name), cause)
            .log_tail(evidence.log_tail(LOG_LINES));
        fault.help = evidence.causes.iter().find_map(|cause: &Cause| cause.help.clone());
        StackFailure { fault, causes: evidence.causes }
    }
}

/// Whether what AWS says now was shown.
fn covers(plan: &StackPlan, change: &PlannedChange) -> bool {
    let Some(shown) = plan.changes.iter().find(|shown| shown.logical_id == change.logical_id) else {
        // A parameter that was not known, and said so, may change resources where they are.
        return change.action == ResourceAction::Update && !plan.unknown_parameters.is_empty();
    };
    shown.action == change.action
        || match change.action {
            ResourceAction::Update => shown.action != ResourceAction::Delete,
            ResourceAction::MayReplace | ResourceAction::Replace => {
                matches!(shown.action, ResourceAction::MayReplace | ResourceAction::Replace)
            }
            ResourceAction::Create | ResourceAction::Delete => false,
        }
}
