//! What a command costs: wall-clock time, processor time and peak memory, of itself and of the
//! children that it waited for.

use crate::Result;
use crate::sandbox::Sandbox;
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The cost of one run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cost {
    pub(crate) wall_ms: f64,
    pub(crate) cpu_ms: f64,
    pub(crate) peak_mb: f64,
}

/// Runs a command a number of times and returns the median of each figure.
pub(super) fn median(runs: usize, sandbox: &Sandbox, make: impl Fn() -> Result<Command>) -> Result<Cost> {
    let costs: Result<Vec<Cost>> = (0..runs).map(|_| once(sandbox, &make()?)).collect();
    let costs = costs?;
    let middle = |figure: fn(&Cost) -> f64| middle(costs.iter().map(figure).collect());
    Ok(Cost {
        wall_ms: middle(|cost| cost.wall_ms),
        cpu_ms: middle(|cost| cost.cpu_ms),
        peak_mb: middle(|cost| cost.peak_mb),
    })
}

/// The middle one of some figures.
pub(super) fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Runs a command in a process of its own that waits for nothing else, so that what the system
/// counts for its children is this command alone.
pub(super) fn once(sandbox: &Sandbox, command: &Command) -> Result<Cost> {
    let (report, said) = (sandbox.aside("cost.json"), sandbox.aside("said"));
    let mut outer = Command::new(std::env::current_exe()?);
    outer.arg("measured").arg(&report).arg(command.get_program()).args(command.get_args());
    outer.current_dir(command.get_current_dir().unwrap_or(Path::new("."))).env_clear();
    outer.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let out = std::fs::File::create(&said)?;
    let status = outer.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).status()?;
    if !status.success() {
        let words = std::fs::read_to_string(said).unwrap_or_default();
        return Err(format!("{command:?} ended with {status}\n{words}").into());
    }
    Ok(serde_json::from_str(&std::fs::read_to_string(report)?)?)
}

/// The process in between: `xtask measured REPORT PROGRAM ARGUMENT...`.
pub(crate) fn measured(words: &[&str]) -> Result<u8> {
    let [report, program, arguments @ ..] = words else { return Err("measured REPORT PROGRAM ARGUMENT...".into()) };
    let began = Instant::now();
    let status = Command::new(program).args(arguments).status()?;
    let wall = began.elapsed();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let cost = Cost {
        wall_ms: wall.as_secs_f64() * 1e3,
        cpu_ms: (seconds(usage.user_time()) + seconds(usage.system_time())) * 1e3,
        peak_mb: usage.max_rss() as f64 * peak_unit() / 1e6,
    };
    std::fs::write(report, serde_json::to_string(&cost)?)?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(255))
}

/// The bytes that the system counts peak memory in.
fn peak_unit() -> f64 {
    if cfg!(target_os = "macos") { 1.0 } else { 1024.0 }
}

/// A line of `/proc/PID/status` in MB, as `VmRSS` or `VmHWM`.
pub(super) fn memory(pid: u32, line: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let value = status.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(':'));
    let kilobytes = value.and_then(|value| value.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    Ok(kilobytes.ok_or_else(|| format!("/proc/{pid}/status names no {line}"))? * 1024.0 / 1e6)
}

/// Asks until the answer is yes; an error that names what did not come when it never is.
pub(super) fn wait_until(what: &str, patience: Duration, ready: impl FnMut() -> bool) -> Result {
    wait_for(patience, ready).ok_or_else(|| format!("{what}: not within {} s", patience.as_secs()).into())
}

/// Asks until the answer is yes, or until patience ends.
pub(super) fn wait_for(patience: Duration, mut ready: impl FnMut() -> bool) -> Option<()> {
    let began = Instant::now();
    while !ready() {
        if began.elapsed() > patience {
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_the_median() {
        assert!((middle(vec![9.0, 1.0, 5.0]) - 5.0).abs() < f64::EPSILON);
        assert!(middle(vec![]).is_nan());
    }

    #[test]
    fn our_own_memory_can_be_read() {
        let now = memory(std::process::id(), "VmRSS").unwrap();
        let peak = memory(std::process::id(), "VmHWM").unwrap();
        assert!(now > 0.5 && peak >= now, "{now} {peak}");
    }
}
