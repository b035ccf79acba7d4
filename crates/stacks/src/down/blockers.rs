//! What keeps a stack from being deleted, and can be removed: protections, objects in buckets, network interfaces that services
//! left behind.

use crate::account::{CallError, CallErrorKind, Stack, StackResource};
use crate::{Account, Session, plan};
use model::Fault;

/// Types that AWS protects by a setting of their own.
const PROTECTED: &[&str] =
    &["AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::RDS::DBInstance", "AWS::RDS::DBCluster"];
/// Types that cannot go while a network interface is in them.
const HOLDS_INTERFACES: &[&str] = &["AWS::EC2::Subnet", "AWS::EC2::SecurityGroup"];

impl<A: Account> Session<'_, A> {
    /// Removes what blocks a deletion. Returns what was done, in words.
    pub(crate) async fn unblock(
        &self,
        stack: &Stack,
        resources: &[StackResource],
        may_empty_buckets: bool,
    ) -> Result<Vec<String>, Fault> {
        let mut done = Vec::new();
        let kept = self.kept_of(stack).await?;
        for resource in resources.iter().filter(|one| one.status != "DELETE_COMPLETE") {
            let Some(id) = resource.physical_id.as_deref() else { continue };
            let kind = resource.resource_type.as_str();
            let doing = || format!("removing what keeps {} ({kind}) from being deleted", resource.logical_id);
            if kept.contains(&resource.logical_id) {
                continue;
            }
            if PROTECTED.contains(&kind) {
                let ended = self.account.unprotect(kind, id).await;
                if unless_gone(ended).map_err(|error| error.fault(doing()))?.is_some() {
                    done.push(format!("the protection of {} has ended", resource.logical_id));
                }
            } else if kind == "AWS::S3::Bucket" && may_empty_buckets {
                let count = self.empty(id).await?;
                if count > 0 {
                    done.push(format!("{count} objects of the bucket {id} are deleted"));
                }
            } else if HOLDS_INTERFACES.contains(&kind) && resource.status == "DELETE_FAILED" {
                let interfaces = self.account.network_interfaces(id).await.map_err(|error| error.fault(doing()))?;
                for interface in interfaces {
                    let deleted = self.account.delete_network_interface(&interface).await;
                    // One in use stays: its owner has to go first, and AWS says so in the stack's event.
                    if unless_gone(deleted).map_err(|error| error.fault(doing()))?.is_some() {
                        done.push(format!("the network interface {interface} in {id} is deleted"));
                    }
                }
            }
        }
        Ok(done)
    }

    /// Deletes all objects of a bucket.
    pub(super) async fn empty(&self, bucket: &str) -> Result<usize, Fault> {
        let mut all = 0;
        loop {
            let count = self.account.empty_bucket(bucket).await;
            let count = count.map_err(|error| error.fault(format!("emptying the bucket {bucket}")))?;
            all += count;
            if count == 0 {
                return Ok(all);
            }
            self.check_interrupt(bucket)?;
        }
    }

    /// The resources that the stack's own template keeps.
    async fn kept_of(&self, stack: &Stack) -> Result<Vec<String>, Fault> {
        let text = self.account.template(&stack.id).await;
        let text = text.map_err(|error| error.fault(format!("reading the template of {}", stack.name)))?;
        let graph = text.and_then(|text| plan::read(&stack.name, &text)).unwrap_or_default();
        let kept = graph.resources.into_iter().filter(|(_, one)| plan::changes::is_kept(one, "DeletionPolicy"));
        Ok(kept.map(|(id, _)| id).collect())
    }
}

/// What is gone already, or in use, is not for us to remove.
fn unless_gone(answer: Result<(), CallError>) -> Result<Option<()>, CallError> {
    match answer {
        Ok(()) => Ok(Some(())),
        Err(error) if matches!(error.kind, CallErrorKind::WrongState | CallErrorKind::Refused) => Ok(None),
        Err(error) => Err(error),
    }
}
