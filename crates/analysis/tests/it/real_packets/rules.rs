//! The filters of a VPC as nftables chains: stateless ones for network ACLs, stateful ones for security groups,
//! translation one to one for public addresses.

use super::lab::{addresses, end, nat_address, public_address};
use crate::walker::{Block, Kind, Peer, Rule, World};
use std::fmt::Write as _;
use std::net::IpAddr;

/// What a NAT gateway does.
pub(super) fn masquerade(own: IpAddr) -> String {
    format!("table ip gateway {{\n chain out {{\n  type nat hook postrouting priority 100;\n  snat to {own}\n }}\n}}\n")
}

fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "ip" } else { "ip6" }
}

/// Who has a public IPv4 address: private address, whether it has one.
fn publicity(world: &World, vpc: usize) -> Vec<(IpAddr, bool)> {
    let mut all = Vec::new();
    for (index, host) in world.hosts.iter().enumerate() {
        let subnet = &world.subnets[host.subnets[0]];
        let is_public = match host.kind {
            Kind::Instance { has_elastic_address, .. } => has_elastic_address || subnet.gives_public,
            Kind::Balancer { is_internal, .. } => !is_internal,
            Kind::Endpoint => false,
        };
        if subnet.vpc == vpc {
            all.push((addresses(world, index)[0], is_public && world.vpcs[vpc].has_gateway));
        }
    }
    for (index, nat) in world.nats.iter().enumerate().filter(|(_, nat)| world.subnets[nat.subnet].vpc == vpc) {
        all.push((nat_address(world, index), nat.is_public && world.vpcs[vpc].has_gateway));
    }
    all
}

pub(super) fn filters(world: &World, vpc: usize) -> String {
    let mut out = String::from("table inet world {\n");
    let (mut before, mut after, mut stateless, mut stateful) =
        (String::new(), String::new(), String::new(), String::new());
    for (private, is_public) in publicity(world, vpc) {
        match public_address(vpc, private).filter(|_| is_public) {
            Some(public) => {
                let _ = writeln!(before, "  iifname \"vo\" ip daddr {public} dnat ip to {private}");
                let _ = writeln!(after, "  oifname \"vo\" ip saddr {private} snat ip to {public}");
            }
            None => {
                let _ = writeln!(stateless, "  oifname \"vo\" ip saddr {private} drop");
            }
        }
    }
    if !world.vpcs[vpc].has_gateway {
        stateless.push_str("  iifname \"vo\" ct direction original drop\n");
    }
    // An egress-only gateway carries answers to connections from inside, and no others.
    stateless.push_str("  oifname \"veo\" ct direction reply drop\n");
    for (index, host) in world.hosts.iter().enumerate() {
        if let (Kind::Balancer { is_internal: true, .. }, Some(address)) = (&host.kind, addresses(world, index).get(1))
        {
            let _ = writeln!(stateless, "  iifname \"vo\" ip6 daddr {address} drop");
        }
    }
    for (index, subnet) in world.subnets.iter().enumerate().filter(|(_, subnet)| subnet.vpc == vpc) {
        let Some(acl) = subnet.acl else { continue };
        acl_chains(&mut out, world, index, acl);
        let mut cables: Vec<String> = Vec::new();
        let hosts = world.hosts.iter().enumerate().filter(|(_, host)| host.subnets[0] == index);
        cables.extend(hosts.map(|(host, _)| format!("\"vh{host}\"")));
        let nats = world.nats.iter().enumerate().filter(|(_, nat)| nat.subnet == index);
        cables.extend(nats.map(|(nat, _)| format!("\"vn{nat}\"")));
        if cables.is_empty() {
            continue;
        }
        let own = format!("{{ {} }}", cables.join(", "));
        let _ = writeln!(stateless, "  iifname {own} oifname != {own} jump acl_out{index}");
        let _ = writeln!(stateless, "  oifname {own} iifname != {own} jump acl_in{index}");
    }
    for (index, host) in world.hosts.iter().enumerate() {
        if world.subnets[host.subnets[0]].vpc == vpc && !host.groups.is_empty() {
            group_chains(&mut out, world, index);
            let _ = writeln!(stateful, "  iifname \"vh{index}\" jump sg_out{index}");
            let _ = writeln!(stateful, "  oifname \"vh{index}\" jump sg_in{index}");
        }
    }
    let _ = write!(
        out,
        " chain guard {{ type filter hook prerouting priority -150; policy accept;\n  iifname \"vo\" ip daddr 10.0.0.0/8 drop\n }}\n \
         chain before {{ type nat hook prerouting priority -100; policy accept;\n{before} }}\n \
         chain after {{ type nat hook postrouting priority 100; policy accept;\n{after} }}\n \
         chain stateless {{ type filter hook forward priority -10; policy accept;\n{stateless} }}\n \
         chain stateful {{ type filter hook forward priority 0; policy accept;\n  ct state established,related accept\n{stateful} }}\n}}\n"
    );
    out
}

/// `tcp dport 1-2 `, nothing for every protocol, none for what is not about TCP.
fn ports(protocol: i16, (first, last): (u16, u16)) -> Option<String> {
    match protocol {
        -1 => Some(String::new()),
        6 => Some(format!("tcp dport {first}-{last} ")),
        _ => None,
    }
}

fn acl_chains(out: &mut String, world: &World, subnet: usize, acl: usize) {
    for (name, is_egress, side) in [("out", true, "daddr"), ("in", false, "saddr")] {
        let mut rules: Vec<_> = world.acls[acl].iter().filter(|rule| rule.is_egress == is_egress).collect();
        rules.sort_by_key(|rule| rule.number);
        let _ = writeln!(out, " chain acl_{name}{subnet} {{");
        for rule in rules {
            let Some(ports) = ports(rule.protocol, rule.ports) else { continue };
            let verdict = if rule.is_allow { "return" } else { "drop" };
            let _ = writeln!(out, "  {ports}{} {side} {} {verdict}", family(rule.block.address), rule.block);
        }
        out.push_str("  drop\n }\n");
    }
}

fn group_chains(out: &mut String, world: &World, host: usize) {
    let groups = || world.hosts[host].groups.iter().map(|group| &world.groups[*group]);
    let vpc = world.subnets[end(&world.hosts[host]).subnet].vpc;
    let _ = writeln!(out, " chain sg_in{host} {{");
    for rule in groups().flat_map(|group| &group.ingress) {
        group_rule(out, world, vpc, rule, "saddr");
    }
    let _ = writeln!(out, "  drop\n }}\n chain sg_out{host} {{");
    for group in groups() {
        match &group.egress {
            None => out.push_str("  return\n"),
            Some(rules) => rules.iter().for_each(|rule| group_rule(out, world, vpc, rule, "daddr")),
        }
    }
    out.push_str("  drop\n }\n");
}

fn group_rule(out: &mut String, world: &World, vpc: usize, rule: &Rule, side: &str) {
    let Some(ports) = ports(rule.protocol, rule.ports) else { return };
    let blocks: Vec<(IpAddr, String)> = match rule.peer {
        Peer::Block(block) => vec![(block.address, block.to_string())],
        Peer::List(list) => world.lists[list].iter().map(|block: &Block| (block.address, block.to_string())).collect(),
        // Members are known in the VPC and in those that are peered with it.
        Peer::Group(group) => (0..world.hosts.len())
            .filter(|member| {
                let other = world.subnets[world.hosts[*member].subnets[0]].vpc;
                let is_peered = world.peerings.contains(&(vpc, other)) || world.peerings.contains(&(other, vpc));
                world.hosts[*member].groups.contains(&group) && (other == vpc || is_peered)
            })
            .flat_map(|member| addresses(world, member))
            .map(|address| (address, address.to_string()))
            .collect(),
        Peer::Parameter => unreachable!("completed before"),
    };
    for (address, text) in blocks {
        let _ = writeln!(out, "  {ports}{} {side} {text} return", family(address));
    }
}
