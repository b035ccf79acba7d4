//! A target in memory. It keeps the contract of [`engine::ports::Target`], refuses what a real
//! machine would refuse (a need that is not there, a port that is taken), and can be told to fail.

use engine::ports::{Condition, Job, Observed, Target};
use indexmap::IndexMap;
use model::event::Outcome;
use model::process_graph::{Node, NodeSpec, PortRequest, PortWish};
use model::run_state::Made;
use model::{Action, Digest, Fault, FaultKind, NodeId, PortId, StepId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

/// Something that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// The digest that it was made for.
    pub digest: Option<Digest>,
    /// False while it is being made, and for ever when that was cut off.
    pub complete: bool,
    /// What it needed when it was made.
    pub needs: BTreeSet<NodeId>,
    /// Whether its needs must have been made before it (it runs), or only their values count.
    pub runs: bool,
    /// A secret's value: another one each time it is made from nothing.
    pub secret: Option<u64>,
    /// The values of the secrets that it holds.
    pub holds: BTreeMap<NodeId, u64>,
    /// The numbers on which it listens.
    pub listens: BTreeSet<u16>,
    /// Counts up with everything that is made.
    pub serial: u64,
}

/// Everything that there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct World {
    /// By node.
    pub things: BTreeMap<NodeId, Thing>,
    serial: u64,
}

impl World {
    /// The things that do not fit the others: half made, with an old secret, or started before what
    /// they are made of. A world without any is sound.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (id, thing) in &self.things {
            if !thing.complete {
                faults.push(format!("{id} is half made"));
            }
            for need in &thing.needs {
                match self.things.get(need) {
                    None => faults.push(format!("{id} needs {need}, which is gone")),
                    Some(needed) if needed.secret.is_some() && thing.holds.get(need) != needed.secret.as_ref() => {
                        faults.push(format!("{id} holds an old value of {need}"));
                    }
                    Some(_) => {}
                }
            }
            if thing.runs && self.newest_content(&thing.needs) > thing.serial {
                faults.push(format!("{id} was started before what it reads was made"));
            }
        }
        faults
    }

    /// When the newest of these was made, or of what they lead to; what runs is only talked to.
    fn newest_content(&self, needs: &BTreeSet<NodeId>) -> u64 {
        let content = needs.iter().filter_map(|need| self.things.get(need)).filter(|needed| !needed.runs);
        content.map(|needed| needed.serial.max(self.newest_content(&needed.needs))).max().unwrap_or(0)
    }

    /// What was made for which description; leaves out what differs between two equal worlds.
    #[must_use]
    pub fn shape(&self) -> BTreeMap<NodeId, (Option<Digest>, BTreeSet<u16>)> {
        let shape = |(id, thing): (&NodeId, &Thing)| (id.clone(), (thing.digest.clone(), thing.listens.clone()));
        self.things.iter().map(shape).collect()
    }
}

/// When a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before anything was done.
    Before,
    /// Half way.
    Halfway,
    /// After everything was done: only the answer is lost.
    After,
}

type Hook = Box<dyn Fn(&World) + Send + Sync>;

#[derive(Default)]
struct Inner {
    world: World,
    failures: Vec<(StepId, Moment, Fault)>,
    performed: Vec<StepId>,
    at_work: usize,
    most_at_work: usize,
    strangers: BTreeMap<u16, String>,
    hook: Option<Hook>,
}

/// A target in memory.
#[derive(Default)]
pub struct FakeTarget(Mutex<Inner>);

impl FakeTarget {
    /// A target that shows this world.
    #[must_use]
    pub fn showing(world: World) -> Self {
        let target = Self::default();
        target.inner().world = world;
        target
    }

    /// The world as it is now.
    #[must_use]
    pub fn world(&self) -> World {
        self.inner().world.clone()
    }

    /// The steps that were performed or tried, in order.
    #[must_use]
    pub fn performed(&self) -> Vec<StepId> {
        self.inner().performed.clone()
    }

    /// How many steps were at work at the same time, at most.
    #[must_use]
    pub fn most_at_work(&self) -> usize {
        self.inner().most_at_work
    }

    /// The step will fail once, at this moment. Several calls make several failures.
    pub fn fail(&self, step: StepId, moment: Moment, fault: Fault) {
        self.inner().failures.push((step, moment, fault));
    }

    /// Somebody removes what was made.
    pub fn lose(&self, node: &NodeId) {
        self.inner().world.things.remove(node);
    }

    /// Somebody else listens on this number.
    pub fn occupy(&self, number: u16, owner: &str) {
        self.inner().strangers.insert(number, owner.to_owned());
    }

    /// Is told the world after every change of it, also half way through a step.
    pub fn on_change(&self, hook: impl Fn(&World) + Send + Sync + 'static) {
        self.inner().hook = Some(Box::new(hook));
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn work(&self, job: Job<'_>, moment: Moment) -> Result<(), Fault> {
        let mut inner = self.inner();
        let failure = inner.failures.iter().position(|(step, when, _)| *step == job.step.id && *when == moment);
        if moment == Moment::Before {
            inner.performed.push(job.step.id.clone());
            inner.check(job)?;
        }
        // Half way there is something, but nothing whole; at the end it is complete.
        match moment {
            Moment::Before => {}
            Moment::Halfway => inner.make(job, false),
            Moment::After => inner.make(job, true),
        }
        if let Some(hook) = inner.hook.as_ref().filter(|_| moment != Moment::Before) {
            hook(&inner.world);
        }
        failure.map_or(Ok(()), |failure| Err(inner.failures.remove(failure).2))
    }
}

impl Inner {
    /// What a real machine would refuse.
    fn check(&self, job: Job<'_>) -> Result<(), Fault> {
        if job.step.action == Action::Delete {
            return Ok(());
        }
        let refuse = |cause: String| Err(Fault::new(FaultKind::Permanent, format!("making {}", job.step.node), cause));
        for need in &job.step.desired.needs {
            if !self.world.things.get(need).is_some_and(|thing| thing.complete) {
                return refuse(format!("{need} is not there"));
            }
        }
        for number in listens(&job.step.desired, job.ports) {
            let listens = |(id, thing): &(&NodeId, &Thing)| **id != job.step.node && thing.listens.contains(&number);
            if let Some((other, _)) = self.world.things.iter().find(listens) {
                return refuse(format!("port {number} is taken by {other}"));
            }
            if let Some(stranger) = self.strangers.get(&number) {
                return refuse(format!("port {number} is taken by {stranger}"));
            }
        }
        Ok(())
    }

    fn make(&mut self, job: Job<'_>, complete: bool) {
        let id = &job.step.node;
        if job.step.action == Action::Delete {
            match self.world.things.get_mut(id) {
                Some(thing) if !complete => thing.complete = false,
                _ => {
                    self.world.things.remove(id);
                }
            }
            return;
        }
        self.world.serial += 1;
        let serial = self.world.serial;
        let node = &job.step.desired;
        let before = self.world.things.get(id);
        let kept = before.filter(|before| before.digest == job.step.digest).and_then(|before| before.secret);
        let secret = matches!(node.spec, NodeSpec::Secret(_)).then(|| kept.unwrap_or(serial));
        let value = |need: &NodeId| Some((need.clone(), self.world.things.get(need)?.secret?));
        let thing = Thing {
            digest: job.step.digest.clone(),
            complete,
            needs: node.needs.clone(),
            runs: node.spec.is_running_part(),
            secret,
            holds: node.needs.iter().filter_map(value).collect(),
            listens: listens(node, job.ports),
            serial,
        };
        self.world.things.insert(id.clone(), thing);
    }
}

fn listens(node: &Node, ports: &IndexMap<PortId, u16>) -> BTreeSet<u16> {
    node.spec.listens().into_iter().filter_map(|id| ports.get(id).copied()).collect()
}

impl Target for FakeTarget {
    async fn observe(&self, made: &IndexMap<NodeId, Made>) -> Result<Observed, Fault> {
        let inner = self.inner();
        let condition = |id: &NodeId, made: &Made| match inner.world.things.get(id) {
            None => Condition::Broken("it is gone".into()),
            Some(thing) if !thing.complete => Condition::Broken("it is half made".into()),
            Some(thing) if thing.digest.as_ref() != Some(&made.digest) => {
                Condition::Broken("it is not as it was left".into())
            }
            Some(_) => Condition::Intact,
        };
        let nodes = made.iter().map(|(id, made)| (id.clone(), condition(id, made))).collect();
        let numbers = made.values().flat_map(|made| made.node.spec.listens().into_iter().zip(std::iter::repeat(made)));
        let lost = |(port, made): (&PortId, &Made)| {
            let owner = inner.strangers.get(made.numbers.get(port)?)?;
            Some((port.clone(), owner.clone()))
        };
        Ok(Observed { nodes, lost_ports: numbers.filter_map(lost).collect() })
    }

    fn choose_ports(
        &self,
        wanted: &IndexMap<PortId, PortRequest>,
        given: &IndexMap<PortId, u16>,
    ) -> Result<IndexMap<PortId, u16>, Fault> {
        let inner = self.inner();
        let mut taken: BTreeSet<u16> = given.values().copied().collect();
        taken.extend(inner.strangers.keys());
        taken.extend(inner.world.things.values().flat_map(|thing| &thing.listens));
        let mut chosen = IndexMap::new();
        for (port, request) in wanted {
            let number = match request.wish {
                PortWish::Exactly(number) if taken.contains(&number) => {
                    let cause = format!("port {number} is taken");
                    return Err(Fault::new(FaultKind::NeedsPerson, format!("giving a number to {port}"), cause));
                }
                PortWish::Exactly(number) => Some(number),
                PortWish::Preferably(number) if !taken.contains(&number) => Some(number),
                PortWish::Preferably(_) | PortWish::Any => (20_000..30_000).find(|number| !taken.contains(number)),
            };
            let none = || Fault::new(FaultKind::NeedsPerson, format!("giving a number to {port}"), "none is free");
            let number = number.ok_or_else(none)?;
            taken.insert(number);
            chosen.insert(port.clone(), number);
        }
        Ok(chosen)
    }

    async fn perform(&self, job: Job<'_>) -> Result<Outcome, Fault> {
        {
            let mut inner = self.inner();
            inner.at_work += 1;
            inner.most_at_work = inner.most_at_work.max(inner.at_work);
        }
        let result = async {
            for moment in [Moment::Before, Moment::Halfway, Moment::After] {
                self.work(job, moment)?;
                (job.progress)("at work", None);
                tokio::task::yield_now().await;
            }
            Ok(Outcome { summary: "done".into(), evidence: job.step.digest.clone() })
        }
        .await;
        self.inner().at_work -= 1;
        result
    }
}
