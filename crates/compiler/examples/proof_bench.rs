//! What a proof costs: `proof_bench RUNS tabpy` for the production environment of that blueprint, or
//! `proof_bench RUNS INTERFACES RESOURCES` for a generated application of that size.
//!
//! Prints one line of JSON: the median of reading and of proving in milliseconds, the peak of memory, and how many pairs
//! the matrix has.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a program that measures has a clock and says what it found"
)]

use analysis::reachability::{Options, ProofReport, prove_graph};
use model::Findings;
use std::error::Error;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [runs, "tabpy"] => tabpy(runs.parse()?),
        [runs, interfaces, resources] => generated(runs.parse()?, interfaces.parse()?, resources.parse()?),
        _ => Err("usage: proof_bench RUNS tabpy | proof_bench RUNS INTERFACES RESOURCES".into()),
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

fn say(reading: Vec<Duration>, proving: Vec<Duration>, resources: usize, report: &ProofReport) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    println!(
        "{{\"reading_ms\": {:.3}, \"proving_ms\": {:.3}, \"peak_mb\": {:.1}, \"resources\": {resources}, \"sources\": {}, \
         \"destinations\": {}, \"open\": {}}}",
        median(reading),
        median(proving),
        peak.unwrap_or(0.0) * 1024.0 / 1e6,
        report.sources.len(),
        report.destinations.len(),
        report.cells.iter().filter(|cell| cell.status != analysis::reachability::Status::Unreachable).count(),
    );
}

/// The files beside the blueprint's manifest.
struct Beside;

impl components::context::Files for Beside {
    fn text(&self, path: &str) -> std::result::Result<String, String> {
        Ok(match path {
            "files/launch.py" => include_str!("../../../blueprints/tabpy/files/launch.py"),
            "files/passwords.txt" => include_str!("../../../blueprints/tabpy/files/passwords.txt"),
            "files/tabpy.conf" => include_str!("../../../blueprints/tabpy/files/tabpy.conf"),
            "files/constraints.txt" => include_str!("../../../blueprints/tabpy/files/constraints.txt"),
            _ => return Err("it does not exist".to_owned()),
        }
        .to_owned())
    }

    fn folder_digest(&self, _path: &str) -> std::result::Result<model::Digest, String> {
        Err("it does not exist".to_owned())
    }
}

fn tabpy(runs: usize) -> Result {
    let manifest = include_str!("../../../blueprints/tabpy/landfall.yaml");
    let mut options = compiler::Options::new(&Beside, "2026-11-20");
    options.environment = "production".to_owned();
    let (mut reading, mut proving) = (Vec::new(), Vec::new());
    let mut last = None;
    for _ in 0..runs.max(1) {
        let start = Instant::now();
        let compilation = compiler::compile("landfall.yaml", manifest.as_bytes(), &options);
        let application = compilation.application.as_ref().ok_or("the blueprint does not compile")?;
        let mut findings = Findings::new();
        let deployment = compiler::lower_to_aws(application, &model::Rotations::default(), &mut findings)
            .ok_or("the blueprint is not lowered")?;
        reading.push(start.elapsed());
        let start = Instant::now();
        let report = compiler::prove(application, &deployment, &compilation.sources, &mut findings);
        proving.push(start.elapsed());
        last = Some((deployment.graph.resources.len(), report));
    }
    let (count, report) = last.ok_or("no run")?;
    say(reading, proving, count, &report);
    Ok(())
}

/// Applications side by side in one network: a load balancer, two hosts, a database in two subnets; each with groups of
/// its own, rules between them and what else belongs to it.
fn template(interfaces: usize, resources: usize) -> String {
    let mut out = String::from(
        "Resources:\n  Vpc: { Type: AWS::EC2::VPC, Properties: { CidrBlock: 10.0.0.0/8 } }\n  Gateway: { Type: AWS::EC2::InternetGateway }\n  \
         Attached: { Type: AWS::EC2::VPCGatewayAttachment, Properties: { VpcId: !Ref Vpc, InternetGatewayId: !Ref Gateway } }\n  \
         Public: { Type: AWS::EC2::RouteTable, Properties: { VpcId: !Ref Vpc } }\n  \
         Default: { Type: AWS::EC2::Route, Properties: { RouteTableId: !Ref Public, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref Gateway } }\n",
    );
    let mut count = 5;
    for subnet in 0..12 {
        let is_public = subnet < 4;
        let _ = writeln!(
            out,
            "  Subnet{subnet}: {{ Type: AWS::EC2::Subnet, Properties: {{ VpcId: !Ref Vpc, CidrBlock: 10.{subnet}.0.0/16, MapPublicIpOnLaunch: {is_public} }} }}",
        );
        count += 1;
        if is_public {
            let _ = writeln!(
                out,
                "  Routes{subnet}: {{ Type: AWS::EC2::SubnetRouteTableAssociation, Properties: {{ SubnetId: !Ref Subnet{subnet}, RouteTableId: !Ref Public }} }}"
            );
            count += 1;
        }
    }
    let applications = (interfaces / 5).max(1);
    for app in 0..applications {
        let at = |offset: usize| (app + offset) % 4;
        let _ = write!(
            out,
            "  EdgeGroup{app}: {{ Type: AWS::EC2::SecurityGroup, Properties: {{ GroupDescription: e, VpcId: !Ref Vpc, SecurityGroupIngress: [{{ IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0 }}] }} }}\n  \
             AppGroup{app}: {{ Type: AWS::EC2::SecurityGroup, Properties: {{ GroupDescription: a, VpcId: !Ref Vpc }} }}\n  \
             DataGroup{app}: {{ Type: AWS::EC2::SecurityGroup, Properties: {{ GroupDescription: d, VpcId: !Ref Vpc }} }}\n  \
             EdgeToApp{app}: {{ Type: AWS::EC2::SecurityGroupIngress, Properties: {{ GroupId: !Ref AppGroup{app}, IpProtocol: tcp, FromPort: {port}, ToPort: {port}, SourceSecurityGroupId: !Ref EdgeGroup{app} }} }}\n  \
             AppToData{app}: {{ Type: AWS::EC2::SecurityGroupIngress, Properties: {{ GroupId: !Ref DataGroup{app}, IpProtocol: tcp, FromPort: 5432, ToPort: 5432, SourceSecurityGroupId: !Ref AppGroup{app} }} }}\n  \
             Edge{app}: {{ Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {{ Subnets: [!Ref Subnet{e}], SecurityGroups: [!Ref EdgeGroup{app}] }} }}\n  \
             Listener{app}: {{ Type: AWS::ElasticLoadBalancingV2::Listener, Properties: {{ LoadBalancerArn: !Ref Edge{app}, Port: 443, Protocol: HTTPS, DefaultActions: [{{ Type: forward, TargetGroupArn: !Ref Targets{app} }}] }} }}\n  \
             Targets{app}: {{ Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {{ VpcId: !Ref Vpc, Port: {port}, Protocol: HTTP, Targets: [{{ Id: !Ref First{app} }}, {{ Id: !Ref Second{app} }}] }} }}\n  \
             First{app}: {{ Type: AWS::EC2::Instance, Properties: {{ SubnetId: !Ref Subnet{a}, SecurityGroupIds: [!Ref AppGroup{app}] }} }}\n  \
             Second{app}: {{ Type: AWS::EC2::Instance, Properties: {{ SubnetId: !Ref Subnet{b}, SecurityGroupIds: [!Ref AppGroup{app}] }} }}\n  \
             Places{app}: {{ Type: AWS::RDS::DBSubnetGroup, Properties: {{ DBSubnetGroupDescription: d, SubnetIds: [!Ref Subnet{c}, !Ref Subnet{d}] }} }}\n  \
             Data{app}: {{ Type: AWS::RDS::DBInstance, Properties: {{ Engine: postgres, PubliclyAccessible: false, DBSubnetGroupName: !Ref Places{app}, VPCSecurityGroups: [!Ref DataGroup{app}] }} }}\n",
            port = 8000 + app % 7,
            e = at(0),
            a = 4 + at(0),
            b = 4 + at(1),
            c = 8 + at(0),
            d = 8 + at(1),
        );
        count += 12;
    }
    for extra in 0..resources.saturating_sub(count) {
        let _ = writeln!(
            out,
            "  Log{extra}: {{ Type: AWS::Logs::LogGroup, Properties: {{ LogGroupName: 'log-{extra}', RetentionInDays: 30 }} }}"
        );
    }
    out
}

fn generated(runs: usize, interfaces: usize, resources: usize) -> Result {
    let text = template(interfaces, resources);
    let (mut reading, mut proving) = (Vec::new(), Vec::new());
    let mut last = None;
    for _ in 0..runs.max(1) {
        drop(last.take());
        let start = Instant::now();
        let template = model::cfn::read("generated.yaml", &text, &mut Findings::new()).ok_or("no template")?;
        reading.push(start.elapsed());
        let start = Instant::now();
        let report =
            prove_graph(&template.graph, "generated.yaml", &Options::default()).map_err(|it| it.to_string())?;
        proving.push(start.elapsed());
        last = Some((template.graph.resources.len(), report));
    }
    let (count, report) = last.ok_or("no run")?;
    say(reading, proving, count, &report);
    Ok(())
}
