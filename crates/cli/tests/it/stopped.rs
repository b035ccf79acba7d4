//! Whatever stops it, whenever: the same command again does the right thing.

use crate::small::{MANIFEST, Small};
use crate::support::{assert_civil, document, eventually, files, kill, machine, signal, skip};
use nix::sys::signal::Signal;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use testkit::silent;

const SOON: Duration = Duration::from_secs(10);

/// Brings it up again: everything holds, and one program and one supervisor run.
#[track_caller]
fn heal(small: &Small) {
    small.up();
    assert_one_of_each(small);
    let _ = small.run(&["verify", "--gentle"]).expect_code(0);
    let again = small.up_output();
    assert!(again.stdout.starts_with("Nothing to do"), "{}", again.stdout);
}

#[track_caller]
fn assert_one_of_each(small: &Small) {
    let (supervisor, program) = (small.supervisor(), small.program());
    let command = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    // The supervisor has a process that watches over it.
    let (ours, others): (Vec<u32>, Vec<u32>) =
        small.processes().into_iter().partition(|pid| command(pid).contains("\0supervise\0"));
    assert_eq!(others, [program], "programs");
    assert!(ours.contains(&supervisor) && ours.len() <= 2, "supervisors: {ours:?}, in charge is {supervisor}");
}

#[test]
fn a_killed_program_comes_back_by_itself() {
    let small = Small::new();
    small.up();
    let program = small.program();
    kill(program);
    eventually("another program", SOON, || {
        let status = small.status();
        let pid = status["status"]["programs"]["app/program"]["pid"].as_u64();
        pid.filter(|pid| *pid != u64::from(program) && status["healthy"] == true)
    });
    let _ = small.run(&["verify", "--gentle"]).expect_code(0);
    let logs = small.run(&["logs", "--component", "app"]).expect_code(0).stdout;
    assert!(logs.contains("SIGKILL"), "{logs}");
    small.down();
}

#[test]
fn a_killed_supervisor_is_replaced() {
    let small = Small::new();
    small.up();
    let supervisor = small.supervisor();
    kill(supervisor);
    let said = eventually("it is noticed", SOON, || {
        let said = small.run(&["status"]);
        said.stdout.contains("not running").then_some(said)
    });
    assert!(said.stdout.contains("landfall up"), "{}", said.stdout);
    let failed = small.run(&["verify", "--gentle"]).expect_code(8);
    assert!(failed.stderr.contains("expected"), "{}", failed.stderr);
    let plan = small.run(&["plan"]).expect_code(0).stdout;
    assert!(plan.contains("app/program") && plan.contains("web/edge"), "{plan}");
    heal(&small);
    small.down();
}

#[test]
fn a_power_cut_is_healed() {
    let small = Small::new();
    small.up();
    let token = small.token();
    for pid in small.processes() {
        kill(pid);
    }
    // After a boot the folder of sockets is empty, too.
    let _ = std::fs::remove_dir_all(small.path("runtime/landfall"));
    heal(&small);
    assert_eq!(small.token(), token);
    small.down();
}

#[test]
fn what_was_deleted_or_altered_is_made_again() {
    let small = Small::new();
    small.up();
    let token = small.token();
    let file = small.home().join("files/app/file/token.txt");

    std::fs::remove_file(&file).expect("removed");
    let plan = small.run(&["plan"]).expect_code(0).stdout;
    assert!(plan.contains("token.txt"), "{plan}");
    heal(&small);
    std::fs::write(&file, "somebody else's token").expect("written");
    heal(&small);
    assert_eq!(std::fs::read_to_string(&file).expect("the file").trim(), token);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("changed");
    let _ = small.run(&["verify", "--gentle"]).expect_code(8);
    heal(&small);
    assert_eq!(std::fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o600);

    let cache = small.path("cache/landfall");
    std::fs::remove_dir_all(cache).expect("removed");
    heal(&small);
    std::fs::remove_dir_all(small.home().join("certificates")).expect("removed");
    heal(&small);
    std::fs::remove_dir_all(small.home().join("source")).expect("removed");
    heal(&small);
    std::fs::remove_dir_all(small.path("data/landfall/authority")).expect("removed");
    heal(&small);
    std::fs::remove_file(small.home().join("deployment.json")).expect("removed");
    heal(&small);
    small.down();
}

#[test]
fn a_deleted_home_leaves_no_orphan() {
    let small = Small::new();
    small.up();
    std::fs::remove_dir_all(small.path("state/landfall")).expect("removed");
    small.up();
    assert_one_of_each(&small);
    small.down();
}

#[test]
fn a_torn_journal_is_no_obstacle() {
    let small = Small::new();
    small.up();
    let journal = small.home().join("journal.jsonl");
    let bytes = std::fs::read(&journal).expect("the journal");
    std::fs::write(&journal, &bytes[..bytes.len() - 7]).expect("written");
    heal(&small);
    small.down();
}

#[test]
fn an_expired_certificate_is_noticed_and_replaced() {
    let small = Small::new();
    small.up();
    let read = |path: &Path| std::fs::read_to_string(path).expect("a file");
    let authority = small.path("data/landfall/authority");
    let key = rcgen::KeyPair::from_pem(&read(&authority.join("authority.key"))).expect("the authority's key");
    let issuer = rcgen::Issuer::from_ca_cert_pem(&read(&authority.join("authority.pem")), key).expect("the authority");
    let chain = small.home().join("certificates/web.edge/chain.pem");
    let own = rcgen::KeyPair::from_pem(&read(&small.home().join("certificates/web.edge/key.pem"))).expect("a key");
    let mut old = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    old.not_before = rcgen::date_time_ymd(2020, 1, 1);
    old.not_after = rcgen::date_time_ymd(2020, 4, 1);
    let leaf = old.signed_by(&own, &issuer).expect("a certificate").pem();
    let rest = read(&chain).split_inclusive("-----END CERTIFICATE-----\n").skip(1).collect::<String>();
    std::fs::write(&chain, format!("{leaf}{rest}")).expect("written");
    // The edge reads it when it starts.
    for pid in small.processes() {
        kill(pid);
    }
    let plan = small.run(&["plan"]).expect_code(0).stdout;
    assert!(plan.contains("web/edge"), "{plan}");
    heal(&small);
    assert!(!read(&chain).contains(&leaf), "the old certificate is still there");
    small.down();
}

#[test]
fn a_state_of_a_newer_version_is_refused() {
    let small = Small::new();
    small.up();
    let file = small.home().join("state-version");
    let version = std::fs::read_to_string(&file).expect("the version");
    std::fs::write(&file, "99\n").expect("written");
    let before = files(&small.home());
    for verb in [&["up"][..], &["plan"], &["verify"], &["status"], &["down", "--yes"]] {
        let said = small.run(verb).expect_code(5);
        assert!(said.stderr.contains("99") && said.stderr.contains("do:"), "{verb:?}: {}", said.stderr);
        assert!(said.stderr.contains("newer"), "{verb:?}: {}", said.stderr);
    }
    assert_eq!(files(&small.home()), before);
    std::fs::write(&file, version).expect("written");
    heal(&small);

    let journal = small.home().join("journal.jsonl");
    let text = std::fs::read_to_string(&journal).expect("the journal");
    std::fs::write(&journal, text.replace("{\"version\":1,", "{\"version\":99,")).expect("written");
    let said = small.run(&["up"]).expect_code(5);
    assert!(said.stderr.contains("journal.jsonl") && said.stderr.contains("do:"), "{}", said.stderr);
    std::fs::write(&journal, text).expect("written");
    small.down();
}

/// A file system of its own, that is as large as said; unmounted at the end.
struct Disk(std::path::PathBuf);

impl Disk {
    fn mount(at: &Path, size: &str) -> Option<Self> {
        let options = format!("size={size},mode=0700");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).status().ok()?;
        status.success().then(|| Self(at.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_named_and_healed() {
    let small = Small::new();
    let state = small.path("state");
    let disk = nix::unistd::geteuid().is_root().then(|| Disk::mount(&state, "256k")).flatten();
    let Some(disk) = disk else {
        return skip("a_full_disk_is_named_and_healed", "only root can mount a small disk");
    };
    let filler = state.join("filler");
    for left in [0, 8, 40, 80] {
        let _ = std::fs::remove_file(&filler);
        let all = vec![0_u8; 1 << 20];
        let _ = std::fs::write(&filler, all);
        let length = std::fs::metadata(&filler).expect("the filler").len();
        let file = std::fs::OpenOptions::new().write(true).open(&filler).expect("the filler");
        file.set_len(length - left * 1024).expect("made smaller");
        let said = small.run(&["up"]);
        assert_civil(&said);
        if said.code == Some(0) {
            continue;
        }
        assert!(matches!(said.code, Some(5 | 7)), "{:?}: {}", said.code, said.stderr);
        assert!(said.stderr.contains("No space left") && said.stderr.contains("do:"), "{left}: {}", said.stderr);
    }
    std::fs::remove_file(&filler).expect("removed");
    heal(&small);
    let _ = small.run(&["down", "--yes"]).expect_code(0);
    assert_eq!(small.processes(), Vec::<u32>::new());
    drop(disk);
}

fn begin(small: &Small, arguments: &[&str]) -> Child {
    silent(small.command(arguments)).spawn().expect("the command starts")
}

#[test]
fn ctrl_c_during_a_long_step() {
    let small = Small::new();
    small.edit("SLOWNESS: \"0\"", "SLOWNESS: \"3\"");
    let mut up = begin(&small, &["up"]);
    eventually("a running step", SOON, || {
        let text = std::fs::read_to_string(small.home().join("journal.jsonl")).unwrap_or_default();
        text.contains("\"step\":\"app/program:create\"").then_some(())
    });
    std::thread::sleep(Duration::from_millis(300));
    signal(up.id(), Signal::SIGINT);
    let status = eventually("it ends", SOON, || up.try_wait().expect("a child"));
    assert_eq!(status.code(), Some(130));
    let status = small.run(&["status"]);
    assert_civil(&status);
    heal(&small);
    small.down();

    // Twice means at once.
    let mut up = begin(&small, &["up"]);
    eventually("a running step", SOON, || {
        let text = std::fs::read_to_string(small.home().join("journal.jsonl")).unwrap_or_default();
        text.contains("\"step\":\"app/program:create\"").then_some(())
    });
    signal(up.id(), Signal::SIGINT);
    std::thread::sleep(Duration::from_millis(200));
    signal(up.id(), Signal::SIGINT);
    let begun = Instant::now();
    let status = eventually("it ends", SOON, || up.try_wait().expect("a child"));
    assert_eq!(status.code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let _ = small.run(&["down", "--yes"]).expect_code(0);
    small.assert_gone();
}

#[test]
fn up_may_be_killed_at_any_moment() {
    let small = Small::new();
    small.up();
    let expected = shape(&small);
    small.down();
    for moment in [5_u64, 15, 30, 60, 100, 150, 220, 300, 400, 550, 800, 1200] {
        let mut up = begin(&small, &["up"]);
        std::thread::sleep(Duration::from_millis(moment));
        kill(up.id());
        let _ = up.wait();
        let looked = small.run(&["status"]);
        assert_civil(&looked);
        small.up();
        assert_one_of_each(&small);
        assert_eq!(shape(&small), expected, "after a kill at {moment} ms");
        small.down();
    }
}

/// What an `up` makes, without what is random or a process.
fn shape(small: &Small) -> (Vec<String>, serde_json::Value) {
    let names = files(&small.home()).into_iter().map(|path| path.display().to_string());
    // Logs come with the lines.
    let names = names.filter(|name| !name.starts_with("logs/")).collect();
    let status = small.status();
    (names, serde_json::json!([status["healthy"], status["unfinished_run"], status["verified"]["passed"]]))
}

#[test]
fn down_may_be_killed_at_any_moment() {
    let small = Small::new();
    for moment in [5_u64, 20, 50, 100, 200, 400] {
        small.up();
        let mut down = begin(&small, &["down", "--yes"]);
        std::thread::sleep(Duration::from_millis(moment));
        kill(down.id());
        let _ = down.wait();
        if moment % 100 == 0 {
            heal(&small);
        }
        small.down();
    }
}

#[test]
fn two_at_once_do_not_meet() {
    let small = Small::new();
    small.edit("SLOWNESS: \"0\"", "SLOWNESS: \"2\"");
    let said = tempfile::NamedTempFile::new().expect("a file for what the first says");
    let mut first = silent(small.command(&["up"]))
        .stderr(said.reopen().expect("the file again"))
        .spawn()
        .expect("the command starts");
    eventually("the first works", SOON, || {
        let text = std::fs::read_to_string(small.home().join("journal.jsonl")).unwrap_or_default();
        text.contains("step_started").then_some(())
    });
    for verb in [&["up"][..], &["down", "--yes"]] {
        let second = small.run(verb).expect_code(9);
        assert!(second.stderr.contains(&first.id().to_string()), "{verb:?}: {}", second.stderr);
        assert!(second.stderr.contains("--wait"), "{verb:?}: {}", second.stderr);
    }
    let plan = small.run(&["plan"]);
    assert_civil(&plan);
    let waited = small.run(&["up", "--wait", "60"]).expect_code(0);
    assert!(waited.stderr.contains(&first.id().to_string()), "{}", waited.stderr);
    assert!(waited.stdout.starts_with("Nothing to do") || waited.stdout.contains("Proved"), "{}", waited.stdout);
    let ended = first.wait().expect("a child");
    assert!(ended.success(), "{ended}: {}", std::fs::read_to_string(said.path()).expect("what it said"));
    assert_one_of_each(&small);
    small.down();
}

#[test]
fn a_command_that_exits_at_once_is_told_with_its_words() {
    let small = Small::new();
    small.edit("\"${self.source}/small.py\",", "\"-c\", \"import sys; sys.exit('no flour in the house')\",");
    let said = small.run(&["up"]).expect_code(7);
    assert!(said.stderr.contains("app/program") || said.stderr.contains("app"), "{}", said.stderr);
    assert!(said.stderr.contains("no flour in the house") && said.stderr.contains("do:"), "{}", said.stderr);
    small.write("landfall.yaml", MANIFEST);
    heal(&small);
    small.down();

    small.edit("\"python3\",", "\"no-such-program-here\",");
    let said = small.run(&["up"]).expect_code(5);
    assert!(said.stderr.contains("no-such-program-here") && said.stderr.contains("do:"), "{}", said.stderr);
    let _ = small.run(&["down", "--yes"]).expect_code(0);
    small.assert_gone();
}

#[test]
fn a_service_that_never_gets_ready_is_a_timeout() {
    let small = Small::new();
    small.edit("path: /health, status: [200], timeout: 20s", "path: /nowhere, status: [200], timeout: 8s");
    let said = small.run(&["up"]);
    assert!(matches!(said.code, Some(7 | 9)), "{:?} {}", said.code, said.stderr);
    assert!(said.stderr.contains("401") && said.stderr.contains("do:"), "{}", said.stderr);
    assert!(said.stderr.contains("GET /nowhere"), "the last lines of its log are shown: {}", said.stderr);
    small.write("landfall.yaml", MANIFEST);
    heal(&small);
    small.down();
}

#[test]
fn without_python_nothing_is_made() {
    let small = Small::on(machine().with_variable("PATH", "/nonexistent"));
    small.edit("    source: ./app\n", "    source: ./app\n    python: { minimum: \"3.10\", packages: [] }\n");
    small.edit("\"python3\",", "\"${self.python}\",");
    let said = small.run(&["up"]);
    if said.code == Some(0) {
        // Python is also looked for where systems keep it.
        small.down();
        return skip("without_python_nothing_is_made", "Python was found beside the path");
    }
    assert_eq!(said.code, Some(5), "{}", said.stderr);
    assert!(said.stderr.contains("Python") && said.stderr.contains("do:"), "{}", said.stderr);
    // It was known before anything was made, so nothing was.
    small.assert_gone();
}

#[test]
fn a_package_that_does_not_exist_is_told() {
    let machine = machine().with_variable("PIP_NO_INDEX", "1").with_variable("UV_OFFLINE", "1");
    let small = Small::on(machine.with_variable("UV_NO_INDEX", "1"));
    let python = "    source: ./app\n    python: { minimum: \"3.9\", packages: [no-such-package-zzz==1.0] }\n";
    small.edit("    source: ./app\n", python);
    small.edit("\"python3\",", "\"${self.python}\",");
    let said = small.run(&["up"]).expect_code(7);
    assert!(said.stderr.contains("no-such-package-zzz") && said.stderr.contains("do:"), "{}", said.stderr);
    let left: Vec<_> = files(&small.path("cache"))
        .into_iter()
        .filter(|path| path.to_string_lossy().contains("site-packages"))
        .collect();
    assert_eq!(left, Vec::<std::path::PathBuf>::new(), "half an environment is left");
    let json = document(&small.run(&["status", "--json"]));
    assert_ne!(json["deployments"][0]["healthy"], true);
    small.write("landfall.yaml", MANIFEST);
    heal(&small);
    small.down();
}

#[test]
fn a_secret_that_was_not_given_stops_it_before_anything_is_made() {
    let small = Small::new();
    small.edit("generate: { password: { length: 32, alphabet: url-safe } }", "given: \"env:SMALL_TOKEN\"");
    let said = small.run(&["up"]).expect_code(5);
    assert!(said.stderr.contains("SMALL_TOKEN is not set") && said.stderr.contains("do:"), "{}", said.stderr);
    small.assert_gone();
    let mut command = small.command(&["up"]);
    assert!(command.env("SMALL_TOKEN", "opened by this").output().expect("the command").status.success());
    // What is kept needs no giving again.
    let again = small.up_output();
    assert!(again.stdout.starts_with("Nothing to do"), "{}", again.stdout);
    small.down();
}

#[test]
fn processes_that_hide_from_their_parent_end_too() {
    let small = Small::new();
    small.write(
        "app/hide.sh",
        "setsid sh -c 'trap \"\" TERM HUP INT; sleep 1000' &\ntrap \"\" TERM\nexec python3 \"$@\"\n",
    );
    let command = "\"sh\", \"${self.source}/hide.sh\", \"${self.source}/small.py\",";
    small.edit("\"python3\", \"${self.source}/small.py\",", command);
    small.up();
    let asleep = small.processes().into_iter().filter(|pid| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.starts_with(b"sleep\0")
    });
    assert!(asleep.count() >= 1, "the test's own process is not there");
    small.down();
}

#[test]
fn output_that_nobody_reads_does_not_stop_it() {
    let small = Small::new();
    let mut command = small.command(&["up"]);
    let mut up = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command");
    drop((up.stdout.take(), up.stderr.take()));
    let status = eventually("it ends", Duration::from_secs(30), || up.try_wait().expect("a child"));
    assert_eq!(status.code(), Some(0));
    let again = small.up_output();
    assert!(again.stdout.starts_with("Nothing to do"), "{}", again.stdout);
    small.down();
}
