//! What the host sent, put in order.

use bytes::Bytes;
use std::collections::BTreeMap;

/// A payload and what it is.
pub(crate) type Payload = (u32, Bytes);

/// Whether a message is acknowledged, and what can be used now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) is_acknowledged: bool,
    pub(crate) ready: Vec<Payload>,
}

/// The order of messages.
#[derive(Debug)]
pub(crate) struct Incoming {
    expected: i64,
    most: usize,
    early: BTreeMap<i64, Payload>,
}

impl Incoming {
    /// Keeps at most so many messages that come before their turn.
    pub(crate) fn new(most: usize) -> Self {
        Self { expected: 0, most, early: BTreeMap::new() }
    }

    /// A message. One that was there before is acknowledged again: the first acknowledgement was lost. One that comes too early to be
    /// kept is not, so that it comes again.
    pub(crate) fn take(&mut self, sequence: i64, payload: Payload) -> Taken {
        let mut ready = Vec::new();
        if sequence > self.expected {
            let is_near = usize::try_from(sequence - self.expected).is_ok_and(|ahead| ahead <= self.most);
            if is_near {
                self.early.insert(sequence, payload);
            }
            return Taken { is_acknowledged: is_near, ready };
        }
        if sequence == self.expected {
            ready.push(payload);
            self.expected += 1;
            while let Some(next) = self.early.remove(&self.expected) {
                ready.push(next);
                self.expected += 1;
            }
        }
        Taken { is_acknowledged: true, ready }
    }
}
