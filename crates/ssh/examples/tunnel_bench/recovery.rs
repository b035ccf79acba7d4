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
        let keys = Keys::new()?;
        let (port, listen, target) = (free_port()?, free_port()?, greeter()?);
        let mut sshd = Running::start(keys.sshd("127.0.0.1", port)?, &keys, "sshd")?;
        wait_until("sshd listens", PATIENCE, || listens(port))?;
        let _keeper = Running::start(keys.keeper(name, "127.0.0.1", port, listen, target)?, &keys, "keeper")?;
        wait_until("the tunnel works", PATIENCE, || greets(local(listen)))?;
        let (mut killed, mut restarted) = (Vec::new(), Vec::new());
        for _ in 0..cuts {
            std::thread::sleep(BETWEEN);
            let began = Instant::now();
            for session in children(sshd.id()) {
                children(session).into_iter().for_each(kill);
                kill(session);
            }
            wait_until("the tunnel is away", PATIENCE, || {
                !greets(local(listen)) || began.elapsed() > Duration::from_millis(50)
            })?;
            wait_until("the tunnel works again", PATIENCE, || greets(local(listen)))?;
            killed.push(began.elapsed().as_secs_f64());
        }
        for _ in 0..cuts {
            std::thread::sleep(BETWEEN);
            let sessions: Vec<u32> =
                children(sshd.id()).into_iter().flat_map(|id| [children(id), vec![id]].concat()).collect();
            // The listener first, or somebody gets a new session in between.
            drop(sshd);
            sessions.into_iter().for_each(kill);
            std::thread::sleep(AWAY);
            sshd = Running::start(keys.sshd("127.0.0.1", port)?, &keys, "sshd")?;
            wait_until("sshd listens", PATIENCE, || listens(port))?;
            restarted.push(wait_until("the tunnel works again", PATIENCE, || greets(local(listen)))?.as_secs_f64());
        }
        for (what, figures) in [("session killed", killed), ("server away for 3 s, from its return on", restarted)] {
            let (median, worst) = summary(figures);
            say(
                &json!({ "cut": what, "keeper": name, "median_s": rounded(median), "worst_s": rounded(worst), "cuts": cuts }),
            );
        }
    }
    Ok(())
}

pub(crate) fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
