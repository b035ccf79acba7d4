//! `backup` and `restore` interrupted and killed while the engine's own tool is at work.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use super::notes::{ALL, Kind, Notes, words};
use crate::support::{eventually, signal};
use nix::sys::signal::Signal;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_backup_that_is_interrupted_says_so_and_leaves_nothing() {
    for kind in ALL {
        let Some(notes) = Notes::up(kind, "a backup that is interrupted") else { continue };
        let mut lock = locked(&notes);
        let mut backup = begun(&notes, &["backup"]);
        eventually("a dump is begun", PATIENCE, || (!half_backups(&notes).is_empty()).then_some(()));
        signal(backup.id(), Signal::SIGINT);
        assert_eq!(backup.wait().unwrap().code(), Some(130));
        let said = said(&notes);
        assert!(said.contains("backing up db: it was interrupted; nothing of it is left"), "{said}");
        assert_eq!(half_backups(&notes), [""; 0]);

        // One that is killed says nothing; the next one takes away what it left.
        let mut backup = begun(&notes, &["backup"]);
        eventually("a dump is begun", PATIENCE, || (!half_backups(&notes).is_empty()).then_some(()));
        signal(backup.id(), Signal::SIGKILL);
        backup.wait().unwrap();
        assert_eq!(half_backups(&notes).len(), 1);
        wake(&notes);
        lock.wait().unwrap();
        notes.run(&["backup"], 0);
        assert_eq!(half_backups(&notes), [""; 0]);
    }
}

#[test]
fn a_restore_that_is_cut_off_is_told_and_begun_anew() {
    for kind in ALL {
        let Some(notes) = Notes::up(kind, "a restore that is cut off") else { continue };
        notes.run(&["backup"], 0);
        let backup = notes.document(&["backup", "ls", "--json"])["backups"][0]["id"].as_str().unwrap().to_owned();
        with_slow_copy(&notes);
        let restore = ["restore", "latest", "--into", "notes_cut"];

        let mut interrupted = begun(&notes, &restore);
        eventually("the copy is filled", PATIENCE, || sleeps(&notes).then_some(()));
        signal(interrupted.id(), Signal::SIGINT);
        assert_eq!(interrupted.wait().unwrap().code(), Some(130));
        let said = said(&notes);
        assert!(said.contains("restoring into notes_cut: it was interrupted; nothing of it is left"), "{said}");
        assert!(!is_there(&notes), "it was taken away");
        assert!(notes.run(&["drift"], 0).contains("all are as `up` left them"));

        let mut killed = begun(&notes, &restore);
        eventually("the copy is filled", PATIENCE, || sleeps(&notes).then_some(()));
        signal(killed.id(), Signal::SIGKILL);
        killed.wait().unwrap();
        assert!(is_there(&notes));
        let drift = notes.run(&["drift"], 3);
        assert!(drift.contains("database notes_cut is half restored"), "{drift}");
        // Nobody is let in to half of it.
        notes.edit("databases: { notes:", "databases: { notes_cut: {}, notes:");
        notes.edit("grants: read-only", "database: notes, grants: read-only");
        let up = notes.machine.run(&["up"]);
        assert!(up.code != Some(0) && words(&up).contains("database notes_cut is half restored"), "{up:?}");
        notes.edit("databases: { notes_cut: {}, notes:", "databases: { notes:");
        notes.run(&["up"], 0);
        // The tool of the one that was killed is still at work in it.
        let again = notes.run(&["restore", &backup, "--into", "notes_cut"], 0);
        assert!(again.contains("what a restore that was cut off had left there was removed first"), "{again}");
        assert!(again.contains("rows: the same as in the backup"), "{again}");
        assert!(!sleeps(&notes));
        assert_eq!(notes.say("notes_cut", "SELECT count(*) FROM notes"), "3");
        let drift = notes.run(&["drift"], 3);
        assert!(drift.contains("notes_cut is not in the manifest") && !drift.contains("half"), "{drift}");

        // What is whole is never touched.
        let refused = notes.run(&["restore", &backup, "--into", "notes_cut"], 5);
        assert!(refused.contains("database notes_cut is there already"), "{refused}");
    }
}

/// A session that keeps every dump waiting.
fn locked(notes: &Notes) -> Child {
    let statement = match notes.kind {
        Kind::Postgres => "BEGIN; LOCK TABLE notes IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)",
        _ => "LOCK TABLES notes WRITE; SELECT SLEEP(600)",
    };
    let lock = notes.administrator("notes", statement).stdout(Stdio::null()).spawn().unwrap();
    eventually("the table is locked", PATIENCE, || sleeps(notes).then_some(()));
    lock
}

/// Makes a backup, the newest one, whose copy sleeps while it is filled.
fn with_slow_copy(notes: &Notes) {
    if notes.kind == Kind::Postgres {
        notes.say(
            "notes",
            "CREATE FUNCTION public.slow() RETURNS int LANGUAGE plpgsql AS 'BEGIN \
             IF current_database() <> ''notes'' THEN PERFORM pg_sleep(600); END IF; RETURN 1; END'; \
             CREATE MATERIALIZED VIEW slow AS SELECT public.slow();",
        );
        notes.run(&["backup"], 0);
        notes.say("notes", "DROP MATERIALIZED VIEW slow; DROP FUNCTION public.slow();");
        return;
    }
    notes.run(&["backup"], 0);
    let document = notes.document(&["backup", "ls", "--json"]);
    let content = Path::new(document["backups"][1]["folder"].as_str().unwrap()).join("content");
    let (dump, description) = (content.join("000.sql"), content.join("backup.json"));
    let text = fs::read_to_string(&dump).unwrap() + "SELECT SLEEP(600);\n";
    fs::write(&dump, &text).unwrap();
    let mut said: serde_json::Value = serde_json::from_str(&fs::read_to_string(&description).unwrap()).unwrap();
    let sum = Command::new("sha256sum").arg(&dump).output().unwrap();
    said["databases"]["notes"]["digest"] = String::from_utf8(sum.stdout).unwrap()[..64].into();
    said["databases"]["notes"]["bytes"] = text.len().into();
    fs::write(&description, said.to_string()).unwrap();
}

/// Whether a session of the server sleeps.
fn sleeps(notes: &Notes) -> bool {
    let question = match notes.kind {
        Kind::Postgres => "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
        _ => "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'",
    };
    notes.say("postgres", question) != "0"
}

/// Ends the sessions that sleep.
fn wake(notes: &Notes) {
    if notes.kind == Kind::Postgres {
        notes.say("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
        return;
    }
    let ids = notes.say("mysql", "SELECT ID FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'");
    for id in ids.lines() {
        notes.say("mysql", &format!("KILL {id}"));
    }
}

fn is_there(notes: &Notes) -> bool {
    let question = match notes.kind {
        Kind::Postgres => "SELECT datname FROM pg_database",
        _ => "SHOW DATABASES",
    };
    notes.say("postgres", question).lines().any(|database| database == "notes_cut")
}

/// Begins a command whose words go to a file.
fn begun(notes: &Notes, arguments: &[&str]) -> Child {
    let output = fs::File::create(notes.machine.path("begun.said")).unwrap();
    let mut command = notes.machine.command(arguments);
    command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    command.spawn().unwrap()
}

fn said(notes: &Notes) -> String {
    fs::read_to_string(notes.machine.path("begun.said")).unwrap()
}

/// The names of backups that are not whole.
fn half_backups(notes: &Notes) -> Vec<String> {
    let entries = fs::read_dir(notes.home().join("backups")).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.starts_with('.')).collect()
}
