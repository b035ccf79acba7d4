//! A program that is run to be tried: by the command itself, and nobody starts it again. It ends with the command.

use crate::supervisor::child::Child;
use crate::supervisor::log::{Log, Rotation};
use crate::supervisor::protocol::ProgramOrder;
use crate::supervisor::readiness;
use model::{Fault, FaultKind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// A program that runs, and is ready.
pub(crate) struct Trial {
    child: Child,
    order: ProgramOrder,
}

impl Trial {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started, ends, or is not ready in time; the fault has its last words.
    pub(crate) async fn start(order: ProgramOrder, home: &Path) -> Result<Self, Fault> {
        let operation = format!("trying {}", order.component);
        let log = Arc::new(Mutex::new(Log::open(order.log.clone(), Rotation::USUAL)?));
        let mut child = Child::spawn(&order, home, &log)?;
        let seen = Mutex::new("it does not answer".to_owned());
        let told = |what: String| *seen.lock().unwrap_or_else(PoisonError::into_inner) = what;
        let patience = Duration::from_secs(order.ready_within_seconds.into());
        let group = child.group();
        let trouble = tokio::select! {
            biased;
            status = child.wait() => match status {
                Ok(status) => format!("it ended with {status} before it was ready"),
                Err(error) => error.to_string(),
            },
            outcome = timeout(patience, readiness::wait(&order, group, told)) => match outcome {
                Ok(()) => return Ok(Self { child, order }),
                Err(_) => {
                    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    format!("it was not ready within {} s: {seen}", order.ready_within_seconds)
                }
            },
        };
        child.bury().await;
        let tail = log.lock().unwrap_or_else(PoisonError::into_inner).tail();
        Err(Fault::new(FaultKind::Permanent, operation, trouble).log_tail(tail))
    }

    /// Asks it to end, and waits until nothing of it is left.
    pub(crate) async fn end(self) {
        let grace = Duration::from_secs(self.order.stop_grace_seconds.into());
        self.child.stop(self.order.stop_signal, grace).await;
    }
}
