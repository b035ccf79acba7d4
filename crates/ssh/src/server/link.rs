//! One connection at the server, as everybody but its own task sees it.

use crate::backlog::Backlog;
use crate::client::locked;
use crate::key::PublicKey;
use crate::pump::Traffic;
use crate::server::config::ServerConfig;
use crate::server::event::{Happening, Journal};
use crate::server::status::ConnectionStatus;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Mutex, OnceLock};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) struct Link {
    pub(crate) peer: SocketAddr,
    pub(crate) since: jiff::Timestamp,
    pub(crate) traffic: Traffic,
    pub(crate) backlog: Backlog,
    /// Cut at once when cancelled.
    pub(crate) cut: CancellationToken,
    pub(crate) handle: OnceLock<russh::server::Handle>,
    pub(crate) logged_in: watch::Sender<bool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    account: Option<(String, PublicKey)>,
    reason: Option<String>,
    next: u64,
    forwards: HashMap<u64, OpenForward>,
    listeners: BTreeMap<u16, CancellationToken>,
    /// When the last forward or listener ended.
    quiet_since: Option<Instant>,
}

struct OpenForward {
    leads: Leads,
    cut: CancellationToken,
}

/// Where an open channel leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leads {
    /// To a target, under the name that the client said.
    To { host: String, port: u32, address: SocketAddr },
    /// From a listener to the client.
    FromListener(u16),
    /// Nowhere; it is a session that will be refused what it asks for.
    Nowhere,
}

/// A forward that is counted as open for as long as this lives.
pub(crate) struct ForwardTicket {
    link: std::sync::Arc<Link>,
    id: u64,
    pub(crate) cut: CancellationToken,
}

impl Drop for ForwardTicket {
    fn drop(&mut self) {
        let mut state = locked(&self.link.state);
        state.forwards.remove(&self.id);
        state.quiet_since = Some(Instant::now());
    }
}

impl Link {
    pub(crate) fn new(peer: SocketAddr) -> Self {
        Self {
            peer,
            since: jiff::Timestamp::now(),
            traffic: Traffic::default(),
            backlog: Backlog::default(),
            cut: CancellationToken::new(),
            handle: OnceLock::new(),
            logged_in: watch::Sender::new(false),
            state: Mutex::new(State { quiet_since: Some(Instant::now()), ..State::default() }),
        }
    }

    /// Cuts the connection; the first reason counts.
    pub(crate) fn cut_because(&self, reason: impl Into<String>) {
        locked(&self.state).reason.get_or_insert_with(|| reason.into());
        self.cut.cancel();
    }

    pub(crate) fn reason(&self) -> Option<String> {
        locked(&self.state).reason.clone()
    }

    pub(crate) fn account(&self) -> Option<String> {
        locked(&self.state).account.as_ref().map(|(name, _)| name.clone())
    }

    pub(crate) fn log_in(&self, account: &str, key: PublicKey) {
        let mut state = locked(&self.state);
        state.account = Some((account.to_owned(), key));
        state.quiet_since = Some(Instant::now());
        drop(state);
        self.logged_in.send_replace(true);
    }

    /// Takes a place for a channel, unless there are too many.
    pub(crate) fn open_channel(self: &std::sync::Arc<Self>, leads: Leads, most: usize) -> Option<ForwardTicket> {
        let mut state = locked(&self.state);
        if state.forwards.len() >= most {
            return None;
        }
        let id = state.next;
        state.next += 1;
        let cut = self.cut.child_token();
        state.forwards.insert(id, OpenForward { leads, cut: cut.clone() });
        Some(ForwardTicket { link: std::sync::Arc::clone(self), id, cut })
    }

    pub(crate) fn open_listener(&self, port: u16) -> CancellationToken {
        let cut = self.cut.child_token();
        locked(&self.state).listeners.insert(port, cut.clone());
        cut
    }

    pub(crate) fn close_listener(&self, port: u16) -> bool {
        let mut state = locked(&self.state);
        state.quiet_since = Some(Instant::now());
        state.listeners.remove(&port).map(|cut| cut.cancel()).is_some()
    }

    pub(crate) fn listens_on(&self, port: u16) -> bool {
        locked(&self.state).listeners.contains_key(&port)
    }

    /// Nothing is open and nobody listens; since when.
    pub(crate) fn quiet_since(&self) -> Option<Instant> {
        let state = locked(&self.state);
        if state.forwards.is_empty() && state.listeners.is_empty() { state.quiet_since } else { None }
    }

    pub(crate) fn has_open_forwards(&self) -> bool {
        !locked(&self.state).forwards.is_empty()
    }

    /// Takes away what a new configuration does not give any more.
    pub(crate) fn apply(&self, config: &ServerConfig) {
        if !config.lets_in(self.peer.ip()) {
            return self.cut_because("its address may not connect any more");
        }
        let mut state = locked(&self.state);
        let Some((name, key)) = &state.account else { return };
        let account = config.accounts.get(name).filter(|account| account.keys.contains(key));
        let Some(account) = account else {
            drop(state);
            return self.cut_because("its account or key was removed");
        };
        for forward in state.forwards.values() {
            let stays = match &forward.leads {
                Leads::To { host, port, address } => account.forward_to(host, *port) == Some(*address),
                Leads::FromListener(port) => account.listens.contains(port),
                Leads::Nowhere => true,
            };
            if !stays {
                forward.cut.cancel();
            }
        }
        state.listeners.retain(|port, cut| {
            let stays = account.listens.contains(port);
            if !stays {
                cut.cancel();
            }
            stays
        });
    }

    pub(crate) fn tell(&self, journal: &Journal, what: Happening) {
        journal.write(Some(self.peer), self.account().as_deref(), what);
    }

    pub(crate) fn status(&self) -> Option<ConnectionStatus> {
        let state = locked(&self.state);
        let (account, key) = state.account.as_ref()?;
        let mut forwards = BTreeMap::new();
        for forward in state.forwards.values() {
            let to = match &forward.leads {
                Leads::To { host, port, .. } => format!("{host}:{port}"),
                Leads::FromListener(port) => format!("from 127.0.0.1:{port}"),
                Leads::Nowhere => continue,
            };
            *forwards.entry(to).or_insert(0) += 1;
        }
        // Seen from the client: what came out of the channel was sent by it.
        let (received, sent) = self.traffic.total();
        Some(ConnectionStatus {
            account: account.clone(),
            peer: self.peer,
            since: self.since,
            key: key.fingerprint(),
            forwards: forwards.into_iter().collect(),
            listens: state.listeners.keys().copied().collect(),
            sent,
            received,
        })
    }
}
