//! What is proved of our own manifests before anything of them exists, and that a broken lowering is caught.

use crate::aws::{CLOSED, SHOP, compiled, compiled_shapes};
use analysis::reachability::report::Cell;
use analysis::reachability::{Outcome, ProofReport, Status};
use compiler::report::{Style, to_text};
use compiler::{AwsDeployment, Compilation, prove};
use model::cfn::{Kind, Resource, ResourceGraph, Value, read};
use model::{Findings, Severity};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

/// Only some addresses may come, from inside and from outside.
const ALLOWED: &str = r#"
components:
  app: { kind: service, command: [/usr/bin/app], port: 9000 }
  web:
    kind: edge
    domain: app.example.org
    exposure: internet
    redirect: false
    routes: { /: app }
    allow: { sources: [203.0.113.0/24, "2001:db8::/32"], owner: ops, review-by: "2027-06-30" }
  inside:
    kind: edge
    domain: inside.example.org
    exposure: internal
    routes: { /: app }
    allow: { sources: [10.64.64.0/18], owner: ops, review-by: "2027-06-30" }
guarantees:
  - { only: [web, inside], reaches: "app:9000" }
  - { only: [203.0.113.0/24, "2001:db8::/32"], reaches: web }
  - { nothing: internet, reaches: [app, inside] }
  - { every: internet, reaches: app, through: web }
  - { nothing: app, reaches: internet-v6 }
"#;
/// No way out but to services of the cloud.
const NO_WAY_OUT: &str = r#"
components:
  net: { kind: network, egress: endpoints }
  key: { kind: secret, generate: ed25519 }
  app: { kind: service, command: [/usr/bin/app], port: 9000, environment: { KEY: "${key.value}" } }
  worker: { kind: service, command: [/usr/bin/worker] }
  web: { kind: edge, domain: app.example.org, exposure: internal, routes: { /: app } }
guarantees:
  - { nothing: [app, worker], reaches: internet }
  - { every: [app, worker], reaches: ["service:ssm", "service:logs", "service:secretsmanager"] }
  - { nothing: internet, reaches: net }
  - { only: web, reaches: app }
"#;
/// Hosts that reach nothing.
const ALONE: &str = r#"
components:
  net: { kind: network, egress: none, zones: 3, block: 10.8.0.0/20 }
  app: { kind: service, command: [/usr/bin/app], port: 9000 }
  web: { kind: edge, domain: app.example.org, exposure: internet, routes: { /: app }, redirect: false }
guarantees:
  - { nothing: [app], reaches: [internet, "service:s3"] }
"#;

fn proved(compilation: &Compilation, deployment: &AwsDeployment) -> (ProofReport, Findings) {
    let mut findings = Findings::new();
    let application = compilation.application.as_ref().unwrap();
    (prove(application, deployment, &compilation.sources, &mut findings), findings)
}

fn codes(findings: &Findings) -> BTreeSet<&'static str> {
    findings.iter().map(|finding| finding.code.code).collect()
}

fn value(text: &str) -> Value {
    resource("AWS::SNS::Topic", &format!("{{ value: {text} }}")).properties.get("value").unwrap().clone()
}

fn resource(kind: &str, properties: &str) -> Resource {
    let text = format!("Resources: {{ Extra: {{ Type: {kind}, Properties: {properties} }} }}");
    let mut findings = Findings::new();
    let template = read("extra.yaml", &text, &mut findings).unwrap_or_else(|| panic!("{text}: {findings:?}"));
    assert!(findings.is_empty(), "{text}: {findings:?}");
    template.graph.resources["Extra"].clone()
}

fn set(graph: &mut ResourceGraph, id: &str, key: &str, to: Value) {
    let properties = &mut graph.resources.get_mut(id).unwrap_or_else(|| panic!("there is no {id}")).properties;
    let Kind::Map(entries) = &mut properties.kind else { panic!("{id} has no properties") };
    entries.insert(key.to_owned(), to);
}

fn unset(graph: &mut ResourceGraph, id: &str, key: &str) {
    if let Kind::Map(entries) = &mut graph.resources.get_mut(id).unwrap().properties.kind {
        entries.shift_remove(key);
    }
}

fn of_kind(graph: &ResourceGraph, kind: &str) -> Vec<String> {
    graph.resources.iter().filter(|(_, it)| it.kind == kind).map(|(id, _)| id.clone()).collect()
}

#[test]
fn exactly_the_stated_ways_are_open() {
    let mut shapes: Vec<(&str, Compilation, AwsDeployment)> = compiled_shapes();
    for (name, components) in [("allowed", ALLOWED), ("no-way-out", NO_WAY_OUT), ("alone", ALONE)] {
        let (compilation, deployment) = compiled(components);
        shapes.push((name, compilation, deployment));
    }
    for (name, compilation, deployment) in &shapes {
        let (report, findings) = proved(compilation, deployment);
        let text = to_text(&findings, &compilation.sources, Style::Plain);
        let guarantees = compilation.application.as_ref().unwrap().guarantees.len();
        assert_eq!(report.guarantees.len(), guarantees + 1, "{name}");
        assert!(report.all_scenarios_examined, "{name}");
        if *name == "adopted" {
            continue;
        }
        assert!(findings.is_empty(), "{name}:\n{text}");
        assert!(report.guarantees.iter().all(|one| one.outcome == Outcome::Holds), "{name}: {:?}", report.guarantees);
        // Something is open for sure, each hop with its line.
        let hops = report.cells.iter().filter_map(|cell| cell.verdict.as_ref()).flat_map(|verdict| &verdict.hops);
        for hop in hops {
            let (line, path) = report.line_of(&hop.place);
            assert!(line > 0 && path.is_some_and(|path| path.starts_with("components")), "{name}: {hop:?}");
        }
        assert!(report.cells.iter().all(|cell| cell.status != Status::Unknown), "{name}");
    }
}

#[test]
fn a_network_that_is_there_already_is_never_called_proved() {
    let shapes = compiled_shapes();
    let (_, compilation, deployment) = shapes.iter().find(|(name, ..)| *name == "adopted").unwrap();
    let (report, findings) = proved(compilation, deployment);
    assert_eq!(report.guarantees.last().unwrap().outcome, Outcome::Unknown);
    assert_eq!(codes(&findings), BTreeSet::from(["GUA007"]));
    assert!(!findings.has_errors());
    let help = findings.iter().next().unwrap().help.clone().unwrap();
    assert!(help.contains("unknown because subnet-0123456789abcdef2 is not in this template"), "{help}");
    // A guarantee that one asked for is another matter: it is refused when it cannot be proved.
    let (compilation, deployment) =
        compiled(&format!("{}guarantees: [{{ nothing: app, reaches: internet }}]\n", crate::aws::ADOPTED));
    let (_, findings) = proved(&compilation, &deployment);
    assert_eq!(codes(&findings), BTreeSet::from(["GUA005", "GUA007"]));
    assert!(findings.has_errors());
}

#[test]
fn chains_say_what_one_stolen_host_opens() {
    let (compilation, deployment) = compiled(SHOP);
    let (report, _) = proved(&compilation, &deployment);
    let chains: BTreeSet<String> =
        report.chains.iter().map(|chain| format!("{} -> {}", chain.from, chain.steps.join(" -> "))).collect();
    // Over the port that passes requests on, not over the one that redirects.
    assert!(chains.contains("internet-v4 -> WebBalancer:443 -> AppHosts:8000 -> InsideBalancer:443"), "{chains:?}");
    assert!(chains.iter().all(|chain| !chain.contains("WebBalancer:80 ->")), "{chains:?}");
}

/// What a lowering could get wrong, each with the codes that say so.
type Defect = (&'static str, &'static [&'static str], fn(&mut ResourceGraph));

const DEFECTS: &[Defect] = &[
    ("one rule more, from everywhere to the load balancer", &["GUA003", "GUA009"], |graph| {
        let rule = "{ GroupId: !Ref WebGroup, IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0 }";
        graph.resources.insert("Extra".into(), resource("AWS::EC2::SecurityGroupIngress", rule));
    }),
    ("a second way between load balancer and hosts", &["GUA003"], |graph| {
        for (id, kind, rule) in [
            ("Out", "Egress", "{ GroupId: !Ref WebGroup, DestinationSecurityGroupId: !Ref AppGroup, "),
            ("In", "Ingress", "{ GroupId: !Ref AppGroup, SourceSecurityGroupId: !Ref WebGroup, "),
        ] {
            let rule = format!("{rule}IpProtocol: tcp, FromPort: 22, ToPort: 22 }}");
            graph.resources.insert(id.into(), resource(&format!("AWS::EC2::SecurityGroup{kind}"), &rule));
        }
    }),
    ("everything out", &["GUA003"], |graph| {
        let rule = "{ GroupId: !Ref AppGroup, IpProtocol: \"-1\", CidrIp: 0.0.0.0/0 }";
        graph.resources.insert("Extra".into(), resource("AWS::EC2::SecurityGroupEgress", rule));
    }),
    ("names asked for over UDP", &["GUA003"], |graph| {
        let rule = "{ GroupId: !Ref AppGroup, IpProtocol: udp, FromPort: 53, ToPort: 53, CidrIp: 0.0.0.0/0 }";
        graph.resources.insert("Extra".into(), resource("AWS::EC2::SecurityGroupEgress", rule));
    }),
    ("a wider block than was allowed", &["GUA003"], |graph| {
        set(graph, "WebHttpsFrom1", "CidrIp", value("203.0.112.0/23"));
    }),
    ("hosts in public subnets", &["GUA006", "GUA008"], |graph| {
        set(graph, "AppHosts", "VPCZoneIdentifier", value("[!Ref NetPublicA, !Ref NetPublicB]"));
    }),
    ("hosts in public subnets, with public addresses", &["GUA008"], |graph| {
        set(graph, "AppHosts", "VPCZoneIdentifier", value("[!Ref NetPublicA, !Ref NetPublicB]"));
        set(graph, "NetPublicA", "MapPublicIpOnLaunch", value("true"));
        set(graph, "NetPublicB", "MapPublicIpOnLaunch", value("true"));
    }),
    ("private routes to the internet gateway", &["GUA006", "GUA008"], |graph| {
        unset(graph, "NetPrivateAToInternet", "NatGatewayId");
        set(graph, "NetPrivateAToInternet", "GatewayId", value("!Ref NetInternetGateway"));
    }),
    ("no rule out of the load balancer", &["GUA006"], |graph| {
        graph.resources.shift_remove("WebToApp");
    }),
    ("no route back to the internet", &["GUA006"], |graph| {
        graph.resources.shift_remove("NetPublicToInternet");
    }),
    ("an ACL in one zone that drops the answers", &["GUA006"], |graph| {
        acl(graph, "NetPrivateA", &[(false, "-1", ""), (true, "6", ", PortRange: { From: 443, To: 443 }")]);
    }),
    ("an ACL that lets nothing in", &["GUA006"], |graph| acl(graph, "NetPublicB", &[(true, "-1", "")])),
    ("an internal load balancer that faces the internet", &["GUA008"], |graph| {
        set(graph, "InsideBalancer", "Scheme", value("internet-facing"));
        set(graph, "InsideBalancer", "Subnets", value("[!Ref NetPublicA, !Ref NetPublicB]"));
    }),
    ("a host that nobody asked for", &["GUA003", "GUA008"], |graph| {
        let host = "{ SubnetId: !Ref NetPublicA, SecurityGroupIds: [!Ref WebGroup] }";
        graph.resources.insert("Extra".into(), resource("AWS::EC2::Instance", host));
    }),
    ("nothing listens", &["GUA006", "GUA009"], |graph| drop(graph.resources.shift_remove("WebHttpsListener"))),
    ("a macro that may rewrite everything", &["GUA007"], |graph| graph.transforms.push("Mystery".into())),
];

/// Puts a network ACL of its own around a subnet: whether outbound, the protocol, more.
fn acl(graph: &mut ResourceGraph, subnet: &str, entries: &[(bool, &str, &str)]) {
    graph.resources.insert("Acl".into(), resource("AWS::EC2::NetworkAcl", "{ VpcId: !Ref NetVpc }"));
    for (number, (is_egress, protocol, more)) in entries.iter().enumerate() {
        let entry = format!(
            "{{ NetworkAclId: !Ref Acl, RuleNumber: {}, Egress: {is_egress}, Protocol: {protocol}, RuleAction: allow, \
             CidrBlock: 0.0.0.0/0{more} }}",
            100 + number
        );
        graph.resources.insert(format!("AclEntry{number}"), resource("AWS::EC2::NetworkAclEntry", &entry));
    }
    let association = format!("{{ NetworkAclId: !Ref Acl, SubnetId: !Ref {subnet} }}");
    let association = resource("AWS::EC2::SubnetNetworkAclAssociation", &association);
    graph.resources.insert("AclOfSubnet".into(), association);
}

#[test]
fn a_broken_lowering_is_caught_with_the_path() {
    let (compilation, mut deployment) = compiled(ALLOWED);
    let sound = deployment.graph.clone();
    let mut wrong = Vec::new();
    for (name, expected, defect) in DEFECTS {
        deployment.graph = sound.clone();
        defect(&mut deployment.graph);
        let (report, findings) = proved(&compilation, &deployment);
        // Explicit guarantees may be broken too.
        let found: BTreeSet<&str> =
            codes(&findings).into_iter().filter(|code| !["GUA004", "GUA005"].contains(code)).collect();
        if found != expected.iter().copied().collect() || report.guarantees.last().unwrap().outcome == Outcome::Holds {
            wrong.push(format!(
                "{name}: {expected:?} expected\n{}",
                to_text(&findings, &compilation.sources, Style::Plain)
            ));
        }
        for finding in findings.iter().filter(|it| it.code.code == "GUA003") {
            let help = finding.help.as_deref().unwrap_or_default();
            assert!(help.starts_with("the path:\n1. ") && help.contains("security group rule"), "{name}: {help}");
        }
        for finding in findings.iter().filter(|it| it.code.code == "GUA006") {
            let help = finding.help.as_deref().unwrap_or_default();
            assert!(help.contains("stopped by ") || finding.summary.contains("nothing listens"), "{name}: {finding:?}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// One change of the resources.
type Change = (String, Box<dyn Fn(&mut ResourceGraph)>);

/// Changes by the hundred, of every kind that a lowering could make by mistake.
fn changes(graph: &ResourceGraph) -> Vec<Change> {
    let mut all: Vec<Change> = Vec::new();
    let mut add = |name: String, change: Box<dyn Fn(&mut ResourceGraph)>| all.push((name, change));
    let groups = of_kind(graph, "AWS::EC2::SecurityGroup");
    let rules: Vec<(String, &str)> = of_kind(graph, "AWS::EC2::SecurityGroupIngress")
        .into_iter()
        .map(|id| (id, "SourceSecurityGroupId"))
        .chain(of_kind(graph, "AWS::EC2::SecurityGroupEgress").into_iter().map(|id| (id, "DestinationSecurityGroupId")))
        .collect();
    for group in &groups {
        for (kind, peer_key) in [
            ("AWS::EC2::SecurityGroupIngress", "SourceSecurityGroupId"),
            ("AWS::EC2::SecurityGroupEgress", "DestinationSecurityGroupId"),
        ] {
            let mut peers: Vec<String> =
                ["CidrIp: 0.0.0.0/0", "CidrIpv6: \"::/0\"", "CidrIp: 10.0.0.0/8", "CidrIp: 198.51.100.0/24"]
                    .map(str::to_owned)
                    .to_vec();
            peers.extend(groups.iter().map(|group| format!("{peer_key}: !Ref {group}")));
            for peer in peers {
                for what in ["tcp, FromPort: 22, ToPort: 22", "tcp, FromPort: 443, ToPort: 443", "\"-1\""] {
                    let rule = format!("{{ GroupId: !Ref {group}, {peer}, IpProtocol: {what} }}");
                    let made = resource(kind, &rule);
                    let name = format!("{kind} {rule}");
                    add(name, Box::new(move |graph| drop(graph.resources.insert("Extra".into(), made.clone()))));
                }
            }
        }
    }
    for (rule, peer) in rules {
        let id = rule.clone();
        add(format!("without {rule}"), Box::new(move |graph| drop(graph.resources.shift_remove(&id))));
        let id = rule.clone();
        let ports = move |graph: &mut ResourceGraph| {
            set(graph, &id, "FromPort", value("0"));
            set(graph, &id, "ToPort", value("65535"));
        };
        add(format!("{rule} for all ports"), Box::new(ports));
        let id = rule.clone();
        let everyone = move |graph: &mut ResourceGraph| {
            unset(graph, &id, peer);
            unset(graph, &id, "CidrIpv6");
            set(graph, &id, "CidrIp", value("0.0.0.0/0"));
        };
        add(format!("{rule} for everyone"), Box::new(everyone));
        let id = rule.clone();
        add(format!("{rule} over UDP"), Box::new(move |graph| set(graph, &id, "IpProtocol", value("udp"))));
    }
    for route in of_kind(graph, "AWS::EC2::Route") {
        let id = route.clone();
        add(format!("without {route}"), Box::new(move |graph| drop(graph.resources.shift_remove(&id))));
        let id = route.clone();
        let to_gateway = move |graph: &mut ResourceGraph| {
            unset(graph, &id, "NatGatewayId");
            set(graph, &id, "GatewayId", value("!Ref NetInternetGateway"));
        };
        add(format!("{route} to the internet gateway"), Box::new(to_gateway));
        let id = route.clone();
        let narrow = move |graph: &mut ResourceGraph| set(graph, &id, "DestinationCidrBlock", value("198.51.100.0/24"));
        add(format!("{route} for one block"), Box::new(narrow));
    }
    for table in of_kind(graph, "AWS::EC2::RouteTable") {
        for everyone in ["DestinationCidrBlock: 0.0.0.0/0", "DestinationIpv6CidrBlock: \"::/0\""] {
            let route = format!("{{ RouteTableId: !Ref {table}, {everyone}, GatewayId: !Ref NetInternetGateway }}");
            let made = resource("AWS::EC2::Route", &route);
            let insert = move |graph: &mut ResourceGraph| {
                // A second route for the same addresses would be refused by AWS: it takes the place of the first.
                let said = made.properties.clone();
                let is_same = |other: &Resource| {
                    ["RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock"]
                        .iter()
                        .all(|key| other.properties.get(key) == said.get(key))
                };
                graph.resources.retain(|_, other| other.kind != "AWS::EC2::Route" || !is_same(other));
                graph.resources.insert("Extra".into(), made.clone());
            };
            add(format!("route {route}"), Box::new(insert));
        }
    }
    let tables = of_kind(graph, "AWS::EC2::RouteTable");
    for association in of_kind(graph, "AWS::EC2::SubnetRouteTableAssociation") {
        for table in &tables {
            let (id, to) = (association.clone(), value(&format!("!Ref {table}")));
            let change = move |graph: &mut ResourceGraph| set(graph, &id, "RouteTableId", to.clone());
            add(format!("{association} with {table}"), Box::new(change));
        }
        let id = association.clone();
        add(format!("without {association}"), Box::new(move |graph| drop(graph.resources.shift_remove(&id))));
    }
    for subnet in of_kind(graph, "AWS::EC2::Subnet") {
        let id = subnet.clone();
        let public = move |graph: &mut ResourceGraph| set(graph, &id, "MapPublicIpOnLaunch", value("true"));
        add(format!("{subnet} gives public addresses"), Box::new(public));
        for (name, entries) in [
            ("nothing", &[][..]),
            ("everything in", &[(false, "-1", "")]),
            ("everything out", &[(true, "-1", "")]),
            ("everything but answers", &[(false, "-1", ""), (true, "6", ", PortRange: { From: 0, To: 1023 }")]),
            ("everything", &[(false, "-1", ""), (true, "-1", "")]),
        ] {
            let id = subnet.clone();
            add(
                format!("{subnet} behind an ACL for {name}"),
                Box::new(move |graph: &mut ResourceGraph| acl(graph, &id, entries)),
            );
        }
        for group in &groups {
            let host = format!("{{ SubnetId: !Ref {subnet}, SecurityGroupIds: [!Ref {group}] }}");
            let made = resource("AWS::EC2::Instance", &host);
            let insert = move |graph: &mut ResourceGraph| drop(graph.resources.insert("Extra".into(), made.clone()));
            add(format!("a host {host}"), Box::new(insert));
        }
    }
    for (kind, key) in [
        ("AWS::AutoScaling::AutoScalingGroup", "VPCZoneIdentifier"),
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", "Subnets"),
        ("AWS::EC2::VPCEndpoint", "SubnetIds"),
    ] {
        for id in of_kind(graph, kind) {
            for part in ["Public", "Private", "Isolated"] {
                let to = value(&format!("[!Ref Net{part}A, !Ref Net{part}B]"));
                let (owner, to) = (id.clone(), to);
                add(
                    format!("{id} in {part}"),
                    Box::new(move |graph: &mut ResourceGraph| set(graph, &owner, key, to.clone())),
                );
            }
            let owner = id.clone();
            add(format!("without {id}"), Box::new(move |graph| drop(graph.resources.shift_remove(&owner))));
        }
    }
    for id in of_kind(graph, "AWS::ElasticLoadBalancingV2::LoadBalancer") {
        for scheme in ["internal", "internet-facing"] {
            let owner = id.clone();
            add(format!("{id} is {scheme}"), Box::new(move |graph| set(graph, &owner, "Scheme", value(scheme))));
        }
        for group in &groups {
            let (owner, to) = (id.clone(), value(&format!("[!Ref {group}]")));
            let change = move |graph: &mut ResourceGraph| set(graph, &owner, "SecurityGroups", to.clone());
            add(format!("{id} in {group}"), Box::new(change));
        }
    }
    for kind in [
        "AWS::EC2::NatGateway",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::ElasticLoadBalancingV2::Listener",
        "AWS::EC2::VPCEndpoint",
    ] {
        for id in of_kind(graph, kind) {
            let owner = id.clone();
            add(format!("without {id}"), Box::new(move |graph| drop(graph.resources.shift_remove(&owner))));
        }
    }
    all
}

/// All that is open or may be, with the part of it, but for ways that may be open and need not be.
fn open(report: &ProofReport, deployment: &AwsDeployment) -> BTreeMap<(String, String), (Status, Option<String>)> {
    let optional: BTreeSet<(&str, &str)> = deployment
        .stated_ways
        .iter()
        .filter(|way| !way.is_open)
        .map(|way| (way.from.as_str(), way.to.as_str()))
        .collect();
    // A service of the cloud has a column only where it has an endpoint; over the internet it is reached without.
    let is_column = |cell: &&Cell| !report.destinations[cell.destination].name.starts_with("service:");
    let cells = report.cells.iter().filter(|cell| cell.status != Status::Unreachable).filter(is_column);
    cells
        .map(|cell| {
            let pair = (report.sources[cell.source].clone(), report.destinations[cell.destination].name.clone());
            (pair, (cell.status, cell.verdict.as_ref().and_then(|verdict| verdict.part.clone())))
        })
        .filter(|((from, to), _)| !optional.contains(&(from.as_str(), to.as_str())))
        .collect()
}

/// The matrix says what a change does; the guarantee "exactly the stated ways" must say that it is wrong.
#[test]
fn every_change_of_a_verdict_is_caught() {
    let (mut count, mut changed, mut caught, mut missed) = (0, 0, 0, Vec::new());
    for (shape, components) in [("allowed", ALLOWED), ("closed", CLOSED), ("alone", ALONE)] {
        let (compilation, mut deployment) = compiled(components);
        let sound = deployment.graph.clone();
        let (report, _) = proved(&compilation, &deployment);
        let before = open(&report, &deployment);
        for (name, change) in changes(&sound) {
            deployment.graph = sound.clone();
            change(&mut deployment.graph);
            let (report, findings) = proved(&compilation, &deployment);
            count += 1;
            if open(&report, &deployment) == before {
                continue;
            }
            changed += 1;
            let is_found = findings.iter().any(|finding| finding.severity >= Severity::Warning);
            if report.guarantees.last().unwrap().outcome != Outcome::Holds && is_found {
                caught += 1;
            } else {
                missed.push(format!("{shape}: {name}: {:?}", difference(&before, &open(&report, &deployment))));
            }
        }
    }
    let _ = writeln!(std::io::stderr(), "{count} changes, {changed} change a verdict, {caught} of them caught");
    assert!(missed.is_empty(), "{} of {changed} not caught:\n{}", missed.len(), missed.join("\n"));
    assert!(count > 800 && changed > 250, "{count} changes, {changed} of them matter");
}

fn difference<V: PartialEq + Clone + std::fmt::Debug>(
    before: &BTreeMap<(String, String), V>,
    after: &BTreeMap<(String, String), V>,
) -> Vec<String> {
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let changed = keys.into_iter().filter(|key| before.get(key) != after.get(key));
    changed.map(|key| format!("{key:?}: {:?} -> {:?}", before.get(key), after.get(key))).collect()
}
