//! A deployment's life: up, unchanged, edited, proved, looked at, taken down.

use crate::small::{Small, steps};
use crate::support::{document, eventually, files, holds, machine};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;
use testkit::Output;

/// The steps that an `up --json` really ran, in no order.
fn done(output: &Output) -> Vec<String> {
    let events = output.json_lines();
    let ended = events.iter().filter(|event| event["event"] == "step_succeeded");
    let mut ids: Vec<String> = ended.map(|event| event["step"].as_str().expect("a step").to_owned()).collect();
    ids.sort();
    ids
}

fn last(output: &Output) -> Value {
    output.json_lines().pop().expect("an event")
}

#[test]
fn up_proves_and_again_does_nothing() {
    let small = Small::new();
    let first = small.run(&["up", "--json"]).expect_code(0);
    let events = first.json_lines();
    assert!(events.iter().all(|event| event["version"] == 1 && event["event"].is_string()), "{}", first.stdout);
    assert_eq!(events[0]["event"], "run_started");
    let probes: Vec<&Value> = events.iter().filter(|event| event["event"] == "probe").collect();
    assert!(probes.len() >= 10, "{}", first.stdout);
    assert!(probes.iter().all(|probe| probe["result"]["verdict"]["verdict"] == "passed"), "{}", first.stdout);
    let end = last(&first);
    assert_eq!((&end["event"], &end["proved"], &end["changed"]), (&"up_finished".into(), &true.into(), &5.into()));
    assert!(!first.stdout.contains(&small.token()), "the token is in the events");

    let (program, supervisor) = (small.program(), small.supervisor());
    let before = files_and_bytes(&small);
    let again = small.run(&["up"]).expect_code(0);
    assert!(again.stdout.starts_with("Nothing to do"), "{}", again.stdout);
    assert_eq!((small.program(), small.supervisor()), (program, supervisor));
    let after = files_and_bytes(&small);
    let changed: Vec<_> =
        after.iter().filter(|(path, bytes)| before.get(*path) != Some(bytes)).map(|(path, _)| path).collect();
    assert!(changed.is_empty(), "an `up` that changes nothing writes {changed:?}");
    let plan = small.run(&["plan"]).expect_code(0);
    assert!(plan.stdout.to_lowercase().contains("nothing"), "{}", plan.stdout);
    small.down();
}

/// All files of the deployment but the logs, with their contents.
fn files_and_bytes(small: &Small) -> BTreeMap<String, Vec<u8>> {
    let state = small.path("state");
    let all = files(&state).into_iter().filter(|path| {
        // Who holds the lock is told to others.
        !path.to_string_lossy().contains("/logs/") && !path.ends_with("lock")
    });
    all.map(|path| (path.display().to_string(), std::fs::read(state.join(&path)).unwrap_or_default())).collect()
}

/// Edits, compares plan and run, and returns the steps.
#[track_caller]
fn change(small: &Small, from: &str, to: &str) -> Vec<String> {
    small.edit(from, to);
    let mut planned = steps(&document(&small.run(&["plan", "--json"]).expect_code(0)));
    planned.sort();
    let ran = small.run(&["up", "--json"]).expect_code(0);
    assert_eq!(planned, done(&ran), "up does what plan says, and nothing else");
    assert_eq!(last(&ran)["proved"], true);
    planned
}

#[test]
fn an_edit_changes_what_it_touches() {
    let small = Small::new();
    small.up();
    let (program, token) = (small.program(), small.token());

    let edge = change(&small, "exposure: internet", "exposure: internet\n    limits: { request-body: 2MiB }");
    assert!(edge.iter().all(|step| step.starts_with("web/")) && !edge.is_empty(), "{edge:?}");
    // A kill probe may have renewed the process; the plan did not touch it.
    let program_after_edge = small.program();

    let probes = change(&small, "about: the greeting is the one", "about: the greeting is that one");
    assert_eq!(probes, Vec::<String>::new(), "a claim is no part");
    let verified = small.run(&["verify", "--gentle"]).expect_code(0);
    assert!(verified.stderr.contains("that one"), "{}", verified.stderr);

    let service = change(&small, "default: hello", "default: good morning");
    assert!(service.iter().all(|step| step.starts_with("app/program")) && !service.is_empty(), "{service:?}");
    assert_ne!(small.program(), program_after_edge);

    let by_flag = small.run(&["up", "--json", "--set", "greeting=bonjour"]).expect_code(0);
    assert!(done(&by_flag).iter().all(|step| step.starts_with("app/program")), "{}", by_flag.stdout);
    assert_eq!(last(&by_flag)["proved"], true);

    let source = std::fs::read_to_string(small.work().join("app/small.py")).expect("the program");
    small.write("app/small.py", format!("{source}\n# a new version\n"));
    let ran = small.run(&["up", "--json", "--set", "greeting=bonjour"]).expect_code(0);
    let ran = done(&ran);
    assert!(ran.iter().any(|step| step.starts_with("app/source")), "{ran:?}");
    assert!(ran.iter().any(|step| step.starts_with("app/program")), "{ran:?}");
    assert!(ran.iter().all(|step| step.starts_with("app/")), "{ran:?}");

    assert_eq!(small.token(), token, "no edit of other parts makes a new secret");
    assert_ne!(program, 0);
    small.down();
}

#[test]
fn a_part_that_left_the_manifest_leaves_the_machine() {
    let small = Small::new();
    let second = "  second:\n    kind: service\n    on: instance\n    command: [\"sleep\", \"1000\"]\n  web:";
    small.edit("  web:", second);
    small.up();
    assert!(small.status()["status"]["programs"]["second/program"].is_object());
    let removed = change(&small, second, "  web:");
    assert!(removed.iter().all(|step| step.starts_with("second/")), "{removed:?}");
    assert!(small.status()["status"]["programs"]["second/program"].is_null());
    let left: Vec<_> =
        files(&small.home()).into_iter().filter(|path| path.to_string_lossy().contains("second")).collect();
    assert!(left.iter().all(|path| path.starts_with("logs")), "{left:?}");
    small.down();
}

#[test]
fn a_false_claim_is_told_with_what_to_do() {
    let small = Small::new();
    let said = small.run(&["up", "--set", "expected=goodbye"]).expect_code(8);
    let all = format!("{}{}", said.stdout, said.stderr);
    for part in ["expected", "goodbye", "hello", "say another greeting", "✗"] {
        assert!(all.contains(part), "{part} is not in\n{all}");
    }
    assert!(!all.contains("Proved"), "{all}");
    let again = small.run(&["up", "--set", "expected=goodbye"]).expect_code(8);
    assert!(again.stderr.contains("✗") || again.stdout.contains("✗"), "what is not proved is asked again");
    let json = small.run(&["verify", "--json"]).expect_code(8);
    let end = last(&json);
    assert_eq!(end["proved"], false);
    let failed = json.json_lines().into_iter().find(|event| event["result"]["verdict"]["verdict"] == "failed");
    let verdict = failed.expect("a failed probe")["result"]["verdict"].clone();
    for key in ["expected", "seen", "help"] {
        assert!(verdict[key].as_str().is_some_and(|text| !text.is_empty()), "{key} in {verdict}");
    }
    let _ = small.run(&["up"]).expect_code(0);
    small.down();
}

#[test]
fn evidence_is_complete_and_holds_no_secret() {
    let small = Small::new();
    small.up();
    let said = small.run(&["verify", "--evidence", "proof"]).expect_code(0);
    assert!(said.stderr.contains("Evidence:"), "{}", said.stderr);
    let folder = small.work().join("proof");
    let all = files(&folder);
    let of = |ending: &str| {
        let path = all.iter().find(|path| path.to_string_lossy().ends_with(ending)).expect("evidence");
        (folder.join(path), std::fs::read_to_string(folder.join(path)).expect("text"))
    };
    let ((record_path, record), (_, page)) = (of(".json"), of(".html"));
    let page = page.replace("&#x2f;", "/");
    let json: Value = serde_json::from_str(&record).expect("JSON");
    assert_eq!(json["version"], 1);
    for key in ["manifest_digest", "tool_digest"] {
        let digest = json[key].as_str().unwrap_or_default();
        assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}: {digest}");
        assert!(page.contains(digest), "{key}");
    }
    let sum = std::process::Command::new("sha256sum").arg(&record_path).output().expect("sha256sum");
    let sum = String::from_utf8_lossy(&sum.stdout).split(' ').next().unwrap_or_default().to_owned();
    assert!(page.contains(&sum), "the page names the digest of the record");
    let results = json["report"]["results"].as_array().expect("results");
    assert!(results.len() >= 10);
    for result in results {
        assert!(result["claim"].is_string() && result["duration_ms"].is_u64(), "{result}");
        assert!(page.contains(result["probe"].as_str().expect("a name")), "{result}");
    }
    assert!(json["report"]["started_at"].as_str().is_some_and(|at| at.starts_with("20")), "{record}");
    for outside in ["src=", "href=", "@import", "url(", "<script"] {
        assert!(!page.contains(outside), "the page is not self-contained: {outside}");
    }
    let token = small.token();
    assert!(!record.contains(&token) && !page.contains(&token));
    // A second proof does not silently replace the first.
    let _ = small.run(&["verify", "--evidence", "proof", "--gentle"]).expect_code(0);
    assert_eq!(std::fs::read_to_string(record_path).expect("the first record"), record);
    small.down();
}

#[test]
fn secrets_lie_where_they_must_only() {
    let small = Small::new();
    small.up();
    let _ = small.run(&["verify", "--evidence", "proof"]).expect_code(0);
    let token = small.token();
    let root = small.path("");
    let holders: Vec<_> = files(&root).into_iter().filter(|path| holds(&root.join(path), &token)).collect();
    assert!(!holders.is_empty());
    for path in &holders {
        let name = path.to_string_lossy();
        assert!(name.contains("/secrets/token/") || name.ends_with("files/app/file/token.txt"), "{name}");
        let mode = std::fs::metadata(root.join(path)).expect("the file").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    for pid in small.processes() {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&arguments).contains(&token), "process {pid}");
    }
    for arguments in
        [&["outputs"][..], &["events"], &["logs"], &["status", "-v"], &["plan", "-v"], &["outputs", "--json"]]
    {
        let said = small.run(arguments).expect_code(0);
        assert!(!said.stdout.contains(&token) && !said.stderr.contains(&token), "{arguments:?}");
    }
    let modes = ["secrets", "files"]
        .map(|name| std::fs::metadata(small.home().join(name)).expect("a folder").permissions().mode() & 0o077);
    assert_eq!(modes, [0, 0], "folders of secrets are closed to others");
    small.down();
}

#[test]
fn another_shell_sees_everything() {
    let small = Small::new();
    small.up();
    let status = small.run(&["-C", "/", "status"]).expect_code(0).stdout;
    assert!(status.contains("small: running") && status.contains("app/program"), "{status}");
    let by_name = small.run(&["-C", "/", "status", "small"]).expect_code(0).stdout;
    assert!(by_name.contains("small: running"), "{by_name}");

    let outputs = document(&small.run(&["outputs", "--json"]).expect_code(0));
    let url = outputs["outputs"][0]["value"].as_str().expect("an address").to_owned();
    assert!(url.starts_with("https://localhost:"), "{url}");
    assert_eq!(small.run(&["outputs", "--only", "web.url"]).expect_code(0).stdout.trim(), url);
    let unknown = small.run(&["outputs", "--only", "web.ulr"]).expect_code(2);
    assert!(unknown.stderr.contains("web.url"), "{}", unknown.stderr);

    let logs = small.run(&["logs", "--component", "app", "-n", "1000"]).expect_code(0).stdout;
    assert!(logs.contains("hello from process") && logs.contains("GET /health"), "{logs}");
    assert_eq!(small.run(&["logs", "--component", "app", "-n", "1"]).expect_code(0).stdout.lines().count(), 1);
    let unknown = small.run(&["logs", "--component", "ap"]).expect_code(2);
    assert!(unknown.stderr.contains("app"), "{}", unknown.stderr);

    let events = small.run(&["events"]).expect_code(0).stdout;
    assert!(events.contains("started: 5 steps") && events.contains("finished"), "{events}");
    let lines = small.run(&["events", "--json"]).expect_code(0).json_lines();
    assert!(lines.iter().all(|event| event["version"] == 1), "{lines:?}");

    // `logs -f` shows a new line soon, ends with a signal, and ends by itself when the deployment is gone.
    let mut command = small.command(&["logs", "--component", "app", "-f", "-n", "0"]);
    let mut follower = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("logs -f");
    let reader = BufReader::new(follower.stdout.take().expect("a pipe"));
    let (send, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || reader.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
    std::thread::sleep(Duration::from_millis(500));
    let port = document(&small.run(&["plan", "--json"]).expect_code(0))["ports"]["app/http"].as_u64().expect("a port");
    let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(port).expect("a port"))).expect("a connection");
    stream.write_all(b"GET /unheard-of HTTP/1.0\r\n\r\n").expect("a request");
    let _ = stream.read_to_string(&mut String::new());
    let seen = eventually("the new line", Duration::from_secs(5), || {
        lines.try_iter().find(|line| line.contains("/unheard-of"))
    });
    assert!(seen.contains("401"), "{seen}");
    let down = small.run(&["down", "--yes"]).expect_code(0);
    assert!(down.stdout.contains("small is down"), "{}", down.stdout);
    let ended = eventually("logs -f ends", Duration::from_secs(5), || follower.try_wait().expect("a child"));
    assert!(ended.success(), "{ended}");
    small.assert_gone();
}

#[test]
fn two_deployments_live_side_by_side() {
    let small = Small::new();
    small.up();
    let manifest = std::fs::read_to_string(small.work().join("landfall.yaml")).expect("the manifest");
    small.write("other/landfall.yaml", manifest.replace("name: small", "name: other"));
    small.write("other/app/small.py", include_str!("small.py"));
    let _ = small.run(&["up", "other"]).expect_code(0);
    let outputs = |name: &str| document(&small.run(&["outputs", name, "--json"]).expect_code(0));
    assert_ne!(outputs("small")["outputs"][0]["value"], outputs("other")["outputs"][0]["value"]);
    let both = document(&small.run(&["-C", "/", "status", "--json"]).expect_code(0));
    assert_eq!(both["deployments"].as_array().map(Vec::len), Some(2), "{both}");
    let _ = small.run(&["-C", "/", "outputs"]).expect_code(2);
    let _ = small.run(&["verify", "small", "--gentle"]).expect_code(0);

    // The same name from another place is another person's deployment.
    small.write("third/landfall.yaml", manifest);
    small.write("third/app/small.py", include_str!("small.py"));
    let program = document(&small.run(&["status", "small", "--json"]).expect_code(0));
    let refused = small.run(&["up", "third"]).expect_code(5);
    assert!(refused.stderr.contains("landfall.yaml") && refused.stderr.contains("do:"), "{}", refused.stderr);
    let after = document(&small.run(&["status", "small", "--json"]).expect_code(0));
    let pid = |status: &Value| status["deployments"][0]["status"]["programs"]["app/program"]["pid"].clone();
    assert_eq!(pid(&program), pid(&after));

    let _ = small.run(&["down", "other", "--yes"]).expect_code(0);
    let _ = small.run(&["verify", "small"]).expect_code(0);
    small.down();
}

#[test]
fn a_port_of_a_stranger_is_not_taken() {
    let stranger = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = stranger.local_addr().expect("an address").port();
    let small = Small::new();
    small.edit("port: any", &format!("port: {port}"));
    let said = small.up_output();
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(all.contains(&port.to_string()), "the wish that was not granted is told: {all}");
    let plan = document(&small.run(&["plan", "--json"]).expect_code(0));
    assert_ne!(plan["ports"]["app/http"], port);
    drop(stranger);
    small.down();

    let stranger = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = stranger.local_addr().expect("an address").port();
    let small = Small::new();
    small.up();
    let taken = document(&small.run(&["plan", "--json"]).expect_code(0))["ports"]["app/http"].clone();
    let (supervisor, program) = (small.supervisor(), small.program());
    crate::support::kill(supervisor);
    crate::support::kill(program);
    let own = u16::try_from(taken.as_u64().expect("a port")).expect("a port");
    let thief = eventually("the port is free", Duration::from_secs(5), || TcpListener::bind(("127.0.0.1", own)).ok());
    let plan = small.run(&["plan"]).expect_code(0).stdout;
    assert!(plan.contains(&own.to_string()) && plan.contains(&std::process::id().to_string()), "{plan}");
    small.up();
    drop(thief);
    assert_ne!(port, own);
    let _ = small.run(&["up"]).expect_code(0);
    small.down();
}

#[test]
fn down_leaves_nothing_and_says_what_it_keeps() {
    let small = Small::new();
    let before = files(&small.path(""));
    small.up();
    let said = small.run(&["down", "--yes"]).expect_code(0);
    small.assert_gone();
    assert!(said.stdout.contains("kept") && said.stdout.contains("authority"), "{}", said.stdout);
    let kept: Vec<_> = files(&small.path("")).into_iter().filter(|path| !before.contains(path)).collect();
    for path in kept {
        let name = path.to_string_lossy();
        assert!(name.starts_with("data/landfall/authority/") || name.starts_with("cache/landfall/"), "{name} is left");
    }
    let again = small.run(&["down", "--yes"]).expect_code(0);
    assert!(again.stdout.contains("Nothing to take down"), "{}", again.stdout);
    small.assert_gone();
}

#[test]
fn down_can_keep_the_data() {
    let small = Small::new();
    small.up();
    let token = small.token();
    std::fs::write(small.home().join("data/app/model.bin"), "precious").expect("data");
    let said = small.run(&["down", "--yes", "--keep-data"]).expect_code(0);
    assert!(said.stdout.contains("kept as you asked"), "{}", said.stdout);
    assert_eq!(small.processes(), Vec::<u32>::new());
    small.up();
    let data = std::fs::read_to_string(small.home().join("data/app/model.bin")).expect("the data");
    assert_eq!(data, "precious");
    assert_eq!(small.token(), token);
    small.down();
}

#[test]
fn down_when_everything_was_killed_or_the_manifest_is_gone() {
    let small = Small::new();
    small.up();
    for pid in small.processes() {
        crate::support::kill(pid);
    }
    eventually("all are dead", Duration::from_secs(5), || small.processes().is_empty().then_some(()));
    small.down();

    let small = Small::new();
    small.up();
    std::fs::remove_dir_all(small.work()).expect("removed");
    std::fs::create_dir(small.work()).expect("made");
    let _ = small.run(&["down", "small", "--yes"]).expect_code(0);
    small.assert_gone();
}

#[test]
fn nothing_is_there_before_the_first_up() {
    let machine = machine();
    let small = Small::on(machine);
    for verb in ["status", "outputs", "logs", "events", "verify"] {
        let said = small.run(&[verb]).expect_code(5);
        assert!(said.stderr.contains("landfall up"), "{verb}: {}", said.stderr);
    }
    let _ = small.run(&["down", "--yes"]).expect_code(0);
    assert_eq!(files(&small.path("state")), Vec::<std::path::PathBuf>::new());
}
