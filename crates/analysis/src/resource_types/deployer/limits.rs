//! What each action is limited to: by name where AWS or CloudFormation names a thing after the deployment, by its tags where the name
//! says nothing, by who asks for it where only a service of AWS does, else to the region.
//!
//! Sources (2026-11): service authorization reference of Systems Manager, Secrets Manager, KMS, EC2 and RDS; Systems Manager's sample
//! policies for sessions; RDS's guide to the administrator's password in Secrets Manager (it tags that secret with its server).

use super::DeployerScope;
use std::collections::BTreeMap;

/// Actions of services that are not in a region, to which a condition on the region would not apply.
const GLOBAL: &[&str] = &["iam", "route53", "sts"];
/// The documents by which sessions lead to a port: no shell among them.
const SESSION_DOCUMENTS: &[&str] = &["AWS-StartPortForwardingSession", "AWS-StartPortForwardingSessionToRemoteHost"];
/// Services that use the deployment's key in the name of whoever asks them.
const USERS_OF_KEYS: &[&str] = &["rds", "s3", "secretsmanager", "ssm"];

/// Resources and what must be true of the request: operator, key, values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Limit {
    pub(super) resources: Vec<String>,
    pub(super) condition: BTreeMap<&'static str, BTreeMap<String, Vec<String>>>,
}

impl Limit {
    fn of(resources: impl IntoIterator<Item = String>) -> Self {
        Self { resources: resources.into_iter().collect(), condition: BTreeMap::new() }
    }

    fn when(mut self, operator: &'static str, key: &str, values: impl IntoIterator<Item = String>) -> Self {
        self.condition.entry(operator).or_default().insert(key.to_owned(), values.into_iter().collect());
        self
    }

    /// Whose tags (`aws:ResourceTag`, `aws:RequestTag`, `ssm:resourceTag`) say that it is the deployment's.
    fn tagged(self, tag: &str, scope: &DeployerScope<'_>) -> Self {
        self.when("StringEquals", &format!("{tag}/landfall:deployment"), [scope.application.to_owned()]).when(
            "StringEquals",
            &format!("{tag}/landfall:environment"),
            [scope.environment.to_owned()],
        )
    }
}

/// The secrets that the deployer handles.
pub(super) struct Secrets<'a> {
    /// Their logical ids.
    pub(super) named: &'a [&'a str],
    /// Whether RDS keeps an administrator's.
    pub(super) has_databases: bool,
}

/// One statement for each limit; any of them is enough.
pub(super) fn of(action: &str, scope: &DeployerScope<'_>, secrets: &Secrets<'_>) -> Vec<Limit> {
    let account = scope.account.unwrap_or("*");
    let region = scope.region.unwrap_or("*");
    let name = scope.deployment;
    let (service, call) = action.split_once(':').unwrap_or((action, ""));
    let arn = |text: String| format!("arn:*:{text}");
    let one = |text: String| vec![Limit::of([format!("arn:*:{text}")])];
    match (service, call) {
        ("iam", "CreateServiceLinkedRole") => one(format!("iam::{account}:role/aws-service-role/*")),
        ("iam", "SimulatePrincipalPolicy") | ("cloudformation", "DescribeStackDriftDetectionStatus") => {
            vec![everywhere(service, scope)]
        }
        ("iam", _) if call.contains("InstanceProfile") => vec![Limit::of([
            arn(format!("iam::{account}:instance-profile/{name}-*")),
            arn(format!("iam::{account}:role/{name}-*")),
        ])],
        ("iam", _) => one(format!("iam::{account}:role/{name}-*")),
        ("cloudformation", _) => one(format!("cloudformation:{region}:{account}:stack/{name}*/*")),
        ("sns", _) => one(format!("sns:{region}:{account}:{name}-*")),
        ("s3", _) => vec![Limit::of([arn(format!("s3:::{name}-*")), arn(format!("s3:::{name}-*/*"))])],
        ("logs", "DescribeLogGroups" | "DescribeResourcePolicies" | "CreateLogDelivery" | "DeleteLogDelivery") => {
            vec![everywhere(service, scope)]
        }
        ("logs", _) => one(format!("logs:{region}:{account}:log-group:{name}-*")),
        ("cloudwatch", "DescribeAlarms") => vec![everywhere(service, scope)],
        ("cloudwatch", _) => one(format!("cloudwatch:{region}:{account}:alarm:{name}-*")),
        ("ssm", "DeleteParameter" | "GetParameter" | "PutParameter") => {
            one(format!("ssm:{region}:{account}:parameter/landfall/{name}/*"))
        }
        ("ssm", "DescribeInstanceInformation") => vec![everywhere(service, scope)],
        ("ssm" | "ssmmessages", "StartSession" | "ResumeSession" | "TerminateSession" | "OpenDataChannel") => {
            sessions(call, scope)
        }
        ("ssm", _) => one(format!("ssm:{region}::parameter/aws/service/*")),
        ("rds", _) if call.starts_with("Describe") => vec![everywhere(service, scope)],
        // What every server has that says nothing else is RDS's own.
        ("rds", _) => vec![Limit::of([
            arn(format!("rds:{region}:{account}:*:{name}-*")),
            arn(format!("rds:{region}:{account}:og:default:*")),
            arn(format!("rds:{region}:{account}:pg:default.*")),
        ])],
        // It is about no secret yet.
        ("secretsmanager", "GetRandomPassword") => vec![everywhere(service, scope)],
        ("secretsmanager", _) => of_secrets(call, scope, secrets),
        // Nobody but AWS's services, asked for what is sealed with it, opens anything with a key.
        ("kms", "Decrypt" | "GenerateDataKey") => {
            let users = USERS_OF_KEYS.iter().map(|user| format!("{user}.{region}.amazonaws.com*"));
            vec![Limit::of([arn(format!("kms:{region}:{account}:key/*"))]).when("StringLike", "kms:ViaService", users)]
        }
        ("kms", "CreateGrant") => vec![Limit::of([arn(format!("kms:{region}:{account}:key/*"))]).when(
            "Bool",
            "kms:GrantIsForAWSResource",
            ["true".to_owned()],
        )],
        ("kms", "ScheduleKeyDeletion" | "DisableKey") => {
            vec![Limit::of([arn(format!("kms:{region}:{account}:key/*"))]).tagged("aws:ResourceTag", scope)]
        }
        ("ec2", "TerminateInstances" | "GetConsoleOutput") => {
            vec![Limit::of([arn(format!("ec2:{region}:{account}:instance/*"))]).tagged("aws:ResourceTag", scope)]
        }
        _ => vec![everywhere(service, scope)],
    }
}

fn everywhere(service: &str, scope: &DeployerScope<'_>) -> Limit {
    let all = Limit::of(["*".to_owned()]);
    match scope.region.filter(|_| !GLOBAL.contains(&service)) {
        Some(region) => all.when("StringEquals", "aws:RequestedRegion", [region.to_owned()]),
        None => all,
    }
}

/// Sessions lead to ports through the deployment's hosts; a session is its own opener's alone.
fn sessions(call: &str, scope: &DeployerScope<'_>) -> Vec<Limit> {
    let account = scope.account.unwrap_or("*");
    let region = scope.region.unwrap_or("*");
    if call == "StartSession" {
        // Without the check a session that names no document would be a shell.
        let checked = |limit: Limit| limit.when("BoolIfExists", "ssm:SessionDocumentAccessCheck", ["true".to_owned()]);
        let hosts = Limit::of([format!("arn:*:ec2:{region}:{account}:instance/*")]);
        let documents = SESSION_DOCUMENTS.iter().map(|document| format!("arn:*:ssm:{region}::document/{document}"));
        return vec![checked(hosts.tagged("ssm:resourceTag", scope)), checked(Limit::of(documents))];
    }
    let session = |whose: &str| format!("arn:*:ssm:{region}:{account}:session/{whose}");
    if call == "OpenDataChannel" {
        // Only whoever opened the session has its token.
        return vec![Limit::of([session("*")])];
    }
    vec![
        // A user's sessions begin with the name; a role's carry the identity as a tag.
        Limit::of([session("${aws:username}-*")]),
        Limit::of([session("*")]).when(
            "StringLike",
            "ssm:resourceTag/aws:ssmmessages:session-id",
            ["${aws:userid}".to_owned()],
        ),
    ]
}

/// CloudFormation names a secret after its logical id; RDS names its own after nothing, and tags it with its server.
fn of_secrets(call: &str, scope: &DeployerScope<'_>, secrets: &Secrets<'_>) -> Vec<Limit> {
    let account = scope.account.unwrap_or("*");
    let region = scope.region.unwrap_or("*");
    let arn = |name: &str| format!("arn:*:secretsmanager:{region}:{account}:secret:{name}");
    let mut limits = Vec::new();
    // One that is made has no tags yet: those of the request count, and its name.
    if matches!(call, "CreateSecret" | "TagResource") {
        let names: Vec<String> = secrets.named.iter().map(|id| arn(&format!("{id}-*"))).collect();
        for names in names.chunks(30) {
            limits.push(Limit::of(names.to_vec()).tagged("aws:RequestTag", scope));
        }
        // RDS asks for the administrator's in the deployer's name.
        if secrets.has_databases {
            limits.push(Limit::of([arn("rds!*")]));
        }
    }
    if call != "CreateSecret" {
        limits.push(Limit::of([arn("*")]).tagged("aws:ResourceTag", scope).when(
            "Null",
            "aws:ResourceTag/aws:secretsmanager:owningService",
            ["true".to_owned()],
        ));
    }
    if secrets.has_databases && matches!(call, "GetSecretValue" | "DescribeSecret") {
        for (kind, tag) in [("db", "primaryDBInstanceArn"), ("cluster", "primaryDBClusterArn")] {
            let server = format!("arn:*:rds:{region}:{account}:{kind}:{}-*", scope.deployment);
            let tag = format!("aws:ResourceTag/aws:rds:{tag}");
            limits.push(Limit::of([arn(&format!("rds!{kind}-*"))]).when("StringLike", &tag, [server]));
        }
    }
    limits
}
