//! A reverse tunnel in an account: a small host that dials the other server with the system's SSH client, and asks every minute
//! whether a query comes through.

mod unit;

use super::answer::METRIC;
use super::validate::{ValidPeer, ValidReverse, ValidTunnel};
use crate::aws_context::{
    AWS009, AlarmSpec, AwsContext, Caller, DatabaseInAws, EgressInAws, IpVersion, NetworkInAws, Other, Party, Rule,
    list, object,
};
use crate::aws_host::{self, Hosts, Machine, Sealed, allow};
use model::cfn::types::SecurityGroup;
use model::cfn::{Layer, Ref, Value};
use model::private_access::{DatabaseLogin, TunnelQuestion};
use model::process_graph::{FileSpec, NodeSpec};
use model::text::{Atom, SecretPart, TemplateValue};
use model::{NodeId, Text};
use std::net::IpAddr;

const LAYER: Layer = Layer::Service;
/// Where what the host measures is kept.
const NAMESPACE: &str = "Landfall";

/// Adds the tunnel.
pub(super) fn lower(valid: &ValidTunnel, cx: &mut AwsContext<'_>) {
    let Some(network) = cx.network() else { return };
    let Some(way) = way(valid, &network, cx) else { return };
    let group = cx.group(LAYER, "Group", &valid.at, &format!("Tunnel {}", cx.name), &network.vpc);
    let sealed = [key(valid, cx), login(valid, &way, cx)];
    let logs = cx.log_group(LAYER, "Logs", &valid.at);
    let about = format!("Tunnel {} of {} ({})", cx.name, cx.processes.deployment, cx.environment);
    let metric = format!("{}-{}-{}", cx.processes.deployment, cx.environment, cx.name);
    let tunnel = unit::Tunnel {
        about: &about,
        metric: &metric,
        server: way.server,
        listen: way.listen,
        database: &way.database,
        keep_alive_seconds: valid.keep_alive_seconds,
        interval_seconds: valid.interval_seconds,
    };
    let files = unit::files(&tunnel, &cx.next_id("Hosts", &valid.at), &logs, &sealed);
    let mut measure = allow("SayWhetherItWorks", list!["cloudwatch:PutMetricData"], Value::text("*"));
    if let model::cfn::Kind::Map(entries) = &mut measure.kind {
        let only = object! { "StringEquals": object! { "cloudwatch:namespace": NAMESPACE } };
        entries.insert("Condition".to_owned(), only);
    }
    let hosts = aws_host::add(
        &Hosts {
            layer: LAYER,
            part: "",
            about: &about,
            too_long: (valid.at.clone(), "write a shorter name"),
            machine: Machine::SMALLEST,
            network: &network,
            group: &group,
            logs: &logs,
            sealed: &sealed,
            releases: None,
            rights: vec![measure],
            files: &files,
            people: &[],
            count: 1,
            // The other server's port belongs to one: the old host lets go of it before the new one asks for it.
            overlaps: false,
            start_seconds: 60,
            targets: None,
        },
        cx,
    );
    let id = hosts.logical_id().unwrap_or_default().to_owned();
    let because = &way.said.target.1;
    cx.let_reach(&Caller { layer: LAYER, part: "", group: &group, hosts: &id, because }, &way.database);
    way_out(valid, way.server, &group, &id, cx);
    let alarm = AlarmSpec {
        about: format!("No query has come through the tunnel {} for five minutes: look at its log group", cx.name),
        namespace: NAMESPACE,
        metric: METRIC,
        dimensions: vec![("Tunnel", Value::text(metric.as_str()))],
        statistic: "Maximum",
        period_seconds: 300,
        periods: 1,
        threshold: 1,
        comparison: "LessThanThreshold",
    };
    cx.alarm(LAYER, "broken", &valid.at, &alarm);
    cx.output(LAYER, "Hosts", format!("The group of the host of {}", cx.name), hosts.value());
}

/// What a tunnel leads from and to.
struct Way<'a> {
    said: &'a ValidReverse,
    server: &'a ValidPeer,
    listen: u16,
    database: DatabaseInAws,
    login: DatabaseLogin,
}

/// The way, when an account can hold it; reports why not.
fn way<'a>(valid: &'a ValidTunnel, network: &NetworkInAws, cx: &mut AwsContext<'_>) -> Option<Way<'a>> {
    let name = cx.name;
    let Some(said) = valid.reverse() else {
        let summary = format!("{name} listens on a host of its own, which nobody reaches");
        let help = "let a service go to the other server itself, or keep this tunnel on machines of people";
        cx.refuse(&AWS009, &valid.at.key("direction"), summary, help);
        return None;
    };
    let Some((server, listen)) = &said.to else {
        let summary = format!("{name} does not say where the vendor's end is; in an account nothing stands for it");
        cx.refuse(&AWS009, &valid.at, summary, "write `to: { host: ..., user: ..., host-key: ..., listen: ... }`");
        return None;
    };
    if !matches!(network.egress, EgressInAws::Internet) {
        let summary = format!("{name} leads to {}, and its network has no way to the internet", server.host);
        cx.refuse(&AWS009, &valid.at.key("to"), summary, "write `egress: nat` at the network");
        return None;
    }
    let processes = cx.processes;
    let node = processes.nodes.get(&NodeId::new(format!("{name}/tunnel")));
    let login = node.and_then(|node| match &node.spec {
        NodeSpec::Tunnel(tunnel) => tunnel.health.as_ref().and_then(|health| match &health.question {
            TunnelQuestion::Query(login) => Some(login.clone()),
            TunnelQuestion::Http { .. } | TunnelQuestion::Connection => None,
        }),
        _ => None,
    });
    let (Some(database), Some(login)) = (cx.database(&said.target.0), login) else {
        let summary = format!("{name} leads to {}, whose hosts come and go with their addresses", said.target.0);
        cx.refuse(&AWS009, &said.target.1, summary, "let it lead to a database");
        return None;
    };
    Some(Way { said, server, listen: *listen, database, login })
}

/// The key that logs in at the other server, as its SSH client reads it.
fn key(valid: &ValidTunnel, cx: &mut AwsContext<'_>) -> Sealed {
    let processes = cx.processes;
    let node = NodeId::new(format!("{}/key", cx.name));
    if let Some(NodeSpec::Secret(spec)) = processes.nodes.get(&node).map(|node| &node.spec) {
        cx.secret("key", &valid.at, format!("The key of {}", cx.name), &node, spec);
    }
    let key = TemplateValue::Text(Text::hole(Atom::Secret(node, SecretPart::Value)));
    let template = "{{ key | openssh_private_key }}";
    sealed("key", unit::KEY, template, vec![("key", key)], valid, cx)
}

/// With what it asks whether a query comes through.
fn login(valid: &ValidTunnel, way: &Way<'_>, cx: &mut AwsContext<'_>) -> Sealed {
    let plain = |text: &str| TemplateValue::Plain(text.into());
    let protocol = if way.login.engine.speaks_mysql() { "mysql" } else { "postgres" };
    let context = vec![
        ("protocol", plain(protocol)),
        ("host", TemplateValue::Text(Text::hole(Atom::DatabaseHost(way.database.server.clone())))),
        ("port", TemplateValue::Plain(way.database.port.into())),
        ("database", plain(&way.login.database)),
        ("user", TemplateValue::Text(way.login.user.clone())),
        ("password", TemplateValue::Text(way.login.password.clone())),
    ];
    let template = "{\"protocol\": {{ protocol | json }}, \"host\": {{ host | json }}, \"port\": {{ port }}, \
                    \"database\": {{ database | json }}, \"user\": {{ user | json }}, \"password\": {{ password | json }}}";
    sealed("login", unit::LOGIN, template, context, valid, cx)
}

fn sealed(
    name: &str,
    path: &str,
    template: &str,
    context: Vec<(&str, TemplateValue)>,
    valid: &ValidTunnel,
    cx: &mut AwsContext<'_>,
) -> Sealed {
    let file = FileSpec {
        name: name.to_owned(),
        template_name: name.to_owned(),
        template: template.to_owned(),
        context: context.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        mode: 0o600,
    };
    let about = format!("The file {name} of {}", cx.name);
    Sealed::add(&format!("file-{name}"), &valid.at, about, path, file, cx)
}

/// The way to the other server: to its address when it is said, to its port everywhere when only its name is known.
fn way_out(valid: &ValidTunnel, server: &ValidPeer, group: &Ref<SecurityGroup>, hosts: &str, cx: &mut AwsContext<'_>) {
    let because = valid.at.key("to");
    let (block, version) = match server.host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => (format!("{address}/32"), IpVersion::V4),
        Ok(IpAddr::V6(address)) => (format!("{address}/128"), IpVersion::V6),
        Err(_) => ("0.0.0.0/0".to_owned(), IpVersion::V4),
    };
    let port = server.port;
    // Hosts reach HTTPS anyway, because the network says so.
    if port == 443 {
        return;
    }
    let about = format!("{} to {}", cx.name, server.host);
    let other = Other::Block(Value::text(block), version);
    cx.let_out(LAYER, "to-server", &Rule { group, other, port, about, because: &because });
    cx.way(Party::Resource(hosts.to_owned()), format!("internet-v4:{port}"), &because);
}
