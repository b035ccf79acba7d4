//! Copies of the databases of a deployment: made, waited for and listed. The account keeps them and is asked for them; nothing is
//! remembered elsewhere, so a run that was stopped is gone on with by the same command.

use crate::account::{CallErrorKind, Databases, DbKind, DbServer, DbSnapshot};
use crate::deployment::Deployment;
use crate::{Account, COMPONENT_TAG, DEPLOYMENT_TAG, ENVIRONMENT_TAG, Notice, Session, World};
use model::cfn::DatabasePlace;
use model::{Fault, FaultKind};
use std::time::Duration;
use tokio::time::Instant;

/// The tag that says what a copy is for.
pub const ABOUT_TAG: &str = "landfall:about";
/// The longest identifier that both kinds of copies may have.
const LONGEST_ID: usize = 63;
/// The longest value of a tag.
const LONGEST_TAG: usize = 256;
/// The first pause between two looks, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// So often is said that something is still waited for.
const TELLING: Duration = Duration::from_secs(60);

/// A copy that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The copy.
    pub snapshot: DbSnapshot,
    /// Whether another run had begun it.
    pub was_begun: bool,
    /// How long this run waited for it.
    pub milliseconds: u64,
}

impl DbSnapshot {
    /// What it is for, where somebody said so.
    #[must_use]
    pub fn about(&self) -> Option<&str> {
        self.tags.iter().find(|(key, _)| key == ABOUT_TAG).map(|(_, value)| value.as_str())
    }
}

/// Whether a server's status is one that nothing but a person ends.
pub(crate) fn is_stuck(status: &str) -> bool {
    const WORDS: [&str; 6] = ["stopped", "stopping", "deleting", "storage-full", "restore-error", "failed"];
    WORDS.contains(&status) || status.starts_with("incompatible-") || status.starts_with("inaccessible-")
}

/// Of which kind a database is.
pub(crate) fn kind(place: &DatabasePlace) -> DbKind {
    if place.is_cluster { DbKind::Cluster } else { DbKind::Instance }
}

/// Something that is looked at until it is as wanted.
pub(crate) struct Patience {
    what: String,
    began: Instant,
    pause: Duration,
    told: Option<(String, Instant)>,
}

impl Patience {
    pub(crate) fn new(what: &str) -> Self {
        Self { what: what.to_owned(), began: Instant::now(), pause: FIRST_PAUSE, told: None }
    }

    pub(crate) fn milliseconds(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl<A: Account + Databases> Session<'_, A> {
    /// The server or cluster of a component as it stands.
    ///
    /// # Errors
    /// When there is none, or the account does not answer.
    pub async fn database_server(&self, place: &DatabasePlace, world: &World) -> Result<DbServer, Fault> {
        let doing = || format!("looking for {} ({})", place.component, place.origin);
        let absent = |cause: String| {
            Fault::new(FaultKind::NeedsPerson, doing(), cause).help("run `landfall up`, which makes what is missing")
        };
        let layer = self.deployment.graph.resources.get(&place.logical_id).and_then(|resource| resource.layer);
        let stack = layer.and_then(|layer| world.stack(layer)).ok_or_else(|| absent("no stack has it".to_owned()))?;
        let resources = self.account.resources(&stack.id).await.map_err(|error| error.fault(doing()))?;
        let id = resources.into_iter().find(|one| one.logical_id == place.logical_id).and_then(|one| one.physical_id);
        let id = id.ok_or_else(|| absent(format!("the stack {} has not made it", stack.name)))?;
        let server = self.account.db_server(kind(place), &id).await.map_err(|error| error.fault(doing()))?;
        server.ok_or_else(|| {
            let cause = format!("RDS has no {id}, which the stack {} made: somebody removed it", stack.name);
            Fault::new(FaultKind::NeedsPerson, doing(), cause)
                .help("`landfall drift` says what else is gone; `landfall restore` makes a server of a copy")
        })
    }

    /// The copies of a component's server, also the daily ones, and those of servers that it had before: by their tags. The newest first.
    ///
    /// # Errors
    /// When there is no server, or the account does not answer.
    pub async fn snapshots(&self, place: &DatabasePlace, world: &World) -> Result<Vec<DbSnapshot>, Fault> {
        let server = self.database_server(place, world).await?;
        let mut all = self.snapshots_of(&server).await?;
        let tagged = self.account.db_snapshots_tagged(server.kind, DEPLOYMENT_TAG, &self.deployment.deployment).await;
        let tagged = tagged.map_err(|error| error.fault(format!("listing the copies of {}", place.component)))?;
        let known: Vec<String> = all.iter().map(|copy| copy.arn.clone()).collect();
        let earlier = tagged.into_iter().filter(|copy| self.is_of(copy, place) && !known.contains(&copy.arn));
        all.extend(earlier);
        all.sort_by(|one, other| other.at.cmp(&one.at).then_with(|| one.id.cmp(&other.id)));
        Ok(all)
    }

    /// Whether a copy with the deployment's tag is of a component in this environment. A copy that says no component is told by its name,
    /// or is of the only database there is.
    fn is_of(&self, copy: &DbSnapshot, place: &DatabasePlace) -> bool {
        let tag = |key: &str| copy.tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        let is_here = tag(ENVIRONMENT_TAG) == Some(self.deployment.environment.as_str());
        is_here
            && match tag(COMPONENT_TAG) {
                Some(component) => component == place.component.as_str(),
                None => self.deployment.databases.len() == 1 || copy.id.starts_with(&head(self.deployment, place)),
            }
    }

    pub(crate) async fn snapshots_of(&self, server: &DbServer) -> Result<Vec<DbSnapshot>, Fault> {
        let found = self.account.db_snapshots(server.kind, &server.id).await;
        found.map_err(|error| error.fault(format!("listing the copies of {}", server.id)))
    }

    /// Makes a copy of a component's server and waits for it. One of ours that is being made already is waited for instead.
    ///
    /// # Errors
    /// When the server cannot be copied as it is, the copy fails, or a person asked to stop; then the account goes on with it, and
    /// the same call finds it.
    pub async fn back_up(&self, place: &DatabasePlace, world: &World, about: Option<&str>) -> Result<Backup, Fault> {
        let server = self.database_server(place, world).await?;
        let begun = self.snapshots_of(&server).await?.into_iter().find(|copy| is_ours(copy, self.deployment, place));
        if let Some(copy) = begun {
            let since = copy.at.as_deref().unwrap_or("a moment ago");
            self.tell(Notice::Remark(format!("{} is being made since {since}; waiting for that one", copy.id)));
            return self.copied(server.kind, &copy.id, true).await;
        }
        let server = self.until_available(server.kind, &server.id).await?;
        let id = snapshot_id(self.deployment, place, &self.clock.now());
        let mut tags = self.tags_of_copies(place);
        tags.extend(about.map(tag_value).filter(|words| !words.is_empty()).map(|words| (ABOUT_TAG.to_owned(), words)));
        match self.account.create_db_snapshot(server.kind, &server.id, &id, &tags).await {
            Ok(()) => {}
            // The answer to our own call was lost.
            Err(error) if error.kind == CallErrorKind::Exists => {}
            Err(error) => {
                let fault = error.fault(format!("copying {} ({})", place.component, place.origin));
                return Err(match error.kind {
                    CallErrorKind::WrongState => fault.help("something else works on it: run the same command again"),
                    _ => fault,
                });
            }
        }
        self.tell(Notice::Remark(format!("{id} is begun")));
        self.copied(server.kind, &id, false).await
    }

    /// The tags that say whose something is.
    pub(crate) fn tags_of_copies(&self, place: &DatabasePlace) -> Vec<(String, String)> {
        vec![
            (DEPLOYMENT_TAG.to_owned(), self.deployment.deployment.clone()),
            (ENVIRONMENT_TAG.to_owned(), self.deployment.environment.clone()),
            (COMPONENT_TAG.to_owned(), place.component.to_string()),
        ]
    }

    /// Waits for a copy.
    async fn copied(&self, kind: DbKind, id: &str, was_begun: bool) -> Result<Backup, Fault> {
        let doing = || format!("waiting for {id}");
        let mut patience = Patience::new(id);
        loop {
            let copy = self.account.db_snapshot(kind, id).await.map_err(|error| error.fault(doing()))?;
            let Some(copy) = copy else {
                return Err(Fault::new(FaultKind::NeedsPerson, doing(), "it is gone: somebody removed it")
                    .help("run the same command again: it makes another one"));
            };
            match copy.status.as_str() {
                "available" => {
                    return Ok(Backup { snapshot: copy, was_begun, milliseconds: patience.milliseconds() });
                }
                "failed" => {
                    return Err(Fault::new(FaultKind::NeedsPerson, doing(), "RDS could not make it").help(format!(
                        "`aws rds describe-events --source-identifier {id}` says why; then run the same command again"
                    )));
                }
                status => self.wait(&mut patience, &format!("{status}, {} %", copy.percent)).await?,
            }
        }
    }

    /// Waits until a server answers.
    pub(crate) async fn until_available(&self, kind: DbKind, id: &str) -> Result<DbServer, Fault> {
        let doing = || format!("waiting until {id} is available");
        let mut patience = Patience::new(id);
        loop {
            let server = self.account.db_server(kind, id).await.map_err(|error| error.fault(doing()))?;
            let Some(server) = server else {
                return Err(Fault::new(FaultKind::NeedsPerson, doing(), "it is gone: somebody removed it"));
            };
            if server.is_available() {
                return Ok(server);
            }
            if is_stuck(&server.status) {
                return Err(Fault::new(FaultKind::NeedsPerson, doing(), format!("it is {}", server.status))
                    .help("the console of RDS says what ends that; then run the same command again"));
            }
            self.wait(&mut patience, &server.status).await?;
        }
    }

    /// Waits a little and says what for, unless a person asks to stop.
    pub(crate) async fn wait(&self, patience: &mut Patience, status: &str) -> Result<(), Fault> {
        let word = status.split(',').next().unwrap_or_default();
        if patience.told.as_ref().is_none_or(|(told, at)| told != word || at.elapsed() >= TELLING) {
            patience.told = Some((word.to_owned(), Instant::now()));
            let seconds = patience.began.elapsed().as_secs();
            self.tell(Notice::Remark(format!("{}: {status} ({seconds} s)", patience.what)));
        }
        tokio::select! {
            () = tokio::time::sleep(patience.pause) => {}
            () = self.interrupt.cancelled() => {
                let cause = "stopped; the account goes on with it";
                return Err(Fault::new(FaultKind::Interrupted, format!("waiting for {}", patience.what), cause)
                    .help("run the same command again: it finds what is being made and waits for it"));
            }
        }
        patience.pause = (patience.pause * 3 / 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

/// Whether a copy is one that a run of this deployment has begun and that is not ready.
fn is_ours(copy: &DbSnapshot, deployment: &Deployment, place: &DatabasePlace) -> bool {
    copy.origin == "manual" && copy.status == "creating" && copy.id.starts_with(&head(deployment, place))
}

/// How the identifiers of a component's copies begin.
fn head(deployment: &Deployment, place: &DatabasePlace) -> String {
    let date = "-20261121-000000".len();
    let head: String = format!("{}-{}", deployment.name, place.component).chars().take(LONGEST_ID - date).collect();
    format!("{}-", head.trim_end_matches('-'))
}

/// The identifier of a copy: whose it is, of what, and when it was made.
fn snapshot_id(deployment: &Deployment, place: &DatabasePlace, now: &str) -> String {
    let digits: String = now.chars().take("2026-11-21T08:35:00".len()).filter(char::is_ascii_digit).collect();
    let (day, time) = digits.split_at_checked(8).unwrap_or((&digits, ""));
    format!("{}{day}-{time}", head(deployment, place))
}

/// A text as a tag's value may be: what AWS does not allow there becomes a space.
fn tag_value(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|letter| if letter.is_alphanumeric() || "_.:/=+-@".contains(letter) { letter } else { ' ' })
        .collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.join(" ").chars().take(LONGEST_TAG).collect()
}

#[cfg(test)]
mod tests {
    use super::{is_stuck, tag_value};

    #[test]
    fn what_a_tag_may_not_hold_becomes_a_space() {
        assert_eq!(tag_value("before the import, (second try)"), "before the import second try");
        assert_eq!(tag_value(&"x".repeat(300)).len(), 256);
    }

    #[test]
    fn what_passes_is_waited_for() {
        assert!(["backing-up", "modifying", "creating"].iter().all(|status| !is_stuck(status)));
        assert!(["stopped", "failed", "incompatible-parameters"].iter().all(|status| is_stuck(status)));
    }
}
