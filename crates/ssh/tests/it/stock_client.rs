//! The stock OpenSSH client at our server.

use crate::support::{
    Log, Running, SshFolder, bastion, converse, echo, eventually, free_port, greeter, key, local, need, output, words,
};
use ssh::{Server, ServerConfig};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

struct Scene {
    server: Server,
    folder: SshFolder,
    log: Log,
    config: ServerConfig,
}

async fn scene(target: SocketAddr) -> Scene {
    let user = key();
    let log = Log::default();
    let config = ServerConfig { journal: log.journal(), ..bastion(&user, target) };
    let server = Server::start(config.clone()).await.unwrap();
    let folder = SshFolder::new(server.address(), &config.host_key, &user);
    Scene { server, folder, log, config }
}

#[tokio::test(flavor = "multi_thread")]
async fn forwards_to_what_is_stated_under_each_of_its_names() {
    let ssh = need!("ssh");
    let target = greeter("hello from the database").await;
    let scene = scene(target).await;
    let real = target.port();
    for said in ["db:5432".to_owned(), format!("db:{real}"), format!("localhost:{real}"), format!("127.0.0.1:{real}")] {
        let port = free_port();
        let _ssh = Running::start(scene.folder.ssh(&ssh, &["-N", "-L", &format!("{port}:{said}"), "alice@127.0.0.1"]));
        let answer = eventually("the forward answers", async || converse(local(port), b"").await.ok()).await;
        assert_eq!(String::from_utf8_lossy(&answer), "hello from the database", "{said}");
    }
    let log = scene.log.text();
    assert!(log.contains("alice: logged in with SHA256:") && log.contains("forward to db:5432 opened"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_forwards_to_anything_else() {
    let ssh = need!("ssh");
    let target = echo().await;
    let other = greeter("nobody should see this").await;
    let scene = scene(target).await;
    for said in [
        format!("127.0.0.1:{}", other.port()),
        "db:22".to_owned(),
        "example.org:80".to_owned(),
        format!("2130706433:{}", target.port()),
    ] {
        let result = output(scene.folder.ssh(&ssh, &["-W", &said, "alice@127.0.0.1"])).await;
        assert!(!result.status.success() && result.stdout.is_empty(), "{said}: {}", words(&result));
        assert!(words(&result).contains("administratively prohibited"), "{said}: {}", words(&result));
        assert!(scene.log.text().contains(&format!("refused: a forward to {said}")), "{}", scene.log.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn has_no_shell_no_command_no_files_and_no_terminal() {
    let ssh = need!("ssh");
    let sftp = need!("sftp");
    let scene = scene(echo().await).await;
    for arguments in [&["alice@127.0.0.1", "id"][..], &["alice@127.0.0.1"]] {
        let result = output(scene.folder.ssh(&ssh, arguments)).await;
        assert!(!result.status.success(), "{arguments:?}: {}", words(&result));
        assert!(words(&result).contains("request failed on channel 0"), "{arguments:?}: {}", words(&result));
    }
    let result = output(scene.folder.ssh(&ssh, &["-tt", "alice@127.0.0.1"])).await;
    assert!(words(&result).contains("PTY allocation request failed"), "{}", words(&result));
    let result = output(scene.folder.ssh(&sftp, &["alice@127.0.0.1"])).await;
    assert!(words(&result).contains("subsystem request failed"), "{}", words(&result));
    let log = scene.log.text();
    for refused in ["refused: a shell", "refused: a command", "refused: the subsystem sftp"] {
        assert!(log.contains(refused), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_listeners_that_are_not_stated() {
    let ssh = need!("ssh");
    let scene = scene(echo().await).await;
    let port = free_port();
    for listen in [format!("{port}:127.0.0.1:1"), format!("0.0.0.0:{port}:127.0.0.1:1"), "0:127.0.0.1:1".to_owned()] {
        let words_of = ["-N", "-o", "ExitOnForwardFailure=yes", "-R", &listen, "alice@127.0.0.1"];
        let result = output(scene.folder.ssh(&ssh, &words_of)).await;
        assert!(!result.status.success(), "{listen}: {}", words(&result));
        assert!(words(&result).contains("remote port forwarding failed"), "{listen}: {}", words(&result));
    }
    // What is stated, but on every address of the machine.
    let mut config = scene.config.clone();
    config.accounts.get_mut("alice").unwrap().listens.push(port);
    scene.server.reload(config).await.unwrap();
    let result = output(scene.folder.ssh(
        &ssh,
        &["-N", "-o", "ExitOnForwardFailure=yes", "-R", &format!("0.0.0.0:{port}:127.0.0.1:1"), "alice@127.0.0.1"],
    ))
    .await;
    assert!(!result.status.success(), "{}", words(&result));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stated_listener_carries_connections_back() {
    let ssh = need!("ssh");
    let target = greeter("from behind").await;
    let scene = scene(echo().await).await;
    let port = free_port();
    let mut config = scene.config.clone();
    config.accounts.get_mut("alice").unwrap().listens.push(port);
    scene.server.reload(config).await.unwrap();
    let listen = format!("{port}:127.0.0.1:{}", target.port());
    let running = Running::start(scene.folder.ssh(&ssh, &["-N", "-R", &listen, "alice@127.0.0.1"]));
    let answer = eventually("the listener answers", async || {
        converse(local(port), b"").await.ok().filter(|answer| !answer.is_empty())
    })
    .await;
    assert_eq!(answer, b"from behind");
    assert_eq!(scene.server.status().connections[0].listens, [port]);
    drop(running);
    eventually("the port is free again", async || tokio::net::TcpListener::bind(local(port)).await.ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_another_host_key_in_its_file_goes_away() {
    let ssh = need!("ssh");
    let scene = scene(echo().await).await;
    let address = scene.server.address();
    scene.folder.write("known_hosts", &format!("[127.0.0.1]:{} {}\n", address.port(), key().public()), 0o600);
    let result = output(scene.folder.ssh(&ssh, &["-N", "alice@127.0.0.1"])).await;
    assert!(words(&result).contains("Host key verification failed"), "{}", words(&result));
}

#[tokio::test(flavor = "multi_thread")]
async fn takes_keys_of_each_kind_and_none_with_sha1() {
    let ssh = need!("ssh");
    let keygen = need!("ssh-keygen");
    let scene = scene(greeter("welcome").await).await;
    let mut config = scene.config.clone();
    let kinds = [("ed25519", "256"), ("rsa", "3072"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521")];
    for (index, (kind, bits)) in kinds.iter().enumerate() {
        let file = scene.folder.path(&format!("key{index}"));
        let made = std::process::Command::new(&keygen)
            .args(["-q", "-t", kind, "-b", bits, "-N", "", "-f"])
            .arg(&file)
            .status()
            .unwrap();
        assert!(made.success());
        let line = std::fs::read_to_string(file.with_extension("pub")).unwrap();
        config.accounts.get_mut("alice").unwrap().keys.push(line.parse().unwrap());
    }
    scene.server.reload(config).await.unwrap();
    for (index, kind) in kinds.iter().enumerate() {
        std::fs::copy(scene.folder.path(&format!("key{index}")), scene.folder.path("id")).unwrap();
        let result = output(scene.folder.ssh(&ssh, &["-W", "db:5432", "alice@127.0.0.1"])).await;
        assert_eq!(String::from_utf8_lossy(&result.stdout), "welcome", "{kind:?}: {}", words(&result));
    }
    std::fs::copy(scene.folder.path("key1"), scene.folder.path("id")).unwrap();
    let sha1 = ["-o", "PubkeyAcceptedAlgorithms=ssh-rsa", "-W", "db:5432", "alice@127.0.0.1"];
    let result = output(scene.folder.ssh(&ssh, &sha1)).await;
    assert!(words(&result).contains("Permission denied (publickey)"), "{}", words(&result));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_keys_and_other_names_are_refused_alike() {
    let ssh = need!("ssh");
    let scene = scene(echo().await).await;
    let nobody = output(scene.folder.ssh(&ssh, &["-N", "mallory@127.0.0.1"])).await;
    scene.folder.write("id", key().to_openssh().unwrap().expose(), 0o600);
    let stranger = output(scene.folder.ssh(&ssh, &["-N", "alice@127.0.0.1"])).await;
    for result in [&nobody, &stranger] {
        assert!(words(result).contains("Permission denied (publickey)"), "{}", words(result));
    }
    let log = scene.log.text();
    assert!(log.contains("login refused for \"mallory\" with SHA256:"), "{log}");
    assert_eq!(scene.server.status().login_failures, 2);
}

/// What a client is told at a login, without what differs from one connection or key to the next.
fn told(result: &std::process::Output) -> Vec<String> {
    let said = words(result);
    let answers =
        said.lines().filter(|line| line.contains("Authentications that can continue") || line.contains(": type "));
    answers.map(|line| line.trim().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_protocol_tells_a_stranger_nothing_about_who_exists() {
    let ssh = need!("ssh");
    let scene = scene(echo().await).await;
    scene.folder.write("id", key().to_openssh().unwrap().expose(), 0o600);
    let nobody = output(scene.folder.ssh(&ssh, &["-vvv", "-N", "mallory@127.0.0.1"])).await;
    let somebody = output(scene.folder.ssh(&ssh, &["-vvv", "-N", "alice@127.0.0.1"])).await;
    assert_eq!(told(&nobody), told(&somebody));
    // The packets that came, one for each question: the same number of the same kind.
    assert!(told(&somebody).iter().filter(|line| line.contains("can continue: publickey")).count() == 2);
    assert!(told(&somebody).iter().any(|line| line.contains("receive packet: type 51")), "{}", words(&somebody));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_ended_still_gets_its_answer() {
    let ssh = need!("ssh");
    let listener = tokio::net::TcpListener::bind(local(0)).await.unwrap();
    let target = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        socket.read_to_end(&mut heard).await.unwrap();
        socket.write_all(&vec![b'a'; 1_000_000]).await.unwrap();
    });
    let scene = scene(target).await;
    // The client's input is empty: it ends its way at once.
    let result = output(scene.folder.ssh(&ssh, &["-W", "db:5432", "alice@127.0.0.1"])).await;
    assert!(result.status.success(), "{}", words(&result));
    assert_eq!(result.stdout.len(), 1_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_leads_through_it_to_what_is_stated_and_nowhere_else() {
    let ssh = need!("ssh");
    // Behind the bastion, another one; beside it, a third that nobody stated.
    let behind = scene(greeter("two jumps away").await).await;
    let beside = scene(greeter("nobody should see this").await).await;
    let scene = scene(behind.server.address()).await;
    let mut configuration = String::new();
    for (name, scene, address) in [
        ("jump", &scene, format!("127.0.0.1\n Port {}", scene.server.address().port())),
        ("behind", &behind, "db\n Port 5432".to_owned()),
        ("beside", &beside, format!("127.0.0.1\n Port {}", beside.server.address().port())),
    ] {
        let known = scene.folder.path("known_hosts");
        std::fs::write(&known, format!("{name} {}\n", scene.config.host_key.public())).unwrap();
        configuration += &format!(
            "Host {name}\n HostName {address}\n HostKeyAlias {name}\n User alice\n IdentityFile {}\n \
             UserKnownHostsFile {}\n IdentitiesOnly yes\n BatchMode yes\n StrictHostKeyChecking yes\n",
            scene.folder.path("id").display(),
            known.display()
        );
    }
    scene.folder.write("config", &configuration, 0o600);
    let jump = |to: &str| {
        let mut command = std::process::Command::new(&ssh);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", scene.folder.folder.path());
        command.arg("-F").arg(scene.folder.path("config")).args(["-J", "jump", "-W", "db:5432", to]);
        command.stdin(std::process::Stdio::null());
        output(command)
    };
    let through = jump("behind").await;
    assert_eq!(String::from_utf8_lossy(&through.stdout), "two jumps away", "{}", words(&through));
    let refused = jump("beside").await;
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{}", words(&refused));
    assert!(words(&refused).contains("administratively prohibited"), "{}", words(&refused));
    assert_eq!(beside.server.status().logins, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stock_agent_logs_in() {
    let ssh = need!("ssh");
    let agent = need!("ssh-agent");
    let add = need!("ssh-add");
    let scene = scene(greeter("welcome").await).await;
    let socket = scene.folder.path("agent");
    let mut command = std::process::Command::new(agent);
    command.arg("-D").arg("-a").arg(&socket).stdout(std::process::Stdio::null());
    let _agent = Running::start(command);
    eventually("the agent listens", async || socket.exists().then_some(())).await;
    let added =
        std::process::Command::new(add).env("SSH_AUTH_SOCK", &socket).arg(scene.folder.path("id")).output().unwrap();
    assert!(added.status.success(), "{}", words(&added));
    // The public half names the key of the agent.
    let key = scene.config.accounts["alice"].keys[0].to_string();
    scene.folder.write("id", &key, 0o600);
    let mut command = scene.folder.ssh(&ssh, &["-A", "-W", "db:5432", "alice@127.0.0.1"]);
    command.env("SSH_AUTH_SOCK", &socket);
    let result = output(command).await;
    assert_eq!(String::from_utf8_lossy(&result.stdout), "welcome", "{}", words(&result));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_the_client_reaches_only_what_is_stated() {
    let ssh = need!("ssh");
    let target = greeter("through the proxy").await;
    let scene = scene(target).await;
    let port = free_port();
    let _ssh = Running::start(scene.folder.ssh(&ssh, &["-N", "-D", &port.to_string(), "alice@127.0.0.1"]));
    // SOCKS5, by name: the answer's second byte is 0 when the proxy has a way.
    let ask = async |name: &str, to: u16| -> Option<Vec<u8>> {
        let mut request = vec![5, 1, 0, 5, 1, 0, 3, u8::try_from(name.len()).unwrap()];
        request.extend(name.as_bytes());
        request.extend(to.to_be_bytes());
        converse(local(port), &request).await.ok()
    };
    let allowed =
        eventually("the proxy answers", async || ask("db", 5432).await.filter(|answer| answer.len() > 12)).await;
    assert!(allowed.ends_with(b"through the proxy"), "{allowed:?}");
    let refused = ask("db", 22).await.unwrap_or_default();
    assert_ne!(refused.get(3), Some(&0), "{refused:?}");
}
