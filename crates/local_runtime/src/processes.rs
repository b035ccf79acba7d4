//! What the kernel says about processes (`/proc`), and ending whole groups of them.

use model::NodeId;
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpid, getppid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::{Duration, Instant};

/// The variable that marks every process of a deployment; its value is the deployment's folder.
pub(crate) const MARK: &str = "LANDFALL_DEPLOYMENT_HOME";

/// The variable that says which program of the deployment a process belongs to.
pub(crate) const PROGRAM_MARK: &str = "LANDFALL_PROGRAM";

/// The start of a process in clock ticks since boot: with its id it names one process for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct StartTime(u64);

/// A line of the process table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) state: char,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    pub(crate) started: StartTime,
}

impl Process {
    /// One process, when it is there.
    pub(crate) fn find(pid: i32) -> Option<Self> {
        Self::parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// All processes.
    pub(crate) fn all() -> Vec<Self> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        entries.flatten().filter_map(|entry| Self::find(entry.file_name().to_str()?.parse().ok()?)).collect()
    }

    /// The name may hold spaces and parentheses: the fields start behind the last `)`.
    fn parse(pid: i32, stat: &str) -> Option<Self> {
        let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
        Some(Self {
            pid,
            state: fields.next()?.chars().next()?,
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
            session: fields.next()?.parse().ok()?,
            started: StartTime(fields.nth(15)?.parse().ok()?),
        })
    }

    /// Whether it has ended and only waits for its parent to ask how.
    pub(crate) fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    /// Whether the process carries the mark of a deployment, or of one of its programs.
    pub(crate) fn is_marked(&self, home: &str, program: Option<&NodeId>) -> bool {
        let Ok(environment) = fs::read(format!("/proc/{}/environ", self.pid)) else { return false };
        let has = |mark: String| environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes());
        has(format!("{MARK}={home}")) && program.is_none_or(|node| has(format!("{PROGRAM_MARK}={node}")))
    }

    /// The command line for people, shortened; secrets never stand in arguments.
    pub(crate) fn command(pid: i32) -> String {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut text = String::from_utf8_lossy(&line).replace('\0', " ").trim().to_owned();
        if text.is_empty() {
            text = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned();
        }
        if text.chars().count() > 80 {
            text = text.chars().take(79).chain(['…']).collect();
        }
        text
    }
}

/// Resident memory of each process group in bytes.
pub(crate) fn memory_by_group() -> BTreeMap<i32, u64> {
    let mut groups = BTreeMap::new();
    for process in Process::all() {
        *groups.entry(process.group).or_default() += memory(process.pid);
    }
    groups
}

/// Resident memory of one process group in bytes.
pub(crate) fn group_memory(group: i32) -> u64 {
    Process::all().iter().filter(|process| process.group == group).map(|process| memory(process.pid)).sum()
}

/// Resident memory of one process in bytes: `VmRSS` of its status, in kB.
pub(crate) fn memory(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Sends a signal to a whole group. A group that is gone is fine.
pub(crate) fn signal_group(group: i32, signal: Signal) {
    if group > 1 {
        let _ = killpg(Pid::from_raw(group), signal);
    }
}

/// Sends a signal to a process. One that is gone is fine.
pub(crate) fn signal_process(pid: i32, signal: Signal) {
    if pid > 1 {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Sends SIGKILL to a process. One that is gone is fine.
pub(crate) fn kill_process(pid: i32) {
    signal_process(pid, Signal::SIGKILL);
}

/// Whether somebody in a group still lives.
pub(crate) fn group_lives(group: i32) -> bool {
    match killpg(Pid::from_raw(group), None) {
        Err(Errno::ESRCH) => false,
        // Ended processes that nobody has waited for count as members too, so look closer.
        _ => Process::all().iter().any(|process| process.group == group && !process.is_zombie()),
    }
}

/// Lets the kernel kill a process that is about to be started when the thread that starts it dies,
/// however it dies.
#[expect(unsafe_code, reason = "the only way to run something between fork and exec")]
pub(crate) fn die_with_parent(command: &mut tokio::process::Command) {
    let parent = getpid();
    // SAFETY: the closure only makes system calls that are allowed between fork and exec, and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            // The parent may have died before the line above.
            if getppid() == parent { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
        });
    }
}

/// Ends processes that a dead supervisor left: SIGTERM, a moment, SIGKILL. Returns when all are gone.
pub(crate) fn end(find: impl Fn() -> Vec<Process>, patience: Duration) -> Vec<Process> {
    let mut left = find();
    for process in &left {
        let _ = kill(Pid::from_raw(process.pid), Signal::SIGTERM);
    }
    let polite_until = Instant::now() + patience;
    let until = polite_until + Duration::from_secs(3);
    while !left.is_empty() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
        left = find();
        if Instant::now() > polite_until {
            for process in &left {
                kill_process(process.pid);
            }
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let line = "42 (a) b (c) S 1 40 39 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 777 4096 12 18446744073709551615";
        let process = Process::parse(42, line).unwrap();
        assert_eq!((process.parent, process.group, process.session), (1, 40, 39));
        assert_eq!(process.started, StartTime(777));
        assert_eq!(Process::parse(1, "1 (half"), None);
    }

    #[test]
    fn finds_itself() {
        let me = Process::find(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(memory(me.pid) > 0 && !me.is_zombie());
    }
}
