//! What a supervisor runs, written down, so that the next one finds what a killed one left.

use crate::disk;
use crate::folders::Home;
use crate::processes::{self, Process, StartTime};
use indexmap::IndexMap;
use model::{Fault, NodeId};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long survivors get between the polite and the final signal.
const SURVIVOR_GRACE: Duration = Duration::from_secs(3);

#[derive(Default, Serialize, Deserialize)]
struct Content {
    /// The session of the supervisor: all its programs are in it.
    session: i32,
    supervisor: Option<Leader>,
    /// Where it listens: another shell may have other XDG variables.
    #[serde(default)]
    socket: Option<PathBuf>,
    programs: IndexMap<NodeId, Leader>,
}

/// The first process of a group.
#[derive(Serialize, Deserialize)]
struct Leader {
    pid: i32,
    started: StartTime,
}

impl Leader {
    fn of(pid: i32) -> Option<Self> {
        Some(Self { pid, started: Process::find(pid)?.started })
    }

    /// Whether a process is one of this leader's group and not of a later one with the same number.
    fn leads(&self, process: &Process, session: i32) -> bool {
        let led = process.group == self.pid && process.session == session && process.started >= self.started;
        led && (process.pid != self.pid || process.started == self.started)
    }
}

/// The record of a living supervisor.
pub(crate) struct Record {
    path: PathBuf,
    content: Mutex<Content>,
}

impl Record {
    /// Begins the record of this process.
    pub(crate) fn begin(home: &Home) -> Result<Self, Fault> {
        let me = i32::try_from(std::process::id()).unwrap_or_default();
        let session = Process::find(me).map_or(0, |process| process.session);
        let content = Content { session, supervisor: Leader::of(me), socket: None, programs: IndexMap::new() };
        disk::write_json(&home.supervisor_record(), &content)?;
        Ok(Self { path: home.supervisor_record(), content: Mutex::new(content) })
    }

    /// The supervisor listens on a socket.
    pub(crate) fn listens(&self, socket: &Path) {
        self.change(|content| content.socket = Some(socket.to_owned()));
    }

    /// A program was started.
    pub(crate) fn started(&self, node: &NodeId, pid: i32) {
        self.change(|content| {
            if let Some(leader) = Leader::of(pid) {
                content.programs.insert(node.clone(), leader);
            }
        });
    }

    /// A program and its whole group has ended.
    pub(crate) fn ended(&self, node: &NodeId) {
        self.change(|content| {
            content.programs.shift_remove(node);
        });
    }

    /// Whether a process is the first one of a program that runs.
    pub(crate) fn leads(&self, pid: i32) -> bool {
        let content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        content.programs.values().any(|leader| leader.pid == pid)
    }

    fn change(&self, change: impl FnOnce(&mut Content)) {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut content);
        // On a full disk the record is stale; the mark in each process's environment finds them still.
        let _ = disk::write_json(&self.path, &*content);
    }
}

/// The processes of a deployment: those that its supervisor wrote down and those that carry its mark.
pub(crate) fn members(home: &Home) -> Vec<Process> {
    let content: Content = disk::read_json(&home.supervisor_record()).ok().flatten().unwrap_or_default();
    let mark = home.root().to_string_lossy().into_owned();
    let me = i32::try_from(std::process::id()).unwrap_or_default();
    let is_member = |process: &Process| {
        let recorded = || content.programs.values().any(|leader| leader.leads(process, content.session));
        !process.is_zombie() && process.pid != me && (recorded() || process.is_marked(&mark, None))
    };
    Process::all().into_iter().filter(is_member).collect()
}

/// The supervisor that wrote the record, when it still lives.
pub(crate) fn supervisor(home: &Home) -> Option<Process> {
    let content: Content = disk::read_json(&home.supervisor_record()).ok().flatten()?;
    let recorded = content.supervisor?;
    Process::find(recorded.pid).filter(|process| process.started == recorded.started && !process.is_zombie())
}

/// Where the supervisor that wrote the record listens.
pub(crate) fn socket(home: &Home) -> Option<PathBuf> {
    disk::read_json::<Content>(&home.supervisor_record()).ok().flatten()?.socket
}

/// Ends what a killed supervisor left. Returns what could not be ended.
pub(crate) fn end_survivors(home: &Home) -> Vec<Process> {
    processes::end(|| members(home), SURVIVOR_GRACE)
}
