//! Tunnels: up, down, and waiting for somebody else.

use crate::deployment::{Deployment, line, probe};
use engine::ports::{TunnelFacts, TunnelStanding};
use model::NodeId;
use model::probe::Question;
use model::verification::Verdict;

fn question() -> Question {
    Question::Tunnel { tunnel: NodeId::new("bi/tunnel") }
}

fn with(standing: TunnelStanding, words: &str) -> Deployment {
    let mut deployment = Deployment::new(&[]);
    deployment.tunnel = Some(TunnelFacts { standing, words: words.to_owned() });
    deployment
}

#[tokio::test]
async fn a_tunnel_is_up_or_down() {
    let up = with(TunnelStanding::Up, "up for 12 s").ask(question()).await;
    assert_eq!(line(&up), "passed: up for 12 s");
    let down = with(TunnelStanding::Down, "the server cannot be reached").ask(question()).await;
    let expected = "failed: expected a tunnel that is up; seen the server cannot be reached; help: look at it";
    assert_eq!(line(&down), expected);
    let nobody = Deployment::new(&[]).ask(question()).await;
    assert!(line(&nobody).contains("no supervisor runs"), "{}", line(&nobody));
}

/// A vendor that has not registered the key yet is no failure, and no proof either; and nothing is cut meanwhile.
#[tokio::test]
async fn what_waits_for_somebody_else_is_neither_true_nor_false() {
    let deployment = with(TunnelStanding::Waiting, "the key is not known there");
    let restart =
        Question::Restart { program: NodeId::new("bi/tunnel"), within_seconds: 5, alive: Box::new(question()) };
    let report = deployment.verify(&[probe("up", question()), probe("comes-back", restart)]).await;
    assert!(report.results.iter().all(|result| matches!(result.verdict, Verdict::Waiting { .. })), "{report:?}");
    assert_eq!((report.passed(), report.waiting()), (0, 2));
    assert!(report.nothing_failed() && !report.is_proved());
    assert!(deployment.killed.lock().unwrap().is_empty());
}
