//! The tunnel's figures, beside OpenSSH and autossh on the same path:
//!
//! - `tunnel_bench throughput [MEGABYTES] [ROUNDS]`: bulk both ways, small questions and queries, processor time, memory
//! - `tunnel_bench memory [GIGABYTES]`: ours on both ends, after the first gigabyte and then up to all
//! - `tunnel_bench recovery CUTS`: a killed session and a restarted server, so many times
//! - `tunnel_bench outage CUTS SECONDS`: lost packets between two network namespaces (root)
//!
//! It starts itself again for the roles `server`, `forward` and `reverse`, so that each side is a process of its own, as
//! with OpenSSH. Every line that it prints is a JSON object.

mod outage;
mod peers;
mod recovery;
mod roles;
mod throughput;

use std::error::Error;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["server" | "forward" | "reverse", ..] => roles::run(&words),
        ["throughput", rest @ ..] => throughput::run(number(rest, 0, 512)?, number(rest, 1, 5)?),
        ["memory", rest @ ..] => throughput::memory(number(rest, 0, 20)?),
        ["recovery", rest @ ..] => recovery::run(number(rest, 0, 10)?),
        ["outage", rest @ ..] => outage::run(number(rest, 0, 3)?, number(rest, 1, 60)?),
        _ => Err("usage: tunnel_bench throughput|memory|recovery|outage ...".into()),
    }
}

fn number(words: &[&str], index: usize, otherwise: usize) -> Outcome<usize> {
    Ok(match words.get(index) {
        Some(word) => word.parse()?,
        None => otherwise,
    })
}

/// One line of the result.
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn say(line: &serde_json::Value) {
    println!("{line}");
}
