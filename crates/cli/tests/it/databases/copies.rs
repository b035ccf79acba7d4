//! `backup`, `restore` and `drift`, each engine with its own tools.

use super::notes::{ALL, Notes};
use std::fs;

#[test]
fn backups_come_back_as_they_were_and_touch_nothing_that_is_there() {
    for kind in ALL {
        let Some(notes) = Notes::up(kind, "backups come back") else { continue };
        come_back(&notes);
    }
}

fn come_back(notes: &Notes) {
    notes.run(&["backup", "db", "notes", "--about", "before the import"], 0);
    let listed = notes.document(&["backup", "ls", "--json"]);
    assert_eq!(listed["backups"][0]["about"], "before the import");
    assert_eq!(listed["backups"][0]["content"]["databases"]["notes"]["rows"]["notes"], 3);
    notes.say("notes", "DELETE FROM notes");
    let restored = notes.document(&["restore", "latest", "--into", "notes_restored", "--json"]);
    assert_eq!((&restored["as_it_was"], &restored["tables"]), (&true.into(), &1.into()), "{restored}");
    assert_eq!(notes.say("notes_restored", "SELECT count(*) FROM notes"), "3");
    assert_eq!(notes.say("notes", "SELECT count(*) FROM notes"), "0", "what is there is not touched");

    let refused = notes.run(&["restore", "latest", "--into", "notes"], 5);
    assert!(refused.contains("database notes is there already"), "{refused}");
    assert!(notes.run(&["restore", "nosuch", "--into", "x"], 2).contains("no backup is called `nosuch`"));
    assert!(notes.run(&["restore", "latest", "--into", "Drop;"], 2).contains("cannot be a database's name"));

    // What nobody declared shows up as drift and stays.
    let drift = notes.run(&["drift"], 3);
    assert!(drift.contains("notes_restored is not in the manifest"), "{drift}");

    // The newest two are kept; what a killed backup left is nothing that is listed, and goes.
    let left = notes.home().join("backups/.making-20200101-000000-db");
    fs::create_dir_all(left.join("content")).expect("a folder");
    notes.run(&["backup"], 0);
    notes.run(&["backup"], 0);
    assert!(!left.exists());
    let listed = notes.document(&["backup", "ls", "--json"]);
    assert_eq!(listed["backups"].as_array().map(Vec::len), Some(2));
    notes.run(&["down", "--yes", "--keep-data"], 0);
    assert!(notes.home().join("backups").is_dir());
}
