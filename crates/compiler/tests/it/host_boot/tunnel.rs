//! The host of a tunnel: it dials somebody else's SSH server, and knows by a query whether it works.

use super::database::Database;
use super::kept::{Kept, SERVER};
use super::machine::Machine;
use super::ways_in::{key_pair, user_data_of};
use super::world::{Door, World, output, skipped, wait};
use crate::aws::webapp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const SSHD: &str = "/usr/sbin/sshd";
/// The vendor's account for us, and the port that it gave us.
const ACCOUNT: &str = "tunnel15240";
const LISTEN: u16 = 15_240;
/// The vendor's host key in the blueprint.
const VENDOR_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKTOgL5pZ6dV5mYTmLbpsK+iHrOgr3GMsYdKjN4Xyz";

/// The vendor's SSH server, as vendors set theirs up.
struct Vendor<'a> {
    folder: &'a Path,
}

impl Vendor<'_> {
    /// Registers a key for the account, for one port alone.
    fn register(&self, public: &str) {
        let line = format!("restrict,port-forwarding,permitlisten=\"127.0.0.1:{LISTEN}\" {public}\n");
        std::fs::write(self.folder.join("registered"), line).unwrap();
    }

    /// Starts its server, which lets the account's own side be asked as it says.
    fn start(&self, world: &mut World, forwards: &str) {
        let settings = format!(
            "ListenAddress 192.0.2.10:22\nHostKey {0}/vendor\nPidFile none\nAuthorizedKeysFile {0}/registered\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nAllowUsers {ACCOUNT}\nAllowTcpForwarding {forwards}\nGatewayPorts no\nLogLevel VERBOSE\n",
            self.folder.display()
        );
        std::fs::write(self.folder.join("sshd_config"), settings).unwrap();
        // The account is on this server alone.
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
        let accounts = format!("{accounts}{ACCOUNT}:*:64998:65534::/nonexistent:/usr/sbin/nologin\n");
        std::fs::write(self.folder.join("passwd"), accounts).unwrap();
        let start = format!(
            "mount --bind {0}/passwd /etc/passwd; mkdir -p /run/sshd; exec {SSHD} -D -e -f {0}/sshd_config",
            self.folder.display()
        );
        let mut server = world.in_namespace("vendor", "unshare");
        server.args(["--mount", "sh", "-euc", &start]);
        world.run("vendor", server);
    }

    /// Stops it with all its sessions.
    fn stop(&self, world: &World) {
        for id in world.inside("vendor") {
            let _ = std::process::Command::new("kill").args(["-KILL", &id]).status();
        }
        wait("the vendor's end", || world.inside("vendor").is_empty().then_some(()));
    }
}

/// What the vendor's dashboard is answered through its end of the tunnel.
fn asked(world: &World, password: &str) -> Option<String> {
    let mut client = world.in_namespace("vendor", "mariadb");
    client.args(["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--user=bi", "--batch", "--skip-column-names"]);
    client.arg(format!("--port={LISTEN}")).arg(format!("--ssl-ca={}/authority.pem", world.folder().display()));
    client.args(["--connect-timeout=5", "-e", "SELECT name FROM calls", "harbours"]).env("MYSQL_PWD", password);
    let answer = client.output().unwrap();
    answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).trim().to_owned())
}

fn wait_until_answered(world: &World, password: &str, after: &str) {
    wait(after, || asked(world, password).filter(|answer| answer == "Grey Heron"));
}

/// What the host itself finds out now, and tells in its log and as a metric.
fn works(world: &World, machine: &Machine) -> bool {
    machine.run("systemctl start landfall-probe.service");
    let said = machine.run(
        "journalctl --quiet --no-pager --output cat --unit landfall-probe.service | grep ' TunnelWorks' | tail -1",
    );
    let answer = components::TunnelAnswer::read(&said).unwrap_or_else(|| panic!("no answer: {said}"));
    assert!(answer.at.ends_with('Z') && answer.at.len() == "2026-11-21T10:00:00Z".len(), "{said}");
    let journal = world.journal();
    let told = journal.lines().rfind(|line| line.contains("PutMetricData")).unwrap();
    assert!(told.contains("MetricData.member.1.MetricName=TunnelWorks&"), "{told}");
    assert_eq!(told.contains("MetricData.member.1.Value=1&"), answer.works, "{told}");
    answer.works
}

fn main_process(machine: &Machine) -> String {
    machine.run("systemctl show --value --property MainPID landfall-tunnel.service")
}

#[test]
fn a_tunnel_dials_again_whatever_ends_it() {
    if !Path::new(SSHD).is_file() {
        skipped("there is no sshd here");
        return;
    }
    let Some(mut world) = World::new("tunnel", &BTreeMap::new(), Door::Closed) else { return };
    let Some(database) = Database::mariadb(&mut world) else { return };
    let folder = world.folder().to_owned();
    let (_, vendor_key) = key_pair(&folder, "vendor");
    let vendor = Vendor { folder: &folder };
    vendor.register("");
    vendor.start(&mut world, "yes");
    let (deployment, _) = webapp(&[(VENDOR_KEY, &vendor_key)]);
    let kept = Kept::of(&deployment);
    world.keep(&kept.places(&deployment));
    world.add_agent();
    let password = kept.value("db/roles/bi").to_owned();
    database.run(&format!(
        "CREATE DATABASE harbours; CREATE TABLE harbours.calls (name text); INSERT INTO harbours.calls VALUES ('Grey Heron'); \
         CREATE USER bi@'10.64.64.%' IDENTIFIED BY '{password}' REQUIRE SSL; GRANT SELECT ON harbours.* TO bi@'10.64.64.%'"
    ));
    let mut machine = world.boot(&user_data_of(&deployment, "BiTemplate"));
    let journal = world.wait_for_signal();
    assert!(journal.contains("Status=SUCCESS"), "{journal}\n{}", machine.log());

    // The vendor has not registered the key: the host is ready, says that nothing comes through, and tries on.
    world.wait_for_request(&["monitoring", "PutMetricData", "TunnelWorks", "Value=0"]);
    world.wait_for_request(&["PutLogEvents signed", "Permission denied (publickey"]);
    // Less and less often, so that the vendor does not take it for an attack.
    let pause = |journal: &str| {
        let said = journal.split("it is asked again in ").skip(1);
        said.filter_map(|rest| rest.split(' ').next()?.parse::<u32>().ok()).max()
    };
    wait("a longer pause", || {
        pause(&machine.run("journalctl --quiet --no-pager --unit landfall-tunnel.service"))
            .filter(|seconds| *seconds > 5)
    });
    assert_eq!(asked(&world, &password), None);
    vendor.register(kept.public("bi/key"));
    wait_until_answered(&world, &password, "an answer after the key was registered");
    assert!(works(&world, &machine));
    world.wait_for_request(&["PutLogEvents signed", "Z TunnelWorks: 1"]);
    let timer = machine.run("systemctl show --property TimersMonotonic landfall-probe.timer");
    assert!(timer.contains("OnUnitInactiveUSec=1min"), "{timer}");

    // One port, on the vendor's loopback address, leads to one place.
    let open = output(world.in_namespace("vendor", "ss").args(["-Hltn"]));
    let open: BTreeSet<&str> = open.lines().filter_map(|line| line.split_whitespace().nth(3)).collect();
    assert_eq!(open, BTreeSet::from(["127.0.0.1:15240", "192.0.2.10:22"]));
    sealed(&machine, &kept, &kept.places(&deployment));

    // Whatever ends it, it dials again.
    let before = main_process(&machine);
    machine.run(&format!("kill -9 {before}"));
    wait_until_answered(&world, &password, "an answer after the client was killed");
    assert_ne!(main_process(&machine), before);
    vendor.stop(&world);
    wait("what the host says of an end that is away", || (!works(&world, &machine)).then_some(()));
    // Now one that lets nobody ask from this side: the connection and the database must do.
    vendor.start(&mut world, "remote");
    wait_until_answered(&world, &password, "an answer after the vendor started again");
    wait("what the host says of it", || works(&world, &machine).then_some(()));
    // A live connection in front of a dead target is no tunnel.
    database.run("ALTER USER bi@'10.64.64.%' ACCOUNT LOCK");
    assert!(!works(&world, &machine));
    world.wait_for_request(&["PutLogEvents signed", "no query comes through: ", "is locked"]);
    database.run("ALTER USER bi@'10.64.64.%' ACCOUNT UNLOCK");
    // It starts again while nobody gives it its secrets: it has them when somebody does.
    world.keep(&BTreeMap::new());
    machine.reboot();
    machine.run("until journalctl --quiet --unit landfall-secrets.service --boot | grep -q 'Scheduled restart job'; do sleep 0.5; done");
    assert_eq!(asked(&world, &password), None);
    world.wait_for_request(&["PutLogEvents signed", "there is no such secret"]);
    world.keep(&kept.places(&deployment));
    wait_until_answered(&world, &password, "an answer after the host started again");
    query_of_postgres(&mut world, &machine);
    // Another server with its name is not spoken to.
    vendor.stop(&world);
    std::fs::remove_file(folder.join("vendor")).unwrap();
    key_pair(&folder, "vendor");
    vendor.start(&mut world, "yes");
    world.wait_for_request(&["PutLogEvents signed", "Host key verification failed"]);
    assert_eq!(asked(&world, &password), None);
    assert_eq!(world.journal().matches("SignalResource").count(), 1, "set up once");
    assert!(!world.journal().contains("NOT SIGNED"), "{}", world.journal());
    assert!(user_data_of(&deployment, "BiTemplate").contains(SERVER));
}

/// The same question to the other family of servers, as its host would ask it.
fn query_of_postgres(world: &mut World, machine: &Machine) {
    let Some(database) = Database::postgres(world) else { return };
    database.run("CREATE ROLE bi LOGIN PASSWORD 'right' CONNECTION LIMIT 2");
    let ask = |password: &str| {
        let login = format!(
            r#"{{"protocol": "postgres", "host": "{SERVER}", "port": 5432, "database": "postgres", "user": "bi", "password": "{password}"}}"#
        );
        machine.run(&format!("python3 /usr/local/lib/landfall/query.py 2>&1 <<<'{login}' && echo fine; true"))
    };
    assert_eq!(ask("right"), "fine");
    assert!(ask("wrong").contains("password authentication failed"), "{}", ask("wrong"));
}

/// The key and the login are in memory alone, for one user, who has no right.
fn sealed(machine: &Machine, kept: &Kept, places: &BTreeMap<String, String>) {
    let mut secrets = kept.lines_of_key("bi/key", "the-BiFileKey", places);
    secrets.push(kept.value("db/roles/bi").to_owned());
    for secret in &secrets {
        assert!(machine.on_disk(secret).is_empty(), "a secret is on the disk");
        let said = machine.run("journalctl --no-pager --all");
        assert!(said.len() > 1000 && !said.contains(secret), "the journal tells a secret");
    }
    assert_eq!(machine.run("stat -c '%U:%G %a' /run/landfall/files/key"), "landfall:landfall 600");
    assert_eq!(machine.run("findmnt --noheadings --output FSTYPE --target /run/landfall/files/key"), "tmpfs");
    let process = main_process(machine);
    let status = machine.run(&format!("cat /proc/{process}/status"));
    assert!(status.contains("NoNewPrivs:\t1") && status.contains("CapEff:\t0000000000000000"), "{status}");
    assert!(!status.contains("Uid:\t0"), "{status}");
    let role = "curl -sS --max-time 3 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token";
    assert_eq!(machine.run(role), "token", "the host itself reaches its role");
    assert!(
        machine.run("systemctl show --property IPAddressDeny landfall-tunnel.service").contains("169.254.169.254/32")
    );
    // What it listens on is for itself.
    let open = "ss -Hltn | awk '{print $4}' | grep -v -e '^127[.]0[.]0[.]5[34]' -e '^169[.]254[.]169[.]254:80$'; true";
    assert_eq!(machine.run(open), "127.0.0.1:15000");
}
