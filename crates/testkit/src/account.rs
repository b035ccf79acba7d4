//! An account in memory: a state machine of CloudFormation and of the services around it, for the types of resources that this
//! project makes. It refuses what AWS refuses, in AWS's words, keeps what AWS keeps, and fails on demand.
//!
//! Time is the runtime's: in a test with a paused clock an hour costs nothing. Nothing happens by itself; each call first lets
//! everything happen until now.

mod catalogue;
mod change_set;
mod databases;
mod difference;
mod drift;
mod evaluate;
mod faults;
mod hosts;
mod http;
mod machine;
mod make;
mod operation;
mod port;
mod requests;
mod scope;
mod services;
mod sessions;
mod stack;
mod task;
mod thing;

pub use faults::{Call, Fault};
pub use http::Endpoint;
pub use machine::{Boot, Deed, Failure, Machine, Zone};
pub use thing::{Content, Maker, Thing};

use crate::gateway::Gateway;
use faults::{Bucket, Faults};
use machine::time;
use stacks::account::Called;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long an answer takes.
const LATENCY: Duration = Duration::from_millis(40);

type Hook = Box<dyn FnOnce(&mut Machine) + Send>;

struct Shared {
    machine: Mutex<Machine>,
    begun: Instant,
    /// What its clock showed when it began.
    offset: u64,
    region: String,
    /// Virtual milliseconds for each real one.
    speed: u32,
    rates: Mutex<BTreeMap<String, Bucket>>,
    hooks: Mutex<Vec<(usize, Hook)>>,
    /// What stands behind sessions.
    gateway: Mutex<Option<Gateway>>,
}

/// An account whose clock stands still.
#[derive(Debug, Clone)]
pub struct Snapshot {
    machine: Machine,
    at: u64,
    region: String,
    speed: u32,
}

/// A client of an account in memory. Clones are the same client; [`FakeAccount::another`] is another one of the same account.
#[derive(Clone)]
pub struct FakeAccount {
    shared: Arc<Shared>,
    faults: Arc<Mutex<Faults>>,
    killed: Arc<Notify>,
}

impl std::fmt::Debug for FakeAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeAccount").finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for FakeAccount {
    fn default() -> Self {
        Self::new("123456789012", "us-west-2")
    }
}

impl FakeAccount {
    /// An empty account. Must be called inside of a runtime: the account's clock is the runtime's.
    #[must_use]
    pub fn new(account: &str, region: &str) -> Self {
        Self::with_speed(account, region, 1)
    }

    /// An account in which everything takes so many times less time.
    #[must_use]
    pub fn with_speed(account: &str, region: &str, speed: u32) -> Self {
        Self {
            shared: Arc::new(Shared {
                machine: Mutex::new(Machine::new(account, region)),
                begun: Instant::now(),
                offset: 0,
                region: region.to_owned(),
                speed: speed.max(1),
                rates: Mutex::default(),
                hooks: Mutex::default(),
                gateway: Mutex::default(),
            }),
            faults: Arc::default(),
            killed: Arc::default(),
        }
    }

    /// Another client of the same account: another person, or the next run.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), faults: Arc::default(), killed: Arc::default() }
    }

    /// The account as it is now, its clock standing still.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let at = self.now();
        let machine = self.with(|machine| machine.clone());
        Snapshot { machine, at, region: self.shared.region.clone(), speed: self.shared.speed }
    }

    /// An account that goes on from a snapshot.
    #[must_use]
    pub fn from_snapshot(snapshot: &Snapshot) -> Self {
        Self {
            shared: Arc::new(Shared {
                machine: Mutex::new(snapshot.machine.clone()),
                begun: Instant::now(),
                offset: snapshot.at,
                region: snapshot.region.clone(),
                speed: snapshot.speed,
                rates: Mutex::default(),
                hooks: Mutex::default(),
                gateway: Mutex::default(),
            }),
            faults: Arc::default(),
            killed: Arc::default(),
        }
    }

    /// Keeps a snapshot before and after each of this client's calls with these numbers: where a client that dies there leaves the
    /// account.
    pub fn record(&self, calls: std::ops::Range<usize>) {
        locked(&self.faults).recorded = calls;
    }

    /// The snapshots that were kept: the number of the call, and whether its work had been done.
    #[must_use]
    pub fn recorded(&self) -> Vec<(usize, bool, Snapshot)> {
        std::mem::take(&mut locked(&self.faults).snapshots)
    }

    /// The account's time, RFC 3339.
    #[must_use]
    pub fn time(&self) -> String {
        time(self.now())
    }

    fn now(&self) -> u64 {
        let passed = self.shared.begun.elapsed() * self.shared.speed;
        self.shared.offset + u64::try_from(passed.as_millis()).unwrap_or(u64::MAX / 2)
    }

    /// Looks at the account, or changes it behind everybody's back, as it is now.
    pub fn with<T>(&self, look: impl FnOnce(&mut Machine) -> T) -> T {
        let mut machine = locked(&self.shared.machine);
        machine.advance(self.now());
        look(&mut machine)
    }

    /// Plans what happens to this client's call with that number, from 1.
    #[must_use]
    pub fn with_fault(self, call: usize, fault: Fault) -> Self {
        locked(&self.faults).planned.insert(call, fault);
        self
    }

    /// Somebody does something right before any client's call with that number.
    pub fn meanwhile(&self, call: usize, does: impl FnOnce(&mut Machine) + Send + 'static) {
        locked(&self.shared.hooks).push((call, Box::new(does)));
    }

    /// No more than so many calls of an operation a second, by all clients.
    pub fn limit(&self, operation: &str, per_second: f64) {
        let bucket = Bucket { per_second, burst: per_second.max(1.0), level: per_second.max(1.0), at: self.now() };
        locked(&self.shared.rates).insert(operation.to_owned(), bucket);
    }

    /// This client has no network for a time, from now.
    pub fn cut_off(&self, time: Duration) {
        let now = self.now();
        locked(&self.faults).outage = Some(now..now + u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    }

    /// The calls of this client so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.faults).calls.clone()
    }

    /// Runs something with this client; `None` when the client was killed on the way.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.killed.notified() => None,
            done = work => Some(done),
        }
    }

    /// One call: what may happen to it happens, and its work is done once, twice or not at all.
    async fn call<T>(&self, operation: &str, work: impl Fn(&mut Machine) -> Called<T>) -> Called<T> {
        tokio::time::sleep(LATENCY / self.shared.speed).await;
        let now = self.now();
        let (number, fault) = {
            let mut faults = locked(&self.faults);
            let at = Duration::from_millis(now);
            faults.calls.push(Call { operation: operation.to_owned(), at, was_throttled: false });
            let number = faults.calls.len();
            let fault = faults.planned.get(&number).copied();
            faults.is_expired |= fault == Some(Fault::Expired);
            faults.is_killed |= fault == Some(Fault::KilledBefore);
            (number, fault)
        };
        let hooks: Vec<Hook> = {
            let mut hooks = locked(&self.shared.hooks);
            let (due, later) = std::mem::take(&mut *hooks).into_iter().partition(|(call, _)| *call <= number);
            *hooks = later;
            due.into_iter().map(|(_, hook): (usize, Hook)| hook).collect()
        };
        for hook in hooks {
            self.with(hook);
        }
        if locked(&self.faults).is_killed {
            return self.die().await;
        }
        if locked(&self.faults).is_expired {
            return Err(faults::expired(operation));
        }
        let is_cut_off = locked(&self.faults).outage.as_ref().is_some_and(|outage| outage.contains(&now));
        if is_cut_off || fault == Some(Fault::RequestLost) {
            return Err(faults::unanswered(operation));
        }
        let is_too_much = locked(&self.shared.rates).get_mut(operation).is_some_and(|bucket| !bucket.take(now));
        if is_too_much {
            if let Some(call) = locked(&self.faults).calls.last_mut() {
                call.was_throttled = true;
            }
            return Err(faults::throttled(operation));
        }
        let denied = self.with(|machine| machine.denied.contains(operation).then(|| machine.account.clone()));
        if let Some(account) = denied {
            return Err(stacks::account::CallError {
                operation: operation.to_owned(),
                kind: stacks::account::CallErrorKind::Denied { action: Some(operation.to_owned()) },
                code: "AccessDenied".to_owned(),
                message: format!(
                    "User: arn:aws:iam::{account}:user/deployer is not authorized to perform: {operation} because no identity-based policy allows the {operation} action"
                ),
            });
        }
        let is_recorded = locked(&self.faults).recorded.contains(&number);
        let keep = |is_done: bool| {
            if is_recorded {
                let snapshot = self.snapshot();
                locked(&self.faults).snapshots.push((number, is_done, snapshot));
            }
        };
        keep(false);
        let mut answer = self.with(&work);
        keep(true);
        match fault {
            Some(Fault::Twice) => drop(self.with(&work)),
            Some(Fault::AnsweredTwice) => answer = self.with(&work),
            Some(Fault::Slow) => tokio::time::sleep(Duration::from_secs(60) / self.shared.speed).await,
            Some(Fault::ReplyLost) => return Err(faults::unanswered(operation)),
            Some(Fault::KilledAfter) => {
                locked(&self.faults).is_killed = true;
                return self.die().await;
            }
            _ => {}
        }
        answer
    }

    /// The process is gone: whoever waits, waits for ever.
    async fn die<T>(&self) -> T {
        self.killed.notify_one();
        std::future::pending().await
    }
}
