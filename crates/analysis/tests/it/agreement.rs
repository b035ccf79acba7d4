//! The analysis agrees with the walker on random small networks.

use crate::walker::{Block, End, Found, Host, Kind, Packet, Target, World};
use crate::worlds::{Gaps, world};
use analysis::reachability::ends::{Destination, Source};
use analysis::reachability::judge::Judge;
use analysis::reachability::packets::Family;
use analysis::reachability::picture::{Picture, draw};
use analysis::reachability::road::Atlas;
use analysis::reachability::verdict::{Status, Verdict, every};
use model::Findings;
use model::cfn::{Evaluator, Scenario, read, scenarios};
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::IpAddr;

pub(crate) fn picture(text: &str) -> Picture {
    let mut findings = Findings::new();
    let template = read("world.yaml", text, &mut findings).unwrap_or_else(|| panic!("{findings:?}\n{text}"));
    let (given, scenario) = (BTreeMap::new(), Scenario::default());
    draw(&template.graph, &Evaluator::new(&template.graph, &given, &scenario))
}

/// What is asked about every host: protocol and ports.
const ASKED: [(i16, (u16, u16)); 5] =
    [(6, (22, 22)), (6, (443, 443)), (6, (5432, 5432)), (17, (53, 53)), (6, (400, 500))];

/// A block of the internet that no rule is about as a whole.
const OFFICE: Block = Block::v4([203, 0, 113, 0], 25);

/// A question, and what the walker finds.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) source: From,
    pub(crate) to: Goal,
    pub(crate) expected: Expected,
}

/// Hosts by their index in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Internet(Family),
    Office,
    Host(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    Host(usize, (i16, (u16, u16))),
    Internet(Family, (u16, u16)),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Exactly(Found),
    /// Over the internet the answer depends on which public address the provider chooses.
    OneOf(&'static [Status]),
}

fn as_status(found: Found) -> Status {
    match found {
        Found::None => Status::Unreachable,
        Found::Some => Status::Partly,
        Found::All => Status::Reachable,
    }
}

/// What all interfaces find together.
fn all_of(found: impl Iterator<Item = Found>) -> Found {
    found.reduce(Found::and).unwrap_or(Found::None)
}

fn from_internet(world: &World, sources: &[IpAddr], to: &Host, asked: (i16, (u16, u16))) -> Found {
    let is_v4 = sources.first().is_none_or(IpAddr::is_ipv4);
    all_of(
        world
            .ends(to)
            .map(|end| world.ask(sources, &world.of_end(end, is_v4), asked, |packet| world.internet_to(end, packet))),
    )
}

fn to_internet(world: &World, from: &Host, internet: &[IpAddr], ports: (u16, u16)) -> Found {
    let is_v4 = internet.first().is_none_or(IpAddr::is_ipv4);
    all_of(
        world.ends(from).map(|end| {
            world.ask(&world.of_end(end, is_v4), internet, (6, ports), |packet| world.to_internet(end, packet))
        }),
    )
}

/// Whether a load balancer passes its clients' addresses on to a target.
fn keeps_client(from: &Host, to: usize, (protocol, ports): (i16, (u16, u16))) -> bool {
    let Kind::Balancer { is_application: false, targets, port, is_by_instance, keeps_client, .. } = &from.kind else {
        return false;
    };
    protocol == 6
        && (ports.0..=ports.1).contains(port)
        && targets.contains(&to)
        && keeps_client.unwrap_or(*is_by_instance)
}

fn direct(world: &World, from: &Host, to_number: usize, asked: (i16, (u16, u16))) -> Found {
    let to = &world.hosts[to_number];
    let keeps = keeps_client(from, to_number, asked);
    let pairs = world.ends(from).flat_map(|from| world.ends(to).map(move |to| (from, to)));
    all_of(pairs.map(|(from, to): (End<'_>, End<'_>)| {
        if keeps {
            let clients = world.clients(from);
            return world.ask(&clients, &world.of_end(to, true), asked, |packet| world.passed_on(from, to, packet));
        }
        // A connection is open when it is for the addresses of one family. Targets are given by IPv4.
        let families = if from.host.is_balancer() { &[true][..] } else { &[true, false] };
        let best = families.iter().map(|is_v4| {
            let (sources, destinations) = (world.of_end(from, *is_v4), world.of_end(to, *is_v4));
            world.ask(&sources, &destinations, asked, |packet| world.between(from, to, packet))
        });
        best.max().unwrap_or(Found::None)
    }))
}

fn sends_over_transit(world: &World, host: &Host) -> bool {
    world.ends(host).any(|end| {
        let table = world.subnets[end.subnet].table;
        table.is_some_and(|table| world.tables[table].iter().any(|route| route.target == Target::Transit))
    })
}

fn has_neighbours(world: &World, balancer: &Host) -> bool {
    let vpc = world.subnets[balancer.subnets[0]].vpc;
    matches!(balancer.kind, Kind::Balancer { is_internal: true, .. })
        && (world.transit.contains(&vpc) || world.peerings.iter().any(|(one, other)| *one == vpc || *other == vpc))
}

/// Every question about a world, with the answer of the walker.
pub(crate) fn cases(world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    let internet = [(Family::V4, world.internet(true)), (Family::V6, world.internet(false))];
    let office = world.in_block(OFFICE);
    for (number, host) in world.hosts.iter().enumerate() {
        for asked in ASKED {
            let mut add = |source, expected| cases.push(Case { source, to: Goal::Host(number, asked), expected });
            for (family, addresses) in &internet {
                let found = from_internet(world, addresses, host, asked);
                add(From::Internet(*family), Expected::Exactly(found));
            }
            add(From::Office, Expected::Exactly(from_internet(world, &office, host, asked)));
            for (other, from) in world.hosts.iter().enumerate().filter(|(other, _)| *other != number) {
                // Neighbours' clients come with addresses that the template need not say.
                if keeps_client(from, number, asked) && has_neighbours(world, from) {
                    continue;
                }
                let found = direct(world, from, number, asked);
                // Load balancers open connections to their targets only.
                if found != Found::None || from.is_balancer() {
                    add(From::Host(other), Expected::Exactly(found));
                    continue;
                }
                let out = to_internet(world, from, &internet[0].1, asked.1);
                if sends_over_transit(world, from) {
                    add(From::Host(other), Expected::OneOf(&[Status::Unknown, Status::Unreachable, Status::Reachable]));
                    continue;
                }
                let into = from_internet(world, &internet[0].1, host, asked);
                let expected = match (out, into) {
                    (Found::None, _) | (_, Found::None) => Expected::Exactly(Found::None),
                    (Found::All, Found::All) => Expected::Exactly(Found::All),
                    _ => Expected::OneOf(&[Status::Unknown, Status::Unreachable]),
                };
                add(From::Host(other), expected);
            }
        }
        for port in [22, 443, 5432] {
            for (family, addresses) in &internet {
                let found = to_internet(world, host, addresses, (port, port));
                let to = Goal::Internet(*family, (port, port));
                let expected = match found {
                    // Whether the transit gateway leads further is not the template's to say.
                    Found::None if sends_over_transit(world, host) => {
                        Expected::OneOf(&[Status::Unknown, Status::Unreachable])
                    }
                    Found::Some if sends_over_transit(world, host) => {
                        Expected::OneOf(&[Status::Unknown, Status::Partly])
                    }
                    found => Expected::Exactly(found),
                };
                cases.push(Case { source: From::Host(number), to, expected });
            }
        }
    }
    cases
}

/// The case as the analysis is asked.
pub(crate) fn question(world: &World, picture: &Picture, case: &Case) -> (Source, Destination) {
    let component = |host: usize| picture.component(&world.name(host)).unwrap();
    let source = match case.source {
        From::Internet(family) => Source::Internet(family),
        From::Office => Source::Block(OFFICE.to_string().parse().unwrap()),
        From::Host(host) => Source::Component(component(host)),
    };
    let destination = match case.to {
        Goal::Host(host, (protocol, ports)) => {
            let protocol = u8::try_from(protocol).unwrap();
            Destination::Port { component: component(host), protocol, ports }
        }
        Goal::Internet(family, ports) => Destination::Internet { family, ports },
    };
    (source, destination)
}

/// In words: `I0 to I1:443`.
fn name(world: &World, case: &Case) -> String {
    let from = match case.source {
        From::Internet(family) => format!("the internet ({family:?})"),
        From::Office => format!("{OFFICE}"),
        From::Host(host) => world.name(host),
    };
    match case.to {
        Goal::Host(host, (protocol, ports)) => {
            format!("{from} to {} protocol {protocol} ports {}-{}", world.name(host), ports.0, ports.1)
        }
        Goal::Internet(family, ports) => format!("{from} to the internet ({family:?}) port {}", ports.0),
    }
}

/// A witness arrives.
fn check_witness(world: &World, case: &Case, found: &Verdict) -> Result<(), TestCaseError> {
    let (Some(witness), Goal::Host(to, (protocol, _))) = (found.witness, case.to) else { return Ok(()) };
    let packet = Packet {
        source: witness.source,
        source_port: witness.source_port,
        destination: witness.destination,
        port: witness.port,
        protocol,
    };
    let to = &world.hosts[to];
    let arrives = match case.source {
        From::Internet(_) | From::Office => world.ends(to).any(|end| world.internet_to(end, packet)),
        From::Host(from) => {
            let pairs = || world.ends(&world.hosts[from]).flat_map(|from| world.ends(to).map(move |to| (from, to)));
            let is_direct = |(from, to): (End<'_>, End<'_>)| {
                world.between(from, to, packet) || (from.host.is_balancer() && world.passed_on(from, to, packet))
            };
            pairs().any(is_direct)
                // Over the internet the witness is a packet of one half of the way.
                || pairs().any(|(from, to)| world.to_internet(from, packet) || world.internet_to(to, packet))
        }
    };
    prop_assert!(arrives, "{}: the witness does not arrive: {packet:?}\n{}", name(world, case), world.template());
    Ok(())
}

fn check(world: &World, case: &Case, found: &Verdict) -> Result<(), TestCaseError> {
    let is_right = match case.expected {
        Expected::Exactly(expected) => found.status == as_status(expected),
        Expected::OneOf(allowed) => allowed.contains(&found.status),
    };
    let what = name(world, case);
    prop_assert!(is_right, "{what}: {:?} by the walker, but\n{found:#?}\n{}", case.expected, world.template());
    match found.status {
        Status::Unreachable => prop_assert!(found.cut.is_some(), "{what} has no cut\n{}", world.template()),
        Status::Reachable => prop_assert!(!found.hops.is_empty(), "{what} has no hops\n{}", world.template()),
        Status::Partly => prop_assert!(found.part.is_some(), "{what} says no part\n{found:?}\n{}", world.template()),
        Status::Unknown => prop_assert!(!found.whys.is_empty(), "{what} says no why\n{}", world.template()),
    }
    check_witness(world, case, found)
}

/// How many cases were compared.
fn agree(world: &World) -> Result<usize, TestCaseError> {
    let picture = picture(&world.template());
    let atlas = Atlas::new(&picture);
    let judge = Judge::new(&atlas);
    let cases = cases(world);
    for case in &cases {
        let (source, destination) = question(world, &picture, case);
        let found = judge.verdict(&source, &destination);
        check(world, case, &found)?;
        let fast = judge.status(&source, &destination);
        prop_assert_eq!(fast, found.status, "fast: {}\n{}", name(world, case), world.template());
    }
    Ok(cases.len())
}

/// The same worlds at every run, so that a change is judged by what it changes; with `LANDFALL_WORLDS`, others each time.
fn runner(config: ProptestConfig) -> proptest::test_runner::TestRunner {
    use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
    if std::env::var_os("LANDFALL_WORLDS").is_some() {
        TestRunner::new(config)
    } else {
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
    }
}

fn worlds() -> u32 {
    std::env::var("LANDFALL_WORLDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1000)
}

#[test]
fn verdicts_agree_with_the_walker() {
    let config = ProptestConfig { cases: worlds(), max_shrink_iters: 20_000, ..ProptestConfig::default() };
    let compared = Cell::new(0);
    let mut runner = runner(ProptestConfig { failure_persistence: None, ..config });
    let result = runner.run(&world(Gaps(0.0)), |world| {
        compared.set(compared.get() + agree(&world)?);
        Ok(())
    });
    println!("{} verdicts about {} worlds compared", compared.get(), worlds());
    if let Err(failure) = result {
        let proptest::test_runner::TestError::Fail(why, _) = failure else { panic!("{failure}") };
        panic!("{why}");
    }
    assert!(compared.get() > worlds() as usize * 20, "only {} verdicts", compared.get());
}

/// A walker that takes no notice of network ACLs is wrong, and the world that shows it is a small one.
#[test]
fn a_mistake_is_shown_by_a_small_world() {
    let config = ProptestConfig {
        cases: 2000,
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let rng = proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(config, rng);
    let result = runner.run(&world(Gaps(0.0)), |world| {
        let mut forgetful = world.clone();
        for subnet in &mut forgetful.subnets {
            subnet.acl = None;
        }
        let picture = picture(&world.template());
        let atlas = Atlas::new(&picture);
        let judge = Judge::new(&atlas);
        for case in cases(&forgetful) {
            let (source, destination) = question(&world, &picture, &case);
            check(&forgetful, &case, &judge.verdict(&source, &destination))?;
        }
        Ok(())
    });
    let Err(proptest::test_runner::TestError::Fail(_, smallest)) = result else { panic!("it was not noticed") };
    let text = smallest.template();
    println!("{text}");
    assert!(text.lines().count() <= 16, "{text}");
}

/// What is not known makes a verdict unknown, or the verdict holds whatever it turns out to be.
fn is_honest(world: &World) -> Result<(usize, usize), TestCaseError> {
    let text = world.template();
    let template = read("world.yaml", &text, &mut Findings::new()).unwrap();
    let given = BTreeMap::new();
    let all = scenarios(&template.graph, &given, 8);
    prop_assert!(all.is_complete);
    let pictures: Vec<Picture> = all
        .examined
        .iter()
        .map(|scenario| draw(&template.graph, &Evaluator::new(&template.graph, &given, scenario)))
        .collect();
    let atlases: Vec<Atlas<'_>> = pictures.iter().map(Atlas::new).collect();
    let judges: Vec<Judge<'_>> = atlases.iter().map(Judge::new).collect();
    let completions: Vec<Vec<Case>> = world.completions().iter().map(cases).collect();
    let mut unknown = 0;
    for (index, case) in completions[0].iter().enumerate() {
        let verdicts = judges.iter().map(|judge| {
            let (source, destination) = question(world, judge.picture(), case);
            (String::new(), judge.verdict(&source, &destination))
        });
        let found = every(verdicts.collect()).unwrap();
        unknown += usize::from(found.status == Status::Unknown);
        for expected in completions.iter().map(|cases| cases[index].expected) {
            let is_right = match (found.status, expected) {
                (Status::Unknown, _) => true,
                (Status::Reachable, Expected::Exactly(expected)) => expected == Found::All,
                (Status::Unreachable, Expected::Exactly(expected)) => expected == Found::None,
                (Status::Unreachable, Expected::OneOf(_)) => true,
                // In one scenario it may be open and in another not.
                (Status::Partly, _) => true,
                (Status::Reachable, Expected::OneOf(_)) => false,
            };
            prop_assert!(is_right, "{}: it may be {expected:?}, but\n{found:#?}\n{text}", name(world, case));
        }
        if found.status == Status::Partly {
            let is_open = |cases: &Vec<Case>| cases[index].expected != Expected::Exactly(Found::None);
            prop_assert!(completions.iter().any(is_open), "{}: never open\n{text}", name(world, case));
        }
    }
    Ok((completions[0].len(), unknown))
}

#[test]
fn what_is_not_known_is_never_proved() {
    let config = ProptestConfig {
        cases: worlds() / 5,
        max_shrink_iters: 5000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let (compared, unknown) = (Cell::new(0), Cell::new(0));
    let mut runner = runner(config);
    let result = runner.run(&world(Gaps(0.3)), |world| {
        let (cases, open) = is_honest(&world)?;
        compared.set(compared.get() + cases);
        unknown.set(unknown.get() + open);
        Ok(())
    });
    println!("{} verdicts about unfinished worlds, {} of them unknown", compared.get(), unknown.get());
    if let Err(failure) = result {
        let proptest::test_runner::TestError::Fail(why, _) = failure else { panic!("{failure}") };
        panic!("{why}");
    }
    assert!(unknown.get() > 0 && unknown.get() * 2 < compared.get(), "{} of {}", unknown.get(), compared.get());
}
