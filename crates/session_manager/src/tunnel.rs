//! A port of this machine that leads to a port of a private network, for as long as it is wanted.
//!
//! Sessions end: after some minutes without traffic, after the longest time that the account allows, when a host is replaced. A tunnel
//! starts the next one when the next connection comes. A host whose agent carries one connection a session gets one session for each.

use crate::calls::SessionCalls;
use crate::connection::Connection;
use crate::error::End;
use crate::options::Options;
use crate::session::Session;
use crate::status::{State, Status};
use model::{Fault, FaultKind};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

/// What a tunnel tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelStatus {
    /// The session that is open now, or was last.
    pub session: Option<Status>,
    /// How many sessions there were.
    pub sessions: u64,
    /// What went wrong last, until something goes right.
    pub trouble: Option<Fault>,
}

/// A session, and the task that has it forgotten when it is over.
struct Kept {
    session: Session,
    forgets: JoinHandle<()>,
}

/// Sessions, as they are needed. Connections can be had from it, and a port can be forwarded, see [`Tunnel::listen`].
pub struct Tunnel {
    calls: Arc<dyn SessionCalls>,
    options: Options,
    open: Mutex<Vec<Kept>>,
    status: watch::Sender<(u64, Option<Fault>, Option<Session>)>,
}

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tunnel").finish_non_exhaustive()
    }
}

impl Tunnel {
    /// Nothing is called before the first connection, or [`Tunnel::check`].
    #[must_use]
    pub fn new(calls: Arc<dyn SessionCalls>, options: Options) -> Arc<Self> {
        let (status, _) = watch::channel((0, None, None));
        Arc::new(Self { calls, options, open: Mutex::default(), status })
    }

    /// Opens a session when none is open.
    ///
    /// # Errors
    /// When none can be had.
    pub async fn check(&self) -> Result<(), Fault> {
        self.session().await.map(drop)
    }

    /// A connection, through the session that is open or another one.
    ///
    /// # Errors
    /// When no session can be had.
    pub async fn connect(&self) -> Result<Connection, Fault> {
        // A session may end between the two; once is bad luck.
        for _ in 0..2 {
            match self.session().await?.connect() {
                Ok(connection) => return Ok(connection),
                Err(end) if matches!(*end, End::OneOnly(_)) => {
                    let session = self.another().await?;
                    return session.connect().map_err(|end| end.fault("connecting through a session"));
                }
                Err(_) => {}
            }
        }
        self.session().await?.connect().map_err(|end| end.fault("connecting through a session"))
    }

    async fn session(&self) -> Result<Session, Fault> {
        {
            let mut open = self.open.lock().await;
            open.retain(|kept| !kept.session.is_over());
            if let Some(kept) = open.last() {
                return Ok(kept.session.clone());
            }
        }
        self.another().await
    }

    async fn another(&self) -> Result<Session, Fault> {
        // Many connections at once start one session, not many.
        let mut open = self.open.lock().await;
        open.retain(|kept| !kept.session.is_over());
        if let Some(kept) = open.last().filter(|kept| kept.session.status().is_multiplexed) {
            return Ok(kept.session.clone());
        }
        let started = self.start().await;
        self.status.send_modify(|(sessions, trouble, last)| {
            *sessions += u64::from(started.is_ok());
            *trouble = started.as_ref().err().cloned();
            if let Ok(session) = &started {
                *last = Some(session.clone());
            }
        });
        let session = started?;
        open.push(Kept { forgets: self.forget_when_over(&session), session: session.clone() });
        Ok(session)
    }

    async fn start(&self) -> Result<Session, Fault> {
        let opening = self.calls.start().await?;
        let id = opening.session.clone();
        match Session::open(opening, Arc::clone(&self.calls), self.options.clone()).await {
            Ok(session) => Ok(session),
            Err(end) => {
                // It exists, and would stay until it has been idle for long.
                let _ = self.calls.terminate(&id).await;
                Err(end.fault("opening a session"))
            }
        }
    }

    /// When a session's own agent or AWS has ended it, Systems Manager may still hold it for connected.
    fn forget_when_over(&self, session: &Session) -> JoinHandle<()> {
        let (calls, id) = (Arc::clone(&self.calls), session.id().to_owned());
        let mut over = session.watch();
        tokio::spawn(async move {
            let _ = over.wait_for(|status| matches!(status.state, State::Over(_))).await;
            let _ = calls.terminate(&id).await;
        })
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> TunnelStatus {
        let (sessions, trouble, session) = self.status.borrow().clone();
        TunnelStatus { session: session.map(|session| session.status()), sessions, trouble }
    }

    /// Ends all sessions and waits until they are ended.
    pub async fn close(&self) {
        for Kept { session, forgets } in self.open.lock().await.drain(..) {
            session.close().await;
            let _ = forgets.await;
        }
    }

    /// Forwards a port of this machine; port 0 is one that is free.
    ///
    /// # Errors
    /// When it is taken, or not loopback.
    pub async fn listen(self: &Arc<Self>, address: SocketAddr) -> Result<Forwarding, Fault> {
        let operation = || format!("listening on {address}");
        if !address.ip().is_loopback() {
            let fault = Fault::new(FaultKind::Permanent, operation(), "everybody in this network could use the tunnel");
            return Err(fault.help("use 127.0.0.1"));
        }
        let listener = TcpListener::bind(address).await.map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => Fault::new(FaultKind::NeedsPerson, operation(), "another program has the port")
                .help("name another port, or 0 for any that is free"),
            _ => Fault::new(FaultKind::Permanent, operation(), error),
        })?;
        let address = listener.local_addr().map_err(|error| Fault::new(FaultKind::Permanent, operation(), error))?;
        let closing = CancellationToken::new();
        tokio::spawn(forward(Arc::clone(self), listener, closing.clone()));
        Ok(Forwarding { address, _guard: closing.drop_guard() })
    }
}

/// A port that is forwarded until this is dropped; its connections end then.
#[derive(Debug)]
pub struct Forwarding {
    address: SocketAddr,
    _guard: DropGuard,
}

impl Forwarding {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn forward(tunnel: Arc<Tunnel>, listener: TcpListener, closing: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = closing.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((tcp, _)) => {
                    let tunnel = Arc::clone(&tunnel);
                    connections.spawn(async move { carry(&tunnel, tcp).await });
                }
                // No descriptors are left: some will be.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Carries one connection. A program that cannot be connected sees its connection end; why is told by [`Tunnel::status`].
async fn carry(tunnel: &Tunnel, mut tcp: TcpStream) {
    // What does not work for one connection is in the status; the program here can be told nothing more than the end.
    let Ok(mut connection) = tunnel.connect().await else { return };
    let _ = tcp.set_nodelay(true);
    let _ = tokio::io::copy_bidirectional(&mut tcp, &mut connection).await;
}
