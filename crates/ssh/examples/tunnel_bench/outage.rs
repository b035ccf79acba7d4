//! How long a reverse tunnel is away after packets were lost for a while: two network namespaces, and a filter between them.

use crate::peers::{Keys, Running, free_port, greeter, summary, wait_until};
use crate::recovery::{KEEPERS, PATIENCE, rounded};
use crate::{Outcome, say};
use serde_json::json;
use std::process::Command;
use std::time::Duration;

/// Where sshd is, in a namespace of its own.
const VENDOR: &str = "10.213.0.1";
const NEAR: &str = "10.213.0.2";

/// A namespace with a wire to it; both go when this does.
struct Namespace(String);

impl Namespace {
    fn new() -> Outcome<Self> {
        let name = format!("lfb{}", std::process::id());
        let made = Self(name.clone());
        let (near, far) = (format!("{name}n"), format!("{name}f"));
        for words in [
            format!("netns add {name}"),
            format!("link add {near} type veth peer name {far} netns {name}"),
            format!("addr add {NEAR}/30 dev {near}"),
            format!("link set {near} up"),
            format!("-n {name} addr add {VENDOR}/30 dev {far}"),
            format!("-n {name} link set {far} up"),
            format!("-n {name} link set lo up"),
        ] {
            program("/usr/sbin/ip", &words)?;
        }
        Ok(made)
    }

    fn command(&self, inner: &Command) -> Command {
        let mut command = Command::new("/usr/sbin/ip");
        command.args(["netns", "exec", &self.0]).arg(inner.get_program()).args(inner.get_args());
        command
    }

    fn lose_packets(&self, lose: bool) -> Outcome {
        let rules = if lose {
            "add table inet cut; add chain inet cut in { type filter hook input priority 0; }; add rule inet cut in iifname != lo drop; \
             add chain inet cut out { type filter hook output priority 0; }; add rule inet cut out oifname != lo drop"
        } else {
            "delete table inet cut"
        };
        let status = Command::new("/usr/sbin/ip").args(["netns", "exec", &self.0, "/usr/sbin/nft", rules]).status()?;
        if status.success() { Ok(()) } else { Err("nft failed".into()) }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = program("/usr/sbin/ip", &format!("netns del {}", self.0));
    }
}

fn program(path: &str, words: &str) -> Outcome {
    let status = Command::new(path).args(words.split_whitespace()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{path} {words}: {status}").into()) }
}

pub(crate) fn run(cuts: usize, seconds: usize) -> Outcome {
    let lost = Duration::from_secs(seconds as u64);
    let vendor = Namespace::new()?;
    // All at once: they share the wire and the outage.
    let mut scenes = Vec::new();
    for name in KEEPERS {
        let keys = Keys::new()?;
        let (port, listen, target) = (free_port()?, free_port()?, greeter()?);
        let sshd = Running::start(vendor.command(&keys.sshd(VENDOR, port)?), &keys, "sshd")?;
        std::thread::sleep(Duration::from_millis(500));
        let keeper = Running::start(keys.keeper(name, VENDOR, port, listen, target)?, &keys, "keeper")?;
        scenes.push((name, listen, Vec::new(), keys, sshd, keeper));
    }
    let works = |listen: u16| -> bool {
        // Asked where the vendor is.
        let question = format!("exec 3<>/dev/tcp/127.0.0.1/{listen} && head -c 4 <&3");
        let mut inner = Command::new("/usr/bin/timeout");
        inner.args(["0.5", "/bin/bash", "-c", &question]);
        vendor.command(&inner).output().is_ok_and(|output| output.stdout == crate::peers::GREETING)
    };
    for (_, listen, ..) in &scenes {
        wait_until("the tunnel works", PATIENCE, || works(*listen))?;
    }
    for _ in 0..cuts {
        std::thread::sleep(Duration::from_secs(3));
        vendor.lose_packets(true)?;
        std::thread::sleep(lost);
        vendor.lose_packets(false)?;
        let began = std::time::Instant::now();
        let mut open: Vec<usize> = (0..scenes.len()).collect();
        while !open.is_empty() && began.elapsed() < PATIENCE * 2 {
            open.retain(|&index| {
                let back = works(scenes[index].1);
                if back {
                    scenes[index].2.push(began.elapsed().as_secs_f64());
                }
                !back
            });
        }
        for index in open {
            scenes[index].2.push(f64::INFINITY);
        }
    }
    for (name, _, figures, ..) in scenes {
        let (median, worst) = summary(figures);
        let cut = format!("{seconds} s of lost packets, from their end on");
        say(
            &json!({ "cut": cut, "keeper": name, "median_s": rounded(median), "worst_s": rounded(worst), "cuts": cuts }),
        );
    }
    Ok(())
}
