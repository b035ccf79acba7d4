//! A database on this machine with its verbs: rotation, backup, restore, drift; cut off wherever that can be.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use crate::support::{LANDFALL, kill, skip};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use testkit::TestEnvironment;

const MANIFEST: &str = r#"landfall: 1
name: notes
components:
  db:
    kind: database
    engine: postgres
    databases: { notes: { data: [ { sql: notes.sql } ] } }
    people: { admin: owner }
    backups: { keep: 2 }
  app:
    kind: service
    command: ["python3", -m, http.server, --bind, "${self.address}", "${self.port}"]
    port: any
    uses: { db: { grants: read-only } }
    environment: { DATABASE_URL: "${self.uses.db.url}" }
people: { ann: { roles: [admin] } }
"#;
const DATA: &str = "CREATE TABLE notes (text varchar(80));\nINSERT INTO notes VALUES ('one'), ('two'), ('three');\n";

struct Notes(TestEnvironment);

impl Notes {
    /// Brings it up; none where PostgreSQL is missing.
    fn up(test: &str) -> Option<Self> {
        if !Path::new("/usr/lib/postgresql").is_dir() {
            skip(test, "PostgreSQL is not on this machine");
            return None;
        }
        let notes = Self(TestEnvironment::new(LANDFALL).with_limit(Duration::from_secs(300)));
        notes.0.write("landfall.yaml", MANIFEST);
        notes.0.write("notes.sql", DATA);
        notes.run(&["up"], 0);
        Some(notes)
    }

    #[track_caller]
    fn run(&self, arguments: &[&str], code: i32) -> String {
        let output = self.0.run(arguments).expect_code(code);
        format!("{}{}", output.stdout, output.stderr)
    }

    fn home(&self) -> PathBuf {
        self.0.path("state").join("landfall/notes")
    }

    fn document(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.0.run(arguments).stdout).unwrap()
    }

    /// Says a statement as the administrator.
    fn say(&self, database: &str, statement: &str) -> String {
        let run = self.home().join("run/db.server");
        let socket = fs::read_dir(&run).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
        let mut socket = socket.filter(|name| name.starts_with(".s.PGSQL.") && !name.ends_with(".lock"));
        let socket = socket.next().unwrap();
        let password = fs::read_to_string(self.home().join("secrets/db/administrator/value")).unwrap();
        let mut client = Command::new("psql");
        client.args(["-X", "-A", "-t", "-q", "-w", "-U", "landfall_admin", "-d", database, "-c", statement]);
        client.arg("-h").arg(&run).args(["-p", socket.trim_start_matches(".s.PGSQL.")]).env("PGPASSWORD", password);
        let output = client.output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned() + String::from_utf8_lossy(&output.stderr).trim()
    }

    fn app_process(&self) -> Option<i64> {
        self.document(&["status", "--json"])["deployments"][0]["status"]["programs"]["app/program"]["pid"].as_i64()
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        let _ = self.0.run(&["down", "--yes"]);
    }
}

/// The URL that a process has, when it still lives.
fn url_of(pid: i64) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let variables = environment.split(|byte| *byte == 0);
    let url = variables.filter_map(|one| std::str::from_utf8(one).ok()?.strip_prefix("DATABASE_URL=")).next()?;
    Some(url.to_owned())
}

/// Logs in with the URL of whatever process the application is, all the time; returns refused passwords of living processes.
fn watch(home: PathBuf, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<(u32, Vec<String>)> {
    std::thread::spawn(move || {
        let (mut logins, mut refused) = (0, Vec::new());
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(50));
            let Ok(record) = fs::read_to_string(home.join("supervisor.json")) else { continue };
            let record: serde_json::Value = serde_json::from_str(&record).unwrap_or_default();
            let Some(pid) = record["programs"]["app/program"]["pid"].as_i64() else { continue };
            let Some(url) = url_of(pid) else { continue };
            let output = Command::new("psql").args(["-X", "-w", "-c", "SELECT 1", &url]).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            logins += u32::from(output.status.success());
            // A server that is just killed by a probe refuses connections; only a refused password counts.
            if said.contains("password authentication failed") && url_of(pid).as_ref() == Some(&url) {
                refused.push(said);
            }
        }
        (logins, refused)
    })
}

#[test]
fn a_rotation_is_cut_off_anywhere_and_nobody_is_without_a_valid_password() {
    let Some(notes) = Notes::up("a_rotation_is_cut_off_anywhere") else { return };
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = watch(notes.home(), stop.clone());
    let first = url_of(notes.app_process().unwrap()).unwrap();
    let journal = notes.home().join("journal.jsonl");
    // Killed after so many further lines of the journal; then the same verb, or a plain `up`, goes on.
    for (cut, again) in [(1, "secret"), (4, "up"), (8, "secret")] {
        let before = fs::read_to_string(&journal).unwrap().lines().count();
        let mut rotation = notes.0.command(&["secret", "rotate", "db.app"]);
        let mut rotation = rotation.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(120);
        while fs::read_to_string(&journal).unwrap_or_default().lines().count() < before + cut {
            if rotation.try_wait().unwrap().is_some() || Instant::now() > until {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        kill(rotation.id());
        let _ = rotation.wait();
        match again {
            "up" => notes.run(&["up"], 0),
            _ => notes.run(&["secret", "rotate", "db.app"], 0),
        };
        let rotations: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(notes.home().join("rotations.json")).unwrap()).unwrap();
        assert!(rotations["db/roles/app"].get("previous").is_none(), "{rotations}");
    }
    let now = url_of(notes.app_process().unwrap()).unwrap();
    assert_ne!(now, first);
    let logins = notes.say("postgres", "SELECT rolname FROM pg_roles WHERE rolname LIKE 'app%' AND rolcanlogin");
    assert_eq!(logins.lines().count(), 1, "the old login is gone: {logins}");
    stop.store(true, Ordering::Relaxed);
    let (successes, refused) = watcher.join().unwrap();
    assert!(successes > 0 && refused.is_empty(), "{successes} logins, refused: {refused:?}");
    assert!(notes.run(&["up"], 0).contains("Nothing to do"));
}

#[test]
fn backups_come_back_as_they_were_and_touch_nothing_that_is_there() {
    let Some(notes) = Notes::up("backups_come_back") else { return };
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
    fs::create_dir_all(left.join("content")).unwrap();
    notes.run(&["backup"], 0);
    notes.run(&["backup"], 0);
    assert!(!left.exists());
    let listed = notes.document(&["backup", "ls", "--json"]);
    assert_eq!(listed["backups"].as_array().unwrap().len(), 2);
    notes.run(&["down", "--yes", "--keep-data"], 0);
    assert!(notes.home().join("backups").is_dir());
}
