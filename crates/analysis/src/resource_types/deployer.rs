//! The rights of whoever deploys: what CloudFormation calls in their name, and what the command calls itself.

use super::permissions;
use model::cfn::ResourceGraph;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// AWS's limit for a managed policy, without white space.
const LARGEST_POLICY: usize = 6144;

/// What the deployer's rights are limited to.
#[derive(Debug, Clone, Copy)]
pub struct DeployerScope<'a> {
    /// The name of the first stack and the beginning of the others'.
    pub deployment: &'a str,
    /// The account, where it is known.
    pub account: Option<&'a str>,
    /// The region, where it is known.
    pub region: Option<&'a str>,
}

/// Parts of the schemas for features that no template of a deployment has, by the beginning of the action.
const NOT_NEEDED: &[&str] = &[
    "acm-pca:",         // certificates of a private authority
    "cognito-idp:",     // listeners that ask for a log-in
    "ec2:AllocateIpam", // pools of addresses
    "firehose:",        // flow logs into a delivery stream
    "managed-fleets:",  // fleets that are no group of ours
    "s3tables:",        // tables in buckets
    "s3:REST.",         // no action that a policy can name
    "vpc-lattice:",     // targets outside load balancers
    "vpce:",            // endpoints over several regions
];

/// What the schemas ask for with a `*`, and the few actions of it that are called.
const NARROWER: &[(&str, &[&str])] = &[
    (
        "autoscaling:Describe*",
        &[
            "autoscaling:DescribeAutoScalingGroups",
            "autoscaling:DescribeLifecycleHooks",
            "autoscaling:DescribeNotificationConfigurations",
            "autoscaling:DescribeScalingActivities",
            "autoscaling:DescribeTrafficSources",
        ],
    ),
    (
        "ec2:Describe*",
        &[
            "ec2:DescribeAvailabilityZones",
            "ec2:DescribeImages",
            "ec2:DescribeInstanceStatus",
            "ec2:DescribeInstanceTypes",
            "ec2:DescribeLaunchTemplateVersions",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ],
    ),
    ("ec2:Get*", &[]),
    ("elasticloadbalancing:Describe*", &["elasticloadbalancing:DescribeTargetHealth"]),
    ("ssm:Get*", &["ssm:GetParameters"]),
];

/// What the command calls itself.
const OWN: &[&str] = &[
    "acm:DescribeCertificate",
    "autoscaling:DescribeAutoScalingGroups",
    "cloudformation:CancelUpdateStack",
    "cloudformation:ContinueUpdateRollback",
    "cloudformation:CreateChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DeleteStack",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackDriftDetectionStatus",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStackResourceDrifts",
    "cloudformation:DescribeStacks",
    "cloudformation:DetectStackDrift",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:GetTemplate",
    "cloudformation:ListChangeSets",
    "cloudformation:ListStackResources",
    "cloudformation:RollbackStack",
    "cloudformation:TagResource",
    "cloudformation:UpdateTerminationProtection",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeAddresses",
    "ec2:DescribeNatGateways",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ec2:GetConsoleOutput",
    "ec2:RunInstances",
    "ec2:TerminateInstances",
    "elasticloadbalancing:ModifyLoadBalancerAttributes",
    "iam:SimulatePrincipalPolicy",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "kms:ScheduleKeyDeletion",
    "logs:DeleteLogGroup",
    "logs:DescribeLogStreams",
    "logs:GetLogEvents",
    "route53:GetHostedZone",
    "route53:ListHostedZones",
    "s3:DeleteBucket",
    "s3:DeleteObjectVersion",
    "s3:GetObject",
    "s3:ListBucketVersions",
    "s3:PutObject",
    "secretsmanager:DeleteSecret",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "secretsmanager:TagResource",
    "servicequotas:GetAWSDefaultServiceQuota",
    "servicequotas:GetServiceQuota",
    "ssm:DeleteParameter",
    "ssm:GetParameter",
    "ssm:GetParameters",
    "ssm:PutParameter",
    "sts:GetCallerIdentity",
    "tag:GetResources",
];

/// What the command calls itself where there are databases: how they stand, their copies, what is offered, and the way to them through a host.
const OWN_OF_DATABASES: &[&str] = &[
    "ec2:DescribeInstances",
    "rds:AddTagsToResource",
    "rds:CreateDBClusterSnapshot",
    "rds:CreateDBInstance",
    "rds:CreateDBSnapshot",
    "rds:DeleteDBClusterSnapshot",
    "rds:DeleteDBSnapshot",
    "rds:DescribeDBClusterSnapshots",
    "rds:DescribeDBClusters",
    "rds:DescribeDBEngineVersions",
    "rds:DescribeDBInstances",
    "rds:DescribeDBSnapshots",
    "rds:DescribeOrderableDBInstanceOptions",
    "rds:ModifyDBCluster",
    "rds:ModifyDBInstance",
    "rds:RestoreDBClusterFromSnapshot",
    "rds:RestoreDBInstanceFromDBSnapshot",
    "ssm:DescribeInstanceInformation",
    "ssm:ResumeSession",
    "ssm:StartSession",
    "ssm:TerminateSession",
];

/// Of these services only what carries the deployment's name may be touched; CloudFormation names it so.
fn named(action: &str, scope: &DeployerScope<'_>) -> Option<Vec<String>> {
    let account = scope.account.unwrap_or("*");
    let region = scope.region.unwrap_or("*");
    let name = scope.deployment;
    let (service, call) = action.split_once(':')?;
    let arn = |text: String| vec![format!("arn:*:{text}")];
    Some(match (service, call) {
        ("iam", "CreateServiceLinkedRole") => arn(format!("iam::{account}:role/aws-service-role/*")),
        ("iam", "SimulatePrincipalPolicy") | ("cloudformation", "DescribeStackDriftDetectionStatus") => return None,
        ("iam", _) if call.contains("InstanceProfile") => vec![
            format!("arn:*:iam::{account}:instance-profile/{name}-*"),
            format!("arn:*:iam::{account}:role/{name}-*"),
        ],
        ("iam", _) => arn(format!("iam::{account}:role/{name}-*")),
        ("cloudformation", _) => arn(format!("cloudformation:{region}:{account}:stack/{name}*/*")),
        ("sns", _) => arn(format!("sns:{region}:{account}:{name}-*")),
        ("s3", _) => vec![format!("arn:*:s3:::{name}-*"), format!("arn:*:s3:::{name}-*/*")],
        ("logs", "DescribeLogGroups" | "DescribeResourcePolicies" | "CreateLogDelivery" | "DeleteLogDelivery") => {
            return None;
        }
        ("logs", _) => arn(format!("logs:{region}:{account}:log-group:{name}-*")),
        ("cloudwatch", "DescribeAlarms") => return None,
        ("cloudwatch", _) => arn(format!("cloudwatch:{region}:{account}:alarm:{name}-*")),
        ("ssm", "DeleteParameter" | "GetParameter" | "PutParameter") => {
            arn(format!("ssm:{region}:{account}:parameter/landfall/{name}/*"))
        }
        ("ssm", "DescribeInstanceInformation") => return None,
        ("ssm", "StartSession") => vec![
            format!("arn:*:ec2:{region}:{account}:instance/*"),
            format!("arn:*:ssm:{region}::document/AWS-StartPortForwardingSession*"),
        ],
        ("ssm", "ResumeSession" | "TerminateSession") => arn(format!("ssm:{region}:{account}:session/*")),
        ("rds", _) if call.starts_with("Describe") => return None,
        // What every server has that says nothing else is RDS's own.
        ("rds", _) => vec![
            format!("arn:*:rds:{region}:{account}:*:{name}-*"),
            format!("arn:*:rds:{region}:{account}:og:default:*"),
            format!("arn:*:rds:{region}:{account}:pg:default.*"),
        ],
        ("ssm", _) => arn(format!("ssm:{region}::parameter/aws/service/*")),
        _ => return None,
    })
}

/// Actions of services that are not in a region, to which a condition on the region would not apply.
const GLOBAL: &[&str] = &["iam", "route53", "sts"];

/// The policies that a deployer needs for these resources: as few documents as AWS's limit allows, each one JSON.
/// What AWS names after the stack is limited to the deployment's name, the rest to its region.
#[must_use]
pub fn deployer_policies(graph: &ResourceGraph, scope: &DeployerScope<'_>) -> Vec<Value> {
    let types: BTreeSet<&str> = graph.resources.values().map(|resource| resource.kind.as_str()).collect();
    let mut by_resources: BTreeMap<(Vec<String>, bool), BTreeSet<&str>> = BTreeMap::new();
    for action in needed(types) {
        let service = action.split_once(':').map_or("", |(service, _)| service);
        let resources = named(action, scope);
        let is_regional = resources.is_none() && !GLOBAL.contains(&service);
        by_resources
            .entry((resources.unwrap_or_else(|| vec!["*".to_owned()]), is_regional))
            .or_default()
            .insert(action);
    }
    let mut documents: Vec<Vec<Value>> = Vec::new();
    for ((resources, is_regional), actions) in by_resources {
        let actions: Vec<&str> = actions.into_iter().collect();
        // A statement that is a policy by itself would still have to fit.
        for actions in actions.chunks(100) {
            let mut statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
            if let (true, Some(region)) = (is_regional, scope.region) {
                statement["Condition"] = json!({ "StringEquals": { "aws:RequestedRegion": region } });
            }
            let fits = |document: &&mut Vec<Value>| size(document) + size(&[statement.clone()]) <= LARGEST_POLICY;
            match documents.last_mut().filter(fits) {
                Some(document) => document.push(statement),
                None => documents.push(vec![statement]),
            }
        }
    }
    documents.into_iter().map(policy).collect()
}

fn policy(statements: impl Into<Value>) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements.into() })
}

fn size(statements: &[Value]) -> usize {
    policy(statements.to_vec()).to_string().chars().filter(|c| !c.is_whitespace()).count()
}

/// The actions: of the schemas without what no template has, narrower where they have a `*`, and our own.
fn needed<'t>(types: impl IntoIterator<Item = &'t str>) -> BTreeSet<&'static str> {
    let types: Vec<&str> = types.into_iter().collect();
    let mut needed: BTreeSet<&'static str> = OWN.iter().copied().collect();
    if types.iter().any(|kind| kind.starts_with("AWS::RDS::")) {
        needed.extend(OWN_OF_DATABASES);
    }
    for action in permissions(types) {
        if NOT_NEEDED.iter().any(|beginning| action.starts_with(beginning)) {
            continue;
        }
        match NARROWER.iter().find(|(wide, _)| *wide == action) {
            Some((_, narrow)) => needed.extend(narrow.iter()),
            None => {
                needed.insert(action);
            }
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::{DeployerScope, LARGEST_POLICY, NARROWER, NOT_NEEDED, deployer_policies, permissions};
    use model::Findings;
    use model::cfn::{read, types};
    use std::collections::BTreeSet;

    /// Everything that the schemas ask for is allowed, but for what is left out with a reason.
    #[test]
    fn the_schemas_are_covered() {
        let resources: String =
            types::ALL.iter().enumerate().map(|(n, kind)| format!("  R{n}: {{ Type: '{kind}' }}\n")).collect();
        let graph = read("t", &format!("Resources:\n{resources}"), &mut Findings::new()).unwrap().graph;
        let scope =
            DeployerScope { deployment: "shop-production", account: Some("123456789012"), region: Some("eu-west-1") };
        let policies = deployer_policies(&graph, &scope);
        let mut allowed = BTreeSet::new();
        for policy in &policies {
            assert!(policy.to_string().len() <= LARGEST_POLICY, "{}", policy.to_string().len());
            for statement in policy["Statement"].as_array().unwrap() {
                allowed.extend(
                    statement["Action"].as_array().unwrap().iter().map(|action| action.as_str().unwrap().to_owned()),
                );
                let is_everything = statement["Resource"][0] == "*";
                let actions = statement["Action"].to_string();
                assert!(!is_everything || !actions.contains("iam:Pass"), "{actions}");
            }
        }
        assert!(allowed.iter().all(|action| !action.contains('*')));
        let left: Vec<&str> = permissions(types::ALL.iter().copied())
            .into_iter()
            .filter(|action| !allowed.contains(*action))
            .filter(|action| !NOT_NEEDED.iter().any(|beginning| action.starts_with(beginning)))
            .filter(|action| !NARROWER.iter().any(|(wide, _)| wide == action))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        for action in super::OWN_OF_DATABASES {
            assert!(allowed.contains(*action), "{action}");
        }
        assert!(allowed.contains("ec2:CreateVpc") && allowed.contains("cloudformation:ExecuteChangeSet"));
    }
}
