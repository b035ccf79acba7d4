//! Installing a database engine by the system's own package manager, after a person said so.

use crate::Variables;
use crate::database::tool::no_space;
use model::database::Engine;
use model::{Fault, FaultKind};
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// How an engine is installed on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// What gets installed.
    pub engine: Engine,
    /// The package manager, absolute.
    program: PathBuf,
    arguments: Vec<String>,
    needs_root: bool,
    /// Why the command cannot be run by landfall itself, when it cannot.
    sudo: Option<PathBuf>,
}

/// The installation of an engine on this system; none where no known package manager is.
pub(crate) fn for_engine(engine: Engine, variables: &Variables) -> Option<Installation> {
    let managers: [(&str, &[&str], [&str; 3], bool); 4] = [
        (
            "apt-get",
            &["install", "--yes", "--no-install-recommends"],
            ["default-mysql-server", "mariadb-server", "postgresql"],
            true,
        ),
        ("dnf", &["install", "--assumeyes"], ["mysql-server", "mariadb-server", "postgresql-server"], true),
        ("zypper", &["--non-interactive", "install"], ["mysql-community-server", "mariadb", "postgresql-server"], true),
        ("brew", &["install"], ["mysql", "mariadb", "postgresql@17"], false),
    ];
    let which = match engine {
        Engine::Mysql => 0,
        Engine::Mariadb => 1,
        Engine::Postgres => 2,
    };
    managers.iter().find_map(|(name, arguments, packages, needs_root)| {
        let program = variables.find_programs(name).into_iter().next()?;
        let package = packages.get(which)?;
        let arguments = arguments.iter().chain([package]).map(ToString::to_string).collect();
        let sudo = variables.find_programs("sudo").into_iter().next();
        Some(Installation { engine, program, arguments, needs_root: *needs_root, sudo })
    })
}

impl Installation {
    /// The command as a person would type it.
    #[must_use]
    pub fn command(&self) -> String {
        let name = self.program.file_name().unwrap_or_default().to_string_lossy();
        let sudo = if self.needs_root && !is_root() { "sudo " } else { "" };
        format!("{sudo}{name} {}", self.arguments.join(" "))
    }

    /// What a person should know before saying yes.
    #[must_use]
    pub fn caution(&self) -> Option<&'static str> {
        // Debian's packages start a server of their own; `RUNLEVEL` keeps SysV's scripts from it, systemd does not ask.
        self.program.ends_with("apt-get").then_some(
            "the package may start a server of its own as a system service; landfall neither uses nor stops it \
             (`systemctl disable --now mariadb` or `postgresql` ends it)",
        )
    }

    /// Runs it, telling each line of what it says.
    ///
    /// # Errors
    /// When it would need a password, or fails.
    pub async fn run(&self, variables: &Variables, tell: &(dyn Fn(&str) + Send + Sync)) -> Result<(), Fault> {
        let operation = format!("installing {}", self.engine);
        let mut command = if self.needs_root && !is_root() {
            let sudo = self.passwordless_sudo(&operation).await?;
            let mut command = Command::new(sudo);
            command.args(["-n", "--"]).arg(&self.program);
            command
        } else {
            Command::new(&self.program)
        };
        command
            .args(&self.arguments)
            .env_clear()
            .envs(variables.for_installers())
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let failed = |cause: String| Fault::new(FaultKind::NeedsPerson, &operation, cause);
        let mut child = command.spawn().map_err(|error| failed(format!("`{}`: {error}", self.command())))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut said = Vec::new();
        let mut lines = stdout.map(|pipe| BufReader::new(pipe).lines());
        let errors = tokio::spawn(async move {
            let mut kept = Vec::new();
            let mut lines = stderr.map(|pipe| BufReader::new(pipe).lines());
            while let Some(Ok(Some(line))) = match &mut lines {
                Some(lines) => Some(lines.next_line().await),
                None => None,
            } {
                kept.push(line);
            }
            kept
        });
        while let Some(Ok(Some(line))) = match &mut lines {
            Some(lines) => Some(lines.next_line().await),
            None => None,
        } {
            tell(&line);
            said.push(line);
        }
        let status = child.wait().await.map_err(|error| failed(error.to_string()))?;
        said.extend(errors.await.unwrap_or_default());
        if status.success() {
            return Ok(());
        }
        let tail: Vec<String> = said.iter().rev().take(20).rev().cloned().collect();
        if no_space(&tail.join("\n")) {
            return Err(failed("no space left on device".to_owned()).help("free some space").log_tail(tail));
        }
        Err(failed(format!("`{}` ended with {status}", self.command()))
            .help(format!("run `{}` yourself and see what it says", self.command()))
            .log_tail(tail))
    }

    /// Never asks for a password: who is asked for one by a deployment tool learns to type it anywhere.
    async fn passwordless_sudo(&self, operation: &str) -> Result<PathBuf, Fault> {
        let help = format!("run `{}` yourself, then the same command again", self.command());
        let refuse = |cause: &str| Fault::new(FaultKind::Permission, operation, cause).help(help.clone());
        let sudo =
            self.sudo.clone().ok_or_else(|| refuse("only the superuser installs packages, and there is no sudo"))?;
        let status = Command::new(&sudo)
            .args(["-n", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match status.await {
            Ok(status) if status.success() => Ok(sudo),
            _ => Err(refuse("only the superuser installs packages, and sudo asks for a password")),
        }
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}
