//! Changes to a sound network, one at a time: every change that opens or closes something is caught by the
//! guarantee "exactly the stated edges". What a change does is said by the walker, not by the analysis.

use crate::walker::{AclRule, Block, Found, Group, Instance, Peer, Route, Rule, Subnet, Target, Vpc, World};
use analysis::reachability::{Options, Outcome, StatedEdge, prove};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

const EVERYONE: Block = (Ipv4Addr::new(0, 0, 0, 0), 0);
const OFFICE: Block = (Ipv4Addr::new(203, 0, 113, 0), 24);
const INSIDE: Block = (Ipv4Addr::new(10, 0, 0, 0), 16);
const PORTS: [u16; 5] = [22, 443, 5432, 8080, 9999];

fn tcp(port: u16, peer: Peer) -> Rule {
    Rule { protocol: 6, ports: (port, port), peer }
}

fn acl_rule(number: u16, is_egress: bool, ports: (u16, u16), block: Block) -> AclRule {
    AclRule { number, is_egress, is_allow: true, protocol: 6, ports, block }
}

/// Edge, application, database, jump host; the database behind an ACL of its own.
fn sound() -> World {
    let subnet = |third, table, acl| Subnet {
        vpc: 0,
        block: (Ipv4Addr::new(10, 0, third, 0), 24),
        gives_public: false,
        table,
        acl,
    };
    let instance = |subnet, group, has_elastic_address| Instance {
        subnet,
        groups: vec![group],
        has_elastic_address,
        address: None,
    };
    let app: Block = (Ipv4Addr::new(10, 0, 2, 0), 24);
    World {
        vpcs: vec![Vpc { block: INSIDE, has_gateway: true }],
        subnets: vec![subnet(1, Some(0), None), subnet(2, Some(1), None), subnet(3, None, Some(0))],
        tables: vec![
            vec![Route { to: EVERYONE, target: Target::Gateway }],
            vec![Route { to: EVERYONE, target: Target::Nat }],
        ],
        acls: vec![vec![acl_rule(100, false, (5432, 5432), app), acl_rule(100, true, (1024, 65535), app)]],
        groups: vec![
            Group { ingress: vec![tcp(443, Peer::Block(EVERYONE))], egress: Some(vec![tcp(8080, Peer::Group(1))]) },
            Group { ingress: vec![tcp(8080, Peer::Group(0)), tcp(22, Peer::Group(3))], egress: None },
            Group { ingress: vec![tcp(5432, Peer::Group(1))], egress: Some(vec![tcp(9999, Peer::Group(2))]) },
            Group { ingress: vec![tcp(22, Peer::Block(OFFICE))], egress: Some(vec![tcp(22, Peer::Group(1))]) },
        ],
        instances: vec![instance(0, 0, true), instance(1, 1, false), instance(2, 2, false), instance(0, 3, true)],
        nat: Some(0),
        has_peering: false,
    }
}

/// Everything that is open, by the walker.
fn open(world: &World) -> BTreeSet<(String, String)> {
    let mut open = BTreeSet::new();
    let internet = world.internet();
    for (number, to) in world.instances.iter().enumerate() {
        let addresses = world.of_instance(to);
        for port in PORTS {
            let column = format!("I{number}:{port}");
            if world.ask(&internet, &addresses, port, 6, |packet| world.internet_to(to, packet)) != Found::None {
                open.insert(("internet-v4".to_owned(), column.clone()));
            }
            for (other, from) in world.instances.iter().enumerate().filter(|(other, _)| *other != number) {
                let sources = world.of_instance(from);
                let inside = world.ask(&sources, &addresses, port, 6, |packet| world.between(from, to, packet));
                if inside != Found::None {
                    open.insert((format!("I{other}"), column.clone()));
                }
            }
            if world.ask(&addresses, &internet, port, 6, |packet| world.to_internet(to, packet)) != Found::None {
                open.insert((format!("I{number}"), format!("internet:{port}")));
            }
        }
    }
    open
}

fn mutants(base: &World) -> Vec<(String, World)> {
    let mut all: Vec<(String, World)> = Vec::new();
    let mut add = |name: String, change: &dyn Fn(&mut World)| {
        let mut world = base.clone();
        change(&mut world);
        all.push((name, world));
    };
    for group in 0..base.groups.len() {
        let peers = [
            Peer::Block(EVERYONE),
            Peer::Block(INSIDE),
            Peer::Group(0),
            Peer::Group(1),
            Peer::Group(2),
            Peer::Group(3),
        ];
        for peer in peers {
            for port in [22, 5432, 9999] {
                add(format!("ingress {port} from {peer:?} into G{group}"), &|world| {
                    world.groups[group].ingress.push(tcp(port, peer.clone()));
                });
            }
            add(format!("egress to {peer:?} out of G{group}"), &|world| {
                let rules = world.groups[group].egress.get_or_insert_with(Vec::new);
                rules.push(Rule { protocol: 6, ports: (0, 65535), peer: peer.clone() });
            });
        }
        add(format!("default egress of G{group}"), &|world| world.groups[group].egress = None);
        add(format!("no egress of G{group}"), &|world| {
            world.groups[group].egress = Some(vec![tcp(1, Peer::Group(group))]);
        });
        for rule in 0..base.groups[group].ingress.len() {
            add(format!("G{group} without rule {rule}"), &|world| {
                world.groups[group].ingress.remove(rule);
            });
            add(format!("G{group} rule {rule} for all ports"), &|world| {
                world.groups[group].ingress[rule].ports = (0, 65535);
            });
            add(format!("G{group} rule {rule} for everyone"), &|world| {
                world.groups[group].ingress[rule].peer = Peer::Block(EVERYONE);
            });
        }
    }
    for subnet in 0..base.subnets.len() {
        for table in [None, Some(0), Some(1)] {
            add(format!("S{subnet} with table {table:?}"), &|world| world.subnets[subnet].table = table);
        }
        for acl in [None, Some(0)] {
            add(format!("S{subnet} with ACL {acl:?}"), &|world| world.subnets[subnet].acl = acl);
        }
        add(format!("S{subnet} gives public addresses"), &|world| world.subnets[subnet].gives_public = true);
    }
    for rule in 0..base.acls[0].len() {
        add(format!("ACL without rule {rule}"), &|world| {
            world.acls[0].remove(rule);
        });
        add(format!("ACL denies in rule {rule}"), &|world| world.acls[0][rule].is_allow = false);
        add(format!("ACL rule {rule} for everyone"), &|world| world.acls[0][rule].block = EVERYONE);
        add(format!("ACL rule {rule} for all ports"), &|world| world.acls[0][rule].ports = (0, 65535));
    }
    for table in 0..base.tables.len() {
        add(format!("table {table} without routes"), &|world| world.tables[table].clear());
        add(format!("table {table} to the other gateway"), &|world| {
            let route = &mut world.tables[table][0];
            route.target = if route.target == Target::Nat { Target::Gateway } else { Target::Nat };
        });
    }
    add("no gateway".to_owned(), &|world| world.vpcs[0].has_gateway = false);
    add("NAT in a private subnet".to_owned(), &|world| world.nat = Some(1));
    for instance in 0..base.instances.len() {
        for subnet in 0..base.subnets.len() {
            add(format!("I{instance} in S{subnet}"), &|world| world.instances[instance].subnet = subnet);
        }
        for group in 0..base.groups.len() {
            add(format!("I{instance} in G{group} too"), &|world| {
                let groups = &mut world.instances[instance].groups;
                groups.push(group);
                groups.sort_unstable();
                groups.dedup();
            });
        }
        add(format!("I{instance} with its address changed"), &|world| {
            let has = &mut world.instances[instance].has_elastic_address;
            *has = !*has;
        });
    }
    all
}

#[test]
fn every_change_of_a_verdict_is_caught() {
    let base = sound();
    let truth = open(&base);
    let edges: Vec<StatedEdge> = truth
        .iter()
        .map(|(from, to)| {
            let to = if to.starts_with("internet:") { "internet-v4".to_owned() } else { to.clone() };
            StatedEdge { from: from.clone(), to, is_open: true }
        })
        .collect();
    let holds = |world: &World| {
        let options = Options { edges: Some(edges.clone()), ..Options::default() };
        let report = prove(&world.template(), "world.yaml", &options).unwrap();
        report.guarantees[0].outcome == Outcome::Holds
    };
    assert!(holds(&base), "the sound network holds");
    let (mut changed, mut caught, mut missed) = (0, 0, Vec::new());
    let all = mutants(&base);
    let count = all.len();
    let by_kind = |open: &BTreeSet<(String, String)>| -> BTreeSet<(String, String)> {
        // Which port of the internet a host reaches is no edge of its own.
        open.iter()
            .map(|(from, to)| {
                (from.clone(), if to.starts_with("internet") { "internet".to_owned() } else { to.clone() })
            })
            .collect()
    };
    for (name, world) in all {
        if by_kind(&open(&world)) == by_kind(&truth) {
            continue;
        }
        changed += 1;
        if holds(&world) { missed.push(name) } else { caught += 1 }
    }
    println!("{count} changes, {changed} change a verdict, {caught} of them caught");
    assert!(missed.is_empty(), "not caught: {missed:?}");
    assert!(count > 150 && changed > 60, "{count} changes, {changed} of them matter");
}
