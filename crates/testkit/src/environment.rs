//! A machine of its own for a test of the command: own home, cleared environment, and nothing left
//! running when the test ends.

use regex_lite::Regex;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Variables that tests pass through: programs must be found and packages installed as on this machine.
const PASSED_THROUGH: &[&str] = &[
    "PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
];
/// Beginnings of further such variables.
const PASSED_THROUGH_FAMILIES: &[&str] = &["PIP_", "UV_"];

/// Folders and an environment that belong to one test.
pub struct TestEnvironment {
    folder: TempDir,
    binary: PathBuf,
    cache: PathBuf,
    variables: Vec<(String, String)>,
    limit: Duration,
    /// The network namespace in which commands run.
    network: Option<String>,
}

impl TestEnvironment {
    /// An environment for the program at `binary`: `TestEnvironment::new(env!("CARGO_BIN_EXE_landfall"))`.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let folder = tempfile::Builder::new().prefix("landfall-test-").tempdir().expect("a temporary folder");
        let cache = folder.path().join("cache");
        let environment =
            Self { folder, binary: binary.into(), cache, variables: Vec::new(), limit: MINUTES, network: None };
        for path in ["home", "state", "data", "config", "cache", "runtime", "work"] {
            fs::create_dir(environment.path(path)).expect("a folder in the temporary folder");
        }
        environment
    }

    /// Uses a cache that outlives the test, so that Python environments are installed once.
    #[must_use]
    pub fn with_cache(mut self, cache: impl Into<PathBuf>) -> Self {
        self.cache = cache.into();
        self
    }

    /// Sets a variable for every command.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// How long one command may take; ten minutes if not said.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs every command in a network namespace, as on a machine of its own; needs root.
    #[must_use]
    pub fn within_network(mut self, namespace: &str) -> Self {
        self.network = Some(namespace.to_owned());
        self
    }

    /// A path in the environment: `work` is where commands run; `home`, `state`, `data`, `config`,
    /// `cache` and `runtime` are what the variables say.
    #[must_use]
    pub fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(below)
    }

    /// The folder in which commands run.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.path("work")
    }

    /// Writes a file below the folder in which commands run.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, below: impl AsRef<Path>, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.work().join(below);
        fs::create_dir_all(path.parent().expect("a path below the work folder")).expect("a folder for the file");
        fs::write(&path, text).expect("a written file");
        path
    }

    /// The command with this environment, for tests that need its pipes or its process id.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = match &self.network {
            None => Command::new(&self.binary),
            Some(namespace) => {
                let mut command = Command::new("/usr/sbin/ip");
                command.args(["netns", "exec", namespace]).arg(&self.binary);
                command
            }
        };
        command.args(arguments).current_dir(self.work()).env_clear();
        let passed = |name: &str| {
            PASSED_THROUGH.contains(&name) || PASSED_THROUGH_FAMILIES.iter().any(|family| name.starts_with(family))
        };
        // In another home pip would no longer find the user's settings.
        let settings = std::env::var("HOME").map(|home| Path::new(&home).join(".config/pip/pip.conf"));
        command.envs(settings.ok().filter(|path| path.exists()).map(|path| ("PIP_CONFIG_FILE", path)));
        command.envs(std::env::vars().filter(|(name, _)| passed(name)));
        let folders = [
            ("HOME", self.path("home")),
            ("XDG_STATE_HOME", self.path("state")),
            ("XDG_DATA_HOME", self.path("data")),
            ("XDG_CONFIG_HOME", self.path("config")),
            ("XDG_CACHE_HOME", self.cache.clone()),
            ("XDG_RUNTIME_DIR", self.path("runtime")),
        ];
        command.envs(folders);
        command.envs([("LANG", "C.UTF-8"), ("TZ", "UTC"), ("TERM", "dumb"), ("NO_COLOR", "1"), ("COLUMNS", "100")]);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the command to its end.
    ///
    /// # Panics
    /// When it cannot be started, or does not end in time (it is killed then).
    #[must_use = "look at the exit code"]
    pub fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Output {
        self.run_with_input(arguments, "")
    }

    /// Runs the command with a text on its standard input.
    ///
    /// # Panics
    /// As [`TestEnvironment::run`].
    #[must_use = "look at the exit code"]
    pub fn run_with_input<A: AsRef<OsStr>>(&self, arguments: &[A], input: &str) -> Output {
        // Files, not pipes: a daemon that keeps a pipe open would keep the test waiting for its end.
        let place = tempfile::tempdir_in(self.folder.path()).expect("a folder for the output");
        let file = |name: &str| place.path().join(name);
        fs::write(file("in"), input).expect("the input");
        let create = |name: &str| fs::File::create(file(name)).expect("a file for the output");
        let mut command = self.command(arguments);
        command.stdin(fs::File::open(file("in")).expect("the input"));
        command.stdout(create("out")).stderr(create("err"));
        let begun = Instant::now();
        let mut child = command.spawn().expect("the command starts");
        let status = loop {
            if let Some(status) = child.try_wait().expect("the command can be waited for") {
                break status;
            }
            if begun.elapsed() > self.limit {
                let _ = child.kill();
                let _ = child.wait();
                let shown = fs::read_to_string(file("err")).unwrap_or_default();
                panic!("the command did not end within {:?}; it said:\n{shown}", self.limit);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let text = |name: &str| String::from_utf8_lossy(&fs::read(file(name)).unwrap_or_default()).into_owned();
        Output {
            code: status.code(),
            stdout: text("out"),
            stderr: text("err"),
            took: begun.elapsed(),
            folder: self.folder.path().to_owned(),
            cache: self.cache.clone(),
        }
    }

    /// The processes that belong to this environment: those that name its folder in their arguments,
    /// their environment or as their working directory.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let folder = self.folder.path().as_os_str().as_encoded_bytes();
        let names = |bytes: &[u8]| bytes.windows(folder.len()).any(|window| window == folder);
        let own = std::process::id();
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let belongs = |pid: &u32| {
            let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let at = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
            names(&read("cmdline")) || names(&read("environ")) || at.starts_with(self.folder.path())
        };
        // A process that has died but was not yet waited for has neither arguments nor environment.
        pids.filter(|pid| *pid != own).filter(belongs).collect()
    }
}

const MINUTES: Duration = Duration::from_secs(600);

impl Drop for TestEnvironment {
    /// Kills what is left, so that a failed test leaves nothing running. Supervisors start their
    /// programs again, so it looks until there is nothing.
    fn drop(&mut self) {
        for _ in 0..50 {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            for pid in left.into_iter().filter_map(|pid| i32::try_from(pid).ok()) {
                // It may be gone already.
                let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What a command did.
#[derive(Debug, Clone)]
#[must_use = "look at the exit code"]
pub struct Output {
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
    folder: PathBuf,
    cache: PathBuf,
}

impl Output {
    /// The same, once it is sure that the command ended with this code.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The standard output without what differs between two runs.
    #[must_use]
    pub fn redacted_stdout(&self) -> String {
        self.redact(&self.stdout)
    }

    /// The standard error without what differs between two runs.
    #[must_use]
    pub fn redacted_stderr(&self) -> String {
        self.redact(&self.stderr)
    }

    /// Each line of the standard output as JSON.
    ///
    /// # Panics
    /// When a line is no JSON.
    #[must_use]
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        let parse = |line: &str| match serde_json::from_str(line) {
            Ok(value) => value,
            Err(error) => panic!("no JSON ({error}): {line}"),
        };
        self.stdout.lines().map(parse).collect()
    }

    fn redact(&self, text: &str) -> String {
        let cache = self.cache.display().to_string();
        let folder = self.folder.display().to_string();
        redact(&text.replace(&cache, "[cache]").replace(&folder, "[environment]"))
    }
}

/// Replaces digests, times, spans of time, ports behind an address and process ids by their names.
#[must_use]
pub fn redact(text: &str) -> String {
    const RULES: &[(&str, &str)] = &[
        (r"\b[0-9a-f]{64}\b", "[digest]"),
        (r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?(Z|[+-][0-9:]+)", "[time]"),
        (r"\b[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\b", "[time]"),
        (r"\b[0-9]+(\.[0-9]+)? ?(ms|µs|s|min)\b", "[span]"),
        (r"\b(localhost|127\.0\.0\.1|[a-z0-9.-]+\.localhost):[0-9]{2,5}\b", "$1:[port]"),
        (r"\bport [0-9]{2,5}\b", "port [port]"),
        (r"\b(process|pid) [0-9]+\b", "$1 [pid]"),
        (r"\b[0-9a-f]{12}\b", "[digest]"),
    ];
    RULES.iter().fold(text.to_owned(), |text, (pattern, name)| match Regex::new(pattern) {
        Ok(pattern) => pattern.replace_all(&text, *name).into_owned(),
        Err(_) => text,
    })
}

/// A command whose output nobody reads; for tests that start it and kill it.
#[must_use]
pub fn silent(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redaction_names_what_differs() {
        let text = "https://tabpy.localhost:8443 pid 4711 at 2026-11-20T10:00:00.123Z took 2.3 s, plan 0123456789ab";
        let expected = "https://tabpy.localhost:[port] pid [pid] at [time] took [span], plan [digest]";
        assert_eq!(redact(text), expected);
    }

    #[test]
    fn a_command_sees_only_its_own_environment() {
        let environment = TestEnvironment::new("/usr/bin/env").with_variable("EXTRA", "1");
        let output = environment.run::<&str>(&[]).expect_code(0);
        assert!(output.redacted_stdout().contains("HOME=[environment]/home"), "{}", output.stdout);
        assert!(output.stdout.contains("EXTRA=1"));
        assert!(!output.stdout.contains("CARGO_"), "{}", output.stdout);
    }

    #[test]
    fn nothing_is_left_running() {
        let environment = TestEnvironment::new("/bin/sleep");
        let mut child = silent(environment.command(&["600"])).spawn().expect("sleep starts");
        assert!(environment.processes().contains(&child.id()));
        drop(environment);
        let status = child.wait().expect("it has ended");
        assert_eq!(status.code(), None, "ended by a signal");
    }
}
