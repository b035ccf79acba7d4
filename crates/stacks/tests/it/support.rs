//! People who bring deployments up and down in an account in memory.

use engine::Holder;
use engine::ports::Clock;
use model::process_graph::SecretSource;
use model::{Fault, FaultKind, NodeId, Rotations, Secret};
use stacks::down::{DownOptions, DownReport};
use stacks::lease::LeaseRequest;
use stacks::up::{UpOptions, UpReport};
use stacks::{AccountPlan, Calls, Deployment, Notice, Pacer, PlanOptions, Session, Sources};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::deployments::LICENCE;
use testkit::{Facts, FakeAccount};
use tokio_util::sync::CancellationToken;

/// A machine that has the licence, and another random number each time.
struct Machine;

impl Sources for Machine {
    fn given(&self, node: &NodeId, _: &SecretSource) -> Result<Secret, Fault> {
        let _ = node;
        Ok(Secret::new(LICENCE))
    }
    fn release(&self, release: &model::cfn::Release) -> Result<Vec<u8>, Fault> {
        Ok(release.folder.clone().into_bytes())
    }
    fn random(&self, buffer: &mut [u8]) {
        static STATE: AtomicU64 = AtomicU64::new(0x9e37_79b9_7f4a_7c15);
        for byte in buffer {
            let state = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = mixed.to_le_bytes()[5];
        }
    }
}

struct Time<'a>(&'a FakeAccount);

impl Clock for Time<'_> {
    fn now(&self) -> String {
        self.0.time()
    }
}

/// An account with the zone in which the deployments' names lie.
pub(crate) fn account() -> FakeAccount {
    let account = FakeAccount::default();
    account.with(|machine| machine.add_zone("example.org"));
    account
}

/// One who works on a deployment.
pub(crate) struct Person {
    pub account: FakeAccount,
    pub pacer: Arc<Pacer>,
    /// How long to wait for somebody else.
    pub wait: Option<Duration>,
    /// Whether other holders of the lease are known to be gone.
    pub others_are_dead: bool,
    pub allow_replace: Vec<&'static str>,
    pub delete_kept: bool,
    pub notices: Arc<Mutex<Vec<String>>>,
    pub evidence: Arc<Mutex<Vec<String>>>,
    pub plans: Arc<Mutex<Vec<AccountPlan>>>,
    pub counts: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl Person {
    /// With a client of the account.
    pub(crate) fn new(account: FakeAccount) -> Self {
        Self {
            account,
            pacer: Arc::new(Pacer::new(7)),
            wait: Some(Duration::from_secs(3600)),
            others_are_dead: true,
            allow_replace: Vec::new(),
            delete_kept: false,
            notices: Arc::default(),
            evidence: Arc::default(),
            plans: Arc::default(),
            counts: Arc::default(),
        }
    }

    fn holder(&self, command: &str) -> Holder {
        Holder { pid: 7, since: self.account.time(), command: command.to_owned(), host: "here".to_owned() }
    }

    /// Works in a session.
    pub(crate) async fn work<T>(
        &self,
        deployment: &Deployment,
        work: impl AsyncFnOnce(&Session<'_, Calls<'_, FakeAccount>>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let tell_calls = |notice| self.notices.lock().unwrap().push(format!("{notice:?}"));
        let calls = Calls::new(self.account.clone(), Arc::clone(&self.pacer), &tell_calls);
        let tell = |notice: Notice| self.notices.lock().unwrap().push(format!("{notice:?}"));
        let keep = |evidence: &stacks::Evidence| {
            self.evidence.lock().unwrap().push(format!("{evidence:?}"));
            Ok(())
        };
        let clock = Time(&self.account);
        let session = Session {
            account: &calls,
            deployment,
            types: &Facts,
            sources: &Machine,
            contents: &testkit::FakeContents::of(&self.account),
            clock: &clock,
            tell: &tell,
            keep: &keep,
            interrupt: CancellationToken::new(),
        };
        let done = work(&session).await;
        *self.counts.lock().unwrap() = calls.counts();
        done
    }

    /// `landfall up`: an error also when a stack failed.
    pub(crate) async fn up(&self, deployment: &Deployment) -> Result<UpReport, Fault> {
        self.step(deployment, None).await
    }

    /// `landfall secret rotate`, of all of these, each with whether two are valid at once; the new ones prove themselves.
    pub(crate) async fn rotate(
        &self,
        secrets: &[(&str, bool)],
        lower: impl Fn(&Rotations) -> Deployment,
    ) -> Result<(), Fault> {
        let before = self.work(&lower(&Rotations::default()), async |session| session.rotations().await).await?;
        let mut rotations = before.clone();
        for (secret, overlaps) in secrets {
            let secret = NodeId::new(*secret);
            // One that was over when its client died would begin another: whoever sees that types `up`.
            if before.of(&secret).generation == 1 || before.of(&secret).previous.is_some() {
                rotations.begin(&secret, *overlaps);
            }
        }
        let mut from = (rotations != before).then_some(before);
        loop {
            self.step(&lower(&rotations), from.as_ref()).await?;
            if !rotations.has_two_valid() {
                return Ok(());
            }
            from = Some(rotations.clone());
            rotations.end_previous();
        }
    }

    async fn step(&self, deployment: &Deployment, rotates_from: Option<&Rotations>) -> Result<UpReport, Fault> {
        self.work(deployment, async |session| {
            let caller = session.check_account().await?;
            let world = session.observe().await?;
            let allow_replace =
                self.allow_replace.iter().map(|name| model::ComponentName::new(*name).unwrap()).collect();
            let plan = session.plan(&world, &caller.account, &PlanOptions { allow_replace }).await?;
            self.plans.lock().unwrap().push(plan.clone());
            let is_dead = |_: &Holder| self.others_are_dead;
            let lease = LeaseRequest { holder: self.holder("up"), wait: self.wait, is_dead: &is_dead };
            let report = session
                .up(&plan, &world, &caller, &UpOptions { lease, timeout: None, check_secrets: true, rotates_from })
                .await?;
            match report.fault() {
                Some(fault) => Err(fault.clone()),
                None => Ok(report),
            }
        })
        .await
    }

    /// `landfall down`: an error also when something is left.
    pub(crate) async fn down(&self, deployment: &Deployment) -> Result<DownReport, Fault> {
        self.work(deployment, async |session| {
            let is_dead = |_: &Holder| self.others_are_dead;
            let lease = LeaseRequest { holder: self.holder("down"), wait: self.wait, is_dead: &is_dead };
            let report = session.down(&DownOptions { lease, delete_kept: self.delete_kept }).await?;
            if let Some(failed) = report.failed.first() {
                return Err(failed.fault.clone());
            }
            if !report.is_proved {
                let cause = format!("{:?} {:?}", report.leftovers, report.left);
                return Err(Fault::new(FaultKind::NeedsPerson, "proving that nothing is left", cause));
            }
            Ok(report)
        })
        .await
    }
}

/// What must be equal after an undisturbed run and after one that was disturbed and repeated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct End {
    pub shape: Vec<String>,
    pub statuses: Vec<(String, bool)>,
    pub orphans: Vec<String>,
    pub made: BTreeMap<(String, String), usize>,
    pub versions: BTreeMap<String, usize>,
    pub entries: Vec<String>,
    pub logins: Vec<String>,
    pub rotations: Option<String>,
}

/// What is there now.
pub(crate) fn end(account: &FakeAccount) -> End {
    account.with(|machine| End {
        shape: machine.shape(),
        statuses: machine
            .statuses()
            .into_iter()
            .map(|(name, status)| {
                (name, matches!(status, "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE"))
            })
            .collect(),
        orphans: machine.orphans(),
        made: machine.made.clone(),
        versions: machine.secret_values().into_iter().map(|(name, versions)| (name, versions.len())).collect(),
        entries: machine.entries.keys().cloned().collect(),
        logins: machine.logins.values().flatten().cloned().collect(),
        rotations: machine
            .entries
            .iter()
            .find(|(name, _)| name.ends_with("/rotations"))
            .map(|(_, entry)| entry.value.clone()),
    })
}

/// The first difference, short enough to be read.
pub(crate) fn difference(wanted: &End, found: &End) -> Option<String> {
    let lists = |what: &str, wanted: &[String], found: &[String]| {
        let missing: Vec<&String> = wanted.iter().filter(|it| !found.contains(it)).take(3).collect();
        let extra: Vec<&String> = found.iter().filter(|it| !wanted.contains(it)).take(3).collect();
        (wanted != found).then(|| format!("{what}: missing {missing:#?}, too much {extra:#?}"))
    };
    lists("orphans", &wanted.orphans, &found.orphans)
        .or_else(|| lists("logins", &wanted.logins, &found.logins))
        .or_else(|| (wanted.rotations != found.rotations).then(|| format!("rotations: {:?}", found.rotations)))
        .or_else(|| lists("register", &wanted.entries, &found.entries))
        .or_else(|| (wanted.statuses != found.statuses).then(|| format!("stacks: {:?}", found.statuses)))
        .or_else(|| {
            let differs = found.made.iter().find(|(key, count)| wanted.made.get(*key) != Some(count));
            differs.map(|(key, count)| format!("{key:?} was made {count} times, not {:?}", wanted.made.get(key)))
        })
        .or_else(|| (wanted.made != found.made).then(|| "not everything was made".to_owned()))
        .or_else(|| (wanted.versions != found.versions).then(|| format!("secrets: {:?}", found.versions)))
        .or_else(|| lists("things", &wanted.shape, &found.shape))
}
