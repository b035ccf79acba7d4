//! What a session carries when nothing goes wrong.

use crate::support::{PATIENCE, World, echo, options, pattern, round_trip};
use session_manager::{End, Options, State};
use std::time::Duration;
use testkit::gateway::Behaviour;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

#[tokio::test]
async fn bytes_go_there_and_back_in_messages_of_the_usual_length() {
    let world = World::new(Behaviour { notice: " Welcome. ".to_owned(), ..Behaviour::default() }, echo().await).await;
    let sent = pattern(1 << 20, 1);
    assert!(round_trip(world.session.connect().unwrap(), &sent).await == sent);
    let status = world.session.status();
    assert_eq!((status.state, status.agent.as_str(), status.is_multiplexed), (State::Open, "3.3.987.0", true));
    assert_eq!((status.sent, status.received), (1 << 20, 1 << 20));
    assert_eq!(status.notice.as_deref(), Some("Welcome."));
    let seen = world.seen();
    assert_eq!((seen.longest, seen.client_version.as_str()), (1024, "1.2.677.0"));
    // Frames are cut to fit: a mebibyte takes hardly more messages than it must.
    assert!(seen.messages < 1060, "{}", seen.messages);
    assert_eq!(world.gateway.complaints(), Vec::<String>::new());
    world.session.close().await;
    assert_eq!(*world.session.over().await, End::Closed);
    assert_eq!(world.seen().flags, [2]);
}

#[tokio::test]
async fn a_server_that_speaks_first_is_heard() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            tcp.write_all(b"5.5.5-10.11-MariaDB").await.unwrap();
        }
    });
    let world = World::new(Behaviour::default(), address).await;
    let mut text = String::new();
    world.session.connect().unwrap().read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "5.5.5-10.11-MariaDB");
}

#[tokio::test]
async fn many_connections_share_a_session() {
    let world = World::new(Behaviour::default(), echo().await).await;
    let mut all = tokio::task::JoinSet::new();
    for number in 0..100_u8 {
        let connection = world.session.connect().unwrap();
        all.spawn(async move {
            let sent = pattern(20_000 + usize::from(number) * 10, number);
            assert!(round_trip(connection, &sent).await == sent, "connection {number}");
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    let seen = world.gateway.until(world.session.id(), |seen| seen.ended_by_client == 100).await;
    assert_eq!(seen.connections, 100);
    assert_eq!(world.gateway.complaints(), Vec::<String>::new());
    let status = world.session.status();
    assert_eq!((status.connections, status.connections_ever, status.refused), (0, 100, 0));
}

#[tokio::test]
async fn a_program_that_has_said_everything_still_gets_its_answer() {
    // The server answers after its client's end, and takes its time over it.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut line = [0; 6];
                tcp.read_exact(&mut line).await.unwrap();
                for _ in 0..20 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    if tcp.write_all(b"answer").await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let world = World::new(Behaviour::default(), address).await;
    let mut connection = world.session.connect().unwrap();
    connection.write_all(b"select").await.unwrap();
    connection.shutdown().await.unwrap();
    assert_eq!(connection.write(b"x").await.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "answer".repeat(20));
}

#[tokio::test]
async fn a_program_that_left_does_not_keep_the_servers_side_open() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = Options { linger: Duration::from_millis(50), ..options() };
    let world = World::with(Behaviour::default(), address, options).await;
    for is_dropped in [true, false] {
        let mut connection = world.session.connect().unwrap();
        connection.write_all(b"hello").await.unwrap();
        let (mut tcp, _) = listener.accept().await.unwrap();
        let mut hello = [0; 5];
        tcp.read_exact(&mut hello).await.unwrap();
        let kept = if is_dropped {
            drop(connection);
            None
        } else {
            connection.shutdown().await.unwrap();
            Some(connection)
        };
        // The server's side ends, although the server itself says nothing.
        let ended = tokio::time::timeout(PATIENCE, tcp.read(&mut hello)).await.unwrap();
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
        drop(kept);
    }
}

#[tokio::test]
async fn a_server_that_ends_is_seen_to_end() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let world = World::new(Behaviour::default(), address).await;
    let mut connection = world.session.connect().unwrap();
    let (mut tcp, _) = listener.accept().await.unwrap();
    tcp.write_all(b"bye").await.unwrap();
    drop(tcp);
    let mut text = String::new();
    connection.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "bye");
    let error = connection.write_all(b"too late").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn an_agent_without_multiplexing_carries_one_connection() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"ready").await.unwrap();
        let mut all = Vec::new();
        tcp.read_to_end(&mut all).await.unwrap();
        all
    });
    let behaviour = Behaviour { version: "2.3.1205.0".to_owned(), ..Behaviour::default() };
    let world = World::new(behaviour, address).await;
    assert!(!world.session.status().is_multiplexed);
    let mut connection = world.session.connect().unwrap();
    let mut ready = [0; 5];
    connection.read_exact(&mut ready).await.unwrap();
    assert_eq!(&ready, b"ready");
    let error = world.session.connect().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the host's agent 2.3.1205.0 carries one connection a session, and there is one already"
    );
    let sent = pattern(100_000, 7);
    connection.write_all(&sent).await.unwrap();
    drop(connection);
    // The agent is told that the program left, and the session has no use any more.
    assert!(served.await.unwrap() == sent);
    assert_eq!(*world.session.over().await, End::Used);
    assert_eq!(world.seen().flags, [1, 2]);
    assert_eq!(world.gateway.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn an_agent_that_wants_signs_of_life_gets_them() {
    let old = Behaviour { version: "3.1.1000.0".to_owned(), ..Behaviour::default() };
    let options = Options { sign_of_life: Duration::from_millis(100), ..options() };
    let world = World::with(old, echo().await, options.clone()).await;
    world.gateway.until(world.session.id(), |seen| seen.signs_of_life >= 3).await;
    assert_eq!(world.gateway.complaints(), Vec::<String>::new());
    // From an agent that does without, they would hide that the session is idle.
    let world = World::with(Behaviour::default(), echo().await, options).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.seen().signs_of_life, 0);
}

#[tokio::test]
async fn aws_is_asked_for_a_sign_of_life_when_nothing_is_heard() {
    let options = Options { ping: Duration::from_millis(50), ..options() };
    let world = World::with(Behaviour::default(), echo().await, options).await;
    world.gateway.until(world.session.id(), |seen| seen.pings >= 3).await;
    assert_eq!(world.session.status().state, State::Open);
}

#[tokio::test]
async fn a_program_that_does_not_read_holds_memory_flat_and_loses_nothing() {
    let unread = 256 << 10;
    let world = World::with(Behaviour::default(), echo().await, Options { unread, ..options() }).await;
    let (mut read, mut write) = tokio::io::split(world.session.connect().unwrap());
    let sent = pattern(8 << 20, 3);
    let sends = {
        let sent = sent.clone();
        tokio::spawn(async move { write.write_all(&sent).await.unwrap() })
    };
    // Nobody reads: what comes back stops coming.
    while !world.session.status().is_held_up {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let status = world.session.status();
    let longest_message = 1024;
    assert!(status.received <= (unread + longest_message) as u64, "{}", status.received);
    assert!(!sends.is_finished());
    let mut back = vec![0; sent.len()];
    tokio::time::timeout(PATIENCE, read.read_exact(&mut back)).await.unwrap().unwrap();
    assert!(back == sent);
    sends.await.unwrap();
    assert!(!world.session.status().is_held_up);
}

#[tokio::test]
async fn messages_keep_to_the_pace() {
    let started = tokio::time::Instant::now();
    let world = World::with(Behaviour::default(), echo().await, Options { per_second: Some(200), ..options() }).await;
    let sent = pattern(60 * 1000, 9);
    assert!(round_trip(world.session.connect().unwrap(), &sent).await == sent);
    // 60 messages at 200 a second, 16 of them at once.
    let seen = world.seen();
    let least = Duration::from_millis((seen.messages as u64).saturating_sub(18) * 5);
    assert!(started.elapsed() >= least, "{:?} for {} messages", started.elapsed(), seen.messages);
}
