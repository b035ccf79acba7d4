//! Everything that there is in the account, and its clock.

use super::catalogue::{self, Place};
use super::databases::Copy;
use super::evaluate::as_text;
use super::stack::StackRecord;
use super::thing::{Content, Maker, Thing};
use model::Secret;
use serde_json::Value as Json;
use stacks::account::{Entry, HostedZone, SessionRequest};
use std::collections::{BTreeMap, BTreeSet};

/// What CloudFormation does to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Makes it, also in place of another.
    Create,
    /// Changes it.
    Update,
    /// Deletes it.
    Delete,
    /// Puts it back after an update failed.
    Restore,
}

/// Something that will fail.
#[derive(Debug, Clone)]
pub struct Failure {
    /// A part of the stack's name.
    pub stack: String,
    /// The resource.
    pub logical_id: String,
    /// At what.
    pub deed: Deed,
    /// What the service says.
    pub reason: String,
    /// How often.
    pub times: usize,
}

/// How hosts start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boot {
    /// They tell that they are ready.
    Ready,
    /// They tell that set-up failed.
    Fails,
    /// They tell nothing.
    Silent,
}

/// A zone of names.
#[derive(Debug, Clone)]
pub struct Zone {
    /// As the service tells it.
    pub hosted: HostedZone,
    /// What the zone's parent says.
    pub delegated: Vec<String>,
    /// Since when what stands in it can be seen by the world, in milliseconds of the account's clock.
    pub seen_since: Option<u64>,
}

/// The account: what exists, and who does what to it.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its number.
    pub account: String,
    /// Its region.
    pub region: String,
    /// Milliseconds since the account began.
    pub(super) now: u64,
    serial: u64,
    pub(super) stacks: Vec<StackRecord>,
    pub(super) things: BTreeMap<u64, Thing>,
    /// Ids of what existed once, and does no longer.
    pub(super) gone: BTreeSet<String>,
    /// The register.
    pub entries: BTreeMap<String, Entry>,
    /// Public zones.
    pub zones: Vec<Zone>,
    /// What will fail.
    pub failures: Vec<Failure>,
    /// Resources (a part of the stack's name, logical id) that never finish.
    pub stuck: Vec<(String, String)>,
    /// How hosts start from now on.
    pub boot: Boot,
    /// Values in public registers, as the id of the newest image.
    pub public_entries: BTreeMap<String, String>,
    /// Quotas: service, code, value.
    pub quotas: Vec<(String, String, f64)>,
    /// Actions that the caller may not do.
    pub denied: BTreeSet<String>,
    /// Whether the caller may ask what it may not do.
    pub may_ask: bool,
    /// Every value that a secret ever had.
    pub secrets_drawn: Vec<Secret>,
    /// How often a resource was made: stack's name, logical id.
    pub made: BTreeMap<(String, String), usize>,
    pub(super) drift_checks: BTreeMap<String, (usize, u64)>,
    /// The sessions that were started.
    pub sessions: Vec<SessionRequest>,
    /// Hosts that Systems Manager does not hear from.
    pub offline: BTreeSet<String>,
    /// Copies of databases.
    pub(super) copies: Vec<Copy>,
    /// When databases that were made of copies are there, by the number of the thing.
    pub(super) db_ready: BTreeMap<u64, u64>,
    /// States of databases other than that they are there, by their identifiers.
    pub db_status: BTreeMap<String, String>,
    /// Who may log in to each database, by its address.
    pub logins: BTreeMap<String, BTreeSet<String>>,
    /// Classes of databases that cannot be had, with `standby ` before them when alone they can; authorities that sign nothing.
    pub sold_out: BTreeSet<String>,
}

/// The virtual moment at which every account begins: 2026-11-21T00:00:00Z.
const BEGINNING: i64 = 1_795_219_200;

/// A moment of the account's clock as AWS writes it.
pub(super) fn time(milliseconds: u64) -> String {
    let seconds = i64::try_from(milliseconds / 1000).unwrap_or(i64::MAX);
    let (days, rest) = ((BEGINNING + seconds).div_euclid(86_400), (BEGINNING + seconds).rem_euclid(86_400));
    // Civil date of a day number, after the usual era arithmetic.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60,
        milliseconds % 1000
    )
}

impl Machine {
    pub(super) fn new(account: &str, region: &str) -> Self {
        let image = "/aws/service/canonical/ubuntu/server/24.04/stable/current";
        let public_entries = ["amd64", "arm64"]
            .into_iter()
            .zip(["ami-0aaaaaaaaaaaaaaaa", "ami-0bbbbbbbbbbbbbbbb"])
            .map(|(machine, id)| (format!("{image}/{machine}/hvm/ebs-gp3/ami-id"), id.to_owned()))
            .collect();
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            now: 0,
            serial: 0,
            stacks: Vec::new(),
            things: BTreeMap::new(),
            gone: BTreeSet::new(),
            entries: BTreeMap::new(),
            zones: Vec::new(),
            failures: Vec::new(),
            stuck: Vec::new(),
            boot: Boot::Ready,
            public_entries,
            quotas: Vec::new(),
            denied: BTreeSet::new(),
            may_ask: true,
            secrets_drawn: Vec::new(),
            made: BTreeMap::new(),
            drift_checks: BTreeMap::new(),
            sessions: Vec::new(),
            offline: BTreeSet::new(),
            copies: Vec::new(),
            db_ready: BTreeMap::new(),
            db_status: BTreeMap::new(),
            logins: BTreeMap::new(),
            sold_out: BTreeSet::new(),
        }
    }

    /// Another number.
    pub(super) fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A public zone that its parent delegates, so that certificates are issued.
    pub fn add_zone(&mut self, name: &str) {
        let serial = self.next();
        let name_servers: Vec<String> = (1..=4).map(|n| format!("ns-{n}.awsdns-{serial:02}.example")).collect();
        let id = format!("Z{serial:020}");
        self.zones.push(Zone {
            hosted: HostedZone { id, name: name.to_owned(), name_servers: name_servers.clone() },
            delegated: name_servers,
            seen_since: Some(0),
        });
    }

    /// The parent of a zone names these servers from now on; the world sees what is in the zone when they are its own.
    pub fn delegate(&mut self, zone: &str, servers: &[&str]) {
        let now = self.now;
        for zone in self.zones.iter_mut().filter(|it| it.hosted.name == zone) {
            zone.delegated = servers.iter().map(|&server| server.to_owned()).collect();
            let is_right = !servers.is_empty() && zone.delegated.iter().all(|it| zone.hosted.name_servers.contains(it));
            zone.seen_since = is_right.then_some(now);
        }
    }

    /// The parent of a zone names the zone's own servers from now on.
    pub fn delegate_rightly(&mut self, zone: &str) {
        let own = self.zones.iter().find(|it| it.hosted.name == zone).map(|it| it.hosted.name_servers.clone());
        let own = own.unwrap_or_default();
        self.delegate(zone, &own.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// Something that somebody else made. Returns its id.
    pub fn add_foreign(&mut self, kind: &str, properties: Json) -> String {
        let serial = self.next();
        let place =
            Place { account: &self.account, region: &self.region, stack: "foreign", logical_id: "thing", serial };
        let (physical_id, attributes) = catalogue::identity(kind, &properties, &place);
        self.things.insert(
            serial,
            Thing {
                serial,
                kind: kind.to_owned(),
                physical_id: physical_id.clone(),
                properties,
                attributes,
                tags: BTreeMap::new(),
                maker: Maker::Stranger,
                is_retained: false,
                content: Content::None,
            },
        );
        physical_id
    }

    /// Writes a tag on a thing.
    pub fn tag(&mut self, physical_id: &str, key: &str, value: &str) {
        for thing in self.things.values_mut().filter(|thing| thing.physical_id == physical_id) {
            thing.tags.insert(key.to_owned(), value.to_owned());
        }
    }

    /// Everything that exists.
    pub fn things(&self) -> impl Iterator<Item = &Thing> {
        self.things.values()
    }

    /// The thing behind a resource of a stack that was not deleted.
    #[must_use]
    pub fn thing(&self, stack: &str, logical_id: &str) -> Option<&Thing> {
        let stack = self.stacks.iter().find(|it| it.name == stack && !it.is_deleted())?;
        self.things.get(&stack.records.get(logical_id)?.thing?)
    }

    /// The same, to be changed behind CloudFormation's back.
    pub fn thing_mut(&mut self, stack: &str, logical_id: &str) -> Option<&mut Thing> {
        let serial = self.thing(stack, logical_id)?.serial;
        self.things.get_mut(&serial)
    }

    /// Deletes the thing behind a resource, behind CloudFormation's back.
    pub fn remove_behind(&mut self, stack: &str, logical_id: &str) -> bool {
        let serial = self.thing(stack, logical_id).map(|thing| thing.serial);
        serial.map(|serial| self.remove(serial)).is_some()
    }

    /// A stack vanishes with all its things, as when somebody else deleted it.
    pub fn remove_stack_behind(&mut self, name: &str) {
        let Some(at) = self.stacks.iter().position(|it| it.name == name && !it.is_deleted()) else { return };
        let things: Vec<u64> = self.stacks[at].records.values().filter_map(|record| record.thing).collect();
        for serial in things {
            self.remove(serial);
        }
        self.stacks[at].records.clear();
        self.stacks[at].operation = None;
        self.stacks[at].status = stacks::account::StackStatus::DeleteComplete;
    }

    /// A stack is in another state, without anything that would lead out of it: one that only somebody else's import leads to.
    pub fn set_status(&mut self, name: &str, status: stacks::account::StackStatus) {
        if let Some(at) = self.stacks.iter().position(|it| it.name == name && !it.is_deleted()) {
            self.turn(at, status, None);
        }
    }

    /// A thing and what it made are gone.
    pub(super) fn remove(&mut self, serial: u64) {
        if let Some(thing) = self.things.remove(&serial) {
            let arn = thing.attributes.get("Arn").map(as_text);
            self.gone.extend(arn);
            // Ids that name two things, or come back with the next of the same name, say nothing.
            const BY_NAME: &[&str] = &[
                "AWS::EC2::Route",
                "AWS::EC2::VPCGatewayAttachment",
                "AWS::KMS::Alias",
                "AWS::Route53::RecordSet",
                "AWS::S3::BucketPolicy",
            ];
            if !BY_NAME.contains(&thing.kind.as_str()) {
                self.gone.insert(thing.physical_id);
            }
        }
        let below: Vec<u64> =
            self.things.values().filter(|it| it.maker == Maker::Thing(serial)).map(|it| it.serial).collect();
        for serial in below {
            self.remove(serial);
        }
    }

    /// Why a thing cannot be deleted now.
    pub(super) fn blocked(&self, thing: &Thing) -> Option<String> {
        let id = &thing.physical_id;
        let holder = catalogue::held_by(&thing.kind).iter().find_map(|(kind, property)| {
            let also = thing.attributes.get("AllocationId").map(as_text);
            self.things.values().find(|other| {
                other.kind == *kind
                    && other.serial != thing.serial
                    && (other.mentions(property, id)
                        || also.as_ref().is_some_and(|also| other.mentions(property, also))
                        || *property == "Actions" && other.properties.to_string().contains(id))
            })
        });
        if let Some(holder) = holder {
            let word = thing.kind.rsplit(':').next().unwrap_or_default().to_lowercase();
            return Some(format!(
                "Resource handler returned message: \"The {word} '{id}' has dependencies and cannot be deleted. (Service: Ec2, Status Code: 400)\" (HandlerErrorCode: InvalidRequest) [{}]",
                holder.physical_id
            ));
        }
        if matches!(&thing.content, Content::Bucket(objects) if !objects.is_empty()) {
            return Some(format!("The bucket you tried to delete is not empty (Service: S3, Status Code: 409) [{id}]"));
        }
        let attributes = thing.properties.get("LoadBalancerAttributes").and_then(Json::as_array);
        let is_protected = attributes.is_some_and(|attributes| {
            attributes.iter().any(|it| {
                it.get("Key").map(as_text).as_deref() == Some("deletion_protection.enabled")
                    && it.get("Value").map(as_text).as_deref() == Some("true")
            })
        });
        is_protected.then(|| {
            format!(
                "Load balancer '{id}' cannot be deleted because deletion protection is enabled (Service: ElasticLoadBalancingV2, Status Code: 400)"
            )
        })
    }

    /// What stacks made, and no stack owns or left on purpose: nobody would ever find it again.
    #[must_use]
    pub fn orphans(&self) -> Vec<String> {
        let mut owned: BTreeSet<u64> = BTreeSet::new();
        for stack in self.stacks.iter().filter(|stack| !stack.is_deleted()) {
            owned.extend(stack.records.values().filter_map(|record| record.thing));
            owned.extend(stack.leftovers.iter().filter_map(|(_, record)| record.thing));
            if let Some(operation) = &stack.operation {
                owned.extend(operation.things());
            }
            if let Some(stable) = &stack.stable {
                owned.extend(stable.records.values().filter_map(|record| record.thing));
            }
        }
        let is_orphan = |thing: &&Thing| match &thing.maker {
            Maker::Stack { .. } => !thing.is_retained && !owned.contains(&thing.serial),
            Maker::Thing(parent) => !self.things.contains_key(parent),
            Maker::Stranger => false,
        };
        self.things.values().filter(is_orphan).map(|thing| self.named(thing)).collect()
    }

    /// A thing by its type, its place and, when it was left, so.
    fn named(&self, thing: &Thing) -> String {
        let maker = match &thing.maker {
            Maker::Stack { stack, logical_id } => {
                format!("{}/{logical_id}", stack.split('/').nth(1).unwrap_or(stack))
            }
            Maker::Thing(parent) => {
                let parent = self.things.get(parent).map(|parent| self.named(parent));
                format!("of {}", parent.unwrap_or_else(|| "nobody".to_owned()))
            }
            Maker::Stranger => "a stranger's".to_owned(),
        };
        format!("{} {maker}{}", thing.kind, if thing.is_retained { " (kept)" } else { "" })
    }

    /// Everything that there is, without what differs between two accounts that are equal: ids, times, values of secrets.
    #[must_use]
    pub fn shape(&self) -> Vec<String> {
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for thing in self.things.values() {
            names.insert(thing.physical_id.clone(), self.named(thing));
            for (attribute, value) in &thing.attributes {
                let value = as_text(value);
                // Short ones, as version numbers, would be found everywhere.
                if value.len() > 8 {
                    names.entry(value).or_insert_with(|| format!("<{attribute} of {}>", self.named(thing)));
                }
            }
        }
        let mut shape: Vec<String> = Vec::new();
        for thing in self.things.values() {
            let properties = shown(&thing.properties, &names);
            let content = match &thing.content {
                Content::Secret(versions) => format!(" has value: {}", !versions.is_empty()),
                Content::Bucket(objects) => format!(" has objects: {:?}", objects.keys().collect::<Vec<_>>()),
                Content::Host { lifecycle, is_healthy, .. } => format!(" {lifecycle} healthy: {is_healthy}"),
                Content::None | Content::Log(_) => String::new(),
            };
            shape.push(format!("{}{content} {properties}", self.named(thing)));
        }
        for stack in self.stacks.iter().filter(|stack| !stack.is_deleted()) {
            let tags = stack.wanted.as_ref().map(|wanted| wanted.tags.clone()).unwrap_or_default();
            shape.push(format!("stack {} protected: {} {tags:?}", stack.name, stack.is_protected));
        }
        shape.sort();
        shape
    }

    /// The state of each stack that was not deleted.
    #[must_use]
    pub fn statuses(&self) -> BTreeMap<String, &'static str> {
        let alive = self.stacks.iter().filter(|stack| !stack.is_deleted());
        alive.map(|stack| (stack.name.clone(), stack.status.word())).collect()
    }

    /// Every value of every secret that is there, by the resource that it is of, oldest version first.
    #[must_use]
    pub fn secret_values(&self) -> BTreeMap<String, Vec<Secret>> {
        let of = |thing: &Thing| match &thing.content {
            Content::Secret(versions) => {
                Some((self.named(thing), versions.iter().map(|(_, value)| value.clone()).collect()))
            }
            _ => None,
        };
        self.things.values().filter_map(of).collect()
    }

    /// Takes the values of secrets away whose name in [`Machine::secret_values`] ends so: somebody made them anew by hand.
    pub fn empty_secrets(&mut self, ending: &str) {
        let serials: Vec<u64> = self
            .things
            .values()
            .filter(|thing| matches!(thing.content, Content::Secret(_)) && self.named(thing).ends_with(ending))
            .map(|thing| thing.serial)
            .collect();
        for serial in serials {
            if let Some(thing) = self.things.get_mut(&serial) {
                thing.content = Content::Secret(Vec::new());
            }
        }
    }

    /// Everything that a person with rights to read, but not to read secrets, can see: templates, parameters, outputs, tags, events,
    /// change sets, properties, logs, names in the register (what they say is encrypted).
    #[must_use]
    pub fn readable(&self) -> String {
        let mut text = String::new();
        for stack in &self.stacks {
            for wanted in stack.wanted.iter().chain(stack.change_sets.values().filter_map(|set| set.wanted.as_ref())) {
                text.push_str(&wanted.template.text);
                text.push_str(&format!("{:?}{:?}{:?}", wanted.parameters, wanted.resolved, wanted.tags));
            }
            text.push_str(&format!("{:?}{:?}{:?}{:?}", stack.events, stack.outputs, stack.tokens, stack.reason));
            for set in stack.change_sets.values() {
                text.push_str(&format!("{:?}", set.set));
            }
        }
        for thing in self.things.values() {
            text.push_str(&format!("{}{:?}{:?}", thing.properties, thing.tags, thing.attributes));
            match &thing.content {
                Content::Log(streams) => text.push_str(&format!("{streams:?}")),
                Content::Host { console, .. } => text.push_str(console),
                Content::None | Content::Secret(_) | Content::Bucket(_) => {}
            }
        }
        text.push_str(&format!("{:?}", self.entries.keys()));
        text
    }
}

/// Properties with names in place of ids. Of long texts (what hosts are set up with) only how long they are.
fn shown(value: &Json, names: &BTreeMap<String, String>) -> String {
    const LONG: usize = 2000;
    match value {
        Json::String(text) if text.len() > LONG => format!("<{} characters>", text.len()),
        Json::String(text) => names.get(text).cloned().unwrap_or_else(|| {
            let found = names.iter().rev().filter(|(id, _)| text.contains(id.as_str()));
            found.fold(text.clone(), |text, (id, name)| text.replace(id.as_str(), name))
        }),
        Json::Array(items) => {
            format!("[{}]", items.iter().map(|item| shown(item, names)).collect::<Vec<_>>().join(", "))
        }
        Json::Object(entries) => {
            let entry = |(key, value): (&String, &Json)| format!("{key}: {}", shown(value, names));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_written_as_aws_writes_them() {
        assert_eq!(super::time(0), "2026-11-21T00:00:00.000Z");
        assert_eq!(super::time(90_061_007), "2026-11-22T01:01:01.007Z");
        assert_eq!(super::time(41 * 86_400_000), "2027-01-01T00:00:00.000Z");
    }
}
