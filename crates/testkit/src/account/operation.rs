//! How a stack gets from one state to the next: tasks with an order, each of which takes time and may fail.
//!
//! Source: CloudFormation user guide ("Stack status codes", "Stack failure options", "DeletionPolicy", "Continue rolling back an
//! update"), 2026-11.

use super::catalogue;
use super::machine::{Boot, Deed, Machine};
use super::stack::{Keeps, Record, Stable, StackRecord, Wanted};
use super::thing::{Content, Maker};
use analysis::resource_types::{Replaces, replaces};
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
enum Work {
    /// Make it, change it, or leave it, whatever the template asks for.
    Forward,
    /// Put it back as it was.
    Restore,
    /// Delete a thing; `record` is what is known of it.
    Delete(Box<Record>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Waiting,
    Running { from: u64, until: u64, deed: Deed, fails: Option<String> },
    Done,
    Failed,
}

#[derive(Debug, Clone)]
struct Task {
    logical_id: String,
    work: Work,
    after: BTreeSet<String>,
    state: State,
}

/// An operation on a stack.
#[derive(Debug)]
pub(super) struct Operation {
    pub doing: Doing,
    pub token: Option<String>,
    pub keep_failed: bool,
    wanted: Option<Wanted>,
    tasks: IndexMap<String, Task>,
    failed: BTreeSet<String>,
    retain: BTreeSet<String>,
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

const HOUR: u64 = 3_600_000;

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
        stack.reason.clone_from(&reason);
        let (name, id) = (stack.name.clone(), stack.id.clone());
        self.event(at, &name, "AWS::CloudFormation::Stack", Some(&id), status.word(), reason.as_deref());
    }

    /// A resource's state changes.
    fn mark(&mut self, at: usize, logical_id: &str, status: &str, reason: Option<&str>) {
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

    fn set(&mut self, at: usize, key: &str, state: State) {
        if let Some(task) = self.stacks[at].operation.as_mut().and_then(|operation| operation.tasks.get_mut(key)) {
            task.state = state;
        }
    }

    fn run(&mut self, at: usize, key: &str, deed: Deed, milliseconds: u64, fails: Option<String>) {
        let (from, until) = (self.now, self.now + milliseconds);
        self.set(at, key, State::Running { from, until, deed, fails });
    }

    fn fail(&mut self, at: usize, key: &str, deed: Deed, reason: &str) {
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

    /// A failure that somebody ordered.
    fn ordered(&mut self, stack: &str, logical_id: &str, deed: Deed) -> Option<String> {
        let failure = self.failures.iter_mut().find(|it| {
            it.times > 0 && stack.contains(it.stack.as_str()) && it.logical_id == logical_id && it.deed == deed
        })?;
        failure.times -= 1;
        Some(failure.reason.clone())
    }

    fn start(&mut self, at: usize, key: &str) {
        let Some(task) = self.stacks[at].operation.as_ref().and_then(|operation| operation.tasks.get(key)).cloned()
        else {
            return;
        };
        match task.work {
            Work::Forward => self.start_forward(at, key),
            Work::Restore => {
                let kind = self.stacks[at].records.get(&task.logical_id).map(|record| record.kind.clone());
                self.mark(at, &task.logical_id, "UPDATE_IN_PROGRESS", None);
                let seconds = catalogue::seconds(&kind.unwrap_or_default())[1];
                self.run(at, key, Deed::Restore, seconds * 1000, None);
            }
            Work::Delete(record) => self.start_deletion(at, key, &task.logical_id, &record),
        }
    }

    fn start_deletion(&mut self, at: usize, key: &str, id: &str, record: &Record) {
        let Some(operation) = &self.stacks[at].operation else { return };
        let doing = operation.doing;
        let is_named = operation.retain.contains(id);
        let keeps = match doing {
            Doing::Delete => record.keeps_on_delete != Keeps::No,
            Doing::RollbackCreate | Doing::RollbackCleanup => record.keeps_on_delete == Keeps::Always,
            _ => {
                // A leftover of an update: the resource is there with another thing, or it is no longer in the template.
                let is_replaced = self.stacks[at].records.contains_key(id);
                if is_replaced { record.keeps_on_replace } else { record.keeps_on_delete != Keeps::No }
            }
        };
        if record.thing.is_some() && (is_named || keeps) {
            // What a failed creation leaves behind was not left on purpose.
            let is_retained = !matches!(doing, Doing::RollbackCreate | Doing::RollbackCleanup);
            if let Some(thing) = record.thing.and_then(|serial| self.things.get_mut(&serial)) {
                thing.is_retained = is_retained;
            }
            self.deleted(at, key, id, record, "DELETE_SKIPPED");
            return;
        }
        self.event(at, id, &record.kind, record.physical_id.as_deref(), "DELETE_IN_PROGRESS", None);
        let is_current = self.stacks[at].records.get(id).is_some_and(|current| current.thing == record.thing);
        if is_current && let Some(current) = self.stacks[at].records.get_mut(id) {
            current.status = "DELETE_IN_PROGRESS".to_owned();
        }
        let seconds = if record.thing.is_some() { catalogue::seconds(&record.kind)[2] } else { 0 };
        self.run(at, key, Deed::Delete, seconds * 1000, None);
    }

    fn deleted(&mut self, at: usize, key: &str, id: &str, record: &Record, status: &str) {
        self.set(at, key, State::Done);
        self.event(at, id, &record.kind, record.physical_id.as_deref(), status, None);
        if let Some(current) = self.stacks[at].records.get_mut(id).filter(|current| current.thing == record.thing) {
            current.status = status.to_owned();
            current.reason = None;
            current.thing = None;
        }
    }

    /// Begins with a resource of the wanted template.
    fn start_forward(&mut self, at: usize, id: &str) {
        let Some(wanted) = self.stacks[at].operation.as_ref().and_then(|operation| operation.wanted.clone()) else {
            return;
        };
        let resource = &wanted.template.graph.resources[id];
        let kind = resource.kind.clone();
        let evaluated = super::scope::Scope::new(self, &self.stacks[at], &wanted, false).properties(resource);
        let template = super::scope::needs(resource, &wanted.template.graph);
        let policy = |name: &str| match resource.attributes.get(name).map(|value| &value.kind) {
            Some(model::cfn::Kind::Text(text)) => text.as_str() == "Retain",
            _ => false,
        };
        let keeps_on_delete = match resource.attributes.get("DeletionPolicy").map(|value| &value.kind) {
            Some(model::cfn::Kind::Text(text)) if text == "Retain" => Keeps::Always,
            Some(model::cfn::Kind::Text(text)) if text == "RetainExceptOnCreate" => Keeps::ExceptOnCreate,
            _ => Keeps::No,
        };
        let old = self.stacks[at].records.get(id).cloned();
        let mut record = Record {
            kind: kind.clone(),
            thing: None,
            physical_id: None,
            status: String::new(),
            reason: None,
            properties: Json::Null,
            stack_tags: wanted.tags.clone(),
            needs: template,
            keeps_on_delete,
            keeps_on_replace: policy("UpdateReplacePolicy"),
        };
        let old_thing = old.as_ref().and_then(|old| old.thing);
        let is_there = old.as_ref().is_some_and(|old| old.thing.is_some() && old.status != "CREATE_FAILED");
        let properties = match evaluated {
            Ok(properties) => properties,
            Err(reason) => {
                let deed = if is_there { Deed::Update } else { Deed::Create };
                self.stacks[at].records.entry(id.to_owned()).or_insert(record);
                self.fail(at, id, deed, &reason);
                return;
            }
        };
        if let (Some(old), true) = (&old, is_there) {
            let has_other_tags = catalogue::is_taggable(&kind) && old.stack_tags != record.stack_tags;
            if old.kind == kind && old.properties == properties && !has_other_tags && !old.status.ends_with("FAILED") {
                record = Record {
                    needs: record.needs,
                    keeps_on_delete,
                    keeps_on_replace: record.keeps_on_replace,
                    stack_tags: record.stack_tags,
                    ..old.clone()
                };
                self.stacks[at].records.insert(id.to_owned(), record);
                self.set(at, id, State::Done);
                return;
            }
            if old.kind == kind && !is_replacement(&kind, &old.properties, &properties) {
                self.mark(at, id, "UPDATE_IN_PROGRESS", None);
                self.start_update(at, id, &wanted, old, properties);
                return;
            }
            self.mark(
                at,
                id,
                "UPDATE_IN_PROGRESS",
                Some("Requested update requires the creation of a new physical resource; hence creating one."),
            );
        }
        if let (Some(old), Some(_)) = (old, old_thing) {
            self.stacks[at].leftovers.push((id.to_owned(), old));
        }
        record.properties = properties.clone();
        record.status = "CREATE_IN_PROGRESS".to_owned();
        self.stacks[at].records.insert(id.to_owned(), record);
        if !is_there {
            self.mark(at, id, "CREATE_IN_PROGRESS", None);
        }
        match self.make(at, id, &kind, properties) {
            Err(reason) => self.fail(at, id, if is_there { Deed::Update } else { Deed::Create }, &reason),
            Ok(extra) => {
                let reason = "Resource creation Initiated";
                self.mark(at, id, if is_there { "UPDATE_IN_PROGRESS" } else { "CREATE_IN_PROGRESS" }, Some(reason));
                self.tell_validation(at, id);
                let (wait, fails) = extra;
                let ordered = self.ordered_of(at, id, Deed::Create);
                self.run(at, id, Deed::Create, catalogue::seconds(&kind)[0] * 1000 + wait, ordered.or(fails));
            }
        }
    }

    fn ordered_of(&mut self, at: usize, id: &str, deed: Deed) -> Option<String> {
        let name = self.stacks[at].name.clone();
        self.ordered(&name, id, deed)
    }

    /// CloudFormation writes into its events which record a certificate waits for.
    fn tell_validation(&mut self, at: usize, id: &str) {
        let thing = self.stacks[at].records.get(id).and_then(|record| self.things.get(&record.thing?));
        if let Some(thing) = thing.filter(|thing| thing.kind == "AWS::CertificateManager::Certificate") {
            let record =
                super::services::validation_record(&thing.property("DomainName").unwrap_or_default(), thing.serial);
            let reason = format!(
                "Content of DNS Record is: {{Name: {},Type: {},Value: {}}}",
                record.name, record.kind, record.value
            );
            self.mark(at, id, "CREATE_IN_PROGRESS", Some(&reason));
        }
    }

    fn start_update(&mut self, at: usize, id: &str, wanted: &Wanted, old: &Record, properties: Json) {
        let Some(serial) = old.thing else { return };
        let Some(thing) = self.things.get(&serial) else {
            let reason = format!(
                "Resource of type '{}' with identifier '{}' was not found. (HandlerErrorCode: NotFound)",
                old.kind,
                old.physical_id.as_deref().unwrap_or_default()
            );
            self.fail(at, id, Deed::Update, &reason);
            return;
        };
        if let Some(reason) = self.dangling(&properties) {
            self.fail(at, id, Deed::Update, &reason);
            return;
        }
        let kind = thing.kind.clone();
        let mut wait = 0;
        let mut fails = None;
        let rolls =
            ["LaunchTemplate", "VPCZoneIdentifier"].iter().any(|key| old.properties.get(*key) != properties.get(*key));
        if kind == "AWS::AutoScaling::AutoScalingGroup" && rolls {
            (wait, fails) = self.roll(serial, &properties, wanted, id);
        }
        let tags = self.tags_of(at, id, &kind, &properties, &wanted.tags);
        if let Some(thing) = self.things.get_mut(&serial) {
            thing.properties = properties.clone();
            thing.tags = tags;
            if kind == "AWS::EC2::LaunchTemplate" && properties != old.properties {
                next_version(thing);
            }
        }
        if let Some(record) = self.stacks[at].records.get_mut(id) {
            record.properties = properties;
            record.stack_tags = wanted.tags.clone();
        }
        let ordered = self.ordered_of(at, id, Deed::Update);
        self.run(at, id, Deed::Update, catalogue::seconds(&kind)[1] * 1000 + wait, ordered.or(fails));
    }

    fn complete(&mut self, at: usize, key: &str) {
        let Some(task) = self.stacks[at].operation.as_ref().and_then(|it| it.tasks.get(key)).cloned() else { return };
        let State::Running { from, deed, fails, .. } = task.state else { return };
        let id = task.logical_id;
        match (deed, task.work) {
            (Deed::Delete, Work::Delete(record)) => {
                let blocked = record.thing.and_then(|serial| self.blocked(self.things.get(&serial)?));
                match self.ordered_of(at, &id, Deed::Delete).or(blocked) {
                    Some(reason) => self.fail(at, key, Deed::Delete, &reason),
                    None => {
                        if let Some(serial) = record.thing {
                            self.remove(serial);
                        }
                        self.deleted(at, key, &id, &record, "DELETE_COMPLETE");
                    }
                }
            }
            (Deed::Restore, _) => match self.ordered_of(at, &id, Deed::Restore) {
                Some(reason) => self.fail(at, key, Deed::Restore, &reason),
                None => self.restore(at, key, &id),
            },
            (Deed::Create | Deed::Update, _) => {
                let is_certificate = self.stacks[at]
                    .records
                    .get(&id)
                    .is_some_and(|it| it.kind == "AWS::CertificateManager::Certificate");
                let late = deed == Deed::Create && is_certificate && self.now >= from + 72 * HOUR;
                let fails = fails
                    .or_else(|| late.then(|| "DNS validation timed out. (HandlerErrorCode: NotStabilized)".to_owned()));
                let is_update = self.stacks[at].records.get(&id).is_some_and(|it| it.status.starts_with("UPDATE"));
                let done = if is_update { Deed::Update } else { Deed::Create };
                match fails {
                    Some(reason) => self.fail(at, key, done, &reason),
                    None => {
                        self.set(at, key, State::Done);
                        self.mark(at, &id, if is_update { "UPDATE_COMPLETE" } else { "CREATE_COMPLETE" }, None);
                    }
                }
            }
            (Deed::Delete, _) => self.set(at, key, State::Done),
        }
    }

    /// A resource gets back what it had.
    fn restore(&mut self, at: usize, key: &str, id: &str) {
        let Some(old) = self.stacks[at].stable.as_ref().and_then(|stable| stable.records.get(id)).cloned() else {
            return;
        };
        let tags = self.tags_of(at, id, &old.kind, &old.properties, &old.stack_tags);
        let Some(thing) = old.thing.and_then(|serial| self.things.get_mut(&serial)) else {
            let reason = format!("Resource of type '{}' was not found. (HandlerErrorCode: NotFound)", old.kind);
            self.fail(at, key, Deed::Restore, &reason);
            return;
        };
        let has_changed = thing.properties != old.properties;
        thing.properties = old.properties.clone();
        thing.tags = tags;
        if has_changed && thing.kind == "AWS::EC2::LaunchTemplate" {
            next_version(thing);
        }
        if thing.kind == "AWS::AutoScaling::AutoScalingGroup" {
            let serial = thing.serial;
            self.heal(serial);
        }
        self.stacks[at].records.insert(id.to_owned(), old);
        self.set(at, key, State::Done);
        self.mark(at, id, "UPDATE_COMPLETE", None);
    }

    /// All tasks are done, or no more can be.
    fn finish(&mut self, at: usize) {
        let Some(operation) = self.stacks[at].operation.take() else { return };
        let is_whole = !operation.cancelled && operation.tasks.values().all(|task| task.state == State::Done);
        let named = operation.failed.iter().cloned().collect::<Vec<_>>().join(", ");
        let failed_to = |word: &str| format!("The following resource(s) failed to {word}: [{named}]. ");
        self.stacks[at].failed = operation.failed.clone();
        // Events of this operation carry its token, also the last one.
        let token = operation.token.clone();
        let last = |doing| Operation {
            doing,
            token: token.clone(),
            keep_failed: false,
            wanted: None,
            tasks: IndexMap::new(),
            failed: BTreeSet::new(),
            retain: BTreeSet::new(),
            cancelled: false,
        };
        self.stacks[at].operation = Some(last(operation.doing));
        let end = |machine: &mut Self, status, reason| {
            machine.turn(at, status, reason);
            machine.stacks[at].operation = None;
        };
        match operation.doing {
            Doing::Create if is_whole => match self.told_outputs(at) {
                Ok(()) => {
                    self.settle(at);
                    end(self, StackStatus::CreateComplete, None);
                }
                Err(reason) => self.begin_deletion(at, Doing::RollbackCreate, token.clone(), &[], Some(reason)),
            },
            Doing::Create if operation.keep_failed => {
                end(self, StackStatus::CreateFailed, Some(failed_to("create")));
            }
            Doing::Create => {
                let reason = format!("{}Rollback requested by user.", failed_to("create"));
                self.begin_deletion(at, Doing::RollbackCreate, token.clone(), &[], Some(reason));
            }
            Doing::RollbackCreate => {
                if is_whole {
                    end(self, StackStatus::RollbackComplete, None);
                } else {
                    end(self, StackStatus::RollbackFailed, Some(failed_to("delete")));
                }
            }
            Doing::Update if is_whole => match self.told_outputs(at) {
                Ok(()) => {
                    let dropped: Vec<String> = {
                        let stack = &self.stacks[at];
                        stack.records.keys().filter(|id| !operation.tasks.contains_key(*id)).cloned().collect()
                    };
                    for id in dropped {
                        if let Some(record) = self.stacks[at].records.shift_remove(&id) {
                            self.stacks[at].leftovers.push((id, record));
                        }
                    }
                    self.turn(at, StackStatus::UpdateCompleteCleanupInProgress, None);
                    self.begin_cleanup(at, Doing::UpdateCleanup, token.clone());
                }
                Err(reason) => self.begin_restoration(at, token.clone(), &[], Some(reason)),
            },
            Doing::Update if operation.keep_failed && !operation.cancelled => {
                end(self, StackStatus::UpdateFailed, Some(failed_to("update")));
            }
            Doing::Update => {
                let reason = if operation.cancelled { "User Initiated".to_owned() } else { failed_to("update") };
                self.begin_restoration(at, token.clone(), &[], Some(reason));
            }
            Doing::UpdateCleanup | Doing::RollbackCleanup => {
                // What could not be deleted is forgotten: CloudFormation tries no longer.
                let reason =
                    (!is_whole).then(|| "Update successful. One or more resources could not be deleted.".to_owned());
                self.settle(at);
                let status = if operation.doing == Doing::UpdateCleanup {
                    StackStatus::UpdateComplete
                } else {
                    StackStatus::UpdateRollbackComplete
                };
                end(self, status, reason);
            }
            Doing::RollbackUpdate if is_whole => {
                if let Some(stable) = self.stacks[at].stable.clone() {
                    self.stacks[at].wanted = Some(stable.wanted);
                    self.stacks[at].outputs = stable.outputs;
                }
                self.turn(at, StackStatus::UpdateRollbackCompleteCleanupInProgress, None);
                self.begin_cleanup(at, Doing::RollbackCleanup, token.clone());
            }
            Doing::RollbackUpdate => {
                end(self, StackStatus::UpdateRollbackFailed, Some(failed_to("update")));
            }
            Doing::Delete if is_whole => {
                self.stacks[at].stable = None;
                self.stacks[at].is_protected = false;
                self.stacks[at].change_sets.clear();
                end(self, StackStatus::DeleteComplete, None);
            }
            Doing::Delete => end(self, StackStatus::DeleteFailed, Some(failed_to("delete"))),
        }
    }

    fn begin_cleanup(&mut self, at: usize, doing: Doing, token: Option<String>) {
        let stack = &mut self.stacks[at];
        let current: BTreeSet<u64> = stack.records.values().filter_map(|record| record.thing).collect();
        let leftovers: Vec<(String, Record)> = std::mem::take(&mut stack.leftovers)
            .into_iter()
            .filter(|(_, record)| record.thing.is_some_and(|thing| !current.contains(&thing)))
            .collect();
        stack.operation = Some(Operation {
            doing,
            token,
            keep_failed: false,
            wanted: None,
            tasks: deletions(leftovers),
            failed: BTreeSet::new(),
            retain: BTreeSet::new(),
            cancelled: false,
        });
    }

    /// The state that is there now is whole.
    fn settle(&mut self, at: usize) {
        let stack = &mut self.stacks[at];
        if let Some(wanted) = stack.wanted.clone() {
            stack.stable = Some(Stable { wanted, records: stack.records.clone(), outputs: stack.outputs.clone() });
        }
    }

    fn told_outputs(&mut self, at: usize) -> Result<(), String> {
        let Some(wanted) = self.stacks[at].wanted.clone() else { return Ok(()) };
        let scope = super::scope::Scope::new(self, &self.stacks[at], &wanted, false);
        let mut outputs = IndexMap::new();
        for (name, value) in &wanted.template.outputs {
            outputs.insert(name.clone(), super::evaluate::as_text(&super::evaluate::evaluate(value, &scope)?));
        }
        self.stacks[at].outputs = outputs;
        Ok(())
    }

    /// New hosts in place of the old ones; how long that takes and why it fails.
    fn roll(&mut self, group: u64, properties: &Json, wanted: &Wanted, id: &str) -> (u64, Option<String>) {
        let old: Vec<u64> = self.hosts_of(group);
        let before = self.things.get(&group).map(|thing| thing.properties.clone());
        if let Some(thing) = self.things.get_mut(&group) {
            thing.properties = properties.clone();
        }
        let (wait, fails) = self.launch(group, properties, &wanted.template.graph.resources[id], "UpdatePolicy");
        if fails.is_some() {
            // The old hosts stay; those that failed are ended.
            let failed: Vec<u64> = self.hosts_of(group).into_iter().filter(|host| !old.contains(host)).collect();
            failed.into_iter().for_each(|host| self.remove(host));
            if let (Some(thing), Some(before)) = (self.things.get_mut(&group), before) {
                thing.properties = before;
            }
        } else {
            old.into_iter().for_each(|host| self.remove(host));
        }
        (wait, fails)
    }

    fn hosts_of(&self, group: u64) -> Vec<u64> {
        let is_host = |it: &&super::Thing| it.kind == "AWS::EC2::Instance" && it.maker == Maker::Thing(group);
        self.things.values().filter(is_host).map(|it| it.serial).collect()
    }

    /// A group that has no hosts gets its number again.
    pub(super) fn heal(&mut self, group: u64) {
        let Some(properties) = self.things.get(&group).map(|thing| thing.properties.clone()) else { return };
        let wanted = number(&properties, "DesiredCapacity").or_else(|| number(&properties, "MinSize")).unwrap_or(1);
        let there = u64::try_from(self.hosts_of(group).len()).unwrap_or(0);
        for index in there..wanted {
            self.add_host(group, &properties, index, true);
        }
    }

    /// The hosts of a group start. How long that takes beyond the group itself, and why it fails.
    pub(super) fn launch(
        &mut self,
        group: u64,
        properties: &Json,
        resource: &model::cfn::Resource,
        policy: &str,
    ) -> (u64, Option<String>) {
        const BOOT: u64 = 120_000;
        let count = number(properties, "DesiredCapacity").or_else(|| number(properties, "MinSize")).unwrap_or(1);
        let said = resource.attributes.get(policy);
        let signal = said.and_then(|said| said.get("ResourceSignal").or_else(|| said.get("AutoScalingRollingUpdate")));
        let text = |key: &str| match signal.and_then(|it| it.get(key)).map(|it| &it.kind) {
            Some(model::cfn::Kind::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let waits =
            policy == "CreationPolicy" && signal.is_some() || text("WaitOnResourceSignals").as_deref() == Some("true");
        let time_out = text("Timeout").or_else(|| text("PauseTime")).map_or(5 * 60_000, |text| duration(&text));
        let boot = self.boot;
        for index in 0..count {
            self.add_host(group, properties, index, boot == Boot::Ready);
        }
        let rounds = if policy == "UpdatePolicy" { count.max(1) } else { 1 };
        match boot {
            _ if !waits || count == 0 => (0, None),
            Boot::Ready => (BOOT * rounds, None),
            Boot::Fails if policy == "CreationPolicy" => (
                BOOT,
                Some(format!("Received {count} FAILURE signal(s) out of {count}.  Unable to satisfy 100% MinSuccessfulInstancesPercent requirement")),
            ),
            Boot::Fails => (
                BOOT,
                Some("Received 1 FAILURE signal(s) out of 1.  Unable to satisfy 100% MinSuccessfulInstancesPercent requirement".to_owned()),
            ),
            Boot::Silent => (
                time_out,
                Some(format!("Failed to receive {count} resource signal(s) within the specified duration")),
            ),
        }
    }

    fn add_host(&mut self, group: u64, properties: &Json, index: u64, is_healthy: bool) {
        let subnets = properties.get("VPCZoneIdentifier").and_then(Json::as_array).cloned().unwrap_or_default();
        let subnet = usize::try_from(index).ok().and_then(|index| subnets.get(index % subnets.len().max(1))).cloned();
        let template = properties.get("LaunchTemplate").and_then(|it| it.get("LaunchTemplateId")).cloned();
        let data =
            self.things.values().find(|it| Some(it.physical_id.as_str()) == template.as_ref().and_then(Json::as_str));
        let data = data.and_then(|it| it.properties.get("LaunchTemplateData")).cloned().unwrap_or_default();
        let groups = data.get("SecurityGroupIds").cloned().unwrap_or_default();
        let tags = self.things.get(&group).map(|thing| thing.tags.clone()).unwrap_or_default();
        let console = if is_healthy { "landfall: ready" } else { "landfall: set-up failed: pip install exited with 1" };
        let host = self.add_below(
            group,
            "AWS::EC2::Instance",
            serde_json::json!({ "SubnetId": subnet, "ImageId": data.get("ImageId") }),
            tags,
            Content::Host {
                lifecycle: "InService".to_owned(),
                is_healthy,
                console: format!("cloud-init: started\n{console}\n"),
            },
        );
        let properties = serde_json::json!({ "SubnetId": subnet, "GroupSet": groups });
        self.add_below(host, "AWS::EC2::NetworkInterface", properties, Default::default(), Content::None);
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

/// Whether a change of properties makes another resource.
pub(super) fn is_replacement(kind: &str, old: &Json, new: &Json) -> bool {
    differences(old, new).iter().any(|path| replaces(kind, path) == Replaces::Always)
}

/// The paths at which two values differ, as deep as both are mappings.
pub(super) fn differences(old: &Json, new: &Json) -> Vec<String> {
    fn walk(path: &str, old: &Json, new: &Json, found: &mut Vec<String>) {
        if old == new {
            return;
        }
        match (old, new) {
            (Json::Object(a), Json::Object(b)) => {
                let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
                for key in keys {
                    let at = if path.is_empty() { key.clone() } else { format!("{path}/{key}") };
                    walk(&at, a.get(key).unwrap_or(&Json::Null), b.get(key).unwrap_or(&Json::Null), found);
                }
            }
            _ => found.push(path.to_owned()),
        }
    }
    let mut found = Vec::new();
    walk("", old, new, &mut found);
    found
}

fn next_version(thing: &mut super::Thing) {
    let version = thing.attributes.get("LatestVersionNumber").map(super::evaluate::as_text);
    let version: u64 = version.and_then(|version| version.parse().ok()).unwrap_or(1);
    thing.attributes.insert("LatestVersionNumber".to_owned(), Json::String((version + 1).to_string()));
}

fn number(properties: &Json, key: &str) -> Option<u64> {
    super::evaluate::as_text(properties.get(key)?).parse().ok()
}

/// Milliseconds of an ISO 8601 duration such as `PT1H16M30S`.
fn duration(text: &str) -> u64 {
    let mut total = 0;
    let mut digits = 0;
    for letter in text.trim_start_matches("PT").chars() {
        match letter.to_digit(10) {
            Some(digit) => digits = digits * 10 + u64::from(digit),
            None => {
                total += digits
                    * match letter {
                        'H' => 3_600_000,
                        'M' => 60_000,
                        _ => 1000,
                    };
                digits = 0;
            }
        }
    }
    total
}
