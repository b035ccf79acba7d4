//! A program that is kept running: start, readiness, restart with growing pauses, stop.

use crate::database;
use crate::processes;
use crate::supervisor::backoff::Backoff;
use crate::supervisor::child::Child;
use crate::supervisor::log::{Log, Rotation};
use crate::supervisor::protocol::{Phase, ProgramOrder, ProgramStatus};
use crate::supervisor::readiness;
use crate::supervisor::record::Record;
use model::process_graph::RestartPolicy;
use model::{Fault, FaultKind};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How often memory is looked at.
const MEMORY_INTERVAL: Duration = Duration::from_secs(2);

/// A program that is kept running.
pub(crate) struct Program {
    pub(crate) order: Arc<ProgramOrder>,
    pub(crate) state: watch::Receiver<State>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// What a program is doing.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) pid: Option<i32>,
    pub(crate) started: Option<Instant>,
    pub(crate) restarts: u32,
    pub(crate) last_end: Option<String>,
    /// Why it could not be started.
    pub(crate) fault: Option<Fault>,
    /// What the last question about its readiness showed.
    pub(crate) seen: String,
}

impl Program {
    /// Starts a program and keeps it running.
    pub(crate) fn start(order: ProgramOrder, home: &Path, record: &Arc<Record>) -> Result<Self, Fault> {
        let log = Arc::new(Mutex::new(Log::open(order.log.clone(), Rotation::USUAL)?));
        let order = Arc::new(order);
        let stop = CancellationToken::new();
        let (sender, state) = watch::channel(State {
            phase: Phase::Starting,
            pid: None,
            started: None,
            restarts: 0,
            last_end: None,
            fault: None,
            seen: String::new(),
        });
        let keeper = Keeper {
            order: order.clone(),
            home: home.to_owned(),
            log,
            state: sender,
            stop: stop.clone(),
            record: record.clone(),
        };
        Ok(Self { order, state, stop, task: tokio::spawn(keeper.keep()) })
    }

    /// Asks the program to stop; `join` waits until it has.
    pub(crate) fn ask_to_stop(&self) {
        self.stop.cancel();
    }

    /// Waits until nothing of the program is left.
    pub(crate) async fn join(&mut self) {
        let _ = (&mut self.task).await;
    }

    /// How it is.
    pub(crate) fn status(&self) -> ProgramStatus {
        let state = self.state.borrow();
        ProgramStatus {
            component: self.order.component.clone(),
            phase: state.phase.clone(),
            pid: state.pid,
            uptime_seconds: state.started.map(|started| started.elapsed().as_secs()),
            restarts: state.restarts,
            last_end: state.last_end.clone(),
            memory_bytes: None,
            ports: self.order.ports.clone(),
        }
    }
}

/// Why a life of the program ended.
enum End {
    Stopped,
    Exited(ExitStatus),
    NotReady(String),
    TooMuchMemory(u64),
    NotStarted(Fault),
}

struct Keeper {
    order: Arc<ProgramOrder>,
    home: std::path::PathBuf,
    log: Arc<Mutex<Log>>,
    state: watch::Sender<State>,
    stop: CancellationToken,
    record: Arc<Record>,
}

impl Keeper {
    /// One life after the other. Until the program was ready once, a failure is told to whoever
    /// started it, and not tried again: nobody would see it flap.
    async fn keep(self) {
        let mut backoff = Backoff::default();
        let mut proved = false;
        loop {
            let born = Instant::now();
            let end = self.live(&mut proved).await;
            let words = in_words(&end);
            let again = match &end {
                End::Stopped => {
                    self.change(|state| state.phase = Phase::Stopped);
                    return;
                }
                End::Exited(status) => match self.order.restart {
                    RestartPolicy::Always => true,
                    RestartPolicy::OnFailure => !status.success(),
                    RestartPolicy::Never => false,
                },
                End::NotReady(_) | End::TooMuchMemory(_) | End::NotStarted(_) => {
                    self.order.restart != RestartPolicy::Never
                }
            };
            self.log().note(&format!("{words}{}", if again && proved { "; it is started again" } else { "" }));
            let finished = matches!(&end, End::Exited(status) if status.success()) && !again;
            if !proved && !finished {
                let fault = self.fault(end);
                self.change(|state| {
                    state.phase = Phase::Failed;
                    state.last_end = Some(words);
                    state.fault = Some(fault);
                });
                return;
            }
            self.change(|state| {
                state.phase = if again { Phase::Pausing } else { Phase::Ended };
                state.last_end = Some(words);
            });
            if !again {
                return;
            }
            let mut chance = [0];
            crate::secrets::random(&mut chance);
            let pause = backoff.pause(born.elapsed(), chance[0]);
            tokio::select! {
                () = self.stop.cancelled() => {
                    self.change(|state| state.phase = Phase::Stopped);
                    return;
                }
                () = sleep(pause) => self.change(|state| state.restarts += 1),
            }
        }
    }

    /// From the start of the process until nothing of its group is left.
    async fn live(&self, proved: &mut bool) -> End {
        self.log().forget();
        if let Some(served) = &self.order.database {
            database::remove_stale_locks(&served.data, Some(&served.socket));
        }
        let mut child = match Child::spawn(&self.order, &self.home, &self.log) {
            Ok(child) => child,
            Err(fault) => return End::NotStarted(fault),
        };
        let group = child.group();
        self.record.started(&self.order.node, group);
        self.change(|state| {
            state.phase = Phase::Starting;
            state.pid = Some(group);
            state.started = Some(Instant::now());
        });
        let seen = Mutex::new("it does not answer".to_owned());
        let mut ready = false;
        let end = {
            let told = |what: String| {
                self.state.send_if_modified(|state| {
                    state.seen.clone_from(&what);
                    false
                });
                *seen.lock().unwrap_or_else(PoisonError::into_inner) = what;
            };
            let patience = Duration::from_secs(self.order.ready_within_seconds.into());
            let getting_ready = timeout(patience, readiness::wait(&self.order, group, told));
            tokio::pin!(getting_ready);
            loop {
                tokio::select! {
                    biased;
                    () = self.stop.cancelled() => break End::Stopped,
                    status = child.wait() => match status {
                        Ok(status) => break End::Exited(status),
                        Err(error) => break End::NotStarted(Fault::new(FaultKind::Bug, format!("waiting for {}", self.order.node), error)),
                    },
                    outcome = &mut getting_ready, if !ready => match outcome {
                        Ok(()) => {
                            ready = true;
                            *proved = true;
                            self.change(|state| state.phase = Phase::Ready);
                        }
                        Err(_) => break End::NotReady(seen.lock().unwrap_or_else(PoisonError::into_inner).clone()),
                    },
                    bytes = self.memory_above_limit(group) => break End::TooMuchMemory(bytes),
                }
            }
        };
        match &end {
            End::Exited(_) | End::NotStarted(_) => child.bury().await,
            _ => {
                if matches!(end, End::Stopped) {
                    self.change(|state| state.phase = Phase::Stopped);
                }
                child.stop(self.order.stop_signal, Duration::from_secs(self.order.stop_grace_seconds.into())).await
            }
        };
        self.record.ended(&self.order.node);
        self.change(|state| {
            state.pid = None;
            state.started = None;
        });
        end
    }

    /// Ends when the group uses more memory than it may; never without a limit.
    async fn memory_above_limit(&self, group: i32) -> u64 {
        let Some(limit) = self.order.memory_limit else { return std::future::pending().await };
        loop {
            sleep(MEMORY_INTERVAL).await;
            let used = processes::group_memory(group);
            if used > limit {
                return used;
            }
        }
    }

    fn fault(&self, end: End) -> Fault {
        let operation = format!("starting {}", self.order.node);
        let logs = format!("`landfall logs {}` shows all that it said", self.order.component);
        let fault = match end {
            End::NotStarted(fault) => return fault,
            End::NotReady(seen) => Fault::new(
                FaultKind::Timeout,
                operation,
                format!("it was not ready within {} s: {seen}", self.order.ready_within_seconds),
            )
            .help(format!("{logs}; if it only needs longer, raise `health.timeout`")),
            other => Fault::new(FaultKind::Permanent, operation, format!("{} before it was ready", in_words(&other)))
                .help(logs),
        };
        fault.log_tail(self.log().tail())
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        self.state.send_modify(change);
    }
}

fn in_words(end: &End) -> String {
    match end {
        End::Stopped => "stopped".to_owned(),
        End::Exited(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("ended with status {code}"),
            (None, Some(signal)) => {
                let name =
                    nix::sys::signal::Signal::try_from(signal).map_or_else(|_| signal.to_string(), |it| it.to_string());
                format!("killed by {name}")
            }
            (None, None) => "ended".to_owned(),
        },
        End::NotReady(seen) => format!("was not ready in time: {seen}"),
        End::TooMuchMemory(bytes) => format!("used {} MiB of memory, more than its limit", bytes >> 20),
        End::NotStarted(fault) => fault.cause.clone(),
    }
}
