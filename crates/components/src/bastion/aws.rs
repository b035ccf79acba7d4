//! A bastion in an account: a small host without an address of its own, behind a balancer that lets in those who are allowed. The
//! system's SSH server runs on it with a configuration of ours: forwards to the stated databases, and nothing else.

mod sshd;

pub use sshd::keys_on_bastion;

use super::validate::ValidBastion;
use crate::aws_context::{
    AWS003, AWS006, AlarmSpec, AwsContext, Caller, DatabaseInAws, IpVersion, NetworkInAws, Other, Party, Rule, list,
    object,
};
use crate::aws_host::cloud_config::HostUser;
use crate::aws_host::{self, Hosts, Machine, Sealed};
use model::cfn::types::{AutoScalingGroup, Listener, LoadBalancer, SecurityGroup, TargetGroup};
use model::cfn::{Layer, Ref, Value};
use model::process_graph::{FileSpec, NodeSpec, PortWish};
use model::text::{Atom, SecretPart, TemplateValue};
use model::{NodeId, Text};

const LAYER: Layer = Layer::Access;
/// What a bastion listens on in an account, where nothing else does.
const USUAL_PORT: u16 = 22;

/// Adds the bastion.
pub(super) fn lower(valid: &ValidBastion, cx: &mut AwsContext<'_>) {
    let Some(network) = cx.network() else { return };
    let Some(databases) = targets(valid, cx) else { return };
    // Balancers with addresses of the internet stand in public subnets; where all who may come are inside, it stands inside.
    let is_public = valid.sources.iter().any(|source| !is_private(source));
    let subnets = if is_public { &network.public } else { &network.private };
    if subnets.len() < 2 {
        let part = if is_public { "public" } else { "private" };
        let summary =
            format!("a bastion's balancer needs {part} subnets in two zones, the network has {}", subnets.len());
        cx.refuse(&AWS006, &valid.at, summary, "write `zones: 2` at the network, or name two of its subnets");
        return;
    }
    let port = match valid.wish {
        Some(PortWish::Exactly(port) | PortWish::Preferably(port)) => port,
        Some(PortWish::Any) | None => USUAL_PORT,
    };
    let door = Door { port, is_public, network: &network };
    let group = cx.group(LAYER, "Group", &valid.at, &format!("Bastion {}", cx.name), &network.vpc);
    let (balancer, targets) = balancer(valid, &door, &group, cx);
    let hosts = hosts(valid, &door, &group, &targets, &databases, cx);
    let id = hosts.logical_id().unwrap_or_default().to_owned();
    let from = balancer.logical_id().unwrap_or_default().to_owned();
    cx.way(Party::Resource(from), format!("{id}:{port}"), &valid.at.key("to"));
    for (database, (_, because)) in databases.iter().zip(&valid.to) {
        let caller = Caller { layer: LAYER, part: "", group: &group, hosts: &id, because };
        cx.let_reach(&caller, database);
    }
    let names: Vec<_> = databases.into_iter().map(|database| database.component).collect();
    cx.leads_to(&names, &hosts);
}

fn is_private(block: &model::scalar::Cidr) -> bool {
    match block.net() {
        ipnet::IpNet::V4(block) => block.network().is_private(),
        ipnet::IpNet::V6(block) => block.network().is_unique_local(),
    }
}

/// The databases that it leads to. Other components have no address of their own that would stay.
fn targets(valid: &ValidBastion, cx: &mut AwsContext<'_>) -> Option<Vec<DatabaseInAws>> {
    let mut all = Vec::new();
    for (component, at) in &valid.to {
        match cx.database(component) {
            Some(database) => all.push(database),
            None => {
                let summary = format!("{} leads to {component}, whose hosts come and go with their addresses", cx.name);
                cx.refuse(
                    &AWS003,
                    at,
                    summary,
                    "put an edge with `exposure: internal` before it, or let it lead to databases alone",
                );
            }
        }
    }
    (all.len() == valid.to.len()).then_some(all)
}

/// How it is reached.
struct Door<'a> {
    port: u16,
    is_public: bool,
    network: &'a NetworkInAws,
}

/// The balancer, which has the only address that the internet sees; it hands connections on as they are.
fn balancer(
    valid: &ValidBastion,
    door: &Door<'_>,
    hosts: &Ref<SecurityGroup>,
    cx: &mut AwsContext<'_>,
) -> (Ref<LoadBalancer>, Ref<TargetGroup>) {
    let Door { port, is_public, network } = *door;
    let at = valid.at.clone();
    let group = cx.group(LAYER, "balancer-group", &at, &format!("The way in to the bastion {}", cx.name), &network.vpc);
    let mut ways = Vec::new();
    for (index, source) in valid.sources.iter().enumerate() {
        let because = at.key("allow").key("sources").index(index);
        let version = if source.net().addr().is_ipv4() { IpVersion::V4 } else { IpVersion::V6 };
        let other = Other::Block(Value::text(source.to_string()), version);
        let about = format!("Those who may come to {}", cx.name);
        cx.let_in(LAYER, &format!("from{}", index + 1), &Rule { group: &group, other, port, about, because: &because });
        // Whoever is in the network may come where its own addresses may, if its rules let it out.
        if network.has_addresses_of(source) {
            ways.push((Party::Network, because.clone()));
        }
        ways.push((Party::Block(source.to_string()), because));
    }
    let about = format!("{} to its host", cx.name);
    let because = at.key("to");
    let rule = Rule { group: &group, other: Other::Group(hosts), port, about: about.clone(), because: &because };
    cx.let_out(LAYER, "to-host", &rule);
    cx.let_in(LAYER, "into-host", &Rule { group: hosts, other: Other::Group(&group), port, about, because: &because });
    let setting = |key: &str, value: Value| object! { "Key": key, "Value": value };
    let has_ipv6 = is_public && network.has_ipv6 && valid.sources.iter().any(|source| source.net().addr().is_ipv6());
    let balancer = cx.add::<LoadBalancer>(
        LAYER,
        "Balancer",
        &at,
        object! {
            "Type": "network",
            "Scheme": if is_public { "internet-facing" } else { "internal" },
            "IpAddressType": if has_ipv6 { "dualstack" } else { "ipv4" },
            "Subnets": Value::list(if is_public { &network.public } else { &network.private }),
            "SecurityGroups": list![&group],
            "LoadBalancerAttributes": list![
                setting("deletion_protection.enabled", true.into()),
                // There is one host, in any of the zones.
                setting("load_balancing.cross_zone.enabled", true.into()),
            ],
        },
    );
    let id = cx.interface(&balancer);
    for (from, because) in ways {
        cx.way(from, format!("{id}:{port}"), &because);
    }
    let targets = cx.add::<TargetGroup>(
        LAYER,
        "Targets",
        &at,
        object! {
            "VpcId": &network.vpc,
            "TargetType": "instance",
            "Protocol": "TCP",
            "Port": port,
            "HealthCheckProtocol": "TCP",
            "HealthCheckIntervalSeconds": 10,
            "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 2,
            "TargetGroupAttributes": list![
                setting("deregistration_delay.timeout_seconds", "60".into()),
                setting("preserve_client_ip.enabled", (!has_ipv6).into()),
            ],
        },
    );
    let action = object! { "Type": "forward", "TargetGroupArn": &targets };
    cx.add::<Listener>(
        LAYER,
        "Listener",
        &at,
        object! { "LoadBalancerArn": &balancer, "Protocol": "TCP", "Port": port, "DefaultActions": list![action] },
    );
    let full_name = |value: Option<Value>| value.unwrap_or_else(|| Value::text(""));
    let alarm = AlarmSpec {
        about: format!("The bastion {} takes no connections", cx.name),
        namespace: "AWS/NetworkELB",
        metric: "HealthyHostCount",
        dimensions: vec![
            ("LoadBalancer", full_name(balancer.attribute("LoadBalancerFullName"))),
            ("TargetGroup", full_name(targets.attribute("TargetGroupFullName"))),
        ],
        statistic: "Maximum",
        period_seconds: 60,
        periods: 10,
        threshold: 1,
        comparison: "LessThanThreshold",
    };
    cx.alarm(LAYER, "unreachable", &at, &alarm);
    cx.output(LAYER, "Address", "Where the bastion is reached", full_name(balancer.attribute("DNSName")));
    cx.output(LAYER, "Port", "The port of its SSH server", Value::text(port.to_string()));
    (balancer, targets)
}

/// The host: the system's SSH server with a configuration of ours, and the agent of Systems Manager.
fn hosts(
    valid: &ValidBastion,
    door: &Door<'_>,
    group: &Ref<SecurityGroup>,
    targets: &Ref<TargetGroup>,
    databases: &[DatabaseInAws],
    cx: &mut AwsContext<'_>,
) -> Ref<AutoScalingGroup> {
    let at = valid.at.clone();
    let sealed = [host_key(valid, cx)];
    let logs = cx.log_group(LAYER, "Logs", &at);
    let about = format!("Bastion {} of {} ({})", cx.name, cx.processes.deployment, cx.environment);
    let bastion = sshd::Bastion { about: &about, port: door.port, people: &valid.people, databases };
    let files = sshd::files(&bastion, &cx.next_id("Hosts", &at), &logs, &sealed);
    let people: Vec<HostUser> = valid.people.iter().map(|(name, _)| HostUser { name: name.clone() }).collect();
    aws_host::add(
        &Hosts {
            layer: LAYER,
            part: "",
            about: &about,
            too_long: (at.key("people"), "let fewer people in, or make another bastion for some of them"),
            machine: Machine::SMALLEST,
            network: door.network,
            group,
            logs: &logs,
            sealed: &sealed,
            releases: None,
            rights: Vec::new(),
            files: &files,
            people: &people,
            count: 1,
            overlaps: true,
            start_seconds: 60,
            targets: Some(targets),
        },
        cx,
    )
}

/// The place of the host key: made once, so that clients know the bastion whichever host it is.
fn host_key(valid: &ValidBastion, cx: &mut AwsContext<'_>) -> Sealed {
    let processes = cx.processes;
    let node = NodeId::new(format!("{}/host-key", cx.name));
    if let Some(NodeSpec::Secret(spec)) = processes.nodes.get(&node).map(|node| &node.spec) {
        cx.secret("host-key", &valid.at, format!("The host key of {}", cx.name), &node, spec);
    }
    let key = TemplateValue::Text(Text::hole(Atom::Secret(node, SecretPart::Value)));
    let file = FileSpec {
        name: "host-key".to_owned(),
        template_name: "host-key".to_owned(),
        template: "{{ key | openssh_private_key }}".to_owned(),
        context: [("key".to_owned(), key)].into_iter().collect(),
        mode: 0o600,
    };
    let about = format!("The host key of {}, as its SSH server reads it", cx.name);
    Sealed::add("file-host-key", &valid.at, about, sshd::HOST_KEY, file, cx)
}
