//! Changes to a sound network, one at a time: every change that opens or closes something is caught by the
//! guarantee "exactly the stated edges". What a change does is said by the walker, not by the analysis.

use crate::walker::{AclRule, Block, Found, Group, Host, Kind, Nat, Peer, Route, Rule, Subnet, Target, To, Vpc, World};
use analysis::reachability::{Options, Outcome, StatedEdge, prove};
use std::collections::BTreeSet;

const EVERYONE: Block = Block::v4([0, 0, 0, 0], 0);
const OFFICE: Block = Block::v4([203, 0, 113, 0], 24);
const INSIDE: Block = Block::v4([10, 0, 0, 0], 16);
const PORTS: [u16; 5] = [22, 443, 5432, 8080, 9999];

fn tcp(port: u16, peer: Peer) -> Rule {
    Rule { protocol: 6, ports: (port, port), peer, is_conditional: false }
}

fn acl_rule(number: u16, is_egress: bool, ports: (u16, u16), block: Block) -> AclRule {
    AclRule { number, is_egress, is_allow: true, protocol: 6, ports, block, is_conditional: false }
}

/// Edge, application, database, jump host; the database behind an ACL of its own.
fn sound() -> World {
    let subnet = |third, table, acl| Subnet {
        vpc: 0,
        block: Block::v4([10, 0, third, 0], 24),
        v6: None,
        gives_public: false,
        gives_v6: false,
        table,
        acl,
    };
    let instance = |subnet, group, has_elastic_address| Host {
        kind: Kind::Instance { has_elastic_address, asks_v6: false, address: None },
        subnets: vec![subnet],
        groups: vec![group],
    };
    let route = |target| Route { to: To::Block(EVERYONE), target, is_conditional: false };
    let group = |ingress, egress| Group { vpc: 0, is_default: false, ingress, egress };
    let app: Block = Block::v4([10, 0, 2, 0], 24);
    World {
        vpcs: vec![Vpc { blocks: vec![INSIDE], v6: None, has_gateway: true, has_egress_only: false }],
        subnets: vec![subnet(1, Some(0), None), subnet(2, Some(1), None), subnet(3, None, Some(0))],
        tables: vec![vec![route(Target::Gateway)], vec![route(Target::Nat(0))]],
        acls: vec![vec![acl_rule(100, false, (5432, 5432), app), acl_rule(100, true, (1024, 65535), app)]],
        groups: vec![
            group(vec![tcp(443, Peer::Block(EVERYONE))], Some(vec![tcp(8080, Peer::Group(1))])),
            group(vec![tcp(8080, Peer::Group(0)), tcp(22, Peer::Group(3))], None),
            group(vec![tcp(5432, Peer::Group(1))], Some(vec![tcp(9999, Peer::Group(2))])),
            group(vec![tcp(22, Peer::Block(OFFICE))], Some(vec![tcp(22, Peer::Group(1))])),
        ],
        hosts: vec![instance(0, 0, true), instance(1, 1, false), instance(2, 2, false), instance(0, 3, true)],
        nats: vec![Nat { subnet: 0, is_public: true }],
        ..World::default()
    }
}

/// Everything that is open, by the walker.
fn open(world: &World) -> BTreeSet<(String, String)> {
    let mut open = BTreeSet::new();
    let internet = world.internet(true);
    let ends: Vec<_> = world.hosts.iter().map(|host| world.ends(host).next().unwrap()).collect();
    let addresses: Vec<_> = ends.iter().map(|end| world.of_end(*end, true)).collect();
    for (number, to) in ends.iter().copied().enumerate() {
        for port in PORTS {
            let column = format!("I{number}:{port}");
            let asked = (6, (port, port));
            if world.ask(&internet, &addresses[number], asked, |packet| world.internet_to(to, packet)) != Found::None {
                open.insert(("internet-v4".to_owned(), column.clone()));
            }
            for (other, from) in ends.iter().copied().enumerate().filter(|(other, _)| *other != number) {
                let walk = |packet| world.between(from, to, packet);
                if world.ask(&addresses[other], &addresses[number], asked, walk) != Found::None {
                    open.insert((format!("I{other}"), column.clone()));
                }
            }
            if world.ask(&addresses[number], &internet, asked, |packet| world.to_internet(to, packet)) != Found::None {
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
                rules.push(Rule { protocol: 6, ports: (0, 65535), peer: peer.clone(), is_conditional: false });
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
            route.target = if route.target == Target::Nat(0) { Target::Gateway } else { Target::Nat(0) };
        });
    }
    add("no gateway".to_owned(), &|world| world.vpcs[0].has_gateway = false);
    add("NAT in a private subnet".to_owned(), &|world| world.nats[0].subnet = 1);
    for instance in 0..base.hosts.len() {
        for subnet in 0..base.subnets.len() {
            add(format!("I{instance} in S{subnet}"), &|world| world.hosts[instance].subnets = vec![subnet]);
        }
        for group in 0..base.groups.len() {
            add(format!("I{instance} in G{group} too"), &|world| {
                let groups = &mut world.hosts[instance].groups;
                groups.push(group);
                groups.sort_unstable();
                groups.dedup();
            });
        }
        add(format!("I{instance} with its address changed"), &|world| {
            if let Kind::Instance { has_elastic_address, .. } = &mut world.hosts[instance].kind {
                *has_elastic_address = !*has_elastic_address;
            }
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
