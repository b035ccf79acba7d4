//! Random small networks.

use crate::walker::{AclRule, Block, Group, Host, Kind, Nat, Peer, Route, Rule, Subnet, Target, To, Vpc, World};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

/// How likely things are that a template alone does not say: what stands under a condition, a parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gaps(pub(crate) f64);

/// A number that counts round a list of whatever length; it shrinks to the first.
type Index = u8;

fn at(index: Index, count: usize) -> usize {
    usize::from(index) % count
}

fn v4_block() -> impl Strategy<Value = Block> {
    prop_oneof![
        4 => Just(Block::v4([0, 0, 0, 0], 0)),
        2 => Just(Block::v4([10, 0, 0, 0], 8)),
        2 => Just(Block::v4([10, 0, 0, 0], 16)),
        2 => Just(Block::v4([10, 0, 1, 0], 24)),
        2 => Just(Block::v4([10, 0, 1, 128], 25)),
        1 => Just(Block::v4([10, 0, 2, 16], 28)),
        1 => Just(Block::v4([10, 1, 0, 0], 16)),
        1 => Just(Block::v4([10, 1, 2, 0], 24)),
        1 => Just(Block::v4([10, 100, 0, 0], 16)),
        1 => Just(Block::v4([203, 0, 113, 0], 24)),
        1 => Just(Block::v4([128, 0, 0, 0], 1)),
    ]
}

fn block() -> impl Strategy<Value = Block> {
    prop_oneof![
        5 => v4_block(),
        2 => Just(EVERY_V6),
        1 => Just(Block::v6(0, 0, 56)),
        1 => Just(Block::v6(0, 1, 64)),
        1 => Just(Block::v6(0x100, 0, 56)),
    ]
}

const EVERY_V6: Block = Block { address: IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED), length: 0 };

fn ports() -> impl Strategy<Value = (u16, u16)> {
    prop_oneof![
        4 => Just((0, 65535)),
        2 => Just((443, 443)),
        2 => Just((22, 443)),
        1 => Just((5432, 5432)),
        3 => Just((1024, 65535)),
        1 => Just((32768, 60999)),
        1 => Just((0, 1023)),
    ]
}

fn protocol() -> impl Strategy<Value = i16> {
    prop_oneof![2 => Just(-1), 4 => Just(6), 1 => Just(17)]
}

/// Lists and groups are named by numbers that count round.
fn rule(gaps: Gaps) -> impl Strategy<Value = Rule> {
    let parameter = if gaps.0 > 0.0 { 3 } else { 0 };
    let peer = prop_oneof![
        6 => block().prop_map(Peer::Block),
        4 => any::<Index>().prop_map(|index| Peer::Group(index.into())),
        1 => any::<Index>().prop_map(|index| Peer::List(index.into())),
        parameter => Just(Peer::Parameter),
    ];
    (protocol(), ports(), peer, prop::bool::weighted(gaps.0)).prop_map(|(protocol, ports, peer, is_conditional)| Rule {
        protocol,
        ports,
        peer,
        is_conditional,
    })
}

fn acl(gaps: Gaps) -> impl Strategy<Value = Vec<AclRule>> {
    let one = (any::<bool>(), prop::bool::weighted(0.8), protocol(), ports(), block(), prop::bool::weighted(gaps.0));
    proptest::collection::vec(one, 0..8).prop_map(|rules| {
        let mut rules: Vec<AclRule> = rules
            .into_iter()
            .zip(1_u16..)
            .map(|((is_egress, is_allow, protocol, ports, block, is_conditional), position)| AclRule {
                // Written in another order than that of their numbers.
                number: 100 - position,
                is_egress,
                is_allow,
                protocol,
                ports,
                block,
                is_conditional,
            })
            .collect();
        if !rules.is_empty() {
            rules.rotate_left(1);
        }
        rules
    })
}

fn route(gaps: Gaps) -> impl Strategy<Value = Route> {
    let target = prop_oneof![
        4 => Just(Target::Gateway),
        1 => Just(Target::EgressOnly),
        2 => any::<bool>().prop_map(|second| Target::Nat(second.into())),
        3 => any::<bool>().prop_map(|second| Target::Peering(second.into())),
        2 => Just(Target::Transit),
    ];
    let to = prop_oneof![
        6 => Just(Block::v4([0, 0, 0, 0], 0)),
        1 => Just(Block::v4([128, 0, 0, 0], 1)),
        1 => Just(Block::v4([203, 0, 113, 0], 24)),
        3 => Just(Block::v4([10, 1, 0, 0], 16)),
        3 => Just(Block::v4([10, 0, 0, 0], 16)),
        1 => Just(Block::v4([10, 1, 2, 0], 24)),
        2 => Just(Block::v4([10, 0, 0, 0], 8)),
        1 => Just(Block::v4([10, 2, 0, 0], 16)),
        4 => Just(EVERY_V6),
        1 => Just(Block::v6(0, 0, 40)),
        1 => Just(Block::v6(0x100, 0, 56)),
    ];
    let to = prop_oneof![12 => to.prop_map(To::Block), 1 => Just(To::List(0))];
    (to, target, prop::bool::weighted(gaps.0)).prop_map(|(to, target, is_conditional)| Route {
        to,
        target,
        is_conditional,
    })
}

/// Who stands where: subnets and groups count round those of the VPC.
#[derive(Debug, Clone)]
struct Seat {
    subnet: Index,
    groups: Vec<Index>,
}

fn seat() -> impl Strategy<Value = Seat> {
    (any::<Index>(), prop::collection::vec(any::<Index>(), 0..3)).prop_map(|(subnet, groups)| Seat { subnet, groups })
}

fn balancer() -> impl Strategy<Value = (Kind, Index)> {
    let flags = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.3), any::<bool>());
    let keeps = prop::option::weighted(0.4, any::<bool>());
    (flags, keeps, any::<Index>(), prop_oneof![Just(443), Just(5432)]).prop_map(
        |((is_application, is_internal, is_dual, is_by_instance), keeps_client, target, port)| {
            let kind = Kind::Balancer {
                is_application,
                is_internal,
                is_dual,
                targets: vec![target.into()],
                port,
                is_by_instance,
                keeps_client,
            };
            (kind, target)
        },
    )
}

pub(crate) fn world(gaps: Gaps) -> impl Strategy<Value = World> {
    let vpc = (prop::bool::weighted(0.8), prop::bool::weighted(0.2), prop::bool::weighted(0.4), any::<bool>());
    let subnet = (
        any::<Index>(),
        prop::bool::weighted(0.5),
        any::<bool>(),
        prop::bool::weighted(0.2),
        prop::option::weighted(0.9, any::<Index>()),
        prop::option::weighted(0.4, any::<Index>()),
    );
    let group = (
        any::<Index>(),
        prop::collection::vec(rule(gaps), 0..5),
        prop::option::weighted(0.3, prop::collection::vec(rule(gaps), 1..4)),
    );
    let instance = (seat(), prop::bool::weighted(0.3), any::<bool>(), prop::option::weighted(0.3, 4_u8..250));
    (
        prop::collection::vec(vpc, 1..=3),
        prop::collection::vec(prop::collection::vec(v4_block(), 1..3), 0..=1),
        prop::collection::vec(subnet, 1..=5),
        prop::collection::vec(prop::collection::vec(route(gaps), 0..5), 1..=3),
        prop::collection::vec(acl(gaps), 1..=2),
        prop::collection::vec(group, 1..=4),
        prop::collection::vec((any::<Index>(), prop::bool::weighted(0.9)), 0..=2),
        prop::collection::vec((any::<Index>(), any::<Index>()), 0..=2),
        prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(any::<Index>(), 2..=3)],
        prop::collection::vec(instance, 1..=3),
        (
            prop::option::weighted(0.35, (seat(), balancer(), any::<Index>())),
            prop::option::weighted(0.2, (seat(), any::<Index>())),
            [
                prop::bool::weighted(0.3),
                prop::bool::weighted(0.3),
                prop::bool::weighted(0.3),
                prop::bool::weighted(0.2),
            ],
        ),
    )
        .prop_map(|(vpcs, lists, subnets, tables, acls, groups, nats, peerings, transit, instances, others)| {
            let (balancer, endpoint, arranged) = others;
            let mut world = World { lists, acls, ..World::default() };
            for (second, (has_gateway, has_second_block, has_v6, has_egress_only)) in (0_u8..).zip(vpcs) {
                let mut blocks = vec![Block::v4([10, second, 0, 0], 16)];
                blocks.extend(has_second_block.then_some(Block::v4([10, 100 + second, 0, 0], 16)));
                let v6 = has_v6.then_some(Block::v6(u16::from(second) << 8, 0, 56));
                world.vpcs.push(Vpc { blocks, v6, has_gateway, has_egress_only });
            }
            for (third, (vpc, gives_public, gives_v6, is_second_block, table, acl)) in (1_u8..).zip(subnets) {
                let vpc = at(vpc, world.vpcs.len());
                let own = &world.vpcs[vpc];
                let of = if is_second_block { *own.blocks.last().unwrap() } else { own.blocks[0] };
                let IpAddr::V4(of) = of.address else { unreachable!() };
                let [a, b, ..] = of.octets();
                world.subnets.push(Subnet {
                    vpc,
                    block: Block::v4([a, b, third, 0], 24),
                    v6: own.v6.map(|_| Block::v6(u16::try_from(vpc).unwrap() << 8, third.into(), 64)),
                    gives_public,
                    gives_v6,
                    table: table.map(|table| at(table, tables.len())),
                    acl: acl.map(|acl| at(acl, world.acls.len())),
                });
            }
            // A table has one route for one block.
            let unique = |routes: Vec<Route>| -> Vec<Route> {
                routes.into_iter().map(|route| (route.to, route)).collect::<BTreeMap<_, _>>().into_values().collect()
            };
            world.tables = tables.into_iter().map(unique).collect();
            for (subnet, is_public) in nats {
                world.nats.push(Nat { subnet: at(subnet, world.subnets.len()), is_public });
            }
            let count = world.vpcs.len();
            let mut pairs: Vec<_> =
                peerings.into_iter().map(|(one, other)| (at(one, count), at(other, count))).collect();
            // Two VPCs have one connection at the most.
            pairs.retain(|(one, other)| one != other);
            pairs.sort_unstable_by_key(|(one, other)| (*one.min(other), *one.max(other)));
            pairs.dedup_by_key(|(one, other)| (*one.min(other), *one.max(other)));
            world.peerings = pairs;
            let attached: BTreeSet<usize> = transit.into_iter().map(|vpc| at(vpc, count)).collect();
            world.transit = attached.into_iter().collect();
            let all_groups = groups.len() + count;
            let named = |rules: Vec<Rule>, lists: usize| -> Vec<Rule> {
                let rules = rules.into_iter().map(|mut rule| {
                    match &mut rule.peer {
                        Peer::Group(group) => *group %= all_groups,
                        Peer::List(list) if lists > 0 => *list %= lists,
                        Peer::List(_) => rule.peer = Peer::Block(Block::v4([10, 0, 0, 0], 8)),
                        Peer::Block(_) | Peer::Parameter => {}
                    }
                    rule
                });
                rules.collect()
            };
            for (vpc, ingress, egress) in groups {
                let (ingress, egress) =
                    (named(ingress, world.lists.len()), egress.map(|rules| named(rules, world.lists.len())));
                world.groups.push(Group { vpc: at(vpc, count), is_default: false, ingress, egress });
            }
            for vpc in 0..count {
                let peer = Peer::Group(world.groups.len());
                let ingress = vec![Rule { protocol: -1, ports: (0, 65535), peer, is_conditional: false }];
                world.groups.push(Group { vpc, is_default: true, ingress, egress: None });
            }
            for (seat, has_elastic_address, asks_v6, host) in instances {
                let (subnet, groups) = world.sit(&seat);
                let IpAddr::V4(network) = world.subnets[subnet].block.address else { unreachable!() };
                let [a, b, c, _] = network.octets();
                let address = host.map(|host| Ipv4Addr::new(a, b, c, host));
                let kind = Kind::Instance { has_elastic_address, asks_v6, address };
                world.hosts.push(Host { kind, subnets: vec![subnet], groups });
            }
            let instances = world.hosts.len();
            if let Some((seat, (mut kind, target), second)) = balancer {
                let (first, groups) = world.sit(&seat);
                let subnets = world.two_subnets(first, second);
                let target = at(target, instances);
                let vpc = world.subnets[first].vpc;
                // Targets stand in the balancer's VPC.
                let is_there = world.subnets[world.hosts[target].subnets[0]].vpc == vpc;
                let is_network = matches!(kind, Kind::Balancer { is_application: false, .. });
                if let Kind::Balancer { targets, is_dual, .. } = &mut kind {
                    *targets = if is_there { vec![target] } else { Vec::new() };
                    *is_dual &= world.vpcs[vpc].v6.is_some();
                }
                let is_default = groups.iter().all(|group| world.groups[*group].is_default);
                let groups = if is_network && is_default { Vec::new() } else { groups };
                world.hosts.push(Host { kind, subnets, groups });
            }
            if let Some((seat, second)) = endpoint {
                let (first, groups) = world.sit(&seat);
                let subnets = world.two_subnets(first, second);
                world.hosts.push(Host { kind: Kind::Endpoint, subnets, groups });
            }
            world.arrange(arranged);
            world
        })
}

impl World {
    /// What chance alone seldom brings together: a NAT gateway with a way out, routes on both sides of a link,
    /// an egress-only gateway in use, a rule that lets many in.
    fn arrange(&mut self, [nat, link, egress_only, open]: [bool; 4]) {
        let set = |routes: &mut Vec<Route>, to: Block, target: Target| {
            routes.retain(|route| route.to != To::Block(to));
            routes.push(Route { to: To::Block(to), target, is_conditional: false });
        };
        let everyone = Block::v4([0, 0, 0, 0], 0);
        if nat && !self.nats.is_empty() && self.tables.len() > 1 {
            let subnet = self.nats[0].subnet;
            let vpc = self.subnets[subnet].vpc;
            self.vpcs[vpc].has_gateway = true;
            set(&mut self.tables[0], everyone, Target::Gateway);
            set(&mut self.tables[1], everyone, Target::Nat(0));
            for other in self.subnets.iter_mut().filter(|other| other.vpc == vpc) {
                other.table = Some(1);
            }
            self.subnets[subnet].table = Some(0);
        }
        if link {
            let target = if self.peerings.is_empty() { Target::Transit } else { Target::Peering(0) };
            for second in 0..u8::try_from(self.vpcs.len()).unwrap() {
                for routes in &mut self.tables {
                    set(routes, Block::v4([10, second, 0, 0], 16), target);
                }
            }
        }
        if egress_only {
            for vpc in &mut self.vpcs {
                vpc.has_egress_only = true;
            }
            set(&mut self.tables[0], EVERY_V6, Target::EgressOnly);
        }
        if open {
            for peer in [everyone, EVERY_V6].map(Peer::Block) {
                self.groups[0].ingress.push(Rule { protocol: -1, ports: (0, 65535), peer, is_conditional: false });
            }
        }
    }

    /// A subnet, and groups of its VPC: the default one when no other is asked for.
    fn sit(&self, seat: &Seat) -> (usize, Vec<usize>) {
        let subnet = at(seat.subnet, self.subnets.len());
        let vpc = self.subnets[subnet].vpc;
        let own: Vec<usize> = (0..self.groups.len())
            .filter(|group| self.groups[*group].vpc == vpc && !self.groups[*group].is_default)
            .collect();
        let mut groups: BTreeSet<usize> = BTreeSet::new();
        if !own.is_empty() {
            groups.extend(seat.groups.iter().map(|group| own[at(*group, own.len())]));
        }
        if groups.is_empty() {
            groups.extend(
                (0..self.groups.len()).filter(|group| self.groups[*group].vpc == vpc && self.groups[*group].is_default),
            );
        }
        (subnet, groups.into_iter().collect())
    }

    fn two_subnets(&self, first: usize, second: Index) -> Vec<usize> {
        let vpc = self.subnets[first].vpc;
        let own: Vec<usize> = (0..self.subnets.len()).filter(|subnet| self.subnets[*subnet].vpc == vpc).collect();
        let both: BTreeSet<usize> = [first, own[at(second, own.len())]].into();
        both.into_iter().collect()
    }
}
