//! Large templates: how long the whole matrix takes.

use analysis::reachability::{Options, Status, prove_graph};
use std::fmt::Write as _;
use std::time::Instant;

/// Applications of edge, service and database, each with groups of its own; four resources for an interface.
fn template(interfaces: usize) -> String {
    let mut out = String::from(
        "Resources:\n  V: { Type: AWS::EC2::VPC, Properties: { CidrBlock: 10.0.0.0/8 } }\n  I: { Type: AWS::EC2::InternetGateway }\n  \
         IA: { Type: AWS::EC2::VPCGatewayAttachment, Properties: { VpcId: !Ref V, InternetGatewayId: !Ref I } }\n  \
         T: { Type: AWS::EC2::RouteTable, Properties: { VpcId: !Ref V } }\n  \
         TD: { Type: AWS::EC2::Route, Properties: { RouteTableId: !Ref T, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref I } }\n",
    );
    for subnet in 0..12 {
        let _ = writeln!(
            out,
            "  S{subnet}: {{ Type: AWS::EC2::Subnet, Properties: {{ VpcId: !Ref V, CidrBlock: 10.{subnet}.0.0/16, MapPublicIpOnLaunch: {} }} }}",
            subnet < 4
        );
        if subnet < 4 {
            let _ = writeln!(
                out,
                "  ST{subnet}: {{ Type: AWS::EC2::SubnetRouteTableAssociation, Properties: {{ SubnetId: !Ref S{subnet}, RouteTableId: !Ref T }} }}"
            );
        }
    }
    for index in 0..interfaces {
        let subnet = index % 12;
        let _ = writeln!(
            out,
            "  G{index}: {{ Type: AWS::EC2::SecurityGroup, Properties: {{ GroupDescription: g, VpcId: !Ref V }} }}"
        );
        let peer = if index % 25 == 0 {
            "CidrIp: 0.0.0.0/0".to_owned()
        } else {
            format!("SourceSecurityGroupId: !Ref G{}", index - 1)
        };
        let _ = writeln!(
            out,
            "  R{index}: {{ Type: AWS::EC2::SecurityGroupIngress, Properties: {{ GroupId: !Ref G{index}, IpProtocol: tcp, FromPort: {0}, ToPort: {0}, {peer} }} }}",
            8000 + index % 7
        );
        let _ = writeln!(
            out,
            "  C{index}: {{ Type: AWS::EC2::Instance, Properties: {{ SubnetId: !Ref S{subnet}, SecurityGroupIds: [!Ref G{index}] }} }}"
        );
        let _ = writeln!(out, "  L{index}: {{ Type: AWS::Logs::LogGroup, Properties: {{ RetentionInDays: 30 }} }}");
    }
    out
}

fn measure(interfaces: usize) {
    let text = template(interfaces);
    let start = Instant::now();
    let template = model::cfn::read("large.yaml", &text, &mut model::Findings::new()).unwrap();
    let reading = start.elapsed();
    let report = prove_graph(&template.graph, "large.yaml", &Options::default()).unwrap();
    let taken = start.elapsed();
    let pairs = report.sources.len() * report.destinations.len();
    println!(
        "{interfaces} interfaces, {} KB: {pairs} pairs in {taken:?}, {reading:?} of it for reading",
        text.len() / 1024
    );
    // C1 is reached by C0, and by nobody from outside.
    assert_eq!(report.status("C0", "C1:8001"), Some(Status::Reachable));
    assert_eq!(report.status("C2", "C1:8001"), Some(Status::Unreachable));
    assert_eq!(report.status("internet-v4", "C0:8000"), Some(Status::Reachable));
    assert_eq!(report.status("internet-v4", "C1:8001"), Some(Status::Unreachable));
}

/// An optimised build also shows how the time grows.
const SIZES: &[usize] = if cfg!(debug_assertions) { &[300] } else { &[300, 1000, 2000, 5000] };

#[test]
fn large_networks_are_proved() {
    for interfaces in SIZES {
        measure(*interfaces);
    }
}
