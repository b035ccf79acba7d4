//! What needs no network, no Python, no other program at all.

use crate::small::{MANIFEST, Small};
use crate::support::{assert_civil, bare_machine, document, repository};
use serde_json::Value;
use std::process::Stdio;
use testkit::TestEnvironment;

const VERBS: &[&str] = &[
    "init",
    "check",
    "plan",
    "up",
    "verify",
    "status",
    "outputs",
    "logs",
    "events",
    "down",
    "drift",
    "unlock",
    "explain",
    "schema",
    "doctor",
    "prove",
    "completions",
    "version",
];

fn small() -> Small {
    Small::on(bare_machine())
}

#[test]
fn check_and_plan_need_nothing() {
    let small = small();
    let said = small.run(&["check"]).expect_code(0);
    assert!(said.stdout.contains("nothing to mend"), "{}", said.stdout);
    let plan = small.run(&["plan"]).expect_code(0);
    for part in ["token/value", "app/source", "app/file/token.txt", "app/program", "web/edge"] {
        assert!(plan.stdout.contains(part), "{part} is not in\n{}", plan.stdout);
    }
    let tabpy = repository().join("blueprints/tabpy");
    let tabpy = tabpy.to_str().expect("a readable path");
    let said = small.run(&["check", tabpy, "--strict"]).expect_code(0);
    assert!(said.stdout.contains("3 components"), "{}", said.stdout);
    let _ = small.run(&["plan", tabpy]).expect_code(0);
    assert!(!small.path("state/landfall").exists(), "check and plan write nothing");
}

#[test]
fn init_writes_what_check_accepts() {
    let machine = bare_machine();
    let list = machine.run(&["init"]).expect_code(0);
    assert!(list.stdout.contains("tabpy"), "{}", list.stdout);

    let said = machine.run(&["init", "tabpy", "sales/scripts"]).expect_code(0);
    assert!(said.stdout.contains("landfall up sales/scripts"), "{}", said.stdout);
    let manifest = std::fs::read_to_string(machine.work().join("sales/scripts/landfall.yaml")).expect("a manifest");
    assert!(manifest.contains("\nname: scripts\n"), "{manifest}");
    let _ = machine.run(&["check", "sales/scripts"]).expect_code(0);

    let _ = machine.run(&["init", "tabpy", "--name", "other"]).expect_code(0);
    let _ = machine.run(&["-C", "tabpy", "check"]).expect_code(0);
    let json = machine.run(&["init", "tabpy", "third", "--json"]).expect_code(0);
    assert_eq!(document(&json)["name"], "third");
}

#[test]
fn init_never_writes_over_something() {
    let machine = bare_machine();
    let mine = machine.write("full/notes.txt", "mine");
    let said = machine.run(&["init", "tabpy", "full"]).expect_code(2);
    assert!(said.stderr.contains("not empty") && said.stderr.contains("do:"), "{}", said.stderr);
    assert_eq!(std::fs::read_dir(machine.work().join("full")).expect("the folder").count(), 1);
    assert_eq!(std::fs::read_to_string(&mine).expect("the file"), "mine");

    let _ = machine.run(&["init", "tabpy", "full/notes.txt"]).expect_code(2);
    assert_eq!(std::fs::read_to_string(mine).expect("the file"), "mine");

    let said = machine.run(&["init", "tabpi"]).expect_code(2);
    assert!(said.stderr.contains("tabpy"), "{}", said.stderr);
    let said = machine.run(&["init", "tabpy", "No Name"]).expect_code(2);
    assert!(said.stderr.contains("--name"), "{}", said.stderr);
    assert!(!machine.work().join("No Name").exists());
}

#[test]
fn every_code_is_explained() {
    let machine = bare_machine();
    let codes = document(&machine.run(&["explain", "--json"]).expect_code(0));
    let codes = codes["codes"].as_array().expect("codes");
    let names: Vec<&str> = codes.iter().map(|code| code["code"].as_str().expect("a code")).collect();
    assert!(names.len() > 60, "{names:?}");
    assert!(names.is_sorted(), "{names:?}");
    for code in codes {
        let [title, explanation] = ["title", "explanation"].map(|key| code[key].as_str().unwrap_or_default());
        assert!(title.len() > 10 && explanation.len() > 30, "{code}");
    }
    let list = machine.run(&["explain"]).expect_code(0).stdout;
    assert!(names.iter().all(|name| list.contains(name)), "{list}");
    for name in [names[0], names[names.len() / 2], names[names.len() - 1]] {
        let text = machine.run(&["explain", name]).expect_code(0).stdout;
        assert!(text.contains(name) && text.lines().count() >= 3, "{text}");
        assert_eq!(machine.run(&["explain", &name.to_lowercase()]).expect_code(0).stdout, text);
    }
    let unknown = machine.run(&["explain", "NET999"]).expect_code(2);
    assert!(unknown.stderr.contains("NET999") && unknown.stderr.contains("do:"), "{}", unknown.stderr);
}

const PRECEDENCE: &str = "\
landfall: 1
name: order
parameters:
  p: { type: string, default: from-default }
environments:
  local: { target: local, parameters: { p: from-overlay } }
components: { net: { kind: network } }
";

#[test]
fn values_come_from_the_nearest_source() {
    let machine = bare_machine();
    machine.write("landfall.yaml", PRECEDENCE);
    machine.write("v.yaml", "p: from-file\n");
    let winner = |machine: &TestEnvironment, arguments: &[&str]| {
        let all = [&["explain", "--json"], arguments].concat();
        let said = document(&machine.run(&all).expect_code(0));
        said["parameters"][0]["value"].as_str().expect("a value").to_owned()
    };
    assert_eq!(winner(&machine, &["--values"]), "from-overlay");
    assert_eq!(winner(&machine, &["--values=v.yaml"]), "from-file");
    assert_eq!(winner(&machine, &["--values=v.yaml", "--set", "p=from-set"]), "from-set");
    machine.write("landfall.yaml", PRECEDENCE.replace("{ p: from-overlay }", "{}"));
    assert_eq!(winner(&machine, &["--values"]), "from-default");

    let machine = bare_machine().with_variable("LANDFALL_PARAM_P", "from-variable");
    machine.write("landfall.yaml", PRECEDENCE);
    machine.write("v.json", r#"{"p": "from-file"}"#);
    assert_eq!(winner(&machine, &["--values"]), "from-variable");
    assert_eq!(winner(&machine, &["--values=v.json"]), "from-file");
    let text = machine.run(&["explain", "--values=v.json", "--set", "p=from-set"]).expect_code(0).stdout;
    for source in ["from-set", "from-file", "from-variable", "from-overlay", "from-default", "LANDFALL_PARAM_P"] {
        assert!(text.contains(source), "{source} is not in\n{text}");
    }
}

#[test]
fn the_schema_is_valid_and_says_what_check_says() {
    let machine = bare_machine();
    let output = machine.run(&["schema"]).expect_code(0);
    let schema: Value = serde_json::from_str(&output.stdout).expect("one JSON document");
    assert!(jsonschema::meta::is_valid(&schema), "not a JSON Schema");
    let validator = jsonschema::validator_for(&schema).expect("a usable schema");
    let good = r#"{
      "landfall": 1, "name": "small", "x-note": "anything",
      "parameters": { "limit": { "type": "size", "default": "1MiB" } },
      "components": {
        "net": { "kind": "network" },
        "app": { "kind": "service", "on": "instance", "command": ["sleep", "60"], "port": 9000, "memory": "1GiB" },
        "web": { "kind": "edge", "domain": "localhost", "exposure": "internal", "routes": { "/": "app" } }
      }
    }"#;
    let cases = [
        ("", "", true),
        ("\"memory\"", "\"memroy\"", false),
        ("9000", "900000", false),
        ("\"internal\"", "\"everywhere\"", false),
        ("\"landfall\": 1", "\"landfall\": 7", false),
        ("\"size\"", "\"sise\"", false),
        ("\"service\"", "\"servant\"", false),
    ];
    for (from, to, is_good) in cases {
        let manifest = if from.is_empty() { good.to_owned() } else { good.replace(from, to) };
        machine.write("landfall.yaml", &manifest);
        // JSON is YAML too, so one text serves both.
        let seen = validator.is_valid(&serde_json::from_str(&manifest).expect("JSON"));
        assert_eq!(seen, is_good, "the schema on {to}");
        let said = machine.run(&["check"]);
        assert_eq!(said.code, Some(if is_good { 0 } else { 2 }), "{to}: {}{}", said.stdout, said.stderr);
    }
}

#[test]
fn completions_for_every_shell() {
    let machine = bare_machine();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = machine.run(&["completions", shell]).expect_code(0).stdout;
        assert!(VERBS.iter().all(|verb| script.contains(verb)), "{shell}");
        assert!(!script.contains("supervise"), "{shell} offers what is hidden");
    }
    let _ = machine.run(&["completions", "cobol"]).expect_code(2);
}

#[test]
fn every_verb_has_help() {
    let machine = bare_machine();
    let all = machine.run(&["--help"]).expect_code(0).stdout;
    for verb in VERBS {
        assert!(all.contains(&format!("\n  {verb} ")), "{verb} is not in\n{all}");
        let help = machine.run(&[verb, "--help"]).expect_code(0).stdout;
        assert!(help.contains("Usage: landfall") && help.contains("--json"), "{help}");
    }
    let version = machine.run(&["--version"]).expect_code(0).stdout;
    assert_eq!(version, machine.run(&["version"]).expect_code(0).stdout);
    let _ = machine.run::<&str>(&[]).expect_code(2);
}

#[test]
fn sarif_names_the_place() {
    let small = small();
    small.edit("stop-grace", "stop-grase");
    let output = small.run(&["check", "--format", "sarif"]).expect_code(2);
    let sarif: Value = serde_json::from_str(&output.stdout).expect("SARIF");
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let result = &run["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    let line = MANIFEST.lines().position(|line| line.contains("stop-grace")).expect("the line") + 1;
    assert_eq!(place["region"]["startLine"], line);
    assert_eq!(place["region"]["startColumn"], 5);
    assert!(place["artifactLocation"]["uri"].as_str().is_some_and(|uri| uri.ends_with("landfall.yaml")), "{place}");
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]), "{result}");
    let clean = Small::on(bare_machine()).run(&["check", "--format", "sarif"]).expect_code(0);
    let clean: Value = serde_json::from_str(&clean.stdout).expect("SARIF");
    assert_eq!(clean["runs"][0]["results"], Value::Array(Vec::new()));
}

#[test]
fn a_proof_that_comes_out_otherwise_is_a_finding() {
    let machine = bare_machine();
    machine.write("template.yaml", OPEN_HOST);
    let prove = |expect: &str, from: &str| {
        machine.run(&["prove", "template.yaml", "--from", from, "--to", "Host:22", "--expect", expect])
    };
    let _ = prove("reachable", "internet").expect_code(0);
    let said = prove("unreachable", "internet").expect_code(3);
    assert_civil(&said);
    let said = machine.run(&["prove", "nowhere.yaml"]);
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    let _ = machine.run(&["prove", "template.yaml", "--expect", "reachable"]).expect_code(2);
}

const OPEN_HOST: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Vpc: { Type: AWS::EC2::VPC, Properties: { CidrBlock: 10.0.0.0/16 } }
  Gateway: { Type: AWS::EC2::InternetGateway }
  Attachment:
    Type: AWS::EC2::VPCGatewayAttachment
    Properties: { VpcId: !Ref Vpc, InternetGatewayId: !Ref Gateway }
  Subnet:
    Type: AWS::EC2::Subnet
    Properties: { VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24, MapPublicIpOnLaunch: true }
  Routes: { Type: AWS::EC2::RouteTable, Properties: { VpcId: !Ref Vpc } }
  Route:
    Type: AWS::EC2::Route
    Properties: { RouteTableId: !Ref Routes, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref Gateway }
  Association:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: { SubnetId: !Ref Subnet, RouteTableId: !Ref Routes }
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: open
      VpcId: !Ref Vpc
      SecurityGroupIngress: [{ IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0 }]
  Host:
    Type: AWS::EC2::Instance
    Properties:
      ImageId: ami-12345678
      SubnetId: !Ref Subnet
      SecurityGroupIds: [!Ref Group]
"#;

#[test]
fn documents_are_one_json_value_with_a_version() {
    let small = small();
    let _ = document(&small.run(&["check", "--json"]).expect_code(0));
    let plan = document(&small.run(&["plan", "--json"]).expect_code(0));
    assert_eq!(plan["steps"].as_array().map(Vec::len), Some(5), "{plan}");
    for arguments in
        [&["explain"][..], &["explain", "COM001"], &["explain", "--values"], &["version"], &["doctor"], &["init"]]
    {
        let _ = document(&small.run(&[arguments, &["--json"]].concat()).expect_code(0));
    }
    let _ = document(&small.run(&["status", "--json"]));
    let refused = document(&small.run(&["outputs", "--json"]).expect_code(5));
    assert_eq!(refused["exit_code"], 5);
    small.edit("kind: network", "kind: nettwork");
    let findings = document(&small.run(&["check", "--json"]).expect_code(2));
    assert_eq!(findings["findings"][0]["place"]["line"], 11, "{findings}");
    let findings = document(&small.run(&["plan", "--json"]).expect_code(2));
    assert_eq!(findings["exit_code"], 2);
}

#[test]
fn no_colours_where_none_are_wanted() {
    let small = small();
    small.edit("kind: network", "kind: nettwork");
    for (variable, value, flag) in [("NO_COLOR", "1", None), ("CLICOLOR_FORCE", "1", Some("--no-color"))] {
        let mut command = small.command(&["check"]);
        command.args(flag).env_remove("NO_COLOR").env(variable, value).stdin(Stdio::null());
        let output = command.output().expect("the command");
        assert!(!output.stderr.contains(&0x1b) && !output.stdout.contains(&0x1b), "{variable} {flag:?}");
    }
    let mut command = small.command(&["check"]);
    command.env_remove("NO_COLOR").env("CLICOLOR_FORCE", "1");
    assert!(command.output().expect("the command").stderr.contains(&0x1b), "colours can be had");
}

#[test]
fn quiet_and_other_places() {
    let small = small();
    assert_eq!(small.run(&["check", "--quiet"]).expect_code(0).stderr, "");
    let file = small.work().join("landfall.yaml");
    let file = file.to_str().expect("a readable path");
    let _ = small.run(&["-C", "/", "check", "-f", file]).expect_code(0);
    let _ = small.run(&["check", file]).expect_code(0);
    let _ = small.run(&["check", "."]).expect_code(0);
    let nowhere = small.run(&["-C", "/nowhere", "check"]).expect_code(2);
    assert!(nowhere.stderr.contains("/nowhere"), "{}", nowhere.stderr);
    let _ = small.run(&["-q", "-v", "check"]).expect_code(2);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let small = small();
    for arguments in [&["explain"][..], &["schema"], &["plan", "--json"], &["completions", "bash"], &["--help"]] {
        let mut command = small.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command");
        // The reading end is closed before anything is written.
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("the command ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        assert_ne!(output.status.code(), Some(101), "{arguments:?}");
    }
}
