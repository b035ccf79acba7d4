//! Two runners and one lease.

use crate::graphs::block_on;
use engine::{Holder, Lease};
use model::FaultKind;
use std::sync::Mutex;
use std::time::Duration;

fn holder(pid: u32, command: &str) -> Holder {
    Holder { pid, since: "2026-11-20T10:00:00Z".into(), command: command.into(), host: "here".into() }
}

#[test]
fn the_second_is_refused_and_told_who_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    block_on(async {
        let first = Lease::acquire(&path, &holder(17, "up"), None, &|_| {}).await.unwrap();
        let fault = Lease::acquire(&path, &holder(18, "down"), None, &|_| {}).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Locked);
        assert_eq!(fault.cause, "`landfall up`, process 17 on here since 2026-11-20T10:00:00Z holds it");
        drop(first);
        Lease::acquire(&path, &holder(18, "down"), None, &|_| {}).await.unwrap();
        assert_eq!(Lease::holder(&path), Some(holder(18, "down")));
    });
}

#[test]
fn the_second_waits_and_says_for_whom() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    block_on(async {
        let first = Lease::acquire(&path, &holder(17, "up"), None, &|_| {}).await.unwrap();
        let told = Mutex::new(Vec::new());
        let note = |holder: Option<&Holder>| told.lock().unwrap().push(holder.cloned());
        let me = holder(18, "up");
        let second = Lease::acquire(&path, &me, Some(Duration::from_secs(20)), &note);
        let release = async {
            tokio::time::sleep(Duration::from_millis(250)).await;
            drop(first);
        };
        let (second, ()) = tokio::join!(second, release);
        second.unwrap();
        assert_eq!(*told.lock().unwrap(), [Some(holder(17, "up"))]);
    });
}

#[test]
fn waiting_has_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    block_on(async {
        let _first = Lease::acquire(&path, &holder(17, "up"), None, &|_| {}).await.unwrap();
        let wait = Some(Duration::from_millis(150));
        let fault = Lease::acquire(&path, &holder(18, "up"), wait, &|_| {}).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Locked);
    });
}

/// The holder removes the file with everything else while somebody waits: the one who waited must not
/// hold a file that is gone, since a third would make a new one.
#[test]
fn a_removed_lock_is_taken_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    block_on(async {
        let first = Lease::acquire(&path, &holder(17, "down"), None, &|_| {}).await.unwrap();
        let me = holder(18, "up");
        let second = Lease::acquire(&path, &me, Some(Duration::from_secs(20)), &|_| {});
        let release = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            first.remove().unwrap();
        };
        let (second, ()) = tokio::join!(second, release);
        let _second = second.unwrap();
        assert!(path.exists());
        let third = Lease::acquire(&path, &holder(19, "up"), None, &|_| {}).await.unwrap_err();
        assert_eq!(third.kind, FaultKind::Locked);
    });
}

#[test]
fn a_folder_that_is_not_there_is_a_fault() {
    let path = std::path::Path::new("/nonexistent/landfall/lock");
    let fault = block_on(Lease::acquire(path, &holder(17, "up"), None, &|_| {})).unwrap_err();
    assert_eq!(fault.operation, "locking /nonexistent/landfall/lock");
}
