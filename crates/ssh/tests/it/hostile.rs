//! Clients that mean ill, or nothing at all.

use crate::support::{bastion, client, echo, eventually, key, local};
use proptest::prelude::{any, proptest};
use ssh::{Account, Connection, Forward, HostKeys, PublicKey, Server, ServerConfig, ServerLimits};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn patient_server(limits: ServerLimits) -> (Server, ServerConfig, ssh::PrivateKey) {
    let user = key();
    let mut config = bastion(&user, echo().await);
    config.limits = limits;
    (Server::start(config.clone()).await.unwrap(), config, user)
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_never_finish_a_login_are_ended_and_hold_nobody_up() {
    let limits = ServerLimits { login_grace: Duration::from_millis(1500), ..ServerLimits::default() };
    let (server, config, user) = patient_server(limits).await;
    let mut slow = tokio::task::JoinSet::new();
    // One byte now and then, none at all, a version and then nothing.
    for kind in 0..12 {
        let address = server.address();
        slow.spawn(async move {
            let mut socket = TcpStream::connect(address).await.unwrap();
            match kind % 3 {
                0 => {
                    for byte in b"SSH-2.0-slow_client_that_takes_its_time\r\n".iter().cycle() {
                        if socket.write_all(&[*byte]).await.is_err() {
                            break;
                        }
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
                1 => socket.write_all(b"SSH-2.0-quiet\r\n").await.unwrap(),
                _ => {}
            }
            let _ = socket.read_to_end(&mut Vec::new()).await;
        });
    }
    eventually("they are there", async || (server.status().unauthenticated == 12).then_some(())).await;
    let connection = Connection::open(&client(server.address(), &config.host_key, "alice", &user)).await.unwrap();
    connection.ping(Duration::from_secs(20)).await.unwrap();
    while let Some(result) = slow.join_next().await {
        result.unwrap();
    }
    eventually("they are gone", async || (server.status().unauthenticated == 0).then_some(())).await;
    connection.ping(Duration::from_secs(20)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_from_one_address_is_turned_away_beyond_the_bound() {
    let limits = ServerLimits { unauthenticated_each: 5, ..ServerLimits::default() };
    let (server, config, user) = patient_server(limits).await;
    let inside = Connection::open(&client(server.address(), &config.host_key, "alice", &user)).await.unwrap();
    let mut flood = Vec::new();
    for _ in 0..60 {
        flood.push(TcpStream::connect(server.address()).await.unwrap());
    }
    eventually("most are turned away", async || (server.status().turned_away == 55).then_some(())).await;
    assert_eq!(server.status().unauthenticated, 5);
    // Who is in, stays in and can work.
    let mut stream = inside.forward_to("db", 5432).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    stream.read_exact(&mut [0]).await.unwrap();
    drop(flood);
    eventually("there is room again", async || (server.status().unauthenticated == 0).then_some(())).await;
    Connection::open(&client(server.address(), &config.host_key, "alice", &user)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_tries_many_keys_is_ended() {
    let limits = ServerLimits { attempts: 4, ..ServerLimits::default() };
    let (server, config, _) = patient_server(limits).await;
    let mut wish = client(server.address(), &config.host_key, "alice", &key());
    wish.identities = (0..10).map(|_| ssh::Identity::Key { key: key(), origin: "guess".to_owned() }).collect();
    assert!(Connection::open(&wish).await.is_err());
    assert_eq!(server.status().login_failures, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_ssh_end_only_their_own_connection() {
    let (server, config, user) = patient_server(ServerLimits::default()).await;
    let inside = Connection::open(&client(server.address(), &config.host_key, "alice", &user)).await.unwrap();
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut noise = |count: usize| -> Vec<u8> {
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state.to_be_bytes()[0]
            })
            .collect()
    };
    for round in 0..60 {
        let mut socket = TcpStream::connect(server.address()).await.unwrap();
        let mut words = if round % 3 == 0 { Vec::new() } else { b"SSH-2.0-noise\r\n".to_vec() };
        if round % 3 == 2 {
            // A packet that says how long it is, and is no packet.
            words.extend([0, 0, (round * 4) as u8, 16, 4, 20]);
        }
        words.extend(noise(round * 37));
        let _ = socket.write_all(&words).await;
        let _ = socket.shutdown().await;
        let _ = socket.read_to_end(&mut Vec::new()).await;
    }
    for words in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0; 100_000], b"SSH-1.5-old\r\n", &[b'a'; 300_000]] {
        let mut socket = TcpStream::connect(server.address()).await.unwrap();
        let _ = socket.write_all(words).await;
        let _ = socket.shutdown().await;
        let _ = socket.read_to_end(&mut Vec::new()).await;
    }
    inside.ping(Duration::from_secs(20)).await.unwrap();
    eventually("they are gone", async || (server.status().unauthenticated == 0).then_some(())).await;
}

fn account() -> Account {
    let forward = |name: &str, said_port, address: &str| Forward {
        name: name.to_owned(),
        said_port,
        address: address.parse().unwrap(),
    };
    Account {
        keys: Vec::new(),
        forwards: vec![
            forward("db", Some(5432), "127.0.0.1:40001"),
            forward("cache", None, "127.0.0.1:40002"),
            forward("far", Some(3306), "10.0.0.7:40003"),
        ],
        listens: vec![15240],
    }
}

#[test]
fn exactly_the_stated_ways_are_open() {
    let account = account();
    for (host, port, leads_to) in [
        ("db", 5432, Some("127.0.0.1:40001")),
        ("DB", 40001, Some("127.0.0.1:40001")),
        ("localhost", 40001, Some("127.0.0.1:40001")),
        ("127.0.0.1", 40002, Some("127.0.0.1:40002")),
        ("cache", 40002, Some("127.0.0.1:40002")),
        ("far", 3306, Some("10.0.0.7:40003")),
        ("10.0.0.7", 40003, Some("10.0.0.7:40003")),
        // Neither a said number under another name, nor another spelling, nor a number that wraps around.
        ("localhost", 5432, None),
        ("127.0.0.1", 5432, None),
        ("localhost", 40003, None),
        ("127.0.0.1", 40003, None),
        ("10.0.0.7", 3306, None),
        ("db", 40002, None),
        ("cache", 5432, None),
        ("127.1", 40001, None),
        ("0x7f000001", 40001, None),
        ("2130706433", 40001, None),
        ("::ffff:127.0.0.1", 40001, None),
        ("::1", 40001, None),
        ("0.0.0.0", 40001, None),
        ("db.", 5432, None),
        ("db\0", 5432, None),
        (" db", 5432, None),
        ("", 40001, None),
        ("db", 0, None),
        ("db", 65536 + 5432, None),
        ("db", u32::MAX, None),
    ] {
        let expected: Option<SocketAddr> = leads_to.map(|address| address.parse().unwrap());
        assert_eq!(account.forward_to(host, port), expected, "{host:?}:{port}");
    }
    for (address, port, may) in [
        ("127.0.0.1", 15240, true),
        ("localhost", 15240, true),
        ("", 15240, false),
        ("*", 15240, false),
        ("0.0.0.0", 15240, false),
        ("::", 15240, false),
        ("::1", 15240, false),
        ("127.0.0.2", 15240, false),
        ("localhost", 15241, false),
        ("localhost", 0, false),
        ("localhost", 65536 + 15240, false),
    ] {
        assert_eq!(account.may_listen(address, port).is_some(), may, "{address:?}:{port}");
    }
    assert_eq!(Account::default().forward_to("db", 5432), None);
}

proptest! {
    #[test]
    fn nothing_leads_anywhere_but_to_a_stated_target(host in "\\PC{0,24}", port in any::<u32>()) {
        let account = account();
        if let Some(address) = account.forward_to(&host, port) {
            let forward = account.forwards.iter().find(|forward| forward.address == address).unwrap();
            let real = port == u32::from(address.port());
            let said = forward.said_port.is_some_and(|said| u32::from(said) == port);
            let by_name = host.eq_ignore_ascii_case(&forward.name) && (real || said);
            let by_address = real && (host == address.ip().to_string() || host == "localhost");
            assert!(by_name || by_address, "{host:?}:{port}");
        }
    }

    #[test]
    fn stated_names_lead_to_their_target_whatever_their_case(
        index in 0_usize..3,
        upper in any::<bool>(),
        by_said in any::<bool>(),
    ) {
        let account = account();
        let forward = &account.forwards[index];
        let name = if upper { forward.name.to_uppercase() } else { forward.name.clone() };
        let port = if by_said { forward.said_port.unwrap_or(forward.address.port()) } else { forward.address.port() };
        assert_eq!(account.forward_to(&name, u32::from(port)), Some(forward.address));
    }

    #[test]
    fn lines_that_are_no_keys_are_errors_and_nothing_worse(line in "\\PC{0,80}") {
        assert!(line.parse::<PublicKey>().is_err());
        assert!(HostKeys::pinned(&line, "a test").is_err());
    }

    #[test]
    fn keys_survive_their_line(comment in "[a-z@. ]{0,12}") {
        let public = key().public();
        assert_eq!(format!("  {public} {comment}").parse::<PublicKey>().unwrap(), public);
    }

    #[test]
    fn sources_are_blocks_also_for_addresses_in_ipv6_form(octets in any::<[u8; 4]>()) {
        let mut config = ServerConfig::new(local(0), key());
        config.sources = vec!["203.0.113.0/24".parse().unwrap()];
        let plain = IpAddr::from(octets);
        let mapped = IpAddr::from(std::net::Ipv4Addr::from(octets).to_ipv6_mapped());
        let inside = octets[..3] == [203, 0, 113];
        assert_eq!((config.lets_in(plain), config.lets_in(mapped)), (inside, inside));
    }
}
