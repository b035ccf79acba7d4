//! Databases of an account in memory: they take whatever they are given and remember it, with the account; the way to them breaks on
//! demand.

use crate::FakeAccount;
use futures_util::future::BoxFuture;
use model::{Fault, FaultKind};
use stacks::{Applied, ContentReport, Contents, DatabaseWork, Extent};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// What was done inside of databases.
#[derive(Debug)]
pub struct FakeContents {
    account: FakeAccount,
    applied: Mutex<Vec<DatabaseWork>>,
    failures: Mutex<u32>,
}

impl FakeContents {
    /// What is inside of an account's databases.
    #[must_use]
    pub fn of(account: &FakeAccount) -> Self {
        Self { account: account.another(), applied: Mutex::default(), failures: Mutex::default() }
    }

    /// What was applied, in order.
    #[must_use]
    pub fn applied(&self) -> Vec<DatabaseWork> {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets the next attempts fail.
    pub fn fail(&self, times: u32) {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner) = times;
    }

    fn gets_there(&self, work: &DatabaseWork) -> Result<(), Fault> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if *failures == 0 {
            return Ok(());
        }
        *failures -= 1;
        Err(Fault::new(FaultKind::NeedsPerson, format!("going to {}", work.address), "the host is not connected"))
    }
}

fn logins(work: &DatabaseWork) -> BTreeSet<String> {
    work.place.content.roles.values().flat_map(|role| role.logins.keys().cloned()).collect()
}

impl Contents for FakeContents {
    fn look<'a>(&'a self, work: &'a DatabaseWork) -> BoxFuture<'a, Result<ContentReport, Fault>> {
        Box::pin(async move {
            self.gets_there(work)?;
            let wanted = logins(work);
            let there = self.account.with(|machine| machine.logins.get(&work.address).cloned().unwrap_or_default());
            let missing = wanted.difference(&there).map(|login| format!("create login {login}"));
            let surplus = there.difference(&wanted).map(|login| format!("drop login {login}"));
            Ok(ContentReport { changes: missing.chain(surplus).collect(), strange: Vec::new() })
        })
    }

    fn apply<'a>(&'a self, work: &'a DatabaseWork, extent: Extent) -> BoxFuture<'a, Result<Applied, Fault>> {
        Box::pin(async move {
            self.gets_there(work)?;
            self.applied.lock().unwrap_or_else(PoisonError::into_inner).push(work.clone());
            let wanted = logins(work);
            let gone: Vec<String> = self.account.with(|machine| {
                let there = machine.logins.entry(work.address.clone()).or_default();
                there.extend(wanted.iter().cloned());
                let gone: Vec<String> = there.difference(&wanted).map(|login| format!("drop login {login}")).collect();
                if extent == Extent::Everything {
                    *there = wanted;
                }
                gone
            });
            let roles = work.place.content.roles.keys().map(|role| format!("role {role}"));
            Ok(match extent {
                Extent::Additions => Applied { done: roles.collect(), waiting: gone },
                Extent::Everything => Applied { done: gone, waiting: Vec::new() },
            })
        })
    }
}
