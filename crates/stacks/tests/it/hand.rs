//! A hand that drives a deployment in an account in memory: what a command does, without the command.
#![expect(clippy::unwrap_used, reason = "a part of tests")]

use engine::Holder;
use engine::ports::Clock;
use model::process_graph::SecretSource;
use model::{Fault, NodeId, Secret};
use stacks::plan::AccountPlan;
use stacks::{
    Account, CallNotice, Calls, Deployment, DownOptions, DownReport, Evidence, LeaseRequest, Notice, Pacer,
    PlanOptions, Session, Sources, UpOptions, UpReport,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::{Facts, FakeAccount, FakeContents};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What this machine has.
pub(crate) struct Machine {
    drawn: AtomicU64,
}

impl Sources for Machine {
    fn given(&self, _: &NodeId, _: &SecretSource) -> Result<Secret, Fault> {
        Ok(Secret::new(testkit::deployments::LICENCE))
    }
    fn release(&self, release: &model::cfn::Release) -> Result<Vec<u8>, Fault> {
        Ok(release.folder.clone().into_bytes())
    }
    fn random(&self, buffer: &mut [u8]) {
        for byte in buffer {
            let drawn = self.drawn.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            *byte = u8::try_from((drawn ^ drawn >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 56).unwrap();
        }
    }
}

/// The runtime's time, from a fixed day on.
pub(crate) struct Time(Instant);

impl Clock for Time {
    fn now(&self) -> String {
        let begin: jiff::Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        (begin + self.0.elapsed()).to_string()
    }
}

/// How many there were: each machine draws other numbers.
static HANDS: AtomicU64 = AtomicU64::new(1);

/// A person at a machine.
pub(crate) struct Hand {
    pub(crate) account: FakeAccount,
    pub(crate) deployment: Deployment,
    pub(crate) interrupt: CancellationToken,
    pub(crate) allow: Vec<&'static str>,
    /// Whether a holder of the lease is dead.
    pub(crate) holder_is_dead: bool,
    pacer: Arc<Pacer>,
    machine: Machine,
    pub(crate) contents: FakeContents,
    time: Time,
    notices: Mutex<Vec<Notice>>,
    call_notices: Mutex<Vec<CallNotice>>,
    evidence: Mutex<Vec<Evidence>>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
}

pub(crate) fn holder(host: &str) -> Holder {
    Holder { pid: 7, since: "2026-11-21T00:00:00Z".to_owned(), command: "up".to_owned(), host: host.to_owned() }
}

impl Hand {
    pub(crate) fn new(deployment: Deployment) -> Self {
        Self::at(prepared(), deployment)
    }

    pub(crate) fn at(account: FakeAccount, deployment: Deployment) -> Self {
        Self {
            contents: FakeContents::of(&account),
            account,
            deployment,
            interrupt: CancellationToken::new(),
            allow: Vec::new(),
            holder_is_dead: false,
            pacer: Arc::new(Pacer::new(1)),
            machine: Machine { drawn: AtomicU64::new(1000 * HANDS.fetch_add(1, Ordering::Relaxed)) },
            time: Time(Instant::now()),
            notices: Mutex::default(),
            call_notices: Mutex::default(),
            evidence: Mutex::default(),
            counts: Mutex::default(),
        }
    }

    /// Shares the pace with others of the same process.
    pub(crate) fn paced_with(mut self, pacer: &Arc<Pacer>) -> Self {
        self.pacer = Arc::clone(pacer);
        self
    }

    /// Does something with a session.
    pub(crate) async fn with<T>(
        &self,
        work: impl AsyncFnOnce(&Session<'_, Calls<'_, FakeAccount>>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let tell_call = |notice| self.call_notices.lock().unwrap().push(notice);
        let calls = Calls::new(self.account.clone(), Arc::clone(&self.pacer), &tell_call);
        let tell = |notice| self.notices.lock().unwrap().push(notice);
        let keep = |evidence: &Evidence| {
            self.evidence.lock().unwrap().push(evidence.clone());
            Ok(())
        };
        let session = Session {
            account: &calls,
            deployment: &self.deployment,
            types: &Facts,
            sources: &self.machine,
            contents: &self.contents,
            clock: &self.time,
            tell: &tell,
            keep: &keep,
            interrupt: self.interrupt.clone(),
        };
        let done = work(&session).await;
        *self.counts.lock().unwrap() = calls.counts();
        done
    }

    pub(crate) async fn plan(&self) -> Result<AccountPlan, Fault> {
        self.with(async |session| {
            let caller = session.check_account().await?;
            let world = session.observe().await?;
            session.plan(&world, &caller.account, &self.plan_options()).await
        })
        .await
    }

    pub(crate) async fn up(&self) -> Result<UpReport, Fault> {
        self.with(async |session| {
            let caller = session.check_account().await?;
            let world = session.observe().await?;
            let plan = session.plan(&world, &caller.account, &self.plan_options()).await?;
            session.up(&plan, &world, &caller, &self.up_options("here")).await
        })
        .await
    }

    pub(crate) fn plan_options(&self) -> PlanOptions {
        let allow = self.allow.iter().map(|name| model::ComponentName::new(*name).unwrap());
        PlanOptions { allow_replace: allow.collect() }
    }

    pub(crate) fn up_options(&self, host: &str) -> UpOptions<'_> {
        UpOptions { lease: self.lease(host), timeout: None, check_secrets: false, rotates_from: None }
    }

    pub(crate) fn lease(&self, host: &str) -> LeaseRequest<'_> {
        let is_dead: &(dyn Fn(&Holder) -> bool + Send + Sync) =
            if self.holder_is_dead { &|_| true } else { &|_| false };
        LeaseRequest { holder: holder(host), wait: Some(Duration::from_secs(600)), is_dead }
    }

    pub(crate) async fn down(&self, delete_kept: bool) -> Result<DownReport, Fault> {
        self.with(async |session| session.down(&DownOptions { lease: self.lease("here"), delete_kept }).await).await
    }

    pub(crate) fn notices(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.notices.lock().unwrap())
    }

    pub(crate) fn call_notices(&self) -> Vec<CallNotice> {
        std::mem::take(&mut *self.call_notices.lock().unwrap())
    }

    pub(crate) fn evidence(&self) -> Vec<Evidence> {
        std::mem::take(&mut *self.evidence.lock().unwrap())
    }

    /// How often each operation was called the last time.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.lock().unwrap().clone()
    }
}

/// An account with the zones that the deployments need.
pub(crate) fn prepared() -> FakeAccount {
    let account = FakeAccount::default();
    account.with(|machine| {
        machine.add_zone("example.org");
        machine.delegate_rightly("example.org");
    });
    account
}

/// An up that must succeed.
pub(crate) fn good(report: Result<UpReport, Fault>) -> UpReport {
    let report = report.unwrap_or_else(|fault| panic!("{fault} {:?}", fault.help));
    assert_eq!(report.failed, Vec::new(), "{report:?}");
    report
}

#[expect(dead_code, reason = "holds for every account")]
fn futures_can_go_to_another_thread<A: Account>(
    session: &Session<'_, A>,
    plan: &AccountPlan,
    caller: &stacks::account::Identity,
    world: &stacks::World,
    up: &UpOptions<'_>,
    down: &DownOptions<'_>,
) {
    fn is_send<T: Send>(_: T) {}
    is_send(session.observe());
    is_send(session.plan(world, "", &PlanOptions::default()));
    is_send(session.up(plan, world, caller, up));
    is_send(session.drift(world));
    is_send(session.down(down));
}
