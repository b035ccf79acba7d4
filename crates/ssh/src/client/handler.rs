//! What a client answers to the server: whether the host key is right, and where connections of a remote listener go.

use super::Target;
use crate::backlog::Backlog;
use crate::error::{HostKeyMismatch, SshError};
use crate::forward::Counted;
use crate::key::PublicKey;
use crate::known_hosts::Expected;
use crate::pump::{End, carry};
use crate::settings;
use russh::client::{ChannelOpenHandle, DisconnectReason, Msg, Session};
use russh::keys::{Algorithm, PublicKeyOrCertificate};
use russh::{Channel, ChannelOpenFailure};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// What the connection and its handler both know.
pub(crate) struct Shared {
    pub(crate) server: String,
    expected: Expected,
    /// Set when the host key is refused.
    mismatch: Mutex<Option<Box<HostKeyMismatch>>>,
    /// Set when the connection is over.
    end: watch::Sender<Option<String>>,
    listeners: Mutex<HashMap<u16, Target>>,
    pub(crate) backlog: Backlog,
}

impl Shared {
    pub(crate) fn new(server: String, expected: Expected) -> Self {
        Self {
            server,
            expected,
            mismatch: Mutex::default(),
            end: watch::Sender::new(None),
            listeners: Mutex::default(),
            backlog: Backlog::default(),
        }
    }

    /// The kinds of key that are expected come first, so that a server with several shows the right one.
    pub(crate) fn key_algorithms(&self) -> Vec<Algorithm> {
        let known = |algorithm: &Algorithm| {
            self.expected.keys.iter().any(|(key, _)| match (key.0.algorithm(), algorithm) {
                (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
                (known, other) => known == *other,
            })
        };
        let (first, then): (Vec<_>, Vec<_>) = settings::KEY_ALGORITHMS.iter().cloned().partition(known);
        first.into_iter().chain(then).collect()
    }

    pub(crate) fn listen(&self, port: u16, target: Target) {
        locked(&self.listeners).insert(port, target);
    }

    /// What is known to be wrong, beyond "it broke".
    pub(crate) fn failure(&self) -> Option<SshError> {
        if let Some(mismatch) = locked(&self.mismatch).clone() {
            return Some(SshError::HostKey(mismatch));
        }
        let reason = self.end.borrow().clone()?;
        Some(SshError::Ended { server: self.server.clone(), reason })
    }

    /// A broken connection, with the reason that tells most: that they do not understand each other, what the server said when
    /// it hung up, what the library says.
    pub(crate) fn broken(&self, error: &russh::Error) -> SshError {
        let server = self.server.clone();
        match error {
            russh::Error::NoCommonAlgo { kind, theirs, .. } => SshError::Protocol {
                server,
                reason: format!("no common {kind:?} algorithm; it offers {}", theirs.join(", ")),
            },
            russh::Error::Version => SshError::Protocol { server, reason: "what answers is no SSH server".to_owned() },
            other => self.failure().unwrap_or_else(|| SshError::Ended { server, reason: in_words(other) }),
        }
    }

    /// Says why the connection is over; the first reason counts.
    pub(crate) fn end_because(&self, reason: &str) {
        self.end.send_if_modified(|end| {
            let news = end.is_none();
            end.get_or_insert_with(|| reason.to_owned());
            news
        });
    }

    pub(crate) async fn ended(&self) -> SshError {
        let mut end = self.end.subscribe();
        let reason = match end.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "it was given up".to_owned(),
        };
        SshError::Ended { server: self.server.clone(), reason }
    }

    fn judge(&self, shown: &PublicKey) -> Result<(), Box<HostKeyMismatch>> {
        let mismatch = |revoked| {
            Box::new(HostKeyMismatch {
                server: self.server.clone(),
                shown: shown.clone(),
                expected: self.expected.keys.clone(),
                revoked,
                source_of_truth: self.expected.source.clone(),
            })
        };
        if let Some((_, place)) = self.expected.revoked.iter().find(|(key, _)| key == shown) {
            return Err(mismatch(Some(place.clone())));
        }
        if self.expected.keys.iter().any(|(key, _)| key == shown) { Ok(()) } else { Err(mismatch(None)) }
    }
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct ClientHandler {
    shared: Arc<Shared>,
    /// How long connecting to a target may take.
    patience: Duration,
}

impl ClientHandler {
    pub(crate) fn new(shared: Arc<Shared>, patience: Duration) -> Self {
        Self { shared, patience }
    }
}

impl Drop for ClientHandler {
    fn drop(&mut self) {
        self.shared.end_because("it was closed");
    }
}

/// What a server has no business to open here; the library would accept it.
macro_rules! prohibited {
    ($($open:ident($($said:ty),*);)*) => {$(
        async fn $open(
            &mut self,
            _: Channel<Msg>,
            $(_: $said,)*
            reply: ChannelOpenHandle,
            _: &mut Session,
        ) -> Result<(), Self::Error> {
            reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
            Ok(())
        }
    )*};
}

impl russh::client::Handler for ClientHandler {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        let key = PublicKey(russh::keys::PublicKey::new(key.key_data().clone(), ""));
        match self.shared.judge(&key) {
            Ok(()) => Ok(true),
            Err(mismatch) => {
                *locked(&self.shared.mismatch) = Some(mismatch);
                Ok(false)
            }
        }
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        channel: Channel<Msg>,
        _connected_address: &str,
        connected_port: u32,
        _originator_address: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        let target = {
            let listeners = locked(&self.shared.listeners);
            u16::try_from(connected_port)
                .ok()
                .and_then(|port| listeners.get(&port).or_else(|| listeners.get(&0)).cloned())
        };
        let Some(target) = target else {
            reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
            return Ok(());
        };
        let (patience, shared) = (self.patience, Arc::clone(&self.shared));
        tokio::spawn(async move {
            let connected = match tokio::time::timeout(patience, TcpStream::connect(target.address)).await {
                Ok(connected) => connected,
                Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut)),
            };
            let mut socket = match connected {
                Ok(socket) => socket,
                Err(error) => {
                    target.counting.refused.fetch_add(1, Ordering::Relaxed);
                    target.observer.unreachable(target.address, &error);
                    reply.reject(ChannelOpenFailure::ConnectFailed).await;
                    return;
                }
            };
            let _ = socket.set_nodelay(true);
            target.observer.opened();
            target.counting.opened.fetch_add(1, Ordering::Relaxed);
            let _open = Counted::one(&target.counting.open);
            reply.accept().await;
            let (from_channel, to_channel) = channel.split();
            let (from_socket, to_socket) = socket.split();
            let end =
                carry(from_socket, to_socket, from_channel, &to_channel, &shared.backlog, &[&target.counting.traffic])
                    .await;
            if end == End::Cut {
                let _ = socket.set_zero_linger();
            }
        });
        Ok(())
    }

    prohibited! {
        server_channel_open_forwarded_streamlocal(&str);
        server_channel_open_agent_forward();
        server_channel_open_session();
        server_channel_open_direct_tcpip(&str, u32, &str, u32);
        server_channel_open_direct_streamlocal(&str);
        server_channel_open_x11(&str, u32);
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        let (words, result) = match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                let message = info.message.trim();
                let words = if message.is_empty() { format!("{:?}", info.reason_code) } else { said_by_peer(message) };
                (format!("the server ended it: {words}"), Ok(()))
            }
            DisconnectReason::Error(error) => (in_words(&error), Err(error)),
        };
        self.shared.end_because(&words);
        result
    }
}

/// A text of somebody else: one line, no control characters, not endless.
pub(crate) fn said_by_peer(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

pub(crate) fn in_words(error: &russh::Error) -> String {
    match error {
        russh::Error::KeepaliveTimeout => "the other side does not answer any more".to_owned(),
        russh::Error::InactivityTimeout => "nothing was said for too long".to_owned(),
        russh::Error::Disconnect | russh::Error::HUP | russh::Error::SendError | russh::Error::RecvError => {
            "the other side closed it".to_owned()
        }
        russh::Error::IO(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the other side closed it".to_owned()
        }
        other => other.to_string(),
    }
}
