//! Whatever stands in a template: an answer or a reason, never a panic or a hang.

use analysis::reachability::{Options, Status, prove, render};
use proptest::prelude::*;
use std::time::{Duration, Instant};

const TEMPLATES: [&str; 6] = [
    include_str!("../fixtures/three-tiers.yaml"),
    include_str!("../fixtures/balancer-network.yaml"),
    include_str!("../fixtures/conditions.yaml"),
    include_str!("../fixtures/kubernetes.yaml"),
    include_str!("../fixtures/network-acl.yaml"),
    include_str!("../fixtures/dual-stack.yaml"),
];

const WORDS: [&str; 24] = [
    "!Ref Vpc",
    "!Ref Ghost",
    "!GetAtt Igw.X",
    "!Sub '${A}${B.C}'",
    "[]",
    "{}",
    "-1",
    "99999",
    "0.0.0.0/0",
    "::/0",
    "10.0.0.0/33",
    "''",
    "null",
    "!If [No, a, b]",
    "!ImportValue x",
    "!Select [9, [a]]",
    "{ 'Fn::If': 3 }",
    "[[[]]]",
    "true",
    "!Cidr [x, y]",
    "!Ref PublicA",
    "4294967296",
    "!Transform x",
    "!GetAtt Vpc.CidrBlock",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn broken_templates_are_judged_or_refused(
        which in 0..TEMPLATES.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0..5_u8, any::<prop::sample::Index>()), 1..5),
    ) {
        let mut lines: Vec<String> = TEMPLATES[which].lines().map(str::to_owned).collect();
        for (line, kind, word) in changes {
            let at = line.index(lines.len());
            let word = *word.get(&WORDS);
            match kind {
                0 => drop(lines.remove(at)),
                1 => {
                    let copy = lines[at].replacen(':', "2:", 1);
                    lines.insert(at, copy);
                }
                // A value instead of the last one of the line, or of one in its middle.
                2 => {
                    if let Some((key, _)) = lines[at].rsplit_once(": ") {
                        let rest = if lines[at].ends_with('}') { " }" } else { "" };
                        lines[at] = format!("{key}: {word}{rest}");
                    }
                }
                3 => lines[at] = lines[at].replacen("!Ref ", "!GetAtt ", 1),
                _ => lines[at] = lines[at].replacen("443", word, 1).replacen("PublicA", word, 1),
            }
        }
        let text = lines.join("\n");
        let start = Instant::now();
        if let Ok(report) = prove(&text, "t.yaml", &Options::default()) {
            prop_assert!(!render::text(&report).is_empty());
            for cell in &report.cells {
                let verdict = cell.verdict.as_ref().unwrap();
                match cell.status {
                    Status::Unknown => prop_assert!(!verdict.whys.is_empty(), "{verdict:?}\n{text}"),
                    Status::Unreachable => prop_assert!(verdict.cut.is_some(), "{verdict:?}\n{text}"),
                    Status::Partly | Status::Reachable => {}
                }
            }
        }
        prop_assert!(start.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn a_macro_takes_every_denial_away() {
    let text = format!("Transform: [MyMacro]\n{}", TEMPLATES[0]);
    let report = prove(&text, "t.yaml", &Options::default()).unwrap();
    assert!(report.cells.iter().all(|cell| cell.status != Status::Unreachable));
    assert!(report.notes.iter().any(|note| note.contains("MyMacro")), "{:?}", report.notes);
}

#[test]
fn ports_that_end_before_they_begin_are_unknown() {
    let base = "Resources:
  V: { Type: AWS::EC2::VPC, Properties: { CidrBlock: 10.0.0.0/16 } }
  S: { Type: AWS::EC2::Subnet, Properties: { VpcId: !Ref V, CidrBlock: 10.0.1.0/24 } }
  T: { Type: AWS::EC2::Subnet, Properties: { VpcId: !Ref V, CidrBlock: 10.0.2.0/24 } }
  G: { Type: AWS::EC2::SecurityGroup, Properties: { GroupDescription: g, VpcId: !Ref V, SecurityGroupIngress: [{ IpProtocol: tcp, FromPort: GROUP, CidrIp: 10.0.0.0/8 }] } }
  A: { Type: AWS::EC2::NetworkAcl, Properties: { VpcId: !Ref V } }
  AI: { Type: AWS::EC2::NetworkAclEntry, Properties: { NetworkAclId: !Ref A, RuleNumber: 1, RuleAction: allow, Protocol: 6, PortRange: { From: ACL }, CidrBlock: 0.0.0.0/0 } }
  AO: { Type: AWS::EC2::NetworkAclEntry, Properties: { NetworkAclId: !Ref A, RuleNumber: 1, Egress: true, RuleAction: allow, Protocol: -1, CidrBlock: 0.0.0.0/0 } }
  SA: { Type: AWS::EC2::SubnetNetworkAclAssociation, Properties: { SubnetId: !Ref S, NetworkAclId: !Ref A } }
  I: { Type: AWS::EC2::Instance, Properties: { SubnetId: !Ref S, SecurityGroupIds: [!Ref G] } }
  J: { Type: AWS::EC2::Instance, Properties: { SubnetId: !Ref T, SecurityGroupIds: [!Ref G] } }
";
    let status = |group: &str, acl: &str| {
        let text = base.replace("GROUP", group).replace("ACL }", &format!("{acl} }}"));
        let report = prove(&text, "t.yaml", &Options::default()).unwrap();
        assert!(!report.cells.is_empty());
        crate::fixtures::ask(&text, "J", "I:443").answers[0].verdict.status
    };
    assert_eq!(status("443, ToPort: 443", "443, To: 443"), Status::Reachable);
    assert_eq!(status("886, ToPort: 443", "443, To: 443"), Status::Unknown);
    assert_eq!(status("443, ToPort: 443", "886, To: 443"), Status::Unknown);
}

#[test]
fn an_attachment_of_one_transit_gateway_in_the_table_of_another_is_doubted() {
    let text = include_str!("../fixtures/transit-tables.yaml").replacen("Type: AWS::EC2::TransitGateway\n", "\n", 1);
    let report = prove(&text, "t.yaml", &Options::default()).unwrap();
    assert!(!report.cells.is_empty());
    let apart = text.replacen("TransitGatewayId: !Ref Hub,", "TransitGatewayId: !Ref OtherHub,", 1)
        + "  OtherHub: { Type: AWS::EC2::TransitGateway }\n";
    assert!(prove(&apart, "t.yaml", &Options::default()).is_ok());
}

#[test]
fn a_megabyte_of_json_is_read() {
    let resources: Vec<String> = (0..9000)
        .map(|index| format!("\"Q{index}\": {{\"Type\": \"AWS::SQS::Queue\", \"Properties\": {{\"QueueName\": \"queue-number-{index}\", \"Tags\": [{{\"Key\": \"a\", \"Value\": {{\"Ref\": \"Q0\"}}}}]}}}}"))
        .collect();
    // On one line, as generators write it.
    let text = format!("{{\"Resources\": {{{}}}}}", resources.join(","));
    assert!(text.len() > 1_000_000);
    let report = prove(&text, "t.json", &Options::default()).unwrap();
    assert_eq!(report.cells.len(), 0);
}
