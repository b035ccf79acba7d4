//! The port to an account: each call that a deployment makes, in the words of its services.
//!
//! An implementation makes exactly one request for each call (a page loop counts as several) and repeats nothing: pauses
//! and repetitions are decided above it, where all calls of a run are seen. Times are RFC 3339, UTC.

mod databases;
mod error;
mod hosts;
mod names;
mod secrets;
mod sessions;
mod stack;

pub use databases::{
    AdministratorSecret, Databases, DbEndpoint, DbEngineVersion, DbKind, DbOffer, DbServer, DbSnapshot, RestoreRequest,
};
pub use error::{CallError, CallErrorKind};
pub use hosts::{ConsoleOutput, Host, LogTail};
pub use names::{Certificate, CertificateStatus, HostedZone, ValidationRecord};
pub use secrets::{SecretState, SecretVersion};
pub use sessions::{Machine, ManagedHost, SessionRequest, SessionTarget, Sessions, StartedSession};
pub use stack::{
    Capability, Change, ChangeAction, ChangeCause, ChangeSet, ChangeSetKind, ChangeSetRequest, ChangeSetStatus,
    DriftDetection, DriftStatus, PropertyDifference, Replacement, ResourceDrift, Stack, StackEvent, StackResource,
    StackStatus,
};

use model::Secret;
use std::future::Future;

/// The result of a call.
pub type Called<T> = Result<T, CallError>;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account's number, twelve digits.
    pub account: String,
    /// The caller.
    pub arn: String,
}

/// A value in the account's register (a parameter of Systems Manager).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it says.
    pub value: String,
    /// How often it was written; a write that finds another number than it expects was overtaken.
    pub version: i64,
}

/// Something in the account that carries a tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaggedResource {
    /// Its ARN.
    pub arn: String,
}

/// An account in one region.
///
/// "Absent" is an answer, not an error: a call that asks for one thing returns `None` where the service says that there is
/// no such thing, and a call that removes a thing succeeds when it is gone already.
pub trait Account: Databases + Send + Sync {
    /// The region, as `us-west-2`.
    fn region(&self) -> &str;

    // -- who
    /// Who calls, and in which account.
    fn identity(&self) -> impl Future<Output = Called<Identity>> + Send;

    // -- stacks
    /// A stack by its name (not one that was deleted) or by its id (also one that was deleted).
    fn stack(&self, name_or_id: &str) -> impl Future<Output = Called<Option<Stack>>> + Send;
    /// All stacks of the region that were not deleted.
    fn stacks(&self) -> impl Future<Output = Called<Vec<Stack>>> + Send;
    /// Events of a stack, newest first, until `known` (an event's id, which is left out). Without it, at least those of the
    /// stack's last operation, back to its own `CREATE_IN_PROGRESS`, `UPDATE_IN_PROGRESS` or `DELETE_IN_PROGRESS`.
    fn events(&self, stack: &str, known: Option<&str>) -> impl Future<Output = Called<Vec<StackEvent>>> + Send;
    /// The resources of a stack.
    fn resources(&self, stack: &str) -> impl Future<Output = Called<Vec<StackResource>>> + Send;
    /// The template of a stack as it was given.
    fn template(&self, stack: &str) -> impl Future<Output = Called<Option<String>>> + Send;
    /// Asks what a template would change. Returns the change set's id; it is made later, see [`Account::change_set`].
    fn create_change_set(&self, request: &ChangeSetRequest) -> impl Future<Output = Called<String>> + Send;
    /// A change set with all its changes.
    fn change_set(&self, stack: &str, name_or_id: &str) -> impl Future<Output = Called<Option<ChangeSet>>> + Send;
    /// The names of a stack's change sets.
    fn change_sets(&self, stack: &str) -> impl Future<Output = Called<Vec<String>>> + Send;
    /// Does what a change set says. With `keep_failed`, a failure stops where it is and is not rolled back.
    fn execute_change_set(
        &self,
        stack: &str,
        name_or_id: &str,
        token: &str,
        keep_failed: bool,
    ) -> impl Future<Output = Called<()>> + Send;
    /// Removes a change set.
    fn delete_change_set(&self, stack: &str, name_or_id: &str) -> impl Future<Output = Called<()>> + Send;
    /// Rolls a stack back that stopped at a failure.
    fn rollback_stack(&self, stack: &str, token: &str) -> impl Future<Output = Called<()>> + Send;
    /// Stops an update; the stack rolls back.
    fn cancel_update(&self, stack: &str, token: &str) -> impl Future<Output = Called<()>> + Send;
    /// Goes on with a rollback that failed, leaving the resources `skip` as they are.
    fn continue_rollback(&self, stack: &str, token: &str, skip: &[String]) -> impl Future<Output = Called<()>> + Send;
    /// Deletes a stack, but not the resources `retain` (allowed only when an earlier deletion failed at them).
    fn delete_stack(&self, stack: &str, token: &str, retain: &[String]) -> impl Future<Output = Called<()>> + Send;
    /// Protects a stack from deletion, or no longer.
    fn protect_stack(&self, stack: &str, protected: bool) -> impl Future<Output = Called<()>> + Send;
    /// Begins to compare a stack's resources with its template; returns the detection's id.
    fn detect_drift(&self, stack: &str) -> impl Future<Output = Called<String>> + Send;
    /// How far a detection is.
    fn drift_detection(&self, id: &str) -> impl Future<Output = Called<DriftDetection>> + Send;
    /// What the last detection found, resource by resource.
    fn drifts(&self, stack: &str) -> impl Future<Output = Called<Vec<ResourceDrift>>> + Send;

    // -- secrets
    /// What is known of a secret without reading its value.
    fn secret(&self, id: &str) -> impl Future<Output = Called<Option<SecretState>>> + Send;
    /// A secret's value. Of a secret without a value: `None`.
    fn secret_value(&self, id: &str) -> impl Future<Output = Called<Option<SecretVersion>>> + Send;
    /// Gives a secret another value. The token makes a repetition harmless.
    fn put_secret_value(&self, id: &str, value: &Secret, token: &str) -> impl Future<Output = Called<()>> + Send;
    /// Writes tags on a secret.
    fn tag_secret(&self, id: &str, tags: &[(String, String)]) -> impl Future<Output = Called<()>> + Send;
    /// Removes a secret at once, without a time in which it could be brought back.
    fn delete_secret(&self, id: &str) -> impl Future<Output = Called<()>> + Send;

    // -- the register: small texts under a path, each encrypted with the account's own key (a `SecureString`); the lease
    // and the seed of derived keys lie there
    /// An entry.
    fn entry(&self, name: &str) -> impl Future<Output = Called<Option<Entry>>> + Send;
    /// Writes an entry; with `only_new`, refuses ([`CallErrorKind::Exists`]) when there is one. Returns its version.
    fn put_entry(&self, name: &str, value: &str, only_new: bool) -> impl Future<Output = Called<i64>> + Send;
    /// Removes an entry.
    fn delete_entry(&self, name: &str) -> impl Future<Output = Called<()>> + Send;

    // -- names and certificates
    /// The public hosted zones whose name is the domain or one of its parents, the longest first.
    fn hosted_zones(&self, domain: &str) -> impl Future<Output = Called<Vec<HostedZone>>> + Send;
    /// The name servers that the zone's parent, asked by DNS, names for the domain; empty when it names none.
    fn delegated_name_servers(&self, domain: &str) -> impl Future<Output = Called<Vec<String>>> + Send;
    /// A certificate by its ARN.
    fn certificate(&self, arn: &str) -> impl Future<Output = Called<Option<Certificate>>> + Send;

    // -- hosts and logs
    /// The hosts of an Auto Scaling group, also those that are on their way out.
    fn hosts(&self, group: &str) -> impl Future<Output = Called<Vec<Host>>> + Send;
    /// What a host wrote on its console.
    fn console_output(&self, instance: &str) -> impl Future<Output = Called<Option<ConsoleOutput>>> + Send;
    /// The last lines of a group's streams whose names begin so.
    fn log_tail(
        &self,
        group: &str,
        stream_prefix: &str,
        lines: usize,
    ) -> impl Future<Output = Called<Option<LogTail>>> + Send;

    // -- what stays and what blocks
    /// Everything that carries the tag, whatever service it is of.
    fn tagged(&self, key: &str, value: &str) -> impl Future<Output = Called<Vec<TaggedResource>>> + Send;
    /// Removes a log group.
    fn delete_log_group(&self, name: &str) -> impl Future<Output = Called<()>> + Send;
    /// How many objects a bucket has, all versions counted; `None` when there is no such bucket. Stops counting at 1,000.
    fn object_count(&self, bucket: &str) -> impl Future<Output = Called<Option<usize>>> + Send;
    /// Removes up to 1,000 objects of a bucket, all versions of them; returns how many.
    fn empty_bucket(&self, bucket: &str) -> impl Future<Output = Called<usize>> + Send;
    /// Removes an empty bucket.
    fn delete_bucket(&self, bucket: &str) -> impl Future<Output = Called<()>> + Send;
    /// Writes an object, unless one of that name and length is there.
    fn put_object(&self, bucket: &str, key: &str, content: &[u8]) -> impl Future<Output = Called<()>> + Send;
    /// The ids of network interfaces in a subnet or behind a security group: what blocks its deletion.
    fn network_interfaces(&self, subnet_or_group: &str) -> impl Future<Output = Called<Vec<String>>> + Send;
    /// Removes a network interface that nothing uses.
    fn delete_network_interface(&self, id: &str) -> impl Future<Output = Called<()>> + Send;
    /// Ends the protection of a load balancer, by its ARN, or of an RDS instance, by its identifier, from deletion.
    fn unprotect(&self, resource_type: &str, physical_id: &str) -> impl Future<Output = Called<()>> + Send;
    /// Schedules a key for deletion after the shortest time that AWS allows; returns how many days that is.
    fn schedule_key_deletion(&self, key: &str) -> impl Future<Output = Called<u32>> + Send;

    // -- before anything is made
    /// A quota of a service as it applies to the account; `None` when it is not known.
    fn quota(&self, service: &str, code: &str) -> impl Future<Output = Called<Option<f64>>> + Send;
    /// How many of a thing that a quota counts there are: `AWS::EC2::VPC`, `AWS::EC2::EIP`, `AWS::EC2::NatGateway`.
    fn count(&self, resource_type: &str) -> impl Future<Output = Called<usize>> + Send;
    /// Which of these actions the caller may not do; `None` when the account does not let us ask.
    fn denied_actions(
        &self,
        caller: &str,
        actions: &[&str],
    ) -> impl Future<Output = Called<Option<Vec<String>>>> + Send;
    /// Ids that exist, of these VPCs, subnets, security groups.
    fn existing_ids(&self, ids: &[String]) -> impl Future<Output = Called<Vec<String>>> + Send;
}
