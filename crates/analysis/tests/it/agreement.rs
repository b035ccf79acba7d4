//! The analysis agrees with the walker on random small networks.

use crate::walker::{AclRule, Block, Found, Group, Instance, Peer, Route, Rule, Subnet, Target, Vpc, World};
use analysis::reachability::judge::{Destination, Judge, Source};
use analysis::reachability::packets::Family;
use analysis::reachability::picture::{Picture, draw};
use analysis::reachability::road::Atlas;
use analysis::reachability::verdict::{Status, Verdict};
use model::Findings;
use model::cfn::{Evaluator, Scenario, read};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) fn picture(text: &str) -> Picture {
    let mut findings = Findings::new();
    let template = read("world.yaml", text, &mut findings).unwrap_or_else(|| panic!("{findings:?}\n{text}"));
    let (given, scenario) = (BTreeMap::new(), Scenario::default());
    draw(&template.graph, &Evaluator::new(&template.graph, &given, &scenario))
}

const PORTS: [u16; 3] = [22, 443, 5432];

fn some_block() -> impl Strategy<Value = Block> {
    prop_oneof![
        3 => Just(([0, 0, 0, 0], 0)),
        2 => Just(([10, 0, 0, 0], 8)),
        2 => Just(([10, 0, 0, 0], 16)),
        2 => Just(([10, 0, 1, 0], 24)),
        2 => Just(([10, 0, 1, 128], 25)),
        2 => Just(([10, 0, 2, 16], 28)),
        1 => Just(([10, 1, 0, 0], 16)),
        1 => Just(([10, 1, 1, 0], 24)),
        1 => Just(([203, 0, 113, 0], 24)),
        1 => Just(([128, 0, 0, 0], 1)),
    ]
    .prop_map(|(octets, length)| (Ipv4Addr::from(octets), length))
}

fn some_ports() -> impl Strategy<Value = (u16, u16)> {
    prop_oneof![
        3 => Just((0, 65535)),
        2 => Just((443, 443)),
        2 => Just((22, 443)),
        1 => Just((5432, 5432)),
        3 => Just((1024, 65535)),
        1 => Just((32768, 60999)),
        1 => Just((0, 1023)),
    ]
}

fn protocol() -> impl Strategy<Value = i16> {
    prop_oneof![3 => Just(6), 2 => Just(-1), 1 => Just(17)]
}

fn rule(groups: usize) -> impl Strategy<Value = Rule> {
    let peer = prop_oneof![2 => some_block().prop_map(Peer::Block), 1 => (0..groups).prop_map(Peer::Group)];
    (protocol(), some_ports(), peer).prop_map(|(protocol, ports, peer)| Rule { protocol, ports, peer })
}

fn acl() -> impl Strategy<Value = Vec<AclRule>> {
    let one = (any::<bool>(), prop::bool::weighted(0.8), protocol(), some_ports(), some_block());
    proptest::collection::vec(one, 2..7).prop_map(|rules| {
        let mut rules: Vec<AclRule> = rules
            .into_iter()
            .zip(1_u16..)
            .map(|((is_egress, is_allow, protocol, ports, block), position)| AclRule {
                // Written in another order than that of their numbers.
                number: 100 - position,
                is_egress,
                is_allow,
                protocol,
                ports,
                block,
            })
            .collect();
        rules.rotate_left(1);
        rules
    })
}

fn route() -> impl Strategy<Value = Route> {
    let target = prop_oneof![3 => Just(Target::Gateway), 2 => Just(Target::Nat), 2 => Just(Target::Peering)];
    let to = prop_oneof![
        4 => Just(([0, 0, 0, 0], 0)),
        1 => Just(([128, 0, 0, 0], 1)),
        1 => Just(([203, 0, 113, 0], 24)),
        2 => Just(([10, 1, 0, 0], 16)),
        2 => Just(([10, 0, 0, 0], 16)),
        1 => Just(([10, 1, 1, 0], 24)),
        1 => Just(([10, 0, 0, 0], 8)),
    ];
    (to, target).prop_map(|((octets, length), target)| Route { to: (Ipv4Addr::from(octets), length), target })
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    (1_usize..=2, 2_usize..=4, 1_usize..=3, 1_usize..=2, 2_usize..=3)
        .prop_flat_map(|(vpcs, subnets, tables, acls, groups)| {
            let vpc = prop::collection::vec(prop::bool::weighted(0.8), vpcs);
            let subnet = prop::collection::vec(
                (
                    0..vpcs,
                    prop::bool::weighted(0.7),
                    prop::option::weighted(0.9, 0..tables),
                    prop::option::weighted(0.4, 0..acls),
                ),
                subnets,
            );
            let table = prop::collection::vec(prop::collection::vec(route(), 0..4), tables);
            let acl = prop::collection::vec(acl(), acls);
            let group = prop::collection::vec(
                (
                    prop::collection::vec(rule(groups), 1..6),
                    prop::option::weighted(0.4, prop::collection::vec(rule(groups), 1..3)),
                ),
                groups,
            );
            let instance = prop::collection::vec(
                (
                    0..subnets,
                    prop::collection::vec(0..groups, 1..3),
                    prop::bool::weighted(0.3),
                    prop::option::weighted(0.3, 4_u8..250),
                ),
                2..=3,
            );
            (vpc, subnet, table, acl, group, instance, prop::option::weighted(0.6, 0..subnets), any::<bool>())
        })
        .prop_map(|(vpcs, subnets, tables, acls, groups, instances, nat, has_peering)| {
            let vpcs: Vec<Vpc> = (0_u8..)
                .zip(vpcs)
                .map(|(index, has_gateway)| Vpc { block: (Ipv4Addr::new(10, index, 0, 0), 16), has_gateway })
                .collect();
            let subnets: Vec<Subnet> = (0_u8..)
                .zip(subnets)
                .map(|(index, (vpc, gives_public, table, acl))| {
                    let second = u8::try_from(vpc).unwrap();
                    Subnet { vpc, block: (Ipv4Addr::new(10, second, index + 1, 0), 24), gives_public, table, acl }
                })
                .collect();
            let tables = tables
                .into_iter()
                .map(|routes| {
                    // A table has one route for one block.
                    let unique: BTreeMap<Block, Route> = routes.into_iter().map(|route| (route.to, route)).collect();
                    unique.into_values().collect()
                })
                .collect();
            let instances = instances
                .into_iter()
                .map(|(subnet, mut groups, has_elastic_address, host)| {
                    groups.sort_unstable();
                    groups.dedup();
                    let network: [u8; 4] = subnets[subnet].block.0.octets();
                    let address = host.map(|host| Ipv4Addr::new(network[0], network[1], network[2], host));
                    Instance { subnet, groups, has_elastic_address, address }
                })
                .collect();
            let groups = groups.into_iter().map(|(ingress, egress)| Group { ingress, egress }).collect();
            let has_peering = has_peering && vpcs.len() == 2;
            let mut world = World { vpcs, subnets, tables, acls, groups, instances, nat, has_peering };
            // Routes to what is not there do not exist.
            for routes in &mut world.tables {
                routes.retain(|route| match route.target {
                    Target::Gateway => true,
                    Target::Nat => world.nat.is_some(),
                    Target::Peering => world.has_peering,
                });
            }
            world
        })
}

fn as_status(found: Found) -> Status {
    match found {
        Found::None => Status::Unreachable,
        Found::Some => Status::Partly,
        Found::All => Status::Reachable,
    }
}

static COMPARED: AtomicUsize = AtomicUsize::new(0);

fn compare(world: &World, found: &Verdict, expected: Status, what: &str) -> Result<(), TestCaseError> {
    COMPARED.fetch_add(1, Ordering::Relaxed);
    prop_assert_eq!(found.status, expected, "{}\n{:?}\n{}", what, found, world.template());
    match found.status {
        Status::Unreachable => prop_assert!(found.cut.is_some(), "{what} has no cut"),
        Status::Reachable => prop_assert!(!found.hops.is_empty(), "{what} has no hops"),
        Status::Partly => prop_assert!(found.part.is_some(), "{what} says no part\n{found:?}\n{}", world.template()),
        Status::Unknown => {}
    }
    Ok(())
}

fn agree(world: &World) -> Result<(), TestCaseError> {
    let picture = picture(&world.template());
    let atlas = Atlas::new(&picture);
    let judge = Judge::new(&atlas);
    let index = |number: usize| picture.component(&format!("I{number}")).unwrap();
    let internet = world.internet();
    for (to_number, to) in world.instances.iter().enumerate() {
        let to_addresses = world.of_instance(to);
        for port in PORTS {
            let destination = Destination::Port { component: index(to_number), protocol: 6, ports: (port, port) };
            let from_internet = world.ask(&internet, &to_addresses, port, 6, |packet| world.internet_to(to, packet));
            let found = judge.verdict(&Source::Internet(Family::V4), &destination);
            compare(world, &found, as_status(from_internet), &format!("internet to I{to_number}:{port}"))?;
            if let Some(witness) = found.witness {
                let (std::net::IpAddr::V4(source), std::net::IpAddr::V4(goal)) = (witness.source, witness.destination)
                else {
                    return Err(TestCaseError::fail("another family"));
                };
                let packet = crate::walker::Packet {
                    source,
                    source_port: witness.source_port,
                    destination: goal,
                    port: witness.port,
                    protocol: 6,
                };
                prop_assert!(world.internet_to(to, packet), "the witness does not arrive: {packet:?}");
            }

            let office: Block = (Ipv4Addr::new(203, 0, 113, 0), 25);
            let asked =
                world.ask(&world.in_block(office), &to_addresses, port, 6, |packet| world.internet_to(to, packet));
            let found = judge.verdict(&Source::Block("203.0.113.0/25".parse().unwrap()), &destination);
            compare(world, &found, as_status(asked), &format!("office to I{to_number}:{port}"))?;

            for (from_number, from) in world.instances.iter().enumerate() {
                if from_number == to_number {
                    continue;
                }
                let from_addresses = world.of_instance(from);
                let found = judge.verdict(&Source::Component(index(from_number)), &destination);
                let what = format!("I{from_number} to I{to_number}:{port}");
                let direct =
                    world.ask(&from_addresses, &to_addresses, port, 6, |packet| world.between(from, to, packet));
                let fast = judge.status(&Source::Component(index(from_number)), &destination);
                prop_assert_eq!(fast, found.status, "fast {}", what);
                if direct != Found::None {
                    compare(world, &found, as_status(direct), &what)?;
                    continue;
                }
                // Over the internet both halves must be open; which address comes there is not known.
                let out = world.ask(&from_addresses, &internet, port, 6, |packet| world.to_internet(from, packet));
                let allowed: &[Status] = match (out, from_internet) {
                    (Found::None, _) | (_, Found::None) => &[Status::Unreachable],
                    (Found::All, Found::All) => &[Status::Reachable],
                    _ => &[Status::Unknown, Status::Unreachable],
                };
                prop_assert!(allowed.contains(&found.status), "{what}: {found:?}\n{}", world.template());
            }
        }
        for port in PORTS {
            let found = judge.verdict(
                &Source::Component(index(to_number)),
                &Destination::Internet { family: Family::V4, ports: (port, port) },
            );
            let asked = world.ask(&to_addresses, &internet, port, 6, |packet| world.to_internet(to, packet));
            compare(world, &found, as_status(asked), &format!("I{to_number} to internet:{port}"))?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 4000, ..ProptestConfig::default() })]
    #[test]
    fn verdicts_agree_with_the_walker(world in world()) {
        agree(&world)?;
    }
}

#[test]
fn the_comparison_compares() {
    // The generator makes worlds in which every answer comes up.
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = BTreeMap::new();
    for _ in 0..150 {
        let world = world().new_tree(&mut runner).unwrap().current();
        let picture = picture(&world.template());
        let atlas = Atlas::new(&picture);
        let judge = Judge::new(&atlas);
        for to in 0..world.instances.len() {
            let component = picture.component(&format!("I{to}")).unwrap();
            let destination = Destination::Port { component, protocol: 6, ports: (443, 443) };
            for from in [Source::Internet(Family::V4), Source::Component(picture.component("I0").unwrap())] {
                *seen.entry(judge.verdict(&from, &destination).status).or_insert(0) += 1;
            }
        }
    }
    assert!(seen[&Status::Reachable] > 20 && seen[&Status::Partly] > 10 && seen[&Status::Unreachable] > 20, "{seen:?}");
}
