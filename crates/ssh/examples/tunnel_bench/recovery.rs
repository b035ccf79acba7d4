//! How long a reverse tunnel is away after a cut.

use crate::peers::{Keys, Running, children, free_port, greeter, greets, kill, listens, local, summary, wait_until};
use crate::{Outcome, say};
use serde_json::json;
use std::time::{Duration, Instant};

pub(crate) const KEEPERS: [&str; 3] = ["landfall", "autossh", "systemd + ssh"];
/// How long the restarted server is away.
const AWAY: Duration = Duration::from_secs(3);
/// How long the tunnel is left alone between two cuts.
const BETWEEN: Duration = Duration::from_millis(2200);
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn run(cuts: usize) -> Outcome {
    for name in KEEPERS {
        // A new keeper for each kind of cut: autossh remembers how often its ssh ended soon.
        for (cut, measure) in
            [("session killed", killed as Measure), ("server away for 3 s, from its return on", restarted)]
        {
            let keys = Keys::new()?;
            let (port, listen, target) = (free_port()?, free_port()?, greeter()?);
            let mut sshd = start(&keys, port)?;
            let _keeper = Running::start(keys.keeper(name, "127.0.0.1", port, listen, target)?, &keys, "keeper")?;
            wait_until("the tunnel works", PATIENCE, || greets(local(listen)))?;
            let mut figures = Vec::new();
            for _ in 0..cuts {
                std::thread::sleep(BETWEEN);
                figures.push(measure(&mut sshd, &keys, port, listen)?.as_secs_f64());
            }
            let (median, worst) = summary(figures);
            say(
                &json!({ "cut": cut, "keeper": name, "median_s": rounded(median), "worst_s": rounded(worst), "cuts": cuts }),
            );
        }
    }
    Ok(())
}

type Measure = fn(&mut Option<Running>, &Keys, u16, u16) -> Outcome<Duration>;

fn start(keys: &Keys, port: u16) -> Outcome<Option<Running>> {
    let sshd = Running::start(keys.sshd("127.0.0.1", port)?, keys, "sshd")?;
    wait_until("sshd listens", PATIENCE, || listens(port))?;
    Ok(Some(sshd))
}

/// The processes of a server's sessions.
fn sessions(sshd: Option<&Running>) -> Vec<u32> {
    let first = sshd.map(|sshd| children(sshd.id())).unwrap_or_default();
    first.into_iter().flat_map(|id| [children(id), vec![id]].concat()).collect()
}

fn killed(sshd: &mut Option<Running>, _: &Keys, _: u16, listen: u16) -> Outcome<Duration> {
    let began = Instant::now();
    sessions(sshd.as_ref()).into_iter().for_each(kill);
    // Who is quick may be back before this looks.
    let quick = Duration::from_millis(50);
    wait_until("the tunnel is away", PATIENCE, || !greets(local(listen)) || began.elapsed() > quick)?;
    wait_until("the tunnel works again", PATIENCE, || greets(local(listen)))?;
    Ok(began.elapsed())
}

fn restarted(sshd: &mut Option<Running>, keys: &Keys, port: u16, listen: u16) -> Outcome<Duration> {
    let open = sessions(sshd.as_ref());
    // The listener first, or somebody gets a new session in between.
    *sshd = None;
    open.into_iter().for_each(kill);
    std::thread::sleep(AWAY);
    *sshd = start(keys, port)?;
    wait_until("the tunnel works again", PATIENCE, || greets(local(listen)))
}

pub(crate) fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
