//! How far the secrets of a deployment are in being replaced by new ones: an entry of the account's register, from which the
//! deployment is lowered. No entry means that each is the first.

use crate::{Account, Session};
use model::{Fault, FaultKind, Rotations};
use serde::{Deserialize, Serialize};

/// The version of the record.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    rotations: Rotations,
}

impl<A: Account> Session<'_, A> {
    fn rotations_entry(&self) -> String {
        self.deployment.entry("rotations")
    }

    /// How far secrets are in being replaced, as the account says it.
    ///
    /// # Errors
    /// When the account does not answer, or a newer landfall wrote it.
    pub async fn rotations(&self) -> Result<Rotations, Fault> {
        let doing = "reading how far secrets are in being replaced";
        let entry = self.account.entry(&self.rotations_entry()).await.map_err(|error| error.fault(doing))?;
        let Some(entry) = entry else { return Ok(Rotations::default()) };
        match serde_json::from_str::<Record>(&entry.value) {
            Ok(record) if record.version == VERSION => Ok(record.rotations),
            _ => Err(Fault::new(FaultKind::IncompatibleState, doing, "it was written by another version of landfall")
                .help("use the newest landfall")),
        }
    }

    /// Makes sure, under the lease, that the account says what the deployment was lowered from. `from`: what it said before, when
    /// this run is a step further; it is written down before anything is made of it.
    pub(crate) async fn take_step(&self, from: Option<&Rotations>) -> Result<(), Fault> {
        let now = self.rotations().await?;
        let wanted = &self.deployment.rotations;
        if now == *wanted {
            return Ok(());
        }
        if from == Some(&now) {
            return self.write_rotations(wanted).await;
        }
        let doing = format!("bringing up {}", self.deployment.name);
        Err(Fault::new(FaultKind::Transient, doing, "somebody else replaced secrets of it in the meantime")
            .help("run the command again: it begins with what is there now"))
    }

    /// Everything is as wanted: what was to end has ended.
    pub(crate) async fn settle_rotations(&self) -> Result<(), Fault> {
        let mut rotations = self.deployment.rotations.clone();
        if rotations.settle() { self.write_rotations(&rotations).await } else { Ok(()) }
    }

    async fn write_rotations(&self, rotations: &Rotations) -> Result<(), Fault> {
        let record = Record { version: VERSION, rotations: rotations.clone() };
        let text = serde_json::to_string(&record).unwrap_or_default();
        let written = self.account.put_entry(&self.rotations_entry(), &text, false).await;
        written.map(drop).map_err(|error| error.fault("writing down how far secrets are in being replaced"))
    }

    /// Forgets all of it.
    pub(crate) async fn forget_rotations(&self) -> Result<(), Fault> {
        let deleted = self.account.delete_entry(&self.rotations_entry()).await;
        deleted.map_err(|error| error.fault("forgetting how far secrets are in being replaced"))
    }
}
