//! The clients of databases: which one is there, and how it is told everything without an argument that others could read.

use crate::command_error::CommandError;
use crate::surroundings::Surroundings;
use crate::verbs::connect::login::Login;
use engine::ports::Running as _;
use local_runtime::LocalTarget;
use model::database::Engine;
use model::text::{Atom, SecretPart};
use model::{Fault, FaultKind, Text};
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

/// The address on which databases of this machine listen.
const HOST: &str = "127.0.0.1";

/// A client program.
pub(super) struct Client {
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
    pub(super) fn find(engine: Engine) -> Result<Self, CommandError> {
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

    /// Runs the client until it ends, on this terminal or with what standard input brings.
    pub(super) async fn run(
        self,
        login: &Login,
        arguments: &[String],
        target: &LocalTarget,
    ) -> Result<(), CommandError> {
        let password = Text::hole(Atom::Secret(login.password.clone(), SecretPart::Value));
        let password = target.fill(&password).map_err(CommandError::Fault)?;
        let failed = |error: std::io::Error| {
            let doing = format!("starting {}", self.program.display());
            CommandError::Fault(Fault::new(FaultKind::Permanent, doing, error))
        };
        let mut command = Command::new(&self.program);
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
                    .env("PGHOST", HOST)
                    .env("PGPORT", login.port.to_string())
                    .env("PGUSER", &login.user)
                    .env("PGDATABASE", &login.database)
                    .env("PGSSLMODE", "verify-full")
                    .env("PGSSLROOTCERT", &login.authority)
                    .env("PGPASSFILE", private.path());
                private
            }
            Dialect::Mariadb | Dialect::Mysql => {
                let private = Private::new(&option_file(login, password.expose(), self.dialect)).map_err(failed)?;
                command.env_remove("MYSQL_PWD").env_remove("MYSQL_HOST").env_remove("MYSQL_TCP_PORT");
                command.arg(format!("--defaults-extra-file={}", private.path()));
                command.arg(format!("--database={}", login.database));
                private
            }
        };
        command.args(arguments);
        let status = wait(command).await.map_err(failed)?;
        drop(private);
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

fn option_file(login: &Login, password: &str, dialect: Dialect) -> Zeroizing<String> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let tls = if dialect == Dialect::Mariadb { "ssl-verify-server-cert" } else { "ssl-mode=VERIFY_IDENTITY" };
    Zeroizing::new(format!(
        "[client]\nprotocol=tcp\nhost={HOST}\nport={}\nuser={}\npassword={}\nssl-ca={}\n{tls}\n",
        login.port,
        quoted(&login.user),
        quoted(password),
        quoted(&login.authority.display().to_string()),
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
