//! Power loss at every moment: after every line of the journal and in the middle of it, before,
//! during and after every effect. The same command again must always lead to the same end.

use crate::graphs::{any_graph, block_on, bring, edited, sample, scratch};
use engine::{Ending, Journal};
use model::PortId;
use model::process_graph::{PortWish, ProcessGraph};
use proptest::prelude::*;
use std::path::Path;
use std::sync::{Arc, Mutex};
use testkit::{FakeTarget, World};

/// What a machine has at one moment: the journal's bytes and the world.
#[derive(Clone)]
struct Machine {
    journal: Vec<u8>,
    world: World,
}

impl Machine {
    fn empty() -> Self {
        Self { journal: Vec::new(), world: World::default() }
    }

    /// Runs a command on this machine and returns every moment of it; the last one is its end.
    fn run(&self, desired: Option<&ProcessGraph>) -> Vec<Self> {
        let folder = scratch();
        let path = folder.path().join("journal.jsonl");
        if !self.journal.is_empty() {
            std::fs::write(&path, &self.journal).unwrap();
        }
        let target = FakeTarget::showing(self.world.clone());
        let moments = Arc::new(Mutex::new(vec![self.clone()]));
        let note = {
            let (moments, path) = (Arc::clone(&moments), path.clone());
            move |world: &World| {
                let journal = std::fs::read(&path).unwrap_or_default();
                moments.lock().unwrap().push(Machine { journal, world: world.clone() });
            }
        };
        target.on_change(note.clone());
        let mut journal = Journal::open(&path).expect("a journal cut by a crash can be read");
        let applied = block_on(bring(desired, &target, &mut journal, &|_| note(&target.world()))).unwrap();
        if let Some(report) = &applied.report {
            assert_eq!(report.ending, Ending::Finished, "{:?}", report.failed);
        }
        note(&target.world());
        let moments = moments.lock().unwrap();
        check_end(desired, moments.last().unwrap(), &path);
        moments.clone()
    }

    /// The machines that this moment may leave behind: the line that was being written is there, is
    /// not, or is cut anywhere.
    fn with_torn_lines(&self, before: &Self) -> Vec<Self> {
        let mut left = vec![self.clone()];
        if let Some(line) = self.journal.strip_prefix(before.journal.as_slice())
            && !line.is_empty()
        {
            for cut in [1, line.len() / 2, line.len() - 1] {
                let journal = [before.journal.as_slice(), &line[..cut]].concat();
                left.push(Self { journal, world: before.world.clone() });
            }
        }
        left
    }
}

fn check_end(desired: Option<&ProcessGraph>, end: &Machine, path: &Path) {
    let state = Journal::read(path).unwrap();
    assert_eq!(state.current, None);
    assert!(state.made.values().all(|made| made.settled));
    assert_eq!(end.world.faults(), Vec::<String>::new());
    let mut made: Vec<_> = state.made.keys().collect();
    let mut there: Vec<_> = end.world.things.keys().collect();
    let mut wanted: Vec<_> = desired.into_iter().flat_map(|graph| graph.nodes.keys()).collect();
    made.sort();
    there.sort();
    wanted.sort();
    assert_eq!(made, wanted, "the journal knows exactly what is wanted");
    assert_eq!(there, wanted, "no orphan, nothing missing");
    let expected = desired.map(|graph| graph.digests(&state.ports)).unwrap_or_default();
    for (node, thing) in &end.world.things {
        assert_eq!(thing.digest.as_ref(), expected.get(node), "{node}");
    }
}

/// Cuts the way from `start` to `desired` at every moment and goes it again. Returns how many cuts.
fn survive(start: &Machine, desired: Option<&ProcessGraph>) -> usize {
    let moments = start.run(desired);
    let end = moments.last().unwrap().world.shape();
    let mut cuts = 0;
    for pair in moments.windows(2) {
        for left in pair[1].with_torn_lines(&pair[0]) {
            let again = left.run(desired);
            assert_eq!(again.last().unwrap().world.shape(), end, "after cut {cuts}");
            cuts += 1;
        }
    }
    cuts
}

#[test]
fn up_survives_every_cut() {
    let cuts = survive(&Machine::empty(), Some(&sample()));
    println!("first up: {cuts} crash points survived");
    assert!(cuts > 60, "{cuts}");
}

#[test]
fn an_edit_survives_every_cut() {
    let made = Machine::empty().run(Some(&sample())).pop().unwrap();
    let cuts = survive(&made, Some(&edited()));
    println!("up after an edit: {cuts} crash points survived");
    assert!(cuts > 40, "{cuts}");
}

/// One program takes over the number of another one, which moves.
#[test]
fn handing_over_a_port_survives_every_cut() {
    let made = Machine::empty().run(Some(&sample())).pop().unwrap();
    let mut moved = sample();
    moved.ports[&PortId::new("app/http")].wish = PortWish::Preferably(9010);
    moved.ports[&PortId::new("worker/http")].wish = PortWish::Exactly(9004);
    let cuts = survive(&made, Some(&moved));
    println!("handing over a port: {cuts} crash points survived");
    assert!(cuts > 40, "{cuts}");
}

#[test]
fn down_survives_every_cut() {
    let made = Machine::empty().run(Some(&sample())).pop().unwrap();
    let cuts = survive(&made, None);
    println!("down: {cuts} crash points survived");
    assert!(cuts > 60, "{cuts}");
}

/// `up`, cut anywhere, then `down` instead: nothing may be left, though `up` never finished.
#[test]
fn down_after_a_cut_up_leaves_nothing() {
    let mut cuts = 0;
    let moments = Machine::empty().run(Some(&sample()));
    for pair in moments.windows(2) {
        for left in pair[1].with_torn_lines(&pair[0]) {
            left.run(None);
            cuts += 1;
        }
    }
    println!("down after a cut up: {cuts} crash points survived");
}

/// `down`, cut anywhere, then `up` instead: everything is there again, and sound.
#[test]
fn up_after_a_cut_down_makes_all() {
    let mut cuts = 0;
    let made = Machine::empty().run(Some(&sample())).pop().unwrap();
    let moments = made.run(None);
    for pair in moments.windows(2) {
        for left in pair[1].with_torn_lines(&pair[0]) {
            left.run(Some(&sample()));
            cuts += 1;
        }
    }
    println!("up after a cut down: {cuts} crash points survived");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Random deployments, edited at random, cut at random, three times in a row.
    #[test]
    fn random_histories_survive_random_cuts(
        history in proptest::collection::vec((any_graph(), any::<prop::sample::Index>()), 1..4),
    ) {
        let mut machine = Machine::empty();
        for (graph, cut) in &history {
            let moments = machine.run(Some(graph));
            machine = moments[cut.index(moments.len())].clone();
        }
        let (last, _) = history.last().unwrap();
        let up = machine.run(Some(last)).pop().unwrap();
        up.run(None);
    }
}
