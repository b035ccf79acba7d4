//! Small networks and a walker that sends single packets through them: simple, slow, obviously right.
//!
//! It shares nothing with the analysis. A class of packets is asked by its representatives: one packet for
//! every stretch between two numbers that any rule of the world mentions.

mod sample;
mod template;
mod world;

pub(crate) use world::{AclRule, Block, Group, Host, Kind, Nat, Peer, Route, Rule, Subnet, Target, To, Vpc, World};

use std::net::IpAddr;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet {
    pub(crate) source: IpAddr,
    /// The client's; a NAT gateway keeps it.
    pub(crate) source_port: u16,
    pub(crate) destination: IpAddr,
    pub(crate) port: u16,
    pub(crate) protocol: i16,
}

/// An interface: a host's in one of its subnets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End<'w> {
    pub(crate) host: &'w Host,
    pub(crate) subnet: usize,
}

/// Whether packets of a class get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Found {
    None,
    Some,
    All,
}

impl Found {
    /// Of two classes that together are one.
    pub(crate) fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Some }
    }
}

/// How packets go from one VPC to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Inside,
    Peering,
    Transit,
    Internet,
}

impl World {
    // What a packet meets.

    fn vpc_of(&self, end: End<'_>) -> usize {
        self.subnets[end.subnet].vpc
    }

    fn acl_allows(&self, subnet: usize, is_egress: bool, address: IpAddr, port: u16, protocol: i16) -> bool {
        let Some(acl) = self.subnets[subnet].acl else { return true };
        let rules = self.acls[acl].iter().filter(|rule| {
            let is_port = rule.protocol == -1 || (rule.ports.0 <= port && port <= rule.ports.1);
            rule.is_egress == is_egress
                && (rule.protocol == -1 || rule.protocol == protocol)
                && is_port
                && rule.block.contains(address)
        });
        rules.min_by_key(|rule| rule.number).is_some_and(|rule| rule.is_allow)
    }

    fn matches(&self, rule: &Rule, address: IpAddr, partner: Option<&Host>, packet: Packet) -> bool {
        let is_port = rule.protocol == -1 || (rule.ports.0 <= packet.port && packet.port <= rule.ports.1);
        (rule.protocol == -1 || rule.protocol == packet.protocol)
            && is_port
            && match rule.peer {
                Peer::Block(block) => block.contains(address),
                Peer::List(list) => self.lists[list].iter().any(|block| block.contains(address)),
                Peer::Group(group) => partner.is_some_and(|partner| partner.groups.contains(&group)),
                Peer::Parameter => unreachable!("completed before"),
            }
    }

    /// A partner is somebody whose groups count.
    fn lets_in(&self, to: End<'_>, from: Option<&Host>, packet: Packet) -> bool {
        to.host.groups.is_empty()
            || to.host.groups.iter().any(|group| {
                self.groups[*group].ingress.iter().any(|rule| self.matches(rule, packet.source, from, packet))
            })
    }

    fn lets_out(&self, from: End<'_>, to: Option<&Host>, packet: Packet) -> bool {
        from.host.groups.is_empty()
            || from.host.groups.iter().any(|group| match &self.groups[*group].egress {
                None => true,
                Some(rules) => rules.iter().any(|rule| self.matches(rule, packet.destination, to, packet)),
            })
    }

    /// Where a subnet sends packets for an address outside of its VPC.
    pub(crate) fn route(&self, subnet: usize, address: IpAddr) -> Option<Target> {
        let vpc = self.subnets[subnet].vpc;
        let table = &self.tables[self.subnets[subnet].table?];
        let mut best: Option<(u8, Target)> = None;
        for route in table.iter().filter(|route| self.can_stand(vpc, route)) {
            let one;
            let blocks = match route.to {
                To::Block(block) => {
                    one = [block];
                    &one[..]
                }
                To::List(list) => &self.lists[list],
            };
            for block in blocks {
                if block.contains(address) && best.is_none_or(|(length, _)| block.length > length) {
                    best = Some((block.length, route.target));
                }
            }
        }
        best.map(|(_, target)| target)
    }

    /// How a subnet's packets get to an address of another VPC.
    fn link(&self, subnet: usize, to_vpc: usize, address: IpAddr) -> Option<Link> {
        let vpc = self.subnets[subnet].vpc;
        match self.route(subnet, address)? {
            Target::Peering(peering) => {
                let (one, other) = self.peerings[peering];
                ([one, other] == [vpc, to_vpc] || [other, one] == [vpc, to_vpc]).then_some(Link::Peering)
            }
            // Attachments carry IPv6 only when they are told to.
            Target::Transit => (address.is_ipv4() && self.transit.contains(&vpc) && self.transit.contains(&to_vpc))
                .then_some(Link::Transit),
            // Addresses of IPv6 are public ones.
            Target::Gateway => (!address.is_ipv4() && self.vpcs[vpc].has_gateway).then_some(Link::Internet),
            Target::EgressOnly => (!address.is_ipv4()).then_some(Link::Internet),
            Target::Nat(_) => None,
        }
    }

    fn is_public(&self, end: End<'_>) -> bool {
        match end.host.kind {
            Kind::Instance { has_elastic_address, .. } => has_elastic_address || self.subnets[end.subnet].gives_public,
            Kind::Balancer { is_internal, .. } => !is_internal,
            Kind::Endpoint => false,
        }
    }

    pub(crate) fn has_v6(&self, end: End<'_>) -> bool {
        self.subnets[end.subnet].v6.is_some()
            && match end.host.kind {
                Kind::Instance { asks_v6, .. } => asks_v6 || self.subnets[end.subnet].gives_v6,
                Kind::Balancer { is_dual, .. } => is_dual,
                Kind::Endpoint => false,
            }
    }

    /// Whether the internet can begin a connection to the interface's own address, and its answers leave.
    fn is_exposed(&self, end: End<'_>, outside: IpAddr) -> bool {
        let may = if outside.is_ipv4() {
            self.is_public(end)
        } else {
            self.has_v6(end) && !matches!(end.host.kind, Kind::Balancer { is_internal: true, .. })
        };
        may && self.vpcs[self.vpc_of(end)].has_gateway && self.route(end.subnet, outside) == Some(Target::Gateway)
    }

    /// The ACL of a subnet for a connection that comes in, and its answers.
    fn acl_in(&self, subnet: usize, packet: Packet) -> bool {
        self.acl_allows(subnet, false, packet.source, packet.port, packet.protocol)
            && self.acl_allows(subnet, true, packet.source, packet.source_port, packet.protocol)
    }

    /// The ACL of a subnet for a connection that goes out, and its answers.
    fn acl_out(&self, subnet: usize, packet: Packet) -> bool {
        self.acl_allows(subnet, true, packet.destination, packet.port, packet.protocol)
            && self.acl_allows(subnet, false, packet.destination, packet.source_port, packet.protocol)
    }

    fn crosses(&self, from: usize, to: usize, packet: Packet) -> bool {
        from == to || (self.acl_out(from, packet) && self.acl_in(to, packet))
    }

    // The walks.

    /// Between two interfaces, by the addresses of their own.
    pub(crate) fn between(&self, from: End<'_>, to: End<'_>, packet: Packet) -> bool {
        let (from_vpc, to_vpc) = (self.vpc_of(from), self.vpc_of(to));
        let (there, back) = if from_vpc == to_vpc {
            (Link::Inside, Link::Inside)
        } else {
            let links =
                (self.link(from.subnet, to_vpc, packet.destination), self.link(to.subnet, from_vpc, packet.source));
            let (Some(there), Some(back)) = links else { return false };
            (there, back)
        };
        // Over the internet the answers go back the same way, and only to who may be talked to.
        let is_way = match (there, back) {
            (Link::Internet, Link::Internet) => self.is_exposed(to, packet.source),
            (Link::Internet, _) | (_, Link::Internet) => false,
            _ => true,
        };
        // Groups know each other inside of a VPC and over a peering connection.
        let knows = matches!(there, Link::Inside | Link::Peering);
        is_way
            && self.lets_out(from, knows.then_some(to.host), packet)
            && self.crosses(from.subnet, to.subnet, packet)
            && self.lets_in(to, knows.then_some(from.host), packet)
    }

    /// From a load balancer to a target that sees the client's address.
    pub(crate) fn passed_on(&self, from: End<'_>, to: End<'_>, packet: Packet) -> bool {
        self.lets_out(from, Some(to.host), packet)
            && self.crosses(from.subnet, to.subnet, packet)
            && self.lets_in(to, Some(from.host), packet)
    }

    /// From the internet to an interface's public address.
    pub(crate) fn internet_to(&self, to: End<'_>, packet: Packet) -> bool {
        self.is_exposed(to, packet.source) && self.acl_in(to.subnet, packet) && self.lets_in(to, None, packet)
    }

    pub(crate) fn to_internet(&self, from: End<'_>, packet: Packet) -> bool {
        let leaves = self.lets_out(from, None, packet) && self.acl_out(from.subnet, packet);
        let is_v4 = packet.destination.is_ipv4();
        leaves
            && match self.route(from.subnet, packet.destination) {
                Some(Target::Gateway) => {
                    let may = if is_v4 { self.is_public(from) } else { self.has_v6(from) };
                    may && self.vpcs[self.vpc_of(from)].has_gateway
                }
                Some(Target::EgressOnly) => !is_v4 && self.has_v6(from),
                Some(Target::Nat(nat)) => is_v4 && self.over_nat(from, &self.nats[nat], packet),
                // Neither leads further than to its own networks.
                Some(Target::Peering(_) | Target::Transit) | None => false,
            }
    }

    fn over_nat(&self, from: End<'_>, nat: &Nat, packet: Packet) -> bool {
        nat.is_public
            && self.route(nat.subnet, packet.destination) == Some(Target::Gateway)
            && self.vpcs[self.subnets[nat.subnet].vpc].has_gateway
            && self.acl_out(nat.subnet, packet)
            && (nat.subnet == from.subnet || self.acl_in(nat.subnet, packet))
    }
}
