//! Processes that are really killed, at moments that nobody chose.

use crate::graphs::{block_on, bring, edited, sample, scratch};
use engine::{Holder, Journal, Lease};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use testkit::FakeTarget;

fn holder() -> Holder {
    Holder { pid: std::process::id(), since: String::new(), command: "up".into(), host: String::new() }
}

fn take(folder: &Path) -> Lease {
    let wait = Some(Duration::from_secs(10));
    block_on(Lease::acquire(&folder.join("lock"), &holder(), wait, &|_| {})).unwrap()
}

/// The body of the next test's victims: deploys this and that, for ever. Alone it does nothing.
#[test]
fn victim() {
    let Some(folder) = std::env::var_os("LANDFALL_TEST_FOLDER").map(PathBuf::from) else { return };
    let _lease = take(&folder);
    let mut journal = Journal::open(folder.join("journal.jsonl")).unwrap();
    let target = FakeTarget::default();
    loop {
        for graph in [sample(), edited()] {
            block_on(bring(Some(&graph), &target, &mut journal, &|_| {})).unwrap();
        }
    }
}

#[test]
fn a_killed_runner_leaves_a_journal_and_a_free_lease() {
    let folder = scratch();
    let path = folder.path().join("journal.jsonl");
    let mut cut_off = 0;
    for round in 0..25_u64 {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kills::victim"])
            .env("LANDFALL_TEST_FOLDER", folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let before = std::fs::metadata(&path).map_or(0, |file| file.len());
        // Not before it has written something, then at some moment of its work.
        while std::fs::metadata(&path).map_or(0, |file| file.len()) == before {
            assert!(victim.try_wait().unwrap().is_none(), "the victim goes on until it is killed");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(round * 1_700 % 23_000));
        victim.kill().unwrap();
        victim.wait().unwrap();
        let _lease = take(folder.path());
        let journal = Journal::open(&path).unwrap();
        cut_off += usize::from(journal.state().current.is_some());
    }
    println!("25 runners killed, {cut_off} of them in the middle of a run");
    assert!(cut_off > 0);
    // The world of the last victim died with it: everything is made again.
    let mut journal = Journal::open(&path).unwrap();
    let target = FakeTarget::default();
    block_on(bring(Some(&sample()), &target, &mut journal, &|_| {})).unwrap();
    assert_eq!(target.world().faults(), Vec::<String>::new());
    assert_eq!(target.world().things.len(), sample().nodes.len());
}
