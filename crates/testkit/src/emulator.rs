//! Emulators of AWS by others, over HTTP: ministack (with the types that it lacks) and moto.
//!
//! They are Python programs in a folder of the user's cache; `LANDFALL_INSTALL_GATES=1` installs them there. Where they are not, tests
//! say so and end.

use serde_json::Value;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What is installed. Each release emulates something else, so that their versions are pinned.
const PACKAGES: &[&str] = &["ministack==1.5.33", "moto[server]==5.2.5", "boto3==1.43.106", "cryptography==50.0.2"];
const CLOUD: &str = include_str!("emulator/cloud.py");
/// Ends the program when the test that started it is gone, however it went.
const WATCH: &str = "
import os, sys, threading, time
def watch(parent=os.getppid()):
    while os.getppid() == parent: time.sleep(0.5)
    os._exit(0)
threading.Thread(target=watch, daemon=True).start()
";
/// A busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(60);
const ATTEMPTS: usize = 3;

/// An emulator that runs until this is dropped.
#[derive(Debug)]
pub struct Emulator {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
    python: PathBuf,
}

/// The account in which tests work.
pub const ACCOUNT: &str = "123456789012";

impl Emulator {
    /// ministack with all types that templates of Landfall hold; `None`, said aloud, where it is not installed.
    ///
    /// # Panics
    /// When it is installed and does not start.
    #[must_use]
    pub fn ministack(variables: &[(&str, &str)]) -> Option<Self> {
        Self::start("script, sys.argv[1:] = sys.argv[1], []\nrunpy.run_path(script, run_name='__main__')", variables)
    }

    /// moto; `None`, said aloud, where it is not installed.
    ///
    /// # Panics
    /// When it is installed and does not start.
    #[must_use]
    pub fn moto() -> Option<Self> {
        Self::start("sys.argv[1:] = ['-H', '127.0.0.1', '-p', sys.argv[2]]\nfrom moto.server import main\nmain()", &[])
    }

    fn start(program: &str, variables: &[(&str, &str)]) -> Option<Self> {
        let python = python()?;
        let mut log = String::new();
        for _ in 0..ATTEMPTS {
            let folder = tempfile::Builder::new().prefix("landfall-emulator-").tempdir().expect("a temporary folder");
            let script = folder.path().join("cloud.py");
            std::fs::write(&script, CLOUD).expect("the emulator's script");
            // Somebody else may take the port before the emulator does; then it ends, and another is taken.
            let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|it| it.local_addr()).expect("a free port").port();
            let output = File::create(folder.path().join("log")).expect("a log");
            let child = Command::new(&python)
                .args(["-c", &format!("{WATCH}import runpy\n{program}")])
                .arg(&script)
                .arg(port.to_string())
                .current_dir(folder.path())
                .env("GATEWAY_PORT", port.to_string())
                .env("BIND_HOST", "127.0.0.1")
                .env("MINISTACK_HOST", "127.0.0.1")
                .env("IOT_MTLS_ENABLED", "0")
                .env("PERSIST_STATE", "0")
                .env("STATE_DIR", folder.path())
                .env("TMPDIR", folder.path())
                .envs(variables.iter().copied())
                .stdin(Stdio::null())
                .stdout(output.try_clone().expect("a log"))
                .stderr(output)
                .spawn()
                .expect("a Python that starts");
            let mut emulator =
                Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)), folder, python: python.clone() };
            if emulator.answers() {
                return Some(emulator);
            }
            log = std::fs::read_to_string(emulator.folder.path().join("log")).unwrap_or_default();
        }
        panic!("no emulator starts: {log}");
    }

    fn answers(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if self.child.try_wait().expect("a child").is_some() {
                return false;
            }
            if self.http("GET", "/_ministack/health").is_some() {
                return true;
            }
            thread::sleep(Duration::from_millis(50));
        }
        false
    }

    /// Its address, as `http://127.0.0.1:4566`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The variables with which AWS's tools, and Landfall, use it.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.url()),
            ("AWS_ACCESS_KEY_ID", ACCOUNT.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "not-a-secret".to_owned()),
            ("AWS_DEFAULT_REGION", "us-west-2".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("NO_PROXY", "127.0.0.1".to_owned()),
            ("LANDFALL_NAME_SERVER", self.address.to_string()),
        ]
    }

    /// Runs a piece of Python in which `client("ec2")` is boto3's client of a service; returns what it leaves in `answer`.
    ///
    /// # Panics
    /// When it fails, with its words.
    #[must_use]
    pub fn ask(&self, script: &str) -> Value {
        let script = format!(
            "import boto3, json\ndef client(name): return boto3.client(name)\n{script}\nprint(json.dumps(answer, default=str))"
        );
        let output = Command::new(&self.python)
            .args(["-c", &script])
            .envs(self.variables())
            .env_remove("AWS_PROFILE")
            .env("AWS_CONFIG_FILE", self.folder.path().join("none"))
            .output()
            .expect("a Python that starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("an answer")
    }

    /// The calls that came since the last time they were forgotten, as `DescribeStacks` or `secretsmanager.PutSecretValue`. Of ministack only.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        serde_json::from_str(&self.http("GET", "/_landfall/calls").expect("an answer")).expect("a list of calls")
    }

    /// Lets the next change of a resource of this type fail. Of ministack only.
    pub fn fail_next(&self, resource_type: &str) {
        self.http("PUT", &format!("/_landfall/fail/{resource_type}"));
    }

    /// Forgets the calls.
    pub fn forget_calls(&self) {
        self.http("DELETE", "/_landfall/calls");
    }

    fn http(&self, method: &str, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The Python that has the emulators.
fn python() -> Option<PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
            let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
            let folder = base.join("landfall-gates/emulators");
            let python = folder.join("bin/python");
            if !has_all(&python) && std::env::var_os("LANDFALL_INSTALL_GATES").is_some() {
                install(&folder);
            }
            if has_all(&python) {
                return Some(python);
            }
            let mut out = std::io::stderr().lock();
            let _ = writeln!(
                out,
                "skipped: there are no emulators of AWS; LANDFALL_INSTALL_GATES=1 installs them into {}",
                folder.display()
            );
            None
        })
        .clone()
}

fn has_all(python: &Path) -> bool {
    let versions = PACKAGES.iter().filter_map(|package| {
        let (name, version) = package.split_once("==")?;
        Some(format!("assert v('{}') == '{version}'", name.split('[').next()?))
    });
    let script = format!("from importlib.metadata import version as v\n{}", versions.collect::<Vec<_>>().join("\n"));
    let mut command = Command::new(python);
    command.args(["-c", &script]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn install(folder: &Path) {
    let _ = Command::new("python3").args(["-m", "venv"]).arg(folder).status();
    let _ = Command::new(folder.join("bin/pip")).args(["install", "--quiet"]).args(PACKAGES).status();
}
