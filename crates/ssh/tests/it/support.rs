//! Keys, servers, clients and echoing targets for tests. Whatever is started is ended by its own id.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Secret;
use ssh::{Account, ClientConfig, ClientLimits, Event, Forward, HostKeys, Identity, Journal, PrivateKey, ServerConfig};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Where programs are looked for: sshd wants to be started by its full path.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists())
}

/// The program, or a visible note that the test does nothing here.
macro_rules! need {
    ($name:literal) => {
        match crate::support::program($name) {
            Some(path) => path,
            None => {
                eprintln!("skipped: {} is not installed", $name);
                return;
            }
        }
    };
}
pub(crate) use need;

/// A key in the form in which generated secrets are kept: PKCS#8, PEM.
pub(crate) fn pkcs8() -> Secret {
    let pair = Ed25519KeyPair::generate().unwrap();
    let der = pair.to_pkcs8v1().unwrap();
    let body = STANDARD.encode(der.as_ref());
    assert_eq!(pair.public_key().as_ref().len(), 32);
    let mut text = "-----BEGIN PRIVATE KEY-----\n".to_owned();
    for line in body.as_bytes().chunks(64) {
        writeln!(text, "{}", std::str::from_utf8(line).unwrap()).unwrap();
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    Secret::new(text)
}

pub(crate) fn key() -> PrivateKey {
    PrivateKey::from_text(&pkcs8(), None, "a test's key").unwrap()
}

pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A number that nobody listens on at the moment.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind(local(0)).unwrap().local_addr().unwrap().port()
}

/// A target that returns what it is sent, and closes its side when the other one does.
pub(crate) async fn echo() -> SocketAddr {
    let listener = TcpListener::bind(local(0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = socket.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            });
        }
    });
    address
}

/// A target that speaks first, as database servers do.
pub(crate) async fn greeter(greeting: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(local(0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = socket.write_all(greeting.as_bytes()).await;
                let mut sink = Vec::new();
                let _ = socket.read_to_end(&mut sink).await;
            });
        }
    });
    address
}

/// Says something to an address and returns what comes back until the end.
pub(crate) async fn converse(address: SocketAddr, words: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(words).await?;
    socket.shutdown().await?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// Waits until something holds; a test that waits in vain ends by its own deadline with what it waited for.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1200 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("waited in vain until {what}");
}

/// The log of a server.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Event>>>);

impl Log {
    pub(crate) fn journal(&self) -> Journal {
        let log = Arc::clone(&self.0);
        Journal::new(move |event| log.lock().unwrap().push(event.clone()))
    }

    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().iter().map(|event| format!("{event}\n")).collect()
    }
}

/// A server with one account `alice` that may reach `db:5432`, which is `target`.
pub(crate) fn bastion(user: &PrivateKey, target: SocketAddr) -> ServerConfig {
    let mut config = ServerConfig::new(local(0), key());
    let forward = Forward { name: "db".to_owned(), said_port: Some(5432), address: target };
    config.accounts.insert(
        "alice".to_owned(),
        Account { keys: vec![user.public()], forwards: vec![forward], listens: Vec::new() },
    );
    config
}

pub(crate) fn client(server: SocketAddr, host_key: &PrivateKey, user: &str, key: &PrivateKey) -> ClientConfig {
    ClientConfig {
        host: server.ip().to_string(),
        port: server.port(),
        user: user.to_owned(),
        host_keys: HostKeys::pinned(&host_key.public().to_string(), "the test").unwrap(),
        identities: vec![Identity::Key { key: key.clone(), origin: "the test".to_owned() }],
        limits: ClientLimits::default(),
    }
}

/// A folder with a key file and a `known_hosts` for the stock client.
pub(crate) struct SshFolder {
    pub(crate) folder: tempfile::TempDir,
    server: SocketAddr,
}

impl SshFolder {
    pub(crate) fn new(server: SocketAddr, host_key: &PrivateKey, user_key: &PrivateKey) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Self { folder, server };
        made.write("id", user_key.to_openssh().unwrap().expose(), 0o600);
        let known = format!("[{}]:{} {}\n", server.ip(), server.port(), host_key.public());
        made.write("known_hosts", &known, 0o600);
        made
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str, mode: u32) {
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The stock client with everything pinned and nothing asked.
    pub(crate) fn ssh(&self, program: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.folder.path())
            .args(["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"])
            .args(["-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=20"])
            .arg("-o")
            .arg(format!("UserKnownHostsFile={}", self.path("known_hosts").display()))
            .arg("-i")
            .arg(self.path("id"))
            .arg(if program.ends_with("sftp") { "-P" } else { "-p" })
            .arg(self.server.port().to_string())
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// A program that is killed when the test is over.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        Self(command.spawn().unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end without holding up the test's own servers.
pub(crate) async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

pub(crate) fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
