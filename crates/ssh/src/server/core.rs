//! What all connections of a server share, and how one connection lives.

use crate::client::{in_words, locked};
use crate::error::SshError;
use crate::guarded::Guarded;
use crate::server::config::ServerConfig;
use crate::server::event::Happening;
use crate::server::handler::{GOODBYE, ServerHandler};
use crate::server::link::Link;
use crate::settings;
use russh::{MethodKind, MethodSet};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long the old connection of an account may take to show that it lives, when a new one wants its port.
const PROOF_OF_LIFE: Duration = Duration::from_secs(2);

pub(crate) struct Core {
    config: RwLock<(Arc<ServerConfig>, Arc<russh::server::Config>)>,
    pub(crate) links: Mutex<HashMap<u64, Arc<Link>>>,
    next: AtomicU64,
    pub(crate) turned_away: AtomicU64,
    pub(crate) logins: AtomicU64,
    pub(crate) login_failures: AtomicU64,
    pub(crate) stopping: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Core {
    pub(crate) fn new(config: ServerConfig) -> Self {
        let russh = Arc::new(russh_config(&config));
        Self {
            config: RwLock::new((Arc::new(config), russh)),
            links: Mutex::default(),
            next: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            logins: AtomicU64::new(0),
            login_failures: AtomicU64::new(0),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Takes a new configuration for new connections and requests, and takes away from open ones what it does not give.
    pub(crate) fn configure(&self, config: ServerConfig) {
        let russh = Arc::new(russh_config(&config));
        let config = Arc::new(config);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = (Arc::clone(&config), russh);
        for link in locked(&self.links).values() {
            link.apply(&config);
        }
    }

    /// Takes one connection in, or turns it away.
    pub(crate) fn take(self: &Arc<Self>, socket: TcpStream, peer: SocketAddr) {
        let (config, russh) = self.config.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut links = locked(&self.links);
        if let Some(reason) = turned_away_because(&config, &links, peer) {
            drop(links);
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            config.journal.write(Some(peer), None, Happening::TurnedAway { reason });
            return;
        }
        let link = Arc::new(Link::new(peer));
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        links.insert(id, Arc::clone(&link));
        drop(links);
        let core = Arc::clone(self);
        self.tasks.spawn(async move {
            let reason = core.live(&link, socket, russh, &config).await;
            // Whatever is still carried for it ends with it.
            link.cut.cancel();
            locked(&core.links).remove(&id);
            let reason = link.reason().unwrap_or(reason);
            link.tell(&core.config().journal, Happening::Ended { reason });
        });
    }

    /// From the first byte to the last; says why it ended.
    async fn live(
        self: &Arc<Self>,
        link: &Arc<Link>,
        socket: TcpStream,
        russh: Arc<russh::server::Config>,
        config: &ServerConfig,
    ) -> String {
        let _ = socket.set_nodelay(true);
        let grace = tokio::time::sleep(config.limits.login_grace);
        tokio::pin!(grace);
        let handler = ServerHandler::new(Arc::clone(self), Arc::clone(link));
        let guarded = Guarded::new(socket, &link.cut);
        let starting = russh::server::run_stream(russh, guarded, handler);
        let session = tokio::select! {
            session = starting => match session {
                Ok(session) => session,
                Err(error) => return in_words(&error),
            },
            () = &mut grace => return "no login in time".to_owned(),
        };
        let _ = link.handle.set(session.handle());
        let mut session = std::pin::pin!(session);
        let mut logged_in = link.logged_in.subscribe();
        let idle = async {
            let Some(limit) = config.limits.idle else { return std::future::pending().await };
            loop {
                match link.quiet_since() {
                    Some(since) if since.elapsed() >= limit => return,
                    Some(since) => tokio::time::sleep_until(since + limit).await,
                    None => tokio::time::sleep(limit).await,
                }
            }
        };
        tokio::select! {
            result = &mut session => return over(result),
            () = &mut grace => {
                if !*link.logged_in.borrow() {
                    link.cut_because("no login in time");
                }
            }
            _ = logged_in.wait_for(|&yes| yes) => {}
        }
        tokio::select! {
            result = &mut session => return over(result),
            () = idle => {
                let _ = session.handle().disconnect(russh::Disconnect::ByApplication, "idle for too long".to_owned(), String::new()).await;
                link.cut_because("idle for too long");
            }
            () = self.finish(link) => {
                let (code, text) = GOODBYE;
                let _ = session.handle().disconnect(code, text.to_owned(), String::new()).await;
                // Time for the goodbye to leave.
                if let Ok(result) = tokio::time::timeout(Duration::from_millis(200), &mut session).await {
                    link.cut_because(text);
                    return over(result);
                }
                link.cut_because(text);
            }
        }
        over(session.await)
    }

    /// Returns when the server stops and this connection has nothing open, or time is up.
    async fn finish(&self, link: &Link) {
        self.stopping.cancelled().await;
        let limit = tokio::time::Instant::now() + self.config().limits.drain;
        while link.has_open_forwards() && tokio::time::Instant::now() < limit {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A listener on a port for this connection. When an older connection of the same account holds it and does not answer
    /// any more, as after a cut that it has not noticed, that one is ended.
    pub(crate) async fn listener_for(&self, link: &Link, port: u16) -> std::io::Result<TcpListener> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let taken = match TcpListener::bind(address).await {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => error,
            other => return other,
        };
        let account = link.account();
        let holder = locked(&self.links)
            .values()
            .find(|other| {
                !std::ptr::eq(&raw const ***other, link) && other.listens_on(port) && other.account() == account
            })
            .cloned();
        let Some(holder) = holder else { return Err(taken) };
        if is_alive(&holder).await {
            return Err(taken);
        }
        holder.cut_because("it does not answer, and the same account has connected again");
        for _ in 0..50 {
            match TcpListener::bind(address).await {
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                other => return other,
            }
        }
        Err(taken)
    }
}

/// Asks the client something that it will refuse; any answer will do.
async fn is_alive(link: &Link) -> bool {
    let Some(handle) = link.handle.get() else { return true };
    let question = handle.cancel_forward_tcpip(String::new(), 0);
    tokio::time::timeout(PROOF_OF_LIFE, question).await.is_ok() && !link.cut.is_cancelled()
}

fn over(result: Result<(), russh::Error>) -> String {
    match result {
        Ok(()) => "the client closed it".to_owned(),
        Err(error) => in_words(&error),
    }
}

fn turned_away_because(config: &ServerConfig, links: &HashMap<u64, Arc<Link>>, peer: SocketAddr) -> Option<String> {
    let limits = &config.limits;
    if !config.lets_in(peer.ip()) {
        return Some("its address is in none of the allowed blocks".to_owned());
    }
    if links.len() >= limits.connections {
        return Some(format!("{} connections are open already", limits.connections));
    }
    let waiting = || links.values().filter(|link| !*link.logged_in.borrow());
    if waiting().count() >= limits.unauthenticated {
        return Some(format!("{} connections are not logged in yet", limits.unauthenticated));
    }
    if waiting().filter(|link| link.peer.ip() == peer.ip()).count() >= limits.unauthenticated_each {
        return Some(format!("{} connections from its address are not logged in yet", limits.unauthenticated_each));
    }
    None
}

fn russh_config(config: &ServerConfig) -> russh::server::Config {
    russh::server::Config {
        server_id: settings::version(),
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        // A key of 256 bits is not guessed; the pause only keeps refused clients from turning in circles.
        auth_rejection_time: Duration::from_millis(100),
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: [&config.host_key].into_iter().chain(&config.further_host_keys).map(|key| (*key.0).clone()).collect(),
        limits: settings::limits(),
        window_size: settings::WINDOW,
        maximum_packet_size: settings::PACKET,
        channel_buffer_size: settings::CHANNEL_QUEUE,
        event_buffer_size: settings::SESSION_QUEUE,
        preferred: settings::preferred(),
        max_auth_attempts: config.limits.attempts,
        inactivity_timeout: None,
        keepalive_interval: Some(config.limits.keep_alive),
        keepalive_max: config.limits.keep_alive_misses,
        nodelay: true,
        ..Default::default()
    }
}

/// Binds, with the errors that people understand.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, SshError> {
    TcpListener::bind(address).await.map_err(|source| SshError::Listen { address, source })
}
