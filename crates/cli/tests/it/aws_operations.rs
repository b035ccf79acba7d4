//! A deployment in an account from nothing to nothing, as a person types it, against the account in memory over HTTP.

use crate::aws_verbs::tabpy;
use crate::support::{assert_civil, document, eventually, files, holds, kill, machine, signal, skip};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use testkit::account::{Deed, Endpoint, Failure, Machine};
use testkit::{FakeAccount, Output, TestEnvironment};

/// So many times faster than AWS.
const SPEED: u32 = 400;
const KEY: &str = "CANARYsecretAccessKeyNeverPrinted";

/// An account with a zone that the world finds, and a machine that knows it.
struct Bench {
    account: FakeAccount,
    machine: TestEnvironment,
    _endpoint: Endpoint,
    _runtime: tokio::runtime::Runtime,
}

impl Bench {
    fn new() -> Self {
        Self::with(|machine| {
            machine.add_zone("example.org");
            machine.delegate_rightly("example.org");
        })
    }

    fn with(prepare: impl FnOnce(&mut Machine)) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
        let (account, endpoint) = runtime.block_on(async {
            let account = FakeAccount::with_speed("123456789012", "us-west-2", SPEED);
            let endpoint = account.serve().await.expect("a port");
            (account, endpoint)
        });
        let servers: Vec<String> = account.with(|machine| {
            prepare(machine);
            machine.zones.iter().flat_map(|zone| zone.delegated.clone()).collect()
        });
        let machine = tabpy(machine())
            .with_variable("AWS_ENDPOINT_URL", &endpoint.url())
            .with_variable("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .with_variable("AWS_SECRET_ACCESS_KEY", KEY)
            .with_variable("AWS_EC2_METADATA_DISABLED", "true")
            .with_variable("NO_PROXY", "127.0.0.1")
            .with_variable("LANDFALL_NAME_SERVER", &name_server(&servers));
        Self { account, machine, _endpoint: endpoint, _runtime: runtime }
    }

    fn run(&self, words: &[&str]) -> Output {
        let words: Vec<&str> = words.iter().copied().chain(["-e", "production"]).collect();
        let output = self.machine.run(&words);
        assert_civil(&output);
        output
    }

    fn up(&self) -> Output {
        self.run(&["up", "--no-verify"]).expect_code(0)
    }

    fn edit(&self, from: &str, to: &str) {
        let manifest = self.machine.work().join("landfall.yaml");
        let text = std::fs::read_to_string(&manifest).expect("a manifest");
        assert!(text.contains(from), "{from}");
        std::fs::write(manifest, text.replace(from, to)).expect("a manifest");
    }

    /// Nothing that was written on this machine holds a secret of the account.
    fn assert_no_secret_is_written(&self, printed: &[&Output]) {
        let values = self.account.with(|machine| machine.secret_values());
        let secrets: Vec<String> = values.into_values().flatten().map(|secret| secret.expose().to_owned()).collect();
        assert!(secrets.iter().any(|secret| !secret.is_empty()));
        for secret in secrets.iter().map(String::as_str).chain([KEY]).filter(|secret| secret.len() > 8) {
            for output in printed {
                assert!(!output.stdout.contains(secret) && !output.stderr.contains(secret), "a secret is printed");
            }
            for file in files(&self.machine.path("")) {
                assert!(!holds(&self.machine.path(&file), secret), "a secret is in {}", file.display());
            }
        }
    }
}

/// A name server that knows one answer: these servers have the zone, whoever asks for it.
fn name_server(servers: &[String]) -> String {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a port");
    let address = socket.local_addr().expect("an address").to_string();
    let name = |name: &String| -> Vec<u8> {
        let labels = name.trim_end_matches('.').split('.');
        labels.flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).chain([0]).collect()
    };
    let names: Vec<Vec<u8>> = servers.iter().map(name).collect();
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let question = &buffer[12..length];
            let end = question.iter().position(|byte| *byte == 0).unwrap_or_default() + 5;
            let count = u16::try_from(names.len()).expect("a few").to_be_bytes();
            // Two bytes of id; an answer, recursion available; one question, so many answers.
            let mut reply = [&buffer[..2], &[0x81, 0x80, 0, 1], &count, &[0; 4], &question[..end]].concat();
            for name in &names {
                let length = u16::try_from(name.len()).expect("a name").to_be_bytes();
                reply.extend([&[0xC0, 0x0C, 0, 2, 0, 1, 0, 0, 0, 60], &length[..], name].concat());
            }
            let _ = socket.send_to(&reply, from);
        }
    });
    address
}

fn failure(stack: &str, logical_id: &str, deed: Deed, reason: &str) -> Failure {
    Failure { stack: stack.to_owned(), logical_id: logical_id.to_owned(), deed, reason: reason.to_owned(), times: 1 }
}

#[test]
fn from_nothing_to_nothing() {
    let bench = Bench::new();
    let plan = bench.run(&["plan"]).expect_code(0);
    assert!(plan.stdout.contains("stacks: 4 to make") && plan.stdout.contains("USD a month"), "{}", plan.stdout);
    let up = bench.up();
    assert!(up.stdout.contains("https://tabpy.example.org\n"), "{}", up.stdout);
    assert!(up.stderr.contains("tabpy-production-edge: made"), "{}", up.stderr);

    let status = document(&bench.run(&["status", "--json"]).expect_code(0));
    assert_eq!(status["deployments"][0]["healthy"], true, "{status}");
    assert_eq!(status["deployments"][0]["stacks"].as_array().map(Vec::len), Some(4));
    let again = bench.up();
    assert!(again.stdout.contains("Nothing to do"), "{}", again.stdout);

    let outputs = bench.run(&["outputs", "--json"]).expect_code(0);
    assert!(outputs.stdout.contains("\"value\": null"), "{}", outputs.stdout);
    let events = bench.run(&["events"]).expect_code(0);
    assert!(events.stdout.contains("CREATE_COMPLETE") && events.stdout.contains("components.web"), "{}", events.stdout);
    let logs = bench.run(&["logs"]).expect_code(0);
    bench.assert_no_secret_is_written(&[&plan, &up, &again, &outputs, &events, &logs]);

    let name = "tabpy.users.analyst.password";
    let revealed = bench.run(&["outputs", "--only", name, "--reveal"]).expect_code(0);
    let known = bench.account.with(|machine| machine.secret_values());
    assert!(known.values().flatten().any(|secret| secret.expose() == revealed.stdout.trim()));

    let refused = bench.run(&["down"]).expect_code(2);
    assert!(refused.stderr.contains("--yes") && refused.stderr.contains("resources are kept"), "{}", refused.stderr);
    let down = bench.run(&["down", "--yes"]).expect_code(0);
    assert!(down.stdout.contains("nothing else of it is left"), "{}", down.stdout);
    assert!(bench.account.with(|machine| machine.statuses()).is_empty());
    let nothing = bench.run(&["down", "--yes"]).expect_code(0);
    assert!(nothing.stdout.contains("Nothing to take down"), "{}", nothing.stdout);
    let gone = bench.run(&["status"]).expect_code(5);
    assert!(gone.stderr.contains("landfall up -e production"), "{}", gone.stderr);
}

#[test]
fn what_was_reviewed_is_what_runs() {
    let bench = Bench::new();
    let _ = bench.up();
    bench.edit("203.0.113.0/24", "198.51.100.0/24");
    let plan = bench.run(&["plan", "-o", "plan.json"]).expect_code(0);
    assert!(plan.stderr.contains("landfall up plan.json"), "{}", plan.stderr);

    bench.edit("198.51.100.0/24", "192.0.2.0/24");
    let said = bench.machine.run(&["up", "plan.json", "--no-verify"]).expect_code(5);
    assert!(said.stderr.contains("has changed since") && said.stderr.contains("-o FILE"), "{}", said.stderr);
    bench.edit("192.0.2.0/24", "198.51.100.0/24");

    let file = bench.machine.work().join("plan.json");
    let text = std::fs::read_to_string(&file).expect("a plan");
    std::fs::write(&file, text.replacen("\"action\": \"update\"", "\"action\": \"keep\"", 1)).expect("a plan");
    let said = bench.machine.run(&["up", "plan.json", "--no-verify"]).expect_code(5);
    assert!(said.stderr.contains("changed after it was made"), "{}", said.stderr);

    std::fs::write(&file, text).expect("a plan");
    let _ = bench.machine.run(&["up", "plan.json", "--set", "size=small"]).expect_code(2);
    let _ = bench.machine.run(&["up", "plan.json", "--no-verify"]).expect_code(0);
    let stale = bench.machine.run(&["up", "plan.json", "--no-verify"]).expect_code(5);
    assert!(stale.stderr.contains("changed since"), "{}", stale.stderr);
}

#[test]
fn a_failure_is_shown_under_its_line_and_its_evidence_is_kept() {
    let bench = Bench::new();
    bench.account.with(|machine| {
        machine.failures.push(failure(
            "network",
            "NetNatA",
            Deed::Create,
            "The maximum number of addresses has been reached.",
        ));
    });
    let said = bench.run(&["up", "--no-verify"]).expect_code(6);
    for word in ["RUN001", "NetNatA", "maximum number of addresses", "|   net:", "rolled back", "Evidence: "] {
        assert!(said.stderr.contains(word), "no {word} in\n{}", said.stderr);
    }
    let kept = files(&bench.machine.path("")).into_iter().any(|file| file.to_string_lossy().contains("evidence"));
    assert!(kept, "no evidence in {:?}", files(&bench.machine.path("")));
    assert!(bench.account.with(|machine| machine.orphans()).is_empty());
    let _ = bench.up();
}

#[test]
fn a_zone_that_is_not_there_or_not_delegated() {
    let bench = Bench::with(|_| {});
    let said = bench.run(&["up", "--no-verify"]).expect_code(5);
    assert!(said.stderr.contains("create-hosted-zone") && said.stderr.contains("components.web"), "{}", said.stderr);
    let bench = Bench::with(|machine| {
        machine.add_zone("example.org");
        machine.delegate("example.org", &["ns.elsewhere.example"]);
    });
    let said = bench.run(&["up", "--no-verify"]).expect_code(5);
    assert!(said.stderr.contains("NS records") && said.stderr.contains("ns.elsewhere.example"), "{}", said.stderr);
    assert!(bench.account.with(|machine| machine.statuses()).is_empty(), "nothing is made");
}

#[test]
fn drift_says_what_somebody_removed() {
    let bench = Bench::new();
    let _ = bench.up();
    let clean = bench.run(&["drift"]).expect_code(0);
    assert!(clean.stdout.contains("Checked "), "{}", clean.stdout);
    assert!(bench.account.with(|machine| machine.remove_behind("tabpy-production-network", "DeploymentAlarms")));
    let said = bench.run(&["drift"]).expect_code(3);
    assert!(said.stdout.contains("RUN004") && said.stdout.contains("DeploymentAlarms"), "{}", said.stdout);
    let json = document(&bench.run(&["drift", "--json"]).expect_code(3));
    assert_eq!(json["in_sync"], false);
}

/// Starts an `up`, and does something once it has begun with a stack.
fn interrupted_at(bench: &Bench, stack: &str, act: impl Fn(u32)) -> std::process::ExitStatus {
    let mut child = bench
        .machine
        .command(&["up", "-e", "production", "--no-verify", "--wait", "60"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the command");
    eventually("the stack is begun with", Duration::from_secs(60), || {
        bench.account.with(|machine| machine.statuses()).contains_key(stack).then_some(())
    });
    act(child.id());
    child.wait().expect("its end")
}

#[test]
fn kill_and_ctrl_c_at_several_moments() {
    for stack in ["tabpy-production-network", "tabpy-production-service"] {
        let bench = Bench::new();
        let ended = interrupted_at(&bench, stack, kill);
        assert_eq!(ended.code(), None, "it was killed");
        // Another machine, with nothing but the manifest.
        let _ = bench.run(&["up", "--no-verify", "--wait", "60"]).expect_code(0);
        let again = bench.up();
        assert!(again.stdout.contains("Nothing to do"), "{}", again.stdout);
        assert!(bench.account.with(|machine| machine.orphans()).is_empty());

        let bench = Bench::new();
        let ended = interrupted_at(&bench, stack, |pid| signal(pid, nix::sys::signal::Signal::SIGINT));
        assert_eq!(ended.code(), Some(130));
        let free = bench.run(&["unlock", "--yes"]).expect_code(0);
        assert!(free.stdout.contains("Nobody holds"), "the lease is given back: {}", free.stdout);
        let _ = bench.run(&["up", "--no-verify"]).expect_code(0);
    }
}

#[test]
fn the_lease_names_its_holder_and_can_be_taken() {
    let bench = Bench::new();
    let record = r#"{"version":1,"id":"x","holder":{"pid":7,"since":"2026-11-21T00:00:00Z","command":"up","host":"elsewhere"},"renewed":"2999-01-01T00:00:00Z"}"#;
    bench.account.with(|machine| {
        let entry = stacks::account::Entry { value: record.to_owned(), version: 1 };
        machine.entries.insert("/landfall/tabpy-production/lease".to_owned(), entry);
    });
    let said = bench.run(&["up", "--no-verify"]).expect_code(9);
    assert!(
        said.stderr.contains("process 7 on elsewhere") && said.stderr.contains("landfall unlock"),
        "{}",
        said.stderr
    );
    let asked = bench.run(&["unlock"]).expect_code(2);
    assert!(asked.stderr.contains("elsewhere") && asked.stderr.contains("--yes"), "{}", asked.stderr);
    let _ = bench.run(&["unlock", "--yes"]).expect_code(0);
    let _ = bench.up();
}

#[test]
fn a_stack_of_somebody_else_is_left_alone() {
    // Two deployments whose stacks have the same names: `tabpy` in `prod-eu` and `tabpy-prod` in `eu`.
    let bench = Bench::new();
    bench.edit("\n  production:", "\n  prod-eu:");
    let _ = bench.machine.run(&["up", "--no-verify", "-e", "prod-eu"]).expect_code(0);
    let before = bench.account.with(|machine| machine.shape());
    bench.edit("name: tabpy\n", "name: tabpy-prod\n");
    bench.edit("\n  prod-eu:", "\n  eu:");
    for words in [&["plan", "-e", "eu"][..], &["up", "--no-verify", "-e", "eu"][..]] {
        let said = bench.machine.run(words).expect_code(5);
        assert!(said.stderr.contains("RUN005") && said.stderr.contains("tabpy"), "{}", said.stderr);
    }
    let down = bench.machine.run(&["down", "--yes", "-e", "eu"]).expect_code(0);
    assert!(down.stdout.contains("not touched"), "{}", down.stdout);
    assert_eq!(bench.account.with(|machine| machine.shape()), before);
}

#[test]
fn a_quota_that_is_used_up_is_said_before_anything_is_made() {
    let bench = Bench::new();
    bench.account.with(|machine| {
        machine.quotas.retain(|(_, code, _)| code != "L-F678F1CE");
        machine.quotas.push(("vpc".to_owned(), "L-F678F1CE".to_owned(), 0.0));
    });
    let said = bench.run(&["up", "--no-verify"]).expect_code(5);
    for word in ["VPCs per Region", "request-service-quota-increase", "L-F678F1CE"] {
        assert!(said.stderr.contains(word), "no {word} in {}", said.stderr);
    }
    assert!(bench.account.with(|machine| machine.statuses()).is_empty(), "nothing is made");
}

/// A file system of a few kilobytes, where this user may mount one.
struct SmallDisk<'p>(&'p Path);

impl<'p> SmallDisk<'p> {
    fn at(at: &'p Path) -> Option<Self> {
        std::fs::create_dir_all(at).ok()?;
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4k", "tmpfs"])
            .arg(at)
            .stderr(Stdio::null())
            .status();
        status.ok()?.success().then_some(Self(at))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_loses_evidence_and_nothing_else() {
    let bench = Bench::new();
    let folder = bench.machine.work().join("small");
    let Some(_disk) = SmallDisk::at(&folder) else {
        return skip("a_full_disk_loses_evidence_and_nothing_else", "only root can mount a small disk");
    };
    bench.account.with(|machine| machine.failures.push(failure("network", "NetNatA", Deed::Create, "No.")));
    let said = bench.run(&["up", "--no-verify", "--evidence", "small"]).expect_code(6);
    assert!(said.stderr.contains("the run goes on") && said.stderr.contains("--evidence DIR"), "{}", said.stderr);
    let left = files(&folder);
    assert!(
        left.iter().all(|file| std::fs::metadata(folder.join(file)).is_ok_and(|facts| facts.len() > 0)),
        "{left:?}"
    );
    let _ = bench.up();
}
