//! Backups of a database in an account, as a person types it, against the account in memory over HTTP.

use crate::support::{assert_civil, document, machine, signal};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use testkit::account::Endpoint;
use testkit::{FakeAccount, Output, TestEnvironment};

/// So many times faster than AWS.
const SPEED: u32 = 400;

const MANIFEST: &str = r#"
landfall: 1
name: records
environments:
  production: { target: aws, account: "123456789012", region: us-west-2 }
components:
  net: { kind: network }
  db: { kind: database, engine: postgres, version: "17", databases: [records] }
"#;

struct Bench {
    machine: TestEnvironment,
    _endpoint: Endpoint,
    _runtime: tokio::runtime::Runtime,
}

impl Bench {
    /// An account in which the database's server stands. Nobody gets into it from here, so what is in it is not made.
    fn new() -> Self {
        Self::with_speed(SPEED)
    }

    fn with_speed(speed: u32) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
        let endpoint = runtime.block_on(async {
            FakeAccount::with_speed("123456789012", "us-west-2", speed).serve().await.expect("a port")
        });
        let machine = machine()
            .with_variable("AWS_ENDPOINT_URL", &endpoint.url())
            .with_variable("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .with_variable("AWS_SECRET_ACCESS_KEY", "CANARYsecretAccessKeyNeverPrinted")
            .with_variable("AWS_EC2_METADATA_DISABLED", "true")
            .with_variable("NO_PROXY", "127.0.0.1")
            .with_variable("LANDFALL_RDS_AUTHORITIES", "/nonexistent/authorities.pem");
        machine.write("landfall.yaml", MANIFEST);
        let bench = Self { machine, _endpoint: endpoint, _runtime: runtime };
        let up = bench.run(&["up", "--no-verify"]);
        assert!(up.stderr.contains("records-production-data: made"), "{}", up.stderr);
        bench
    }

    fn run(&self, words: &[&str]) -> Output {
        let words: Vec<&str> = words.iter().copied().chain(["-e", "production"]).collect();
        let output = self.machine.run(&words);
        assert_civil(&output);
        output
    }

    fn backups(&self) -> Vec<serde_json::Value> {
        let list = document(&self.run(&["backup", "ls", "--json"]).expect_code(0));
        assert_eq!(list["version"], 1);
        list["backups"].as_array().expect("a list").clone()
    }
}

#[test]
fn a_snapshot_is_made_listed_and_restored_beside_the_server() {
    let bench = Bench::new();
    let none = bench.run(&["backup", "ls"]).expect_code(0);
    assert!(none.stdout.contains("has no backup") && none.stdout.contains("landfall backup"), "{}", none.stdout);
    let early = bench.run(&["restore", "latest", "--into", "records-production-copy"]).expect_code(2);
    assert!(early.stderr.contains("there is none yet"), "{}", early.stderr);

    let made = bench.run(&["backup", "db", "--about", "before the import"]).expect_code(0);
    assert!(made.stdout.contains("Backed up db as records-production-db-2"), "{}", made.stdout);
    assert!(made.stdout.contains("GiB of postgres 17"), "{}", made.stdout);
    assert!(made.stderr.contains("creating") && made.stderr.contains("--into"), "{}", made.stderr);

    let backups = bench.backups();
    assert_eq!(backups.len(), 1, "{backups:?}");
    let backup = &backups[0];
    assert_eq!((&backup["component"], &backup["about"]), (&"db".into(), &"before the import".into()));
    assert_eq!((&backup["status"], &backup["encrypted"]), (&"available".into(), &true.into()));
    let shown = bench.run(&["backup", "ls"]).expect_code(0);
    assert!(shown.stdout.contains("before the import") && shown.stdout.contains("manual"), "{}", shown.stdout);

    let restored = bench.run(&["restore", "latest", "--into", "records-production-copy"]).expect_code(0);
    for word in ["into records-production-copy in", "not public", "encrypted", "protected", "rows: not checked"] {
        assert!(restored.stdout.contains(word), "no {word} in\n{}", restored.stdout);
    }
    for word in ["--new-db-instance-identifier", "delete-db-instance", "landfall drift"] {
        assert!(restored.stderr.contains(word), "no {word} in\n{}", restored.stderr);
    }
    let id = backup["id"].as_str().expect("an id");
    let taken = bench.run(&["restore", id, "--into", "records-production-copy"]).expect_code(5);
    assert!(taken.stderr.contains("it is not touched") && taken.stderr.contains("--into"), "{}", taken.stderr);
}

#[test]
fn words_that_make_no_sense_are_refused_before_anything_is_made() {
    let bench = Bench::new();
    let unknown = bench.run(&["backup", "web"]).expect_code(2);
    assert!(unknown.stderr.contains("the databases are: db"), "{}", unknown.stderr);
    for (words, said) in [
        (&["restore", "x", "--into", "No_Name"][..], "cannot be a server's identifier"),
        (&["restore", "x", "--into", "records-production-copy"][..], "no backup is called `x`"),
        (&["restore", "x", "--into", "records-production-copy", "--database", "records"][..], "--database"),
    ] {
        let refused = bench.run(words).expect_code(2);
        assert!(refused.stderr.contains(said), "no {said} in\n{}", refused.stderr);
    }
    assert!(bench.backups().is_empty());
}

#[test]
fn ctrl_c_leaves_a_snapshot_that_the_same_verb_finds() {
    let bench = Bench::with_speed(60);
    let mut child = bench
        .machine
        .command(&["backup", "-e", "production"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command");
    let told = BufReader::new(child.stderr.take().expect("its words")).lines();
    let mut told = told.map(|line| line.expect("a line"));
    assert!(told.any(|line| line.contains("creating")), "it says that it waits");
    signal(child.id(), nix::sys::signal::Signal::SIGINT);
    let rest: Vec<String> = told.collect();
    assert_eq!(child.wait().expect("its end").code(), Some(130), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("run the same command again")), "{rest:?}");

    let again = bench.run(&["backup", "--json"]).expect_code(0);
    let last: serde_json::Value = serde_json::from_str(again.stdout.lines().last().expect("a line")).expect("JSON");
    assert_eq!(last["event"], "backed_up");
    // The first one is found, unless this machine took so long that it was ready meanwhile.
    let copies = if last["was_begun"] == true { 1 } else { 2 };
    assert_eq!(bench.backups().len(), copies, "{}", again.stdout);
}
