//! The clients of databases: which one is there, and how it is told everything without an argument that others could read.

use crate::command_error::CommandError;
use crate::surroundings::Surroundings;
use crate::verbs::connect::login::Login;
use model::database::Engine;
use model::{Fault, FaultKind, Secret};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

/// The address on which databases of this machine listen, and ways to others begin.
const HOST: &str = "127.0.0.1";

/// Where a client finds a server.
pub(crate) struct Reached {
    /// The port on the loopback address.
    pub(crate) port: u16,
    /// The name on its certificate, where it is another one than the loopback address has.
    pub(crate) name: Option<String>,
    pub(crate) authority: Authority,
}

/// The certificates of the authorities that may have signed a server's.
pub(crate) enum Authority {
    /// In a file.
    File(PathBuf),
    /// As PEM.
    Pem(String),
}

/// A client program.
pub(crate) struct Client {
    program: PathBuf,
    dialect: Dialect,
}

/// How a client is told things.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// `psql`: variables and a password file.
    Postgres,
    /// MariaDB's client: an option file.
    Mariadb,
    /// MySQL's own client: an option file with other words for TLS.
    Mysql,
}

impl Client {
    /// The client on `PATH` that fits an engine.
    pub(crate) fn find(engine: Engine) -> Result<Self, CommandError> {
        let (names, package): (&[&str], &str) = match engine {
            Engine::Postgres => (&["psql"], "postgresql-client"),
            Engine::Mariadb => (&["mariadb", "mysql"], "mariadb-client"),
            Engine::Mysql => (&["mysql", "mariadb"], "default-mysql-client, or mariadb-client"),
        };
        let variables = Surroundings::runtime_variables();
        let program = names.iter().find_map(|name| variables.find_programs(name).into_iter().next());
        let Some(program) = program else {
            let doing = format!("looking for the client of {engine}");
            let fault = Fault::new(FaultKind::NeedsPerson, doing, format!("there is no `{}` on PATH", names[0]));
            let help = format!(
                "install it: the package is {package} in Debian, Ubuntu and their like, `{}` in Homebrew; `--print` shows what \
                 any other program needs",
                if engine == Engine::Postgres { "libpq" } else { "mysql-client" }
            );
            return Err(CommandError::Preflight(fault.help(help)));
        };
        let dialect = match engine {
            Engine::Postgres => Dialect::Postgres,
            _ if is_mariadb(&program) => Dialect::Mariadb,
            _ => Dialect::Mysql,
        };
        Ok(Self { program, dialect })
    }

    /// Whether it compares the name on a certificate with another one than it dials.
    pub(crate) fn checks_another_name(&self) -> bool {
        self.dialect == Dialect::Postgres
    }

    /// Its name, as people know it.
    pub(crate) fn name(&self) -> String {
        self.program.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Runs the client until it ends, on this terminal or with what standard input brings.
    pub(crate) async fn run(
        self,
        server: &Reached,
        login: &Login,
        password: &Secret,
        arguments: &[String],
    ) -> Result<(), CommandError> {
        let failed = |error: std::io::Error| {
            let doing = format!("starting {}", self.program.display());
            CommandError::Fault(Fault::new(FaultKind::Permanent, doing, error))
        };
        let mut command = Command::new(&self.program);
        let (authority, of_authority) = match &server.authority {
            Authority::File(path) => (path.display().to_string(), None),
            Authority::Pem(pem) => {
                let private = Private::new(pem).map_err(failed)?;
                (private.path(), Some(private))
            }
        };
        let private = match self.dialect {
            Dialect::Postgres => {
                let private = Private::new(&password_line(password.expose())).map_err(failed)?;
                // Whatever else the shell says of PostgreSQL is meant for other servers.
                for (name, _) in std::env::vars_os() {
                    if name.to_str().is_some_and(|name| name.starts_with("PG")) {
                        command.env_remove(name);
                    }
                }
                command
                    .env("PGHOST", server.name.as_deref().unwrap_or(HOST))
                    .env("PGHOSTADDR", HOST)
                    .env("PGPORT", server.port.to_string())
                    .env("PGUSER", &login.user)
                    .env("PGDATABASE", &login.database)
                    .env("PGSSLMODE", "verify-full")
                    .env("PGSSLROOTCERT", authority)
                    .env("PGPASSFILE", private.path());
                private
            }
            Dialect::Mariadb | Dialect::Mysql => {
                let file = option_file(server, &login.user, password.expose(), &authority, self.dialect);
                let private = Private::new(&file).map_err(failed)?;
                command.env_remove("MYSQL_PWD").env_remove("MYSQL_HOST").env_remove("MYSQL_TCP_PORT");
                command.arg(format!("--defaults-extra-file={}", private.path()));
                command.arg(format!("--database={}", login.database));
                private
            }
        };
        command.args(arguments);
        let status = wait(command).await.map_err(failed)?;
        drop((private, of_authority));
        if status.success() { Ok(()) } else { Err(CommandError::Client(code(status))) }
    }
}

/// How scripts see the end of the client.
fn code(status: ExitStatus) -> u8 {
    let of_signal = || status.signal().map(|signal| 128 + signal);
    status.code().or_else(of_signal).and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Whether a client is MariaDB's, which is installed under MySQL's name too.
fn is_mariadb(program: &Path) -> bool {
    let version = Command::new(program).arg("--version").output();
    version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("MariaDB"))
}

/// Ctrl-C belongs to the client, which cancels a query with it. Whoever ends this command ends the client too.
async fn wait(command: Command) -> std::io::Result<ExitStatus> {
    let mut command = tokio::process::Command::from(command);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut child = command.spawn()?;
    loop {
        let ended_by = tokio::select! {
            status = child.wait() => return status,
            _ = interrupt.recv() => None,
            _ = quit.recv() => None,
            _ = terminate.recv() => Some(nix::sys::signal::Signal::SIGTERM),
            _ = hang_up.recv() => Some(nix::sys::signal::Signal::SIGHUP),
        };
        if let (Some(signal), Some(pid)) = (ended_by, child.id().and_then(|pid| i32::try_from(pid).ok())) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
        }
    }
}

/// A file in memory that the client alone inherits: it has no name in any folder, so nothing stays of it, however this ends.
struct Private(File);

impl Private {
    fn new(content: &str) -> std::io::Result<Self> {
        // Without close-on-exec: the client reads it by its number.
        let mut file = File::from(memfd_create(c"landfall", MFdFlags::empty())?);
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(content.as_bytes())?;
        Ok(Self(file))
    }

    fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.0.as_raw_fd())
    }
}

/// A line of a password file of PostgreSQL: for every server, since no other one is asked.
fn password_line(password: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("*:*:*:*:{}\n", password.replace('\\', "\\\\").replace(':', "\\:")))
}

/// An option file of MySQL and MariaDB. In MariaDB's client `utf8` is only a part of Unicode.
fn option_file(server: &Reached, user: &str, password: &str, authority: &str, dialect: Dialect) -> Zeroizing<String> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    // These clients compare the name that they dial, and none other: where the certificate has another one they check its chain alone.
    let tls = match (dialect, &server.name) {
        (Dialect::Mariadb, None) => "ssl-verify-server-cert",
        (Dialect::Mariadb, Some(_)) => "ssl\nskip-ssl-verify-server-cert",
        (_, None) => "ssl-mode=VERIFY_IDENTITY",
        (_, Some(_)) => "ssl-mode=VERIFY_CA",
    };
    Zeroizing::new(format!(
        "[client]\nprotocol=tcp\nhost={HOST}\nport={}\nuser={}\npassword={}\nssl-ca={}\n{tls}\ndefault-character-set=utf8mb4\n",
        server.port,
        quoted(user),
        quoted(password),
        quoted(authority),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_password_does_not_end_the_line() {
        assert_eq!(password_line(r"a:b\c").as_str(), "*:*:*:*:a\\:b\\\\c\n");
    }

    #[test]
    fn a_private_file_has_no_name_and_can_be_read_by_its_number() {
        let private = Private::new("secret").unwrap();
        assert_eq!(std::fs::read_to_string(private.path()).unwrap(), "secret");
        assert_eq!(private.0.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::os::unix::fs::MetadataExt::nlink(&private.0.metadata().unwrap()), 0);
    }
}
