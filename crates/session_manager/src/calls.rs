//! What a session needs of the service besides its channel.

use futures_util::future::BoxFuture;
use model::{Fault, Secret};

/// A session whose channel can be opened: what `StartSession` and `ResumeSession` answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The session's id.
    pub session: String,
    /// Where its channel is.
    pub stream_url: String,
    /// What opens it.
    pub token: Secret,
}

/// The calls of Systems Manager that sessions need. A [`Fault`] of the kind `Transient` is tried again, any other one ends the session.
pub trait SessionCalls: Send + Sync {
    /// Starts a session (`ssm:StartSession`).
    fn start(&self) -> BoxFuture<'_, Result<Opening, Fault>>;
    /// A new token for a session whose channel broke (`ssm:ResumeSession`); `None` when it is over.
    fn resume<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<Option<Opening>, Fault>>;
    /// Ends a session (`ssm:TerminateSession`).
    fn terminate<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<(), Fault>>;
}
