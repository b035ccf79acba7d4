//! Numbers of ports over the life of a deployment.

use crate::graphs::{block_on, bring, sample, scratch};
use engine::ports::Observed;
use engine::{Journal, allocate::allocate};
use model::process_graph::{PortWish, ProcessGraph};
use model::run_state::RunState;
use model::{FaultKind, PortId};
use testkit::FakeTarget;

fn port(name: &str) -> PortId {
    PortId::new(name)
}

fn wish(graph: &mut ProcessGraph, name: &str, wish: PortWish) {
    graph.ports[&port(name)].wish = wish;
}

/// The state of a machine on which `graph` runs.
fn running(graph: &ProcessGraph, target: &FakeTarget) -> RunState {
    let folder = scratch();
    let mut journal = Journal::open(folder.path().join("journal.jsonl")).unwrap();
    block_on(bring(Some(graph), target, &mut journal, &|_| {})).unwrap();
    journal.state().clone()
}

#[test]
fn a_number_stays_until_its_wish_changes() {
    let target = FakeTarget::default();
    target.occupy(9004, "postgres, process 17");
    let mut graph = sample();
    let state = running(&graph, &target);
    assert_eq!(state.ports[&port("app/http")], 20_000, "the preferred number was taken");
    let again = allocate(Some(&graph), &state, &Observed::default(), &target).unwrap();
    assert_eq!(again, state.ports);
    wish(&mut graph, "app/http", PortWish::Preferably(9010));
    let moved = allocate(Some(&graph), &state, &Observed::default(), &target).unwrap();
    assert_eq!(moved[&port("app/http")], 9010);
    assert_eq!(moved[&port("web/https")], 8443);
}

#[test]
fn a_number_that_a_stranger_took_is_given_up() {
    let target = FakeTarget::default();
    let state = running(&sample(), &target);
    let mut observed = Observed::default();
    observed.lost_ports.insert(port("app/http"), "postgres, process 17".into());
    let target = FakeTarget::default();
    target.occupy(9004, "postgres, process 17");
    let ports = allocate(Some(&sample()), &state, &observed, &target).unwrap();
    assert_eq!(ports[&port("app/http")], 20_001);

    let mut observed = Observed::default();
    observed.lost_ports.insert(port("web/https"), "nginx, process 18".into());
    target.occupy(8443, "nginx, process 18");
    let fault = allocate(Some(&sample()), &state, &observed, &target).unwrap_err();
    assert_eq!(fault.kind, FaultKind::NeedsPerson);
}

#[test]
fn a_number_can_be_handed_over_inside_the_deployment() {
    let target = FakeTarget::default();
    let mut graph = sample();
    let folder = scratch();
    let mut journal = Journal::open(folder.path().join("journal.jsonl")).unwrap();
    block_on(bring(Some(&graph), &target, &mut journal, &|_| {})).unwrap();
    wish(&mut graph, "app/http", PortWish::Preferably(9010));
    wish(&mut graph, "worker/http", PortWish::Exactly(9004));
    let applied = block_on(bring(Some(&graph), &target, &mut journal, &|_| {})).unwrap();
    let report = applied.report.unwrap();
    assert_eq!(report.failed, [], "the taker waits for the giver");
    assert_eq!(journal.state().ports[&port("worker/http")], 9004);
}

#[test]
fn two_ports_cannot_exchange_their_numbers_in_one_step() {
    let target = FakeTarget::default();
    let mut graph = sample();
    wish(&mut graph, "app/http", PortWish::Exactly(9001));
    wish(&mut graph, "worker/http", PortWish::Exactly(9002));
    let state = running(&graph, &target);
    wish(&mut graph, "app/http", PortWish::Exactly(9002));
    wish(&mut graph, "worker/http", PortWish::Exactly(9001));
    let fault = allocate(Some(&graph), &state, &Observed::default(), &target).unwrap_err();
    insta::assert_snapshot!(fault.to_string(), @"giving numbers to ports: app/http and worker/http exchange their numbers, so each waits for the other");
}

#[test]
fn a_program_whose_port_was_taken_while_it_was_down_moves() {
    let target = FakeTarget::default();
    let folder = scratch();
    let mut journal = Journal::open(folder.path().join("journal.jsonl")).unwrap();
    block_on(bring(Some(&sample()), &target, &mut journal, &|_| {})).unwrap();
    target.lose(&crate::graphs::id("app/program"));
    target.occupy(9004, "postgres, process 17");
    let applied = block_on(bring(Some(&sample()), &target, &mut journal, &|_| {})).unwrap();
    assert_eq!(applied.report.unwrap().failed, []);
    let steps: Vec<_> = applied.plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(steps, ["app/config:update", "app/program:update", "web/edge:update"], "all that know the number");
    assert_ne!(journal.state().ports[&port("app/http")], 9004);
    assert!(block_on(bring(Some(&sample()), &target, &mut journal, &|_| {})).unwrap().report.is_none());
}
