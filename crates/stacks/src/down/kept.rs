//! Deleting what templates keep, when that is asked for.

use super::Leftover;
use crate::account::{CallErrorKind, Called};
use crate::{Account, Session};
use model::Fault;
use serde::Serialize;

/// Kinds of things that templates keep and that can be deleted here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Logs.
    LogGroup,
    /// A secret.
    Secret,
    /// A bucket with what is in it.
    Bucket,
    /// A key; without it nothing that it encrypted can be read. It goes days after it was told to.
    Key,
}

impl<A: Account> Session<'_, A> {
    /// Deletes one kept thing for good. Returns what was done, in words; nothing for what is not of a kept kind.
    pub(super) async fn delete_leftover(&self, leftover: &Leftover) -> Result<Option<String>, Fault> {
        let Some(kind) = leftover.kept() else { return Ok(None) };
        let name = leftover.name();
        let doing = format!("deleting {}", leftover.arn);
        self.check_interrupt(&leftover.arn)?;
        let done = match kind {
            Kept::LogGroup => self.account.delete_log_group(name).await.map(|()| format!("the log group {name}")),
            Kept::Secret => self.account.delete_secret(&leftover.arn).await.map(|()| format!("the secret {name}")),
            Kept::Bucket => {
                let objects = self.empty(name).await?;
                let deleted = self.account.delete_bucket(name).await;
                deleted.map(|()| format!("the bucket {name} with {objects} objects"))
            }
            Kept::Key => self.key(&leftover.arn).await.map(|days| match days {
                Some(days) => format!("the key {name}, in {days} days (sooner is not possible)"),
                None => format!("the key {name}, whose deletion was scheduled before"),
            }),
        };
        done.map(Some).map_err(|error| error.fault(doing))
    }

    async fn key(&self, arn: &str) -> Called<Option<u32>> {
        match self.account.schedule_key_deletion(arn).await {
            Ok(days) => Ok(Some(days)),
            Err(error) if error.kind == CallErrorKind::WrongState => Ok(None),
            Err(error) => Err(error),
        }
    }
}
