//! Bastions and tunnels as their users meet them: with the stock SSH client, with the stock SSH server as a vendor's.

use crate::support::{document, eventually, machine, skip};
use serde_json::Value;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use testkit::{Output, TestEnvironment};

const PATIENCE: Duration = Duration::from_secs(30);

/// A service that answers over HTTP, a bastion to it, a tunnel from it.
const MANIFEST: &str = r#"landfall: 1
name: shop
components:
  app:
    kind: service
    command: ["python3", "-m", "http.server", "--bind", "127.0.0.1", "${self.port}"]
    port: any
    health: { path: / }
  jump: { kind: bastion, to: app, people: [admin], port: any }
  bi: { kind: tunnel, target: app, keep-alive: 1s }
people:
  alice: { roles: [admin], ssh-key: "KEY" }
  bob: { roles: [analyst] }
"#;

/// The programs that these tests are about; none when one of them is missing.
pub(crate) fn tools(test: &str) -> Option<()> {
    let missing = ["ssh", "ssh-keygen", "sshd", "python3"].into_iter().find(|name| program(name).is_none());
    match missing {
        Some(name) => {
            skip(test, &format!("there is no {name}"));
            None
        }
        None => Some(()),
    }
}

pub(crate) fn program(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists())
}

pub(crate) struct Shop {
    machine: TestEnvironment,
}

impl Shop {
    fn new() -> Self {
        Self::on(machine())
    }

    pub(crate) fn on(machine: TestEnvironment) -> Self {
        key_pair(&machine.work().join("alice"));
        key_pair(&machine.work().join("stranger"));
        let key = std::fs::read_to_string(machine.work().join("alice.pub")).expect("a key");
        machine.write("landfall.yaml", MANIFEST.replace("KEY", key.trim()));
        Self { machine }
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.machine.work()
    }

    pub(crate) fn edit(&self, from: &str, to: &str) {
        let path = self.work().join("landfall.yaml");
        let text = std::fs::read_to_string(&path).expect("the manifest");
        assert!(text.contains(from), "`{from}` is not in the manifest");
        std::fs::write(path, text.replace(from, to)).expect("the manifest is written");
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.machine.run(arguments)
    }

    pub(crate) fn output(&self, name: &str) -> String {
        self.run(&["outputs", "--only", name]).expect_code(0).stdout.trim().to_owned()
    }

    /// How the tunnel is, by `tunnel status`.
    pub(crate) fn tunnel(&self) -> Value {
        document(&self.run(&["tunnel", "status", "--json"]).expect_code(0))["tunnels"]["bi/tunnel"].clone()
    }

    pub(crate) fn state(&self) -> String {
        self.tunnel()["status"]["state"].as_str().unwrap_or_default().to_owned()
    }

    /// The stock client at the bastion, as the command that is shown, with other words at its end.
    fn ssh(&self, key: &str, user: &str, more: &[&str]) -> Command {
        let port = self.output("jump.address").rsplit(':').next().expect("a port").to_owned();
        let mut ssh = Command::new("ssh");
        ssh.arg("-p").arg(port).args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i"]);
        ssh.arg(self.work().join(key)).arg("-o").arg(format!("UserKnownHostsFile={}", self.known_hosts().display()));
        ssh.args(["-o", "StrictHostKeyChecking=yes", "-o", "ExitOnForwardFailure=yes"]).args(more);
        ssh.arg(format!("{user}@127.0.0.1")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        ssh
    }

    fn known_hosts(&self) -> PathBuf {
        let file = self.work().join("known_hosts");
        let lines = ["jump.known-hosts", "jump.known-hosts-ecdsa"].map(|name| self.output(name) + "\n");
        std::fs::write(&file, lines.concat()).expect("written");
        file
    }

    pub(crate) fn down(&self) {
        let _ = self.run(&["down", "--yes"]).expect_code(0);
    }
}

fn key_pair(path: &Path) {
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(path).status();
    assert!(made.is_ok_and(|status| status.success()), "no key pair");
}

/// What a service behind a local port answers, when it does.
fn answer(port: u16) -> Option<String> {
    use std::io::{Read as _, Write as _};
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.lines().next().map(str::to_owned)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// The processes that a process has started, and those that they have.
fn descendants(of: u32) -> Vec<u32> {
    let folders = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = folders.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent = |pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse::<u32>().ok())
    };
    let children: Vec<u32> = pids.filter(|pid| parent(pid) == Some(of)).collect();
    children.iter().copied().chain(children.iter().flat_map(|child| descendants(*child))).collect()
}

/// Ends a child by its own id when the test does, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_stock_client_gets_exactly_what_is_stated() {
    let Some(()) = tools("the_stock_client_gets_exactly_what_is_stated") else { return };
    let shop = Shop::new();
    let _ = shop.run(&["up"]).expect_code(0);

    // The command that is shown works as it is, but for the key, which is the person's own.
    let shown = shop.output("jump.command.app");
    let mut words = shown.split(' ');
    assert_eq!(words.next(), Some("ssh"));
    let mut forward = Command::new("ssh");
    forward.args(words).args(["-F", "none", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-i"]);
    let _forward = Running(forward.arg(shop.work().join("alice")).stdin(Stdio::null()).spawn().expect("ssh"));
    let status = eventually("the service answers through the bastion", PATIENCE, || answer(18_080));
    assert!(status.contains("200"), "{status}");

    let refused = |mut command: Command, why: &str| {
        let output = command.output().expect("ssh");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "expected `{why}`: {said}");
    };
    refused(shop.ssh("stranger", "alice", &["-N"]), "Permission denied");
    refused(shop.ssh("alice", "bob", &["-N"]), "Permission denied");
    refused(shop.ssh("alice", "alice", &["-N", "-R", "0:127.0.0.1:1"]), "remote port forwarding failed");
    let elsewhere = shop.output("jump.address");
    refused(shop.ssh("alice", "alice", &["-W", &elsewhere]), "administratively prohibited");
    // A client that cannot check ed25519 knows the bastion too, and gets as far.
    let old = ["-o", "HostKeyAlgorithms=ecdsa-sha2-nistp256", "-W", &elsewhere];
    refused(shop.ssh("alice", "alice", &old), "administratively prohibited");
    let mut shell = shop.ssh("alice", "alice", &["-T"]);
    let shell = shell.output().expect("ssh");
    assert!(!shell.status.success(), "{}", String::from_utf8_lossy(&shell.stdout));

    // A person who goes is cut off; who stays is not.
    let log = shop.run(&["logs", "--component", "jump"]).expect_code(0);
    assert!(log.stdout.contains("alice: logged in"), "{}", log.stdout);
    shop.down();
}

#[test]
fn a_way_is_held_open_with_the_own_client_too() {
    let Some(()) = tools("a_way_is_held_open_with_the_own_client_too") else { return };
    let shop = Shop::new();
    let _ = shop.run(&["up"]).expect_code(0);
    let key = shop.work().join("alice").display().to_string();
    let port = free_port();
    let open = ["tunnel", "open", "app", "--key", &key, "--port", &port.to_string(), "--json"];
    let mut child = shop.machine.command(&open).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("landfall");
    let status = eventually("the service answers", PATIENCE, || answer(port));
    assert!(status.contains("200"), "{status}");
    crate::support::signal(child.id(), nix::sys::signal::Signal::SIGINT);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert_eq!(answer(port), None, "the port stays open");

    let stranger = shop.work().join("stranger").display().to_string();
    let refused = shop.run(&["tunnel", "open", "app", "--key", &stranger, "--as", "alice"]);
    assert_eq!(refused.code, Some(7), "{}", refused.stderr);
    assert!(refused.stderr.contains("does not accept alice with SHA256:"), "{}", refused.stderr);
    let nobody = shop.run(&["tunnel", "open", "app", "--key", &key, "--as", "bob"]).expect_code(2);
    assert!(nobody.stderr.contains("those who may: alice"), "{}", nobody.stderr);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let open_to_all = shop.run(&["tunnel", "open", "app", "--key", &key]);
    assert!(open_to_all.stderr.contains("chmod 600"), "{}", open_to_all.stderr);
    let unknown = shop.run(&["tunnel", "open", "nothing"]).expect_code(2);
    assert!(unknown.stderr.contains("one can reach: app"), "{}", unknown.stderr);
    shop.down();
}

/// An SSH server of Debian that stands for a vendor's, with one account: whoever runs the test.
pub(crate) struct Vendor {
    folder: PathBuf,
    pub(crate) port: u16,
    pub(crate) listen: u16,
    user: String,
    address: String,
    space: Option<String>,
    server: Option<Running>,
}

impl Vendor {
    fn new(folder: PathBuf) -> Self {
        Self::at(folder, None, "127.0.0.1")
    }

    pub(crate) fn within(folder: PathBuf, space: &str, address: &str) -> Self {
        Self::at(folder, Some(space.to_owned()), address)
    }

    fn at(folder: PathBuf, space: Option<String>, address: &str) -> Self {
        std::fs::create_dir_all(&folder).expect("a folder");
        key_pair(&folder.join("host"));
        let user = nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().expect("a user").name;
        let (port, listen) = (free_port(), free_port());
        std::fs::write(folder.join("authorized_keys"), "").expect("written");
        let mut vendor = Self { folder, port, listen, user, address: address.to_owned(), space, server: None };
        vendor.serve("host", "");
        vendor
    }

    /// Starts it, also again, with a host key and these lines in its configuration.
    fn serve(&mut self, host_key: &str, lines: &str) {
        self.stop();
        let config = format!(
            "Port {1}\nListenAddress {2}\nHostKey {0}/{host_key}\nAuthorizedKeysFile {0}/authorized_keys\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPidFile {0}/pid\n{lines}\n",
            self.folder.display(),
            self.port,
            self.address
        );
        std::fs::write(self.folder.join("config"), config).expect("written");
        self.start();
    }

    fn start(&mut self) {
        // What sshd wants to be there when it is started by root.
        let _ = std::fs::create_dir_all("/run/sshd");
        let sshd = program("sshd").expect("sshd");
        let mut sshd = match &self.space {
            None => Command::new(sshd),
            Some(space) => {
                let mut there = Command::new("ip");
                there.args(["netns", "exec", space]).arg(sshd);
                there
            }
        };
        sshd.args(["-D", "-f"]).arg(self.folder.join("config")).arg("-E").arg(self.folder.join("log"));
        self.server = Some(Running(sshd.stdin(Stdio::null()).spawn().expect("sshd")));
        let pid = self.folder.join("pid");
        eventually("sshd listens", PATIENCE, || std::fs::read_to_string(&pid).ok().filter(|pid| !pid.is_empty()));
    }

    /// Ends it with the connections that it has: each has a process of its own, which would go on.
    fn stop(&mut self) {
        let server = self.server.as_ref().map(|server| server.0.id());
        for connection in server.into_iter().flat_map(descendants) {
            crate::support::kill(connection);
        }
        self.server = None;
        let _ = std::fs::remove_file(self.folder.join("pid"));
    }

    pub(crate) fn register(&self, line: &str) {
        std::fs::write(self.folder.join("authorized_keys"), format!("{line}\n")).expect("written");
    }

    /// What the manifest says of it.
    pub(crate) fn end(&self, host_key: &str) -> String {
        let key = std::fs::read_to_string(self.folder.join(host_key)).expect("a key");
        let key: Vec<&str> = key.split_whitespace().take(2).collect();
        format!(
            "{{ host: {}, port: {}, user: {}, host-key: \"{}\", listen: {} }}",
            self.address,
            self.port,
            self.user,
            key.join(" "),
            self.listen
        )
    }
}

#[test]
fn a_tunnel_waits_for_the_vendor_and_comes_back_by_itself() {
    let Some(()) = tools("a_tunnel_waits_for_the_vendor_and_comes_back_by_itself") else { return };
    let shop = Shop::new();
    let mut vendor = Vendor::new(shop.work().join("vendor"));
    shop.edit("target: app,", &format!("target: app, gate: send it to support, to: {},", vendor.end("host.pub")));

    // Not registered: no failure, and no proof.
    let up = shop.run(&["up"]).expect_code(0);
    assert!(up.stdout.contains("wait for somebody else") && up.stderr.contains("send it to support"), "{up:?}");
    assert_eq!(shop.state(), "waiting-for-registration");
    let status = shop.run(&["status"]).expect_code(0);
    assert!(status.stdout.contains("does not know its key yet"), "{}", status.stdout);
    let gentle = shop.run(&["verify", "--gentle", "--json"]).expect_code(0);
    let end = gentle.json_lines().pop().expect("an event");
    assert_eq!((&end["proved"], &end["waiting"]), (&false.into(), &1.into()), "{}", gentle.stdout);
    assert_eq!(answer(vendor.listen), None);

    // Registered: it comes up by itself, and leads to the service and nowhere else.
    let line = shop.output("bi.authorized-keys");
    assert!(line.starts_with("restrict,port-forwarding,permitlisten="), "{line}");
    vendor.register(&line);
    eventually("the tunnel is up", Duration::from_secs(60), || (shop.state() == "up").then_some(()));
    assert!(answer(vendor.listen).expect("an answer").contains("200"));
    let proved = shop.run(&["up"]).expect_code(0);
    assert!(proved.stdout.contains("Proved: all"), "{}", proved.stdout);
    assert!(shop.tunnel()["status"]["reconnects"].as_u64() >= Some(1), "verification cut it once");
    only_the_tunnel(&shop, &vendor);

    // The vendor restarts.
    vendor.stop();
    eventually("the cut is seen", PATIENCE, || (shop.state() != "up").then_some(()));
    vendor.start();
    eventually("it is back", PATIENCE, || (shop.state() == "up").then_some(()));
    assert!(answer(vendor.listen).expect("an answer").contains("200"));
    shop.down();
    assert_eq!(answer(vendor.listen), None, "the vendor still listens");
}

/// What else the tunnel's own key opens at the vendor's: nothing.
fn only_the_tunnel(shop: &Shop, vendor: &Vendor) {
    // The stock client does not read the form in which the key is kept; the same permissions for a key that it reads will do.
    let line = shop.output("bi.authorized-keys");
    let (permissions, _) = line.split_once(" ssh-ed25519 ").expect("a line");
    let copy = shop.work().join("alice");
    let other = std::fs::read_to_string(copy.with_extension("pub")).expect("a key");
    vendor.register(&format!("{line}\n{permissions} {other}"));
    let ask = |more: &[&str]| {
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-F",
            "none",
            "-T",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "StrictHostKeyChecking=no",
        ]);
        ssh.args(["-o", "UserKnownHostsFile=/dev/null", "-o", "ExitOnForwardFailure=yes", "-i"]).arg(&copy);
        ssh.arg("-p")
            .arg(vendor.port.to_string())
            .args(more)
            .arg(format!("{}@127.0.0.1", vendor.user))
            .stdin(Stdio::null());
        ssh.output().expect("ssh")
    };
    let listen = ask(&["-N", "-R", "127.0.0.1:0:127.0.0.1:1"]);
    assert!(!listen.status.success(), "it may listen elsewhere");
    let forward = ask(&["-W", &format!("127.0.0.1:{}", vendor.port)]);
    let said = String::from_utf8_lossy(&forward.stderr).into_owned();
    assert!(!forward.status.success() && said.contains("administratively prohibited"), "{said}");
}

#[test]
fn a_server_with_another_key_is_told_nothing() {
    let Some(()) = tools("a_server_with_another_key_is_told_nothing") else { return };
    let shop = Shop::new();
    let mut vendor = Vendor::new(shop.work().join("vendor"));
    key_pair(&vendor.folder.join("other"));
    shop.edit("target: app,", &format!("target: app, to: {},", vendor.end("other.pub")));
    let up = shop.run(&["up"]).expect_code(7);
    let fingerprint = |name: &str| {
        let output = Command::new("ssh-keygen").arg("-lf").arg(vendor.folder.join(name)).output().expect("ssh-keygen");
        String::from_utf8_lossy(&output.stdout).split(' ').nth(1).expect("a fingerprint").to_owned()
    };
    for name in ["host.pub", "other.pub"] {
        assert!(up.stderr.contains(&fingerprint(name)), "{name}: {}", up.stderr);
    }
    assert!(
        up.stderr.contains("only then write it where the other one stands (`host-key` of bi): ssh-ed25519 "),
        "{up:?}"
    );
    let status = shop.run(&["status"]).expect_code(0);
    assert!(
        status.stdout.contains("wrong key") && status.stdout.contains(&fingerprint("other.pub")),
        "{}",
        status.stdout
    );
    // The vendor shows the right key again, and the same command goes on.
    vendor.serve("other", "");
    let _ = shop.run(&["up"]).expect_code(0);
    assert_eq!(shop.state(), "waiting-for-registration");
    // The right key in the manifest, and it goes on too.
    vendor.serve("host", "");
    let _ = shop.run(&["up"]);
    shop.edit(&vendor.end("other.pub"), &vendor.end("host.pub"));
    let _ = shop.run(&["up"]).expect_code(0);
    assert_eq!(shop.state(), "waiting-for-registration");
    shop.down();
}

/// A supervisor that is killed takes the ways with it; the next `up` opens them again, with the same keys.
#[test]
fn ways_come_back_after_the_supervisor_was_killed() {
    let Some(()) = tools("ways_come_back_after_the_supervisor_was_killed") else { return };
    let shop = Shop::new();
    let _ = shop.run(&["up"]).expect_code(0);
    let (known, far_end) = (shop.output("jump.known-hosts"), shop.output("bi.far-end"));
    let status = document(&shop.run(&["status", "--json"]).expect_code(0));
    let pid = status["deployments"][0]["status"]["supervisor"]["pid"].as_u64().expect("a supervisor");
    crate::support::kill(u32::try_from(pid).expect("a process id"));
    let port: u16 = far_end.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    eventually("the far end is gone", PATIENCE, || answer(port).is_none().then_some(()));
    let _ = shop.run(&["up"]).expect_code(0);
    assert_eq!((shop.output("jump.known-hosts"), shop.output("bi.far-end")), (known, far_end));
    assert!(answer(port).expect("an answer").contains("200"));
    shop.down();
}

/// A shop whose tunnel leads to a vendor that knows its key.
fn registered() -> (Shop, Vendor) {
    let shop = Shop::new();
    let vendor = Vendor::new(shop.work().join("vendor"));
    shop.edit("keep-alive: 1s", &format!("keep-alive: 1s, interval: 1s, to: {}", vendor.end("host.pub")));
    let _ = shop.run(&["up"]).expect_code(0);
    vendor.register(&shop.output("bi.authorized-keys"));
    (shop, vendor)
}

/// What `verify` sees of a tunnel that does not work, and that it ends with 8.
fn refuted(shop: &Shop) -> String {
    shop.run(&["verify", "--gentle"]).expect_code(8).stderr
}

#[test]
fn a_vendor_that_refuses_the_forward_is_told_apart_from_one_that_is_away() {
    let Some(()) = tools("a_vendor_that_refuses_the_forward_is_told_apart_from_one_that_is_away") else { return };
    let (shop, mut vendor) = registered();
    let is =
        |wished: &'static str| eventually(wished, Duration::from_secs(90), || (shop.state() == wished).then_some(()));

    vendor.serve("host", "AllowTcpForwarding no");
    is("forward-refused");
    let seen = refuted(&shop);
    let listen = format!("refuses to listen on 127.0.0.1:{}", vendor.listen);
    assert!(seen.contains(&listen) && seen.contains("permitlisten=\"127.0.0.1:"), "{seen}");
    assert!(shop.run(&["status"]).expect_code(0).stdout.contains(&listen));
    // Somebody else has the port over there.
    vendor.stop();
    let holder = TcpListener::bind(("127.0.0.1", vendor.listen)).expect("the port");
    vendor.serve("host", "");
    is("forward-refused");
    assert!(refuted(&shop).contains("is taken there"));
    drop(holder);
    is("up");
    let _ = shop.run(&["verify", "--gentle"]).expect_code(0);

    vendor.stop();
    is("failing");
    let seen = refuted(&shop);
    assert!(seen.contains("Connection refused") && seen.contains("whether the server runs"), "{seen}");
    vendor.start();
    is("up");

    // It lets go of connections that carry nothing for a moment; the questions through the tunnel are something.
    vendor.serve("host", "UnusedConnectionTimeout 2");
    eventually("it is back", PATIENCE, || answer(vendor.listen).filter(|answer| answer.contains("200")));
    is("up");
    shop.down();
}

#[test]
fn a_vendor_with_other_algorithms_works_or_says_what_it_offers() {
    let Some(()) = tools("a_vendor_with_other_algorithms_works_or_says_what_it_offers") else { return };
    let (shop, mut vendor) = registered();
    let mut keygen = Command::new("ssh-keygen");
    let made = keygen.args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f"]).arg(vendor.folder.join("rsa")).status();
    assert!(made.is_ok_and(|status| status.success()), "no key pair");
    vendor.serve("rsa", "KexAlgorithms diffie-hellman-group14-sha256\nCiphers aes128-ctr\nMACs hmac-sha2-256");
    shop.edit(&vendor.end("host.pub"), &vendor.end("rsa.pub"));
    let _ = shop.run(&["up"]).expect_code(0);
    eventually("it is up", PATIENCE, || (shop.state() == "up").then_some(()));
    vendor.serve("rsa", "KexAlgorithms diffie-hellman-group14-sha1");
    eventually("they do not understand each other", PATIENCE, || {
        let error = shop.tunnel()["status"]["last_error"]["message"].as_str().unwrap_or_default().to_owned();
        error.contains("it offers diffie-hellman-group14-sha1").then_some(())
    });
    assert!(refuted(&shop).contains("down: "));
    shop.down();
}

#[test]
fn a_dead_target_behind_a_live_tunnel_is_told() {
    let Some(()) = tools("a_dead_target_behind_a_live_tunnel_is_told") else { return };
    let (shop, vendor) = registered();
    let is =
        |wished: &'static str| eventually(wished, Duration::from_secs(90), || (shop.state() == wished).then_some(()));
    is("up");
    let status = document(&shop.run(&["status", "--json"]).expect_code(0));
    let pid = status["deployments"][0]["status"]["programs"]["app/program"]["pid"].as_u64().expect("a process");
    let pid = u32::try_from(pid).expect("a process id");
    let before = shop.tunnel()["status"]["reconnects"].clone();
    // It takes connections and never answers.
    crate::support::signal(pid, nix::sys::signal::Signal::SIGSTOP);
    is("target-dead");
    assert!(refuted(&shop).contains("open, but the target does not answer"));
    assert!(shop.run(&["status"]).expect_code(0).stdout.contains("target dead"));
    assert_eq!(shop.tunnel()["status"]["reconnects"], before, "another connection would not have helped");
    crate::support::signal(pid, nix::sys::signal::Signal::SIGCONT);
    is("up");
    assert!(answer(vendor.listen).expect("an answer").contains("200"));
    // Others may read its key: that is mended, and said.
    let keys = crate::support::files(&shop.work().join("..")).into_iter().filter(|path| path.ends_with("bi/key/value"));
    let key = keys.map(|path| shop.work().join("..").join(path)).next().expect("the tunnel's key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let up = shop.run(&["up"]).expect_code(0);
    assert!(up.stderr.contains("hidden from others again"), "{}", up.stderr);
    assert_eq!(key.metadata().expect("the key").permissions().mode() & 0o777, 0o600);
    shop.down();
}
