//! What is left in the account, found by its tags.

use super::Kept;
use crate::account::Stack;
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

    /// Whether two ARNs mean the same thing; that of a log group has a star at its end sometimes.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.arn.trim_end_matches(":*") == other.arn.trim_end_matches(":*")
    }

    /// A resource of a stack, by its type and id in AWS; none when it is of no kind that templates keep.
    fn of(resource_type: &str, physical_id: &str, stack: &str) -> Option<Self> {
        // arn:PARTITION:cloudformation:REGION:ACCOUNT:stack/...
        let [_, partition, _, region, account] = stack.splitn(6, ':').take(5).collect::<Vec<_>>().try_into().ok()?;
        let arn = match resource_type {
            _ if physical_id.starts_with("arn:") => physical_id.to_owned(),
            "AWS::Logs::LogGroup" => format!("arn:{partition}:logs:{region}:{account}:log-group:{physical_id}"),
            "AWS::SecretsManager::Secret" => {
                format!("arn:{partition}:secretsmanager:{region}:{account}:secret:{physical_id}")
            }
            "AWS::S3::Bucket" => format!("arn:{partition}:s3:::{physical_id}"),
            "AWS::KMS::Key" => format!("arn:{partition}:kms:{region}:{account}:key/{physical_id}"),
            _ => return None,
        };
        Some(Self { arn })
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
    /// What a stack that is gone left, because its template says so. By its id a stack is known for 90 days more.
    pub(super) async fn skipped(&self, stack: &Stack) -> Result<Vec<Leftover>, Fault> {
        let events = self.account.events(&stack.id, None).await;
        let events = events.map_err(|error| error.fault(format!("looking at what {} left", stack.name)))?;
        let left = events.iter().filter(|event| event.status == "DELETE_SKIPPED");
        let left = left.filter_map(|one| Leftover::of(&one.resource_type, one.physical_id.as_deref()?, &stack.id));
        Ok(left.collect())
    }

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
