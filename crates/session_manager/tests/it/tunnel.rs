//! A port of this machine for as long as it is wanted.

use crate::support::{Calls, PATIENCE, echo, options, pattern, round_trip};
use session_manager::{SessionCalls, Tunnel};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use testkit::gateway::{Behaviour, Gateway};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

async fn tunnel(behaviour: Behaviour, target: SocketAddr) -> (Gateway, Arc<Tunnel>) {
    let gateway = Gateway::start(behaviour).await.unwrap();
    let calls = Arc::new(Calls { gateway: gateway.clone(), target, troubles: AtomicUsize::new(0) });
    (gateway, Tunnel::new(calls as Arc<dyn SessionCalls>, options()))
}

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

#[tokio::test]
async fn a_local_port_leads_to_the_server_and_nothing_is_started_before_it_is_used() {
    let (gateway, tunnel) = tunnel(Behaviour::default(), echo().await).await;
    let forwarding = tunnel.listen(ANY).await.unwrap();
    assert_eq!((gateway.started().len(), tunnel.status().sessions), (0, 0));
    let mut all = tokio::task::JoinSet::new();
    for number in 0..30_u8 {
        let tcp = TcpStream::connect(forwarding.address()).await.unwrap();
        all.spawn(async move {
            let sent = pattern(30_000, number);
            assert!(round_trip(tcp, &sent).await == sent);
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    // Thirty programs at once start one session.
    let started = gateway.started();
    assert_eq!(started.len(), 1);
    assert_eq!(tunnel.status().session.unwrap().connections_ever, 30);
    tunnel.close().await;
    assert_eq!(gateway.started(), [(started[0].0.clone(), true)]);
    assert_eq!(gateway.complaints(), Vec::<String>::new());
    let address = forwarding.address();
    drop(forwarding);
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_session_that_ended_is_followed_by_another() {
    let (gateway, tunnel) = tunnel(Behaviour::default(), echo().await).await;
    let forwarding = tunnel.listen(ANY).await.unwrap();
    for round in 1..4 {
        let mut tcp = TcpStream::connect(forwarding.address()).await.unwrap();
        tcp.write_all(b"hello").await.unwrap();
        let mut back = [0; 5];
        tcp.read_exact(&mut back).await.unwrap();
        assert_eq!(tunnel.status().sessions, round);
        let (id, _) = gateway.started().into_iter().find(|(_, is_over)| !is_over).unwrap();
        gateway.expire(&id, "idle").await;
        // The program sees its connection end.
        let ended = tokio::time::timeout(PATIENCE, tcp.read(&mut back)).await.unwrap();
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    }
}

#[tokio::test]
async fn an_old_agent_gets_a_session_for_each_connection() {
    let behaviour = Behaviour { version: "2.3.1205.0".to_owned(), ..Behaviour::default() };
    let (gateway, tunnel) = tunnel(behaviour, echo().await).await;
    let forwarding = tunnel.listen(ANY).await.unwrap();
    let mut all = tokio::task::JoinSet::new();
    for number in 0..5_u8 {
        let tcp = TcpStream::connect(forwarding.address()).await.unwrap();
        all.spawn(async move {
            let sent = pattern(10_000, number);
            assert!(round_trip(tcp, &sent).await == sent);
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    assert_eq!(gateway.started().len(), 5);
    assert_eq!(gateway.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn trouble_is_told_and_over_when_it_is_over() {
    let (gateway, tunnel) = tunnel(Behaviour { refuses_tokens: true, ..Behaviour::default() }, echo().await).await;
    let forwarding = tunnel.listen(ANY).await.unwrap();
    let mut tcp = TcpStream::connect(forwarding.address()).await.unwrap();
    assert!(matches!(tcp.read(&mut [0]).await, Ok(0) | Err(_)));
    let trouble = tunnel.status().trouble.unwrap();
    assert!(trouble.cause.contains("the token is not valid"), "{trouble}");
    // The session that could not be used is not left behind.
    assert!(gateway.started().iter().all(|(_, is_over)| *is_over));
    gateway.behave(Behaviour::default());
    tunnel.check().await.unwrap();
    assert_eq!(tunnel.status().trouble, None);
}

#[tokio::test]
async fn ports_that_are_taken_or_open_to_others_are_refused() {
    let (_, tunnel) = tunnel(Behaviour::default(), echo().await).await;
    let taken = TcpListener::bind(ANY).await.unwrap();
    let fault = tunnel.listen(taken.local_addr().unwrap()).await.unwrap_err();
    assert!(fault.cause.contains("another program has the port"), "{fault}");
    let fault = tunnel.listen(([0, 0, 0, 0], 0).into()).await.unwrap_err();
    assert_eq!(fault.help.as_deref(), Some("use 127.0.0.1"));
}
