//! Our client and tunnel at the stock OpenSSH server.

use crate::sshd::{Sshd, kill};
use crate::support::{Running, converse, echo, eventually, free_port, greeter, key, local, need};
use model::Secret;
use ssh::{
    ClientLimits, Connection, Health, HealthFailure, HostKeys, Identity, LocalForward, Pauses, PrivateKey, SshError,
    Tunnel, TunnelConfig, TunnelState, Way,
};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;

fn reverse(sshd: &Sshd, key: &PrivateKey, listen: u16, target: SocketAddr) -> TunnelConfig {
    let mut server = sshd.client(key);
    server.limits = ClientLimits { keep_alive: Duration::from_secs(2), ..ClientLimits::default() };
    let pauses =
        Pauses { gate_first: Duration::from_millis(100), gate_most: Duration::from_millis(400), ..Pauses::default() };
    TunnelConfig { server, way: Way::Reverse { listen, target }, health: None, pauses }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_in_with_keys_of_each_kind_and_form() {
    let sshd = need!("sshd");
    let keygen = need!("ssh-keygen");
    let sshd = Sshd::start(&sshd, "").await;
    let target = greeter("welcome").await;
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("ed25519", "256", "", "RFC4716"),
        ("ed25519", "256", "open sesame", "RFC4716"),
        ("rsa", "2048", "", "RFC4716"),
        ("rsa", "2048", "", "PKCS8"),
        ("rsa", "2048", "", "PEM"),
        ("rsa", "2048", "open sesame", "PKCS8"),
        ("ecdsa", "256", "", "RFC4716"),
        ("ecdsa", "384", "", "PKCS8"),
        ("ecdsa", "521", "open sesame", "RFC4716"),
    ];
    for (index, (kind, bits, passphrase, form)) in cases.iter().enumerate() {
        let file = folder.path().join(format!("key{index}"));
        let made = Command::new(&keygen)
            .args(["-q", "-t", kind, "-b", bits, "-N", passphrase, "-m", form, "-f"])
            .arg(&file)
            .status()
            .unwrap();
        assert!(made.success(), "{:?}", cases[index]);
        sshd.authorize(&std::fs::read_to_string(file.with_extension("pub")).unwrap());
        let read = PrivateKey::from_file(&file, &|_| Some(Secret::new("open sesame")));
        let read = read.unwrap_or_else(|error| panic!("{:?}: {error}", cases[index]));
        let connection =
            Connection::open(&sshd.client(&read)).await.unwrap_or_else(|error| panic!("{:?}: {error}", cases[index]));
        let mut stream = connection.forward_to("127.0.0.1", target.port()).await.unwrap();
        let mut words = [0; 7];
        stream.read_exact(&mut words).await.unwrap();
        assert_eq!(&words, b"welcome");
        if !passphrase.is_empty() {
            let wrong = PrivateKey::from_file(&file, &|_| Some(Secret::new("nonsense"))).unwrap_err();
            assert!(matches!(wrong, SshError::Encrypted { tried: true, .. }), "{:?}: {wrong}", cases[index]);
            let none = PrivateKey::from_file(&file, &|_| None).unwrap_err();
            assert!(matches!(none, SshError::Encrypted { tried: false, .. }), "{:?}: {none}", cases[index]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_in_with_the_stock_agent() {
    let sshd = need!("sshd");
    let agent = need!("ssh-agent");
    let add = need!("ssh-add");
    let sshd = Sshd::start(&sshd, "").await;
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent");
    let mut command = Command::new(agent);
    command.arg("-D").arg("-a").arg(&socket).stdout(std::process::Stdio::null());
    let _agent = Running::start(command);
    eventually("the agent listens", async || socket.exists().then_some(())).await;
    let (wrong, right) = (key(), key());
    sshd.authorize(&right.public().to_string());
    let mut config = sshd.client(&right);
    config.identities = vec![Identity::Agent { socket: socket.clone(), only: None }];
    let error = Connection::open(&config).await.err().unwrap();
    assert!(matches!(error, SshError::KeyRefused { ref offered, .. } if offered.is_empty()), "{error}");
    for held in [&wrong, &right] {
        let file = folder.path().join("key");
        std::fs::write(&file, held.to_openssh().unwrap().expose()).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        assert!(Command::new(&add).arg("-q").arg(&file).env("SSH_AUTH_SOCK", &socket).status().unwrap().success());
    }
    Connection::open(&config).await.unwrap();
    config.identities = vec![Identity::Agent { socket: folder.path().join("nobody"), only: None }];
    let error = Connection::open(&config).await.err().unwrap();
    assert!(matches!(error, SshError::Agent { .. }) && error.help().unwrap().contains("ssh-add -l"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn known_hosts_that_openssh_hashed() {
    let sshd = need!("sshd");
    let keygen = need!("ssh-keygen");
    let sshd = Sshd::start(&sshd, "").await;
    let user = key();
    sshd.authorize(&user.public().to_string());
    let file = sshd.folder.path().join("known_hosts");
    std::fs::write(&file, format!("[127.0.0.1]:{} {}\n", sshd.port, sshd.host_key.public())).unwrap();
    assert!(Command::new(keygen).args(["-q", "-H", "-f"]).arg(&file).output().unwrap().status.success());
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("|1|"));
    let mut config = sshd.client(&user);
    config.host_keys = HostKeys::KnownHosts(file);
    Connection::open(&config).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_old_algorithms_is_told_what_is_missing() {
    let sshd = need!("sshd");
    let user = key();
    for (lines, offers) in [
        ("KexAlgorithms diffie-hellman-group14-sha1", "no common Kex algorithm; it offers diffie-hellman-group14-sha1"),
        ("Ciphers aes128-cbc", "no common Cipher algorithm; it offers aes128-cbc"),
        ("Ciphers aes128-ctr\nMACs hmac-sha1", "no common Mac algorithm; it offers hmac-sha1"),
    ] {
        let old = Sshd::start(&sshd, lines).await;
        old.authorize(&user.public().to_string());
        let error = Connection::open(&old.client(&user)).await.err().unwrap();
        assert!(error.to_string().contains(offers), "{lines}: {error}");
    }
    // The oldest that has no known weakness.
    let fair = "KexAlgorithms diffie-hellman-group14-sha256\nCiphers aes128-ctr\nMACs hmac-sha2-256";
    let fair = Sshd::start(&sshd, fair).await;
    fair.authorize(&user.public().to_string());
    Connection::open(&fair.client(&user)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forbids_forwards_is_told_apart_from_a_dead_target() {
    let sshd = need!("sshd");
    let user = key();
    let strict = Sshd::start(&sshd, "AllowTcpForwarding no").await;
    strict.authorize(&user.public().to_string());
    let connection = Connection::open(&strict.client(&user)).await.unwrap();
    let error = connection.forward_to("127.0.0.1", 1).await.err().unwrap();
    assert!(matches!(error, SshError::ForwardRefused { .. }), "{error}");
    let tunnel = Tunnel::start(reverse(&strict, &user, free_port(), local(1))).await.unwrap();
    let status = tunnel.wait_for(|state| matches!(state, TunnelState::ForwardRefused { .. })).await;
    assert!(status.last_error.unwrap().help.unwrap().contains("permitlisten="));
    let lax = Sshd::start(&sshd, "").await;
    lax.authorize(&user.public().to_string());
    let connection = Connection::open(&lax.client(&user)).await.unwrap();
    let error = connection.forward_to("127.0.0.1", free_port()).await.err().unwrap();
    assert!(matches!(error, SshError::TargetUnreachable { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_connections_through_a_forward() {
    let sshd = need!("sshd");
    let user = key();
    let sshd = Sshd::start(&sshd, "").await;
    sshd.authorize(&user.public().to_string());
    let target = echo().await;
    let forward = LocalForward::open(&sshd.client(&user), 0, "127.0.0.1", target.port()).await.unwrap();
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
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reverse_tunnel_waits_until_its_key_is_registered_and_uses_nothing_else() {
    let sshd = need!("sshd");
    let sshd = Sshd::start(&sshd, "").await;
    let (user, listen, target) = (key(), free_port(), greeter("rows").await);
    let tunnel = Tunnel::start(reverse(&sshd, &user, listen, target)).await.unwrap();
    let status = tunnel.wait_for(|state| matches!(state, TunnelState::WaitingForRegistration { .. })).await;
    assert_eq!(status.state, TunnelState::WaitingForRegistration { public: vec![user.public().to_string()] });
    let line = format!("restrict,port-forwarding,permitlisten=\"127.0.0.1:{listen}\" {}", user.public());
    sshd.authorize(&line);
    let status = tunnel.wait_for(|state| *state == TunnelState::Up).await;
    assert!(status.up_since.is_some() && status.reconnects == 0);
    assert_eq!(converse(local(listen), b"").await.unwrap(), b"rows");
    let other = Tunnel::start(reverse(&sshd, &user, free_port(), target)).await.unwrap();
    other.wait_for(|state| matches!(state, TunnelState::ForwardRefused { .. })).await;
    assert_eq!(tunnel.status().traffic.opened, 1);
    tunnel.stop().await;
    eventually("the port is free", async || tokio::net::TcpListener::bind(local(listen)).await.ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reverse_tunnel_comes_back_after_each_kind_of_cut() {
    let sshd = need!("sshd");
    let user = key();
    let mut sshd = Sshd::start(&sshd, "").await;
    sshd.authorize(&user.public().to_string());
    let (listen, target) = (free_port(), greeter("rows").await);
    let tunnel = Tunnel::start(reverse(&sshd, &user, listen, target)).await.unwrap();
    let works = async || converse(local(listen), b"").await.ok().filter(|answer| answer == b"rows");
    eventually("it works", works).await;
    // The process of the session, from one moment to the next.
    for cut in 1..=3 {
        let sessions = sshd.sessions();
        assert!(!sessions.is_empty(), "{}", sshd.log());
        sessions.into_iter().for_each(kill);
        eventually("it was made again", async || (tunnel.status().reconnects == cut).then_some(())).await;
        eventually("it works again", works).await;
    }
    // The whole server, for a while.
    let sessions = sshd.sessions();
    sshd.halt();
    sessions.into_iter().for_each(kill);
    tunnel.wait_for(|state| matches!(state, TunnelState::Failing { .. })).await;
    sshd.resume().await;
    eventually("it works again", works).await;
    let status = tunnel.status();
    assert_eq!((status.reconnects, status.recoveries_ms.len()), (4, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_somebody_else_holds_is_taken_as_soon_as_it_is_free() {
    let sshd = need!("sshd");
    let user = key();
    let sshd = Sshd::start(&sshd, "").await;
    sshd.authorize(&user.public().to_string());
    let (listen, target) = (free_port(), greeter("rows").await);
    let tunnel = Tunnel::start(reverse(&sshd, &user, listen, target)).await.unwrap();
    tunnel.wait_for(|state| *state == TunnelState::Up).await;
    for id in sshd.sessions() {
        kill(id);
    }
    // Quicker than the tunnel, or it would hold the port again.
    let thief = eventually("the port is taken", async || tokio::net::TcpListener::bind(local(listen)).await.ok()).await;
    let status = tunnel.wait_for(|state| matches!(state, TunnelState::PortStillHeld { .. })).await;
    assert!(status.state.to_string().contains(&format!("still holds port {listen}")));
    drop(thief);
    tunnel.wait_for(|state| *state == TunnelState::Up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_key_stops_a_tunnel_until_the_configuration_changes() {
    let sshd = need!("sshd");
    let user = key();
    let sshd = Sshd::start(&sshd, "").await;
    sshd.authorize(&user.public().to_string());
    let right = reverse(&sshd, &user, free_port(), echo().await);
    let mut wrong = right.clone();
    wrong.server.host_keys = HostKeys::pinned(&key().public().to_string(), "landfall.yaml").unwrap();
    let mut tunnel = Tunnel::start(wrong).await.unwrap();
    let status = tunnel.wait_for(|state| matches!(state, TunnelState::WrongHostKey { .. })).await;
    assert!(status.state.to_string().contains(&sshd.host_key.public().fingerprint()));
    assert!(!status.state.is_open() && status.next_attempt.is_none() && status.attempts == 1);
    tunnel.reload(right).await.unwrap();
    tunnel.wait_for(|state| *state == TunnelState::Up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_target_is_not_a_dead_tunnel() {
    let sshd = need!("sshd");
    let user = key();
    let sshd = Sshd::start(&sshd, "").await;
    sshd.authorize(&user.public().to_string());
    let (listen, dead) = (free_port(), free_port());
    let mut config = reverse(&sshd, &user, listen, local(dead));
    config.health = Some(Health::new(Duration::from_millis(100), Duration::from_secs(20), 2, |path| async move {
        let mut stream = path.open().await.map_err(|error| HealthFailure::Path(error.to_string()))?;
        let mut words = Vec::new();
        stream.read_to_end(&mut words).await.map_err(|error| HealthFailure::Path(error.to_string()))?;
        if words == b"rows" { Ok(()) } else { Err(HealthFailure::Path(format!("{} bytes", words.len()))) }
    }));
    let tunnel = Tunnel::start(config).await.unwrap();
    let status = tunnel.wait_for(|state| matches!(state, TunnelState::TargetDead { .. })).await;
    assert!(status.state.to_string().contains(&format!("127.0.0.1:{dead}")), "{}", status.state);
    eventually("several questions failed", async || (tunnel.status().health_failures > 4).then_some(())).await;
    assert_eq!((tunnel.status().reconnects, sshd.log().matches("Accepted publickey").count()), (0, 1));
    let listener = tokio::net::TcpListener::bind(local(dead)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut socket, b"rows").await;
        }
    });
    let status = tunnel.wait_for(|state| *state == TunnelState::Up).await;
    assert!(status.up_since.is_some());
    eventually("a question was answered", async || tunnel.status().healthy_at).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_failures_of_the_connection_lead_to_another_one() {
    let sshd = need!("sshd");
    let user = key();
    let sshd = Sshd::start(&sshd, "").await;
    sshd.authorize(&user.public().to_string());
    let broken_path = Arc::new(AtomicBool::new(false));
    let mut config = reverse(&sshd, &user, free_port(), echo().await);
    let broken = Arc::clone(&broken_path);
    config.health = Some(Health::new(Duration::from_millis(50), Duration::from_secs(20), 3, move |_| {
        let broken = broken.load(Ordering::Relaxed);
        async move {
            let reason = "no".to_owned();
            Err(if broken { HealthFailure::Path(reason) } else { HealthFailure::Answer(reason) })
        }
    }));
    let tunnel = Tunnel::start(config).await.unwrap();
    tunnel.wait_for(|state| matches!(state, TunnelState::Unhealthy { .. })).await;
    eventually("several questions failed", async || (tunnel.status().health_failures > 6).then_some(())).await;
    assert_eq!(tunnel.status().reconnects, 0);
    broken_path.store(true, Ordering::Relaxed);
    eventually("it was made again", async || (tunnel.status().reconnects > 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_tunnel_lets_early_clients_wait_and_survives_cuts() {
    let sshd = need!("sshd");
    let user = key();
    let mut sshd = Sshd::start(&sshd, "").await;
    sshd.authorize(&user.public().to_string());
    sshd.halt();
    let target = greeter("rows").await;
    let mut config = reverse(&sshd, &user, 0, target);
    config.way = Way::Forward { listen: 0, host: "127.0.0.1".to_owned(), port: target.port() };
    let tunnel = Tunnel::start(config).await.unwrap();
    let port = tunnel.status().local_port.unwrap();
    let early = tokio::spawn(converse(local(port), b""));
    tunnel.wait_for(|state| matches!(state, TunnelState::Failing { .. })).await;
    sshd.resume().await;
    assert_eq!(early.await.unwrap().unwrap(), b"rows");
    sshd.sessions().into_iter().for_each(kill);
    eventually("it was made again", async || (tunnel.status().reconnects == 1).then_some(())).await;
    assert_eq!(converse(local(port), b"").await.unwrap(), b"rows");
}
