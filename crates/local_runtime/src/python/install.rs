//! Making an environment and installing packages into it, by uv where it is there, else by venv and pip.

use crate::Variables;
use crate::python::interpreter::Interpreter;
use model::process_graph::PythonEnvironmentSpec;
use model::{Fault, FaultKind};
use nix::sys::signal::Signal;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;

/// How many lines of an installer are kept for a fault.
const TAIL: usize = 20;

/// What is told while it goes on.
type Progress<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// Makes an environment in `folder` (which does not exist yet) with all packages in it.
pub(crate) async fn install(
    folder: &Path,
    interpreter: &Interpreter,
    spec: &PythonEnvironmentSpec,
    variables: &Variables,
    progress: Progress<'_>,
) -> Result<(), Fault> {
    let installer = Installer { folder, variables, progress };
    let uv = variables.find_programs("uv").into_iter().next();
    let constraints = folder.join("landfall-constraints.txt");
    match &uv {
        Some(uv) => installer.make_with_uv(uv, interpreter).await?,
        None => installer.make_with_venv(interpreter).await?,
    }
    if let Some(text) = &spec.constraints {
        crate::disk::write_atomically(&constraints, text.as_bytes(), 0o644)?;
    }
    if !spec.packages.is_empty() {
        let constraints = spec.constraints.as_ref().map(|_| constraints.as_path());
        installer.install_packages(uv.as_deref(), spec, constraints).await?;
    }
    if !spec.imports.is_empty() {
        installer.import(&spec.imports).await?;
    }
    Ok(())
}

struct Installer<'a> {
    folder: &'a Path,
    variables: &'a Variables,
    progress: Progress<'a>,
}

/// How a program of the installer ended.
struct Ended {
    status: ExitStatus,
    tail: Vec<String>,
}

impl Installer<'_> {
    async fn make_with_uv(&self, uv: &Path, interpreter: &Interpreter) -> Result<(), Fault> {
        (self.progress)(&format!("making an environment of Python {} with uv", interpreter.version_text()));
        let mut command = self.command(uv);
        command.arg("venv").arg("--no-project").arg("--python").arg(&interpreter.executable).arg(self.folder);
        let ended = self.run(command, "making a Python environment").await?;
        if ended.status.success() {
            return Ok(());
        }
        Err(self.refusal("making a Python environment", "uv", &ended))
    }

    async fn make_with_venv(&self, interpreter: &Interpreter) -> Result<(), Fault> {
        let operation = "making a Python environment";
        let (major, minor, _) = interpreter.version;
        let no_venv = |cause: String| {
            Fault::new(FaultKind::NeedsPerson, operation, cause).help(format!(
                "install it: `apt install python{major}.{minor}-venv` (Debian, Ubuntu), \
                 `dnf install python3-pip` (Fedora, RHEL), or install uv, which brings its own"
            ))
        };
        let executable = interpreter.executable.display();
        if !interpreter.has_venv {
            return Err(no_venv(format!("{executable} has no module `venv` or `ensurepip`")));
        }
        (self.progress)(&format!("making an environment of Python {}", interpreter.version_text()));
        let mut command = self.command(&interpreter.executable);
        command.args(["-I", "-m", "venv"]).arg(self.folder);
        let ended = self.run(command, operation).await?;
        if !ended.status.success() {
            let said = ended.tail.join("\n");
            if said.contains("ensurepip") && !said.contains("No space left") {
                return Err(no_venv(format!("`{executable} -m venv` fails")).log_tail(ended.tail));
            }
            return Err(self.refusal(operation, "venv", &ended));
        }
        if !self.python().with_file_name("pip").exists() {
            return Err(no_venv(format!("`{executable} -m venv` makes an environment without pip")));
        }
        Ok(())
    }

    async fn install_packages(
        &self,
        uv: Option<&Path>,
        spec: &PythonEnvironmentSpec,
        constraints: Option<&Path>,
    ) -> Result<(), Fault> {
        (self.progress)(&format!("installing {}", spec.packages.join(", ")));
        let mut command = match uv {
            Some(uv) => {
                let mut command = self.command(uv);
                command.args(["pip", "install", "--python"]).arg(self.python());
                command
            }
            None => {
                let mut command = self.command(&self.python());
                command.args([
                    "-I",
                    "-m",
                    "pip",
                    "install",
                    "--no-input",
                    "--disable-pip-version-check",
                    "--progress-bar",
                    "off",
                ]);
                // Each retry doubles its pause: with five of them a machine without network waits for minutes.
                if self.variables.get("PIP_RETRIES").is_none() {
                    command.args(["--retries", "2"]);
                }
                command
            }
        };
        if let Some(constraints) = constraints {
            command.arg("--constraint").arg(constraints);
        }
        // No requirement can be taken for an option.
        command.arg("--").args(&spec.packages);
        let operation = format!("installing the Python packages {}", spec.packages.join(", "));
        let ended = self.run(command, &operation).await?;
        if ended.status.success() {
            return Ok(());
        }
        Err(self.refusal(&operation, if uv.is_some() { "uv" } else { "pip" }, &ended))
    }

    async fn import(&self, modules: &[String]) -> Result<(), Fault> {
        (self.progress)(&format!("importing {}", modules.join(", ")));
        let mut command = self.command(&self.python());
        command.args(["-I", "-c", "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"]);
        command.args(modules);
        let operation = format!("importing {}", modules.join(", "));
        let ended = self.run(command, &operation).await?;
        if ended.status.success() {
            return Ok(());
        }
        let last = ended.tail.iter().rev().find(|line| !line.trim().is_empty()).cloned().unwrap_or_default();
        Err(Fault::new(FaultKind::Permanent, operation, format!("the installed packages do not import: {last}"))
            .help("pin versions that go together in `python.packages` or `python.constraints`")
            .log_tail(ended.tail))
    }

    fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.variables.for_installers()).env("PYTHONUNBUFFERED", "1");
        command
    }

    /// Runs a program, tells what it says, and keeps its last lines. Should this be dropped, the
    /// program ends with all that it started.
    async fn run(&self, mut command: Command, operation: &str) -> Result<Ended, Fault> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        // A killed command must not leave a pip that goes on writing into what the next one cleans up.
        crate::processes::die_with_parent(&mut command);
        let refused = |error: &io::Error| Fault::new(FaultKind::Permanent, operation, error);
        let mut process = command.spawn().map_err(|error| refused(&error))?;
        let group = Group(process.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default());
        let tail = std::sync::Mutex::new(VecDeque::new());
        let (output, errors) = (process.stdout.take(), process.stderr.take());
        let status = tokio::join!(process.wait(), self.listen(output, &tail), self.listen(errors, &tail)).0;
        drop(group);
        let tail = tail.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(Ended { status: status.map_err(|error| refused(&error))?, tail: tail.into() })
    }

    async fn listen(&self, stream: Option<impl AsyncRead + Unpin>, tail: &std::sync::Mutex<VecDeque<String>>) {
        let Some(stream) = stream else { return };
        let mut lines = BufReader::new(stream).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if let Some(words) = worth_telling(&line) {
                (self.progress)(&words);
            }
            let mut tail = tail.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if tail.len() == TAIL {
                tail.pop_front();
            }
            tail.push_back(line);
        }
    }

    /// Finds out what an installer means by its last words.
    fn refusal(&self, operation: &str, tool: &str, ended: &Ended) -> Fault {
        const UNREACHABLE: &[&str] = &[
            "Temporary failure in name resolution",
            "Name or service not known",
            "Failed to establish a new connection",
            "Connection refused",
            "Network is unreachable",
            "Could not fetch URL",
            "ProxyError",
            "Read timed out",
            "ConnectTimeoutError",
            "SSLError",
            "error sending request",
            "Failed to fetch",
            "dns error",
        ];
        const UNKNOWN: &[&str] = &[
            "No matching distribution found",
            "was not found in the package registry",
            "no version of",
            "there are no versions of",
        ];
        let has = |words: &[&str]| ended.tail.iter().any(|line| words.iter().any(|word| line.contains(word)));
        let words = ended.tail.iter().rev().find(|line| line.contains("ERROR") || line.contains("error:"));
        let words = words.or_else(|| ended.tail.iter().rev().find(|line| !line.trim().is_empty()));
        let words = words.map_or_else(
            || format!("{tool} ended with {}", ended.status),
            |line| format!("{tool} says: {}", line.trim()),
        );
        let fault = if has(&["No space left on device", "Disk quota exceeded", "os error 28"]) {
            let folder = self.folder.parent().unwrap_or(self.folder).display();
            Fault::new(FaultKind::NeedsPerson, operation, format!("the disk is full ({words})")).help(format!(
                "free some space on the file system of {folder} or of TMPDIR (`df -h` shows how full they are), then run the same command again"
            ))
        } else if has(UNREACHABLE) {
            Fault::new(FaultKind::NeedsPerson, operation, format!("the package index cannot be reached ({words})"))
                .help(
                    "check the network; behind a proxy set HTTPS_PROXY, for an index of your own PIP_INDEX_URL, \
                 for a certificate of your own PIP_CERT; then run the same command again",
                )
        } else if has(UNKNOWN) {
            Fault::new(FaultKind::NeedsPerson, operation, words).help(
                "correct the name or the version in `python.packages`; `pip index versions NAME` lists what there is",
            )
        } else if has(&["ResolutionImpossible", "conflicting dependencies", "No solution found"]) {
            Fault::new(FaultKind::NeedsPerson, operation, words)
                .help("the packages or constraints contradict each other; loosen one of the versions named below")
        } else if has(&["No module named pip"]) {
            Fault::new(FaultKind::NeedsPerson, operation, "there is no pip in the environment")
                .help("install it: `apt install python3-venv python3-pip` (Debian, Ubuntu), or install uv")
        } else {
            Fault::new(FaultKind::Permanent, operation, words)
        };
        fault.log_tail(ended.tail.clone())
    }
}

/// A process group that ends when this is dropped.
struct Group(i32);

impl Drop for Group {
    fn drop(&mut self) {
        crate::processes::signal_group(self.0, Signal::SIGKILL);
    }
}

/// The lines of pip and uv that tell how far it is.
fn worth_telling(line: &str) -> Option<String> {
    let line = line.trim();
    let told = [
        "Collecting ",
        "Downloading ",
        "Building ",
        "Installing ",
        "Preparing ",
        "Resolved ",
        "Prepared ",
        "Installed ",
        "Using cached ",
    ];
    if !told.iter().any(|start| line.starts_with(start)) {
        return None;
    }
    let mut words: String = line.chars().take(100).collect();
    if words.len() < line.len() {
        words.push('…');
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;

    fn meant(line: &str) -> Fault {
        let variables = Variables::default();
        let installer = Installer { folder: Path::new("/c/env"), variables: &variables, progress: &|_| {} };
        let ended =
            Ended { status: ExitStatus::from_raw(256), tail: vec![line.to_owned(), "ERROR: it failed".to_owned()] };
        installer.refusal("installing", "pip", &ended)
    }

    #[test]
    fn understands_what_installers_say() {
        assert!(meant("OSError: [Errno 28] No space left on device").cause.contains("disk is full"));
        assert!(meant("WARNING: Retrying: Temporary failure in name resolution").cause.contains("cannot be reached"));
        assert!(meant("ERROR: No matching distribution found for nosuch").help.unwrap().contains("python.packages"));
        assert_eq!(meant("something else").kind, FaultKind::Permanent);
    }
}
