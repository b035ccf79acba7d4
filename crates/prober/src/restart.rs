//! Whether a killed program comes back in time.

use crate::answer::Answer;
use crate::ask::Asker;
use engine::ports::Running;
use model::NodeId;
use model::probe::Question;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(50);

/// Kills a program and asks whether it lives until it does or the time is over.
pub(crate) async fn restart<R: Running>(
    asker: &Asker<'_, R>,
    program: &NodeId,
    within_seconds: u32,
    alive: &Question,
) -> Answer {
    let expected = format!("{program} answers again within {within_seconds} s after it was killed");
    match asker.ask(alive).await {
        Answer::Holds { .. } => {}
        Answer::Fails { seen, .. } => {
            return Answer::fails(expected, format!("not killed, since it did not answer before either: {seen}"));
        }
        waits @ Answer::Waits { .. } => return waits,
    }
    if let Err(fault) = asker.running.kill(program).await {
        return Answer::fails(expected, fault.to_string());
    }
    let killed = Instant::now();
    let deadline = killed + Duration::from_secs(u64::from(within_seconds));
    match until_good(asker, alive, deadline).await {
        Ok(()) => Answer::holds(format!("answers again after {:.1} s", killed.elapsed().as_secs_f64())),
        Err(seen) => Answer::fails(expected, format!("after {within_seconds} s: {seen}")),
    }
}

/// Asks until the answer is good; the last bad one when the time is over.
pub(crate) async fn until_good<R: Running>(
    asker: &Asker<'_, R>,
    question: &Question,
    deadline: Instant,
) -> Result<(), String> {
    let mut last = "no answer".to_owned();
    loop {
        match timeout_at(deadline, asker.ask(question)).await {
            Ok(Answer::Holds { .. }) => return Ok(()),
            Ok(Answer::Fails { seen, .. } | Answer::Waits { seen }) => last = seen,
            Err(_) => return Err(last),
        }
        let next = Instant::now() + PAUSE;
        if next >= deadline {
            return Err(last);
        }
        sleep_until(next).await;
    }
}
