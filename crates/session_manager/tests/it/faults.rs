//! What a session survives.

use crate::support::{PATIENCE, World, echo, options, pattern, round_trip};
use session_manager::{Connection, End, Options, State};
use std::sync::atomic::Ordering;
use std::time::Duration;
use testkit::gateway::Behaviour;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Several connections at once over a path that behaves so.
async fn survives(behaviour: Behaviour) -> World {
    let world = World::new(behaviour, echo().await).await;
    let mut all = tokio::task::JoinSet::new();
    for number in 0..4_u8 {
        let connection = world.session.connect().unwrap();
        all.spawn(async move {
            let sent = pattern(150_000, number);
            assert!(round_trip(connection, &sent).await == sent, "connection {number}");
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    assert_eq!(world.gateway.complaints(), Vec::<String>::new());
    world
}

#[tokio::test]
async fn messages_that_come_in_another_order_are_put_in_order() {
    survives(Behaviour { reorders: 4, ..Behaviour::default() }).await;
}

#[tokio::test]
async fn messages_that_come_twice_are_used_once_and_acknowledged_again() {
    let world = survives(Behaviour { doubles: 3, ..Behaviour::default() }).await;
    world.gateway.until(world.session.id(), |seen| seen.waiting == 0).await;
}

#[tokio::test]
async fn messages_that_get_lost_come_again() {
    let fast = Behaviour { repeats_after: 20, ..Behaviour::default() };
    let world = survives(Behaviour { loses_to_client: 40, loses_from_client: 40, ..fast.clone() }).await;
    world.session.close().await;
    assert!(world.session.status().repeated > 0);
    // An acknowledgement that gets lost is given again, so that the host's window empties.
    let world = survives(Behaviour { loses_from_client: 30, seed: 77, ..fast }).await;
    world.gateway.until(world.session.id(), |seen| seen.waiting == 0).await;
}

#[tokio::test]
async fn damaged_messages_are_not_used() {
    survives(Behaviour { damages: 50, repeats_after: 20, ..Behaviour::default() }).await;
}

#[tokio::test]
async fn an_agent_that_is_not_ready_gets_the_message_again() {
    survives(Behaviour { is_not_ready: 30, ..Behaviour::default() }).await;
}

#[tokio::test]
async fn everything_at_once() {
    survives(Behaviour {
        loses_to_client: 60,
        loses_from_client: 60,
        doubles: 10,
        reorders: 10,
        damages: 100,
        is_not_ready: 100,
        repeats_after: 20,
        payload: 700,
        seed: 4711,
        ..Behaviour::default()
    })
    .await;
}

async fn speaks(connection: &mut Connection, text: &[u8]) {
    connection.write_all(text).await.unwrap();
    let mut back = vec![0; text.len()];
    tokio::time::timeout(PATIENCE, connection.read_exact(&mut back)).await.unwrap().unwrap();
    assert_eq!(back, text);
}

#[tokio::test]
async fn a_channel_that_breaks_is_resumed_and_connections_live_on() {
    let world = World::new(Behaviour::default(), echo().await).await;
    let mut connection = world.session.connect().unwrap();
    speaks(&mut connection, b"before").await;
    world.calls.troubles.store(2, Ordering::SeqCst);
    for round in 1..4 {
        world.gateway.cut(world.session.id());
        speaks(&mut connection, b"after").await;
        assert_eq!(world.session.status().resumed, round);
    }
    assert_eq!((world.session.status().state, world.seen().channels), (State::Open, 4));
    assert_eq!(world.gateway.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn a_channel_that_breaks_again_and_again_loses_nothing() {
    // The host repeats one message at a time; here it does so quickly.
    let world = World::new(Behaviour { repeats_after: 4, ..Behaviour::default() }, echo().await).await;
    let (gateway, id) = (world.gateway.clone(), world.session.id().to_owned());
    let breaks = tokio::spawn(async move {
        for pause in [3, 7, 20, 50, 11, 30, 90, 5] {
            tokio::time::sleep(Duration::from_millis(pause + 150)).await;
            gateway.cut(&id);
        }
    });
    let sent = pattern(4 << 20, 5);
    assert!(round_trip(world.session.connect().unwrap(), &sent).await == sent);
    breaks.abort();
    assert_eq!(world.gateway.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn a_session_that_cannot_be_resumed_is_over() {
    let world = World::new(Behaviour::default(), echo().await).await;
    let mut connection = world.session.connect().unwrap();
    speaks(&mut connection, b"before").await;
    world.gateway.behave(Behaviour { forgets: true, ..Behaviour::default() });
    world.gateway.cut(world.session.id());
    let error = tokio::time::timeout(PATIENCE, connection.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted);
    assert_eq!(*world.session.over().await, End::Expired);
    assert_eq!(*world.session.connect().unwrap_err(), End::Expired);
}

#[tokio::test]
async fn a_host_that_goes_away_is_given_up_at_last() {
    let options = Options { patience: Duration::from_millis(1500), ..options() };
    let world = World::with(Behaviour::default(), echo().await, options).await;
    let mut connection = world.session.connect().unwrap();
    speaks(&mut connection, b"before").await;
    // Nothing of what is sent from now on is acknowledged.
    world.gateway.deafen(world.session.id());
    connection.write_all(b"hello?").await.unwrap();
    let end = tokio::time::timeout(PATIENCE, world.session.over()).await.unwrap();
    assert!(matches!(*end, End::Silent(_)), "{end}");
    assert!(world.session.status().repeated > 0);
}

#[tokio::test]
async fn a_host_that_does_not_listen_for_a_while_is_waited_for() {
    let world = World::new(Behaviour::default(), echo().await).await;
    let mut connection = world.session.connect().unwrap();
    speaks(&mut connection, b"before").await;
    world.gateway.pause(world.session.id(), true).await;
    let before = world.seen().messages;
    tokio::time::sleep(Duration::from_millis(100)).await;
    connection.write_all(b"wait").await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(world.seen().messages, before, "a message went although nobody listens");
    world.gateway.pause(world.session.id(), false).await;
    let mut back = [0; 4];
    tokio::time::timeout(PATIENCE, connection.read_exact(&mut back)).await.unwrap().unwrap();
    assert_eq!(&back, b"wait");
}
