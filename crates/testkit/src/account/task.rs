//! What is done to one resource.

use super::catalogue;
use super::difference::is_replacement;
use super::machine::{Deed, Machine};
use super::operation::{Doing, HOUR, State, Work};
use super::stack::{Keeps, Record, Wanted};
use serde_json::Value as Json;

impl Machine {
    /// A failure that somebody ordered.
    fn ordered(&mut self, stack: &str, logical_id: &str, deed: Deed) -> Option<String> {
        let failure = self.failures.iter_mut().find(|it| {
            it.times > 0 && stack.contains(it.stack.as_str()) && it.logical_id == logical_id && it.deed == deed
        })?;
        failure.times -= 1;
        Some(failure.reason.clone())
    }

    fn ordered_of(&mut self, at: usize, id: &str, deed: Deed) -> Option<String> {
        let name = self.stacks[at].name.clone();
        self.ordered(&name, id, deed)
    }

    pub(super) fn start(&mut self, at: usize, key: &str) {
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
        match self.make(at, id, &kind, &properties) {
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

    pub(super) fn complete(&mut self, at: usize, key: &str) {
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
}

fn next_version(thing: &mut super::Thing) {
    let version = thing.attributes.get("LatestVersionNumber").map(super::evaluate::as_text);
    let version: u64 = version.and_then(|version| version.parse().ok()).unwrap_or(1);
    thing.attributes.insert("LatestVersionNumber".to_owned(), Json::String((version + 1).to_string()));
}
