//! What is inside the databases of a deployment: made as wanted when the servers and the hosts through which one gets there are made,
//! before anything works with it.

use crate::{Account, Notice, Session, World, token};
use futures_util::future::BoxFuture;
use model::cfn::{DatabasePlace, Layer};
use model::{Digest, Fault, FaultKind, NodeId, Secret};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the record.
const VERSION: u32 = 1;

/// A database server with all that it takes to get there. Its `Debug` holds no secret.
#[derive(Debug, Clone)]
pub struct DatabaseWork {
    /// What it must hold, and where it is.
    pub place: DatabasePlace,
    /// Its name in the network.
    pub address: String,
    /// The group of hosts through which one gets there.
    pub hosts: String,
    /// The administrator's name.
    pub administrator: String,
    /// The administrator's password.
    pub password: Secret,
    /// The passwords of all logins, by node.
    pub passwords: BTreeMap<NodeId, Secret>,
}

/// What is different in a database from what is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContentReport {
    /// What would be done, each as a line for people.
    pub changes: Vec<String>,
    /// What somebody else made there that a person should know of.
    pub strange: Vec<String>,
}

/// How much of what is different is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What is missing is made. What is to be taken away stays: somebody who has not been replaced yet may still use it.
    Additions,
    /// All of it.
    Everything,
}

/// What was done in a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// What was done, each as a line for people.
    pub done: Vec<String>,
    /// What is still to be taken away, each as a line for people.
    pub waiting: Vec<String>,
}

/// How one gets into databases and changes what is there.
pub trait Contents: Send + Sync {
    /// Looks and changes nothing.
    fn look<'a>(&'a self, work: &'a DatabaseWork) -> BoxFuture<'a, Result<ContentReport, Fault>>;
    /// Makes it as wanted, as far as `extent` goes.
    fn apply<'a>(&'a self, work: &'a DatabaseWork, extent: Extent) -> BoxFuture<'a, Result<Applied, Fault>>;
}

/// What the register remembers: from what each database was filled last, so that a run that changes nothing takes no lease, and
/// works where nobody can look.
#[derive(Serialize, Deserialize, Default)]
struct Record {
    version: u32,
    applied: BTreeMap<String, Digest>,
}

impl<A: Account> Session<'_, A> {
    /// The layers that must be there before anybody gets at the databases.
    pub(crate) fn database_layers(&self) -> Vec<Layer> {
        if self.deployment.databases.is_empty() {
            return Vec::new();
        }
        Layer::ALL
            .into_iter()
            .filter(|layer| *layer <= Layer::Access && self.deployment.wanted(*layer).is_some())
            .collect()
    }

    /// Whether every database was made from what is wanted now. Opens no session.
    pub(crate) async fn has_its_contents(&self, world: &World) -> Result<bool, Fault> {
        if self.deployment.databases.is_empty() {
            return Ok(true);
        }
        let record = self.contents_record().await?;
        let is_applied = |place: &DatabasePlace| {
            record.applied.get(place.component.as_str()) == Some(&self.digest_of_content(place, world))
        };
        Ok(self.deployment.databases.iter().all(is_applied))
    }

    /// Whether somebody has changed a database by hand since it was made as wanted. Where nobody can look it counts as left alone,
    /// which is said.
    pub(crate) async fn are_contents_touched(&self, world: &World) -> bool {
        for place in &self.deployment.databases {
            if self.is_touched(place, world).await {
                return true;
            }
        }
        false
    }

    async fn is_touched(&self, place: &DatabasePlace, world: &World) -> bool {
        let report = async { self.contents.look(&self.database_work(place, world).await?).await };
        match report.await {
            Ok(report) => !report.changes.is_empty(),
            Err(fault) => {
                let what = format!("what is in {} was not compared: {fault}", place.component);
                self.tell(Notice::Remark(what));
                false
            }
        }
    }

    /// Makes what is in the databases as wanted, as far as `extent` goes.
    pub(crate) async fn apply_contents(&self, world: &World, extent: Extent) -> Result<Applied, Fault> {
        let mut all = Applied::default();
        let mut record = self.contents_record().await?;
        for place in &self.deployment.databases {
            let digest = self.digest_of_content(place, world);
            let is_remembered = record.applied.get(place.component.as_str()) == Some(&digest);
            if is_remembered && !self.is_touched(place, world).await {
                continue;
            }
            let work = self.database_work(place, world).await?;
            self.tell(Notice::Remark(format!("looking at what is in {} ({})", place.component, place.origin)));
            let applied = self.contents.apply(&work, extent).await?;
            let named = |change: &String| format!("{}: {change}", place.component);
            for change in &applied.done {
                self.tell(Notice::Remark(named(change)));
            }
            all.done.extend(applied.done.iter().map(named));
            all.waiting.extend(applied.waiting.iter().map(named));
            if !applied.waiting.is_empty() {
                self.tell(Notice::Remark(format!(
                    "{}: when nothing uses it any more: {}",
                    place.component,
                    applied.waiting.join("; ")
                )));
            }
            record.version = VERSION;
            let is_changed = match applied.waiting.is_empty() {
                true => record.applied.insert(place.component.to_string(), digest.clone()) != Some(digest),
                // Not as wanted before that is gone too.
                false => record.applied.remove(place.component.as_str()).is_some(),
            };
            if !is_changed {
                continue;
            }
            let text = serde_json::to_string(&record).unwrap_or_default();
            let written = self.account.put_entry(&self.contents_entry(), &text, false).await;
            written.map_err(|error| error.fault("remembering what is in the databases"))?;
        }
        Ok(all)
    }

    /// What is different in each database, or why nobody can look.
    ///
    /// # Errors
    /// Of each database by itself: there is no way in, or nobody may log in.
    pub async fn look_at_contents(&self, world: &World) -> Vec<(model::ComponentName, Result<ContentReport, Fault>)> {
        let mut all = Vec::new();
        for place in &self.deployment.databases {
            let report = match self.database_work(place, world).await {
                Ok(work) => self.contents.look(&work).await,
                Err(fault) => Err(fault),
            };
            all.push((place.component.clone(), report));
        }
        all
    }

    /// All that it takes to get into a database, with its secrets read.
    ///
    /// # Errors
    /// When a stack does not tell what it should, or a secret has no value.
    pub async fn database_work(&self, place: &DatabasePlace, world: &World) -> Result<DatabaseWork, Fault> {
        let doing = || format!("looking for {} ({})", place.component, place.origin);
        let told = |output: &String| {
            let told = world.stacks.values().find_map(|seen| seen.stack.outputs.get(output).cloned());
            told.ok_or_else(|| {
                Fault::new(FaultKind::NeedsPerson, doing(), format!("no stack tells its {output}"))
                    .help("run `landfall up`, which makes what is missing")
            })
        };
        let (address, hosts, secret) = (told(&place.address)?, told(&place.through)?, told(&place.administrator)?);
        let (administrator, password) = self.administrator(&secret, &doing()).await?;
        let places = self.places(world).await?;
        let mut passwords = BTreeMap::new();
        for node in place.content.roles.values().flat_map(|role| role.logins.values()) {
            let stored = self.deployment.secrets.iter().find(|one| one.node.as_ref() == Some(node));
            let arn = stored.and_then(|one| places.get(&one.logical_id)).ok_or_else(|| {
                Fault::new(FaultKind::NeedsPerson, doing(), format!("nobody knows where {node} is kept"))
            })?;
            passwords.insert(node.clone(), self.value_of(arn, &format!("reading the password {node}")).await?);
        }
        Ok(DatabaseWork { place: place.clone(), address, hosts, administrator, password, passwords })
    }

    /// The administrator's name and password, from the secret that RDS keeps.
    pub(crate) async fn administrator(&self, secret: &str, doing: &str) -> Result<(String, Secret), Fault> {
        let kept = self.value_of(secret, doing).await?;
        let kept: Kept = serde_json::from_str(kept.expose()).map_err(|_| {
            Fault::new(FaultKind::NeedsPerson, doing, "the administrator's secret is not what RDS writes")
                .help("let RDS make a new one: modify the database with `--rotate-master-user-password`")
        })?;
        Ok((kept.username, Secret::new(zeroize::Zeroizing::new(kept.password).as_str())))
    }

    async fn value_of(&self, arn: &str, doing: &str) -> Result<Secret, Fault> {
        let value = self.account.secret_value(arn).await.map_err(|error| error.fault(doing))?;
        let value = value.map(|version| version.value);
        value.ok_or_else(|| Fault::new(FaultKind::NeedsPerson, doing, format!("{arn} has no value")))
    }

    fn contents_entry(&self) -> String {
        self.deployment.entry("databases")
    }

    async fn contents_record(&self) -> Result<Record, Fault> {
        let doing = "reading what the account remembers of the databases";
        let entry = self.account.entry(&self.contents_entry()).await.map_err(|error| error.fault(doing))?;
        let Some(entry) = entry else { return Ok(Record::default()) };
        match serde_json::from_str::<Record>(&entry.value) {
            Ok(record) if record.version == VERSION => Ok(record),
            _ => Err(Fault::new(FaultKind::IncompatibleState, doing, "it was written by another version of landfall")
                .help("use the newest landfall")),
        }
    }

    /// From what a database is made: its content, the generations of its passwords, and the server that is there.
    fn digest_of_content(&self, place: &DatabasePlace, world: &World) -> Digest {
        let nodes: Vec<&NodeId> = place.content.roles.values().flat_map(|role| role.logins.values()).collect();
        let secrets: Vec<_> = self
            .deployment
            .secrets
            .iter()
            .filter(|one| one.node.as_ref().is_some_and(|node| nodes.contains(&node)))
            .map(|one| &one.content)
            .collect();
        let server = token::state(world.stack(Layer::Data));
        Digest::of_bytes(format!("{server} {:?} {secrets:?}", place.content).as_bytes())
    }

    /// Forgets what was in the databases.
    pub(crate) async fn forget_contents(&self) -> Result<(), Fault> {
        if self.deployment.databases.is_empty() {
            return Ok(());
        }
        let deleted = self.account.delete_entry(&self.contents_entry()).await;
        deleted.map_err(|error| error.fault("forgetting what was in the databases"))
    }
}

/// What RDS keeps of the administrator.
#[derive(Deserialize)]
struct Kept {
    username: String,
    password: String,
}
