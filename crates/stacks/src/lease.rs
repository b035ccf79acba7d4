//! The right to change a deployment, kept in the account: one holder at a time, wherever it runs.

use crate::account::{CallError, CallErrorKind, Entry};
use crate::{Account, Notice, Session};
use engine::Holder;
use futures_util::future::{Either, select};
use model::{Fault, FaultKind};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::time::Instant;

/// How often a holder says that it is still there.
pub const RENEWAL: Duration = Duration::from_secs(30);
/// How long after the last word a lease counts as given up: a network that is gone for a minute does not lose it.
pub const EXPIRY: Duration = Duration::from_secs(150);
/// How often one who waits looks again.
const LOOK: Duration = Duration::from_secs(5);
/// How often an attempt may be overtaken.
const ATTEMPTS: u32 = 5;

/// The version of the record.
const VERSION: u32 = 1;

/// What the register says of a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    /// The version of this record.
    pub version: u32,
    /// Unique for each time that a lease is taken.
    pub id: String,
    /// Who holds it.
    pub holder: Holder,
    /// When it last said that it is still there, RFC 3339.
    pub renewed: String,
}

/// The right to change a deployment.
#[derive(Debug)]
pub struct Lease {
    name: String,
    record: LeaseRecord,
}

/// How a lease is asked for.
pub struct LeaseRequest<'a> {
    /// Who asks.
    pub holder: Holder,
    /// How long to wait while somebody else holds it; not at all without a time.
    pub wait: Option<Duration>,
    /// Whether a holder is known to be dead: a process of this machine that is gone. Its lease need not expire.
    pub is_dead: &'a (dyn Fn(&Holder) -> bool + Send + Sync),
}

impl<A: Account> Session<'_, A> {
    fn lease_name(&self) -> String {
        self.deployment.entry("lease")
    }

    /// Takes the lease.
    ///
    /// # Errors
    /// [`FaultKind::Locked`], naming the holder, when somebody else has it all the time.
    pub async fn acquire(&self, request: &LeaseRequest<'_>) -> Result<Lease, Fault> {
        let name = self.lease_name();
        let fault = |error: CallError| error.fault("taking the lease of the deployment");
        let mut id = [0; 16];
        self.sources.random(&mut id);
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let record = LeaseRecord { version: VERSION, id, holder: request.holder.clone(), renewed: self.clock.now() };
        let lease = Lease { name: name.clone(), record };
        let deadline = request.wait.map(|wait| Instant::now() + wait);
        let (mut has_told, mut attempts) = (false, 0);
        loop {
            match self.account.put_entry(&name, &lease.text(&self.clock.now()), true).await {
                Ok(_) => return Ok(lease),
                Err(error) if error.kind == CallErrorKind::Exists => {}
                Err(error) => return Err(fault(error)),
            }
            let Some(entry) = self.account.entry(&name).await.map_err(fault)? else { continue };
            let there = read(&entry)?;
            // The answer to our own call was lost.
            if there.id == lease.record.id {
                return Ok(lease);
            }
            if ((request.is_dead)(&there.holder) || self.has_expired(&there, &entry).await?) && attempts < ATTEMPTS {
                attempts += 1;
                if self.take_over(&lease, &entry).await? {
                    self.tell(Notice::Remark(format!("took over from {}, which has ended", there.holder)));
                    return Ok(lease);
                }
                continue;
            }
            if deadline.is_none_or(|deadline| Instant::now() >= deadline) {
                return Err(self.locked(&there));
            }
            if !has_told {
                has_told = true;
                self.tell(Notice::LeaseAwaited { holder: there.holder.to_string() });
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.interrupt.cancelled() => {
                    let fault = Fault::new(FaultKind::Interrupted, "waiting for the lease", "stopped");
                    return Err(fault.help("run the command again"));
                }
            }
        }
    }

    fn locked(&self, there: &LeaseRecord) -> Fault {
        let cause = format!("{} holds it; it last said so at {}", there.holder, there.renewed);
        Fault::new(FaultKind::Locked, format!("taking the lease of {}", self.deployment.name), cause).help(format!(
            "wait until it has finished (`--wait`). If it is gone for good, its lease ends by itself {} s after its last word, or at \
             once with `landfall unlock`",
            EXPIRY.as_secs()
        ))
    }

    /// Whether a holder has not been heard of for so long that it counts as gone. Clocks of two machines differ, so an old
    /// time alone is not enough: nothing may be written either while a holder would have to write.
    async fn has_expired(&self, there: &LeaseRecord, entry: &Entry) -> Result<bool, Fault> {
        let (Ok(now), Ok(renewed)) =
            (self.clock.now().parse::<jiff::Timestamp>(), there.renewed.parse::<jiff::Timestamp>())
        else {
            return Ok(false);
        };
        let silent = now.duration_since(renewed);
        if silent < jiff::SignedDuration::try_from(EXPIRY).unwrap_or(jiff::SignedDuration::MAX) {
            return Ok(false);
        }
        self.tell(Notice::LeaseAwaited { holder: format!("{} (silent since {})", there.holder, there.renewed) });
        tokio::time::sleep(RENEWAL + LOOK).await;
        let again = self.account.entry(&self.lease_name()).await;
        let again = again.map_err(|error| error.fault("taking the lease of the deployment"))?;
        Ok(again.is_some_and(|again| again.version == entry.version))
    }

    /// Takes the lease of one that is gone. Of several that try, one alone makes the claim, and only with the claim in hand, and
    /// only if the lease is still the same, it is written over.
    async fn take_over(&self, lease: &Lease, old: &Entry) -> Result<bool, Fault> {
        let fault = |error: CallError| error.fault("taking over the lease of the deployment");
        let claim = format!("{}-claim", lease.name);
        match self.account.put_entry(&claim, &lease.text(&self.clock.now()), true).await {
            Ok(_) => {}
            Err(error) if error.kind == CallErrorKind::Exists => {
                let Some(other) = self.account.entry(&claim).await.map_err(fault)? else { return Ok(false) };
                let other = read(&other)?;
                if other.id != lease.record.id {
                    let age = self.clock.now().parse::<jiff::Timestamp>().ok().zip(other.renewed.parse().ok());
                    // One who claimed and died: its claim stands for as long as a lease would.
                    if age.is_some_and(|(now, at): (jiff::Timestamp, jiff::Timestamp)| {
                        now.duration_since(at).as_secs() > i64::try_from(EXPIRY.as_secs()).unwrap_or(i64::MAX)
                    }) {
                        self.account.delete_entry(&claim).await.map_err(fault)?;
                    } else {
                        tokio::time::sleep(LOOK).await;
                    }
                    return Ok(false);
                }
            }
            Err(error) => return Err(fault(error)),
        }
        let still = self.account.entry(&lease.name).await.map_err(fault)?;
        let is_same = still.is_some_and(|still| still.version == old.version && still.value == old.value);
        let mut is_ours = false;
        if is_same {
            let text = lease.text(&self.clock.now());
            let written = self.account.put_entry(&lease.name, &text, false).await.map_err(fault)?;
            is_ours = written == old.version + 1 || self.is_held(lease).await?;
        }
        self.account.delete_entry(&claim).await.map_err(fault)?;
        Ok(is_ours)
    }

    async fn is_held(&self, lease: &Lease) -> Result<bool, Fault> {
        let entry = self.account.entry(&lease.name).await;
        let entry = entry.map_err(|error| error.fault("looking at the lease of the deployment"))?;
        match entry {
            None => Ok(false),
            Some(entry) => Ok(read(&entry)?.id == lease.record.id),
        }
    }

    /// Works while the lease is held, and gives it back. Stops when it is lost: then somebody else works.
    ///
    /// # Errors
    /// What the work says, or [`FaultKind::Locked`] when the lease was lost.
    pub async fn while_held<T>(&self, lease: Lease, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let outcome = match select(pin!(work), pin!(self.renew(&lease))).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right((lost, _)) => return Err(lost),
        };
        let given_back = async {
            if self.is_held(&lease).await? {
                let deleted = self.account.delete_entry(&lease.name).await;
                deleted.map_err(|error| error.fault("giving the lease back"))?;
            }
            Ok::<_, Fault>(())
        };
        if let Err(fault) = given_back.await {
            self.tell(Notice::Remark(format!("{fault}; it ends by itself after {} s", EXPIRY.as_secs())));
        }
        outcome
    }

    /// Renews until the lease is lost; returns why.
    async fn renew(&self, lease: &Lease) -> Fault {
        loop {
            tokio::time::sleep(RENEWAL).await;
            let held = match self.is_held(lease).await {
                Ok(true) => self
                    .account
                    .put_entry(&lease.name, &lease.text(&self.clock.now()), false)
                    .await
                    .map(drop)
                    .map_err(|error| error.fault("renewing the lease")),
                Ok(false) => Err(Fault::new(
                    FaultKind::Locked,
                    "renewing the lease",
                    "it was taken by somebody else, or removed with `landfall unlock`",
                )),
                Err(fault) => Err(fault),
            };
            if let Err(fault) = held {
                if fault.help.is_some() {
                    return fault;
                }
                return fault.help("look who works (`landfall status`), then run the command again");
            }
        }
    }

    /// Who holds the lease.
    ///
    /// # Errors
    /// When the account does not answer.
    pub async fn lease(&self) -> Result<Option<LeaseRecord>, Fault> {
        let entry = self.account.entry(&self.lease_name()).await;
        let entry = entry.map_err(|error| error.fault("looking at the lease of the deployment"))?;
        entry.as_ref().map(read).transpose()
    }

    /// Removes the lease, whoever holds it. Returns who held it.
    ///
    /// # Errors
    /// When the account does not answer.
    pub async fn unlock(&self) -> Result<Option<Holder>, Fault> {
        let fault = |error: CallError| error.fault("removing the lease of the deployment");
        let name = self.lease_name();
        // One that cannot be read is removed all the same.
        let nobody = || Holder {
            pid: 0,
            since: "an unknown time".to_owned(),
            command: "?".to_owned(),
            host: "an unknown machine".to_owned(),
        };
        let entry = self.account.entry(&name).await.map_err(fault)?;
        let holder = entry.map(|entry| read(&entry).map_or_else(|_| nobody(), |record| record.holder));
        self.account.delete_entry(&name).await.map_err(fault)?;
        self.account.delete_entry(&format!("{name}-claim")).await.map_err(fault)?;
        Ok(holder)
    }
}

impl Lease {
    fn text(&self, now: &str) -> String {
        serde_json::to_string(&LeaseRecord { renewed: now.to_owned(), ..self.record.clone() }).unwrap_or_default()
    }
}

fn read(entry: &Entry) -> Result<LeaseRecord, Fault> {
    let refuse = |cause: String| {
        Fault::new(FaultKind::IncompatibleState, "reading the lease of the deployment", cause)
            .help("use the newest landfall, or remove it with `landfall unlock`")
    };
    let record: LeaseRecord =
        serde_json::from_str(&entry.value).map_err(|error| refuse(format!("it cannot be read: {error}")))?;
    if record.version > VERSION { Err(refuse(format!("it has version {}", record.version))) } else { Ok(record) }
}
