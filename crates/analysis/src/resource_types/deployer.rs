//! The rights of whoever deploys: what CloudFormation calls in their name, and what the command calls itself.

mod limits;

use super::permissions;
use limits::Limit;
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
    /// What the tag `landfall:deployment` says.
    pub application: &'a str,
    /// What the tag `landfall:environment` says.
    pub environment: &'a str,
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
    "ssmmessages:OpenDataChannel",
];

/// The policies that a deployer needs for these resources: as few documents as AWS's limit allows, each one JSON.
/// What AWS names after the stack is limited to the deployment's name, secrets and hosts to its tags, the rest to its region.
#[must_use]
pub fn deployer_policies(graph: &ResourceGraph, scope: &DeployerScope<'_>) -> Vec<Value> {
    let types: BTreeSet<&str> = graph.resources.values().map(|resource| resource.kind.as_str()).collect();
    let secrets: Vec<&str> = graph
        .resources
        .iter()
        .filter(|(_, resource)| resource.kind == "AWS::SecretsManager::Secret")
        .map(|(id, _)| id.as_str())
        .collect();
    let has_databases = has_databases(&types);
    let mut by_limit: BTreeMap<Limit, BTreeSet<&str>> = BTreeMap::new();
    for action in needed(&types) {
        for limit in limits::of(action, scope, &limits::Secrets { named: &secrets, has_databases }) {
            by_limit.entry(limit).or_default().insert(action);
        }
    }
    let mut documents: Vec<Vec<Value>> = Vec::new();
    for (Limit { resources, condition }, actions) in by_limit {
        let actions: Vec<&str> = actions.into_iter().collect();
        // A statement that is a policy by itself would still have to fit.
        for actions in actions.chunks(100) {
            let mut statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
            if !condition.is_empty() {
                statement["Condition"] = json!(condition);
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

fn has_databases(types: &BTreeSet<&str>) -> bool {
    types.iter().any(|kind| kind.starts_with("AWS::RDS::"))
}

/// The actions: of the schemas without what no template has, narrower where they have a `*`, and our own.
fn needed(types: &BTreeSet<&str>) -> BTreeSet<&'static str> {
    let mut needed: BTreeSet<&'static str> = OWN.iter().copied().collect();
    if has_databases(types) {
        needed.extend(OWN_OF_DATABASES);
    }
    for action in permissions(types.iter().copied()) {
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
    use serde_json::json;
    use std::collections::BTreeSet;

    fn scope() -> DeployerScope<'static> {
        DeployerScope {
            deployment: "shop-production",
            application: "shop",
            environment: "production",
            account: Some("123456789012"),
            region: Some("eu-west-1"),
        }
    }

    /// The statements that hold an action, each as resources and condition.
    fn statements(resources: &str, action: &str) -> Vec<(serde_json::Value, serde_json::Value)> {
        let graph = read("t", resources, &mut Findings::new()).unwrap().graph;
        let policies = deployer_policies(&graph, &scope());
        let all = policies.iter().flat_map(|policy| policy["Statement"].as_array().unwrap());
        let holding = all.filter(|one| one["Action"].as_array().unwrap().iter().any(|name| name == action));
        holding.map(|one| (one["Resource"].clone(), one["Condition"].clone())).collect()
    }

    const WITH_DATABASE: &str =
        "Resources:\n  DbRolesApp: { Type: 'AWS::SecretsManager::Secret' }\n  Db: { Type: 'AWS::RDS::DBInstance' }\n";

    /// Every value that is read belongs to the deployment: by its tags, or by those that RDS writes on what it keeps for a server.
    #[test]
    fn only_its_own_secrets_are_read() {
        let mine = json!({
            "Null": { "aws:ResourceTag/aws:secretsmanager:owningService": ["true"] },
            "StringEquals": {
                "aws:ResourceTag/landfall:deployment": ["shop"],
                "aws:ResourceTag/landfall:environment": ["production"],
            },
        });
        let all = "arn:*:secretsmanager:eu-west-1:123456789012:secret:";
        let of_rds = |kind: &str, tag: &str| {
            let server = format!("arn:*:rds:eu-west-1:123456789012:{kind}:shop-production-*");
            let tag = format!("aws:ResourceTag/aws:rds:{tag}");
            (json!([format!("{all}rds!{kind}-*")]), json!({ "StringLike": { tag: [server] } }))
        };
        assert_eq!(
            statements(WITH_DATABASE, "secretsmanager:GetSecretValue"),
            [
                (json!([format!("{all}*")]), mine.clone()),
                of_rds("cluster", "primaryDBClusterArn"),
                of_rds("db", "primaryDBInstanceArn"),
            ]
        );
        let without = "Resources:\n  Sealed: { Type: 'AWS::SecretsManager::Secret' }\n";
        assert_eq!(statements(without, "secretsmanager:GetSecretValue"), [(json!([format!("{all}*")]), mine)]);
    }

    /// Whoever could tag any secret as the deployment's could read it.
    #[test]
    fn only_its_own_secrets_get_its_tags() {
        for (resources, condition) in statements(WITH_DATABASE, "secretsmanager:TagResource") {
            let is_made = resources[0].as_str().unwrap().contains(":secret:DbRolesApp-");
            let is_of_rds = resources[0].as_str().unwrap().contains(":secret:rds!");
            let is_mine = condition["StringEquals"]["aws:ResourceTag/landfall:deployment"][0] == "shop";
            assert!(is_made || is_of_rds || is_mine, "{resources} {condition}");
        }
    }

    #[test]
    fn sessions_lead_to_ports_of_its_own_hosts() {
        let checked = json!({ "ssm:SessionDocumentAccessCheck": ["true"] });
        let hosts = json!({
            "BoolIfExists": checked,
            "StringEquals": { "ssm:resourceTag/landfall:deployment": ["shop"], "ssm:resourceTag/landfall:environment": ["production"] },
        });
        let document = |name: &str| format!("arn:*:ssm:eu-west-1::document/{name}");
        assert_eq!(
            statements(WITH_DATABASE, "ssm:StartSession"),
            [
                (json!(["arn:*:ec2:eu-west-1:123456789012:instance/*"]), hosts),
                (
                    json!([
                        document("AWS-StartPortForwardingSession"),
                        document("AWS-StartPortForwardingSessionToRemoteHost")
                    ]),
                    json!({ "BoolIfExists": checked })
                ),
            ]
        );
        let ending = statements(WITH_DATABASE, "ssm:TerminateSession");
        assert!(!ending.is_empty());
        for (resources, condition) in ending {
            let by_name = resources[0].as_str().unwrap().ends_with(":session/${aws:username}-*");
            let by_tag = condition["StringLike"]["ssm:resourceTag/aws:ssmmessages:session-id"][0] == "${aws:userid}";
            assert!(by_name || by_tag, "{resources} {condition}");
        }
    }

    /// What reads, opens or ends something is never allowed on everything in the region.
    #[test]
    fn nothing_that_reads_secrets_or_ends_hosts_is_for_everything() {
        for action in [
            "ec2:GetConsoleOutput",
            "ec2:TerminateInstances",
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:GenerateDataKey",
            "kms:ScheduleKeyDeletion",
            "secretsmanager:DeleteSecret",
            "secretsmanager:PutSecretValue",
            "secretsmanager:UpdateSecret",
            "s3:GetObject",
            "ssm:GetParameter",
        ] {
            let statements = statements(
                "Resources:\n  Key: { Type: 'AWS::KMS::Key' }\n  S: { Type: 'AWS::SecretsManager::Secret' }\n  Db: { Type: 'AWS::RDS::DBInstance' }\n",
                action,
            );
            assert!(!statements.is_empty(), "{action}");
            for (resources, _) in statements {
                assert!(resources.as_array().unwrap().iter().all(|one| one != "*"), "{action}: {resources}");
            }
        }
    }

    /// Everything that the schemas ask for is allowed, but for what is left out with a reason.
    #[test]
    fn the_schemas_are_covered() {
        let resources: String =
            types::ALL.iter().enumerate().map(|(n, kind)| format!("  R{n}: {{ Type: '{kind}' }}\n")).collect();
        let graph = read("t", &format!("Resources:\n{resources}"), &mut Findings::new()).unwrap().graph;
        let scope = scope();
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
