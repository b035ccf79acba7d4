//! The running deployment: how long `up` takes, and what it costs to leave it running.

use super::Report;
use super::measure::{Cost, median, memory, middle, once, wait_for, wait_until};
use super::table::{Figures, Promise, Row};
use crate::Result;
use crate::sandbox::{Sandbox, cache};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const BLUEPRINT: &str = "blueprints/tabpy";
const RUNS: usize = 11;
const STARTS: usize = 5;

pub(super) fn measure(sandbox: &Sandbox, report: &mut Report) -> Result {
    // The first time fetches the packages; it is none of the figures.
    once(sandbox, &sandbox.landfall(["up", BLUEPRINT])?)?;

    let cost = median(RUNS, sandbox, || sandbox.landfall(["up", BLUEPRINT]))?;
    let promise = Promise::at_most(cost.wall_ms, 150.0, "150 ms");
    let name = "up with nothing to change".to_owned();
    report.row(Row { group: "again", name, runs: RUNS, figures: cost.into(), promise: Some(promise) });

    let idle = supervisor(sandbox)?;
    std::thread::sleep(Duration::from_secs(3));
    let figures = Figures { peak_mb: Some(memory(idle, "VmRSS")?), ..Figures::default() };
    let promise = Promise::at_most(figures.peak_mb.unwrap_or(f64::NAN), 25.0, "25 MB");
    let name = "supervisor with its edge, idle".to_owned();
    report.row(Row { group: "idle", name, runs: 1, figures, promise: Some(promise) });

    let ours: Result<Vec<Cost>> = (0..STARTS)
        .map(|_| {
            once(sandbox, &sandbox.landfall(["down", BLUEPRINT, "--yes"])?)?;
            once(sandbox, &sandbox.landfall(["up", BLUEPRINT])?)
        })
        .collect();
    let ours = ours?;
    let alone: Result<Vec<f64>> = (0..STARTS).map(|_| Ok(tabpy_alone(sandbox)?.as_secs_f64() * 1e3)).collect();
    let alone = middle(alone?);
    let wall = middle(ours.iter().map(|cost| cost.wall_ms).collect());
    let figures = Figures {
        wall_ms: Some(wall),
        cpu_ms: Some(middle(ours.iter().map(|cost| cost.cpu_ms).collect())),
        peak_mb: Some(middle(ours.iter().map(|cost| cost.peak_mb).collect())),
        ..Figures::default()
    };
    let promise = Promise::at_most(wall, alone + 1_500.0, "TabPy's own start + 1.5 s");
    let name = "up to verified, packages cached".to_owned();
    report.row(Row { group: "start", name, runs: STARTS, figures, promise: Some(promise) });
    let figures = Figures { wall_ms: Some(alone), ..Figures::default() };
    let name = "TabPy alone, until it answers".to_owned();
    report.row(Row { group: "start", name, runs: STARTS, figures, promise: None });
    once(sandbox, &sandbox.landfall(["down", BLUEPRINT, "--yes"])?)?;
    Ok(())
}

/// The supervisor of the sandbox's one deployment, found by its arguments and its home.
fn supervisor(sandbox: &Sandbox) -> Result<u32> {
    let home = sandbox.home().to_string_lossy().into_owned();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
        let (line, surroundings) = (read("cmdline"), read("environ"));
        let line = String::from_utf8_lossy(&line);
        let words: Vec<&str> = line.split('\0').collect();
        let ours = String::from_utf8_lossy(&surroundings).contains(&home) || line.contains(&home);
        if words.get(1) == Some(&"supervise") && ours {
            return Ok(pid);
        }
    }
    Err("no supervisor runs".into())
}

/// TabPy from the same environment, with nothing around it: from its start until its port answers.
fn tabpy_alone(sandbox: &Sandbox) -> Result<Duration> {
    let program = tabpy()?;
    let folder = sandbox.aside("alone");
    std::fs::create_dir_all(&folder)?;
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let at = folder.display();
    let settings =
        format!("[TabPy]\nTABPY_PORT = {port}\nTABPY_QUERY_OBJECT_PATH = {at}/objects\nTABPY_STATE_PATH = {at}\n");
    std::fs::write(folder.join("tabpy.conf"), settings)?;
    std::fs::write(
        folder.join("state.ini"),
        "[Service Info]\nName = TabPy\nDescription = \nCreation Time = 0\nAccess-Control-Allow-Origin = \nAccess-Control-Allow-Headers = \nAccess-Control-Allow-Methods = \n\n[Query Objects Service Versions]\n\n[Query Objects Docstrings]\n\n[Meta]\nRevision Number = 1\n",
    )?;
    let mut command = sandbox.command(program)?;
    command.arg(format!("--config={at}/tabpy.conf")).arg("--disable-auth-warning").current_dir(&folder);
    let began = Instant::now();
    let _child = Ended(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    wait_until("TabPy alone", Duration::from_secs(60), || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())?;
    Ok(began.elapsed())
}

/// TabPy's program in the cached environment.
fn tabpy() -> Result<PathBuf> {
    let environments = std::fs::read_dir(cache()?.join("landfall/python"))?.flatten();
    let mut programs = environments.flat_map(|entry| {
        ["bin/tabpy", "venv/bin/tabpy", "environment/bin/tabpy"].map(|program| entry.path().join(program))
    });
    Ok(programs.find(|program| program.is_file()).ok_or("no cached environment has TabPy")?)
}

/// A child that does not outlive its owner.
pub(super) struct Ended(pub(super) Child);

impl Drop for Ended {
    fn drop(&mut self) {
        if self.0.stdin.take().is_some()
            && wait_for(Duration::from_secs(3), || matches!(self.0.try_wait(), Ok(Some(_)))).is_some()
        {
            return;
        }
        // Politely first: a server with workers takes them along only when it is asked.
        let pid = nix::unistd::Pid::from_raw(self.0.id().cast_signed());
        let asked = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let gone = || matches!(self.0.try_wait(), Ok(Some(_)));
        if asked.is_err() || wait_for(Duration::from_secs(3), gone).is_none() {
            // It may have ended by itself in between; then there is nothing to kill.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}
