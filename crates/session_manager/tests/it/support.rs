//! Servers, calls and sessions of tests.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use model::{Fault, FaultKind, Secret};
use session_manager::{Opening, Options, Session, SessionCalls};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use testkit::gateway::{Behaviour, Gateway, Ticket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What nothing on loopback takes; a test that waits so long hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn opening(ticket: Ticket) -> Opening {
    Opening { session: ticket.session, stream_url: ticket.stream_url, token: Secret::new(ticket.token) }
}

/// The calls of an account, answered by the gateway.
pub(crate) struct Calls {
    pub(crate) gateway: Gateway,
    pub(crate) target: SocketAddr,
    /// How many calls to resume fail first.
    pub(crate) troubles: AtomicUsize,
}

impl SessionCalls for Calls {
    fn start(&self) -> BoxFuture<'_, Result<Opening, Fault>> {
        async { Ok(opening(self.gateway.open(&self.target.ip().to_string(), self.target.port()))) }.boxed()
    }

    fn resume<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<Option<Opening>, Fault>> {
        async {
            let less = |left: usize| left.checked_sub(1);
            if self.troubles.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
                return Err(Fault::new(FaultKind::Transient, "ssm:ResumeSession", "no answer"));
            }
            Ok(self.gateway.resume(session).map(opening))
        }
        .boxed()
    }

    fn terminate<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<(), Fault>> {
        async {
            self.gateway.terminate(session).await;
            Ok(())
        }
        .boxed()
    }
}

/// As fast as it goes: the tests are not about the pace.
pub(crate) fn options() -> Options {
    Options { per_second: None, ..Options::default() }
}

pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) calls: Arc<Calls>,
    pub(crate) session: Session,
}

impl World {
    /// A session to a server, over a path that behaves so.
    pub(crate) async fn new(behaviour: Behaviour, target: SocketAddr) -> Self {
        Self::with(behaviour, target, options()).await
    }

    pub(crate) async fn with(behaviour: Behaviour, target: SocketAddr, options: Options) -> Self {
        let gateway = Gateway::start(behaviour).await.unwrap();
        let calls = Arc::new(Calls { gateway: gateway.clone(), target, troubles: AtomicUsize::new(0) });
        let opening = calls.start().await.unwrap();
        let session = Session::open(opening, Arc::clone(&calls) as Arc<dyn SessionCalls>, options).await.unwrap();
        Self { gateway, calls, session }
    }

    pub(crate) fn seen(&self) -> testkit::gateway::Seen {
        self.gateway.seen(self.session.id())
    }
}

/// A server that sends everything back, and closes when its client does.
pub(crate) async fn echo() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = tcp.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address
}

/// Bytes that tell when one is missing, doubled or out of its place.
pub(crate) fn pattern(length: usize, seed: u8) -> Vec<u8> {
    let mut state = u32::from(seed) + 1;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

/// Sends bytes to a server that sends them back, reading as it writes; closes.
pub(crate) async fn round_trip(connection: impl AsyncReadExt + AsyncWriteExt + Unpin, bytes: &[u8]) -> Vec<u8> {
    let (mut read, mut write) = tokio::io::split(connection);
    let mut back = vec![0; bytes.len()];
    let both = async {
        let sends = async {
            write.write_all(bytes).await.unwrap();
            write.flush().await.unwrap();
        };
        let (_, got) = tokio::join!(sends, read.read_exact(&mut back));
        got.unwrap();
    };
    tokio::time::timeout(PATIENCE, both).await.unwrap();
    back
}
