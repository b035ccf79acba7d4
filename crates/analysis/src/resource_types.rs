//! What AWS says about the types of resources that a deployment may have: which changes make a resource anew, and which
//! rights CloudFormation needs of whoever deploys. A dated table, made from the schemas that cfn-lint carries.

mod deployer;

pub use deployer::{DeployerScope, deployer_policies};

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// What is known of all types, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The version of this file's shape.
    pub version: u32,
    /// The day of the schemas.
    pub as_of: String,
    /// Where they come from.
    pub source: String,
    /// The region whose schemas they are.
    pub region: String,
    /// The types by name.
    pub types: BTreeMap<String, TypeFacts>,
}

/// What is known of a type. Properties are written as `Name` or `Outer/Inner`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeFacts {
    /// A change of these makes another resource.
    pub create_only: BTreeSet<String>,
    /// A change of these may make another resource.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub conditional_create_only: BTreeSet<String>,
    /// The actions that are called for each way of handling it: `create`, `read`, `update`, `delete`.
    pub permissions: BTreeMap<String, BTreeSet<String>>,
}

/// Whether a change makes another resource in place of the one that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replaces {
    /// It is changed where it is.
    Never,
    /// It depends on something that only the account knows.
    Sometimes,
    /// Another one is made, then the old one is deleted.
    Always,
}

/// Types whose loss loses something that cannot be made again.
const STATEFUL: &[&str] = &[
    "AWS::EC2::Volume",
    "AWS::EFS::FileSystem",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
];

/// What the schema says may replace a resource, but never does in the templates of a deployment, each with its reason.
const NEVER_HERE: &[(&str, &str)] = &[
    // A group is replaced with `AutoScalingReplacingUpdate` alone; every group here rolls (`AutoScalingRollingUpdate`).
    ("AWS::AutoScaling::AutoScalingGroup", "LaunchTemplate"),
    ("AWS::AutoScaling::AutoScalingGroup", "VPCZoneIdentifier"),
];

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    serde_json::from_str(include_str!("resource_types/table.json")).expect("the table is read by a test")
});

/// The table itself.
#[must_use]
pub fn table() -> &'static Table {
    &TABLE
}

/// Whether a change of a property makes another resource. The path is written as CloudFormation writes it
/// (`/Properties/A/B/0`), or without its beginning (`A/B`, `A.B`). Of an unknown type nothing is known: [`Replaces::Sometimes`].
#[must_use]
pub fn replaces(kind: &str, property_path: &str) -> Replaces {
    let Some(facts) = TABLE.types.get(kind) else { return Replaces::Sometimes };
    let path: Vec<&str> = property_path
        .split(['/', '.'])
        .filter(|part| !part.is_empty())
        .skip_while(|part| part.eq_ignore_ascii_case("properties"))
        .collect();
    if path.first().is_some_and(|first| NEVER_HERE.contains(&(kind, first))) {
        return Replaces::Never;
    }
    let strongest = |properties: &BTreeSet<String>, covered: Replaces| {
        properties.iter().map(|property| overlap(property, &path, covered)).max().unwrap_or(Replaces::Never)
    };
    strongest(&facts.create_only, Replaces::Always).max(strongest(&facts.conditional_create_only, Replaces::Sometimes))
}

/// What a change at a path means for one property of the table.
fn overlap(property: &str, path: &[&str], covered: Replaces) -> Replaces {
    let parts: Vec<&str> = property.split('/').collect();
    let same = |(part, step): (&&str, &&str)| part == step || *part == "*";
    if !parts.iter().zip(path).all(same) {
        return Replaces::Never;
    }
    // A change of something around the property may or may not change the property.
    if path.len() < parts.len() { Replaces::Sometimes } else { covered }
}

/// Whether losing a resource of that type loses something that cannot be made again.
#[must_use]
pub fn is_stateful(kind: &str) -> bool {
    STATEFUL.contains(&kind)
}

/// The actions that CloudFormation calls to make, read, change and delete resources of these types, by the schemas.
#[must_use]
pub fn permissions<'t>(types: impl IntoIterator<Item = &'t str>) -> BTreeSet<&'static str> {
    let facts = types.into_iter().filter_map(|kind| TABLE.types.get(kind));
    facts.flat_map(|facts| facts.permissions.values().flatten()).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::{Replaces, permissions, replaces};

    #[test]
    fn a_change_is_judged_by_its_path() {
        assert_eq!(replaces("AWS::EC2::VPC", "/Properties/CidrBlock"), Replaces::Always);
        assert_eq!(replaces("AWS::EC2::VPC", "CidrBlock"), Replaces::Always);
        assert_eq!(replaces("AWS::EC2::VPC", "InstanceTenancy"), Replaces::Sometimes);
        assert_eq!(replaces("AWS::EC2::VPC", "Tags.0.Value"), Replaces::Never);
        assert_eq!(replaces("AWS::EC2::VPCEndpoint", "DnsOptions"), Replaces::Sometimes);
        assert_eq!(replaces("AWS::EC2::VPCEndpoint", "DnsOptions/PrivateDnsPreference"), Replaces::Always);
        assert_eq!(replaces("AWS::EC2::VPCEndpoint", "DnsOptions/DnsRecordIpType"), Replaces::Never);
        assert_eq!(
            replaces("AWS::CertificateManager::Certificate", "DomainValidationOptions/1/HostedZoneId"),
            Replaces::Always
        );
        assert_eq!(replaces("AWS::AutoScaling::AutoScalingGroup", "LaunchTemplate/Version"), Replaces::Never);
        assert_eq!(replaces("AWS::New::Thing", "Name"), Replaces::Sometimes);
    }

    #[test]
    fn permissions_are_those_of_the_types() {
        let topic = permissions(["AWS::SNS::Topic"]);
        assert!(topic.contains("sns:CreateTopic") && topic.contains("sns:DeleteTopic"));
        assert!(!topic.iter().any(|action| action.starts_with("ec2:")));
    }
}
