//! The programs that are measured: ours, OpenSSH's, autossh, and what systemd does around ssh.

use crate::Outcome;
use ssh::PrivateKey;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A folder with keys for everybody.
pub(crate) struct Keys {
    folder: tempfile::TempDir,
}

impl Keys {
    pub(crate) fn new() -> Outcome<Self> {
        let keys = Self { folder: tempfile::tempdir()? };
        for name in ["host", "id"] {
            let key = PrivateKey::generate()?;
            keys.write(name, key.to_openssh()?.expose())?;
            keys.write(&format!("{name}.pub"), &format!("{}\n", key.public()))?;
        }
        Ok(keys)
    }

    fn write(&self, name: &str, text: &str) -> Outcome {
        fs::write(self.path(name), text)?;
        Ok(fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600))?)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The stock server.
    pub(crate) fn sshd(&self, host: &str, port: u16) -> Outcome<Command> {
        let _ = fs::create_dir_all("/run/sshd");
        let configuration = format!(
            "ListenAddress {host}:{port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nMaxSessions 200\n",
            self.path("host").display(),
            self.path("id.pub").display(),
        );
        self.write("sshd_config", &configuration)?;
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(self.path("sshd_config"));
        Ok(command)
    }

    /// The words for the stock client.
    pub(crate) fn ssh(&self, host: &str, port: u16, way: &[&str]) -> Outcome<Vec<String>> {
        let line = fs::read_to_string(self.path("host.pub"))?;
        self.write("known_hosts", &format!("[{host}]:{port} {line}"))?;
        let mut words: Vec<String> = ["-F", "/dev/null", "-N", "-T", "-i"].map(str::to_owned).into();
        words.push(self.path("id").display().to_string());
        for option in [
            "BatchMode=yes".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            "ExitOnForwardFailure=yes".to_owned(),
            "ServerAliveInterval=10".to_owned(),
            "ServerAliveCountMax=3".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            format!("UserKnownHostsFile={}", self.path("known_hosts").display()),
        ] {
            words.extend(["-o".to_owned(), option]);
        }
        words.extend(["-p".to_owned(), port.to_string()]);
        words.extend(way.iter().map(|&word| word.to_owned()));
        words.push(format!("root@{host}"));
        Ok(words)
    }

    pub(crate) fn ours(&self, role: &str, words: &[String]) -> Outcome<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(role).arg(self.folder()).args(words);
        Ok(command)
    }

    /// Who keeps a reverse tunnel open, by name.
    pub(crate) fn keeper(&self, name: &str, host: &str, port: u16, listen: u16, target: u16) -> Outcome<Command> {
        let way = format!("127.0.0.1:{listen}:127.0.0.1:{target}");
        let words = self.ssh(host, port, &["-R", &way])?;
        Ok(match name {
            "landfall" => {
                let words = [host.to_owned(), port.to_string(), listen.to_string(), target.to_string()];
                self.ours("reverse", &words)?
            }
            "autossh" => {
                let mut command = Command::new("/usr/bin/autossh");
                command.args(["-M", "0"]).args(words).env("AUTOSSH_GATETIME", "0");
                command
            }
            // What a unit with Restart=always and RestartSec=5 does.
            "systemd + ssh" => {
                let mut command = Command::new("/bin/sh");
                command.args(["-c", "while :; do /usr/bin/ssh \"$@\"; sleep 5; done", "loop"]).args(words);
                command
            }
            other => return Err(format!("nobody is called {other}").into()),
        })
    }
}

/// A program with all that it starts; it is ended with them.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(mut command: Command, keys: &Keys, name: &str) -> Outcome<Self> {
        let log = fs::File::options().create(true).append(true).open(keys.path(&format!("{name}.log")))?;
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        Self::begin(command)
    }

    /// Starts it with the inputs and outputs that it has.
    pub(crate) fn begin(mut command: Command) -> Outcome<Self> {
        Ok(Self(command.process_group(0).spawn()?))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// The most memory it ever had, in MB.
    pub(crate) fn peak_mb(&self) -> Outcome<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
        let kilobytes: f64 = line.split_whitespace().next().ok_or("no number")?.parse()?;
        Ok(kilobytes / 1024.0)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Its own group: itself and what it started.
        let _ = Command::new("/bin/kill").args(["-9", "--", &format!("-{}", self.id())]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

/// The processes that one has started.
pub(crate) fn children(id: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|id| id.parse().ok()).collect()
}

/// The processor time of a process and of all that it has started, in seconds.
pub(crate) fn cpu_s(id: u32) -> f64 {
    /// What Linux counts a second in.
    const TICKS: f64 = 100.0;
    let text = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // After the name, which may hold blanks: the state, ten more, then times of user, system and of ended children.
    let after = text.rsplit(')').next().unwrap_or_default();
    let own: f64 = after.split_whitespace().skip(11).take(4).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    own / TICKS + children(id).into_iter().map(cpu_s).sum::<f64>()
}

pub(crate) fn kill(id: u32) {
    let _ = Command::new("/bin/kill").args(["-9", &id.to_string()]).stderr(Stdio::null()).status();
}

pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

pub(crate) fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind(local(0))?.local_addr()?.port())
}

/// A target that says what it is, to whoever comes.
pub(crate) const GREETING: &[u8] = b"here";

pub(crate) fn greeter() -> Outcome<u16> {
    let listener = TcpListener::bind(local(0))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        while let Ok((mut socket, _)) = listener.accept() {
            let _ = socket.write_all(GREETING);
        }
    });
    Ok(port)
}

/// Whether a greeting comes through.
pub(crate) fn greets(address: SocketAddr) -> bool {
    use std::io::Read as _;
    let Ok(mut socket) = TcpStream::connect_timeout(&address, Duration::from_millis(500)) else { return false };
    let _ = socket.set_read_timeout(Some(Duration::from_millis(500)));
    let mut heard = [0; GREETING.len()];
    socket.read_exact(&mut heard).is_ok() && heard == *GREETING
}

pub(crate) fn wait_until(what: &str, limit: Duration, mut look: impl FnMut() -> bool) -> Outcome<Duration> {
    let begin = Instant::now();
    while !look() {
        if begin.elapsed() > limit {
            return Err(format!("waited {}s in vain until {what}", limit.as_secs()).into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(begin.elapsed())
}

pub(crate) fn listens(port: u16) -> bool {
    TcpStream::connect_timeout(&local(port), Duration::from_millis(200)).is_ok()
}

/// The middle and the worst.
pub(crate) fn summary(mut figures: Vec<f64>) -> (f64, f64) {
    figures.sort_by(f64::total_cmp);
    let middle = figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN);
    (middle, figures.last().copied().unwrap_or(f64::NAN))
}
