//! Databases that take whatever they are given and remember it; the way to them breaks on demand.

use futures_util::future::BoxFuture;
use model::{Fault, FaultKind};
use stacks::{ContentReport, Contents, DatabaseWork};
use std::sync::{Mutex, PoisonError};

/// What was done inside of databases.
#[derive(Debug, Default)]
pub struct FakeContents {
    applied: Mutex<Vec<DatabaseWork>>,
    failures: Mutex<u32>,
}

impl FakeContents {
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

impl Contents for FakeContents {
    fn look<'a>(&'a self, work: &'a DatabaseWork) -> BoxFuture<'a, Result<ContentReport, Fault>> {
        Box::pin(async move {
            self.gets_there(work)?;
            let is_there = self.applied().iter().any(|done| done.place.content == work.place.content);
            let changes = if is_there { Vec::new() } else { vec!["everything".to_owned()] };
            Ok(ContentReport { changes, strange: Vec::new() })
        })
    }

    fn apply<'a>(&'a self, work: &'a DatabaseWork) -> BoxFuture<'a, Result<Vec<String>, Fault>> {
        Box::pin(async move {
            self.gets_there(work)?;
            self.applied.lock().unwrap_or_else(PoisonError::into_inner).push(work.clone());
            Ok(work.place.content.roles.keys().map(|role| format!("role {role}")).collect())
        })
    }
}
