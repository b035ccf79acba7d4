//! The stock server, started for a test.

use crate::support::{Running, eventually, free_port, key, local};
use ssh::{ClientConfig, ClientLimits, HostKeys, Identity, PrivateKey};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tokio::net::TcpStream;

/// A server on a port of its own, with a folder of its own. Whoever it lets in is the user who runs the test.
pub(crate) struct Sshd {
    program: PathBuf,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) port: u16,
    pub(crate) host_key: PrivateKey,
    running: Option<Running>,
}

impl Sshd {
    /// Starts it with further lines of configuration.
    pub(crate) async fn start(program: &Path, lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, host_key) = (free_port(), key());
        // Where it separates its privileges when root runs it.
        let _ = std::fs::create_dir_all("/run/sshd");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("host"), host_key.to_openssh().unwrap().expose()).unwrap();
        std::fs::set_permissions(path("host"), std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(path("keys"), "").unwrap();
        let configuration = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n{lines}\n",
            path("host").display(),
            path("keys").display(),
        );
        std::fs::write(path("config"), configuration).unwrap();
        let mut sshd = Self { program: program.to_owned(), folder, port, host_key, running: None };
        sshd.resume().await;
        sshd
    }

    /// Starts it again after [`Sshd::halt`].
    pub(crate) async fn resume(&mut self) {
        let mut command = Command::new(&self.program);
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        command.args(["-D", "-e", "-f"]).arg(self.folder.path().join("config"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.running = Some(Running::start(command));
        let port = self.port;
        eventually("sshd listens", async || TcpStream::connect(local(port)).await.ok()).await;
    }

    /// Ends its listener; sessions go on, as with `systemctl restart ssh`.
    pub(crate) fn halt(&mut self) {
        self.running = None;
    }

    /// The processes of its sessions.
    pub(crate) fn sessions(&self) -> Vec<i32> {
        let Some(running) = &self.running else { return Vec::new() };
        let parent = running.id();
        let children = format!("/proc/{parent}/task/{parent}/children");
        std::fs::read_to_string(children).unwrap_or_default().split_whitespace().map(|id| id.parse().unwrap()).collect()
    }

    /// Says who may log in, as a line of `authorized_keys`.
    pub(crate) fn authorize(&self, line: &str) {
        std::fs::write(self.folder.path().join("keys"), format!("{line}\n")).unwrap();
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn client(&self, key: &PrivateKey) -> ClientConfig {
        ClientConfig {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            user: whoami(),
            host_keys: HostKeys::pinned(&self.host_key.public().to_string(), "the test").unwrap(),
            identities: vec![Identity::Key { key: key.clone(), origin: "the test".to_owned() }],
            limits: ClientLimits::default(),
        }
    }
}

fn whoami() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Kills a process of sshd.
pub(crate) fn kill(id: i32) {
    let killed = Command::new("kill").args(["-9", &id.to_string()]).status().unwrap();
    assert!(killed.success());
}
