//! Who made what, written on every resource that can carry it.
//!
//! The digest of the manifest is a tag of the stacks, which hand it on to their resources: here it would make every
//! template another one whenever any line of the manifest changes.

use super::object;
use model::cfn::{Kind, Value};

/// The tag that names the deployment.
pub(super) const DEPLOYMENT: &str = "landfall:deployment";
/// The tag that names the environment.
pub(super) const ENVIRONMENT: &str = "landfall:environment";
/// The tag that names the component.
pub(super) const COMPONENT: &str = "landfall:component";

/// Types that carry no tags of their own.
const WITHOUT: &[&str] = &[
    "AWS::EC2::Route",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPCCidrBlock",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::IAM::InstanceProfile",
    "AWS::KMS::Alias",
    "AWS::Route53::RecordSet",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
];

/// As the list that most types take.
pub(crate) fn tag_list(tags: &[(&'static str, String)]) -> Value {
    Value::list(tags.iter().map(|(key, value)| object! { "Key": *key, "Value": value.as_str() }))
}

pub(super) fn with_tags(kind: &str, mut properties: Value, tags: &[(&'static str, String)]) -> Value {
    let Kind::Map(entries) = &mut properties.kind else { return properties };
    match kind {
        _ if WITHOUT.contains(&kind) => {}
        "AWS::AutoScaling::AutoScalingGroup" => {
            let tag = |(key, value): &(&str, String)| object! { "Key": *key, "Value": value.as_str(), "PropagateAtLaunch": true };
            entries.insert("Tags".to_owned(), Value::list(tags.iter().map(tag)));
        }
        "AWS::EC2::LaunchTemplate" => {
            let of = |kind: &str| object! { "ResourceType": kind, "Tags": tag_list(tags) };
            entries.insert("TagSpecifications".to_owned(), Value::list([of("launch-template")]));
        }
        _ => {
            entries.insert("Tags".to_owned(), tag_list(tags));
        }
    }
    properties
}
