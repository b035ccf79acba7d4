//! Our client at our server.

use crate::support::{Log, SshFolder, bastion, client, converse, echo, eventually, free_port, greeter, key, local};
use ssh::{
    Account, Connection, Forward, HostKeys, Identity, LocalForward, PrivateKey, Server, ServerConfig, ServerLimits,
    SshError,
};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_for_a_program() {
    let user = key();
    let config = bastion(&user, echo().await);
    let server = Server::start(config.clone()).await.unwrap();
    let connection = Connection::open(&client(server.address(), &config.host_key, "alice", &user)).await.unwrap();
    let mut stream = connection.forward_to("db", 5432).await.unwrap();
    stream.write_all(b"question").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"question");
    let status = server.status();
    assert_eq!((status.connections[0].sent, status.connections[0].received), (8, 8));
    connection.ping(Duration::from_secs(20)).await.unwrap();
    connection.close().await;
    eventually("the server knows", async || server.status().connections.is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_apart() {
    let user = key();
    let mut config = bastion(&user, local(free_port()));
    config.limits.channels = 1;
    let server = Server::start(config.clone()).await.unwrap();
    let at = |user: &str, key: &PrivateKey| client(server.address(), &config.host_key, user, key);
    let connection = Connection::open(&at("alice", &user)).await.unwrap();
    let dead = connection.forward_to("db", 5432).await.err().unwrap();
    assert!(matches!(dead, SshError::TargetUnreachable { .. }), "{dead}");
    let forbidden = connection.forward_to("secret", 5432).await.err().unwrap();
    assert!(matches!(forbidden, SshError::ForwardRefused { .. }), "{forbidden}");
    let stranger = key();
    let refused = Connection::open(&at("alice", &stranger)).await.err().unwrap();
    assert!(matches!(refused, SshError::KeyRefused { .. }), "{refused}");
    assert!(refused.to_string().contains(&stranger.public().fingerprint()), "{refused}");
    assert!(refused.help().unwrap().contains(&stranger.public().to_string()), "{refused}");
    let mut nothing = at("alice", &user);
    nothing.identities.clear();
    assert!(matches!(Connection::open(&nothing).await, Err(SshError::KeyRefused { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_key_is_refused_with_both_fingerprints() {
    let user = key();
    let config = bastion(&user, echo().await);
    let server = Server::start(config.clone()).await.unwrap();
    let expected = key();
    let error = Connection::open(&client(server.address(), &expected, "alice", &user)).await.err().unwrap();
    let text = error.to_string();
    assert!(text.contains(&config.host_key.public().fingerprint()), "{text}");
    assert!(text.contains(&expected.public().fingerprint()) && text.contains("(the test)"), "{text}");
    assert_eq!(server.status().logins, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn known_hosts_files_are_read_as_openssh_does() {
    let user = key();
    let config = bastion(&user, echo().await);
    let server = Server::start(config.clone()).await.unwrap();
    let folder = SshFolder::new(server.address(), &config.host_key, &user);
    let mut wish = client(server.address(), &config.host_key, "alice", &user);
    wish.host_keys = HostKeys::KnownHosts(folder.path("known_hosts"));
    Connection::open(&wish).await.unwrap();
    let known = std::fs::read_to_string(folder.path("known_hosts")).unwrap();
    let revoked = format!("{known}@revoked * {}\n", config.host_key.public());
    folder.write("known_hosts", &revoked, 0o600);
    let error = Connection::open(&wish).await.err().unwrap();
    assert!(error.to_string().contains("revoked by") && error.to_string().contains("known_hosts:2"), "{error}");
    folder.write("known_hosts", "# nothing\n", 0o600);
    let error = Connection::open(&wish).await.err().unwrap();
    assert!(error.to_string().contains("is not known: it shows ssh-ed25519 SHA256:"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_forward_carries_many_connections() {
    let user = key();
    let config = bastion(&user, echo().await);
    let server = Server::start(config.clone()).await.unwrap();
    let forward =
        LocalForward::open(&client(server.address(), &config.host_key, "alice", &user), 0, "db", 5432).await.unwrap();
    let address = forward.address();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..100_u32 {
        tasks.spawn(async move {
            let words: Vec<u8> = number.to_be_bytes().repeat(10_000);
            assert_eq!(converse(address, &words).await.unwrap(), words);
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
    let counters = forward.counters();
    assert_eq!((counters.opened, counters.sent, counters.received), (100, 4_000_000, 4_000_000));
    assert_eq!(forward.counters().refused, 0);
    forward.close().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_ends_on_its_own() {
    // A target that says much only after its client has ended, and one that ends first and then listens.
    let listener = TcpListener::bind(local(0)).await.unwrap();
    let target = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut late, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        late.read_to_end(&mut heard).await.unwrap();
        late.write_all(&vec![7; 3_000_000]).await.unwrap();
        drop(late);
        let (mut early, _) = listener.accept().await.unwrap();
        early.shutdown().await.unwrap();
        let mut heard = Vec::new();
        early.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard.len(), 3_000_000);
        let (mut done, _) = listener.accept().await.unwrap();
        done.write_all(b"heard it all").await.unwrap();
    });
    let user = key();
    let config = bastion(&user, target);
    let server = Server::start(config.clone()).await.unwrap();
    let forward =
        LocalForward::open(&client(server.address(), &config.host_key, "alice", &user), 0, "db", 5432).await.unwrap();
    assert_eq!(converse(forward.address(), b"go").await.unwrap().len(), 3_000_000);
    let mut early = TcpStream::connect(forward.address()).await.unwrap();
    assert_eq!(early.read(&mut [0]).await.unwrap(), 0);
    early.write_all(&vec![7; 3_000_000]).await.unwrap();
    early.shutdown().await.unwrap();
    assert_eq!(converse(forward.address(), b"").await.unwrap(), b"heard it all");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_cut_sees_a_reset_and_no_end() {
    let user = key();
    let config = bastion(&user, greeter("part").await);
    let server = Server::start(config.clone()).await.unwrap();
    let wish = client(server.address(), &config.host_key, "alice", &user);
    let forward = LocalForward::open(&wish, 0, "db", 5432).await.unwrap();
    let mut socket = TcpStream::connect(forward.address()).await.unwrap();
    let connection = Connection::open(&wish).await.unwrap();
    let mut stream = connection.forward_to("db", 5432).await.unwrap();
    let mut part = [0; 4];
    socket.read_exact(&mut part).await.unwrap();
    stream.read_exact(&mut part).await.unwrap();
    drop(server);
    assert!(socket.read(&mut part).await.is_err());
    assert!(stream.read(&mut part).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_person_is_cut_at_once_and_nobody_else() {
    let (alice, bob) = (key(), key());
    let log = Log::default();
    let mut config = ServerConfig { journal: log.journal(), ..bastion(&alice, echo().await) };
    let account = Account { keys: vec![bob.public()], ..config.accounts["alice"].clone() };
    config.accounts.insert("bob".to_owned(), account);
    let server = Server::start(config.clone()).await.unwrap();
    let open = async |name: &str, key: &PrivateKey| {
        Connection::open(&client(server.address(), &config.host_key, name, key)).await.unwrap()
    };
    let (hers, his) = (open("alice", &alice).await, open("bob", &bob).await);
    let mut her_stream = hers.forward_to("db", 5432).await.unwrap();
    let mut his_stream = his.forward_to("db", 5432).await.unwrap();
    let mut without_bob = config.clone();
    without_bob.accounts.remove("bob");
    server.reload(without_bob.clone()).await.unwrap();
    assert!(his_stream.read(&mut [0]).await.is_err());
    his.ended().await;
    her_stream.write_all(b"x").await.unwrap();
    assert_eq!(her_stream.read(&mut [0]).await.unwrap(), 1);
    // Her right to this target goes, she stays.
    without_bob.accounts.get_mut("alice").unwrap().forwards.clear();
    server.reload(without_bob).await.unwrap();
    let over = her_stream.read(&mut [0]).await;
    assert!(matches!(over, Ok(0) | Err(_)), "{over:?}");
    hers.ping(Duration::from_secs(20)).await.unwrap();
    eventually("it is told why", async || log.text().contains("its account or key was removed").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_lets_open_forwards_finish() {
    let user = key();
    let config = bastion(&user, echo().await);
    let server = Server::start(config.clone()).await.unwrap();
    let wish = client(server.address(), &config.host_key, "alice", &user);
    let (busy, quiet) = (Connection::open(&wish).await.unwrap(), Connection::open(&wish).await.unwrap());
    let mut stream = busy.forward_to("db", 5432).await.unwrap();
    let stopping = tokio::spawn(server.stop());
    tokio::time::timeout(Duration::from_secs(20), quiet.ended()).await.expect("who forwards nothing is ended at once");
    stream.write_all(b"still").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"still");
    busy.ended().await;
    stopping.await.unwrap();
    assert!(matches!(Connection::open(&wish).await, Err(SshError::Connect { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_hold() {
    let user = key();
    let mut config = bastion(&user, echo().await);
    config.limits = ServerLimits {
        connections: 3,
        unauthenticated: 1,
        channels: 2,
        login_grace: Duration::from_millis(400),
        idle: Some(Duration::from_millis(600)),
        ..ServerLimits::default()
    };
    let server = Server::start(config.clone()).await.unwrap();
    let wish = client(server.address(), &config.host_key, "alice", &user);
    // One that says nothing takes the only place for those who are not logged in, for as long as a login may take.
    let mut silent = TcpStream::connect(server.address()).await.unwrap();
    eventually("it is counted", async || (server.status().unauthenticated == 1).then_some(())).await;
    assert!(Connection::open(&wish).await.is_err());
    let mut banner = Vec::new();
    let _ = silent.read_to_end(&mut banner).await;
    assert!(banner.starts_with(b"SSH-2.0-Landfall_"));
    let connection = Connection::open(&wish).await.unwrap();
    let one = connection.forward_to("db", 5432).await.unwrap();
    let _two = connection.forward_to("db", 5432).await.unwrap();
    assert!(connection.forward_to("db", 5432).await.is_err());
    drop(one);
    eventually("there is room again", async || connection.forward_to("db", 5432).await.ok()).await;
    let idle = Connection::open(&wish).await.unwrap();
    // The reason may be lost together with the connection.
    tokio::time::timeout(Duration::from_secs(20), idle.ended()).await.expect("an idle connection is ended");
    assert!(server.status().turned_away >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_stated_addresses_may_connect() {
    let user = key();
    let mut config = bastion(&user, echo().await);
    config.sources = vec!["203.0.113.0/24".parse().unwrap()];
    let server = Server::start(config.clone()).await.unwrap();
    let wish = client(server.address(), &config.host_key, "alice", &user);
    assert!(Connection::open(&wish).await.is_err());
    config.sources = vec!["127.0.0.0/8".parse().unwrap()];
    server.reload(config.clone()).await.unwrap();
    let connection = Connection::open(&wish).await.unwrap();
    config.sources = vec!["203.0.113.0/24".parse().unwrap()];
    server.reload(config).await.unwrap();
    connection.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_is_read_only_when_nobody_else_may() {
    let user = key();
    let config = bastion(&user, echo().await);
    let server = Server::start(config.clone()).await.unwrap();
    let folder = SshFolder::new(server.address(), &config.host_key, &user);
    folder.write("id", user.to_openssh().unwrap().expose(), 0o640);
    let error = PrivateKey::from_file(&folder.path("id"), &|_| None).unwrap_err();
    assert!(error.help().unwrap().starts_with("protect it: chmod 600 /"), "{error}");
    folder.write("id", user.to_openssh().unwrap().expose(), 0o600);
    let read = PrivateKey::from_file(&folder.path("id"), &|_| None).unwrap();
    let mut wish = client(server.address(), &config.host_key, "alice", &user);
    wish.identities = vec![Identity::Key { key: read, origin: "a file".to_owned() }];
    Connection::open(&wish).await.unwrap();
}

/// A megabyte of pages that tell which they are.
fn megabyte(number: u32) -> Vec<u8> {
    let mut block = vec![0; 1 << 20];
    for (page, bytes) in (number << 8..).zip(block.chunks_mut(4096)) {
        bytes.fill(page.to_be_bytes()[3]);
        bytes[..4].copy_from_slice(&page.to_be_bytes());
    }
    block
}

/// A target that sends so many megabytes.
async fn torrent(megabytes: u32) -> std::net::SocketAddr {
    let listener = TcpListener::bind(local(0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                for number in 0..megabytes {
                    if socket.write_all(&megabyte(number)).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Reads all that a torrent sends; how many megabytes it was.
async fn drink(mut stream: impl tokio::io::AsyncRead + Unpin) -> u32 {
    let mut block = vec![0; 1 << 20];
    for number in 0.. {
        match stream.read_exact(&mut block).await {
            Ok(_) => assert!(block == megabyte(number), "megabyte {number} is another one"),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return number,
            Err(error) => panic!("cut after {number} MB: {error}"),
        }
    }
    0
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_read_holds_nobody_up_and_loses_nothing() {
    const MEGABYTES: u32 = 96;
    let user = key();
    let mut config = bastion(&user, echo().await);
    let forward = Forward { name: "torrent".to_owned(), said_port: Some(1), address: torrent(MEGABYTES).await };
    config.accounts.get_mut("alice").unwrap().forwards.push(forward);
    let server = Server::start(config.clone()).await.unwrap();
    let connection = Connection::open(&client(server.address(), &config.host_key, "alice", &user)).await.unwrap();
    let unread = connection.forward_to("torrent", 1).await.unwrap();
    // While it is the only one it may hold up the connection for a moment; then others must get in.
    let mut busy = Vec::new();
    for _ in 0..20 {
        busy.push(connection.forward_to("db", 5432).await.unwrap());
    }
    let all_came = async || {
        let came = server.status().connections[0].received;
        (came > u64::from(MEGABYTES) << 20).then_some(())
    };
    eventually("all is here, and nobody has taken it", async || {
        for stream in &mut busy {
            stream.write_all(b"question").await.unwrap();
            stream.read_exact(&mut [0; 8]).await.unwrap();
        }
        all_came().await
    })
    .await;
    connection.ping(Duration::from_secs(20)).await.unwrap();
    assert_eq!(drink(unread).await, MEGABYTES);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_slow_readers_get_all_that_is_theirs() {
    let user = key();
    let config = bastion(&user, torrent(1).await);
    let server = Server::start(config.clone()).await.unwrap();
    let wish = client(server.address(), &config.host_key, "alice", &user);
    let forward = LocalForward::open(&wish, 0, "db", 5432).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..100_u64 {
        let address = forward.address();
        tasks.spawn(async move {
            let stream = TcpStream::connect(address).await.unwrap();
            tokio::time::sleep(Duration::from_millis(number * 10)).await;
            assert_eq!(drink(stream).await, 1);
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_noticed_also_while_much_is_sent() {
    let user = key();
    let config = bastion(&user, greeter("rows").await);
    let server = Server::start(config.clone()).await.unwrap();
    // Between both: carries bytes until it is told to carry no more, and then closes nothing.
    let between = TcpListener::bind(local(0)).await.unwrap();
    let (address, real) = (between.local_addr().unwrap(), server.address());
    let silence = std::sync::Arc::new(tokio::sync::Notify::new());
    let silent = std::sync::Arc::clone(&silence);
    tokio::spawn(async move {
        let (mut near, _) = between.accept().await.unwrap();
        let mut far = TcpStream::connect(real).await.unwrap();
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
            () = silent.notified() => std::future::pending().await,
        }
    });
    let mut wish = client(address, &config.host_key, "alice", &user);
    wish.limits.keep_alive = Duration::from_millis(300);
    let forward = LocalForward::open(&wish, 0, "db", 5432).await.unwrap();
    let mut socket = TcpStream::connect(forward.address()).await.unwrap();
    let mut words = [0; 4];
    socket.read_exact(&mut words).await.unwrap();
    silence.notify_one();
    let sending = tokio::spawn(async move { while socket.write_all(&[7; 65536]).await.is_ok() {} });
    assert!(forward.ended().await.to_string().contains("does not answer any more"));
    sending.await.unwrap();
}
