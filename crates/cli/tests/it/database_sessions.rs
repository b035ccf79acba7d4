//! A database of an account, which is reached by sessions alone: the account is in memory and answers over HTTP, behind its sessions stands
//! a real server whose certificate is of an authority that stands for those of RDS.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use crate::support::{LANDFALL, document, files, holds, kill, skip};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use testkit::gateway::{Behaviour, Gateway};
use testkit::{FakeAccount, TestEnvironment};

const MANIFEST: &str = r#"landfall: 1
name: records
people:
  alice: { roles: [admin] }
environments:
  production: { target: aws, account: "123456789012", region: us-west-2 }
components:
  net: { kind: network }
  db:
    kind: database
    engine: postgres
    databases: { records: { data: [ { sql: records.sql } ] } }
    people: { admin: read-only }
  app:
    kind: service
    command: [/usr/bin/app]
    uses: { db: { grants: read-write } }
    environment: { DATABASE_URL: "${self.uses.db.url}" }
    port: 8000
"#;
const DATA: &str =
    "CREATE TABLE records (text varchar(80));\nINSERT INTO records VALUES ('one'), ('two'), ('three');\n";
/// The superuser of the server: in an account, nobody's but AWS's.
const SUPERUSER: &str = "rdsadmin";

/// A PostgreSQL whose superuser is reached by its socket, and everybody else with TLS.
struct Server {
    folder: tempfile::TempDir,
    port: u16,
    authority: KeyPair,
    parameters: CertificateParams,
    programs: PathBuf,
    child: Option<Child>,
}

/// PostgreSQL refuses the superuser of a machine.
fn as_user(program: &Path) -> Command {
    if !nix::unistd::Uid::effective().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-user=1000", "--map-group=1000", "--"]).arg(program);
    command
}

impl Server {
    /// None where there is no PostgreSQL.
    fn start() -> Option<Self> {
        let mut found: Vec<PathBuf> =
            fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin")).collect();
        found.sort();
        let programs = found.pop()?;
        let folder = tempfile::Builder::new().prefix("lf-rds-").tempdir().unwrap();
        let mut parameters = CertificateParams::new(Vec::<String>::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, "An authority of RDS");
        let authority = KeyPair::generate().unwrap();
        fs::write(folder.path().join("authorities.pem"), parameters.self_signed(&authority).unwrap().pem()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { folder, port, authority, parameters, programs, child: None };
        server.certify("localhost");
        let data = server.path("data");
        let mut command = as_user(&server.programs.join("initdb"));
        command.args([
            "-N",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-A",
            "scram-sha-256",
            "--auth-local=trust",
            "-U",
            SUPERUSER,
        ]);
        command.args(["--pwfile=/dev/stdin", "-D"]).arg(&data).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut initdb = command.spawn().unwrap();
        std::io::Write::write_all(&mut initdb.stdin.take().unwrap(), b"nobody knows it\n").unwrap();
        assert!(initdb.wait().unwrap().success());
        fs::write(
            data.join("pg_hba.conf"),
            format!("local all {SUPERUSER} trust\nhostssl all all all scram-sha-256\n"),
        )
        .unwrap();
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{0}'\nfsync = off\nssl = on\n\
             ssl_cert_file = '{0}/server.pem'\nssl_key_file = '{0}/server.key'\n",
            server.folder.path().display()
        );
        fs::write(data.join("postgresql.auto.conf"), settings).unwrap();
        let log = fs::File::create(server.path("log")).unwrap();
        let mut command = as_user(&server.programs.join("postgres"));
        server.child = Some(command.arg("-D").arg(&data).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        let until = Instant::now() + Duration::from_secs(60);
        while server.try_say("postgres", "SELECT 1").as_deref() != Ok("1") {
            assert!(Instant::now() < until, "{}", fs::read_to_string(server.path("log")).unwrap());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    fn path(&self, name: &str) -> PathBuf {
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

    fn try_say(&self, database: &str, statement: &str) -> Result<String, String> {
        let mut client = Command::new(self.programs.join("psql"));
        client.args(["-X", "-A", "-t", "-q", "-w", "-U", SUPERUSER, "-d", database, "-c", statement]);
        let output = client.arg("-h").arg(self.folder.path()).args(["-p", &self.port.to_string()]).output().unwrap();
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    }

    /// Says a statement as the superuser.
    #[track_caller]
    fn say(&self, database: &str, statement: &str) -> String {
        self.try_say(database, statement).unwrap_or_else(|said| panic!("{statement}: {said}"))
    }

    /// Becomes the server that RDS has just made: with its name, and an administrator who is no superuser.
    fn stand_for(&self, name: &str, user: &str, password: &str) {
        self.certify(name);
        self.say("postgres", &format!("CREATE ROLE {user} LOGIN CREATEROLE CREATEDB PASSWORD '{password}'"));
        for database in ["postgres", "template1"] {
            self.say("postgres", &format!("ALTER DATABASE {database} OWNER TO {user}"));
        }
        self.say("postgres", "SELECT pg_reload_conf()");
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

#[test]
fn a_database_of_an_account_is_filled_watched_and_reached_by_sessions() {
    let Some(server) = Server::start() else {
        return skip("a_database_of_an_account_is_filled", "PostgreSQL is not on this machine");
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
    machine.write("landfall.yaml", MANIFEST);
    machine.write("records.sql", DATA);

    // From nothing: roles with their rights, and data.
    let is_over = AtomicBool::new(false);
    let (said, address) = std::thread::scope(|scope| {
        let standing = scope.spawn(|| {
            let _inside = runtime.enter();
            let (address, user, password) = made(&account, &is_over)?;
            server.stand_for(&address, &user, &password);
            gateway.route(&address, 5432, ([127, 0, 0, 1], server.port).into());
            Some(address)
        });
        let said = machine.run(&["up", "-e", "production", "--no-verify"]);
        is_over.store(true, Ordering::Relaxed);
        (said, standing.join().unwrap())
    });
    let said = said.expect_code(0);
    let address = address.unwrap();
    let can = |role: &str, right: &str| {
        server.say("records", &format!("SELECT has_table_privilege('{role}', 'records', '{right}')")) == "t"
    };
    assert_eq!(server.say("records", "SELECT count(*) FROM records"), "3");
    let rights = ["SELECT", "INSERT", "DELETE", "TRUNCATE"];
    assert_eq!(rights.map(|right| can("app", right)), [true, true, true, false]);
    assert_eq!(rights.map(|right| can("alice", right)), [true, false, false, false]);
    let sessions = gateway.started();
    assert!(!sessions.is_empty() && sessions.iter().all(|(_, is_over)| *is_over), "{sessions:?}");
    assert_eq!(gateway.complaints(), Vec::<String>::new());

    // Again: nothing is different, and no session is opened.
    let _ = machine.run(&["up", "-e", "production", "--no-verify"]).expect_code(0);
    assert_eq!(gateway.started(), sessions);
    let calm = machine.run(&["drift", "-e", "production", "--json"]).expect_code(0);

    // What somebody grants by hand is seen, and taken back.
    server.say("records", "GRANT DELETE ON records TO alice");
    let drift = machine.run(&["drift", "-e", "production"]);
    assert!(drift.code == Some(3) && format!("{}{}", drift.stdout, drift.stderr).contains("alice"), "{drift:?}");

    // A port of this machine, on which a stock client finds the server by its own name.
    let _inside = runtime.enter();
    let password = account.with(|machine| {
        let values = machine.secret_values();
        let of_app = |value: &&model::Secret| value.expose().contains("DATABASE_URL");
        let environment = values.values().flatten().find(of_app).unwrap().expose().to_owned();
        let url = environment.split("postgresql://app:").nth(1).unwrap();
        url.split('@').next().unwrap().to_owned()
    });
    let mut tunnel = machine.command(&["tunnel", "open", "db", "-e", "production", "--json"]);
    let mut tunnel = tunnel.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tunnel.stdout.take().unwrap()).lines();
    let open: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let settings = format!(
        "host={address} hostaddr=127.0.0.1 port={} sslmode=verify-full sslrootcert={} user=app dbname=records",
        open["port"],
        server.path("authorities.pem").display()
    );
    let mut client = Command::new(server.programs.join("psql"));
    client.args(["-X", "-A", "-t", "-w", "-c", "SELECT count(*) FROM records", &settings]);
    let asked = client.env("PGPASSWORD", &password).output().unwrap();
    kill(tunnel.id());
    let _ = tunnel.wait();
    assert_eq!(String::from_utf8_lossy(&asked.stdout).trim(), "3", "{}", String::from_utf8_lossy(&asked.stderr));

    // No password is in what this machine keeps, in what was said, or in what anybody may read in the account.
    let secrets: Vec<String> = account.with(|machine| {
        machine.secret_values().into_values().flatten().map(|value| value.expose().to_owned()).collect()
    });
    let passwords = secrets.iter().filter(|secret| secret.len() == 32).chain([&password]);
    let readable = account.with(|machine| machine.readable());
    let mut count = 0;
    for password in passwords {
        count += 1;
        assert!(!readable.contains(password) && !said.stdout.contains(password) && !said.stderr.contains(password));
        assert!(!calm.stdout.contains(password) && !drift.stdout.contains(password));
        for folder in ["home", "state", "data", "config", "cache", "runtime", "work"] {
            let folder = machine.path(folder);
            let found = files(&folder).into_iter().find(|file| holds(&folder.join(file), password));
            assert_eq!(found, None);
        }
    }
    assert!(count >= 3, "{count}");
    let _ = document(&calm);
}
