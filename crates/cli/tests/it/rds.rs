//! An account with a database as RDS makes one: the account is in memory and answers over HTTP, behind its sessions stands a real server
//! whose certificate is of an authority that stands for those of RDS, and whose administrator is no superuser.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use crate::private_access::program;
use crate::support::{LANDFALL, files, holds, kill, skip};
use model::database::Engine;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::fs;
use std::io::Write as _;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testkit::gateway::{Behaviour, Gateway};
use testkit::{FakeAccount, Output, TestEnvironment};

/// The superuser of the server: in an account, nobody's but AWS's.
const SUPERUSER: &str = "rdsadmin";
/// A host of the deployment's network.
const A_HOST: &str = "10.64.64.7";
/// What RDS grants the administrators of MySQL and MariaDB.
const OF_MASTER: &str = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, \
                         CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, \
                         CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER";

/// A server whose superuser is reached by its socket, and everybody else with TLS.
pub(crate) struct Server {
    pub(crate) engine: Engine,
    folder: tempfile::TempDir,
    port: u16,
    authority: KeyPair,
    parameters: CertificateParams,
    words: Vec<String>,
    child: Option<Child>,
    /// From where connections come, as the server sees it.
    pub(crate) from: Arc<Mutex<&'static str>>,
}

/// PostgreSQL refuses the superuser of a machine.
fn as_user(program: &Path) -> Vec<String> {
    let program = program.display().to_string();
    match nix::unistd::Uid::effective().is_root() {
        true => {
            ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--", &program].map(str::to_owned).to_vec()
        }
        false => vec![program],
    }
}

fn command(words: &[String]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

impl Server {
    /// None where the engine is not on this machine.
    fn start(engine: Engine) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("lf-rds-").tempdir().unwrap();
        let mut parameters = CertificateParams::new(Vec::<String>::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, "An authority of RDS");
        let authority = KeyPair::generate().unwrap();
        fs::write(folder.path().join("authorities.pem"), parameters.self_signed(&authority).unwrap().pem()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self {
            engine,
            folder,
            port,
            authority,
            parameters,
            words: Vec::new(),
            child: None,
            from: Arc::new(Mutex::new(A_HOST)),
        };
        server.certify("localhost");
        server.words = if engine.speaks_mysql() { server.install_mariadb()? } else { server.install_postgres()? };
        server.run();
        Some(server)
    }

    fn install_postgres(&self) -> Option<Vec<String>> {
        let mut found: Vec<PathBuf> =
            fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin")).collect();
        found.sort();
        let programs = found.pop()?;
        let data = self.path("data");
        let mut words = as_user(&programs.join("initdb"));
        words.extend(["-N", "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust", "-U", SUPERUSER, "-D"].map(str::to_owned));
        words.push(data.display().to_string());
        assert!(command(&words).status().unwrap().success());
        fs::write(
            data.join("pg_hba.conf"),
            format!("local all {SUPERUSER} trust\nhostssl all all all scram-sha-256\n"),
        )
        .unwrap();
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{1}'\nfsync = off\nssl = on\n\
             password_encryption = 'scram-sha-256'\nssl_cert_file = '{1}/server.pem'\nssl_key_file = '{1}/server.key'\n",
            self.port,
            self.folder.path().display()
        );
        fs::write(data.join("postgresql.auto.conf"), settings).unwrap();
        let mut words = as_user(&programs.join("postgres"));
        words.extend(["-D".to_owned(), data.display().to_string()]);
        Some(words)
    }

    fn install_mariadb(&self) -> Option<Vec<String>> {
        let (install, server) = (program("mariadb-install-db")?, program("mariadbd")?);
        let words = [
            install.display().to_string(),
            "--no-defaults".to_owned(),
            format!("--datadir={}", self.path("data").display()),
            "--auth-root-authentication-method=normal".to_owned(),
            "--skip-test-db".to_owned(),
        ];
        let installed = command(&words).stderr(Stdio::piped()).output().unwrap();
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        let at = |name: &str| self.path(name).display().to_string();
        let mut words = vec![
            server.display().to_string(),
            "--no-defaults".to_owned(),
            format!("--datadir={}", at("data")),
            "--bind-address=127.0.0.1".to_owned(),
            "--skip-name-resolve".to_owned(),
            format!("--port={}", self.port),
            format!("--socket={}", at("s.sock")),
            format!("--pid-file={}", at("pid")),
            format!("--ssl-cert={}", at("server.pem")),
            format!("--ssl-key={}", at("server.key")),
            "--require-secure-transport=ON".to_owned(),
            // Whoever comes is where the relay says: a host of the network.
            "--proxy-protocol-networks=127.0.0.1".to_owned(),
            "--innodb-flush-log-at-trx-commit=0".to_owned(),
        ];
        words.extend(nix::unistd::Uid::effective().is_root().then(|| "--user=root".to_owned()));
        Some(words)
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn run(&mut self) {
        let log = fs::File::create(self.path("log")).unwrap();
        self.child = Some(command(&self.words).stderr(log).spawn().unwrap());
        let until = Instant::now() + Duration::from_secs(60);
        while self.try_say(None, "SELECT 1").as_deref() != Ok("1") {
            assert!(Instant::now() < until, "{}", fs::read_to_string(self.path("log")).unwrap());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// As if its machine had lost its power.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            kill(child.id());
            let _ = child.wait();
        }
        // PostgreSQL's other processes end when they see it; its socket says that nobody listens any more.
        let until = Instant::now() + Duration::from_secs(30);
        while self.try_say(None, "SELECT 1").is_ok() {
            assert!(Instant::now() < until, "it goes on");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a certificate with a name.
    fn certify(&self, name: &str) {
        let issuer = Issuer::from_params(&self.parameters, &self.authority);
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        fs::write(self.path("server.pem"), certificate.pem()).unwrap();
        fs::write(self.path("server.key"), key.serialize_pem()).unwrap();
        fs::set_permissions(self.path("server.key"), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn try_say(&self, database: Option<&str>, statement: &str) -> Result<String, String> {
        let mut client = match self.engine.speaks_mysql() {
            true => {
                let mut client = Command::new("mariadb");
                client.args(["--no-defaults", "-N", "-B", "-uroot", "-e", statement]);
                client.arg(format!("--socket={}", self.path("s.sock").display())).args(database);
                client
            }
            false => {
                let mut client = Command::new("psql");
                let database = database.unwrap_or("postgres");
                client.args(["-X", "-A", "-t", "-q", "-w", "-U", SUPERUSER, "-d", database, "-c", statement]);
                client.arg("-h").arg(self.folder.path()).args(["-p", &self.port.to_string()]);
                client
            }
        };
        let output = client.output().unwrap();
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    }

    /// Says a statement as the superuser.
    #[track_caller]
    pub(crate) fn say(&self, database: &str, statement: &str) -> String {
        self.try_say(Some(database), statement).unwrap_or_else(|said| panic!("{statement}: {said}"))
    }

    fn say_to_all(&self, statement: &str) {
        self.try_say(None, statement).unwrap_or_else(|said| panic!("{statement}: {said}"));
    }

    /// Becomes the server that RDS has just made: with its name, and an administrator who is no superuser.
    fn stand_for(&self, name: &str, user: &str, password: &str) {
        self.certify(name);
        if self.engine.speaks_mysql() {
            self.say_to_all("FLUSH SSL");
            self.say_to_all(&format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'"));
            self.say_to_all(&format!("GRANT {OF_MASTER} ON *.* TO '{user}'@'%' WITH GRANT OPTION"));
            return;
        }
        self.say_to_all(&format!("CREATE ROLE {user} LOGIN CREATEROLE CREATEDB PASSWORD '{password}'"));
        for database in ["postgres", "template1"] {
            self.say_to_all(&format!("ALTER DATABASE {database} OWNER TO {user}"));
        }
        self.say_to_all("SELECT pg_reload_conf()");
    }
}

impl Server {
    /// The port behind which it is. MariaDB and MySQL look at the address from which somebody comes; the sessions of this test come from
    /// this machine, so a relay tells them where a host of the network would be.
    fn relay(&self) -> u16 {
        if !self.engine.speaks_mysql() {
            return self.port;
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = listener.local_addr().unwrap().port();
        let (port, from) = (self.port, Arc::clone(&self.from));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(mut server)) = (client, TcpStream::connect(("127.0.0.1", port))) else { continue };
                let from = *from.lock().unwrap();
                if server.write_all(format!("PROXY TCP4 {from} 127.0.0.1 40000 {port}\r\n").as_bytes()).is_err() {
                    continue;
                }
                for (mut read, mut write) in [
                    (client.try_clone().unwrap(), server.try_clone().unwrap()),
                    (server.try_clone().unwrap(), client.try_clone().unwrap()),
                ] {
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut read, &mut write);
                        let _ = write.shutdown(Shutdown::Both);
                        let _ = read.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        near
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            kill(child.id());
            let _ = child.wait();
        }
    }
}

/// A machine, an account, and the server behind its sessions.
pub(crate) struct Rds {
    pub(crate) machine: TestEnvironment,
    pub(crate) account: FakeAccount,
    pub(crate) gateway: Gateway,
    pub(crate) server: Server,
    /// The server's name in the network.
    pub(crate) address: String,
    /// What the first `up` said.
    pub(crate) first: Output,
    _endpoint: testkit::account::Endpoint,
    // Ends after what runs in it.
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl Rds {
    /// Brings a manifest up from nothing; none, which is said, where the engine is not on this machine.
    pub(crate) fn up(
        test: &str,
        engine: Engine,
        manifest: &str,
        more: &[(&str, &str)],
        arguments: &[&str],
    ) -> Option<Self> {
        let client = if engine.speaks_mysql() { "mariadb" } else { "psql" };
        let Some(server) = program(client).and_then(|_| Server::start(engine)) else {
            skip(test, &format!("{engine} is not on this machine"));
            return None;
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let (account, gateway, endpoint) = runtime.block_on(async {
            let gateway = Gateway::start(Behaviour::default()).await.unwrap();
            let account = FakeAccount::with_speed("123456789012", "us-west-2", 200).with_gateway(gateway.clone());
            let endpoint = account.serve().await.unwrap();
            (account, gateway, endpoint)
        });
        let machine = TestEnvironment::new(LANDFALL)
            .with_limit(Duration::from_secs(300))
            .with_variable("AWS_ENDPOINT_URL", &endpoint.url())
            .with_variable("AWS_ACCESS_KEY_ID", "123456789012")
            .with_variable("AWS_SECRET_ACCESS_KEY", "not-a-secret")
            .with_variable("AWS_EC2_METADATA_DISABLED", "true")
            .with_variable("LANDFALL_RDS_AUTHORITIES", server.path("authorities.pem").to_str().unwrap());
        machine.write("landfall.yaml", manifest);
        for (name, content) in more {
            machine.write(name, content);
        }
        let is_over = AtomicBool::new(false);
        let (first, address) = std::thread::scope(|scope| {
            let standing = scope.spawn(|| {
                let _inside = runtime.enter();
                let (address, user, password) = made(&account, &is_over)?;
                server.stand_for(&address, &user, &password);
                gateway.route(&address, engine.usual_port(), ([127, 0, 0, 1], server.relay()).into());
                Some(address)
            });
            let first = machine.run(arguments);
            is_over.store(true, Ordering::Relaxed);
            (first, standing.join().unwrap())
        });
        let address = address.unwrap_or_default();
        Some(Self { machine, account, gateway, server, address, first, _endpoint: endpoint, runtime })
    }

    /// All values that the account keeps secret and that look like passwords.
    pub(crate) fn passwords(&self) -> Vec<String> {
        let _inside = self.runtime.enter();
        let secrets: Vec<String> = self.account.with(|machine| {
            machine.secret_values().into_values().flatten().map(|value| value.expose().to_owned()).collect()
        });
        secrets.into_iter().filter(|secret| secret.len() == 32).collect()
    }

    /// Asserts that no password is in what this machine keeps, in what was said, or in what anybody may read in the account.
    #[track_caller]
    pub(crate) fn assert_secret(&self, said: &[&Output]) {
        let passwords = self.passwords();
        assert!(passwords.len() >= 2, "{}", passwords.len());
        let _inside = self.runtime.enter();
        let readable = self.account.with(|machine| machine.readable());
        for password in passwords {
            assert!(!readable.contains(&password));
            for output in said {
                assert!(!output.stdout.contains(&password) && !output.stderr.contains(&password));
            }
            for folder in ["home", "state", "data", "config", "cache", "runtime", "work"] {
                let folder = self.machine.path(folder);
                let found = files(&folder).into_iter().find(|file| holds(&folder.join(file), &password));
                assert_eq!(found, None);
            }
        }
    }
}

/// Waits until RDS tells where the server is, and who its administrator.
fn made(account: &FakeAccount, is_over: &AtomicBool) -> Option<(String, String, String)> {
    while !is_over.load(Ordering::Relaxed) {
        let told = account.with(|machine| {
            let server = machine.things().find(|thing| thing.kind == "AWS::RDS::DBInstance")?;
            let address = server.attributes.get("Endpoint.Address")?.as_str()?.to_owned();
            let values = machine.secret_values();
            let kept = values.values().flatten().find_map(|value| {
                let kept: serde_json::Value = serde_json::from_str(value.expose()).ok()?;
                Some((kept["username"].as_str()?.to_owned(), kept["password"].as_str()?.to_owned()))
            });
            kept.map(|(user, password)| (address, user, password))
        });
        if told.is_some() {
            return told;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}
