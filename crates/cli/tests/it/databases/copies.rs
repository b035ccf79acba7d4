//! `backup`, `restore` and `drift`, each engine with its own tools.

use super::notes::{ALL, Kind, Notes};
use std::fs;

#[test]
fn backups_come_back_as_they_were_and_touch_nothing_that_is_there() {
    for kind in ALL {
        let Some(notes) = Notes::new(kind, "backups come back") else { continue };
        with_application(&notes);
        notes.run(&["up"], 0);
        come_back(&notes);
        are_refused_when_damaged(&notes);
    }
}

/// An application that answers only when it finds rows in the database that it is told.
const APPLICATION: &str = r#"import http.server, os, subprocess
told = os.environ
def rows():
    if told["DATABASE_URL"].startswith("postgresql:"):
        words = ["psql", "-XAtqw", "-c", "SELECT count(*) FROM notes", told["DATABASE_URL"]]
    else:
        words = ["mysql", "--no-defaults", "-NB", "--protocol=tcp", "--ssl-ca=" + told["CA"], "-h", told["HOST"], "-P", told["PORT"]]
        words += ["-u", told["USER"], "-e", "SELECT count(*) FROM notes", told["DATABASE"]]
    return subprocess.run(words, capture_output=True, text=True, env={**told, "MYSQL_PWD": told["PASSWORD"]}).stdout.strip()
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        found = rows()
        self.send_response(200 if found not in ("", "0") else 503)
        self.end_headers()
        self.wfile.write(f"{found} notes".encode())
open(told["STARTS"], "a").write(told["DATABASE"] + "\n")
http.server.ThreadingHTTPServer(("127.0.0.1", int(told["LISTEN"])), Page).serve_forever()
"#;

fn with_application(notes: &Notes) {
    notes.machine.write("app.py", APPLICATION);
    notes.edit(
        r#"command: ["python3", -m, http.server, --bind, "${self.address}", "${self.port}"]"#,
        r#"command: ["python3", "${self.file.app.py}"]
    files: { app.py: { template: app.py } }
    health: { path: /, timeout: 15s }"#,
    );
    let starts = notes.machine.path("starts");
    notes.edit(
        r#"environment: { DATABASE_URL: "${self.uses.db.url}" }"#,
        &format!(
            r#"environment: {{ DATABASE_URL: "${{self.uses.db.url}}", CA: "${{self.uses.db.ca}}", HOST: "${{self.uses.db.host}}",
      PORT: "${{self.uses.db.port}}", USER: "${{self.uses.db.user}}", PASSWORD: "${{self.uses.db.password}}",
      DATABASE: "${{self.uses.db.database}}", LISTEN: "${{self.port}}", STARTS: "{}" }}"#,
            starts.display()
        ),
    );
    notes.edit(
        "people: { ann",
        "probes: { notes-are-shown: { about: all notes are shown, http: { to: app, path: / }, expect: { status: 200, contains: [3 notes] } } }\npeople: { ann",
    );
}

fn come_back(notes: &Notes) {
    notes.run(&["backup", "db", "notes", "--about", "before the import"], 0);
    let listed = notes.document(&["backup", "ls", "--json"]);
    assert_eq!(listed["backups"][0]["about"], "before the import");
    assert_eq!(listed["backups"][0]["content"]["databases"]["notes"]["rows"]["notes"], 3);
    notes.say("notes", "DELETE FROM notes");
    let process = notes.process("app/program");
    let restored = notes.document(&["restore", "latest", "--into", "notes_restored", "--json"]);
    assert_eq!((&restored["as_it_was"], &restored["tables"]), (&true.into(), &1.into()), "{restored}");
    // The application found the rows of the copy, in the copy, beside the one that runs; the page was asked, too.
    let application = &restored["applications"][0];
    assert_eq!((&application["component"], &application["is_ready"]), (&"app".into(), &true.into()), "{restored}");
    let starts = fs::read_to_string(notes.machine.path("starts")).expect("what it was started with");
    assert!(starts.lines().any(|database| database == "notes_restored"), "{starts}");
    assert_eq!(notes.process("app/program"), process, "the one that runs is left alone");
    let claims = restored["report"]["results"].as_array().expect("claims");
    let asked = |what: &str| claims.iter().any(|claim| claim.to_string().contains(what));
    assert!(asked("notes-are-shown") && asked("app reads notes") && asked("app cannot add rows"), "{restored}");
    // Nobody is let in any more, and nothing of the trial is left.
    let url = notes.url().replace("/notes?", "/notes_restored?");
    let said = notes.login(&url, "SELECT count(*) FROM notes").expect_err("the copy is closed");
    assert!(said.contains("denied"), "{said}");
    let left = fs::read_dir(notes.home()).expect("the home").flatten();
    assert!(!left.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("trial-")));
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
    // Of a database without notes: what is in it is as it was, and yet the application does not work with it.
    let restored = notes.run(&["restore", "latest", "--into", "notes_empty"], 8);
    assert!(restored.contains("rows: the same as in the backup"), "{restored}");
    assert!(restored.contains("application: app does not work with it: it was not ready within 15 s"), "{restored}");
    notes.run(&["backup"], 0);
    assert!(!left.exists());
    let listed = notes.document(&["backup", "ls", "--json"]);
    assert_eq!(listed["backups"].as_array().map(Vec::len), Some(2));
}

/// A backup that is not what was written, or of another server, is refused before anything is made.
fn are_refused_when_damaged(notes: &Notes) {
    let databases = || match notes.kind {
        Kind::Postgres => notes.say("postgres", "SELECT datname FROM pg_database ORDER BY 1"),
        _ => notes.say("mysql", "SHOW DATABASES"),
    };
    let before = databases();
    let folder = notes.document(&["backup", "ls", "--json"])["backups"][1]["folder"].clone();
    let content = std::path::Path::new(folder.as_str().expect("a folder")).join("content");
    let name = if notes.kind == Kind::Postgres { "000.dump" } else { "000.sql" };
    let (dump, description) = (content.join(name), content.join("backup.json"));
    let (whole, said) = (fs::read(&dump).expect("the dump"), fs::read_to_string(&description).expect("what is in it"));
    let refused = |what: &str| {
        let refused = notes.run(&["restore", "latest", "--into", "notes_damaged"], 5);
        assert!(refused.contains(what), "{refused}");
        assert_eq!(databases(), before);
    };
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    fs::write(&dump, flipped).expect("a damaged dump");
    refused("it is not what was written: its digest is another");
    fs::write(&dump, &whole[..whole.len() - 7]).expect("a cut dump");
    refused("it is not what was written");
    fs::remove_file(&dump).expect("no dump");
    refused("No such file");
    fs::write(&dump, &whole).expect("the dump");
    // One of another major release: its own words say which, and that nothing was touched.
    let document: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let server = document["server"].as_str().expect("the server").to_owned();
    fs::write(&description, said.replace(&server, "99.1")).expect("another release");
    refused("the backup is of release 99.1");
    fs::write(&description, &said[..said.len() / 2]).expect("a cut description");
    refused("reading the backup");
    fs::write(&description, said).expect("as it was");
}
