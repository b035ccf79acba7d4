//! What may happen to a call on its way.

use stacks::account::{CallError, CallErrorKind};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The client dies before the call leaves.
    KilledBefore,
    /// The client dies when the call has been done, before it knows.
    KilledAfter,
    /// The request never arrives.
    RequestLost,
    /// The work is done, but nobody answers.
    ReplyLost,
    /// The request arrives twice; the first answer comes back.
    Twice,
    /// The request arrives twice; the second answer comes back.
    AnsweredTwice,
    /// The answer takes a minute.
    Slow,
    /// Credentials are no longer good, from this call on.
    Expired,
}

impl Fault {
    /// All that a client must survive without help.
    pub const TRANSIENT: [Self; 5] = [Self::RequestLost, Self::ReplyLost, Self::Twice, Self::AnsweredTwice, Self::Slow];
}

/// What is planned for the calls of one client.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// By the number of the call, from 1.
    pub planned: BTreeMap<usize, Fault>,
    pub calls: Vec<Call>,
    pub recorded: Range<usize>,
    pub snapshots: Vec<(usize, bool, super::Snapshot)>,
    pub is_expired: bool,
    pub is_killed: bool,
    /// When there is no network: milliseconds of the account's clock.
    pub outage: Option<Range<u64>>,
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// As `cloudformation:DescribeStacks`.
    pub operation: String,
    /// When it was answered, by the account's clock.
    pub at: Duration,
    /// Whether it was refused as one too many.
    pub was_throttled: bool,
}

/// So many calls a second, and so many at once.
#[derive(Debug)]
pub(super) struct Bucket {
    pub per_second: f64,
    pub burst: f64,
    pub level: f64,
    pub at: u64,
}

impl Bucket {
    /// Takes one, if there is one.
    pub(super) fn take(&mut self, now: u64) -> bool {
        let passed = f64::from(u32::try_from(now.saturating_sub(self.at)).unwrap_or(u32::MAX)) / 1000.0;
        self.level = (self.level + passed * self.per_second).min(self.burst);
        self.at = now;
        let is_there = self.level >= 1.0;
        if is_there {
            self.level -= 1.0;
        }
        is_there
    }
}

pub(super) fn throttled(operation: &str) -> CallError {
    CallError {
        operation: operation.to_owned(),
        kind: CallErrorKind::Throttled,
        code: "Throttling".to_owned(),
        message: "Rate exceeded".to_owned(),
    }
}

pub(super) fn unanswered(operation: &str) -> CallError {
    CallError {
        operation: operation.to_owned(),
        kind: CallErrorKind::Unanswered,
        code: String::new(),
        message: "dispatch failure: the connection was closed".to_owned(),
    }
}

pub(super) fn expired(operation: &str) -> CallError {
    CallError {
        operation: operation.to_owned(),
        kind: CallErrorKind::Credentials,
        code: "ExpiredToken".to_owned(),
        message: "The security token included in the request is expired".to_owned(),
    }
}
