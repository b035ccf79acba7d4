//! A small deployment with a database of each engine, and its engine's own client as a second opinion.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use crate::support::{LANDFALL, skip};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use testkit::{Output, TestEnvironment};

const MANIFEST: &str = r#"landfall: 1
name: notes
components:
  db:
    kind: database
    engine: ENGINE
    port: any                    # tests side by side are different users, who know nothing of each other's ports
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

/// A family of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Postgres,
    Mariadb,
    /// MySQL proper, of the gates.
    Mysql,
}

pub(super) const ALL: [Kind; 3] = [Kind::Postgres, Kind::Mariadb, Kind::Mysql];

impl Kind {
    pub(super) fn engine(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
            Self::Mysql => "mysql",
        }
    }

    /// The names of all logins.
    pub(super) fn logins(self) -> &'static str {
        match self {
            Self::Postgres => "SELECT rolname FROM pg_roles WHERE rolcanlogin ORDER BY 1",
            _ => "SELECT User FROM mysql.user ORDER BY 1",
        }
    }

    fn is_here(self) -> bool {
        match self {
            Self::Postgres => Path::new("/usr/lib/postgresql").is_dir(),
            Self::Mariadb => Path::new("/usr/sbin/mariadbd").exists(),
            Self::Mysql => mysql_root().is_some(),
        }
    }
}

/// Where MySQL 8 of the gates lies; the tests of the crate `database` install it.
fn mysql_root() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let folder = base.join("landfall-gates/mysql");
    folder.join("version").exists().then(|| folder.join("root"))
}

/// Puts MySQL's programs on the search path: scripts, because its libraries and messages lie in no usual place.
fn with_mysql(machine: TestEnvironment) -> TestEnvironment {
    let root = mysql_root().unwrap();
    let folder = machine.path("mysql");
    fs::create_dir(&folder).unwrap();
    for program in ["sbin/mysqld", "bin/mysql", "bin/mysqldump"] {
        let name = Path::new(program).file_name().unwrap();
        let messages = match program {
            "sbin/mysqld" => format!(" --lc-messages-dir='{}'", root.join("usr/share/mysql").display()),
            _ => String::new(),
        };
        let script = format!(
            "#!/bin/sh\nLD_LIBRARY_PATH='{}' exec '{}' \"$@\"{messages}\n",
            root.join("usr/lib/x86_64-linux-gnu").display(),
            root.join("usr").join(program).display()
        );
        let path = folder.join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    machine.with_variable("PATH", &path)
}

/// The deployment.
pub(super) struct Notes {
    pub(super) kind: Kind,
    pub(super) machine: TestEnvironment,
}

impl Notes {
    /// The deployment as files; none, which is said, where the server is missing.
    pub(super) fn new(kind: Kind, test: &str) -> Option<Self> {
        if !kind.is_here() {
            skip(test, &format!("a server of {} is not on this machine", kind.engine()));
            return None;
        }
        let mut machine = TestEnvironment::new(LANDFALL).with_limit(Duration::from_secs(300));
        if kind == Kind::Mysql {
            machine = with_mysql(machine);
        }
        machine.write("landfall.yaml", MANIFEST.replace("ENGINE", kind.engine()));
        machine.write("notes.sql", DATA);
        Some(Self { kind, machine })
    }

    /// Brings it up.
    #[track_caller]
    pub(super) fn up(kind: Kind, test: &str) -> Option<Self> {
        let notes = Self::new(kind, test)?;
        notes.run(&["up"], 0);
        Some(notes)
    }

    /// All that a command says.
    #[track_caller]
    pub(super) fn run(&self, arguments: &[&str], code: i32) -> String {
        words(&self.machine.run(arguments).expect_code(code))
    }

    pub(super) fn home(&self) -> PathBuf {
        self.machine.path("state").join("landfall/notes")
    }

    #[track_caller]
    pub(super) fn document(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.machine.run(arguments).stdout).unwrap()
    }

    /// Replaces a part of the manifest.
    #[track_caller]
    pub(super) fn edit(&self, from: &str, to: &str) {
        let path = self.machine.work().join("landfall.yaml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    fn client(&self, name: &str) -> Command {
        match self.kind {
            Kind::Mysql => Command::new(self.machine.path("mysql").join(name)),
            _ => Command::new(name),
        }
    }

    /// Says a statement as the administrator, over the socket; what the client prints, its complaints too.
    pub(super) fn say(&self, database: &str, statement: &str) -> String {
        let output = self.administrator(database, statement).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned() + String::from_utf8_lossy(&output.stderr).trim()
    }

    /// The client with which the administrator says a statement.
    pub(super) fn administrator(&self, database: &str, statement: &str) -> Command {
        let run = self.home().join("run/db.server");
        let password = fs::read_to_string(self.home().join("secrets/db/administrator/value")).unwrap();
        if self.kind == Kind::Postgres {
            let entries = fs::read_dir(&run).into_iter().flatten().flatten();
            let names = entries.map(|entry| entry.file_name().into_string().unwrap());
            let mut ports = names.filter_map(|name| name.strip_prefix(".s.PGSQL.").map(str::to_owned));
            let port = ports.find(|port| !port.ends_with(".lock")).unwrap_or_default();
            let mut client = Command::new("psql");
            client.args(["-X", "-A", "-t", "-q", "-w", "-U", "landfall_admin", "-d", database, "-c", statement]);
            client.arg("-h").arg(&run).args(["-p", &port]).env("PGPASSWORD", password);
            client
        } else {
            let mut client = self.client(if self.kind == Kind::Mysql { "mysql" } else { "mariadb" });
            client.args(["--no-defaults", "-N", "-B", "-u", "landfall_admin", "-e", statement]);
            // The administrator's database has another name here.
            client.args([if database == "postgres" { "mysql" } else { database }]);
            client.arg("-S").arg(run.join("server.sock")).env("MYSQL_PWD", password);
            client
        }
    }

    /// Logs in with a URL and says a statement.
    pub(super) fn login(&self, url: &str, statement: &str) -> Result<String, String> {
        let mut client = self.client_of(url);
        client.arg(if self.kind == Kind::Postgres { "-c" } else { "-e" }).arg(statement);
        let output = client.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// The engine's own client with a URL; it prints values alone, each at once.
    pub(super) fn client_of(&self, url: &str) -> Command {
        if self.kind == Kind::Postgres {
            let mut client = Command::new("psql");
            client.args(["-X", "-A", "-t", "-q", "-w", "-d", url]);
            client
        } else {
            let url = Url::parse(url);
            let mut client = self.client(if self.kind == Kind::Mysql { "mysql" } else { "mariadb" });
            client.args(["--no-defaults", "-N", "-B", "-n", "--protocol=tcp"]);
            client.args([format!("--ssl-ca={}", url.authority), format!("--host={}", url.host)]);
            client.args([format!("--port={}", url.port), format!("--user={}", url.user)]);
            client.arg(match self.kind {
                Kind::Mysql => "--ssl-mode=VERIFY_IDENTITY",
                _ => "--ssl-verify-server-cert",
            });
            client.arg(url.database).env("MYSQL_PWD", url.password);
            client
        }
    }

    /// The process of the supervisor.
    pub(super) fn supervisor(&self) -> u32 {
        let own = fs::read_to_string(self.home().join("supervisor.json")).unwrap_or_default();
        let own: serde_json::Value = serde_json::from_str(&own).unwrap_or_default();
        own["supervisor"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).unwrap()
    }

    /// The process of a program.
    pub(super) fn process(&self, node: &str) -> Option<u32> {
        let status = self.document(&["status", "--json"]);
        let pid = status["deployments"][0]["status"]["programs"][node]["pid"].as_u64()?;
        u32::try_from(pid).ok()
    }

    /// The URL that the application has.
    #[track_caller]
    pub(super) fn url(&self) -> String {
        url_of(self.process("app/program").unwrap()).unwrap()
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        let _ = self.machine.run(&["down", "--yes"]);
    }
}

pub(super) fn words(output: &Output) -> String {
    format!("{}{}", output.stdout, output.stderr)
}

/// Whether a server's client said that the login itself is refused.
pub(super) fn is_refused(said: &str) -> bool {
    said.contains("password authentication failed") || said.contains("Access denied for user")
}

/// The URL that a process has, when it still lives.
pub(super) fn url_of(pid: u32) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let variables = environment.split(|byte| *byte == 0);
    let url = variables.filter_map(|one| std::str::from_utf8(one).ok()?.strip_prefix("DATABASE_URL=")).next()?;
    Some(url.to_owned())
}

/// The parts of `mysql://user:password@host:port/database?ssl_ca=PATH&...`; generated passwords need no escapes.
struct Url<'a> {
    user: &'a str,
    password: &'a str,
    host: &'a str,
    port: &'a str,
    database: &'a str,
    authority: &'a str,
}

impl<'a> Url<'a> {
    fn parse(text: &'a str) -> Self {
        let (_, rest) = text.split_once("://").unwrap();
        let (who, rest) = rest.split_once('@').unwrap();
        let (user, password) = who.split_once(':').unwrap();
        let (place, rest) = rest.split_once('/').unwrap();
        let (host, port) = place.split_once(':').unwrap();
        let (database, options) = rest.split_once('?').unwrap();
        let authority = options.split('&').find_map(|option| option.strip_prefix("ssl_ca=")).unwrap();
        Self { user, password, host, port, database, authority }
    }
}
