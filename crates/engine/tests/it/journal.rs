//! The journal as a file: torn, foreign, newer, impossible, long, and on a full disk.

use crate::graphs::{block_on, bring, edited, sample, scratch};
use engine::Journal;
use model::event::JOURNAL_VERSION;
use model::{Event, FaultKind, RunEvent};
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use testkit::FakeTarget;

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = scratch();
    let path = folder.path().join("journal.jsonl");
    (folder, path)
}

fn written(path: &Path) -> String {
    let mut journal = Journal::open(path).unwrap();
    block_on(bring(Some(&sample()), &FakeTarget::default(), &mut journal, &|_| {})).unwrap();
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn what_is_read_is_what_was_written() {
    let (_folder, path) = folder();
    let mut journal = Journal::open(&path).unwrap();
    let events = std::sync::Mutex::new(Vec::new());
    let note = |event: &RunEvent| {
        if !matches!(event.event, Event::StepProgress { .. }) {
            events.lock().unwrap().push(event.clone());
        }
    };
    block_on(bring(Some(&sample()), &FakeTarget::default(), &mut journal, &note)).unwrap();
    assert_eq!(Journal::history(&path).unwrap(), *events.lock().unwrap());
    assert_eq!(Journal::read(&path).unwrap(), *journal.state());
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_torn_last_line_is_dropped_and_removed() {
    let (_folder, path) = folder();
    let text = written(&path);
    let whole = text.trim_end().rfind('\n').unwrap() + 1;
    for torn in [text[..whole + 1].to_owned(), text[..text.len() - 1].to_owned(), format!("{}\0\0\0\0", &text[..whole])]
    {
        std::fs::write(&path, &torn).unwrap();
        let read = Journal::read(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), torn, "looking changes nothing");
        assert!(read.current.is_some(), "the last line was the end of the run");
        assert_eq!(Journal::open(&path).unwrap().state(), &read);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text[..whole]);
    }
}

#[test]
fn what_landfall_did_not_write_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    let text = written(&path);
    let lines: Vec<&str> = text.lines().collect();
    let run = Journal::history(&path).unwrap()[0].run.clone();
    let newer = lines[0].replacen(r#""version":1"#, r#""version":2"#, 1);
    let twice = format!("{}\n{}\n{}\n", lines[0], lines[1], lines[1]);
    let unknown = r#"{"version":1,"at":"2026-11-20T10:00:00Z","run":"a","event":"step_undone","step":"x"}"#;
    let cases = [
        format!("{newer}\n"),
        newer,
        twice,
        format!("{}\n", lines[1]),
        format!("{}\n{unknown}\n", lines[0]),
        "my shopping list".to_owned(),
        "{}\n".to_owned(),
        format!("{}\nbroken\n{}\n", lines[0], lines[1]),
        format!("{}\n{}\n", lines[0], lines[0].replacen("run_started", "checkpoint", 1)),
    ];
    let mut causes = String::new();
    for case in cases {
        std::fs::write(&path, &case).unwrap();
        let fault = Journal::open(&path).unwrap_err();
        assert_eq!(fault.kind, FaultKind::IncompatibleState);
        assert!(fault.help.is_some());
        let line = fault.operation.split(" of ").next().unwrap();
        causes.push_str(&format!("{line}: {}\n", fault.cause));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), case, "nothing is changed");
    }
    let causes = causes.replace(&run, "[run]");
    insta::assert_snapshot!(causes, @r"
    reading line 1: it was written by a newer landfall (version 2; this one reads up to 1)
    reading line 1: it was written by a newer landfall (version 2; this one reads up to 1)
    reading line 3: the journal's history is impossible: step app/password:create went from Started to Started
    reading line 1: the journal's history is impossible: an event of run [run], which is not under way
    reading line 2: the line is no event of a run (unknown variant `step_undone`, expected one of `checkpoint`, `run_started`, `step_started`, `step_progress`, `step_succeeded`, `step_failed`, `run_stopped`, `run_finished`)
    reading line 1: the line is damaged (expected value at line 1 column 1)
    reading line 1: the line is no event of a run (missing field `version`)
    reading line 2: the line is damaged (expected value at line 1 column 1)
    reading line 2: the line is no event of a run (missing field `made`)
    ");
}

#[test]
fn a_long_journal_is_made_short_and_the_old_one_kept() {
    let (folder, path) = folder();
    let target = FakeTarget::default();
    let mut journal = Journal::open(&path).unwrap();
    let mut longest = 0;
    for round in 0..50 {
        let graph = if round % 2 == 0 { sample() } else { edited() };
        block_on(bring(Some(&graph), &target, &mut journal, &|_| {})).unwrap();
        let state = Journal::read(&path).unwrap();
        assert_eq!(&state, journal.state(), "round {round}");
        longest = longest.max(std::fs::metadata(&path).unwrap().len());
    }
    assert!(longest < 512 * 1024, "{longest}");
    let kept = folder.path().join("journal.jsonl.1");
    Journal::read(&kept).unwrap();
    let first = Journal::history(&path).unwrap().remove(0);
    assert!(matches!(first.event, Event::Checkpoint { .. }));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");

    block_on(bring(None, &target, &mut journal, &|_| {})).unwrap();
    journal.remove().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_journal_of_something_is_not_removed() {
    let (_folder, path) = folder();
    written(&path);
    let fault = Journal::open(&path).unwrap().remove().unwrap_err();
    assert_eq!(fault.kind, FaultKind::Bug);
    assert!(path.exists());
}

#[test]
fn an_impossible_event_is_not_written() {
    let (_folder, path) = folder();
    let text = written(&path);
    let mut journal = Journal::open(&path).unwrap();
    let event = RunEvent {
        version: JOURNAL_VERSION,
        at: "2026-11-20T10:00:00Z".into(),
        run: "no such run".into(),
        event: Event::RunFinished,
    };
    assert_eq!(journal.append(&event).unwrap_err().kind, FaultKind::Bug);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

/// The body of the next test, in a process of its own, where files may not grow. Alone it does nothing.
#[test]
fn on_a_full_disk() {
    let Some(path) = std::env::var_os("LANDFALL_TEST_JOURNAL").map(PathBuf::from) else { return };
    let target = FakeTarget::default();
    let mut journal = Journal::open(&path).unwrap();
    let fault = block_on(bring(Some(&sample()), &target, &mut journal, &|_| {})).unwrap_err();
    assert_eq!(fault.kind, FaultKind::NeedsPerson);
    assert!(fault.operation.starts_with("writing the journal"), "{fault}");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "no half line");
    let state = Journal::read(&path).unwrap();
    for node in target.world().things.keys() {
        assert!(state.made.contains_key(node), "{node} would be an orphan");
    }
}

#[test]
fn a_full_disk_is_a_fault_and_leaves_whole_lines() {
    // Where the journal stops depends on the limit; each must be survived.
    let (_folder, path) = folder();
    let whole = written(&path).len() / 512;
    for blocks in [0, 1, whole / 2, whole - 1] {
        let (_folder, path) = folder();
        let script = format!(r#"trap "" XFSZ; ulimit -f {blocks}; exec "$0" --exact journal::on_a_full_disk"#);
        let status = std::process::Command::new("sh")
            .args(["-c", &script])
            .arg(std::env::current_exe().unwrap())
            .env("LANDFALL_TEST_JOURNAL", &path)
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{blocks} blocks");
        // With room again, the next run goes on from there.
        let mut journal = Journal::open(&path).unwrap();
        block_on(bring(Some(&sample()), &FakeTarget::default(), &mut journal, &|_| {})).unwrap();
        assert_eq!(journal.state().current, None);
    }
}

/// What a crash in the middle of a shortening leaves behind does not disturb the next one.
#[test]
fn a_cut_shortening_is_harmless() {
    let (folder, path) = folder();
    let target = FakeTarget::default();
    let mut journal = Journal::open(&path).unwrap();
    for round in 0..50 {
        std::fs::write(folder.path().join("journal.jsonl.new"), "{\"version\":1,\"at\"").unwrap();
        if round % 3 == 0 {
            let _ = std::fs::remove_file(folder.path().join("journal.jsonl.1"));
        }
        let graph = if round % 2 == 0 { sample() } else { edited() };
        block_on(bring(Some(&graph), &target, &mut journal, &|_| {})).unwrap();
        assert_eq!(Journal::read(&path).unwrap(), *journal.state(), "round {round}");
    }
    assert!(matches!(Journal::history(&path).unwrap()[0].event, Event::Checkpoint { .. }));
}

/// Files that were written once stay readable: add fields with a default, or raise the version and
/// read both. Never change this file.
#[test]
fn a_journal_of_the_first_version_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/journal-v1.jsonl");
    let state = Journal::read(&path).unwrap();
    let mut made: Vec<_> = state.made.keys().map(model::NodeId::as_str).collect();
    made.sort_unstable();
    let app = ["app/config", "app/password", "app/program", "app/python", "app/users"];
    assert_eq!(made, [&app[..], &["extra/config", "web/edge", "worker/source"]].concat());
    assert!(!state.made[&crate::graphs::id("app/users")].settled);
    assert_eq!(state.ports[&model::PortId::new("web/https")], 8443);
    let events = Journal::history(&path).unwrap();
    assert!(matches!(events[0].event, Event::Checkpoint { .. }));
    assert!(events.iter().any(|event| matches!(event.event, Event::StepFailed { .. })));
    assert!(state.current.is_some_and(|run| run.stopped));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// However a journal was damaged: it is read, or refused and left alone; it is never a panic.
    #[test]
    fn damage_is_survived(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = include_bytes!("journal-v1.jsonl");
        let mut damaged = whole[..=cut.index(whole.len())].to_vec();
        for (at, byte) in changes {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        let (_folder, path) = folder();
        std::fs::write(&path, &damaged).unwrap();
        match Journal::open(&path) {
            Ok(journal) => prop_assert_eq!(&Journal::read(&path).unwrap(), journal.state()),
            Err(fault) => {
                prop_assert_eq!(fault.kind, FaultKind::IncompatibleState);
                prop_assert_eq!(std::fs::read(&path).unwrap(), damaged);
            }
        }
    }
}
