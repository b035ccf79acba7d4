//! What a person sees and types for an environment in AWS.

use crate::support::{document, machine, repository};
use testkit::TestEnvironment;

/// A machine with the blueprint in its folder.
pub(crate) fn tabpy(machine: TestEnvironment) -> TestEnvironment {
    blueprint("tabpy", machine)
}

/// A machine with the files of a blueprint.
pub(crate) fn blueprint(name: &str, machine: TestEnvironment) -> TestEnvironment {
    let folder = repository().join("blueprints").join(name);
    for file in crate::support::files(&folder) {
        let text = std::fs::read_to_string(folder.join(&file)).expect("a file of the blueprint");
        machine.write(file.to_str().expect("a readable path"), &text);
    }
    machine
}

#[test]
fn a_plan_made_offline_says_parts_time_and_cost() {
    let machine = tabpy(machine().with_variable("PATH", "/nonexistent"));
    let said = machine.run(&["plan", "-e", "production", "--offline"]).expect_code(0);
    insta::assert_snapshot!(said.stdout);
    let all = machine.run(&["plan", "-e", "production", "--offline", "--verbose"]).expect_code(0);
    assert!(all.stdout.contains("WebCertificate") && all.stdout.contains("components.web"), "{}", all.stdout);
}

#[test]
fn its_json_has_exact_numbers_sources_and_dates() {
    let machine = tabpy(machine().with_variable("PATH", "/nonexistent"));
    let plan = document(&machine.run(&["plan", "-e", "production", "--offline", "--json"]).expect_code(0));
    assert_eq!(plan["offline"], true);
    assert_eq!(plan["region"], "us-west-2");
    let lines = plan["cost"]["lines"].as_array().expect("lines");
    let sum: u64 = lines.iter().map(|line| line["monthly"].as_u64().expect("an exact amount")).sum();
    assert_eq!(plan["cost"]["monthly"].as_u64(), Some(sum));
    assert_eq!(plan["cost"]["as_of"].as_str().map(str::len), Some(10));
    assert!(plan["cost"]["sources"].as_array().is_some_and(|sources| sources.len() > 5));
    let path = plan["duration"]["critical_path"].as_array().expect("a path");
    let seconds: u64 = path.iter().map(|link| link["seconds"].as_u64().expect("seconds")).sum();
    assert_eq!(plan["duration"]["seconds"].as_u64(), Some(seconds));
    let resources: u64 =
        plan["stacks"].as_array().expect("stacks").iter().filter_map(|s| s["resources"].as_u64()).sum();
    let listed: usize = plan["components"]
        .as_array()
        .expect("components")
        .iter()
        .filter_map(|c| c["resources"].as_array())
        .map(Vec::len)
        .sum();
    assert_eq!(listed as u64, resources);
    assert!(plan["stateful"].as_array().is_some_and(|all| all.iter().any(|one| one["id"] == "DeploymentKey")));
}

#[test]
fn export_writes_where_it_is_told() {
    let machine = tabpy(machine().with_variable("PATH", "/nonexistent"));
    let _ = machine.run(&["export", "out", "-e", "production"]).expect_code(0);
    assert!(machine.work().join("out/network.yaml").is_file());
}
