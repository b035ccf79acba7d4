//! The generated user data, executed for real: cloud-init under systemd in a container of Ubuntu 24.04, in a network namespace
//! that stands for its subnet, behind a balancer that ends TLS. What the host asks of AWS is answered by a stand-in that
//! checks signatures; what it installs comes from wheels that were fetched before.
#![expect(clippy::disallowed_types, reason = "a host is a machine with programs")]

mod application;
mod database;
mod kept;
mod machine;
mod tunnel;
mod ways_in;
mod world;

use crate::aws::{host_files, pages, tabpy, user_data};
use machine::Machine;
use std::collections::BTreeMap;
use std::path::Path;
use world::{Door, World};

const USER: &str = "analyst";
/// Asks for what opens the role of the host.
const ROLE: &str =
    "curl -sS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token";
/// The same as a script of an analyst.
const ASK_FOR_ROLE: &str = "
import urllib.request
headers = {'X-aws-ec2-metadata-token-ttl-seconds': '60'}
question = urllib.request.Request('http://169.254.169.254/latest/api/token', headers=headers, method='PUT')
try:
    return urllib.request.urlopen(question, timeout=5).read().decode()
except OSError:
    return 'refused'
";

/// The user data of the blueprint, with what is known when its stack is made.
fn text() -> String {
    let (deployment, _) = tabpy();
    let text = user_data(&deployment).swap_remove(0).1;
    text.replace("the-AWS-Region", "us-west-2").replace("the-AWS-URLSuffix", "amazonaws.com")
}

fn says(machine: &Machine, property: &str) -> String {
    machine.run(&format!("systemctl show --value --property {property} landfall-tabpy.service"))
}

#[test]
fn tabpy_runs_on_a_host() {
    let text = text();
    let Some(world) = World::new("tabpy", &host_files(&text), Door::Web { port: 9004, path: "/info", status: 401 })
    else {
        return;
    };
    let canary = world.password(USER);
    assert!(!text.contains(&canary) && !text.contains("AKID"));
    let mut machine = world.boot(&text);
    let journal = world.wait_for_signal();
    assert!(journal.contains("Status=SUCCESS"), "{journal}\n{}", machine.log());
    assert!(!journal.contains("NOT SIGNED"), "{journal}");

    // From the internet, through the balancer.
    world.wait_until_balanced("/info", 401);
    assert_eq!(world.ask(&["--path-as-is"], "/info"), 401);
    assert_eq!(world.ask(&["--user", &format!("{USER}:wrong")], "/info"), 401);
    assert_eq!(world.ask(&["--user", &format!("{USER}:{canary}")], "/info"), 200);
    assert_eq!(world.evaluate(USER, &canary, "return [x * 2 for x in _arg1]"), "[2,4]");
    // Scripts run with the rights of the service: the role of the host must not be among them.
    assert_eq!(machine.run(ROLE), "token", "the host itself reaches its role");
    assert_eq!(world.evaluate(USER, &canary, ASK_FOR_ROLE), "\"refused\"");
    // Not past it: the internet has a route to the host, and nothing else.
    assert!(world.is_closed("10.64.64.10", 9004), "the host is open to the internet");
    assert!(world.is_closed("10.64.64.10", 22));
    assert!(world.is_closed("10.64.0.10", 80));

    // What the service says is in its log group.
    world.wait_for_request(&["PutLogEvents signed", "service/i-0123456789abcdef0", "/info"]);
    hardened(&machine);
    no_secret_is_left(&machine, &world, &canary);

    // The program dies, the service lives.
    let before = says(&machine, "MainPID");
    machine.run(&format!("kill -9 {before}"));
    world.wait_until_answered(USER, &canary);
    assert_ne!(says(&machine, "MainPID"), before);
    assert_eq!(says(&machine, "NRestarts"), "1");

    // The machine starts again: memory is empty, so the sealed files are fetched again.
    let fetched = || world.journal().matches("secretsmanager.GetSecretValue signed").count();
    let once = fetched();
    machine.reboot();
    world.wait_until_answered(USER, &canary);
    assert_eq!(fetched(), 2 * once, "{}", world.journal());
    assert_eq!(world.journal().matches("SignalResource").count(), 1, "set up once");
    no_secret_is_left(&machine, &world, &canary);
}

/// What `systemctl` and the file system say of the service.
fn hardened(machine: &Machine) {
    for (property, value) in [
        ("User", "landfall"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("RestrictNamespaces", "yes"),
        ("CapabilityBoundingSet", ""),
        ("Restart", "always"),
    ] {
        assert_eq!(says(machine, property), value, "{property}");
    }
    assert!(says(machine, "IPAddressDeny").contains("169.254.169.254/32"));
    assert_eq!(machine.run("stat -c '%U:%G %a' /run/landfall/files/passwords.txt"), "landfall:landfall 600");
    assert_eq!(machine.run("stat -c '%U %a' /var/lib/landfall"), "landfall 700");
    let process = "/proc/$(systemctl show --value --property MainPID landfall-tabpy.service)";
    let status = machine.run(&format!("cat {process}/status"));
    assert!(status.contains("NoNewPrivs:\t1") && status.contains("CapEff:\t0000000000000000"), "{status}");
    let uid = machine.run("id -u landfall");
    assert!(status.contains(&format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}")), "{status}");
    // The program cannot change what it runs from.
    let write = "touch /etc/x /opt/landfall/x /usr/x /etc/landfall/x 2>&1; true";
    let said = machine.inside_the_service(write);
    assert_eq!(said.matches("Read-only file system").count(), 4, "{said}");
    let keys = "find / -xdev -name authorized_keys -size +0 2>/dev/null; true";
    assert_eq!(machine.run(keys), "", "nobody has a key to the host");
}

/// Neither on the disk, nor in logs, nor in the arguments of anything that ran.
fn no_secret_is_left(machine: &Machine, world: &World, password: &str) {
    let verifier = world.verifier();
    for secret in [password, verifier.as_str(), "wJalrXUtnFEMI", "session/token=="] {
        let found = machine.on_disk(secret);
        assert!(found.is_empty(), "{found:?}");
        let said = machine.run("journalctl --no-pager --all");
        assert!(said.len() > 1000 && !said.contains(secret), "the journal tells a secret");
        assert!(!world.arguments_seen().iter().any(|line| line.contains(secret)), "an argument is a secret");
    }
    assert!(world.arguments_seen().iter().any(|line| line.contains("aws-sigv4")), "arguments were looked at");
}

/// The user data of a service that runs from a folder, with the digest of what is stored.
fn pages_text(digest: impl FnOnce(&str) -> String) -> String {
    let deployment = pages();
    let release = &deployment.releases[0];
    let text = user_data(&deployment).swap_remove(0).1.replace("the-AWS-Region", "us-west-2");
    let digest = digest(&format!("the-{}/{}", release.bucket, release.key));
    text.replace("the-AWS-URLSuffix", "amazonaws.com").replace(release.content.as_str(), &digest)
}

#[test]
fn a_source_folder_runs_on_a_host() {
    let Some(world) = World::new("pages", &BTreeMap::new(), Door::Web { port: 9004, path: "/", status: 200 }) else {
        return;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/host/pages");
    let mut stored = String::new();
    let text = pages_text(|key| {
        stored = key.to_owned();
        world.store(key, &folder)
    });
    // The name of an object has its digest.
    let digest = text.split("RELEASE_DIGEST=").nth(1).unwrap()[..64].to_owned();
    let (before, _) = stored.rsplit_once('/').unwrap();
    world.rename(&stored, &format!("{before}/{digest}.tar.gz"));
    let mut machine = world.boot(&text);
    let journal = world.wait_for_signal();
    assert!(journal.contains("Status=SUCCESS"), "{journal}\n{}", machine.log());
    assert!(journal.contains("s3 /the-DeploymentReleases/releases/pages/"), "{journal}");
    assert!(!journal.contains("NOT SIGNED"), "{journal}");
    world.wait_until_balanced("/", 200);
    assert_eq!(machine.run("stat -c '%U %a' /opt/landfall/source /opt/landfall/source/serve.py"), "root 755\nroot 644");
    world.wait_until_balanced("/a-path-of-its-own", 200);
    world.wait_for_request(&["PutLogEvents signed", "service/i-0123456789abcdef0", "/a-path-of-its-own"]);
    // The last words before a start are sent too, and nothing is sent twice.
    assert_eq!(world.ask(&[], "/last-words"), 200);
    machine.reboot();
    world.wait_for_request(&["PutLogEvents signed", "/last-words"]);
    world.wait_until_balanced("/", 200);
    world.wait_until_balanced("/after", 200);
    world.wait_for_request(&["PutLogEvents signed", "/after"]);
    assert_eq!(world.journal().matches("/last-words").count(), 1);
    assert_eq!(world.journal().matches("s3 /").count(), 1, "fetched once");
}

#[test]
fn a_host_refuses_a_source_folder_that_somebody_changed() {
    let Some(world) = World::new("changed", &BTreeMap::new(), Door::Web { port: 9004, path: "/", status: 200 }) else {
        return;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/host/pages");
    let wrong = "0".repeat(64);
    let text = pages_text(|key| {
        let (before, _) = key.rsplit_once('/').unwrap();
        world.store(&format!("{before}/{wrong}.tar.gz"), &folder);
        wrong.clone()
    });
    let machine = world.boot(&text);
    let journal = world.wait_for_signal();
    assert!(journal.contains("Status=FAILURE") && journal.contains("checksum did NOT match"), "{journal}");
    assert_eq!(machine.run("ls /opt/landfall/source 2>/dev/null; true"), "");
    assert_eq!(machine.run("systemctl is-active landfall-pages.service || true"), "inactive");
}

#[test]
fn a_host_that_cannot_be_set_up_says_why() {
    let good = text();
    let Some(world) = World::new("broken", &host_files(&good), Door::Web { port: 9004, path: "/info", status: 401 })
    else {
        return;
    };
    let text = good.replace("tabpy==2.16.0\n", "no-such-package==1\n");
    let machine = world.boot(&text);
    let journal = world.wait_for_signal();
    assert!(journal.contains("Status=FAILURE"), "{journal}\n{}", machine.log());
    assert!(journal.contains("No matching distribution found for no-such-package==1"), "{journal}");
    // It stopped there: nothing runs that is half set up.
    assert_eq!(machine.run("systemctl is-active landfall-tabpy.service || true"), "inactive");
    assert!(!journal.contains("== service"), "{journal}");
}
