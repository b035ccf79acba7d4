//! Every call of a run goes through here: paced, counted, repeated where repeating is right.

mod pacer;

pub use pacer::Pacer;

use crate::Account;
use crate::account::{
    CallError, CallErrorKind, Called, Certificate, ChangeSet, ChangeSetRequest, ConsoleOutput, Databases,
    DbEngineVersion, DbKind, DbOffer, DbServer, DbSnapshot, DriftDetection, Entry, Host, HostedZone, Identity, LogTail,
    Machine, ManagedHost, ResourceDrift, RestoreRequest, SecretState, SecretVersion, SessionRequest, Sessions, Stack,
    StackEvent, StackResource, StartedSession, TaggedResource,
};
use model::Secret;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a call that gets no answer is repeated: a network that is gone for a minute is survived.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long a call that a service refuses for its number is repeated.
const PATIENCE_WHEN_THROTTLED: Duration = Duration::from_secs(1800);
/// The first pause before a repetition; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// After so long without an answer people are told.
const SILENCE: Duration = Duration::from_secs(5);

/// What people are told about calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallNotice {
    /// A service does not answer; the call is repeated until `patience_seconds` are over.
    NoAnswer {
        /// The operation, as `cloudformation:DescribeStacks`.
        operation: &'static str,
        /// For how long already.
        seconds: u64,
        /// How long it is tried in all.
        patience_seconds: u64,
        /// What came instead of an answer.
        cause: String,
    },
    /// It answers again.
    AnswersAgain {
        /// The operation.
        operation: &'static str,
        /// How long it did not.
        seconds: u64,
    },
}

/// An account whose calls are paced, counted and repeated.
///
/// A call is repeated with the same token when it was refused for its number, or when there was no answer: then it may
/// have been done, and its token makes the repetition harmless. Every other error goes up at once.
pub struct Calls<'a, A> {
    account: A,
    pacer: Arc<Pacer>,
    tell: &'a (dyn Fn(CallNotice) + Send + Sync),
    counts: Mutex<BTreeMap<&'static str, u64>>,
}

impl<'a, A> Calls<'a, A> {
    /// Wraps an account. The pacer is shared by all of a process.
    pub fn new(account: A, pacer: Arc<Pacer>, tell: &'a (dyn Fn(CallNotice) + Send + Sync)) -> Self {
        Self { account, pacer, tell, counts: Mutex::new(BTreeMap::new()) }
    }

    /// How often each operation was called, repetitions included.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn paced<T, F>(&self, operation: &'static str, call: impl Fn() -> F + Send + Sync) -> Called<T>
    where
        F: Future<Output = Called<T>> + Send,
    {
        let began = Instant::now();
        let mut told: Option<Instant> = None;
        let mut pause = FIRST_PAUSE;
        loop {
            let wait = self.pacer.reserve(operation);
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(operation).or_default() += 1;
            let error = match call().await {
                Ok(answer) => {
                    self.pacer.answered(operation);
                    if told.is_some() {
                        (self.tell)(CallNotice::AnswersAgain { operation, seconds: began.elapsed().as_secs() });
                    }
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let patience = match error.kind {
                CallErrorKind::Throttled => {
                    self.pacer.refused(operation);
                    PATIENCE_WHEN_THROTTLED
                }
                CallErrorKind::Unanswered => PATIENCE,
                _ => return Err(error),
            };
            if began.elapsed() + pause > patience {
                return Err(given_up(error, began.elapsed()));
            }
            let is_silent = error.kind == CallErrorKind::Unanswered && began.elapsed() >= SILENCE;
            if is_silent && told.is_none_or(|last| last.elapsed() >= 2 * SILENCE) {
                told = Some(Instant::now());
                (self.tell)(CallNotice::NoAnswer {
                    operation,
                    seconds: began.elapsed().as_secs(),
                    patience_seconds: patience.as_secs(),
                    cause: error.message.clone(),
                });
            }
            tokio::time::sleep(self.pacer.jitter(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn given_up(mut error: CallError, after: Duration) -> CallError {
    error.message = format!("{} (given up after {} s)", error.message, after.as_secs());
    error
}

macro_rules! paced {
    ($port:ident { $($($first:item)+)? } $($operation:literal fn $name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        impl<A: $port> $port for Calls<'_, A> {
            $($($first)+)?
            $(
                async fn $name(&self, $($argument: $kind),*) -> Called<$answer> {
                    self.paced($operation, || self.account.$name($($argument),*)).await
                }
            )*
        }
    };
}

paced! {
    Account {
        fn region(&self) -> &str {
            self.account.region()
        }
    }
    "sts:GetCallerIdentity" fn identity() -> Identity;
    "cloudformation:DescribeStacks" fn stack(name_or_id: &str) -> Option<Stack>;
    "cloudformation:DescribeStacks" fn stacks() -> Vec<Stack>;
    "cloudformation:DescribeStackEvents" fn events(stack: &str, known: Option<&str>) -> Vec<StackEvent>;
    "cloudformation:ListStackResources" fn resources(stack: &str) -> Vec<StackResource>;
    "cloudformation:GetTemplate" fn template(stack: &str) -> Option<String>;
    "cloudformation:CreateChangeSet" fn create_change_set(request: &ChangeSetRequest) -> String;
    "cloudformation:DescribeChangeSet" fn change_set(stack: &str, name_or_id: &str) -> Option<ChangeSet>;
    "cloudformation:ListChangeSets" fn change_sets(stack: &str) -> Vec<String>;
    "cloudformation:ExecuteChangeSet"
        fn execute_change_set(stack: &str, name_or_id: &str, token: &str, keep_failed: bool) -> ();
    "cloudformation:DeleteChangeSet" fn delete_change_set(stack: &str, name_or_id: &str) -> ();
    "cloudformation:RollbackStack" fn rollback_stack(stack: &str, token: &str) -> ();
    "cloudformation:CancelUpdateStack" fn cancel_update(stack: &str, token: &str) -> ();
    "cloudformation:ContinueUpdateRollback" fn continue_rollback(stack: &str, token: &str, skip: &[String]) -> ();
    "cloudformation:DeleteStack" fn delete_stack(stack: &str, token: &str, retain: &[String]) -> ();
    "cloudformation:UpdateTerminationProtection" fn protect_stack(stack: &str, protected: bool) -> ();
    "cloudformation:DetectStackDrift" fn detect_drift(stack: &str) -> String;
    "cloudformation:DescribeStackDriftDetectionStatus" fn drift_detection(id: &str) -> DriftDetection;
    "cloudformation:DescribeStackResourceDrifts" fn drifts(stack: &str) -> Vec<ResourceDrift>;
    "secretsmanager:DescribeSecret" fn secret(id: &str) -> Option<SecretState>;
    "secretsmanager:GetSecretValue" fn secret_value(id: &str) -> Option<SecretVersion>;
    "secretsmanager:PutSecretValue" fn put_secret_value(id: &str, value: &Secret, token: &str) -> ();
    "secretsmanager:TagResource" fn tag_secret(id: &str, tags: &[(String, String)]) -> ();
    "secretsmanager:DeleteSecret" fn delete_secret(id: &str) -> ();
    "ssm:GetParameter" fn entry(name: &str) -> Option<Entry>;
    "ssm:PutParameter" fn put_entry(name: &str, value: &str, only_new: bool) -> i64;
    "ssm:DeleteParameter" fn delete_entry(name: &str) -> ();
    "route53:ListHostedZonesByName" fn hosted_zones(domain: &str) -> Vec<HostedZone>;
    "dns:NS" fn delegated_name_servers(domain: &str) -> Vec<String>;
    "acm:DescribeCertificate" fn certificate(arn: &str) -> Option<Certificate>;
    "autoscaling:DescribeAutoScalingGroups" fn hosts(group: &str) -> Vec<Host>;
    "ec2:GetConsoleOutput" fn console_output(instance: &str) -> Option<ConsoleOutput>;
    "logs:GetLogEvents" fn log_tail(group: &str, stream_prefix: &str, lines: usize) -> Option<LogTail>;
    "tag:GetResources" fn tagged(key: &str, value: &str) -> Vec<TaggedResource>;
    "logs:DeleteLogGroup" fn delete_log_group(name: &str) -> ();
    "s3:ListBucketVersions" fn object_count(bucket: &str) -> Option<usize>;
    "s3:DeleteObject" fn empty_bucket(bucket: &str) -> usize;
    "s3:DeleteBucket" fn delete_bucket(bucket: &str) -> ();
    "s3:PutObject" fn put_object(bucket: &str, key: &str, content: &[u8]) -> ();
    "ec2:DescribeNetworkInterfaces" fn network_interfaces(subnet_or_group: &str) -> Vec<String>;
    "ec2:DeleteNetworkInterface" fn delete_network_interface(id: &str) -> ();
    "cloudcontrol:UpdateResource" fn unprotect(resource_type: &str, physical_id: &str) -> ();
    "kms:ScheduleKeyDeletion" fn schedule_key_deletion(key: &str) -> u32;
    "servicequotas:GetServiceQuota" fn quota(service: &str, code: &str) -> Option<f64>;
    "ec2:Describe" fn count(resource_type: &str) -> usize;
    "iam:SimulatePrincipalPolicy" fn denied_actions(caller: &str, actions: &[&str]) -> Option<Vec<String>>;
    "ec2:DescribeExisting" fn existing_ids(ids: &[String]) -> Vec<String>;
}

paced! {
    Sessions {}
    "ssm:StartSession" fn start_session(request: &SessionRequest) -> StartedSession;
    "ssm:ResumeSession" fn resume_session(id: &str) -> Option<StartedSession>;
    "ssm:TerminateSession" fn terminate_session(id: &str) -> ();
    "ssm:DescribeInstanceInformation" fn managed_hosts(instances: &[String]) -> Vec<ManagedHost>;
    "ec2:DescribeInstances" fn machines(tags: &[(String, String)]) -> Vec<Machine>;
}

paced! {
    Databases {}
    "rds:Describe" fn db_server(kind: DbKind, id: &str) -> Option<DbServer>;
    "rds:CreateSnapshot"
        fn create_db_snapshot(kind: DbKind, of: &str, snapshot: &str, tags: &[(String, String)]) -> ();
    "rds:DescribeSnapshots" fn db_snapshot(kind: DbKind, snapshot: &str) -> Option<DbSnapshot>;
    "rds:DescribeSnapshots" fn db_snapshots(kind: DbKind, of: &str) -> Vec<DbSnapshot>;
    "rds:DescribeSnapshots" fn db_snapshots_tagged(kind: DbKind, key: &str, value: &str) -> Vec<DbSnapshot>;
    "rds:DeleteSnapshot" fn delete_db_snapshot(kind: DbKind, snapshot: &str) -> ();
    "rds:Restore" fn restore_db(request: &RestoreRequest) -> ();
    "rds:CreateDBInstance"
        fn add_db_member(cluster: &str, member: &str, engine: &str, class: &str, authority: Option<&str>) -> ();
    "rds:Modify" fn keep_db_administrator(kind: DbKind, id: &str) -> ();
    "rds:DescribeDBEngineVersions" fn db_engine_versions(engine: &str, version: Option<&str>) -> Vec<DbEngineVersion>;
    "rds:DescribeOrderableDBInstanceOptions" fn db_offers(engine: &str, version: &str, class: &str) -> Vec<DbOffer>;
}
