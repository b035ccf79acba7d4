//! Questions to real database servers: PostgreSQL and MariaDB of this machine.

use crate::deployment::{Authority, Deployment, line};
use model::database::Engine;
use model::private_access::DatabaseLogin;
use model::probe::{Question, SqlExpectation};
use model::text::SecretPart;
use model::{Atom, NodeId, PortId, Text};
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PASSWORD: &str = "reader-password-7f3a";

/// A database server of this test alone; ended when it is dropped.
struct DatabaseServer {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Drop for DatabaseServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A command that does not see itself as the superuser, as PostgreSQL wants it.
fn ordinary(program: &Path) -> Command {
    if !nix::unistd::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-user=65534", "--map-group=65534", "--"]).arg(program);
    command
}

fn say(mut client: Command, statements: &str) -> bool {
    let mut client = client.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    client.stdin.take().unwrap().write_all(statements.as_bytes()).unwrap();
    client.wait().unwrap().success()
}

impl DatabaseServer {
    /// Starts one with a table, a reader of it and the certificate of an authority; none when the engine is not here.
    fn start(engine: Engine, authority: &Authority) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("lf-sql-").tempdir_in("/tmp").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (certificate, key) = authority.pair(&["localhost", "127.0.0.1"]);
        let (chain, key_file) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
        fs::write(&chain, certificate).unwrap();
        fs::write(&key_file, key).unwrap();
        fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).unwrap();
        let data = folder.path().join("data");
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut server = match engine {
            Engine::Postgres => {
                let bin = newest_postgres()?;
                let mut make = ordinary(&bin.join("initdb"));
                make.arg("-D").arg(&data).args([
                    "-U",
                    "admin",
                    "--auth=trust",
                    "--no-sync",
                    "--no-locale",
                    "--encoding=UTF8",
                ]);
                assert!(make.stdout(Stdio::null()).status().unwrap().success());
                let access = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
                fs::write(data.join("pg_hba.conf"), access).unwrap();
                let mut server = ordinary(&bin.join("postgres"));
                server.arg("-D").arg(&data).args(["-c", "listen_addresses=127.0.0.1", "-c", "ssl=on"]);
                server.args(["-p", &port.to_string(), "-k", folder.path().to_str().unwrap()]);
                server.arg("-c").arg(format!("ssl_cert_file={}", chain.display()));
                server.arg("-c").arg(format!("ssl_key_file={}", key_file.display()));
                server
            }
            Engine::Mysql | Engine::Mariadb => {
                let program = Path::new("/usr/sbin/mariadbd");
                if !program.exists() {
                    return skipped(engine);
                }
                let mut make = ordinary(Path::new("/usr/bin/mariadb-install-db"));
                make.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
                make.arg(format!("--datadir={}", data.display()));
                assert!(make.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
                let mut server = ordinary(program);
                server.args(["--no-defaults", "--bind-address=127.0.0.1", "--require-secure-transport=ON"]);
                server.arg(format!("--datadir={}", data.display())).arg(format!("--port={port}"));
                server.arg(format!("--socket={}", folder.path().join("s").display()));
                server.arg(format!("--ssl-cert={}", chain.display())).arg(format!("--ssl-key={}", key_file.display()));
                server
            }
        };
        let process = server.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let it = Self { process, port, folder };
        it.fill(engine);
        Some(it)
    }

    fn fill(&self, engine: Engine) {
        let statements = match engine {
            Engine::Postgres => format!(
                "CREATE TABLE teams (name text); INSERT INTO teams VALUES ('red'), ('blue');
                 CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'; GRANT SELECT ON teams TO reader;
                 CREATE ROLE narrow LOGIN CONNECTION LIMIT 1 PASSWORD '{PASSWORD}'; GRANT SELECT ON teams TO narrow;"
            ),
            Engine::Mysql | Engine::Mariadb => format!(
                "CREATE DATABASE app; USE app; CREATE TABLE teams (name text); INSERT INTO teams VALUES ('red'), ('blue');
                 CREATE USER reader@'%' IDENTIFIED BY '{PASSWORD}'; GRANT SELECT ON app.* TO reader@'%';
                 CREATE USER narrow@'%' IDENTIFIED BY '{PASSWORD}' WITH MAX_USER_CONNECTIONS 1; GRANT SELECT ON app.* TO narrow@'%';"
            ),
        };
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let mut client = Command::new(if engine == Engine::Postgres { "psql" } else { "mariadb" });
            if engine == Engine::Postgres {
                client.args(["-X", "-1", "-v", "ON_ERROR_STOP=1", "-U", "admin", "-d", "postgres"]);
                client.args(["-p", &self.port.to_string(), "-h", self.folder.path().to_str().unwrap()]);
            } else {
                client.args(["--no-defaults", "-u", "root", "-S", self.folder.path().join("s").to_str().unwrap()]);
            }
            if say(client, &statements) {
                return;
            }
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(Instant::now() < until, "{log}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn newest_postgres() -> Option<PathBuf> {
    let entries = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = entries.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max();
    newest.or_else(|| skipped(Engine::Postgres))
}

fn skipped<T>(engine: Engine) -> Option<T> {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {engine} is not on this machine");
    None
}

fn question(engine: Engine, password: &str, tls: bool, statement: &str, expect: SqlExpectation) -> Question {
    question_of("reader", engine, password, tls, statement, expect)
}

fn question_of(
    user: &str,
    engine: Engine,
    password: &str,
    tls: bool,
    statement: &str,
    expect: SqlExpectation,
) -> Question {
    Question::Sql {
        port: PortId::new("sql"),
        login: DatabaseLogin {
            engine,
            server_name: None,
            database: if engine == Engine::Postgres { "postgres".into() } else { "app".into() },
            user: Text::literal(user),
            password: Text::hole(Atom::Secret(NodeId::new(password), SecretPart::Value)),
        },
        tls,
        statement: statement.to_owned(),
        expect,
    }
}

async fn answers_are_told_apart(engine: Engine) {
    let authority = Authority::new();
    let Some(server) = DatabaseServer::start(engine, &authority) else { return };
    let mut deployment = Deployment::new(&[("sql", server.port)]).trusting(&authority);
    deployment.secrets.insert(NodeId::new("right"), PASSWORD.to_owned());
    deployment.secrets.insert(NodeId::new("wrong"), "not-the-password".to_owned());
    let rows = |at_least| SqlExpectation::Rows { at_least };
    let ask = async |password: &str, tls, statement: &str, expect| {
        line(&deployment.ask(question(engine, password, tls, statement, expect)).await)
    };

    assert_eq!(ask("right", true, "SELECT name FROM teams", rows(2)).await, "passed: 2 rows");
    let few = ask("right", true, "SELECT name FROM teams", rows(3)).await;
    assert!(few.contains("at least 3 rows for `SELECT name FROM teams`; seen 2 rows"), "{few}");

    let denied = ask("right", true, "INSERT INTO teams VALUES ('x')", SqlExpectation::Denied).await;
    assert!(denied.starts_with("passed: permission denied: "), "{denied}");
    let allowed = ask("right", true, "SELECT name FROM teams", SqlExpectation::Denied).await;
    assert!(allowed.contains("seen the statement was carried out: 2 rows"), "{allowed}");
    let nonsense = ask("right", true, "SELECT * FROM nowhere", SqlExpectation::Denied).await;
    assert!(nonsense.starts_with("failed: "), "an error of another kind is no denial: {nonsense}");

    let wrong = ask("wrong", true, "SELECT 1", SqlExpectation::LoginRefused).await;
    assert!(wrong.starts_with("passed: the server refuses the login of reader"), "{wrong}");
    let let_in = ask("right", true, "SELECT 1", SqlExpectation::LoginRefused).await;
    assert!(let_in.ends_with("seen the login was let in; help: look at it"), "{let_in}");
    let without_tls = ask("right", false, "SELECT 1", SqlExpectation::LoginRefused).await;
    assert!(without_tls.starts_with("passed: the server refuses the login of reader"), "{without_tls}");

    // Whoever may have one connection only is asked one question after the other.
    let narrow = async || {
        let statement = if engine == Engine::Postgres { "SELECT pg_sleep(0.2)" } else { "SELECT SLEEP(0.2)" };
        line(&deployment.ask(question_of("narrow", engine, "right", true, statement, rows(1))).await)
    };
    let (one, two, three) = tokio::join!(narrow(), narrow(), narrow());
    assert_eq!([one, two, three], ["passed: 1 row"; 3]);

    // What the server echoes of a password is blotted out.
    let echo = format!("SELECT '{PASSWORD}' FROM no_such_table_{}", PASSWORD.replace('-', "_"));
    let echoed = ask("right", true, &echo, SqlExpectation::Denied).await;
    assert!(echoed.starts_with("failed: ") && !echoed.split("; seen").nth(1).unwrap().contains(PASSWORD), "{echoed}");

    // A server that somebody else vouches for is no server of this deployment.
    deployment.authority = Some(Authority::new().pem());
    let stranger = line(&deployment.ask(question(engine, "right", true, "SELECT 1", rows(1))).await);
    assert!(stranger.contains("no trusted TLS connection"), "{stranger}");
    deployment.authority = Some(authority.pem());
    deployment.ports.insert(PortId::new("sql"), TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let nobody = line(&deployment.ask(question(engine, "right", true, "SELECT 1", rows(1))).await);
    assert!(nobody.contains("no database server can be reached"), "{nobody}");
}

#[tokio::test]
async fn postgresql_is_asked_with_a_login() {
    answers_are_told_apart(Engine::Postgres).await;
}

#[tokio::test]
async fn mariadb_is_asked_with_a_login() {
    answers_are_told_apart(Engine::Mariadb).await;
}
