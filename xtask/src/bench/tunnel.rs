//! SSH forwards and tunnels beside OpenSSH and autossh, on the same machine and path.

use super::Report;
use super::table::{Figures, Promise, Row};
use crate::Result;
use crate::shell::Shell;
use serde_json::Value;
use std::path::Path;

const MEGABYTES: u32 = 256;
const ROUNDS: u32 = 5;
const GIGABYTES: u32 = 20;
const CUTS: u32 = 5;
/// Seconds of lost packets.
const LOST: u32 = 60;
/// How many MB more than after the first gigabyte count as flat: what an allocator may round.
const FLAT: f64 = 3.0;

/// Each path with the one that it is compared with: the same, but for one end that is OpenSSH's.
const BASES: [(&str, &str); 3] = [
    ("landfall, sshd", "ssh -L, sshd"),
    ("ssh -L, landfall", "ssh -L, sshd"),
    ("landfall, landfall", "ssh -L, landfall"),
];

pub(super) fn measure(target: &Path, report: &mut Report) -> Result {
    for program in ["/usr/sbin/sshd", "/usr/bin/ssh", "/usr/bin/autossh"] {
        if !Path::new(program).exists() {
            report.skip(format!("tunnels beside OpenSSH: {program} is not installed (Debian: openssh-server autossh)"));
            return Ok(());
        }
    }
    Shell::cargo(["build", "--release", "--locked", "--quiet", "-p", "landfall-ssh", "--example", "tunnel_bench"])
        .run()?;
    let run = |words: &[String]| -> Result<Vec<Value>> {
        let program = target.join("release/examples/tunnel_bench");
        let said = Shell::new(&program, words.iter().cloned()).output()?;
        said.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    };
    let words = |words: &[&dyn ToString]| -> Vec<String> { words.iter().map(|word| word.to_string()).collect() };
    throughput(&run(&words(&[&"throughput", &MEGABYTES, &ROUNDS]))?, report);
    memory(&run(&words(&[&"memory", &GIGABYTES]))?, report);
    recovery(&run(&words(&[&"recovery", &CUTS]))?, report);
    match run(&words(&[&"outage", &1, &LOST])) {
        Ok(lines) => recovery(&lines, report),
        Err(fault) => report.skip(format!("tunnels while packets are lost: {fault} (root, iproute2, nft)")),
    }
    Ok(())
}

fn throughput(lines: &[Value], report: &mut Report) {
    let of = |path: &str, key: &str| lines.iter().find(|line| line["path"] == path).and_then(|line| line[key].as_f64());
    let promise = |path: &str, key: &str| {
        let (_, base) = BASES.iter().find(|(ours, _)| *ours == path)?;
        let (base_figure, figure) = (of(base, key)?, of(path, key)?);
        Some(Promise::at_most(base_figure * 0.9, figure, format!("0.9 of {base}")))
    };
    for (group, key, name) in
        [("forward, down", "down_mb_s", "to the client"), ("forward, up", "up_mb_s", "from the client")]
    {
        for line in lines {
            let path = line["path"].as_str().unwrap_or_default();
            let figures = Figures {
                wall_ms: line[key].as_f64().map(|rate| f64::from(MEGABYTES) / rate * 1000.0),
                // Of both ways together, as it is counted.
                cpu_ms: line["cpu_s_a_gb"].as_f64().map(|seconds| seconds * 1000.0),
                peak_mb: highest(&line["peak_mb"]),
                ..Figures::default()
            };
            let name = format!("{path}: {MEGABYTES} MB {name} (CPU: 1 GB, both ends)");
            report.row(Row { group, name, runs: ROUNDS as usize, figures, promise: promise(path, key) });
        }
    }
    let queries = [
        ("questions", "questions_s", "questions of 100 bytes, one after the other"),
        ("pgbench", "pgbench_tps", "pgbench -S, 8 clients (CPU: 1,000 queries, both ends)"),
        ("sysbench", "sysbench_tps", "sysbench oltp_point_select, 8 threads"),
    ];
    for (group, key, name) in queries {
        for line in lines.iter().filter(|line| line[key].is_number()) {
            let path = line["path"].as_str().unwrap_or_default();
            let cpu = line["cpu_ms_a_query"].as_f64().filter(|_| key == "pgbench_tps");
            let figures = Figures {
                requests_per_second: line[key].as_f64(),
                cpu_ms: cpu.map(|milliseconds| milliseconds * 1000.0),
                ..Figures::default()
            };
            let name = format!("{path}: {name}");
            report.row(Row { group, name, runs: ROUNDS as usize, figures, promise: promise(path, key) });
        }
    }
}

/// The most of what several processes had.
fn highest(peaks: &Value) -> Option<f64> {
    peaks.as_object()?.values().filter_map(Value::as_f64).reduce(f64::max)
}

fn memory(lines: &[Value], report: &mut Report) {
    let first = lines.first().and_then(|line| highest(&line["peak_mb"]));
    for line in lines {
        let peak_mb = highest(&line["peak_mb"]);
        let promise = first.zip(peak_mb).map(|(first, peak)| Promise::at_most(peak, first + FLAT, "flat"));
        let name = format!("landfall, landfall: after {} GB", line["after_gb"]);
        let figures = Figures { peak_mb, ..Figures::default() };
        report.row(Row { group: "memory", name, runs: 1, figures, promise });
    }
}

fn recovery(lines: &[Value], report: &mut Report) {
    for line in lines {
        let seconds = |line: &Value, key: &str| line[key].as_f64().map(|seconds| seconds * 1000.0);
        let figures =
            Figures { wall_ms: seconds(line, "median_s"), p99_ms: seconds(line, "worst_s"), ..Figures::default() };
        let text = |key: &str| line[key].as_str().unwrap_or_default();
        let others = lines.iter().filter(|other| other["cut"] == line["cut"] && other["keeper"] != "landfall");
        let better = others.filter_map(|other| seconds(other, "median_s")).reduce(f64::min);
        let promise = match (text("keeper"), better, figures.wall_ms) {
            ("landfall", Some(better), Some(own)) => Some(Promise::at_most(own, better, "the better of the others")),
            _ => None,
        };
        let name = format!("{}: back after: {} (p99: worst)", text("keeper"), text("cut"));
        let runs = line["cuts"].as_u64().unwrap_or_default();
        let runs = usize::try_from(runs).unwrap_or_default();
        report.row(Row { group: "recovery", name, runs, figures, promise });
    }
}
