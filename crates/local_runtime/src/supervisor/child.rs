//! One process of a program: started in its own group with its output captured, ended with all
//! that it started.

use crate::processes::{self, MARK, PROGRAM_MARK, Process};
use crate::supervisor::log::Log;
use crate::supervisor::protocol::ProgramOrder;
use model::process_graph::StopSignal;
use model::{Fault, FaultKind, NodeId};
use nix::sys::signal::Signal;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// A running process with its group.
pub(crate) struct Child {
    process: tokio::process::Child,
    group: i32,
    output: JoinHandle<()>,
    mark: String,
    node: NodeId,
}

impl Child {
    /// Starts a program.
    pub(crate) fn spawn(order: &ProgramOrder, home: &Path, log: &Arc<Mutex<Log>>) -> Result<Self, Fault> {
        let operation = format!("starting {}", order.node);
        let (program, arguments) = order
            .command
            .split_first()
            .ok_or_else(|| Fault::new(FaultKind::Permanent, &operation, "the command is empty"))?;
        let mark = home.to_string_lossy().into_owned();
        let started = (|| {
            let (reader, writer) = io::pipe()?;
            let mut command = tokio::process::Command::new(program);
            command
                .args(arguments)
                .env_clear()
                .envs(&order.environment)
                .env(MARK, &mark)
                .env(PROGRAM_MARK, order.node.as_str())
                .current_dir(&order.working_directory)
                .stdin(Stdio::null())
                .stdout(writer.try_clone()?)
                .stderr(writer)
                .process_group(0)
                .kill_on_drop(true);
            processes::die_with_parent(&mut command);
            let process = command.spawn()?;
            Ok((process, pipe::Receiver::from_owned_fd(reader.into())?))
        })();
        let (process, reader) = started.map_err(|error: io::Error| refusal(&operation, program, order, &error))?;
        let group = process.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default();
        let output = tokio::spawn(keep_output(reader, log.clone()));
        Ok(Self { process, group, output, mark, node: order.node.clone() })
    }

    /// The id of its process group, which is that of its first process.
    pub(crate) fn group(&self) -> i32 {
        self.group
    }

    /// Waits until the first process has ended.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// Asks the group to end, gives it some time, then ends what is left.
    pub(crate) async fn stop(mut self, signal: StopSignal, grace: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + grace;
        match signal {
            StopSignal::Terminate => processes::signal_group(self.group, Signal::SIGTERM),
            StopSignal::Interrupt => processes::signal_process(self.group, Signal::SIGINT),
        }
        let status = timeout(grace, self.process.wait()).await.ok().and_then(Result::ok);
        while Instant::now() < until && processes::group_lives(self.group) {
            sleep(Duration::from_millis(20)).await;
        }
        self.bury().await.or(status)
    }

    /// Ends whatever is left of the group, and what left the group but carries the program's mark.
    pub(crate) async fn bury(mut self) -> Option<ExitStatus> {
        let until = Instant::now() + Duration::from_secs(5);
        let mut status = None;
        loop {
            processes::signal_group(self.group, Signal::SIGKILL);
            for process in Process::all() {
                if !process.is_zombie() && process.is_marked(&self.mark, Some(&self.node)) {
                    processes::kill_process(process.pid);
                }
            }
            if status.is_none() {
                status = timeout(Duration::from_secs(1), self.process.wait()).await.ok().and_then(Result::ok);
            }
            let lives = |process: &Process| {
                !process.is_zombie() && (process.group == self.group || process.is_marked(&self.mark, Some(&self.node)))
            };
            if !Process::all().iter().any(lives) || Instant::now() > until {
                break;
            }
            sleep(Duration::from_millis(10)).await;
        }
        // All writers are gone, so the rest of the output comes at once.
        let _ = timeout(Duration::from_millis(500), &mut self.output).await;
        self.output.abort();
        status
    }
}

/// Reads a program's output until its last writer is gone.
async fn keep_output(mut reader: pipe::Receiver, log: Arc<Mutex<Log>>) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        match reader.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                log.lock().unwrap_or_else(PoisonError::into_inner).write(bytes);
            }
        }
    }
}

fn refusal(operation: &str, program: &str, order: &ProgramOrder, error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound if !order.working_directory.is_dir() => Fault::new(
            FaultKind::Permanent,
            operation,
            format!("its working directory {} does not exist", order.working_directory.display()),
        ),
        io::ErrorKind::NotFound => {
            Fault::new(FaultKind::NeedsPerson, operation, format!("there is no program `{program}`"))
                .help("correct the first word of `command`, or install the program")
        }
        io::ErrorKind::PermissionDenied => {
            Fault::new(FaultKind::NeedsPerson, operation, format!("`{program}` may not be executed"))
                .help(format!("make it executable: chmod +x {program}"))
        }
        _ => Fault::new(FaultKind::Permanent, operation, format!("`{program}`: {error}")),
    }
}
