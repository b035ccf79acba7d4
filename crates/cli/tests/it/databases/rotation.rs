//! A password's rotation is cut off at every moment at which something is made to last, by killing the command or the supervisor
//! under it; whatever the moment, typing a verb again comes to the same end, and whoever runs has a password that is valid.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use super::cuts::{Blow, Cuts};
use super::notes::{ALL, Kind, Notes, is_refused, url_of};
use crate::support::{eventually, files, holds};
use std::fs;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const ROTATE: [&str; 3] = ["secret", "rotate", "db.app"];
/// So many moments of each kind are tried in the usual run; all with `LANDFALL_EXHAUSTIVE`.
const SAMPLE: usize = 3;

/// A deployment whose application's password is replaced again and again.
struct Rotations {
    notes: Notes,
    cuts: Cuts,
    /// Every URL that the application ever had, the present one last.
    urls: Vec<String>,
}

impl Rotations {
    fn begin(kind: Kind, test: &str) -> Option<Self> {
        let notes = Notes::new(kind, test)?;
        let cuts = Cuts::new(&notes, test)?;
        notes.run(&["up"], 0);
        let urls = vec![notes.url()];
        Some(Self { notes, cuts, urls })
    }

    /// How far the rotation is: what is used, and what is still valid beside it.
    fn generation(&self) -> (u64, Option<u64>) {
        let text = fs::read_to_string(self.notes.home().join("rotations.json")).unwrap_or_else(|_| "{}".to_owned());
        let all: serde_json::Value = serde_json::from_str(&text).unwrap();
        let one = &all["db/roles/app"];
        (one["generation"].as_u64().unwrap_or(1), one["previous"].as_u64())
    }

    /// A rotation that nothing disturbs; returns the moments at which it could be cut off.
    fn undisturbed(&mut self) -> Vec<String> {
        let moments = self.cuts.run(&self.notes, &ROTATE, 0, Blow::Kill);
        self.is_over("undisturbed");
        moments
    }

    /// A rotation that is hit, and the verb that is typed then.
    fn hit(&mut self, at: usize, blow: Blow, again: &[&str]) {
        let before = self.generation();
        let reached = self.cuts.run(&self.notes, &ROTATE, at, blow);
        let moment = reached.last().cloned().unwrap_or_default();
        let what = format!("{:?}, {blow:?} at {at} of {}: {moment}; then {again:?}", self.notes.kind, reached.len());
        let _ = writeln!(std::io::stderr(), "{what}");
        if blow == Blow::Kill {
            self.nobody_is_without_a_password(&what);
        }
        let begun = self.generation();
        let said = self.notes.machine.run(again);
        assert_eq!(said.code, Some(0), "{what}\n{}{}", said.stdout, said.stderr);
        let over = self.generation();
        // What was begun is finished; `up` begins none.
        let expected = match again {
            ["up"] => begun.0,
            _ if begun.1.is_some() => begun.0,
            _ => begun.0 + 1,
        };
        assert_eq!(over, (expected, None), "{what}: from {before:?} by {begun:?}");
        self.is_over(&what);
    }

    /// Whoever runs, however far it is, runs with a password that lets in.
    #[track_caller]
    fn nobody_is_without_a_password(&self, what: &str) {
        eventually(&format!("{what}: the application's password is valid"), Duration::from_secs(60), || {
            let Some(pid) = self.notes.process("app/program") else { return Some(()) };
            let Some(url) = url_of(pid) else { return Some(()) };
            match self.notes.login(&url, "SELECT count(*) FROM notes") {
                Ok(count) => {
                    assert_eq!(count, "3");
                    Some(())
                }
                // Refused is refused only while that process is the one that runs.
                Err(said) if is_refused(&said) && url_of(pid).as_deref() == Some(&url) => {
                    panic!("{what}: the application runs with a password that is refused: {said}")
                }
                Err(_) => None,
            }
        });
    }

    /// The same end: one login, with the password that the application has; no older one lets in, nothing is left to be done.
    #[track_caller]
    fn is_over(&mut self, what: &str) {
        let now = self.notes.url();
        if self.urls.last() != Some(&now) {
            assert!(!self.urls.contains(&now), "{what}: an old password is used again");
            self.urls.push(now.clone());
        }
        assert_eq!(self.notes.login(&now, "SELECT count(*) FROM notes").as_deref(), Ok("3"), "{what}");
        let (_, old) = self.urls.split_last().unwrap();
        for url in old {
            let said = self.notes.login(url, "SELECT 1").expect_err(what);
            assert!(is_refused(&said), "{what}: {said}");
        }
        let logins = self.notes.say("postgres", self.notes.kind.logins());
        let ours: Vec<&str> = logins.lines().filter(|login| login.starts_with("app")).collect();
        let name = if self.generation().0 % 2 == 1 { "app" } else { "app_b" };
        assert_eq!(ours, [name], "{what}");
        assert!(self.notes.run(&["up"], 0).contains("Nothing to do"), "{what}");
        self.notes.run(&["drift"], 0);
    }

    /// No password that ever was is in a file but those of the secrets, of which there is one for each login.
    fn leaves_no_trace(&self) {
        let home = self.notes.home();
        let passwords: Vec<&str> = self.urls.iter().map(|url| url.split([':', '@']).nth(2).unwrap()).collect();
        let everywhere = files(&home).into_iter().filter(|file| !file.starts_with("secrets"));
        for file in everywhere {
            for password in &passwords {
                assert!(!holds(&home.join(&file), password), "a password stands in {}", file.display());
            }
        }
        let kept = files(&home.join("secrets/db/roles"));
        let of_app = kept.iter().filter(|file| file.starts_with("app") || file.starts_with("app.b"));
        let values = of_app.filter(|file| file.ends_with("value")).count();
        assert_eq!(values, 1, "{kept:?}");
    }
}

fn is_exhaustive() -> bool {
    std::env::var_os("LANDFALL_EXHAUSTIVE").is_some()
}

/// The moments that are tried: all, or a few that lie apart, the first and the last among them.
fn moments(count: usize) -> Vec<usize> {
    let all = 1..=count;
    if is_exhaustive() {
        return all.collect();
    }
    let step = (count - 1).div_ceil(SAMPLE - 1).max(1);
    all.step_by(step).chain([count]).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

fn is_cut_off_anywhere(kind: Kind) {
    let Some(mut rotations) = Rotations::begin(kind, "a rotation is cut off anywhere") else { return };
    let reached = rotations.undisturbed();
    assert!(reached.len() > 10, "{reached:?}");
    for (index, at) in moments(reached.len()).into_iter().enumerate() {
        let again: &[&str] = if index % 2 == kind as usize % 2 { &ROTATE } else { &["up"] };
        rotations.hit(at, Blow::Kill, again);
    }
    rotations.leaves_no_trace();
}

fn its_supervisor_is_killed_anywhere(kind: Kind) {
    let Some(mut rotations) = Rotations::begin(kind, "a supervisor is killed during a rotation") else { return };
    let reached = rotations.undisturbed();
    for (index, at) in moments(reached.len()).into_iter().enumerate() {
        let again: &[&str] = if index % 2 == kind as usize % 2 { &["up"] } else { &ROTATE };
        rotations.hit(at, Blow::KillSupervisor, again);
    }
    rotations.leaves_no_trace();
}

#[test]
fn of_postgresql_is_cut_off_anywhere() {
    is_cut_off_anywhere(Kind::Postgres);
}

/// The usual run tries each engine with one kind of blow: a cut takes two rotations, each with its proof.
#[test]
fn of_mariadb_is_cut_off_anywhere() {
    if is_exhaustive() {
        is_cut_off_anywhere(Kind::Mariadb);
    } else {
        eprintln!("skipped: LANDFALL_EXHAUSTIVE=1 asks for it");
    }
}

#[test]
fn of_postgresql_survives_its_supervisor() {
    if is_exhaustive() {
        its_supervisor_is_killed_anywhere(Kind::Postgres);
    } else {
        eprintln!("skipped: LANDFALL_EXHAUSTIVE=1 asks for it");
    }
}

#[test]
fn of_mariadb_survives_its_supervisor() {
    its_supervisor_is_killed_anywhere(Kind::Mariadb);
}

/// Logs in with the URL of whatever process the application is, all the time; returns refused passwords of living processes.
fn watch(notes: &Arc<Notes>, stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<(u32, Vec<String>)> {
    let (notes, stop) = (notes.clone(), stop.clone());
    std::thread::spawn(move || {
        let (mut logins, mut refused) = (0, Vec::new());
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(50));
            let record = fs::read_to_string(notes.home().join("supervisor.json")).unwrap_or_default();
            let record: serde_json::Value = serde_json::from_str(&record).unwrap_or_default();
            let pid = record["programs"]["app/program"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
            let Some((pid, url)) = pid.and_then(|pid| Some((pid, url_of(pid)?))) else { continue };
            match notes.login(&url, "SELECT 1") {
                Ok(_) => logins += 1,
                // A server that is just killed by a probe refuses connections; only a refused password counts.
                Err(said) if is_refused(&said) && url_of(pid).as_ref() == Some(&url) => refused.push(said),
                Err(_) => {}
            }
        }
        (logins, refused)
    })
}

#[test]
fn nobody_is_without_a_valid_password_meanwhile() {
    for kind in ALL {
        let Some(notes) = Notes::up(kind, "nobody is without a valid password") else { continue };
        let (notes, stop) = (Arc::new(notes), Arc::new(AtomicBool::new(false)));
        let watcher = watch(&notes, &stop);
        let first = notes.url();
        notes.run(&ROTATE, 0);
        notes.run(&["user", "rotate", "ann"], 0);
        stop.store(true, Ordering::Relaxed);
        let (successes, refused) = watcher.join().unwrap();
        assert!(successes > 0 && refused.is_empty(), "{kind:?}: {successes} logins, refused: {refused:?}");
        assert_ne!(notes.url(), first);
        let logins = notes.say("postgres", kind.logins());
        assert!(
            logins.lines().any(|login| login == "ann_b") && !logins.lines().any(|login| login == "ann"),
            "{logins}"
        );
    }
}
