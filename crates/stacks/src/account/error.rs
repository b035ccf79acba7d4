//! How a call fails, as far as what to do next depends on it.

use model::{Fault, FaultKind};

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    /// The operation, as `cloudformation:CreateChangeSet`: also the action that a permission names.
    pub operation: String,
    /// What it means.
    pub kind: CallErrorKind,
    /// The service's own code, as `ValidationError`; empty when none came.
    pub code: String,
    /// The service's own words. Holds no secret.
    pub message: String,
}

/// What a failed call means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallErrorKind {
    /// Too many calls: the same call works later.
    Throttled,
    /// No answer, or the service failed: the call may have been done. Repeating it with its token is right.
    Unanswered,
    /// There are no credentials, or they are no longer good.
    Credentials,
    /// The caller may not do `action`, where the service names it.
    Denied {
        /// As `ec2:CreateVpc`.
        action: Option<String>,
    },
    /// There is one of that name already.
    Exists,
    /// The thing is in a state in which the call is refused (a stack that somebody else updates).
    WrongState,
    /// A quota is used up.
    Quota,
    /// This machine's clock is too far from the right time.
    ClockSkew,
    /// The call itself is wrong; it will fail again.
    Refused,
}

impl CallError {
    /// The fault that a person is told.
    #[must_use]
    pub fn fault(&self, while_doing: impl Into<String>) -> Fault {
        let kind = match self.kind {
            CallErrorKind::Throttled | CallErrorKind::Unanswered => FaultKind::Transient,
            CallErrorKind::Credentials | CallErrorKind::Denied { .. } => FaultKind::Permission,
            CallErrorKind::Exists | CallErrorKind::WrongState | CallErrorKind::Quota | CallErrorKind::ClockSkew => {
                FaultKind::NeedsPerson
            }
            CallErrorKind::Refused => FaultKind::Permanent,
        };
        let fault = Fault::new(kind, while_doing, &self.message);
        match &self.kind {
            CallErrorKind::Credentials => fault.help(
                "log in again (`aws sso login`, or another `--profile`), then run the command again; nothing is lost",
            ),
            CallErrorKind::Denied { action } => {
                let action = action.as_deref().unwrap_or(&self.operation);
                fault.help(format!("let the caller do `{action}`, then run the command again"))
            }
            CallErrorKind::ClockSkew => {
                fault.help("set this machine's clock (`timedatectl`), then run the command again")
            }
            CallErrorKind::Quota => fault.help("ask for more with Service Quotas, or remove what is no longer used"),
            _ => fault,
        }
    }
}
