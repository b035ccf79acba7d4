//! The life of a tunnel: dial, open, watch; after a cut the same again.

use super::config::{Backoff, Dialling, TunnelConfig, Way};
use super::dialling::{Dialled, dial_patiently};
use super::health::{HealthFailure, HealthPath};
use super::listener;
use super::status::{TunnelError, TunnelState, TunnelStatus};
use super::target::{Observer, told_of_target};
use crate::client::{Connection, Target};
use crate::error::SshError;
use crate::forward::Counting;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long the server may go on holding a port for a cut connection before the new one is given up.
const HELD: Duration = Duration::from_secs(20);

/// After a question without a good answer the next one is not asked later than this.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Run {
    config: TunnelConfig,
    status: Arc<watch::Sender<TunnelStatus>>,
    counting: Arc<Counting>,
    listener: Option<Arc<TcpListener>>,
    connection: watch::Sender<Option<Arc<Connection>>>,
    stop: CancellationToken,
    /// When the last open connection was cut.
    cut_at: Option<Instant>,
}

/// Why a watch over an open connection ended.
enum Over {
    /// It broke.
    Broken(SshError),
    /// It does not answer since then, and a new TCP connection is there already.
    Replaced(TcpStream, Instant),
}

impl Run {
    pub(super) fn new(
        config: TunnelConfig,
        status: Arc<watch::Sender<TunnelStatus>>,
        counting: Arc<Counting>,
        listener: Option<Arc<TcpListener>>,
        stop: CancellationToken,
    ) -> Self {
        Self { config, status, counting, listener, connection: watch::Sender::new(None), stop, cut_at: None }
    }

    /// The connection, while one is open.
    pub(super) fn connection(&self) -> watch::Receiver<Option<Arc<Connection>>> {
        self.connection.subscribe()
    }

    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        let near_end = self.near_end();
        tokio::select! {
            () = self.keep_open() => {}
            () = near_end => {}
            () = stop.cancelled() => {}
        }
        let open = self.connection.send_replace(None);
        if let Some(open) = open {
            open.say_goodbye().await;
        }
        self.status.send_modify(|status| {
            // A stop for a reason that a person has to know stays to be read.
            if !matches!(status.state, TunnelState::WrongHostKey { .. } | TunnelState::Misconfigured { .. }) {
                status.enter(TunnelState::Stopped);
            }
            status.up_since = None;
            status.next_attempt = None;
        });
    }

    /// Serves the local port of a forward tunnel; a reverse tunnel has none.
    fn near_end(&self) -> impl Future<Output = ()> + Send + 'static {
        let parts = match (&self.config.way, &self.listener) {
            (Way::Forward { host, port, .. }, Some(listener)) => Some((Arc::clone(listener), host.clone(), *port)),
            _ => None,
        };
        let (connection, counting, status) =
            (self.connection.subscribe(), Arc::clone(&self.counting), Arc::clone(&self.status));
        let is_asked = self.config.health.is_some();
        let report: listener::Report = Arc::new(move |outcome| told_of_target(&status, &outcome, is_asked));
        async move {
            match parts {
                Some((listener, host, port)) => {
                    listener::serve(listener, connection, host, port, counting, report).await;
                }
                None => std::future::pending().await,
            }
        }
    }

    async fn keep_open(&mut self) {
        let mut dialling = Dialling::new(self.config.pauses);
        let mut ready: Option<TcpStream> = None;
        loop {
            self.status.send_modify(|status| {
                status.attempts += 1;
                status.next_attempt = None;
            });
            let error = match self.attempt(ready.take()).await {
                Ok(connection) => {
                    let connection = Arc::new(connection);
                    self.opened(&connection);
                    let since = Instant::now();
                    let over = self.watch(&connection).await;
                    self.cut_at = Some(Instant::now());
                    self.connection.send_replace(None);
                    match over {
                        Over::Broken(error) => {
                            self.failed(&error, |reason| TunnelState::Failing { reason });
                            self.pause(dialling.pause_after_cut(since.elapsed())).await;
                        }
                        Over::Replaced(stream, since) => {
                            self.cut_at = Some(since);
                            connection.abort();
                            ready = Some(stream);
                            dialling = Dialling::new(self.config.pauses);
                        }
                    }
                    continue;
                }
                Err(error) => error,
            };
            let state = state_after(&error);
            let hopeless = matches!(state, TunnelState::WrongHostKey { .. } | TunnelState::Misconfigured { .. });
            self.failed(&error, |_| state);
            if hopeless {
                // Only another configuration helps.
                return std::future::pending().await;
            }
            self.pause(dialling.pause_after(&error)).await;
        }
    }

    async fn pause(&self, pause: Duration) {
        if pause.is_zero() {
            return;
        }
        let until = SignedDuration::try_from(pause).ok().and_then(|pause| Timestamp::now().checked_add(pause).ok());
        self.status.send_modify(|status| status.next_attempt = until);
        tokio::time::sleep(pause).await;
    }

    /// Dials, unless there is a TCP connection already, logs in, and has the server listen.
    async fn attempt(&self, ready: Option<TcpStream>) -> Result<Connection, SshError> {
        let server = &self.config.server;
        let expected = server.host_keys.expected(&server.host, server.port)?;
        let stream = match ready {
            Some(stream) => stream,
            None => dial_patiently(server).await?.stream,
        };
        let connection = Connection::over(stream, server, expected, None).await?;
        if let Way::Reverse { listen, target } = &self.config.way {
            self.have_it_listen(
                &connection,
                *listen,
                Target {
                    address: *target,
                    counting: Arc::clone(&self.counting),
                    observer: Arc::new(Observer {
                        is_asked: self.config.health.is_some(),
                        status: Arc::clone(&self.status),
                    }),
                },
            )
            .await?;
        }
        Ok(connection)
    }

    /// Right after a cut the server may not have noticed it and still hold the port: it is asked again over the same
    /// connection, which is faster than a new one.
    async fn have_it_listen(&self, connection: &Connection, port: u16, target: Target) -> Result<(), SshError> {
        let begin = Instant::now();
        let mut pauses = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        loop {
            match connection.listen("127.0.0.1", port, target.clone()).await {
                Ok(_) => return Ok(()),
                Err(error @ SshError::ListenRefused { .. }) if self.cut_at.is_some() && begin.elapsed() < HELD => {
                    self.failed(&error, |_| TunnelState::PortStillHeld { port });
                    tokio::select! {
                        () = tokio::time::sleep(pauses.pause()) => {}
                        ended = connection.ended() => return Err(ended),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn opened(&mut self, connection: &Arc<Connection>) {
        let took = self.cut_at.take().map(|cut_at| cut_at.elapsed());
        self.connection.send_replace(Some(Arc::clone(connection)));
        self.status.send_modify(|status| {
            status.enter(TunnelState::Up);
            status.attempts = 0;
            status.next_attempt = None;
            status.health_failures = 0;
            status.up_since = Some(Timestamp::now());
            if let Some(took) = took {
                status.recovered_in(took);
            }
        });
    }

    fn failed(&self, error: &SshError, state: impl FnOnce(String) -> TunnelState) {
        self.status.send_modify(|status| {
            status.up_since = None;
            status.last_error =
                Some(TunnelError { at: Timestamp::now(), message: error.to_string(), help: error.help() });
            status.enter(state(error.to_string()));
        });
    }

    /// Watches over an open connection until it has to be replaced.
    async fn watch(&self, connection: &Arc<Connection>) -> Over {
        tokio::select! {
            error = connection.ended() => Over::Broken(error),
            over = self.keep_alive(connection) => over,
            error = self.keep_healthy(connection) => Over::Broken(error),
        }
    }

    /// Asks the server again and again whether it is there. At the first silence a new connection is prepared beside; it
    /// takes over when the network was away, since the old one would then wait for its next repetition, or when the silence
    /// lasts.
    async fn keep_alive(&self, connection: &Arc<Connection>) -> Over {
        let limits = self.config.server.limits;
        loop {
            tokio::time::sleep(limits.keep_alive).await;
            let begin = Instant::now();
            let misses = u32::try_from(limits.keep_alive_misses.max(1)).unwrap_or(1);
            let mut answer = std::pin::pin!(connection.ping(limits.keep_alive * misses));
            tokio::select! {
                result = &mut answer => match result {
                    Ok(()) => continue,
                    Err(error) => return Over::Broken(error),
                },
                () = tokio::time::sleep(limits.keep_alive) => {}
            }
            // It is this side that does not listen: nothing is known of the other one.
            if connection.backlog().holds_up() {
                continue;
            }
            self.silent(begin.elapsed());
            let replacement = self.dial_until_there();
            let Dialled { stream, promptly } = tokio::select! {
                result = &mut answer => match result {
                    Ok(()) => {
                        self.speaks_again(connection);
                        continue;
                    }
                    // Silent for too long: whatever answers the next dial takes over.
                    Err(_) => Dialled { promptly: false, ..self.dial_until_there().await },
                },
                dialled = replacement => dialled,
            };
            // When the first packets got through, the network is there and the server may only be slow.
            if promptly && answer.await.is_ok() {
                self.speaks_again(connection);
                continue;
            }
            return Over::Replaced(stream, begin);
        }
    }

    async fn dial_until_there(&self) -> Dialled {
        let mut dialling = Dialling::new(self.config.pauses);
        loop {
            match dial_patiently(&self.config.server).await {
                Ok(dialled) => return dialled,
                Err(error) => tokio::time::sleep(dialling.pause_after(&error)).await,
            }
        }
    }

    fn speaks_again(&self, connection: &Arc<Connection>) {
        self.connection.send_replace(Some(Arc::clone(connection)));
        self.status.send_modify(|status| {
            status.up_since = Some(Timestamp::now());
            status.enter(TunnelState::Up);
        });
    }

    /// New connections wait for what comes, those that are open go on.
    fn silent(&self, since: Duration) {
        self.connection.send_replace(None);
        let error = SshError::Timeout {
            server: self.config.server.server(),
            phase: "being asked whether it is there",
            limit: since,
        };
        self.failed(&error, |reason| TunnelState::Failing { reason });
    }

    /// Asks the question through the tunnel; returns when the connection is to blame for too many failures.
    async fn keep_healthy(&self, connection: &Arc<Connection>) -> SshError {
        let Some(health) = &self.config.health else { return std::future::pending().await };
        let local = self.status.borrow().local_port;
        let mut blamed = 0;
        loop {
            let path = HealthPath::new(Arc::clone(connection), self.config.way.clone(), local);
            let failure = match health.ask(path).await {
                Ok(()) => {
                    blamed = 0;
                    self.status.send_modify(|status| {
                        status.healthy_at = Some(Timestamp::now());
                        status.health_failures = 0;
                        status.enter(TunnelState::Up);
                    });
                    tokio::time::sleep(health.interval).await;
                    continue;
                }
                Err(failure) => failure,
            };
            let (state, to_blame) = self.diagnose(failure).await;
            let reason = state.to_string();
            self.status.send_modify(|status| {
                status.health_failures += 1;
                status.last_error = Some(TunnelError { at: Timestamp::now(), message: reason.clone(), help: None });
                status.enter(state);
            });
            blamed = if to_blame { blamed + 1 } else { 0 };
            if blamed >= health.failures {
                return SshError::Ended { server: self.config.server.server(), reason };
            }
            tokio::time::sleep(health.interval.min(AGAIN)).await;
        }
    }

    /// Who is to blame for a failed question: what is behind the tunnel, or perhaps the tunnel.
    async fn diagnose(&self, failure: HealthFailure) -> (TunnelState, bool) {
        match failure {
            HealthFailure::Answer(reason) => (TunnelState::Unhealthy { reason }, false),
            HealthFailure::Target(reason) => (TunnelState::TargetDead { reason }, false),
            HealthFailure::Path(reason) => match &self.config.way {
                // A new connection to this server cannot help a target over there.
                Way::Forward { .. } => match &self.status.borrow().state {
                    dead @ TunnelState::TargetDead { .. } => (dead.clone(), false),
                    _ => (TunnelState::Unhealthy { reason }, true),
                },
                Way::Reverse { target, .. } => {
                    match tokio::time::timeout(self.config.server.limits.connect, TcpStream::connect(target)).await {
                        Ok(Ok(_)) => (TunnelState::Unhealthy { reason }, true),
                        Ok(Err(error)) => (TunnelState::TargetDead { reason: format!("{target}: {error}") }, false),
                        Err(_) => (TunnelState::TargetDead { reason: format!("{target} does not answer") }, false),
                    }
                }
            },
        }
    }
}

/// What a failed attempt says about the tunnel.
fn state_after(error: &SshError) -> TunnelState {
    let reason = error.to_string();
    match error {
        SshError::HostKey(_) => TunnelState::WrongHostKey { reason },
        SshError::Key { .. } | SshError::KeyMode { .. } | SshError::Encrypted { .. } | SshError::File { .. } => {
            TunnelState::Misconfigured { reason }
        }
        SshError::KeyRefused { public, .. } => TunnelState::WaitingForRegistration { public: public.clone() },
        SshError::ListenRefused { .. } => TunnelState::ForwardRefused { reason },
        _ => TunnelState::Failing { reason },
    }
}
