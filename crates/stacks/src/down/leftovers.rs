//! What is left in the account, found by its tags.

use super::Kept;
use crate::deployment::{DEPLOYMENT_TAG, ENVIRONMENT_TAG};
use crate::{Account, Session};
use model::Fault;
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// Looks at the tags before something counts as left: AWS forgets the tags of what is gone after a while only.
const LOOKS: u32 = 6;
const PAUSE: Duration = Duration::from_secs(5);

/// Something that is left.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Leftover {
    /// Its ARN.
    pub arn: String,
}

impl Leftover {
    /// Whether an id in AWS means this.
    #[must_use]
    pub fn is(&self, physical_id: &str) -> bool {
        let tail = self.arn.strip_suffix(":*").unwrap_or(&self.arn);
        tail == physical_id || tail.strip_suffix(physical_id).is_some_and(|before| before.ends_with(['/', ':']))
    }

    /// Its kind, when it is of one that templates keep.
    #[must_use]
    pub fn kept(&self) -> Option<Kept> {
        match (self.part(2)?, self.part(5)?) {
            ("logs", "log-group") => Some(Kept::LogGroup),
            ("secretsmanager", "secret") => Some(Kept::Secret),
            ("s3", _) => Some(Kept::Bucket),
            ("kms", resource) if resource.starts_with("key/") => Some(Kept::Key),
            _ => None,
        }
    }

    /// The name under which its service knows it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.kept() {
            Some(Kept::LogGroup | Kept::Secret) => self.part(6).unwrap_or(&self.arn),
            Some(Kept::Bucket) => self.part(5).unwrap_or(&self.arn),
            Some(Kept::Key) => self.part(5).and_then(|key| key.strip_prefix("key/")).unwrap_or(&self.arn),
            None => &self.arn,
        }
    }

    fn part(&self, index: usize) -> Option<&str> {
        self.arn.split(':').nth(index)
    }
}

impl<A: Account> Session<'_, A> {
    /// All that carries the tags of this deployment in this environment.
    pub(super) async fn tagged(&self) -> Result<Vec<Leftover>, Fault> {
        let doing = || format!("looking for what carries the tags of {}", self.deployment.name);
        let ask = async |key: &str, value: &str| {
            let found = self.account.tagged(key, value).await.map_err(|error| error.fault(doing()))?;
            Ok::<BTreeSet<Leftover>, Fault>(found.into_iter().map(|one| Leftover { arn: one.arn }).collect())
        };
        let deployment = ask(DEPLOYMENT_TAG, &self.deployment.deployment).await?;
        if deployment.is_empty() {
            return Ok(Vec::new());
        }
        let environment = ask(ENVIRONMENT_TAG, &self.deployment.environment).await?;
        Ok(deployment.intersection(&environment).cloned().collect())
    }

    /// What is still there after AWS had time to forget what is gone.
    pub(super) async fn still_there(&self, mut left: Vec<Leftover>) -> Result<Vec<Leftover>, Fault> {
        for _ in 1..LOOKS {
            if left.iter().all(|leftover| leftover.kept().is_some()) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            self.check_interrupt(&self.deployment.name)?;
            left = self.tagged().await?;
        }
        // A key goes days later, and a stack that is gone is known for a while.
        Ok(left.into_iter().filter(|leftover| !leftover.arn.contains(":stack/")).collect())
    }
}
