//! What a change means for those who use the deployment and for their data.

use super::ResourceAction;
use crate::TypeFacts;
use serde::{Deserialize, Serialize};

/// What a change means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meaning {
    /// Whether people notice.
    pub downtime: Downtime,
    /// What happens to data.
    pub data: Data,
    /// Whether the change can be taken back by the manifest as it was.
    pub is_reversible: bool,
    /// What could not be known beforehand, in words.
    pub unknown: Vec<String>,
}

/// Whether people notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Downtime {
    /// Nobody notices.
    None,
    /// Hosts are replaced one after the other; requests go on.
    Rolling,
    /// It may not answer for a while.
    Possible,
    /// It does not answer any more.
    Ends,
}

/// What happens to data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Data {
    /// Nothing.
    Safe,
    /// The old resource stays in the account with its data, and nothing uses it any more.
    LeftBehind,
    /// It is lost.
    Lost,
}

impl Meaning {
    /// The meaning of nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { downtime: Downtime::None, data: Data::Safe, is_reversible: true, unknown: Vec::new() }
    }

    /// Both, as bad as the worse.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.downtime = self.downtime.max(other.downtime);
        self.data = self.data.max(other.data);
        self.is_reversible &= other.is_reversible;
        for unknown in &other.unknown {
            if !self.unknown.contains(unknown) {
                self.unknown.push(unknown.clone());
            }
        }
        self
    }
}

/// Types that roll hosts when they change.
const ROLLING: &[&str] = &["AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::LaunchTemplate"];
/// Types that are away for a while when they are changed where they are.
const RESTARTING: &[&str] = &[
    "AWS::EC2::Instance",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::OpenSearchService::Domain",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
];
/// Types whose replacement nobody notices: the new one is in use before the old one goes, and no request passes through them.
const UNNOTICED: &[&str] = &[
    "AWS::CertificateManager::Certificate",
    "AWS::CloudWatch::Alarm",
    "AWS::EC2::FlowLog",
    "AWS::EC2::LaunchTemplate",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::Logs::LogGroup",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
];

/// What the template says becomes of a resource that goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays in the account.
    Kept,
    /// It says nothing: what is in it is lost.
    Unsaid,
    /// It says that nothing is lost with it.
    Worthless,
}

/// What a change of a resource means.
pub(super) fn meaning(kind: &str, action: ResourceAction, fate: Fate, types: &dyn TypeFacts) -> Meaning {
    let is_stateful = types.is_stateful(kind) && fate != Fate::Worthless;
    let goes = matches!(action, ResourceAction::Delete | ResourceAction::Replace | ResourceAction::MayReplace);
    let data = match (is_stateful && goes, fate) {
        (false, _) => Data::Safe,
        (true, Fate::Kept) => Data::LeftBehind,
        (true, _) => Data::Lost,
    };
    let downtime = match action {
        ResourceAction::Create => Downtime::None,
        ResourceAction::Update if ROLLING.contains(&kind) => Downtime::Rolling,
        ResourceAction::Update if RESTARTING.contains(&kind) => Downtime::Possible,
        ResourceAction::Update => Downtime::None,
        _ if UNNOTICED.contains(&kind) || fate == Fate::Worthless => Downtime::None,
        ResourceAction::Replace | ResourceAction::MayReplace => Downtime::Possible,
        ResourceAction::Delete => Downtime::Ends,
    };
    Meaning { downtime, data, is_reversible: data == Data::Safe, unknown: unknown(kind, action) }
}

fn unknown(kind: &str, action: ResourceAction) -> Vec<String> {
    let mut unknown = Vec::new();
    if kind.starts_with("Custom::") || kind == "AWS::CloudFormation::CustomResource" {
        unknown.push("what a custom resource does is known to its own code alone".to_owned());
    }
    if action == ResourceAction::MayReplace {
        unknown.push("AWS decides while it runs whether another one takes its place".to_owned());
    }
    unknown
}
