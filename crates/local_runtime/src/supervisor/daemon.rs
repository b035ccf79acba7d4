//! The supervisor's process: takes orders on its socket, keeps programs and edges running, ends
//! in order.

use crate::disk::{self, io_fault};
use crate::folders::{Home, is_own_folder};
use crate::ownership;
use crate::processes;
use crate::supervisor::databases;
use crate::supervisor::edges::Edges;
use crate::supervisor::guard::Guard;
use crate::supervisor::program::Program;
use crate::supervisor::protocol::{Ask, PROTOCOL, Phase, ProgramOrder, Reply, Request, SupervisorStatus, TunnelOrder};
use crate::supervisor::record::{self, Record};
use crate::supervisor::ssh_servers::SshServers;
use crate::supervisor::tunnels::{self, Tunnels};
use indexmap::IndexMap;
use model::{Fault, FaultKind, NodeId};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::{Builder, Handle};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// How often the supervisor looks whether its deployment still exists and whether orphans have ended.
const TICK: Duration = Duration::from_secs(2);

/// How often certificates are looked at.
const RENEWAL: Duration = Duration::from_secs(6 * 3600);

/// How long a predecessor's guard may hold the lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// The longest line that a command may send.
const LONGEST_REQUEST: u64 = 16 << 20;

/// Runs the supervisor of a deployment until it is told to end or the deployment's folder is gone.
/// This is the body of the hidden verb by which the command starts itself again in the background;
/// `home` and `sockets` are that verb's two arguments.
///
/// # Errors
/// When another supervisor runs for this deployment, or its folder or socket cannot be used.
pub fn supervise(home: &Path, sockets: &Path) -> Result<(), Fault> {
    let home = Home::at(home.to_owned(), sockets.to_owned());
    umask(Mode::from_bits_truncate(0o077));
    // Orphans of our programs become our children, so that their end is noticed here.
    let _ = nix::sys::prctl::set_child_subreaper(true);
    // Another provider may be there already when the caller has installed it; it is the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();

    ownership::check_version(&home)?;
    let failed = |error: &std::io::Error| Fault::new(FaultKind::Bug, "starting the supervisor", error);
    let guard = Guard::start(&home).map_err(|error| failed(&error))?;
    let lock = take_lock(&home)?;
    if let Some(survivor) = record::end_survivors(&home).first() {
        return Err(Fault::new(
            FaultKind::NeedsPerson,
            "ending what an earlier supervisor left",
            format!("process {} does not end", survivor.pid),
        )
        .help(format!("see what it waits for: `ps -o pid,stat,wchan:20,args -p {}`", survivor.pid)));
    }
    let workers = |name: &str, count| {
        let runtime = Builder::new_multi_thread().worker_threads(count).thread_name(name).enable_all().build();
        runtime.map_err(|error| failed(&error))
    };
    let edges = workers("edge", 2)?;
    // What is carried by SSH goes through several tasks. To wake one on another core costs more than the work for a small
    // query does: one thread answers a tenth to a sixth more of them than two.
    let ssh = workers("ssh", 1)?;
    let main = Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
    let outcome = main.block_on(run(home, &lock, edges.handle().clone(), ssh.handle().clone()));
    for runtime in [edges, ssh] {
        runtime.shutdown_timeout(Duration::from_secs(1));
    }
    drop(guard);
    outcome
}

/// The guard of a killed predecessor may hold the lock for a moment while it ends what was left.
fn take_lock(home: &Home) -> Result<File, Fault> {
    let lock = disk::lock_file(&home.supervisor_lock())?;
    let until = Instant::now() + LOCK_PATIENCE;
    while lock.try_lock().is_err() {
        if Instant::now() > until {
            let cause = "another one runs for this deployment already";
            return Err(Fault::new(FaultKind::Locked, "starting the supervisor", cause));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(lock)
}

async fn run(home: Home, lock: &File, edges: Handle, ssh: Handle) -> Result<(), Fault> {
    let record = Arc::new(Record::begin(&home)?);
    let mut door = Door::open(&home, &record)?;
    let failed = |error: std::io::Error| Fault::new(FaultKind::Bug, "waiting for signals", error);
    let mut terminated = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    let daemon = Arc::new(Daemon {
        record,
        programs: Mutex::new(IndexMap::new()),
        ssh_servers: Mutex::new(SshServers::new(ssh.clone())),
        tunnels: Mutex::new(Tunnels::new(ssh)),
        edges: Mutex::new(Edges::new(edges)),
        ending: CancellationToken::new(),
        born: Instant::now(),
        home,
    });
    let mut renewal = tokio::time::interval(RENEWAL);
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            connection = door.listener.accept() => match connection {
                Ok((stream, _)) => {
                    tokio::spawn(daemon.clone().serve(stream));
                }
                // Out of file descriptors, most likely: it passes.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
            _ = tick.tick() => {
                reap_orphans(&daemon.record);
                if !is_ours(lock, &daemon.home.supervisor_lock()) {
                    break;
                }
                // A runtime folder goes when its user logs out, and the socket with it.
                if !door.is_there() && let Ok(again) = Door::open(&daemon.home, &daemon.record) {
                    door = again;
                }
            }
            _ = renewal.tick() => daemon.renew().await,
            // As with other servers: look again, now.
            _ = hangup.recv() => daemon.renew().await,
            _ = terminated.recv() => break,
            _ = interrupted.recv() => break,
            () = daemon.ending.cancelled() => break,
        }
    }
    drop(door.listener);
    daemon.stop_everything().await;
    // A successor may have put its own socket there.
    if identity(&door.path) == Some(door.identity) {
        let _ = fs::remove_file(&door.path);
        // Fails when other deployments have their sockets there, as it should.
        let _ = door.path.parent().map(fs::remove_dir);
    }
    if is_ours(lock, &daemon.home.supervisor_lock()) {
        disk::remove(&daemon.home.supervisor_record())?;
    }
    // The connection of whoever asked us to end is answered by the end itself: it sees it close.
    Ok(())
}

/// Whether the path still leads to the file that we hold: not removed, not replaced by a successor's.
fn is_ours(held: &File, path: &Path) -> bool {
    held.metadata().is_ok_and(|facts| identity(path) == Some((facts.dev(), facts.ino())))
}

/// Asks the kernel how orphans ended, which removes them from its table. Our programs' own processes
/// are left to those who wait for them.
fn reap_orphans(record: &Record) {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _)) = waitid(Id::All, flags) {
        if record.leads(pid.as_raw()) || waitpid(pid, Some(WaitPidFlag::WNOHANG)).is_err() {
            break;
        }
    }
}

/// The control socket.
struct Door {
    listener: UnixListener,
    path: PathBuf,
    identity: (u64, u64),
}

impl Door {
    /// Listens in the user's runtime folder, or where that is gone in the temporary one.
    fn open(home: &Home, record: &Record) -> Result<Self, Fault> {
        let door =
            Self::at(home.socket()).or_else(|fault| Self::at(home.socket_of_last_resort()).map_err(|_| fault))?;
        record.listens(&door.path);
        Ok(door)
    }

    fn at(path: PathBuf) -> Result<Self, Fault> {
        let refused = |error: &std::io::Error| io_fault("opening the control socket", &path, error);
        let folder = path.parent().unwrap_or(Path::new("/"));
        // In a shared folder somebody else may have put something in our place, a link for instance.
        if folder.symlink_metadata().is_ok() && !is_own_folder(folder) {
            return Err(refused(&std::io::ErrorKind::PermissionDenied.into()));
        }
        disk::private_folder(folder)?;
        // We hold the deployment's lock, so whoever made the socket that lies there is dead.
        disk::remove(&path)?;
        let listener = UnixListener::bind(&path).map_err(|error| refused(&error))?;
        let identity = identity(&path).ok_or_else(|| refused(&std::io::ErrorKind::NotFound.into()))?;
        Ok(Self { listener, path, identity })
    }

    fn is_there(&self) -> bool {
        identity(&self.path) == Some(self.identity)
    }
}

/// What tells a file from another one of the same name.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|facts| (facts.dev(), facts.ino()))
}

struct Daemon {
    home: Home,
    record: Arc<Record>,
    /// In the order in which they were first started.
    programs: Mutex<IndexMap<NodeId, Program>>,
    edges: Mutex<Edges>,
    ssh_servers: Mutex<SshServers>,
    tunnels: Mutex<Tunnels>,
    ending: CancellationToken,
    born: Instant,
}

impl Daemon {
    /// Answers the requests of one connection.
    async fn serve(self: Arc<Self>, stream: UnixStream) {
        let us = nix::unistd::geteuid().as_raw();
        if !stream.peer_cred().is_ok_and(|peer| peer.uid() == us || peer.uid() == 0) {
            return;
        }
        let (reader, mut writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        loop {
            let mut line = Vec::new();
            match (&mut reader).take(LONGEST_REQUEST).read_until(b'\n', &mut line).await {
                Ok(count) if count > 0 => {}
                _ => return,
            }
            let reply = match serde_json::from_slice::<Request>(&line) {
                Ok(request) if request.protocol == PROTOCOL => self.answer(request.ask, &mut writer).await,
                // What never changes its form is answered whoever asks.
                Ok(Request { ask: ask @ (Ask::Status { .. } | Ask::Shutdown), .. }) => {
                    self.answer(ask, &mut writer).await
                }
                _ => Reply::OtherProtocol(PROTOCOL),
            };
            if send(&mut writer, &reply).await.is_err() {
                return;
            }
        }
    }

    async fn answer(&self, ask: Ask, writer: &mut OwnedWriteHalf) -> Reply {
        let outcome = match ask {
            Ask::Status { memory } => return Reply::Status(Box::new(self.status(memory).await)),
            Ask::Start(order) => self.start(*order, writer).await,
            Ask::StartEdge(order) => self.edges.lock().await.start(*order).await,
            Ask::StartSshServer(order) => self.ssh_servers.lock().await.start(*order).await,
            Ask::StartTunnel(order) => self.start_tunnel(*order, writer).await,
            Ask::Stop(node) => self.stop(&node).await,
            Ask::Kill(node) => self.kill(&node).await,
            Ask::Shutdown => {
                self.ending.cancel();
                Ok("ending".to_owned())
            }
        };
        outcome.map_or_else(Reply::Fault, Reply::Done)
    }

    /// Runs a program and waits until it is ready. When the command that asked is gone, the program
    /// goes on starting: the next command finds it by its revision.
    async fn start(&self, order: ProgramOrder, writer: &mut OwnedWriteHalf) -> Result<String, Fault> {
        let node = order.node.clone();
        let patience = Duration::from_secs(u64::from(order.ready_within_seconds) + 5);
        let mut state = {
            let mut programs = self.programs.lock().await;
            let usable = programs.get(&node).filter(|program| {
                let phase = program.state.borrow().phase.clone();
                program.order.revision == order.revision && !matches!(phase, Phase::Failed | Phase::Stopped)
            });
            match usable {
                Some(program) => program.state.clone(),
                None => {
                    if let Some(before) = programs.get_mut(&node) {
                        before.ask_to_stop();
                        before.join().await;
                    }
                    let program = Program::start(order, self.home.root(), &self.record)?;
                    let state = program.state.clone();
                    programs.insert(node.clone(), program);
                    state
                }
            }
        };
        let began = Instant::now();
        let mut heartbeat = tokio::time::interval(Duration::from_secs(1));
        heartbeat.tick().await;
        loop {
            let (phase, pid, fault, seen) = {
                let now = state.borrow_and_update();
                (now.phase.clone(), now.pid, now.fault.clone(), now.seen.clone())
            };
            match phase {
                Phase::Ready => {
                    let pid = pid.map_or_else(String::new, |pid| format!("process {pid}, "));
                    return Ok(format!("{pid}ready after {:.1} s", began.elapsed().as_secs_f64()));
                }
                Phase::Ended => return Ok("ran to its end".to_owned()),
                Phase::Failed => {
                    let unknown =
                        || Fault::new(FaultKind::Bug, format!("starting {node}"), "it failed for no known reason");
                    return Err(fault.unwrap_or_else(unknown));
                }
                Phase::Stopped => {
                    return Err(Fault::new(
                        FaultKind::Interrupted,
                        format!("starting {node}"),
                        "it was stopped meanwhile",
                    ));
                }
                Phase::Starting | Phase::Pausing if began.elapsed() > patience => {
                    let cause = format!("it was not ready within {} s: {seen}", patience.as_secs());
                    return Err(Fault::new(FaultKind::Timeout, format!("starting {node}"), cause));
                }
                Phase::Starting | Phase::Pausing => {}
            }
            tokio::select! {
                changed = state.changed() => if changed.is_err() {
                    return Err(Fault::new(FaultKind::Interrupted, format!("starting {node}"), "it was stopped meanwhile"));
                },
                _ = heartbeat.tick() => {
                    let words = if seen.is_empty() { "starting".to_owned() } else { format!("starting: {seen}") };
                    // A command that is gone no longer listens; its successor will ask again.
                    let _ = send(writer, &Reply::Progress(words)).await;
                }
            }
        }
    }

    /// Opens a tunnel and waits for what becomes of it. Others are served meanwhile.
    async fn start_tunnel(&self, order: TunnelOrder, writer: &mut OwnedWriteHalf) -> Result<String, Fault> {
        let node = order.node.clone();
        let watched = self.tunnels.lock().await.start(order).await?;
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let progress = move |words| {
            // A command that is gone no longer listens; the tunnel goes on.
            let _ = told.send(words);
        };
        let mut settled = std::pin::pin!(tunnels::settle(&node, watched, &progress));
        loop {
            tokio::select! {
                outcome = &mut settled => return outcome,
                Some(words) = heard.recv() => {
                    let _ = send(writer, &Reply::Progress(words)).await;
                }
            }
        }
    }

    async fn stop(&self, node: &NodeId) -> Result<String, Fault> {
        let program = self.programs.lock().await.shift_remove(node);
        if let Some(mut program) = program {
            program.ask_to_stop();
            program.join().await;
            return Ok("stopped".to_owned());
        }
        let stopped = self.edges.lock().await.stop(node).await?
            || self.tunnels.lock().await.stop(node).await?
            || self.ssh_servers.lock().await.stop(node).await?;
        Ok(if stopped { "stopped" } else { "did not run" }.to_owned())
    }

    async fn kill(&self, node: &NodeId) -> Result<String, Fault> {
        let operation = format!("killing {node}");
        let cut = self.tunnels.lock().await.cut(node);
        if let Some(cut) = cut {
            let (before, watched) = cut?;
            return tunnels::felt(node, before, watched).await;
        }
        let state = self.programs.lock().await.get(node).map(|program| program.state.clone());
        let not_running = || Fault::new(FaultKind::Permanent, &operation, "it does not run");
        let mut state = state.ok_or_else(not_running)?;
        let pid = state.borrow().pid.ok_or_else(not_running)?;
        processes::signal_group(pid, Signal::SIGKILL);
        let gone = state.wait_for(|state| state.pid != Some(pid));
        match tokio::time::timeout(Duration::from_secs(10), gone).await {
            Ok(_) => Ok(format!("killed process {pid} and its group")),
            Err(_) => Err(Fault::new(FaultKind::Timeout, operation, format!("process {pid} does not die"))),
        }
    }

    async fn status(&self, memory: bool) -> SupervisorStatus {
        let mut programs: IndexMap<_, _> =
            self.programs.lock().await.iter().map(|(node, program)| (node.clone(), program.status())).collect();
        let pid = i32::try_from(std::process::id()).unwrap_or_default();
        if memory {
            let groups = processes::memory_by_group();
            for program in programs.values_mut() {
                program.memory_bytes = program.pid.and_then(|pid| groups.get(&pid).copied());
            }
        }
        SupervisorStatus {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid,
            uptime_seconds: self.born.elapsed().as_secs(),
            memory_bytes: memory.then(|| processes::memory(pid)),
            programs,
            edges: self.edges.lock().await.status(),
            ssh_servers: self.ssh_servers.lock().await.status(),
            tunnels: self.tunnels.lock().await.status(),
        }
    }

    /// Renews certificates that are about to end.
    async fn renew(&self) {
        self.edges.lock().await.renew().await;
        for program in self.programs.lock().await.values() {
            databases::renew(program).await;
        }
    }

    /// Edges first, so that nobody is cut off in the middle of an answer, and the ways in by SSH; then programs, the last
    /// started first.
    async fn stop_everything(&self) {
        self.edges.lock().await.stop_all().await;
        self.tunnels.lock().await.stop_all().await;
        self.ssh_servers.lock().await.stop_all().await;
        let mut programs = self.programs.lock().await;
        while let Some((_, mut program)) = programs.pop() {
            program.ask_to_stop();
            program.join().await;
        }
    }
}

async fn send(writer: &mut OwnedWriteHalf, reply: &Reply) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    writer.write_all(&line).await
}
