//! A real database server in an isolated subnet, which takes nobody who does not speak TLS.

use super::world::{World, output, skipped, wait};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const MARIADB: &str = "/usr/sbin/mariadbd";

/// A running server.
pub(super) struct Database {
    folder: PathBuf,
    /// Where its programs are, of PostgreSQL; MariaDB's are on the path.
    programs: Option<PathBuf>,
}

/// The newest PostgreSQL here.
fn postgres() -> Option<PathBuf> {
    let releases = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let programs = releases.flatten().map(|release| release.path().join("bin"));
    programs.filter(|programs| programs.join("postgres").is_file()).max()
}

impl Database {
    /// Starts MariaDB; `None` when it is not here.
    pub(super) fn mariadb(world: &mut World) -> Option<Self> {
        if !Path::new(MARIADB).is_file() {
            skipped("there is no mariadbd here");
            return None;
        }
        let folder = world.folder().join("mariadb");
        std::fs::create_dir(&folder).unwrap();
        let data = format!("--datadir={}/data", folder.display());
        let mut make = Command::new("mariadb-install-db");
        output(make.args([
            "--no-defaults",
            "--user=root",
            "--skip-test-db",
            "--auth-root-authentication-method=normal",
            &data,
        ]));
        let mut server = world.in_namespace("db", MARIADB);
        server.args(["--no-defaults", "--user=root", "--bind-address=10.64.128.10", "--port=3306", &data]);
        server.args(["--require-secure-transport=ON", "--innodb-buffer-pool-size=32M", "--skip-name-resolve"]);
        server.arg(format!("--socket={}/socket", folder.display()));
        for (option, file) in [("ssl-ca", "authority.pem"), ("ssl-cert", "db.crt"), ("ssl-key", "db.key")] {
            server.arg(format!("--{option}={}/{file}", world.folder().display()));
        }
        world.run("mariadb", server);
        let database = Self { folder, programs: None };
        wait("MariaDB", || database.administrator().arg("SELECT 1").output().unwrap().status.success().then_some(()));
        Some(database)
    }

    /// Starts PostgreSQL; `None` when it is not here.
    pub(super) fn postgres(world: &mut World) -> Option<Self> {
        let Some(programs) = postgres() else {
            skipped("there is no PostgreSQL here");
            return None;
        };
        let folder = world.folder().join("postgres");
        std::fs::create_dir(&folder).unwrap();
        // It runs as nobody's superuser: root is somebody else to it.
        let other = ["--user", "--map-user=1000", "--map-group=1000", "--"];
        let data = folder.join("data");
        let mut make = Command::new("unshare");
        make.args(other).arg(programs.join("initdb")).args([
            "--no-sync",
            "--username=postgres",
            "--auth-local=trust",
            "-D",
        ]);
        output(make.arg(&data));
        std::fs::write(data.join("pg_hba.conf"), "local all all trust\nhostssl all all 10.64.64.0/24 scram-sha-256\n")
            .unwrap();
        let mut server = world.in_namespace("db", "unshare");
        server.args(other).arg(programs.join("postgres")).arg("-D").arg(&data);
        let files = world.folder().display();
        for setting in [
            "listen_addresses=10.64.128.10".to_owned(),
            format!("unix_socket_directories={}", folder.display()),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={files}/db.crt"),
            format!("ssl_key_file={files}/db.key"),
        ] {
            server.args(["-c", &setting]);
        }
        world.run("postgres", server);
        let database = Self { folder, programs: Some(programs) };
        wait("PostgreSQL", || {
            database.administrator().arg("SELECT 1").output().unwrap().status.success().then_some(())
        });
        Some(database)
    }

    /// The client of the one who may do everything; a statement is its last argument.
    fn administrator(&self) -> Command {
        let mut client = match &self.programs {
            Some(_) => {
                let mut client = self.client_of("postgres");
                client.arg("-Atc");
                client
            }
            None => {
                let mut client = Command::new("mariadb");
                client.args(["--no-defaults", "--user=root", "--skip-column-names", "--batch"]);
                client.arg(format!("--socket={}/socket", self.folder.display())).arg("-e");
                client
            }
        };
        client.stdin(Stdio::null());
        client
    }

    /// Does something as the one who may do everything.
    pub(super) fn run(&self, statement: &str) -> String {
        output(self.administrator().arg(statement))
    }

    /// Does something inside of one database of PostgreSQL.
    pub(super) fn run_in(&self, database: &str, statement: &str) {
        output(self.client_of(database).args(["-c", statement]));
    }

    /// The client of PostgreSQL's administrator.
    fn client_of(&self, database: &str) -> Command {
        let mut client = Command::new(self.programs.as_ref().unwrap().join("psql"));
        client.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-h"]).arg(&self.folder);
        client
    }

    /// Runs the files of a database's first content, as its owner would: tables, then rows of them from CSV. PostgreSQL only.
    pub(super) fn load(&self, database: &str, schema: &Path, rows: &[(&str, PathBuf)]) {
        let mut client = self.client_of(database);
        client.arg("-f").arg(schema);
        for (table, file) in rows {
            let header = std::fs::read_to_string(file).unwrap().lines().next().unwrap().to_owned();
            client
                .arg("-c")
                .arg(format!("\\copy {table} ({header}) from '{}' with (format csv, header)", file.display()));
        }
        output(&mut client);
    }
}
