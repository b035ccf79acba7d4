//! Running: side by side, interruption, heartbeats, the order of the journal.

use crate::graphs::{Ticking, block_on, bring, id, sample, scratch};
use engine::ports::{Job, Observed, Target};
use engine::{Ending, Journal, Options, propose, run};
use indexmap::IndexMap;
use model::event::Outcome;
use model::process_graph::PortRequest;
use model::run_state::Made;
use model::{DeploymentName, Digest, Event, Fault, FaultKind, NodeId, PortId, RunEvent, StepId};
use std::sync::Mutex;
use std::time::Duration;
use testkit::{FakeTarget, Moment};

fn journal() -> (tempfile::TempDir, Journal) {
    let folder = scratch();
    let journal = Journal::open(folder.path().join("journal.jsonl")).unwrap();
    (folder, journal)
}

#[test]
fn no_change_writes_nothing() {
    let (folder, mut journal) = journal();
    let target = FakeTarget::default();
    block_on(bring(Some(&sample()), &target, &mut journal, &|_| {})).unwrap();
    let before = std::fs::read(folder.path().join("journal.jsonl")).unwrap();
    let performed = target.performed();
    let applied = block_on(bring(Some(&sample()), &target, &mut journal, &|_| {})).unwrap();
    assert!(applied.report.is_none());
    assert_eq!(applied.plan.unchanged, sample().nodes.len());
    assert_eq!(target.performed(), performed);
    assert_eq!(std::fs::read(folder.path().join("journal.jsonl")).unwrap(), before);
}

#[test]
fn a_look_at_nothing_leaves_no_file() {
    let (folder, mut journal) = journal();
    let applied = block_on(bring(None, &FakeTarget::default(), &mut journal, &|_| {})).unwrap();
    assert!(applied.report.is_none());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn each_step_is_written_before_it_is_begun_and_after_it_is_done() {
    let (folder, mut journal) = journal();
    let target = FakeTarget::default();
    let path = folder.path().join("journal.jsonl");
    target.on_change(move |world| {
        let text = std::fs::read_to_string(&path).unwrap();
        for node in world.things.keys() {
            assert!(text.contains(&format!(r#""event":"step_started","step":"{node}:create""#)), "{node}");
        }
        for (node, _) in world.things.iter().filter(|(_, thing)| !thing.complete) {
            assert!(!text.contains(&format!(r#""event":"step_succeeded","step":"{node}:create""#)), "{node}");
        }
    });
    block_on(bring(Some(&sample()), &target, &mut journal, &|_| {})).unwrap();
    assert_eq!(target.world().things.len(), sample().nodes.len());
}

#[test]
fn independent_steps_run_side_by_side_and_not_too_many() {
    let (_folder, mut journal) = journal();
    let target = FakeTarget::default();
    block_on(bring(Some(&sample()), &target, &mut journal, &|_| {})).unwrap();
    assert_eq!(target.most_at_work(), 3, "password, python and source need nothing");
}

#[test]
fn a_failure_lets_the_others_finish_and_begins_nothing() {
    let (_folder, mut journal) = journal();
    let target = FakeTarget::default();
    let fault = Fault::new(FaultKind::Permanent, "installing", "no network");
    target.fail(StepId::new("app/python:create"), Moment::Before, fault.clone());
    let report = block_on(bring(Some(&sample()), &target, &mut journal, &|_| {})).unwrap().report.unwrap();
    assert_eq!(report.ending, Ending::Failed);
    assert_eq!(report.failed, [(StepId::new("app/python:create"), fault)]);
    let mut succeeded: Vec<_> = report.succeeded.iter().map(|(step, _)| step.as_str()).collect();
    succeeded.sort_unstable();
    assert_eq!(succeeded, ["app/password:create", "worker/source:create"]);
    assert_eq!(report.not_begun.len(), 5);
}

fn request_and_options<'a>(clock: &'a Ticking, sink: &'a (dyn Fn(&RunEvent) + Send + Sync)) -> Options<'a, Ticking> {
    Options::new(clock, sink)
}

async fn proposed(target: &impl Target, journal: &Journal) -> model::DeploymentPlan {
    let graph = sample();
    let deployment = DeploymentName::new("sample").unwrap();
    let manifest = Digest::of_bytes(b"manifest");
    let request =
        engine::Request { deployment: &deployment, environment: "local", manifest: &manifest, desired: Some(&graph) };
    propose(&request, journal.state(), target).await.unwrap()
}

#[test]
fn an_interruption_finishes_the_steps_under_way() {
    let (_folder, mut journal) = journal();
    let target = FakeTarget::default();
    let clock = Ticking::default();
    let interrupt = tokio_util::sync::CancellationToken::new();
    let at_first_success = |event: &RunEvent| {
        if matches!(event.event, Event::StepSucceeded { .. }) {
            interrupt.cancel();
        }
    };
    let mut options = request_and_options(&clock, &at_first_success);
    options.interrupt = interrupt.clone();
    let report = block_on(async {
        let plan = proposed(&target, &journal).await;
        run(&plan, &target, &mut journal, &options).await.unwrap()
    });
    assert_eq!(report.ending, Ending::Interrupted);
    assert_eq!(report.succeeded.len(), 3, "what was under way is finished");
    assert_eq!(report.not_begun.len(), 5);
    assert!(journal.state().made.values().all(|made| made.settled));
    assert!(journal.state().current.as_ref().is_some_and(|run| run.stopped));
    let report = block_on(bring(Some(&sample()), &target, &mut journal, &|_| {})).unwrap().report.unwrap();
    assert_eq!((report.ending, report.succeeded.len()), (Ending::Finished, 5));
}

#[test]
fn a_passing_failure_is_tried_again_and_told() {
    let (_folder, mut journal) = journal();
    let target = FakeTarget::default();
    let busy = Fault::new(FaultKind::Transient, "starting", "text file busy");
    target.fail(StepId::new("app/program:create"), Moment::Halfway, busy);
    let told = Mutex::new(Vec::new());
    let note = |event: &RunEvent| {
        if let Event::StepProgress { message, .. } = &event.event
            && message.contains("again")
        {
            told.lock().unwrap().push(message.clone());
        }
    };
    let report = block_on(bring(Some(&sample()), &target, &mut journal, &note)).unwrap().report.unwrap();
    assert_eq!(report.ending, Ending::Finished);
    assert_eq!(*told.lock().unwrap(), ["starting: text file busy; trying again in 0.5 s"]);
}

/// A target whose every step takes its time in silence.
struct Slow;

impl Target for Slow {
    async fn observe(&self, _: &IndexMap<NodeId, Made>) -> Result<Observed, Fault> {
        Ok(Observed::default())
    }

    fn choose_ports(
        &self,
        wanted: &IndexMap<PortId, PortRequest>,
        _: &IndexMap<PortId, u16>,
    ) -> Result<IndexMap<PortId, u16>, Fault> {
        Ok(wanted.keys().enumerate().map(|(index, port)| (port.clone(), 20_000 + index as u16)).collect())
    }

    async fn perform(&self, job: Job<'_>) -> Result<Outcome, Fault> {
        if job.step.node == id("app/python") {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(Outcome { summary: String::new(), evidence: None })
    }
}

#[test]
fn a_silent_step_says_that_it_is_still_at_work() {
    let (folder, mut journal) = journal();
    let clock = Ticking::default();
    let beats = Mutex::new(0);
    let count = |event: &RunEvent| {
        if let Event::StepProgress { step, message, .. } = &event.event {
            assert_eq!(step.as_str(), "app/python:create");
            assert!(message.starts_with("still at work after"), "{message}");
            *beats.lock().unwrap() += 1;
        }
    };
    let mut options = request_and_options(&clock, &count);
    options.heartbeat = Duration::from_millis(30);
    block_on(async {
        let plan = proposed(&Slow, &journal).await;
        run(&plan, &Slow, &mut journal, &options).await.unwrap();
    });
    assert!(*beats.lock().unwrap() >= 3);
    let text = std::fs::read_to_string(folder.path().join("journal.jsonl")).unwrap();
    assert!(!text.contains("step_progress"), "progress is for views only");
}

/// A command may run it on any thread.
#[test]
fn a_run_can_move_between_threads() {
    fn is_send<T: Send>(future: T) {
        drop(future);
    }
    let (_folder, mut journal) = journal();
    let (target, graph) = (FakeTarget::default(), sample());
    is_send(bring(Some(&graph), &target, &mut journal, &|_| {}));
}
