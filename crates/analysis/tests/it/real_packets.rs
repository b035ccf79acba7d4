//! Real packets: small random worlds laid out as Linux network namespaces, with the kernel's own routing
//! tables as route tables, stateless nftables chains as network ACLs and stateful ones as security groups,
//! translation as gateways, and a TCP proxy as load balancer. Real TCP connects must come out as the verdicts and
//! the walker say. Needs root, `ip`, `nft` and `python3`.

mod lab;
mod rules;

use crate::agreement::picture;
use crate::walker::{Found, Kind, Packet, Target, World};
use crate::worlds::{Gaps, world};
use analysis::reachability::Status;
use analysis::reachability::ends::{Destination, Source};
use analysis::reachability::judge::Judge;
use analysis::reachability::road::Atlas;
use lab::{Lab, OUTSIDE, PORTS, Probe, addresses, end, has_v6, missing, public_address};
use proptest::strategy::{Strategy as _, ValueTree as _};
use std::net::IpAddr;

const WORLDS: usize = 24;

/// A world in which every host has one interface and load balancers have connections of their own.
fn laid_out(mut world: World) -> World {
    world.transit.clear();
    for routes in &mut world.tables {
        routes.retain(|route| route.target != Target::Transit);
    }
    for (host, is) in world.hosts.iter_mut().enumerate() {
        is.subnets.truncate(1);
        let IpAddr::V4(network) = world.subnets[is.subnets[0]].block.address else { unreachable!() };
        let own = u32::from(network) + 10 + u32::try_from(host).unwrap();
        match &mut is.kind {
            Kind::Instance { address, .. } => *address = Some(own.into()),
            Kind::Balancer { keeps_client, .. } => *keeps_client = Some(false),
            Kind::Endpoint => {}
        }
    }
    world
}

/// A probe with the verdict about it.
struct Asked {
    probe: Probe,
    status: Status,
    /// The probe is one of several packets that the verdict is about.
    is_one_of: Option<(usize, usize, u16)>,
}

struct Questions<'w> {
    world: &'w World,
    /// None when only the walker is asked.
    judge: Option<Judge<'w>>,
    asked: Vec<Asked>,
    next_port: u16,
}

/// An end of a question; hosts by index.
#[derive(Clone, Copy)]
enum Party {
    Host(usize),
    Outside(IpAddr),
}

impl Questions<'_> {
    fn verdict(&self, from: Party, to: Party, port: u16) -> Status {
        let Some(judge) = &self.judge else { return Status::Partly };
        let component = |host: usize| judge.picture().component(&self.world.name(host)).unwrap();
        let source = match from {
            Party::Host(host) => Source::Component(component(host)),
            Party::Outside(address) => Source::Block(address.into()),
        };
        let ports = (port, port);
        let destination = match to {
            Party::Host(host) => Destination::Port { component: component(host), protocol: 6, ports },
            Party::Outside(address) => Destination::Block { block: address.into(), ports },
        };
        let found = judge.verdict(&source, &destination);
        // A road over the internet leads to other addresses.
        if found.hops.iter().any(|hop| hop.what == "the internet") { Status::Partly } else { found.status }
    }

    /// The client's ports are low and high ones in turn, since rules tell them apart.
    fn packet(&mut self, source: IpAddr, destination: IpAddr, port: u16) -> Packet {
        self.next_port += 1;
        let base = if self.next_port.is_multiple_of(2) { 20_000 } else { 40_000 };
        Packet { source, source_port: base + self.next_port, destination, port, protocol: 6 }
    }

    /// How far a connection to a host gets: a load balancer's byte comes from its target.
    fn reach(&self, host: usize, packet: Packet, is_open: bool) -> Option<u8> {
        let Kind::Balancer { targets, port, .. } = &self.world.hosts[host].kind else {
            return Some(if is_open { 2 } else { 0 });
        };
        if !is_open || packet.port != 443 {
            return Some(0);
        }
        let Some(target) = targets.first().copied() else { return Some(1) };
        let (balancer, target_is) = (&self.world.hosts[host], &self.world.hosts[target]);
        let sources = &addresses(self.world, host)[..1];
        let destinations = &addresses(self.world, target)[..1];
        let walk = |packet| self.world.between(end(balancer), end(target_is), packet);
        match self.world.ask(sources, destinations, (6, (*port, *port)), walk) {
            Found::All => Some(2),
            Found::None => Some(1),
            // It depends on the port that the load balancer takes.
            Found::Some => None,
        }
    }

    fn add(&mut self, space: String, packet: Packet, goal: IpAddr, status: Status, expected: Option<u8>) {
        let Some(expected) = expected else { return };
        let probe = Probe {
            space,
            source: packet.source,
            source_port: packet.source_port,
            destination: goal,
            port: packet.port,
            expected,
        };
        self.asked.push(Asked { probe, status, is_one_of: None });
    }

    fn ask_all(&mut self) {
        let world = self.world;
        let outside: Vec<IpAddr> =
            OUTSIDE.iter().map(|text| text.parse::<IpAddr>().unwrap()).filter(|a| a.is_ipv4() || has_v6()).collect();
        for (index, host) in world.hosts.iter().enumerate() {
            let vpc = world.subnets[host.subnets[0]].vpc;
            let ports = if host.is_balancer() { &PORTS[1..2] } else { &PORTS[..] };
            for port in ports.iter().copied() {
                for own in addresses(world, index) {
                    for other in outside.iter().copied().filter(|other| other.is_ipv4() == own.is_ipv4()) {
                        let status = self.verdict(Party::Outside(other), Party::Host(index), port);
                        let packet = self.packet(other, own, port);
                        let expected = self.reach(index, packet, world.internet_to(end(host), packet));
                        // From outside it has its public address.
                        let goal = public_address(vpc, own).unwrap_or(own);
                        self.add("o".to_owned(), packet, goal, status, expected);
                        if host.is_balancer() {
                            continue;
                        }
                        let status = self.verdict(Party::Host(index), Party::Outside(other), port);
                        let packet = self.packet(own, other, port);
                        let expected = if world.to_internet(end(host), packet) { 2 } else { 0 };
                        self.add(format!("h{index}"), packet, other, status, Some(expected));
                    }
                }
                for (other, from) in world.hosts.iter().enumerate().filter(|(other, _)| *other != index) {
                    if !from.is_balancer() {
                        self.ask_between(other, index, port);
                    }
                }
            }
        }
    }

    fn ask_between(&mut self, from: usize, to: usize, port: u16) {
        let world = self.world;
        let status = self.verdict(Party::Host(from), Party::Host(to), port);
        let (first, second) = (end(&world.hosts[from]), end(&world.hosts[to]));
        for source in addresses(world, from) {
            for goal in addresses(world, to).into_iter().filter(|goal| goal.is_ipv4() == source.is_ipv4()) {
                let packet = self.packet(source, goal, port);
                let expected = self.reach(to, packet, world.between(first, second, packet));
                self.add(format!("h{from}"), packet, goal, status, expected);
                if let Some(asked) = self.asked.last_mut().filter(|_| expected.is_some()) {
                    asked.is_one_of = Some((from, to, port));
                }
            }
        }
    }
}

/// How many connections came through, and how.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    connects: usize,
    came: usize,
    over_nat: usize,
    over_peering: usize,
    over_v6: usize,
    over_egress_only: usize,
    through_balancers: usize,
}

impl Counts {
    fn add(&mut self, world: &World, asked: &Asked, result: u8) {
        let Asked { probe, is_one_of, .. } = asked;
        self.connects += 1;
        if result == 0 {
            return;
        }
        self.came += 1;
        self.over_v6 += usize::from(probe.source.is_ipv6());
        let subnet = |host: usize| world.hosts[host].subnets[0];
        if let Some((from, to, _)) = *is_one_of {
            self.over_peering += usize::from(world.subnets[subnet(from)].vpc != world.subnets[subnet(to)].vpc);
            self.through_balancers += usize::from(world.hosts[to].is_balancer() && result == 2);
        } else if let Ok(host) = probe.space[1..].parse::<usize>() {
            let target = world.route(subnet(host), probe.destination);
            self.over_nat += usize::from(matches!(target, Some(Target::Nat(_))));
            self.over_egress_only += usize::from(target == Some(Target::EgressOnly));
        }
    }
}

fn asked<'w>(world: &'w World, judge: Option<Judge<'w>>) -> Vec<Asked> {
    let mut questions = Questions { world, judge, asked: Vec::new(), next_port: 0 };
    questions.ask_all();
    questions.asked
}

/// Random worlds: some of whatever kind, and for each kind of road some in which packets go over it.
fn worlds() -> Vec<World> {
    const ROADS: [fn(&Counts) -> usize; 6] = [
        |counts| counts.connects,
        |counts| counts.over_nat,
        |counts| counts.over_peering,
        |counts| if has_v6() { counts.over_v6 } else { counts.came },
        |counts| if has_v6() { counts.over_egress_only } else { counts.came },
        |counts| counts.through_balancers,
    ];
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = world(Gaps(0.0)).prop_map(laid_out);
    let mut chosen = Vec::new();
    for road in ROADS {
        let mut found = 0;
        while found < WORLDS / ROADS.len() {
            let world = strategy.new_tree(&mut runner).unwrap().current();
            let mut counts = Counts::default();
            for asked in asked(&world, None) {
                counts.add(&world, &asked, asked.probe.expected);
            }
            if road(&counts) > 0 {
                chosen.push(world);
                found += 1;
            }
        }
    }
    chosen
}

/// Lays a world out, sends the packets and compares.
fn compare(world: &World, number: usize, counts: &mut Counts) {
    let picture = picture(&world.template());
    let atlas = Atlas::new(&picture);
    let asked = asked(world, Some(Judge::new(&atlas)));
    let probes: Vec<Probe> = asked.iter().map(|asked| asked.probe.clone()).collect();
    let results = Lab::build(world, number).send(&probes);
    let has_come = |key: (usize, usize, u16)| {
        asked.iter().zip(&results).any(|(other, result)| other.is_one_of == Some(key) && *result > 0)
    };
    for (asked, result) in asked.iter().zip(results.iter().copied()) {
        let Asked { probe, status, is_one_of } = asked;
        let text = || format!("{probe:?}, {status:?}\n{}", world.template());
        assert_eq!(result, probe.expected, "the walker says {}: {}", probe.expected, text());
        // Of the addresses of two families one is enough.
        let came = is_one_of.map_or(result > 0, has_come);
        match status {
            Status::Reachable => assert!(came, "reachable, but nothing came: {}", text()),
            Status::Unreachable => assert!(!came, "unreachable, but something came: {}", text()),
            Status::Partly => {}
            Status::Unknown => panic!("nothing is unknown here: {}", text()),
        }
        counts.add(world, asked, result);
    }
}

#[test]
fn real_connects_come_out_as_the_verdicts_say() {
    if let Some(why) = missing() {
        println!("skipped: 0 of {WORLDS} worlds were laid out ({why})");
        return;
    }
    let mut counts = Counts::default();
    for (number, world) in worlds().iter().enumerate() {
        compare(world, number, &mut counts);
    }
    println!("{WORLDS} worlds, {counts:?}");
    assert!(counts.came > 100 && counts.over_nat > 0 && counts.over_peering > 0, "{counts:?}");
    assert!(counts.through_balancers > 0 && (counts.over_v6 > 0 || !has_v6()), "{counts:?}");
}
