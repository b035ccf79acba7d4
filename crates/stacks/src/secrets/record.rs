//! What the register remembers of a deployment's secrets: the seed of derived keys, and from what the places were filled last. So a
//! run that changes nothing reads no secret.

use crate::account::{CallError, CallErrorKind};
use crate::{Account, Session, World, token};
use model::cfn::SecretContent;
use model::process_graph::{KeyEncoding, SecretRecipe};
use model::{Digest, Fault, FaultKind, NodeId, Secret};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the record.
const VERSION: u32 = 1;

/// The record.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq)]
pub(super) struct Record {
    version: u32,
    /// What derived keys and salts come from.
    seed: String,
    /// From what the places were filled; none before they were.
    filled: Option<Filled>,
}

/// From what places were filled. All digests are salted by the seed.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq)]
struct Filled {
    /// What is wanted, and the states of the stacks that make the places.
    wanted: Digest,
    /// The values that were given.
    given: BTreeMap<String, Digest>,
}

impl Record {
    pub(super) fn seed(&self) -> &[u8] {
        self.seed.as_bytes()
    }

    fn salted(&self, text: &str) -> Digest {
        Digest::of_bytes(format!("{}\n{text}", self.seed).as_bytes())
    }
}

impl<A: Account> Session<'_, A> {
    fn secrets_entry(&self) -> String {
        self.deployment.entry("secrets")
    }

    /// The record; none when there is none yet.
    pub(super) async fn secrets_record(&self) -> Result<Option<Record>, Fault> {
        let doing = "reading what the account remembers of the secrets";
        let entry = self.account.entry(&self.secrets_entry()).await.map_err(|error| error.fault(doing))?;
        let Some(entry) = entry else { return Ok(None) };
        match serde_json::from_str::<Record>(&entry.value) {
            Ok(record) if record.version == VERSION => Ok(Some(record)),
            _ => Err(Fault::new(FaultKind::IncompatibleState, doing, "it was written by another version of landfall")
                .help("use the newest landfall")),
        }
    }

    /// The record, made when there is none.
    pub(super) async fn secrets_record_made(&self) -> Result<Record, Fault> {
        let fault = |error: CallError| error.fault("making the seed of the deployment");
        if let Some(record) = self.secrets_record().await? {
            return Ok(record);
        }
        let recipe = SecretRecipe::Key { bytes: 32, encoding: KeyEncoding::Hex };
        let seed = self.generate(&recipe, "the seed of the deployment")?;
        let record = Record { version: VERSION, seed: seed.expose().to_owned(), filled: None };
        let text = serde_json::to_string(&record).unwrap_or_default();
        match self.account.put_entry(&self.secrets_entry(), &text, true).await {
            Ok(_) => Ok(record),
            // Made by somebody else, or by our own call whose answer was lost.
            Err(error) if error.kind == CallErrorKind::Exists => {
                self.secrets_record().await?.ok_or_else(|| fault(error))
            }
            Err(error) => Err(fault(error)),
        }
    }

    /// Whether the places were filled from what is wanted now. A value that this machine does not have counts as the same.
    pub(super) fn is_filled(&self, record: &Record, world: &World) -> bool {
        let now = self.filled_now(record, world);
        record.filled.as_ref().is_some_and(|then| {
            then.wanted == now.wanted && now.given.iter().all(|(id, digest)| then.given.get(id) == Some(digest))
        })
    }

    /// Remembers that the places are filled.
    pub(super) async fn remember_filled(&self, mut record: Record, world: &World) -> Result<(), Fault> {
        if self.is_filled(&record, world) {
            return Ok(());
        }
        let mut now = self.filled_now(&record, world);
        let before = record.filled.take().map(|filled| filled.given).unwrap_or_default();
        for (id, digest) in before {
            now.given.entry(id).or_insert(digest);
        }
        record.filled = Some(now);
        let text = serde_json::to_string(&record).unwrap_or_default();
        let written = self.account.put_entry(&self.secrets_entry(), &text, false).await;
        written.map(drop).map_err(|error| error.fault("remembering that the secrets are there"))
    }

    fn filled_now(&self, record: &Record, world: &World) -> Filled {
        let places: Vec<String> =
            self.secret_layers().into_iter().map(|layer| token::state(world.stack(layer))).collect();
        let given = self.deployment.secrets.iter().filter_map(|one| {
            let SecretContent::Given(source) = &one.content else { return None };
            let node = one.node.clone().unwrap_or_else(|| NodeId::new(one.logical_id.as_str()));
            let value: Secret = self.sources.given(&node, source).ok()?;
            Some((one.logical_id.clone(), record.salted(value.expose())))
        });
        Filled { wanted: record.salted(&format!("{places:?} {:?}", self.deployment.secrets)), given: given.collect() }
    }

    /// Forgets all of it.
    pub(crate) async fn forget_secrets(&self) -> Result<(), Fault> {
        let deleted = self.account.delete_entry(&self.secrets_entry()).await;
        deleted.map_err(|error| error.fault("forgetting the seed of the deployment"))
    }
}
