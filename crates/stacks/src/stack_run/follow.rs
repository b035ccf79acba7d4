//! Following a stack by its events until it rests.

use super::{StackFailure, StackRun};
use crate::account::{Stack, StackEvent, StackStatus};
use crate::causes::{self, is_of_stack};
use crate::notice::ComponentProgress;
use crate::{Account, Notice};
use indexmap::IndexMap;
use model::{ComponentName, Fault};
use std::time::Duration;
use tokio::time::Instant;

/// The first pause between two looks; it grows while nothing happens.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Looks without an event after which the stack itself is asked.
const QUIET_LOOKS: u32 = 6;

/// What is seen of one operation.
#[derive(Default)]
struct Seen {
    /// The newest state of each resource, and when it was begun with.
    resources: IndexMap<String, (String, Instant)>,
    /// The newest state of the stack.
    stack: Option<StackStatus>,
    /// Certificates whose record was shown.
    gates: Vec<String>,
}

impl<A: Account> StackRun<'_, '_, A> {
    /// Follows a stack until it rests. `is_own`: this run began the operation, so that a failure is this run's.
    pub(super) async fn follow(&mut self, stack: &Stack, is_own: bool) -> Result<(), StackFailure> {
        let mut seen = Seen::default();
        let mut pause = FIRST_PAUSE;
        let mut quiet = 0;
        loop {
            let fresh = self.fresh_events(stack).await?;
            for event in &fresh {
                self.see(stack, event, &mut seen);
            }
            if is_own && fresh.iter().any(|event| is_of_stack(event) && event.status.contains("ROLLBACK_IN_PROGRESS")) {
                // CloudFormation rolls back by itself: what hosts say can be had now or never.
                self.fail(&stack.id, seen.stack.unwrap_or(stack.status)).await;
            }
            if let Some(status) = seen.stack.filter(|status| !is_passing(*status)) {
                return self.rest(stack, status, is_own, &fresh).await;
            }
            if fresh.is_empty() {
                quiet += 1;
                pause = pause.mul_f64(1.5).min(LONGEST_PAUSE);
            } else {
                quiet = 0;
                pause = FIRST_PAUSE;
                self.tell_progress(&seen);
            }
            self.show_gates(stack, &mut seen.gates, &seen.resources).await;
            if quiet >= QUIET_LOOKS {
                quiet = 0;
                let there = self.session.account.stack(&stack.id).await;
                let there = there.map_err(|error| error.fault(format!("following the stack {}", stack.name)))?;
                // The events may be late, or the operation was none: the next look decides.
                match there {
                    Some(there) if there.status.is_in_progress() => {}
                    Some(there) if is_own && is_failure(there.status) => {
                        self.fail(&there.id, there.status).await;
                        return Ok(());
                    }
                    _ => return Ok(()),
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.session.interrupt.cancelled() => return Err(self.session.interrupted(&stack.name).into()),
            }
        }
    }

    /// Events that were not seen before, oldest first.
    async fn fresh_events(&mut self, stack: &Stack) -> Result<Vec<StackEvent>, Fault> {
        let events = self.session.account.events(&stack.id, self.known.as_deref()).await;
        let mut events = events.map_err(|error| error.fault(format!("following the stack {}", stack.name)))?;
        if self.known.is_none() {
            let count = causes::last_operation(&events).len();
            events.truncate(count);
        }
        if let Some(newest) = events.first() {
            self.known = Some(newest.id.clone());
        }
        events.reverse();
        Ok(events)
    }

    fn see(&self, stack: &Stack, event: &StackEvent, seen: &mut Seen) {
        if is_of_stack(event) {
            seen.stack = StackStatus::from_word(&event.status).or(seen.stack);
            return;
        }
        let began = seen.resources.get(&event.logical_id).map_or_else(Instant::now, |(_, began)| *began);
        seen.resources.insert(event.logical_id.clone(), (event.status.clone(), began));
        self.session.tell(Notice::Resource {
            stack: stack.name.clone(),
            logical_id: event.logical_id.clone(),
            resource_type: event.resource_type.clone(),
            status: event.status.clone(),
            reason: event.reason.clone(),
            component: self.session.deployment.component(&event.logical_id).cloned(),
            origin: self.session.deployment.origin(&event.logical_id).cloned(),
        });
    }

    async fn rest(
        &mut self,
        stack: &Stack,
        status: StackStatus,
        is_own: bool,
        fresh: &[StackEvent],
    ) -> Result<(), StackFailure> {
        if is_own {
            match status {
                StackStatus::CreateComplete | StackStatus::UpdateComplete => {
                    self.is_done = true;
                    // What an update no longer needs is removed last, and a failure of that is no failure of the stack.
                    self.left.extend(fresh.iter().filter(|event| event.status == "DELETE_FAILED").map(|event| {
                        format!(
                            "{} ({}, {}) is no longer used and could not be removed: {}",
                            event.logical_id,
                            event.resource_type,
                            event.physical_id.as_deref().unwrap_or("without an id"),
                            event.reason.as_deref().unwrap_or("AWS gives no reason")
                        )
                    }));
                }
                _ => self.fail(&stack.id, status).await,
            }
        }
        Ok(())
    }

    fn tell_progress(&self, seen: &Seen) {
        let deployment = self.session.deployment;
        let of_layer = deployment.graph.resources.iter().filter(|(_, one)| one.layer == Some(self.wish.layer));
        let mut components: IndexMap<Option<ComponentName>, ComponentProgress> = IndexMap::new();
        let mut remaining = 0;
        for (id, resource) in of_layer {
            let component = resource.component.clone();
            let entry =
                components.entry(component.clone()).or_insert(ComponentProgress { component, done: 0, total: 0 });
            entry.total += 1;
            match seen.resources.get(id) {
                Some((status, _)) if status.ends_with("_COMPLETE") => entry.done += 1,
                Some((_, began)) => {
                    let usual = Duration::from_secs(self.session.types.seconds(&resource.kind).into());
                    remaining = remaining.max(usual.saturating_sub(began.elapsed()).as_secs());
                }
                None => remaining = remaining.max(self.session.types.seconds(&resource.kind).into()),
            }
        }
        self.session.tell(Notice::Progress {
            stack: self.wish.name.clone(),
            components: components.into_values().collect(),
            remaining_seconds: u32::try_from(remaining).unwrap_or(u32::MAX),
        });
    }

    /// Says who began what is waited for.
    pub(super) async fn tell_waiting(&mut self, stack: &Stack) -> Result<(), Fault> {
        let events = self.session.account.events(&stack.id, None).await;
        let events = events.map_err(|error| error.fault(format!("following the stack {}", stack.name)))?;
        let operation = causes::last_operation(&events);
        let who = match operation.first() {
            None => "somebody".to_owned(),
            Some(first) => {
                let caller = match first.token.as_deref() {
                    Some(token) if token.starts_with(crate::token::PREFIX) => "an earlier run of landfall".to_owned(),
                    Some(token) => format!("somebody else (token {token})"),
                    None => "somebody (the call had no token)".to_owned(),
                };
                format!("{caller}, since {}", first.at)
            }
        };
        self.session.tell(Notice::Waiting { stack: stack.name.clone(), status: stack.status.to_string(), who });
        Ok(())
    }
}

/// Whether something is under way. A review waits for us, not we for it; but right after the call it may still be shown.
fn is_passing(status: StackStatus) -> bool {
    status.is_in_progress() || status == StackStatus::ReviewInProgress
}

/// Whether a stack can only be in this state because its last change failed and was kept.
fn is_failure(status: StackStatus) -> bool {
    matches!(status, StackStatus::CreateFailed | StackStatus::UpdateFailed | StackStatus::RollbackFailed)
}
