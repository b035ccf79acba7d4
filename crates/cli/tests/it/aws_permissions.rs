//! What the deployer's policy allows is what is called.

use crate::aws_verbs::blueprint;
use crate::support::{machine, repository};
use std::collections::BTreeSet;

/// The beginning of a service's actions, by its name in the port's code.
const SERVICES: [(&str, &str); 15] = [
    ("AutoScaling", "autoscaling"),
    ("Certificates", "acm"),
    ("CloudFormation", "cloudformation"),
    ("Ec2", "ec2"),
    ("Identities", "iam"),
    ("Keys", "kms"),
    ("LoadBalancers", "elasticloadbalancing"),
    ("Logs", "logs"),
    ("Rds", "rds"),
    ("Route53", "route53"),
    ("S3", "s3"),
    ("Secrets", "secretsmanager"),
    ("Service::Sts", "sts"),
    ("Systems", "ssm"),
    ("Tagging", "tag"),
];

/// The calls of deployments with databases: of the others' deployers nobody asks them.
const WITH_DATABASES: [&str; 2] = ["databases.rs", "sessions.rs"];

/// How the names of RDS's calls begin.
const VERBS_OF_RDS: [&str; 5] = ["Create", "Delete", "Describe", "Modify", "Restore"];

/// Each action that the port names in its code, as `Service, "Action"`.
fn called(has_databases: bool) -> BTreeSet<String> {
    let calls = repository().join("crates/aws_cloud/src/calls");
    let mut actions = BTreeSet::new();
    for file in std::fs::read_dir(calls).expect("the port's calls") {
        let file = file.expect("a file");
        if !has_databases && WITH_DATABASES.iter().any(|name| file.file_name() == *name) {
            continue;
        }
        let text = std::fs::read_to_string(file.path()).expect("a text");
        for (name, actions_of) in SERVICES {
            for rest in text.split(&format!("({name}, \"")).skip(1) {
                actions.insert(format!("{actions_of}:{}", rest.split('"').next().expect("an action")));
            }
        }
        let words = text.split('"').filter(|_| text.contains("Service::Rds"));
        let is_call = |word: &&str| VERBS_OF_RDS.iter().any(|verb| word.starts_with(verb)) && word.contains("DB");
        actions.extend(words.filter(is_call).map(|word| format!("rds:{word}")));
        for rest in text.split("\"Describe").skip(1).filter(|_| text.contains("Ec2, action")) {
            actions.insert(format!("ec2:Describe{}", rest.split('"').next().expect("an action")));
        }
    }
    // How the protection of servers ends stands among that of load balancers.
    actions.retain(|action| has_databases || !action.starts_with("rds:"));
    actions
}

/// What the deployer of a blueprint may do.
fn allowed(name: &str) -> BTreeSet<String> {
    let machine = blueprint(name, machine().with_variable("PATH", "/nonexistent"));
    let _ = machine.run(&["export", "--format", "permissions", "-e", "production", "policies"]).expect_code(0);
    let mut allowed = BTreeSet::new();
    for file in std::fs::read_dir(machine.work().join("policies")).expect("the policies") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("a policy");
        let policy: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for statement in policy["Statement"].as_array().expect("statements") {
            let actions = statement["Action"].as_array().expect("actions");
            allowed.extend(actions.iter().filter_map(|action| action.as_str()).map(str::to_owned));
        }
    }
    allowed
}

#[test]
fn every_call_of_the_port_is_allowed_to_the_deployer() {
    let called = called(false);
    assert!(called.len() > 40, "{called:?}");
    let missing: Vec<_> = called.difference(&allowed("tabpy")).cloned().collect();
    assert!(missing.is_empty(), "called and not allowed: {missing:?}");
}

/// Backups, restores, sessions and rotations are in the policy where there are databases.
#[test]
fn every_call_about_databases_is_allowed_to_their_deployer() {
    let called = called(true);
    for call in
        ["rds:RestoreDBInstanceFromDBSnapshot", "rds:CreateDBClusterSnapshot", "ssm:StartSession", "ssm:PutParameter"]
    {
        assert!(called.contains(call), "{call} is not found in the code: {called:?}");
    }
    let missing: Vec<_> = called.difference(&allowed("private-webapp")).cloned().collect();
    assert!(missing.is_empty(), "called and not allowed: {missing:?}");
}
