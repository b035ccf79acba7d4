//! What stands behind the sessions of Systems Manager: the gateway to which clients open websockets, and the hosts behind it. On loopback,
//! with real connections to real servers, and with every fault that a path can have.

mod host;
mod wire;

pub use host::Seen;

use futures_util::{SinkExt as _, StreamExt as _};
use host::Host;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// How a host, and the path to it, behave. Of the faults, each number says: one message in so many; 0 is never.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// The agent's version.
    pub version: String,
    /// The session's type; `Port` forwards.
    pub session_type: String,
    /// What kind of forwarding.
    pub forwarding: String,
    /// A key for encryption, if the account's preferences name one.
    pub kms_key: Option<String>,
    /// What is said to everybody who connects.
    pub notice: String,
    /// Tokens are not accepted.
    pub refuses_tokens: bool,
    /// The agent does not begin.
    pub is_silent: bool,
    /// Sessions cannot be resumed.
    pub forgets: bool,
    /// How long messages of the stream are.
    pub payload: usize,
    /// After how many milliseconds the oldest message goes again.
    pub repeats_after: u64,
    /// What decides when faults happen.
    pub seed: u64,
    /// Messages to the client get lost.
    pub loses_to_client: u64,
    /// Messages from the client get lost.
    pub loses_from_client: u64,
    /// Messages to the client come twice.
    pub doubles: u64,
    /// Messages to the client come after the next one.
    pub reorders: u64,
    /// Messages to the client arrive damaged.
    pub damages: u64,
    /// The agent cannot use a message yet.
    pub is_not_ready: u64,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            version: "3.3.987.0".to_owned(),
            session_type: "Port".to_owned(),
            forwarding: "LocalPortForwarding".to_owned(),
            kms_key: None,
            notice: String::new(),
            refuses_tokens: false,
            is_silent: false,
            forgets: false,
            payload: 1024,
            repeats_after: 200,
            seed: 1,
            loses_to_client: 0,
            loses_from_client: 0,
            doubles: 0,
            reorders: 0,
            damages: 0,
            is_not_ready: 0,
        }
    }
}

/// What a client is told when a session is started or resumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The session's id.
    pub session: String,
    /// The channel's address.
    pub stream_url: String,
    /// What opens it once.
    pub token: String,
}

struct Live {
    host: Arc<Host>,
    /// The token that is good.
    token: Option<String>,
    is_terminated: bool,
    /// Breaks the channel.
    cut: Arc<Notify>,
}

#[derive(Default)]
struct Sessions {
    behaviour: Behaviour,
    routes: BTreeMap<(String, u16), SocketAddr>,
    live: BTreeMap<String, Live>,
    serial: u64,
}

/// A gateway that listens until it is dropped. Clones are the same one.
#[derive(Clone)]
pub struct Gateway {
    address: SocketAddr,
    sessions: Arc<Mutex<Sessions>>,
    _task: Arc<Listening>,
}

struct Listening(JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Gateway {
    /// Listens on a port of this machine that is free.
    ///
    /// # Errors
    /// When none is.
    pub async fn start(behaviour: Behaviour) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let sessions = Arc::new(Mutex::new(Sessions { behaviour, ..Sessions::default() }));
        let known = Arc::clone(&sessions);
        let task = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let known = Arc::clone(&known);
                tokio::spawn(async move { channel(&known, tcp).await });
            }
        });
        Ok(Self { address, sessions, _task: Arc::new(Listening(task)) })
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hosts(&self) -> Vec<Arc<Host>> {
        self.sessions().live.values().map(|live| Arc::clone(&live.host)).collect()
    }

    /// From now on hosts and paths of new sessions behave so.
    pub fn behave(&self, behaviour: Behaviour) {
        self.sessions().behaviour = behaviour;
    }

    /// What private names lead to, as seen from the hosts: `db.internal` and 5432 to a server on this machine.
    pub fn route(&self, host: &str, port: u16, to: SocketAddr) {
        self.sessions().routes.insert((host.to_owned(), port), to);
    }

    /// Starts a session to a port of something; addresses of loopback need no route.
    #[must_use]
    pub fn open(&self, host: &str, port: u16) -> Ticket {
        let mut sessions = self.sessions();
        sessions.serial += 1;
        let session = format!("tester-{:017x}", sessions.serial);
        let token = format!("token-{}-0", sessions.serial);
        let target = sessions.routes.get(&(host.to_owned(), port)).copied();
        let target = target.or_else(|| Some(SocketAddr::new(host.parse().ok()?, port)));
        let host = Host::new(sessions.behaviour.clone(), target);
        let live = Live { host, token: Some(token.clone()), is_terminated: false, cut: Arc::default() };
        sessions.live.insert(session.clone(), live);
        Ticket { stream_url: self.url(&session), session, token }
    }

    fn url(&self, session: &str) -> String {
        format!("ws://{}/v1/data-channel/{session}?role=publish_subscribe", self.address)
    }

    /// Another token for a session that is not over.
    #[must_use]
    pub fn resume(&self, session: &str) -> Option<Ticket> {
        let mut sessions = self.sessions();
        if sessions.behaviour.forgets {
            return None;
        }
        sessions.serial += 1;
        let token = format!("token-{}-again", sessions.serial);
        let live = sessions.live.get_mut(session).filter(|live| !live.is_terminated)?;
        live.token = Some(token.clone());
        Some(Ticket { session: session.to_owned(), stream_url: self.url(session), token })
    }

    /// Ends a session; `false` when there is none.
    pub async fn terminate(&self, session: &str) -> bool {
        let host = {
            let mut sessions = self.sessions();
            let Some(live) = sessions.live.get_mut(session).filter(|live| !live.is_terminated) else { return false };
            live.is_terminated = true;
            Arc::clone(&live.host)
        };
        let closed = serde_json::json!({ "MessageType": "channel_closed", "SessionId": session, "Output": "" });
        host.announce("channel_closed", closed.to_string().as_bytes()).await;
        true
    }

    /// Ends a session as AWS does by itself, with these words.
    pub async fn expire(&self, session: &str, words: &str) {
        let host = {
            let mut sessions = self.sessions();
            let Some(live) = sessions.live.get_mut(session) else { return };
            live.is_terminated = true;
            Arc::clone(&live.host)
        };
        let closed = serde_json::json!({ "MessageType": "channel_closed", "SessionId": session, "Output": words });
        host.announce("channel_closed", closed.to_string().as_bytes()).await;
    }

    /// Breaks the websocket of a session without a word.
    pub fn cut(&self, session: &str) {
        if let Some(live) = self.sessions().live.get_mut(session) {
            live.host.unlink();
            live.cut.notify_one();
        }
    }

    /// Tells the client that the host does not listen for a while, or does again.
    pub async fn pause(&self, session: &str, is_paused: bool) {
        let host = self.sessions().live.get(session).map(|live| Arc::clone(&live.host));
        if let Some(host) = host {
            host.pause(is_paused);
            host.announce(if is_paused { "pause_publication" } else { "start_publication" }, b"{}").await;
        }
    }

    /// The host hears nothing of what the client sends from now on.
    pub fn deafen(&self, session: &str) {
        if let Some(live) = self.sessions().live.get(session) {
            live.host.deafen();
        }
    }

    /// What happened in a session.
    #[must_use]
    pub fn seen(&self, session: &str) -> Seen {
        self.sessions().live.get(session).map(|live| live.host.seen()).unwrap_or_default()
    }

    /// Waits until something is so in a session.
    pub async fn until(&self, session: &str, is_so: impl Fn(&Seen) -> bool) -> Seen {
        loop {
            let seen = self.seen(session);
            if is_so(&seen) {
                return seen;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// The sessions that were started: id, and whether it is over.
    #[must_use]
    pub fn started(&self) -> Vec<(String, bool)> {
        self.sessions().live.iter().map(|(id, live)| (id.clone(), live.is_terminated)).collect()
    }
}

/// Where a websocket was asked for.
struct Address(Arc<OnceLock<String>>);

impl Callback for Address {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        let _ = self.0.set(request.uri().path().to_owned());
        Ok(response)
    }
}

/// One websocket.
async fn channel(sessions: &Mutex<Sessions>, tcp: TcpStream) {
    let address = Arc::new(OnceLock::new());
    let Ok(socket) = tokio_tungstenite::accept_hdr_async(tcp, Address(Arc::clone(&address))).await else { return };
    let (mut write, mut read) = socket.split();
    // Amazon's client asks for a sign of life at the same moment.
    let open = loop {
        match read.next().await {
            Some(Ok(Message::Text(open))) => break open,
            Some(Ok(Message::Ping(_))) => {}
            _ => return,
        }
    };
    let open: Value = serde_json::from_str(&open).unwrap_or_default();
    let text = |name: &str| open[name].as_str().unwrap_or_default().to_owned();
    let session = address.get().and_then(|path: &String| path.rsplit('/').next()).unwrap_or_default().to_owned();
    let admitted = {
        let mut sessions = sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let live = sessions.live.get_mut(&session).filter(|live| !live.is_terminated);
        live.and_then(|live| {
            let is_right = live.token.take_if(|token| *token == text("TokenValue")).is_some();
            let is_complete = text("MessageSchemaVersion") == "1.0"
                && text("RequestId").len() == 36
                && text("ClientId").len() == 36
                && !text("ClientVersion").is_empty();
            (is_right && is_complete && !live.host.behaviour.refuses_tokens).then(|| {
                live.cut = Arc::default();
                (Arc::clone(&live.host), Arc::clone(&live.cut))
            })
        })
    };
    let Some((host, cut)) = admitted else {
        let reason = "the token is not valid".into();
        let _ = write.send(Message::Close(Some(CloseFrame { code: CloseCode::Policy, reason }))).await;
        return;
    };
    let (link, mut to_write) = mpsc::channel::<Vec<u8>>(64);
    let writes = tokio::spawn(async move {
        while let Some(bytes) = to_write.recv().await {
            if write.send(Message::binary(bytes)).await.is_err() {
                return;
            }
        }
    });
    let is_first = host.seen().channels == 0;
    host.note(|seen| seen.client_version = text("ClientVersion"));
    host.linked(link, is_first).await;
    loop {
        let frame = tokio::select! {
            () = cut.notified() => break,
            frame = read.next() => frame,
        };
        match frame {
            Some(Ok(Message::Binary(bytes))) => host.received(&bytes).await,
            Some(Ok(Message::Ping(_))) => host.note(|seen| seen.pings += 1),
            Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            Some(Ok(_)) => {}
        }
    }
    writes.abort();
}
