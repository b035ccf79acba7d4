//! One stack, from whatever state it is in to the wanted one: look, ask [`next()`], do that, look again.

mod act;
mod expected;
mod follow;
mod gate;

pub(crate) use expected::expected_seconds;

use crate::account::{CallError, CallErrorKind, ChangeSet, Stack, StackStatus};
use crate::causes::Cause;
use crate::plan::StackPlan;
use crate::situation::{ChangeSetSituation, Goal, Ownership, StackSituation, Tries, ownership};
use crate::world::{Parameters, is_as_wanted, is_good};
use crate::{Account, Next, Notice, Refusal, Session, change_set, next, token};
use model::cfn::{Layer, StackTemplate};
use model::{ComponentName, Fault, FaultKind};
use std::collections::BTreeSet;
use std::time::Duration;

/// Calls that change something, after which one stack is given up. The longest way that is known has twelve.
const MOST_ACTS: u32 = 40;
/// The first pause between two looks at a change set; it grows.
const CHANGE_SET_PAUSE: Duration = Duration::from_millis(150);
const LONGEST_CHANGE_SET_PAUSE: Duration = Duration::from_secs(3);

/// What is wanted of a stack.
pub(crate) struct Wish<'s> {
    pub(crate) layer: Layer,
    pub(crate) name: String,
    pub(crate) goal: Goal,
    /// Of one that is to be there.
    pub(crate) template: Option<&'s StackTemplate>,
    pub(crate) parameters: Parameters,
    /// What was shown of it. A change set that goes beyond is not executed.
    pub(crate) reviewed: Option<&'s StackPlan>,
    /// Components of which something that cannot be made again may be replaced or removed.
    pub(crate) allowed: &'s BTreeSet<ComponentName>,
    /// Whether buckets that the stack deletes may be emptied.
    pub(crate) may_empty_buckets: bool,
}

/// A stack that is as wanted, or gone.
#[derive(Debug)]
pub(crate) struct StackResult {
    pub(crate) layer: Layer,
    pub(crate) stack: Option<Stack>,
    pub(crate) outcome: &'static str,
    /// What is still there although nothing uses it any more, in words.
    pub(crate) left: Vec<String>,
}

/// A stack that is not.
#[derive(Debug)]
pub(crate) struct StackFailure {
    pub(crate) fault: Fault,
    pub(crate) causes: Vec<Cause>,
}

impl From<Fault> for StackFailure {
    fn from(fault: Fault) -> Self {
        Self { fault, causes: Vec::new() }
    }
}

/// The way of one stack.
pub(crate) struct StackRun<'s, 'a, A> {
    session: &'s Session<'a, A>,
    wish: Wish<'s>,
    tries: Tries,
    executed: u32,
    has_made_change_set: bool,
    /// This run's change succeeded.
    is_done: bool,
    failure: Option<StackFailure>,
    has_evidence: bool,
    /// The newest event that was seen.
    known: Option<String>,
    outcome: &'static str,
    left: Vec<String>,
    refused: Option<CallError>,
}

/// What one look shows.
struct Look {
    situation: StackSituation,
    stack: Option<Stack>,
    change_set: Option<ChangeSet>,
    change_set_name: String,
}

impl<'s, 'a, A: Account> StackRun<'s, 'a, A> {
    pub(crate) fn new(session: &'s Session<'a, A>, wish: Wish<'s>) -> Self {
        Self {
            session,
            wish,
            tries: Tries::default(),
            executed: 0,
            has_made_change_set: false,
            is_done: false,
            failure: None,
            has_evidence: false,
            known: None,
            outcome: "as it was",
            left: Vec::new(),
            refused: None,
        }
    }

    /// Goes the whole way.
    pub(crate) async fn run(mut self) -> Result<StackResult, StackFailure> {
        let mut acts = 0;
        let mut pause = CHANGE_SET_PAUSE;
        while acts < MOST_ACTS {
            let look = self.look().await?;
            let step = next(&look.situation);
            if !matches!(step, Next::Done | Next::Failed | Next::Refuse(_)) {
                self.session.check_interrupt(&self.wish.name)?;
            }
            if step == Next::AwaitChangeSet {
                tokio::time::sleep(pause).await;
                pause = pause.mul_f64(1.6).min(LONGEST_CHANGE_SET_PAUSE);
                continue;
            }
            acts += 1;
            match step {
                Next::Done => return Ok(self.end(look.stack)),
                Next::Failed => return Err(self.failure.take().unwrap_or_else(|| self.stuck(&look).into())),
                Next::Refuse(refusal) => return Err(self.refuse(refusal, look).await),
                Next::Protect => {
                    let mut stack = look.stack;
                    self.protect(true).await?;
                    if let Some(stack) = &mut stack {
                        stack.is_protected = true;
                    }
                    return Ok(self.end(stack));
                }
                step => self.act(step, look).await?,
            }
        }
        let look = self.look().await?;
        Err(self.failure.take().unwrap_or_else(|| self.stuck(&look).into()))
    }

    fn end(self, stack: Option<Stack>) -> StackResult {
        if self.outcome != "as it was" {
            self.session.tell(Notice::StackEnds { stack: self.wish.name.clone(), outcome: self.outcome });
        }
        StackResult { layer: self.wish.layer, stack, outcome: self.outcome, left: self.left }
    }

    /// Looks at the account.
    async fn look(&self) -> Result<Look, Fault> {
        let (account, name) = (self.session.account, &self.wish.name);
        let fault = |error: CallError| error.fault(format!("looking at the stack {name}"));
        let stack = account.stack(name).await.map_err(fault)?;
        let status = stack.as_ref().map(|stack| stack.status);
        let change_sets = match &stack {
            Some(stack) if stack.status == StackStatus::ReviewInProgress => {
                account.change_sets(&stack.id).await.map_err(fault)?
            }
            _ => Vec::new(),
        };
        let mut look = Look {
            situation: StackSituation {
                goal: self.wish.goal,
                status,
                ownership: stack
                    .as_ref()
                    .map_or(Ownership::Ours, |stack| ownership(self.session.deployment, stack, &change_sets)),
                is_as_wanted: false,
                is_protected: stack.as_ref().is_some_and(|stack| stack.is_protected),
                change_set: ChangeSetSituation::Absent,
                has_failed: self.failure.is_some(),
                tries: self.tries,
            },
            stack,
            change_set: None,
            change_set_name: String::new(),
        };
        let (Some(template), Goal::Present) = (self.wish.template, self.wish.goal) else { return Ok(look) };
        look.change_set_name = token::change_set_name(template, &self.wish.parameters.given, look.stack.as_ref());
        let Some(stack) = &look.stack else { return Ok(look) };
        if is_good(stack.status) && !matches!(look.situation.ownership, Ownership::Foreign(_)) {
            look.situation.is_as_wanted = self.is_done || {
                let text = account.template(&stack.id).await.map_err(fault)?;
                is_as_wanted(self.session.deployment, stack, text.as_deref(), template, &self.wish.parameters)
            };
        }
        let asks = stack.status == StackStatus::ReviewInProgress
            || is_good(stack.status) && !look.situation.is_as_wanted && self.failure.is_none();
        if asks && matches!(look.situation.ownership, Ownership::Ours | Ownership::Unclaimed) {
            look.change_set = change_set::look(account, &stack.id, &look.change_set_name).await?;
            look.situation.change_set = ChangeSetSituation::of(look.change_set.as_ref(), self.has_made_change_set);
        }
        Ok(look)
    }

    /// Turns down with words, and removes what this run made for nothing.
    async fn refuse(&mut self, refusal: Refusal, look: Look) -> StackFailure {
        let name = &self.wish.name;
        match refusal {
            Refusal::NameTaken(why) => {
                let id = look.stack.map(|stack| stack.id).unwrap_or_default();
                Fault::new(
                    FaultKind::NeedsPerson,
                    format!("preparing the stack {name}"),
                    format!("the name is taken: {why}"),
                )
                .help(format!("choose another name for the deployment or the environment, or remove that stack ({id})"))
                .into()
            }
            Refusal::ChangeSetFailed => {
                let Some(change_set) = &look.change_set else { return self.stuck(&look).into() };
                let fault = change_set::refused(name, change_set);
                if let Some(stack) = &look.stack {
                    // Both are removed as well as it goes; a next run finds and removes what is left.
                    drop(self.session.account.delete_change_set(&stack.id, &change_set.name).await);
                    if stack.status == StackStatus::ReviewInProgress {
                        let token = token::token("delete", &[&stack.id, "refused"]);
                        drop(self.session.account.delete_stack(&stack.id, &token, &[]).await);
                    }
                }
                fault.into()
            }
            Refusal::Stuck => {
                if let (None, Some(stack)) = (&self.failure, &look.stack) {
                    let (id, status) = (stack.id.clone(), stack.status);
                    self.fail(&id, status).await;
                }
                let stuck = self.stuck(&look);
                match self.failure.take() {
                    Some(failure) => StackFailure {
                        fault: Fault { log_tail: failure.fault.log_tail, ..stuck },
                        causes: failure.causes,
                    },
                    None => stuck.into(),
                }
            }
        }
    }

    /// A person has to look.
    fn stuck(&self, look: &Look) -> Fault {
        let name = &self.wish.name;
        let status = look.stack.as_ref().map_or("not there".to_owned(), |stack| stack.status.to_string());
        let because = self
            .failure
            .as_ref()
            .map(|failure| failure.fault.cause.clone())
            .or_else(|| self.refused.as_ref().map(ToString::to_string))
            .or_else(|| look.stack.as_ref().and_then(|stack| stack.reason.clone()))
            .unwrap_or_else(|| "AWS gives no reason".to_owned());
        let id = look.stack.as_ref().map(|stack| stack.id.as_str()).unwrap_or_default();
        Fault::new(
            FaultKind::NeedsPerson,
            format!("bringing the stack {name} to an end"),
            format!("it is {status}: {because}"),
        )
        .help(format!(
            "look at it in the CloudFormation console ({id}), mend what blocks it, then run the command again"
        ))
    }

    /// A call that the state forbids is no failure: somebody was faster, or an answer was lost. The next look tells.
    fn unless_overtaken(&mut self, doing: &str, answer: Result<(), CallError>) -> Result<bool, Fault> {
        match answer {
            Ok(()) => {
                self.refused = None;
                Ok(true)
            }
            Err(error) if matches!(error.kind, CallErrorKind::WrongState | CallErrorKind::Exists) => {
                self.refused = Some(error);
                Ok(false)
            }
            Err(error) => Err(error.fault(format!("{doing} the stack {}", self.wish.name))),
        }
    }
}
