//! A session: its channel and the connections through it.

use crate::calls::{Opening, SessionCalls};
use crate::channel::Channel;
use crate::connection::Connection;
use crate::error::End;
use crate::options::Options;
use crate::status::{State, Status};
use crate::streams::Streams;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A session that carries connections to one port. Clones are the same session; it is closed when the last one is dropped.
///
/// Closing tells the host's agent; that Systems Manager forgets the session at once is `ssm:TerminateSession`, which whoever started it
/// calls.
#[derive(Debug, Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    id: String,
    streams: Arc<Streams>,
    status: watch::Receiver<Status>,
    closing: CancellationToken,
    _guard: DropGuard,
    most_unread: usize,
}

impl Session {
    /// Opens the channel of a session that was started, and waits until the host's agent is ready.
    ///
    /// # Errors
    /// When AWS or the agent refuses, or does not answer.
    pub async fn open(opening: Opening, calls: Arc<dyn SessionCalls>, options: Options) -> Result<Self, Arc<End>> {
        let streams = Arc::new(Streams::new(options.unread, options.linger));
        let begun = Status {
            state: State::Opening,
            agent: String::new(),
            is_multiplexed: false,
            connections: 0,
            connections_ever: 0,
            refused: 0,
            sent: 0,
            received: 0,
            repeated: 0,
            resumed: 0,
            is_held_up: false,
            notice: None,
        };
        let (tell, mut status) = watch::channel(begun);
        let closing = CancellationToken::new();
        // Whoever stops waiting here leaves no channel behind.
        let guard = closing.clone().drop_guard();
        let most_unread = options.unread;
        let id = opening.session.clone();
        let channel = Channel::new(&opening, calls, options, Arc::clone(&streams), tell, closing.clone());
        tokio::spawn(channel.run(opening));
        let begun = status.wait_for(|status| status.state != State::Opening).await;
        let state = begun.map_or(State::Over(Arc::new(End::Closed)), |status| status.state.clone());
        match state {
            State::Over(end) => Err(end),
            _ => Ok(Self { inner: Arc::new(Inner { id, streams, status, closing, _guard: guard, most_unread }) }),
        }
    }

    /// The session's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// A connection to the port. That the host cannot make it is known when it is read from: `ConnectionRefused`.
    ///
    /// # Errors
    /// When the session is over, or the agent carries one connection and has it.
    pub fn connect(&self) -> Result<Connection, Arc<End>> {
        let streams = &self.inner.streams;
        Ok(Connection::new(Arc::clone(streams), streams.connect()?))
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let counts = self.inner.streams.counts();
        Status {
            connections: counts.connections,
            connections_ever: counts.connections_ever,
            refused: counts.refused,
            sent: counts.sent,
            received: counts.received,
            is_held_up: counts.unread >= self.inner.most_unread,
            ..self.inner.status.borrow().clone()
        }
    }

    /// Waits until it stands otherwise than in this state, and says how.
    pub async fn changed_from(&self, state: &State) -> Status {
        let mut status = self.inner.status.clone();
        let _ = status.wait_for(|status| status.state != *state).await;
        self.status()
    }

    /// Waits until it is over, and says why.
    pub async fn over(&self) -> Arc<End> {
        let mut status = self.inner.status.clone();
        let over = status.wait_for(|status| matches!(status.state, State::Over(_))).await;
        match over.map(|status| status.state.clone()) {
            Ok(State::Over(end)) => end,
            _ => Arc::new(End::Closed),
        }
    }

    /// Closes it, with all connections, and waits until the agent was told.
    pub async fn close(&self) {
        self.inner.closing.cancel();
        self.over().await;
    }

    /// Its state, without keeping it open.
    pub(crate) fn watch(&self) -> watch::Receiver<Status> {
        self.inner.status.clone()
    }

    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.inner.status.borrow().state, State::Over(_))
    }
}
