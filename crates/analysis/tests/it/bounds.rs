//! Templates that are made to grow: an answer or a reason, in bounded time and memory.

use crate::fixtures::ask;
use analysis::reachability::{Options, ProofReport, Status, prove};
use std::fmt::Write as _;

/// A host that everyone reaches, around which things are put.
const HOST: &str = "
  V: { Type: AWS::EC2::VPC, Properties: { CidrBlock: 10.0.0.0/16 } }
  I: { Type: AWS::EC2::InternetGateway }
  IA: { Type: AWS::EC2::VPCGatewayAttachment, Properties: { VpcId: !Ref V, InternetGatewayId: !Ref I } }
  T: { Type: AWS::EC2::RouteTable, Properties: { VpcId: !Ref V } }
  R: { Type: AWS::EC2::Route, Properties: { RouteTableId: !Ref T, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref I } }
  S: { Type: AWS::EC2::Subnet, Properties: { VpcId: !Ref V, CidrBlock: 10.0.0.0/24, MapPublicIpOnLaunch: true } }
  ST: { Type: AWS::EC2::SubnetRouteTableAssociation, Properties: { SubnetId: !Ref S, RouteTableId: !Ref T } }
  H: { Type: AWS::EC2::Instance, Properties: { SubnetId: !Ref S, SecurityGroupIds: [!Ref G] } }
";

fn proved(text: &str) -> ProofReport {
    prove(text, "t.yaml", &Options::default()).unwrap_or_else(|problem| panic!("{problem}"))
}

/// The status of internet to the host, and the reasons.
fn asked(text: &str) -> (Status, String) {
    let report = ask(text, "internet-v4", "H:443");
    let verdict = &report.answers[0].verdict;
    (verdict.status, verdict.whys.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

fn group(block: &str) -> String {
    format!(
        "  G: {{ Type: AWS::EC2::SecurityGroup, Properties: {{ GroupDescription: g, VpcId: !Ref V, SecurityGroupIngress: \
         [{{ IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: {block} }}] }} }}\n"
    )
}

#[test]
fn mappings_lead_nowhere_but_to_texts() {
    let mut text = "Mappings:\n  M:\n    a:\n      x0: 0.0.0.0/0\n      loop: !FindInMap [M, a, loop]\n".to_owned();
    for index in 1..40 {
        let _ =
            writeln!(text, "      x{index}: !Join ['', [!FindInMap [M, a, x{0}], !FindInMap [M, a, x{0}]]]", index - 1);
    }
    let of = |key: &str| asked(&format!("{text}Resources:{HOST}{}", group(&format!("!FindInMap [M, a, {key}]"))));
    assert_eq!(of("x0").0, Status::Reachable);
    for key in ["loop", "x39"] {
        let (status, whys) = of(key);
        assert_eq!(status, Status::Unknown);
        assert!(whys.contains("of a mapping is no text"), "{whys}");
    }
}

#[test]
fn texts_that_grow_beyond_measure_are_not_made() {
    let commas = ",".repeat(200_000);
    let long = "x".repeat(200_000);
    let text = format!(
        "Parameters:\n  Commas: {{ Type: String, Default: '{commas}' }}\n  Long: {{ Type: String, Default: {long} }}\n\
         Resources:{HOST}{}",
        group("!Join [!Ref Long, !Split [',', !Ref Commas]]")
    );
    let (status, whys) = asked(&text);
    assert_eq!(status, Status::Unknown);
    assert!(whys.contains("grow too large"), "{whys}");
    // Many small ones add up.
    let mut text =
        format!("Parameters:\n  Long: {{ Type: String, Default: {long} }}\nResources:{HOST}{}", group("0.0.0.0/0"));
    for index in 0..5000 {
        let _ =
            writeln!(text, "  X{index}: {{ Type: AWS::Unheard::Of, Properties: {{ A: !Ref Long, B: !Ref Long }} }}");
    }
    assert!(!proved(&text).cells.is_empty());
}

#[test]
fn thousands_of_conditions_are_examined_as_far_as_can_be_and_the_report_says_so() {
    for value in ["!Equals [!Ref 'AWS::Region', eu-west-1]", "!Equals [!Ref P, a]", "!Not [!Condition C0]"] {
        let mut text = "Parameters:\n  P: { Type: String }\nConditions:\n  C0: !Equals [!Ref P, b]\n".to_owned();
        for index in 1..4000 {
            let _ = writeln!(text, "  C{index}: {value}");
        }
        let _ = write!(text, "Resources:{HOST}{}", group("!If [C3999, 0.0.0.0/0, 10.0.0.0/8]"));
        let report = proved(&text);
        let is_open = report.status("internet-v4", "H:443").unwrap();
        assert_ne!(is_open, Status::Unreachable, "{value}");
        if !report.all_scenarios_examined {
            assert!(report.cells.iter().all(|cell| cell.status != Status::Unreachable), "{value}");
            assert!(report.notes.iter().any(|note| note.contains("there are more")), "{:?}", report.notes);
        }
    }
}

#[test]
fn loops_over_literals_are_written_out_and_others_are_named() {
    let body = "  'Fn::ForEach::Hosts':
    - Name
    - LIST
    - 'Host${Name}':
        Type: AWS::EC2::Instance
        Properties: { SubnetId: !Ref S, SecurityGroupIds: [!Ref G], Tags: [{ Key: n, Value: !Ref Name }] }
";
    let text = |list: &str| {
        let body = body.replace("LIST", list);
        format!(
            "Transform: AWS::LanguageExtensions\nParameters:\n  Names: {{ Type: CommaDelimitedList }}\nResources:{HOST}{}{body}",
            group("0.0.0.0/0")
        )
    };
    let report = proved(&text("[A, B]"));
    for host in ["HostA:443", "HostB:443"] {
        assert_eq!(report.status("internet-v4", host), Some(Status::Reachable));
    }
    let report = proved(&text("!Ref Names"));
    assert!(report.cells.iter().all(|cell| cell.status != Status::Unreachable));
    assert!(report.notes.iter().any(|note| note.contains("is written out by a transform")), "{:?}", report.notes);
    // A loop in a loop in a loop grows as its lists do, and no further than can be.
    let list = format!("[{}]", (0..300).map(|index| format!("v{index}")).collect::<Vec<_>>().join(", "));
    let mut inner = "{ 'Q${A}${B}${C}': { Type: AWS::SQS::Queue } }".to_owned();
    for name in ["A", "B", "C"] {
        inner = format!("{{ 'Fn::ForEach::Loop{name}': [{name}, {list}, {inner}] }}");
    }
    let text = format!("Resources: {inner}\n");
    assert!(!proved(&text).notes.is_empty());
}

#[test]
fn what_a_transform_writes_in_is_not_known() {
    let with = |properties: &str| {
        format!(
            "Resources:{HOST}  G: {{ Type: AWS::EC2::SecurityGroup, Properties: {{ GroupDescription: g, {properties} }} }}\n"
        )
    };
    let include = "'Fn::Transform': { Name: AWS::Include, Parameters: { Location: s3://b/k } }";
    assert_eq!(asked(&with("VpcId: !Ref V")).0, Status::Unreachable);
    let (status, whys) = asked(&with(&format!("VpcId: !Ref V, {include}")));
    assert_eq!((status, whys.contains("Fn::Transform")), (Status::Unknown, true), "{whys}");
    let (status, whys) =
        asked(&format!("{include}\n{}", with("VpcId: !Ref V")).replacen("'Fn::Transform'", "\"Fn::Transform\"", 1));
    assert_eq!((status, whys.contains("AWS::Include")), (Status::Unknown, true), "{whys}");
}

#[test]
fn functions_of_sam_stand_where_the_globals_say() {
    let text = format!(
        "Transform: AWS::Serverless-2016-10-31\nGlobals:\n  Function:\n    VpcConfig: {{ SubnetIds: [!Ref S], \
         SecurityGroupIds: [!Ref G] }}\nResources:{HOST}{}  F: {{ Type: AWS::Serverless::Function, Properties: {{ Handler: h }} }}\n",
        group("10.0.0.0/24")
    );
    assert_eq!(proved(&text).status("F", "H:443"), Some(Status::Reachable));
}
