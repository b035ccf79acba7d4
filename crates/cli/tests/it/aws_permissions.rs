//! What the deployer's policy allows is what is called.

use crate::aws_verbs::tabpy;
use crate::support::{machine, repository};
use std::collections::BTreeSet;

/// The beginning of a service's actions, by its name in the port's code.
const SERVICES: [(&str, &str); 14] = [
    ("AutoScaling", "autoscaling"),
    ("Certificates", "acm"),
    ("CloudFormation", "cloudformation"),
    ("Ec2", "ec2"),
    ("Identities", "iam"),
    ("Keys", "kms"),
    ("LoadBalancers", "elasticloadbalancing"),
    ("Logs", "logs"),
    ("Route53", "route53"),
    ("S3", "s3"),
    ("Secrets", "secretsmanager"),
    ("Service::Sts", "sts"),
    ("Systems", "ssm"),
    ("Tagging", "tag"),
];

/// The calls of deployments with databases, which this one is not; `analysis` asks for them where there is one.
const WITH_DATABASES: [&str; 2] = ["databases.rs", "sessions.rs"];

/// Each action that the port names in its code, as `Service, "Action"`.
fn called() -> BTreeSet<String> {
    let calls = repository().join("crates/aws_cloud/src/calls");
    let mut actions = BTreeSet::new();
    for file in std::fs::read_dir(calls).expect("the port's calls") {
        let file = file.expect("a file");
        if WITH_DATABASES.iter().any(|name| file.file_name() == *name) {
            continue;
        }
        let text = std::fs::read_to_string(file.path()).expect("a text");
        for (name, actions_of) in SERVICES {
            for rest in text.split(&format!("({name}, \"")).skip(1) {
                actions.insert(format!("{actions_of}:{}", rest.split('"').next().expect("an action")));
            }
        }
        for rest in text.split("\"Describe").skip(1).filter(|_| text.contains("Ec2, action")) {
            actions.insert(format!("ec2:Describe{}", rest.split('"').next().expect("an action")));
        }
    }
    actions
}

#[test]
fn every_call_of_the_port_is_allowed_to_the_deployer() {
    let machine = tabpy(machine().with_variable("PATH", "/nonexistent"));
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
    let called = called();
    assert!(called.len() > 40, "{called:?}");
    let missing: Vec<_> = called.difference(&allowed).collect();
    assert!(missing.is_empty(), "called and not allowed: {missing:?}");
}
