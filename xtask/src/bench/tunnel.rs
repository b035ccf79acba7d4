//! SSH forwards and tunnels beside OpenSSH and autossh, on the same machine and path.

use super::Report;
use super::table::{Figures, Promise, Row};
use crate::Result;
use crate::shell::Shell;
use serde_json::Value;
use std::path::Path;

const MEGABYTES: u32 = 256;
const ROUNDS: u32 = 5;
const CUTS: u32 = 5;
/// Seconds of lost packets.
const LOST: u32 = 60;
/// Both ends of OpenSSH: what all others are compared with.
const BASE: &str = "ssh -L, sshd";

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
    recovery(&run(&words(&[&"recovery", &CUTS]))?, report);
    match run(&words(&[&"outage", &1, &LOST])) {
        Ok(lines) => recovery(&lines, report),
        Err(fault) => report.skip(format!("tunnels while packets are lost: {fault} (root, iproute2, nft)")),
    }
    Ok(())
}

fn throughput(lines: &[Value], report: &mut Report) {
    let base = lines.iter().find(|line| line["path"] == BASE).and_then(|line| line["down_mb_s"].as_f64());
    for line in lines {
        let name = line["path"].as_str().unwrap_or_default();
        let down = line["down_mb_s"].as_f64();
        let promise = match (base, down) {
            (Some(base), Some(down)) if name != BASE => {
                Some(Promise::at_most(base * 0.9, down, "0.9 of OpenSSH's bulk".to_owned()))
            }
            _ => None,
        };
        let peak =
            line["peak_mb"].as_object().and_then(|peaks| peaks.values().filter_map(Value::as_f64).reduce(f64::max));
        let figures = Figures {
            wall_ms: down.map(|down| f64::from(MEGABYTES) / down * 1000.0),
            requests_per_second: line["pgbench_tps"].as_f64().or_else(|| line["questions_s"].as_f64()),
            peak_mb: peak,
            ..Figures::default()
        };
        let name = format!("{name}: {MEGABYTES} MB, small queries");
        report.row(Row { group: "forward", name, runs: ROUNDS as usize, figures, promise });
    }
}

fn recovery(lines: &[Value], report: &mut Report) {
    for line in lines {
        let seconds = |key: &str| line[key].as_f64().map(|seconds| seconds * 1000.0);
        let figures = Figures { wall_ms: seconds("median_s"), p99_ms: seconds("worst_s"), ..Figures::default() };
        let text = |key: &str| line[key].as_str().unwrap_or_default();
        let name = format!("{}: back after: {} (p99: worst)", text("keeper"), text("cut"));
        let runs = line["cuts"].as_u64().unwrap_or_default();
        report.row(Row {
            group: "recovery",
            name,
            runs: usize::try_from(runs).unwrap_or_default(),
            figures,
            promise: None,
        });
    }
}
