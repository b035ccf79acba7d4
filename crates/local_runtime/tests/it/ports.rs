//! Ports: no two deployments collide, strangers are named.

use crate::world::{World, script, web_server};
use engine::ports::{Condition, Target as _};
use model::FaultKind;
use model::process_graph::{NodeSpec, PortWish};
use std::net::TcpListener;

#[tokio::test]
async fn two_deployments_never_get_the_same_number() {
    let world = World::new();
    let wish = PortWish::Preferably(free_port());
    let mut one = world.deployment("one");
    let mut two = world.deployment("two");
    let port = one.port("web/http", wish);
    two.port("web/http", wish);
    one.node("web/program", &[], NodeSpec::Program(web_server(&port)));
    two.node("web/program", &[], NodeSpec::Program(web_server(&port)));
    one.up().await.unwrap();
    two.up().await.unwrap();
    let PortWish::Preferably(wished) = wish else { unreachable!() };
    assert_eq!(one.ports[&port], wished);
    assert_ne!(two.ports[&port], wished);
    assert!((20_000..32_000).contains(&two.ports[&port]));
}

#[tokio::test]
async fn of_two_that_chose_the_same_number_the_second_is_told() {
    let world = World::new();
    let wish = PortWish::Preferably(free_port());
    let (mut one, mut two) = (world.deployment("one"), world.deployment("two"));
    let port = one.port("app/http", wish);
    two.port("app/http", wish);
    for it in [&mut one, &mut two] {
        it.node("app/program", &[], NodeSpec::Program(script("exec sleep 1000")));
        it.ports = it.target.choose_ports(&it.graph.ports, &it.ports).unwrap();
    }
    assert_eq!(one.ports[&port], two.ports[&port], "both have chosen before either has claimed");
    one.up().await.unwrap();
    let fault = two.up().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Transient);
    assert!(fault.cause.contains("the deployment `one`"), "{}", fault.cause);
    two.ports.clear();
    two.up().await.unwrap();
}

#[tokio::test]
async fn a_stranger_on_an_exact_number_is_named() {
    let world = World::new();
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let number = stranger.local_addr().unwrap().port();
    let mut it = world.deployment("exact");
    it.port("web/http", PortWish::Exactly(number));
    let fault = it.up().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NeedsPerson);
    assert!(fault.cause.contains(&format!("process {} (user ", std::process::id())), "{}", fault.cause);
    drop(stranger);
    it.up().await.unwrap();
}

#[tokio::test]
async fn a_stranger_who_came_while_the_program_was_down_is_seen() {
    let world = World::new();
    let mut it = world.deployment("lost");
    let port = it.port("web/http", PortWish::Any);
    let node = it.node("web/program", &[], NodeSpec::Program(web_server(&port)));
    it.up().await.unwrap();
    assert!(it.observe().await.lost_ports.is_empty());
    it.target.stop_everything().await.unwrap();
    let _stranger = TcpListener::bind(("127.0.0.1", it.ports[&port])).unwrap();
    let observed = it.observe().await;
    assert_eq!(observed.nodes[&node], Condition::Broken("no supervisor runs".into()));
    assert!(observed.lost_ports[&port].starts_with("process "), "{observed:?}");
    let fault = it.heal().await.unwrap_err();
    assert!(fault.cause.contains(&format!("process {}", std::process::id())), "{fault}");
}

#[tokio::test]
async fn a_derived_number_is_the_same_again_after_a_removal() {
    let world = World::new();
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let mut it = world.deployment("stable");
        let port = it.port("web/http", PortWish::Any);
        it.up().await.unwrap();
        numbers.push(it.ports[&port]);
        it.target.remove(local_runtime::Removal::default()).await.unwrap();
    }
    assert_eq!(numbers[0], numbers[1]);
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
