//! Vendor, internet, bastion, application and database, each a host of its own: network namespaces, as root.
//!
//! ```text
//!  vendor 198.51.100.2 --- internet (routes) --- 203.0.113.2 bastion 10.0.0.2 --+-- app 10.0.0.3
//!                                                                              +-- database 10.0.0.4
//! ```
//!
//! Nobody but bastion and application reaches the database; the application reaches the vendor and nobody reaches it.
//! What runs in a namespace is this test's own program, started there with a role.

use crate::support::{Running, client, eventually, key, program};
use ssh::{
    Account, ClientLimits, Connection, Forward, Pauses, PrivateKey, Server, ServerConfig, SshError, Tunnel,
    TunnelConfig, Way,
};
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

const ROLE: &str = "LANDFALL_SSH_TEST_ROLE";
const HOSTS: [&str; 6] = ["vendor", "internet", "bastion", "lan", "app", "database"];

/// The namespaces; they go when this does.
struct World(String);

impl World {
    fn new() -> Self {
        let world = Self(format!("lf{}", std::process::id()));
        for host in HOSTS {
            world.ip(&format!("netns add {}", world.name(host)));
            world.ip(&format!("-n {} link set lo up", world.name(host)));
        }
        world.wire("vendor", "198.51.100.2/30", "internet", "198.51.100.1/30");
        world.wire("bastion", "203.0.113.2/30", "internet", "203.0.113.1/30");
        world.ip(&format!("-n {} link add name bridge type bridge", world.name("lan")));
        world.ip(&format!("-n {} link set bridge up", world.name("lan")));
        for (host, address) in [("bastion", "10.0.0.2/24"), ("app", "10.0.0.3/24"), ("database", "10.0.0.4/24")] {
            let wire = world.wire(host, address, "lan", "");
            world.ip(&format!("-n {} link set {wire} master bridge", world.name("lan")));
        }
        world.ip(&format!("-n {} route add default via 198.51.100.1", world.name("vendor")));
        world.ip(&format!("-n {} route add default via 203.0.113.1", world.name("bastion")));
        world.ip(&format!("-n {} route add 10.0.0.0/24 via 203.0.113.2", world.name("internet")));
        for host in ["app", "database"] {
            world.ip(&format!("-n {} route add default via 10.0.0.2", world.name(host)));
        }
        for router in ["internet", "bastion"] {
            world.run(router, "/bin/sh", &["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
        }
        world.filter(
            "bastion",
            "forward",
            "ct state established,related accept; ip saddr 10.0.0.3 ip daddr 198.51.100.2 tcp dport 22 accept",
        );
        world.filter(
            "database",
            "input",
            "iif lo accept; ct state established,related accept; ip saddr { 10.0.0.2, 10.0.0.3 } tcp dport 5432 accept",
        );
        world.filter("app", "input", "iif lo accept; ct state established,related accept");
        world
    }

    fn name(&self, host: &str) -> String {
        format!("{}{host}", self.0)
    }

    fn ip(&self, words: &str) {
        let output = Command::new("/usr/sbin/ip").args(words.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A wire between two hosts; returns the name of its end at the second.
    fn wire(&self, near: &str, address: &str, far: &str, far_address: &str) -> String {
        let (near_end, far_end) = (format!("to-{far}"), format!("to-{near}"));
        self.ip(&format!(
            "-n {} link add {near_end} type veth peer name {far_end} netns {}",
            self.name(near),
            self.name(far)
        ));
        for (host, end, address) in [(near, &near_end, address), (far, &far_end, far_address)] {
            if !address.is_empty() {
                self.ip(&format!("-n {} addr add {address} dev {end}", self.name(host)));
            }
            self.ip(&format!("-n {} link set {end} up", self.name(host)));
        }
        far_end
    }

    /// Lets through what the rules say, and nothing else.
    fn filter(&self, host: &str, hook: &str, rules: &str) {
        let rules: String = rules.split(';').map(|rule| format!("add rule inet f c {rule}\n")).collect();
        let text = format!(
            "add table inet f\nadd chain inet f c {{ type filter hook {hook} priority 0; policy drop; }}\n{rules}"
        );
        self.nft(host, &text);
    }

    fn nft(&self, host: &str, text: &str) {
        let mut command = self.command(host, "/usr/sbin/nft");
        let mut child = command.args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn command(&self, host: &str, program: &str) -> Command {
        let mut command = Command::new("/usr/sbin/ip");
        command.args(["netns", "exec", &self.name(host), program]);
        command
    }

    fn run(&self, host: &str, program: &str, words: &[&str]) -> Output {
        self.command(host, program).args(words).output().unwrap()
    }

    /// This test's own program in a namespace, with a role and its words.
    fn role(&self, host: &str, words: &[&str]) -> Command {
        let mut command = self.command(host, std::env::current_exe().unwrap().to_str().unwrap());
        command.args(["--exact", "namespaces::role", "--nocapture"]).env(ROLE, words.join(" "));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What a role that ends says.
    async fn ask(&self, host: &str, words: &[&str]) -> String {
        let output = crate::support::output(self.role(host, words)).await;
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for host in HOSTS {
            let _ = Command::new("/usr/sbin/ip").args(["netns", "del", &self.name(host)]).status();
        }
    }
}

/// Not a test of its own: what runs in a namespace.
#[tokio::test(flavor = "multi_thread")]
async fn role() {
    let Ok(words) = std::env::var(ROLE) else { return };
    let words: Vec<&str> = words.split(' ').collect();
    let read = |path: &str| PrivateKey::from_file(std::path::Path::new(path), &|_| None).unwrap();
    match words.as_slice() {
        ["greet", address, greeting] => {
            let listener = tokio::net::TcpListener::bind(address).await.unwrap();
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let _ = tokio::io::AsyncWriteExt::write_all(&mut socket, greeting.as_bytes()).await;
            }
        }
        ["bastion", address, folder] => {
            let mut config = ServerConfig::new(address.parse().unwrap(), read(&format!("{folder}/host")));
            config.sources = vec!["203.0.113.0/24".parse().unwrap()];
            let database =
                Forward { name: "db".to_owned(), said_port: None, address: "10.0.0.4:5432".parse().unwrap() };
            let keys = vec![read(&format!("{folder}/id")).public()];
            config.accounts.insert("alice".to_owned(), Account { keys, forwards: vec![database], listens: Vec::new() });
            let _server = Server::start(config).await.unwrap();
            std::future::pending::<()>().await;
        }
        ["tunnel", server, folder] => {
            let mut server = client(
                server.parse().unwrap(),
                &read(&format!("{folder}/host")),
                "root",
                &read(&format!("{folder}/id")),
            );
            server.limits = ClientLimits { keep_alive: Duration::from_secs(1), ..ClientLimits::default() };
            let way = Way::Reverse { listen: 15240, target: "10.0.0.4:5432".parse().unwrap() };
            let tunnel =
                Tunnel::start(TunnelConfig { server, way, health: None, pauses: Pauses::default() }).await.unwrap();
            // The state as it changes, for whoever reads this program's words.
            let mut changes = tunnel.subscribe();
            let mut out = std::io::stdout();
            loop {
                let status = changes.borrow_and_update().clone();
                let _ = writeln!(out, "{} reconnects={}", status.state, status.reconnects);
                changes.changed().await.unwrap();
            }
        }
        ["through", server, folder, host, port] => {
            let config = client(
                server.parse().unwrap(),
                &read(&format!("{folder}/host")),
                "alice",
                &read(&format!("{folder}/id")),
            );
            let said = match through(&config, host, port.parse().unwrap()).await {
                Ok(words) => words,
                Err(error) => format!("refused: {error}"),
            };
            let _ = writeln!(std::io::stdout(), "{said}");
        }
        ["connect", address] => {
            let address: SocketAddr = address.parse().unwrap();
            let mut heard = String::new();
            let work = async {
                let mut socket = TcpStream::connect(address).await?;
                socket.read_to_string(&mut heard).await
            };
            let said = match tokio::time::timeout(Duration::from_secs(2), work).await {
                Ok(Ok(_)) => format!("heard {heard}"),
                Ok(Err(error)) => format!("refused: {error}"),
                Err(_) => "no answer".to_owned(),
            };
            let _ = writeln!(std::io::stdout(), "{said}");
        }
        other => panic!("not a role: {other:?}"),
    }
}

async fn through(config: &ssh::ClientConfig, host: &str, port: u16) -> Result<String, SshError> {
    let connection = Connection::open(config).await?;
    let mut stream = connection.forward_to(host, port).await?;
    let mut heard = String::new();
    let _ = stream.read_to_string(&mut heard).await;
    Ok(format!("heard {heard}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_host_reaches_what_it_should_and_nothing_else() {
    let able = Command::new("/usr/sbin/ip")
        .args(["netns", "add", "lf-try"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !able || program("nft").is_none() || program("sshd").is_none() {
        eprintln!("skipped: network namespaces need root, iproute2, nft and sshd");
        return;
    }
    let _ = Command::new("/usr/sbin/ip").args(["netns", "del", "lf-try"]).status();
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    for name in ["host", "id"] {
        let (path, key) = (folder.path().join(name), key());
        std::fs::write(&path, key.to_openssh().unwrap().expose()).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(folder.path().join(format!("{name}.pub")), format!("{}\n", key.public())).unwrap();
    }
    let keys = folder.path().to_str().unwrap();
    let _ = std::fs::create_dir_all("/run/sshd");
    let configuration = format!(
        "ListenAddress 198.51.100.2:22\nHostKey {keys}/host\nAuthorizedKeysFile {keys}/authorized\nPidFile none\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    );
    std::fs::write(folder.path().join("sshd_config"), configuration).unwrap();
    let public = std::fs::read_to_string(folder.path().join("id.pub")).unwrap();
    let line = format!("restrict,port-forwarding,permitlisten=\"127.0.0.1:15240\" {public}");
    std::fs::write(folder.path().join("authorized"), line).unwrap();

    let _database = Running::start(world.role("database", &["greet", "10.0.0.4:5432", "rows"]));
    let _application = Running::start(world.role("app", &["greet", "10.0.0.3:8000", "page"]));
    let _bastion = Running::start(world.role("bastion", &["bastion", "203.0.113.2:22", keys]));
    let mut sshd = world.command("vendor", "/usr/sbin/sshd");
    sshd.args(["-D", "-f", &format!("{keys}/sshd_config")]).stdin(Stdio::null()).stderr(Stdio::null());
    let _sshd = Running::start(sshd);

    // A person on the internet, by way of the bastion.
    let heard = async |host: &str, words: &[&str]| world.ask(host, words).await;
    eventually("the database answers through the bastion", async || {
        heard("internet", &["through", "203.0.113.2:22", keys, "db", "5432"]).await.contains("heard rows").then_some(())
    })
    .await;
    for (host, port) in [("10.0.0.3", "8000"), ("localhost", "22"), ("198.51.100.2", "22"), ("db", "22")] {
        let answer = heard("internet", &["through", "203.0.113.2:22", keys, host, port]).await;
        assert!(answer.contains("does not allow forwards"), "{host}:{port}: {answer}");
    }
    // The vendor's address is none that the bastion takes.
    let answer = heard("vendor", &["through", "203.0.113.2:22", keys, "db", "5432"]).await;
    assert!(answer.contains("refused: ") && !answer.contains("rows"), "{answer}");
    // Nobody gets there without it.
    for (host, address) in [
        ("internet", "10.0.0.4:5432"),
        ("vendor", "10.0.0.4:5432"),
        ("internet", "10.0.0.3:8000"),
        ("vendor", "10.0.0.3:8000"),
    ] {
        assert!(heard(host, &["connect", address]).await.contains("no answer"), "{host} reaches {address}");
    }
    assert!(heard("app", &["connect", "10.0.0.4:5432"]).await.contains("heard rows"));

    // The application's tunnel to the vendor.
    let _tunnel = Running::start(world.role("app", &["tunnel", "198.51.100.2:22", keys]));
    let at_vendor =
        async || heard("vendor", &["connect", "127.0.0.1:15240"]).await.contains("heard rows").then_some(());
    eventually("the vendor reads rows", at_vendor).await;
    for closed in ["198.51.100.2:15240", "127.0.0.1:8000", "127.0.0.1:5432"] {
        assert!(!heard("vendor", &["connect", closed]).await.contains("heard"), "{closed}");
    }
    assert!(!heard("internet", &["connect", "198.51.100.2:15240"]).await.contains("heard"));

    // All packets are lost for a while, the connection with them.
    world.nft(
        "internet",
        "add table inet lost\nadd chain inet lost c { type filter hook forward priority 0; policy drop; }\n",
    );
    tokio::time::sleep(Duration::from_secs(6)).await;
    world.nft("internet", "delete table inet lost\n");
    eventually("the vendor reads rows again", at_vendor).await;
}
