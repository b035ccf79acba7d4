//! Every step fails once, in every way; every step is repeated.

use crate::graphs::{block_on, bring, edited, sample, scratch};
use engine::{Applied, Ending, Journal};
use model::process_graph::ProcessGraph;
use model::{Fault, FaultKind, StepId};
use std::path::PathBuf;
use testkit::{FakeTarget, Moment};

struct Bench {
    _folder: tempfile::TempDir,
    path: PathBuf,
    target: FakeTarget,
}

impl Bench {
    fn new() -> Self {
        let folder = scratch();
        let path = folder.path().join("journal.jsonl");
        Self { _folder: folder, path, target: FakeTarget::default() }
    }

    fn bring(&self, desired: Option<&ProcessGraph>) -> Applied {
        let mut journal = Journal::open(&self.path).unwrap();
        block_on(bring(desired, &self.target, &mut journal, &|_| {})).unwrap()
    }
}

fn ending(applied: &Applied) -> Option<Ending> {
    applied.report.as_ref().map(|report| report.ending)
}

fn refused() -> Fault {
    Fault::new(FaultKind::Permanent, "making it", "the machine refuses")
}

type Desired<'a> = Option<&'a ProcessGraph>;

#[test]
fn every_step_fails_in_every_way_and_the_next_run_heals() {
    let (first, second) = (sample(), edited());
    let ways: [(Vec<Desired<'_>>, Desired<'_>); 3] =
        [(vec![], Some(&first)), (vec![Some(&first)], Some(&second)), (vec![Some(&first)], None)];
    let mut failures = 0;
    for (before, desired) in ways {
        let prepare = || {
            let bench = Bench::new();
            before.iter().for_each(|graph| assert_eq!(ending(&bench.bring(*graph)), Some(Ending::Finished)));
            bench
        };
        let whole = prepare();
        let plan = whole.bring(desired).plan;
        let end = whole.target.world().shape();
        for step in &plan.steps {
            for moment in [Moment::Before, Moment::Halfway, Moment::After] {
                let bench = prepare();
                bench.target.fail(step.id.clone(), moment, refused());
                let failed = bench.bring(desired);
                assert_eq!(ending(&failed), Some(Ending::Failed), "{}", step.id);
                let report = failed.report.unwrap();
                assert_eq!(report.failed, [(step.id.clone(), refused())]);
                assert_eq!(report.succeeded.len() + report.failed.len() + report.not_begun.len(), plan.steps.len());
                assert!(Journal::read(&bench.path).unwrap().current.is_some_and(|run| run.stopped));

                assert_eq!(ending(&bench.bring(desired)), Some(Ending::Finished), "{}", step.id);
                assert_eq!(bench.target.world().shape(), end, "{} {moment:?}", step.id);
                assert_eq!(bench.target.world().faults(), Vec::<String>::new(), "{} {moment:?}", step.id);
                failures += 1;
            }
        }
    }
    println!("{failures} failures healed");
}

/// A step whose answer is lost is repeated: the effect happens twice, the end is the same.
#[test]
fn every_step_is_repeated() {
    let graph = sample();
    let whole = Bench::new();
    let plan = whole.bring(Some(&graph)).plan;
    let bench = Bench::new();
    for step in &plan.steps {
        bench.target.fail(step.id.clone(), Moment::After, Fault::new(FaultKind::Transient, "making it", "no answer"));
    }
    let applied = bench.bring(Some(&graph));
    assert_eq!(ending(&applied), Some(Ending::Finished));
    for step in &plan.steps {
        let times = bench.target.performed().iter().filter(|performed| **performed == step.id).count();
        assert_eq!(times, 2, "{}", step.id);
    }
    assert_eq!(bench.target.world().shape(), whole.target.world().shape());
    assert_eq!(bench.target.world().faults(), Vec::<String>::new());
}

#[test]
fn what_is_lost_is_made_again_with_all_that_held_it() {
    let graph = sample();
    let bench = Bench::new();
    bench.bring(Some(&graph));
    let lost = |node: &str| {
        bench.target.lose(&crate::graphs::id(node));
        let steps = bench.bring(Some(&graph)).plan.steps;
        assert_eq!(bench.target.world().faults(), Vec::<String>::new());
        assert!(bench.bring(Some(&graph)).report.is_none(), "nothing is left to do");
        steps.iter().map(|step| step.id.clone()).collect::<Vec<StepId>>()
    };
    let ids = |ids: &[&str]| ids.iter().map(|id| StepId::new(*id)).collect::<Vec<_>>();
    assert_eq!(lost("app/python"), ids(&["app/python:repair", "app/program:repair"]));
    assert_eq!(lost("app/users"), ids(&["app/users:repair", "app/program:repair"]));
    assert_eq!(lost("app/config"), ids(&["app/config:repair", "app/program:repair"]));
    assert_eq!(lost("app/password"), ids(&["app/password:repair", "app/users:repair", "app/program:repair"]));
    assert_eq!(lost("app/program"), ids(&["app/program:repair"]));
}
