//! Database servers with real programs: made once, adopted, refused, killed, renewed.

use crate::world::{Deployment, World, eventually, kill, lives, script};
use indexmap::IndexMap;
use local_runtime::Phase;
use model::database::{
    DataForm, DatabaseContent, DatabaseDeclaration, Engine, GrantLevel, InitialData, RoleDeclaration,
};
use model::process_graph::{
    DatabaseContentSpec, DatabaseServerSpec, FileSpec, NodeSpec, PortWish, ProgramSpec, Readiness, ReadinessCheck,
    SecretRecipe, SecretSpec, StopSignal,
};
use model::text::{DatabaseFile, DatabaseProgram, Part, TemplateValue};
use model::{Action, Atom, Digest, FaultKind, NodeId, PortId, Text};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The configurations that the component writes.
const POSTGRES: [(&str, &str); 2] = [
    ("pg_hba.conf", include_str!("../../../components/src/database/config/pg_hba.conf")),
    ("postgresql.conf", include_str!("../../../components/src/database/config/postgresql.conf")),
];
const MYSQL: (&str, &str) = ("my.cnf", include_str!("../../../components/src/database/config/mysql.cnf"));

/// Whether an engine's server is on this machine; says so when it is not.
pub(crate) fn is_here(engine: Engine) -> bool {
    let found = match engine {
        Engine::Postgres => fs::read_dir("/usr/lib/postgresql").is_ok_and(|mut entries| entries.next().is_some()),
        Engine::Mysql | Engine::Mariadb => Path::new("/usr/sbin/mariadbd").exists(),
    };
    if !found {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {engine} is not on this machine");
    }
    found
}

pub(crate) fn server_spec(engine: Engine) -> DatabaseServerSpec {
    DatabaseServerSpec {
        engine,
        stand_in: None,
        version: None,
        minimum: if engine == Engine::Postgres { "12".into() } else { "10.4".into() },
        administrator: NodeId::new("db/administrator"),
        names: vec!["localhost".into(), "127.0.0.1".into()],
    }
}

/// A database server as the component makes it.
pub(crate) fn database(it: &mut Deployment, spec: &DatabaseServerSpec) -> (PortId, NodeId) {
    let recipe = SecretRecipe::Password { length: 32, alphabet: "abcdefghijkmnpqrstuvwxyz23456789-_".into() };
    it.node("db/administrator", &[], NodeSpec::Secret(SecretSpec::Generated { recipe, generation: 1 }));
    let server = it.node("db/server", &["db/administrator"], NodeSpec::DatabaseServer(spec.clone()));
    let port = it.port("db/sql", PortWish::Any);
    let program = program(it, spec, &server, &port);
    (port, program)
}

fn program(it: &mut Deployment, spec: &DatabaseServerSpec, server: &NodeId, port: &PortId) -> NodeId {
    let made = |file| TemplateValue::Text(Text::hole(Atom::DatabaseFile(server.clone(), file)));
    let mut context: IndexMap<String, TemplateValue> = IndexMap::from([
        ("component".to_owned(), TemplateValue::Plain("db".into())),
        ("deployment".to_owned(), TemplateValue::Plain("test".into())),
        ("administrator".to_owned(), TemplateValue::Plain("landfall_admin".into())),
        ("data".to_owned(), made(DatabaseFile::Data)),
        ("run".to_owned(), made(DatabaseFile::Run)),
        ("certificate".to_owned(), made(DatabaseFile::Certificate)),
        ("key".to_owned(), made(DatabaseFile::Key)),
        ("port".to_owned(), TemplateValue::Text(Text::hole(Atom::Port(port.clone())))),
        ("connections".to_owned(), TemplateValue::Plain(40.into())),
    ]);
    let file = |it: &mut Deployment, name: &str, template: &str, context: &IndexMap<String, TemplateValue>| {
        let spec = FileSpec {
            name: name.into(),
            template_name: name.into(),
            template: template.into(),
            context: context.clone(),
            mode: 0o600,
        };
        it.node(&format!("db/file/{name}"), &["db/server"], NodeSpec::File(spec))
    };
    let with = |before: &str, atom| [Part::Literal(before.into()), Part::Hole(atom)].into_iter().collect::<Text>();
    let run = Text::hole(Atom::DatabaseProgram(server.clone(), DatabaseProgram::Server));
    let command = if spec.engine.speaks_mysql() {
        let file = file(it, MYSQL.0, MYSQL.1, &context);
        vec![run, with("--defaults-file=", Atom::File(file))]
    } else {
        let access = file(it, POSTGRES[0].0, POSTGRES[0].1, &context);
        context.insert("access".to_owned(), TemplateValue::Text(Text::hole(Atom::File(access))));
        let file = file(it, POSTGRES[1].0, POSTGRES[1].1, &context);
        let data = Text::hole(Atom::DatabaseFile(server.clone(), DatabaseFile::Data));
        vec![run, Text::literal("-D"), data, Text::literal("-c"), with("config_file=", Atom::File(file))]
    };
    let spec = ProgramSpec {
        command,
        ports: vec![port.clone()],
        readiness: Readiness { check: ReadinessCheck::Port { port: port.clone() }, timeout_seconds: 60 },
        stop_grace_seconds: 30,
        refuses_superuser: true,
        stop_signal: if spec.engine == Engine::Postgres { StopSignal::Interrupt } else { StopSignal::Terminate },
        ..script("")
    };
    it.node("db/program", &["db/server"], NodeSpec::Program(spec))
}

pub(crate) fn password(it: &Deployment) -> String {
    fs::read_to_string(it.target.home().root().join("secrets/db/administrator/value")).unwrap()
}

pub(crate) fn run_folder(it: &Deployment) -> PathBuf {
    it.target.home().root().join("run/db.server")
}

/// Says a statement with the engine's own client; the error when it is refused.
pub(crate) fn say(it: &Deployment, engine: Engine, port: &PortId, statement: &str) -> Result<String, String> {
    let run = run_folder(it);
    let mut client = match engine {
        Engine::Postgres => {
            let mut client = Command::new("psql");
            client.args(["-X", "-A", "-t", "-q", "-w", "-U", "landfall_admin", "-d", "postgres", "-c", statement]);
            client.arg("-h").arg(run).args(["-p", &it.ports[port].to_string()]).env("PGPASSWORD", password(it));
            client
        }
        Engine::Mysql | Engine::Mariadb => {
            let mut client = Command::new("mariadb");
            client.args(["--no-defaults", "-N", "-B", "-u", "landfall_admin", "-e", statement]);
            client.arg("-S").arg(run.join("server.sock")).env("MYSQL_PWD", password(it));
            client
        }
    };
    let output = client.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

async fn is_made_adopted_and_heals(engine: Engine) {
    if !is_here(engine) {
        return;
    }
    let world = World::new();
    let mut it = world.deployment("data");
    let (port, program) = database(&mut it, &server_spec(engine));
    it.up().await.unwrap();
    assert_eq!(say(&it, engine, &port, "SELECT 41 + 1").unwrap(), "42");
    assert_eq!(it.troubles().await, [""; 0]);
    let root = it.target.home().root().to_owned();
    for private in ["run/db.server", "data/db", "certificates/db.server"] {
        assert_eq!(root.join(private).metadata().unwrap().permissions().mode() & 0o777, 0o700, "{private}");
    }
    assert_eq!(root.join("certificates/db.server/key.pem").metadata().unwrap().permissions().mode() & 0o777, 0o600);

    // Killed with everything that it started: back at once, although it could not tidy up.
    let first = it.program(&program).await.pid.unwrap();
    kill(first);
    let second = it.next_life(&program, first).await;
    assert_eq!(second.restarts, 1);
    eventually("it lets in again", || say(&it, engine, &port, "SELECT 1").is_ok_and(|said| said == "1")).await;

    // Its password is another one: told to the data without the old one.
    let before = password(&it);
    let recipe = SecretRecipe::Password { length: 32, alphabet: "abcdefghijkmnpqrstuvwxyz23456789-_".into() };
    it.node("db/administrator", &[], NodeSpec::Secret(SecretSpec::Generated { recipe, generation: 2 }));
    it.up().await.unwrap();
    assert_ne!(password(&it), before);
    assert_eq!(say(&it, engine, &port, "SELECT 2").unwrap(), "2");

    // An orderly end is quick although a client is there, and the data is adopted by another life of the deployment.
    let pid = it.program(&program).await.pid.unwrap();
    it.perform(&program, Action::Delete).await.unwrap();
    assert!(!lives(pid));
    let outcome = it.perform(&NodeId::new("db/server"), Action::Repair).await.unwrap();
    assert!(!outcome.summary.contains("new data folder"), "{}", outcome.summary);
    it.perform(&program, Action::Create).await.unwrap();
    assert_eq!(say(&it, engine, &port, "SELECT 3").unwrap(), "3");
    assert_eq!(it.program(&program).await.phase, Phase::Ready);
    it.target.stop_everything().await.unwrap();
}

#[tokio::test]
async fn postgresql_is_made_adopted_and_heals() {
    is_made_adopted_and_heals(Engine::Postgres).await;
}

#[tokio::test]
async fn mariadb_is_made_adopted_and_heals() {
    is_made_adopted_and_heals(Engine::Mariadb).await;
}

#[tokio::test]
async fn data_of_another_release_or_engine_is_refused_and_left_alone() {
    if !is_here(Engine::Postgres) {
        return;
    }
    let world = World::new();
    let mut it = world.deployment("old");
    database(&mut it, &server_spec(Engine::Postgres));
    let data = it.target.home().root().join("data/db/server");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("PG_VERSION"), "13\n").unwrap();
    let fault = it.up().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NeedsPerson);
    assert!(
        fault.cause.starts_with("it holds data of PostgreSQL 13, and the server is PostgreSQL "),
        "{}",
        fault.cause
    );
    assert!(fault.help.unwrap().contains("landfall restore"));

    fs::write(data.join("PG_VERSION"), "").unwrap();
    fs::remove_file(data.join("PG_VERSION")).unwrap();
    fs::write(data.join("aria_log_control"), "").unwrap();
    let fault = it.up().await.unwrap_err();
    assert!(fault.cause.starts_with("it holds data of MariaDB, and the server is PostgreSQL"), "{}", fault.cause);

    fs::remove_file(data.join("aria_log_control")).unwrap();
    fs::write(data.join("thesis.txt"), "").unwrap();
    let fault = it.up().await.unwrap_err();
    assert_eq!(fault.cause, "it is not empty, and no database engine's data folder");
    assert!(data.join("thesis.txt").exists());
}

#[tokio::test]
async fn a_stale_lock_with_the_number_of_another_process_keeps_nobody_out() {
    if !is_here(Engine::Postgres) {
        return;
    }
    let world = World::new();
    let mut it = world.deployment("stale");
    let (port, program) = database(&mut it, &server_spec(Engine::Postgres));
    it.up().await.unwrap();
    let lock = it.target.home().root().join("data/db/server/postmaster.pid");
    let left = fs::read_to_string(&lock).unwrap();
    it.target.stop_everything().await.unwrap();
    // As after a kill, with a number that somebody else has by now.
    let rest: Vec<&str> = left.lines().skip(1).collect();
    fs::write(&lock, format!("{}\n{}\n", std::process::id(), rest.join("\n"))).unwrap();
    it.perform(&program, Action::Repair).await.unwrap();
    assert_eq!(say(&it, Engine::Postgres, &port, "SELECT 1").unwrap(), "1");
    it.target.stop_everything().await.unwrap();
}

/// A server with a database, a table and a reader of it.
fn with_content(it: &mut Deployment, engine: Engine, reader: &str) -> (PortId, NodeId) {
    let (port, _) = database(it, &server_spec(engine));
    let recipe = SecretRecipe::Password { length: 32, alphabet: "abcdefghijkmnpqrstuvwxyz23456789-_".into() };
    let secret = NodeSpec::Secret(SecretSpec::Generated { recipe, generation: 1 });
    let password = it.node(&format!("db/roles/{reader}"), &[], secret);
    let data = "CREATE TABLE teams (name varchar(20));\nINSERT INTO teams VALUES ('red'), ('blue');\n";
    let folder = it.target.home().root().join("../../../manifest");
    fs::write(folder.join("teams.sql"), data).unwrap();
    let declared = DatabaseDeclaration {
        extensions: Vec::new(),
        data: vec![InitialData {
            path: "teams.sql".into(),
            digest: Digest::of_bytes(data.as_bytes()),
            form: DataForm::Sql,
        }],
    };
    let role = RoleDeclaration {
        logins: IndexMap::from([(reader.to_owned(), password)]),
        grants: IndexMap::from([("app".to_owned(), GrantLevel::ReadOnly)]),
        connections: Some(5),
        sources: vec!["127.0.0.1/32".into()],
    };
    let content = DatabaseContent {
        engine,
        databases: IndexMap::from([("app".to_owned(), declared)]),
        roles: IndexMap::from([(reader.to_owned(), role)]),
    };
    let spec = DatabaseContentSpec { server: NodeId::new("db/server"), port: port.clone(), content, backups_kept: 2 };
    let needs = ["db/server", "db/program", &format!("db/roles/{reader}")];
    let node = it.node("db/content", &needs, NodeSpec::DatabaseContent(spec));
    (port, node)
}

async fn content_is_kept_as_declared(engine: Engine) {
    if !is_here(engine) {
        return;
    }
    let world = World::new();
    let mut it = world.deployment("content");
    let (port, content) = with_content(&mut it, engine, "bi");
    it.up().await.unwrap();
    let count = if engine == Engine::Postgres { "SELECT 1" } else { "SELECT count(*) FROM app.teams" };
    say(&it, engine, &port, count).unwrap();
    assert_eq!(it.troubles().await, [""; 0]);
    let again = it.perform(&content, Action::Repair).await.unwrap();
    assert!(again.summary.ends_with("as declared"), "{}", again.summary);
    assert!(it.target.drift(&it.made).await.unwrap().is_empty());

    // A grant by hand is told in words, and taken away by the next step; a login by hand is told and stays.
    let (grant, stranger) = match engine {
        Engine::Postgres => ("ALTER ROLE bi CREATEDB", "CREATE ROLE stranger LOGIN PASSWORD 'x'"),
        Engine::Mysql | Engine::Mariadb => {
            ("GRANT INSERT ON app.* TO 'bi'@'127.0.0.1'", "CREATE USER 'stranger'@'%' IDENTIFIED BY 'x'")
        }
    };
    say(&it, engine, &port, grant).unwrap();
    say(&it, engine, &port, stranger).unwrap();
    let troubles = it.troubles().await;
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    assert!(troubles[0].starts_with("db/content: ") && troubles[0].contains("bi"), "{troubles:?}");
    let drift = it.target.drift(&it.made).await.unwrap();
    let of = |mended| drift.iter().filter(|one| one.mended == mended).map(|one| one.what.as_str()).collect::<Vec<_>>();
    assert!(of(true).iter().any(|what| what.contains("bi")), "{drift:?}");
    assert!(of(false).iter().any(|what| what.contains("stranger")), "{drift:?}");
    it.heal().await.unwrap();
    assert_eq!(it.troubles().await, [""; 0]);
    assert!(it.target.drift(&it.made).await.unwrap().iter().all(|one| !one.mended));

    // A server that does not run hides nothing: the parts that run are mended, then what it holds is looked at.
    it.target.stop_everything().await.unwrap();
    let troubles = it.troubles().await;
    assert!(troubles.iter().any(|trouble| trouble.starts_with("db/program: no supervisor runs")), "{troubles:?}");
    assert!(troubles.iter().any(|trouble| trouble.starts_with("db/content: ")), "{troubles:?}");
    it.heal().await.unwrap();
    assert_eq!(it.troubles().await, [""; 0]);
    no_password_anywhere(&it);
    it.target.stop_everything().await.unwrap();
}

/// The canary: no password stands in any file but those of `secrets/`, nor in any process' arguments.
fn no_password_anywhere(it: &Deployment) {
    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                files(&entry.path(), found);
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    let root = it.target.home().root();
    let mut all = Vec::new();
    files(root, &mut all);
    let (secret, other): (Vec<_>, Vec<_>) = all.into_iter().partition(|file| file.starts_with(root.join("secrets")));
    let values: Vec<String> =
        secret.iter().filter(|file| file.ends_with("value")).map(|file| fs::read_to_string(file).unwrap()).collect();
    assert!(values.len() >= 2, "{secret:?}");
    let holds = |bytes: &[u8], value: &str| bytes.windows(value.len()).any(|window| window == value.as_bytes());
    for file in other {
        let bytes = fs::read(&file).unwrap();
        assert!(!values.iter().any(|value| holds(&bytes, value)), "a password stands in {}", file.display());
    }
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        assert!(!values.iter().any(|value| holds(&line, value)), "a password is an argument of {:?}", process.path());
    }
}

#[tokio::test]
async fn the_content_of_postgresql_is_kept_as_declared() {
    content_is_kept_as_declared(Engine::Postgres).await;
}

#[tokio::test]
async fn the_content_of_mariadb_is_kept_as_declared() {
    content_is_kept_as_declared(Engine::Mariadb).await;
}

#[tokio::test]
async fn a_missing_engine_is_named_with_the_command_that_installs_it() {
    let world = World::new().with("PATH", "/usr/bin:/bin").with("LANDFALL_SYSTEM_ROOT", "/nonexistent");
    let mut it = world.deployment("missing");
    database(&mut it, &server_spec(Engine::Postgres));
    let fault = it.up().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NeedsPerson);
    assert_eq!(fault.cause, "there is no server of PostgreSQL on this machine");
    let help = fault.help.unwrap();
    assert!(help.contains("install"), "{help}");
    assert!(!it.target.home().root().join("data/db").exists(), "nothing is begun");

    if is_here(Engine::Postgres) {
        let world = World::new();
        let mut it = world.deployment("old");
        database(&mut it, &DatabaseServerSpec { minimum: "99".into(), ..server_spec(Engine::Postgres) });
        let fault = it.up().await.unwrap_err();
        assert!(fault.cause.starts_with("PostgreSQL 99 or newer is needed: "), "{}", fault.cause);
    }
}

#[tokio::test]
async fn another_engine_stands_in_and_says_so() {
    if !is_here(Engine::Mariadb) || Path::new("/usr/sbin/mysqld").canonicalize().is_ok_and(|it| it.ends_with("mysqld"))
    {
        return;
    }
    let world = World::new();
    let mut it = world.deployment("standin");
    let spec = DatabaseServerSpec {
        version: Some("8.4".into()),
        minimum: "8.0".into(),
        stand_in: Some(Engine::Mariadb),
        ..server_spec(Engine::Mysql)
    };
    let (port, _) = database(&mut it, &spec);
    it.up().await.unwrap();
    let facts = it.target.databases(&it.graph).unwrap();
    let difference = facts[&NodeId::new("db/server")].difference.clone().unwrap();
    assert!(difference.starts_with("MariaDB ") && difference.ends_with(" stands in for MySQL 8.4"), "{difference}");
    assert_eq!(say(&it, Engine::Mariadb, &port, "SELECT 1").unwrap(), "1");
    it.target.stop_everything().await.unwrap();
}

#[tokio::test]
async fn without_user_namespaces_it_runs_as_nobody() {
    use std::os::unix::fs::MetadataExt as _;
    if !is_here(Engine::Postgres) || !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: only the superuser becomes nobody");
        return;
    }
    let programs = tempfile::tempdir().unwrap();
    let unshare = programs.path().join("unshare");
    fs::write(&unshare, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&unshare, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", programs.path().display(), std::env::var("PATH").unwrap());
    let world = World::new().with("PATH", &path);
    let mut it = world.deployment("nobody");
    let (port, program) = database(&mut it, &server_spec(Engine::Postgres));
    it.up().await.unwrap();
    assert_eq!(say(&it, Engine::Postgres, &port, "SELECT 1").unwrap(), "1");
    let data = it.target.home().root().join("data/db/server");
    assert_eq!(data.metadata().unwrap().uid(), 65_534);
    let first = it.program(&program).await.pid.unwrap();
    kill(first);
    it.next_life(&program, first).await;
    eventually("it lets in again", || say(&it, Engine::Postgres, &port, "SELECT 2").is_ok_and(|said| said == "2"))
        .await;
    it.target.stop_everything().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_leaves_no_half_of_a_data_folder() {
    if !is_here(Engine::Postgres) {
        return;
    }
    let world = World::new();
    let Some(_disk) = crate::disk_full::TinyDisk::mount(&world.folder.path().join("state"), "12m") else {
        eprintln!("SKIPPED: a small file system can be mounted by root only");
        return;
    };
    let mut it = world.deployment("full");
    database(&mut it, &server_spec(Engine::Postgres));
    let fault = it.up().await.unwrap_err();
    assert_eq!((fault.kind, fault.cause.as_str()), (FaultKind::NeedsPerson, "no space left on the device"));
    assert!(fault.help.unwrap().contains("free some space"));
    let left: Vec<_> = fs::read_dir(it.target.home().root().join("data/db")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
