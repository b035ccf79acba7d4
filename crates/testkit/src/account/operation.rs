//! How a stack gets from one state to the next: tasks with an order, each of which takes time and may fail.
//!
//! Source: CloudFormation user guide ("Stack status codes", "Stack failure options", "DeletionPolicy", "Continue rolling back an
//! update"), 2026-11.

mod ending;

use super::machine::{Deed, Machine};
use super::stack::{Record, StackRecord, Wanted};
use indexmap::IndexMap;
use serde_json::Value as Json;
use stacks::account::{StackEvent, StackStatus};
use std::collections::BTreeSet;

/// What is done to a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Create,
    Update,
    UpdateCleanup,
    RollbackCreate,
    RollbackUpdate,
    RollbackCleanup,
    Delete,
}

/// What is done to a resource.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// Make it, change it, or leave it, whatever the template asks for.
    Forward,
    /// Put it back as it was.
    Restore,
    /// Delete a thing; `record` is what is known of it.
    Delete(Box<Record>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Running { from: u64, until: u64, deed: Deed, fails: Option<String> },
    Done,
    Failed,
}

#[derive(Debug, Clone)]
pub(super) struct Task {
    pub logical_id: String,
    pub work: Work,
    pub after: BTreeSet<String>,
    pub state: State,
}

/// An operation on a stack.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub doing: Doing,
    pub token: Option<String>,
    pub keep_failed: bool,
    pub wanted: Option<Wanted>,
    pub tasks: IndexMap<String, Task>,
    pub failed: BTreeSet<String>,
    pub retain: BTreeSet<String>,
    /// Whether somebody stopped it.
    cancelled: bool,
}

impl Operation {
    /// The things that it will delete.
    pub(super) fn things(&self) -> impl Iterator<Item = u64> {
        self.tasks.values().filter(|task| task.state != State::Done).filter_map(|task| match &task.work {
            Work::Delete(record) => record.thing,
            Work::Forward | Work::Restore => None,
        })
    }
}

pub(super) const HOUR: u64 = 3_600_000;

impl Machine {
    /// Everything that happens until a moment.
    pub(super) fn advance(&mut self, to: u64) {
        loop {
            let next = (0..self.stacks.len()).filter_map(|at| self.next_due(at)).min();
            match next {
                Some((due, at, key)) if due <= to => {
                    self.now = self.now.max(due);
                    self.complete(at, &key);
                    self.pump(at);
                }
                _ => break,
            }
        }
        self.now = self.now.max(to);
    }

    /// The task of a stack that ends next.
    fn next_due(&self, at: usize) -> Option<(u64, usize, String)> {
        let stack = &self.stacks[at];
        let operation = stack.operation.as_ref()?;
        let due = |(key, task): (&String, &Task)| {
            let State::Running { from, until, deed, .. } = &task.state else { return None };
            if self.is_stuck(&stack.name, &task.logical_id) {
                return None;
            }
            let kind = stack.records.get(&task.logical_id).map(|record| record.kind.as_str());
            if *deed == Deed::Create && kind == Some("AWS::CertificateManager::Certificate") {
                let seen = self.certificate_seen(stack, &task.logical_id);
                let issued = seen.map(|seen| seen.max(*from) + (*until - *from));
                return Some((issued.unwrap_or(u64::MAX).min(*from + 72 * HOUR), at, key.clone()));
            }
            Some((*until, at, key.clone()))
        };
        operation.tasks.iter().filter_map(due).min()
    }

    fn is_stuck(&self, stack: &str, logical_id: &str) -> bool {
        self.stuck.iter().any(|(part, id)| stack.contains(part.as_str()) && id == logical_id)
    }

    /// Since when the world sees the record that a certificate waits for.
    fn certificate_seen(&self, stack: &StackRecord, logical_id: &str) -> Option<u64> {
        let thing = self.things.get(&stack.records.get(logical_id)?.thing?)?;
        self.certificate_zone(thing)?.seen_since
    }

    /// The zone in which a certificate is proved.
    pub(super) fn certificate_zone(&self, thing: &super::Thing) -> Option<&super::Zone> {
        let domain = thing.property("DomainName")?;
        let option = thing.properties.get("DomainValidationOptions").and_then(|options| options.get(0));
        let id = option.and_then(|option| option.get("HostedZoneId")).and_then(Json::as_str);
        self.zones.iter().find(|zone| match id {
            Some(id) => zone.hosted.id == id,
            None => domain == zone.hosted.name || domain.ends_with(&format!(".{}", zone.hosted.name)),
        })
    }

    pub(super) fn event(
        &mut self,
        at: usize,
        logical_id: &str,
        kind: &str,
        physical: Option<&str>,
        status: &str,
        reason: Option<&str>,
    ) {
        let serial = self.next();
        let moment = super::time(self.now);
        let stack = &mut self.stacks[at];
        let token = stack.operation.as_ref().and_then(|operation| operation.token.clone());
        stack.events.push(StackEvent {
            id: format!("{logical_id}-{status}-{serial:08}"),
            at: moment,
            logical_id: logical_id.to_owned(),
            physical_id: physical.map(str::to_owned),
            resource_type: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
            token,
        });
    }

    /// A stack's state changes.
    pub(super) fn turn(&mut self, at: usize, status: StackStatus, reason: Option<String>) {
        let stack = &mut self.stacks[at];
        stack.status = status;
        let (name, id) = (stack.name.clone(), stack.id.clone());
        self.event(at, &name, "AWS::CloudFormation::Stack", Some(&id), status.word(), reason.as_deref());
        self.stacks[at].reason = reason;
    }

    /// A resource's state changes.
    pub(super) fn mark(&mut self, at: usize, logical_id: &str, status: &str, reason: Option<&str>) {
        let Some(record) = self.stacks[at].records.get_mut(logical_id) else { return };
        record.status = status.to_owned();
        record.reason = reason.map(str::to_owned);
        let (kind, physical) = (record.kind.clone(), record.physical_id.clone());
        self.event(at, logical_id, &kind, physical.as_deref(), status, reason);
    }

    /// Begins to make or to change a stack.
    pub(super) fn begin(&mut self, at: usize, wanted: Wanted, token: Option<String>, keep_failed: bool) {
        let is_new = self.stacks[at].status == StackStatus::ReviewInProgress;
        let graph = &wanted.template.graph;
        let names = super::scope::Scope::new(self, &self.stacks[at], &wanted, false);
        let exists = |id: &str| names.exists(id);
        let tasks = graph
            .resources
            .iter()
            .filter(|(id, _)| exists(id))
            .map(|(id, resource)| {
                let after = super::scope::needs(resource, graph).into_iter().filter(|it| exists(it)).collect();
                (id.clone(), Task { logical_id: id.clone(), work: Work::Forward, after, state: State::Waiting })
            })
            .collect();
        let doing = if is_new { Doing::Create } else { Doing::Update };
        let now = self.now;
        let stack = &mut self.stacks[at];
        if is_new {
            stack.created_at = now;
        } else {
            stack.updated_at = Some(now);
        }
        stack.wanted = Some(wanted.clone());
        stack.operation = Some(Operation {
            doing,
            token,
            keep_failed,
            wanted: Some(wanted),
            tasks,
            failed: BTreeSet::new(),
            retain: BTreeSet::new(),
            cancelled: false,
        });
        let status = if is_new { StackStatus::CreateInProgress } else { StackStatus::UpdateInProgress };
        self.turn(at, status, Some("User Initiated".to_owned()));
        self.pump(at);
    }

    /// Begins to delete a stack, or what a failed first creation made.
    pub(super) fn begin_deletion(
        &mut self,
        at: usize,
        doing: Doing,
        token: Option<String>,
        retain: &[String],
        reason: Option<String>,
    ) {
        let stack = &mut self.stacks[at];
        stack.failed.clear();
        let records: Vec<(String, Record)> = std::mem::take(&mut stack.leftovers)
            .into_iter()
            .chain(stack.records.iter().map(|(id, record)| (id.clone(), record.clone())))
            .filter(|(_, record)| record.status != "DELETE_COMPLETE")
            .collect();
        let tasks = deletions(records);
        stack.operation = Some(Operation {
            doing,
            token,
            keep_failed: false,
            wanted: None,
            tasks,
            failed: BTreeSet::new(),
            retain: retain.iter().cloned().collect(),
            cancelled: false,
        });
        let status =
            if doing == Doing::Delete { StackStatus::DeleteInProgress } else { StackStatus::RollbackInProgress };
        self.turn(at, status, reason);
        self.pump(at);
    }

    /// Begins to put a stack back to its last whole state, but not the resources `skip`.
    pub(super) fn begin_restoration(
        &mut self,
        at: usize,
        token: Option<String>,
        skip: &[String],
        reason: Option<String>,
    ) {
        let Some(stable) = self.stacks[at].stable.clone() else {
            self.begin_deletion(at, Doing::RollbackCreate, token, &[], reason);
            return;
        };
        let mut tasks = IndexMap::new();
        let stack = &mut self.stacks[at];
        stack.failed.clear();
        for (id, old) in &stable.records {
            let current = stack.records.get(id).cloned();
            match current {
                Some(current) if current.thing == old.thing => {
                    let is_touched = current.properties != old.properties
                        || current.stack_tags != old.stack_tags
                        || current.status.ends_with("FAILED");
                    if skip.contains(id) {
                        stack.records[id] = Record { status: "UPDATE_COMPLETE".to_owned(), reason: None, ..current };
                    } else if is_touched {
                        let after = old.needs.clone();
                        let task = Task { logical_id: id.clone(), work: Work::Restore, after, state: State::Waiting };
                        tasks.insert(id.clone(), task);
                    }
                }
                Some(current) => {
                    stack.leftovers.retain(|(_, left)| left.thing != old.thing);
                    stack.leftovers.push((id.clone(), current));
                    stack.records.insert(id.clone(), old.clone());
                }
                None => {
                    stack.leftovers.retain(|(_, left)| left.thing != old.thing);
                    stack.records.insert(id.clone(), old.clone());
                }
            }
        }
        let new: Vec<String> = stack.records.keys().filter(|id| !stable.records.contains_key(*id)).cloned().collect();
        for id in new {
            if let Some(record) = stack.records.shift_remove(&id) {
                stack.leftovers.push((id, record));
            }
        }
        let restored: BTreeSet<String> = tasks.keys().cloned().collect();
        for task in tasks.values_mut() {
            task.after = task.after.intersection(&restored).cloned().collect();
        }
        stack.operation = Some(Operation {
            doing: Doing::RollbackUpdate,
            token,
            keep_failed: false,
            wanted: Some(stable.wanted.clone()),
            tasks,
            failed: BTreeSet::new(),
            retain: BTreeSet::new(),
            cancelled: false,
        });
        self.turn(at, StackStatus::UpdateRollbackInProgress, reason);
        self.pump(at);
    }

    /// Somebody stops an update.
    pub(super) fn cancel(&mut self, at: usize) {
        self.interrupt(at);
        if let Some(operation) = &mut self.stacks[at].operation {
            operation.cancelled = true;
        }
        self.pump(at);
    }

    /// What runs is broken off.
    pub(super) fn interrupt(&mut self, at: usize) {
        let Some(operation) = &mut self.stacks[at].operation else { return };
        let mut broken = Vec::new();
        for task in operation.tasks.values_mut() {
            if let State::Running { deed, .. } = &task.state {
                broken.push((task.logical_id.clone(), *deed));
                task.state = State::Failed;
            }
        }
        for (id, deed) in broken {
            let (status, reason) = match deed {
                Deed::Create => ("CREATE_FAILED", "Resource creation cancelled"),
                Deed::Update | Deed::Restore => ("UPDATE_FAILED", "Resource update cancelled"),
                Deed::Delete => ("DELETE_FAILED", "Resource deletion cancelled"),
            };
            self.mark(at, &id, status, Some(reason));
        }
    }

    fn pump(&mut self, at: usize) {
        loop {
            let Some(operation) = &self.stacks[at].operation else { return };
            let halts = matches!(operation.doing, Doing::Create | Doing::Update | Doing::RollbackUpdate);
            let is_halted = halts && (operation.cancelled || !operation.failed.is_empty());
            let is_done = |key: &String| operation.tasks.get(key).is_none_or(|task| task.state == State::Done);
            let ready = operation
                .tasks
                .iter()
                .find(|(_, task)| !is_halted && task.state == State::Waiting && task.after.iter().all(is_done))
                .map(|(key, _)| key.clone());
            if let Some(key) = ready {
                self.start(at, &key);
            } else if operation.tasks.values().any(|task| matches!(task.state, State::Running { .. })) {
                return;
            } else {
                self.finish(at);
            }
        }
    }

    pub(super) fn set(&mut self, at: usize, key: &str, state: State) {
        if let Some(task) = self.stacks[at].operation.as_mut().and_then(|operation| operation.tasks.get_mut(key)) {
            task.state = state;
        }
    }

    pub(super) fn run(&mut self, at: usize, key: &str, deed: Deed, milliseconds: u64, fails: Option<String>) {
        let (from, until) = (self.now, self.now + milliseconds);
        self.set(at, key, State::Running { from, until, deed, fails });
    }

    pub(super) fn fail(&mut self, at: usize, key: &str, deed: Deed, reason: &str) {
        self.set(at, key, State::Failed);
        let Some(operation) = &mut self.stacks[at].operation else { return };
        let Some(task) = operation.tasks.get(key) else { return };
        let (id, halts) = (task.logical_id.clone(), deed != Deed::Delete);
        let kind = match &task.work {
            Work::Delete(record) => Some((record.kind.clone(), record.physical_id.clone())),
            Work::Forward | Work::Restore => None,
        };
        operation.failed.insert(id.clone());
        let status = match deed {
            Deed::Create => "CREATE_FAILED",
            Deed::Update | Deed::Restore => "UPDATE_FAILED",
            Deed::Delete => "DELETE_FAILED",
        };
        match kind {
            Some((kind, physical)) => {
                if let Some(record) = self.stacks[at].records.get_mut(&id) {
                    record.status = status.to_owned();
                    record.reason = Some(reason.to_owned());
                }
                self.event(at, &id, &kind, physical.as_deref(), status, Some(reason));
            }
            None => self.mark(at, &id, status, Some(reason)),
        }
        if halts {
            self.interrupt(at);
        }
    }
}

/// Tasks that delete, each after what needs it.
fn deletions(records: Vec<(String, Record)>) -> IndexMap<String, Task> {
    let key = |index: usize, id: &str| format!("{id}#{index}");
    let needed: Vec<(String, BTreeSet<String>)> =
        records.iter().enumerate().map(|(index, (id, record))| (key(index, id), record.needs.clone())).collect();
    records
        .into_iter()
        .enumerate()
        .map(|(index, (id, record))| {
            let own = key(index, &id);
            let after = needed.iter().filter(|(other, needs)| *other != own && needs.contains(&id));
            let after = after.map(|(other, _)| other.clone()).collect();
            let task = Task { logical_id: id, work: Work::Delete(Box::new(record)), after, state: State::Waiting };
            (own, task)
        })
        .collect()
}
