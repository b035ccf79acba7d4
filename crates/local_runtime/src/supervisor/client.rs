//! Talking to a deployment's supervisor, and starting it when it does not run.

use crate::Variables;
use crate::disk::{self, io_fault};
use crate::folders::{Home, is_own_folder};
use crate::supervisor::protocol::{Ask, PROTOCOL, Reply, Request, SupervisorStatus};
use crate::supervisor::record;
use model::{Fault, FaultKind};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

/// How to start the supervisor: this program with these arguments, followed by the deployment's
/// folder and the folder of control sockets.
#[derive(Debug, Clone)]
pub struct SupervisorCommand {
    /// The program, usually `std::env::current_exe()`.
    pub program: PathBuf,
    /// The hidden verb that calls [`crate::supervise`].
    pub arguments: Vec<OsString>,
}

/// How long a supervisor may take until it answers. It may first have to end what a killed one left.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// How long a supervisor may take to say how it is.
const STATUS_PATIENCE: Duration = Duration::from_secs(10);

/// How long an orderly end may take: the drain of edges and the grace of every program, within reason.
const END_PATIENCE: Duration = Duration::from_secs(180);

/// The way to a deployment's supervisor.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    home: Home,
    /// Held while a supervisor is started: steps run side by side, and a second one would wait for the first one's end.
    starting: Arc<Mutex<()>>,
}

impl Client {
    pub(crate) fn new(home: Home) -> Self {
        Self { home, starting: Arc::default() }
    }

    /// How everything is; none when no supervisor runs.
    pub(crate) async fn status(&self, memory: bool) -> Result<Option<SupervisorStatus>, Fault> {
        let answer = timeout(STATUS_PATIENCE, self.ask_for_status(memory)).await.map_err(|_| {
            let pid =
                record::supervisor(&self.home).map_or_else(|| "PID".to_owned(), |process| process.pid.to_string());
            Fault::new(
                FaultKind::Timeout,
                "asking the supervisor how it is",
                format!("it does not answer within {} s", STATUS_PATIENCE.as_secs()),
            )
            .help(format!("if it stays so, end it with `kill -9 {pid}`; the next `landfall up` heals what it ran"))
        })?;
        match answer? {
            None => Ok(None),
            Some(Reply::Status(status)) => Ok(Some(*status)),
            Some(_) => Err(self.misunderstood("asking the supervisor how it is")),
        }
    }

    /// A supervisor that dies while it is asked breaks the connection off: ask again, and find nobody.
    async fn ask_for_status(&self, memory: bool) -> Result<Option<Reply>, Fault> {
        loop {
            match self.ask(Ask::Status { memory }, &|_| {}).await {
                Err(fault) if fault.kind == FaultKind::Transient => sleep(Duration::from_millis(50)).await,
                answer => return answer,
            }
        }
    }

    /// Asks for something to be done; none when no supervisor runs.
    pub(crate) async fn order(
        &self,
        ask: Ask,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Option<String>, Fault> {
        match self.ask(ask, progress).await? {
            None => Ok(None),
            Some(Reply::Done(words)) => Ok(Some(words)),
            Some(Reply::Fault(fault)) => Err(fault),
            Some(_) => Err(self.misunderstood("giving an order to the supervisor")),
        }
    }

    /// Starts the supervisor unless it runs already.
    pub(crate) async fn ensure_running(&self, command: &SupervisorCommand, variables: &Variables) -> Result<(), Fault> {
        let _starting = self.starting.lock().await;
        match self.status(false).await? {
            Some(status) if status.protocol == PROTOCOL && self.is_ours(status.pid) => return Ok(()),
            Some(_) => self.shut_down().await?,
            None => self.end_unreachable().await?,
        }
        if self.status(false).await?.is_some() {
            return Ok(());
        }
        let log = self.home.supervisor_log();
        disk::private_folder(&self.home.logs())?;
        let output = File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&log)
            .map_err(|error| io_fault("opening the log", &log, &error))?;
        let mut start = Command::new(&command.program);
        start
            .args(&command.arguments)
            .arg(self.home.root())
            .arg(self.home.sockets())
            .env_clear()
            .envs(["PATH", "HOME", "LANG", "TZ"].iter().filter_map(|name| Some((name, variables.get(name)?))))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output);
        leave_session(&mut start);
        let mut child = start.spawn().map_err(|error| {
            Fault::new(FaultKind::Bug, format!("starting the supervisor {}", command.program.display()), error)
        })?;
        drop(start);
        let until = Instant::now() + START_PATIENCE;
        loop {
            if self.status(false).await?.is_some() {
                return Ok(());
            }
            let ended = child.try_wait().ok().flatten();
            if let Some(status) = ended.filter(|status| !status.success()) {
                return Err(self.not_started(format!("it ended at once ({status})")));
            }
            if Instant::now() > until {
                return Err(self.not_started(format!("it does not answer within {} s", START_PATIENCE.as_secs())));
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends the supervisor with all that it runs and waits until it is gone. None running is fine.
    pub(crate) async fn shut_down(&self) -> Result<(), Fault> {
        let supervisor = record::supervisor(&self.home);
        // It may end before its answer is on the way, which is an answer too.
        if matches!(self.ask(Ask::Shutdown, &|_| {}).await, Ok(None)) {
            return Ok(());
        }
        let until = Instant::now() + END_PATIENCE;
        let ended = || match &supervisor {
            Some(process) => crate::processes::Process::find(process.pid)
                .is_none_or(|now| now.started != process.started || now.is_zombie()),
            // A killed one leaves its socket behind, on which nobody answers any more.
            None => std::os::unix::net::UnixStream::connect(self.socket()).is_err(),
        };
        while !ended() {
            if Instant::now() > until {
                return Err(Fault::new(
                    FaultKind::Timeout,
                    "ending the supervisor",
                    format!("it still runs after {} s", END_PATIENCE.as_secs()),
                ));
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Whether the supervisor that answers wrote the record that lies in the deployment's folder. One
    /// that did not is about to end: its own folder was removed, and this one is new.
    fn is_ours(&self, pid: i32) -> bool {
        record::supervisor(&self.home).is_some_and(|process| process.pid == pid)
    }

    /// A supervisor that lives but cannot be reached (its socket was removed) opens a new one soon;
    /// when it does not, it is ended like anyone who asks it politely would.
    async fn end_unreachable(&self) -> Result<(), Fault> {
        let Some(process) = record::supervisor(&self.home) else { return Ok(()) };
        let until = Instant::now() + Duration::from_secs(4);
        while Instant::now() < until {
            if self.status(false).await?.is_some() || record::supervisor(&self.home).is_none() {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(process.pid), nix::sys::signal::Signal::SIGTERM);
        while record::supervisor(&self.home).is_some() && Instant::now() < until + END_PATIENCE {
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn socket(&self) -> PathBuf {
        record::socket(&self.home).unwrap_or_else(|| self.home.socket())
    }

    /// Sends one request and reads to the end of its answer; none when nobody listens.
    async fn ask(&self, ask: Ask, progress: &(dyn Fn(&str) + Send + Sync)) -> Result<Option<Reply>, Fault> {
        let path = self.socket();
        let us = nix::unistd::geteuid().as_raw();
        let mut stream = match UnixStream::connect(&path).await {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(error) => return Err(io_fault("connecting to the control socket", &path, &error)),
        };
        // In a shared folder somebody else could lie in wait: what we say holds secrets.
        let folder = path.parent().unwrap_or(&path);
        if !is_own_folder(folder) || !stream.peer_cred().is_ok_and(|peer| peer.uid() == us) {
            return Err(Fault::new(
                FaultKind::Permission,
                format!("connecting to the control socket {}", path.display()),
                "it belongs to another user",
            )
            .help("run landfall as the user who brought the deployment up"));
        }
        let lost = |error: &dyn std::fmt::Display| {
            Fault::new(FaultKind::Transient, "talking to the supervisor", error)
                .help("run `landfall up` again; it starts the supervisor when it does not run")
        };
        let mut line = serde_json::to_vec(&Request { protocol: PROTOCOL, ask }).map_err(|error| lost(&error))?;
        line.push(b'\n');
        stream.write_all(&line).await.map_err(|error| lost(&error))?;
        let mut lines = BufReader::new(stream).lines();
        while let Some(line) = lines.next_line().await.map_err(|error| lost(&error))? {
            match serde_json::from_str(&line).map_err(|error| lost(&error))? {
                Reply::Progress(words) => progress(&words),
                reply => return Ok(Some(reply)),
            }
        }
        Err(lost(&"it ended before it answered"))
    }

    fn misunderstood(&self, operation: &str) -> Fault {
        Fault::new(FaultKind::IncompatibleState, operation, "it is of another version of landfall")
            .help("run `landfall up`; it replaces the supervisor")
    }

    fn not_started(&self, cause: String) -> Fault {
        let log = self.home.supervisor_log();
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let tail = lines.get(lines.len().saturating_sub(10)..).unwrap_or_default().to_vec();
        Fault::new(FaultKind::Permanent, "starting the supervisor", cause)
            .help(format!("see {}", log.display()))
            .log_tail(tail)
    }
}

/// Gives the process a session of its own: closing the terminal does not end it, Ctrl-C does not reach it.
#[expect(unsafe_code, reason = "the only way to run something between fork and exec")]
fn leave_session(command: &mut Command) {
    // SAFETY: the closure makes one system call that is allowed between fork and exec, and allocates nothing.
    unsafe {
        command.pre_exec(|| nix::unistd::setsid().map(drop).map_err(io::Error::from));
    }
}
