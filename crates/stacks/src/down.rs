//! Taking a deployment down: what goes and what is kept, in the reverse order of how it was made, and the proof that nothing else
//! is left.

mod blockers;
mod kept;
mod leftovers;

pub use kept::Kept;
pub use leftovers::Leftover;

use crate::account::{CallError, Stack};
use crate::lease::LeaseRequest;
use crate::plan::changes::{component_said, is_kept, origin_said};
use crate::situation::{Goal, Ownership, ownership};
use crate::stack_run::{StackFailure, StackRun, Wish};
use crate::up::FailedStack;
use crate::world::Parameters;
use crate::{Account, Session, plan};
use futures_util::future::try_join_all;
use model::cfn::Layer;
use model::{ComponentName, Fault, ManifestPath};
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// How a deployment is taken down.
pub struct DownOptions<'a> {
    /// How the lease is asked for.
    pub lease: LeaseRequest<'a>,
    /// Whether what templates keep is deleted too: logs, secrets, buckets with all that is in them, keys.
    pub delete_kept: bool,
}

/// What would go, and what would be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WhatGoes {
    /// The stacks that would be deleted, in that order.
    pub stacks: Vec<String>,
    /// Resources that go with them.
    pub goes: Vec<GoingResource>,
    /// Resources that stay.
    pub kept: Vec<GoingResource>,
    /// What is there of an earlier time, in no stack.
    pub left_before: Vec<Leftover>,
    /// Stacks of these names that belong to somebody else; they stay.
    pub not_ours: Vec<String>,
}

/// A resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GoingResource {
    /// Its stack.
    pub stack: String,
    /// Its name in the template.
    pub logical_id: String,
    /// Its id in AWS.
    pub physical_id: Option<String>,
    /// Its type.
    pub resource_type: String,
    /// The component that it belongs to.
    pub component: Option<ComponentName>,
    /// The line of the manifest.
    pub origin: Option<ManifestPath>,
    /// Why it stays, or what is lost.
    pub reason: Option<String>,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DownReport {
    /// The stacks that are gone.
    pub deleted: Vec<String>,
    /// The stacks that are not.
    pub failed: Vec<FailedStack>,
    /// The stacks that were not begun with.
    pub not_begun: Vec<String>,
    /// Stacks of these names that belong to somebody else; they stay, with all that carries the same tags.
    pub not_ours: Vec<String>,
    /// What was kept, because its template says so.
    pub kept: Vec<Leftover>,
    /// What was deleted although its template keeps it, because that was asked for; in words.
    pub deleted_kept: Vec<String>,
    /// What is still there and should not be.
    pub leftovers: Vec<Leftover>,
    /// What CloudFormation could not delete, in words.
    pub left: Vec<String>,
    /// Whether the account was asked, by tag and by name, and nothing else is left.
    pub is_proved: bool,
    /// How long it took.
    pub took: Duration,
}

impl<A: Account> Session<'_, A> {
    /// What would go and what would be kept. Changes nothing.
    ///
    /// # Errors
    /// When the account does not answer.
    pub async fn what_goes(&self, delete_kept: bool) -> Result<WhatGoes, Fault> {
        let mut all = WhatGoes::default();
        let mut known: BTreeSet<String> = BTreeSet::new();
        for (_, stack) in self.stacks_there().await?.into_iter().rev() {
            if let Ownership::Foreign(why) = self.whose(&stack).await? {
                all.not_ours.push(format!("{}: {why}", stack.name));
                continue;
            }
            let fault = |error: CallError| error.fault(format!("looking at the stack {}", stack.name));
            let resources = self.account.resources(&stack.id).await.map_err(fault)?;
            let template = self.account.template(&stack.id).await.map_err(fault)?;
            let template = template.and_then(|text| plan::read(&stack.name, &text));
            all.stacks.push(stack.name.clone());
            for resource in resources.into_iter().filter(|one| one.status != "DELETE_COMPLETE") {
                let said = template.as_ref().and_then(|graph| graph.resources.get(&resource.logical_id));
                known.extend(resource.physical_id.clone());
                let stays = said.is_some_and(|one| is_kept(one, "DeletionPolicy"));
                let is_stateful = self.types.is_stateful(&resource.resource_type);
                let reason = match (stays, delete_kept) {
                    (true, false) => Some("its template keeps it (`DeletionPolicy: Retain`)".to_owned()),
                    (true, true) => Some("kept by its template, and asked for: it is deleted for good".to_owned()),
                    (false, _) if is_stateful => Some("what it holds is lost".to_owned()),
                    (false, _) => None,
                };
                let entry = GoingResource {
                    component: self
                        .deployment
                        .component(&resource.logical_id)
                        .cloned()
                        .or_else(|| said.and_then(component_said)),
                    origin: self
                        .deployment
                        .origin(&resource.logical_id)
                        .cloned()
                        .or_else(|| said.and_then(origin_said)),
                    stack: stack.name.clone(),
                    logical_id: resource.logical_id,
                    physical_id: resource.physical_id,
                    resource_type: resource.resource_type,
                    reason,
                };
                if stays && !delete_kept { all.kept.push(entry) } else { all.goes.push(entry) }
            }
        }
        let is_known = |leftover: &Leftover| known.iter().any(|id| leftover.is(id));
        // Of other kinds, what a stack makes of its own accord (hosts of a group) cannot be told from what is left.
        let is_of_before = |leftover: &Leftover| leftover.kept().is_some() && !is_known(leftover);
        all.left_before = self.tagged().await?.into_iter().filter(is_of_before).collect();
        Ok(all)
    }

    /// Takes the deployment down, whatever state it is in.
    ///
    /// # Errors
    /// When it may not begin: somebody else's lease. A stack that cannot be deleted is no error but in the report.
    pub async fn down(&self, options: &DownOptions<'_>) -> Result<DownReport, Fault> {
        let began = Instant::now();
        let lease = self.acquire(&options.lease).await?;
        let report = self.while_held(lease, self.take_down(options.delete_kept)).await?;
        Ok(DownReport { took: began.elapsed(), ..report })
    }

    async fn take_down(&self, delete_kept: bool) -> Result<DownReport, Fault> {
        let mut report = DownReport::default();
        let mut skipped: Vec<Leftover> = Vec::new();
        let allowed = BTreeSet::new();
        let mut open = self.stacks_there().await?;
        while let Some((layer, stack)) = open.pop() {
            if let Ownership::Foreign(why) = self.whose(&stack).await? {
                report.not_ours.push(format!("{}: {why}", stack.name));
                continue;
            }
            let wish = Wish {
                layer,
                name: stack.name.clone(),
                goal: Goal::Absent,
                template: None,
                parameters: Parameters::default(),
                reviewed: None,
                allowed: &allowed,
                may_empty_buckets: delete_kept,
            };
            match StackRun::new(self, wish).run().await {
                Ok(result) => {
                    skipped.extend(self.skipped(&stack).await?);
                    report.deleted.push(stack.name);
                    report.left.extend(result.left);
                }
                Err(StackFailure { fault, causes }) => {
                    report.failed.push(FailedStack { stack: stack.name, fault, causes });
                    // What is below may still be used by it.
                    report.not_begun = open.into_iter().map(|(_, stack)| stack.name).collect();
                    return Ok(report);
                }
            }
        }
        self.finish(&mut report, skipped, delete_kept).await?;
        Ok(report)
    }

    /// Deletes what was kept, where asked, and proves that nothing else is left.
    ///
    /// AWS tells of tags late, and not of all kinds of things: what the stacks left (`skipped`) is known by name.
    async fn finish(&self, report: &mut DownReport, skipped: Vec<Leftover>, delete_kept: bool) -> Result<(), Fault> {
        if !report.not_ours.is_empty() {
            return Ok(());
        }
        let tagged = self.tagged().await?;
        let by_name_alone = |one: &Leftover| !tagged.iter().any(|other| other.is_same(one));
        let mut left: Vec<Leftover> = skipped.into_iter().filter(by_name_alone).chain(tagged.iter().cloned()).collect();
        if delete_kept {
            for leftover in &left {
                report.deleted_kept.extend(self.delete_leftover(leftover).await?);
            }
            if !report.deleted_kept.is_empty() {
                left.retain(|one| one.kept().is_none());
                left.extend(self.tagged().await?);
                left.sort();
                left.dedup();
            }
        }
        for leftover in self.still_there(left).await? {
            match leftover.kept() {
                // A key that was told to go is there for days.
                Some(Kept::Key) if delete_kept => {}
                Some(_) if !delete_kept => report.kept.push(leftover),
                _ => report.leftovers.push(leftover),
            }
        }
        let by_name = self.stacks_there().await?;
        let names: Vec<String> = by_name.into_iter().map(|(_, stack)| stack.name).collect();
        let ours_by_name = names.iter().any(|name| report.deleted.contains(name));
        if delete_kept || report.kept.is_empty() {
            // As long as secrets stay, what derives keys for them may be wanted too.
            self.forget_secrets().await?;
            self.forget_contents().await?;
            self.forget_rotations().await?;
        }
        report.is_proved = report.leftovers.is_empty() && report.left.is_empty() && !ours_by_name;
        Ok(())
    }

    /// The stacks of the deployment's names that are there, in the order in which they are made.
    async fn stacks_there(&self) -> Result<Vec<(Layer, Stack)>, Fault> {
        let looks = Layer::ALL.into_iter().map(async |layer| {
            let name = self.deployment.stack_name(layer);
            let stack = self.account.stack(&name).await;
            let stack = stack.map_err(|error| error.fault(format!("looking at the stack {name}")))?;
            Ok::<_, Fault>(stack.map(|stack| (layer, stack)))
        });
        Ok(try_join_all(looks).await?.into_iter().flatten().collect())
    }

    async fn whose(&self, stack: &Stack) -> Result<Ownership, Fault> {
        let change_sets = match stack.status {
            crate::account::StackStatus::ReviewInProgress => self
                .account
                .change_sets(&stack.id)
                .await
                .map_err(|error| error.fault(format!("looking at the stack {}", stack.name)))?,
            _ => Vec::new(),
        };
        Ok(ownership(self.deployment, stack, &change_sets))
    }
}
