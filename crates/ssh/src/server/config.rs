//! What a server is to do, in plain values.

use crate::error::SshError;
use crate::key::{PrivateKey, PublicKey};
use crate::server::event::Journal;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A server that lets exactly the stated forwards through.
#[derive(Clone)]
pub struct ServerConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its host key.
    pub host_key: PrivateKey,
    /// Keys of other kinds, for clients that cannot check that one.
    pub further_host_keys: Vec<PrivateKey>,
    /// Who may log in, by name.
    pub accounts: BTreeMap<String, Account>,
    /// From where one may connect; empty means from everywhere that reaches the address.
    pub sources: Vec<ipnet::IpNet>,
    /// What is shown before the login, where something should be.
    pub banner: Option<String>,
    /// Bounds.
    pub limits: ServerLimits,
    /// Who is told what happens.
    pub journal: Journal,
}

/// Somebody who may log in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Keys, each of which suffices.
    pub keys: Vec<PublicKey>,
    /// What may be connected to.
    pub forwards: Vec<Forward>,
    /// On which ports of 127.0.0.1 it may listen.
    pub listens: Vec<u16>,
}

/// Something that may be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The name that clients say, as `db`.
    pub name: String,
    /// The port that clients may say after the name, besides the real one.
    pub said_port: Option<u16>,
    /// Where it really is. Clients may say this too; where it is a loopback address, also `localhost`.
    pub address: SocketAddr,
}

/// Bounds, so that nobody uses up the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerLimits {
    /// Connections at once.
    pub connections: usize,
    /// Of these, connections that are not logged in yet.
    pub unauthenticated: usize,
    /// Connections from one address that are not logged in yet.
    pub unauthenticated_each: usize,
    /// How long a login may take.
    pub login_grace: Duration,
    /// How many keys one connection may try.
    pub attempts: usize,
    /// Forwarded connections at once in one connection.
    pub channels: usize,
    /// How long connecting to a target may take.
    pub connect: Duration,
    /// Silence after which a client is asked whether it is there.
    pub keep_alive: Duration,
    /// After how many such questions without an answer it counts as gone.
    pub keep_alive_misses: usize,
    /// After how long without a forward or a listener a connection is ended; none for never.
    pub idle: Option<Duration>,
    /// How long open forwards may go on when the server stops.
    pub drain: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 512,
            unauthenticated: 64,
            unauthenticated_each: 16,
            login_grace: Duration::from_secs(30),
            attempts: 12,
            channels: 256,
            connect: Duration::from_secs(10),
            keep_alive: Duration::from_secs(15),
            keep_alive_misses: 3,
            idle: Some(Duration::from_secs(12 * 3600)),
            drain: Duration::from_secs(10),
        }
    }
}

impl ServerConfig {
    /// A server on `listen` with nobody who may log in yet.
    #[must_use]
    pub fn new(listen: SocketAddr, host_key: PrivateKey) -> Self {
        Self {
            listen,
            host_key,
            further_host_keys: Vec::new(),
            accounts: BTreeMap::new(),
            sources: Vec::new(),
            banner: None,
            limits: ServerLimits::default(),
            journal: Journal::default(),
        }
    }

    /// Whether one may connect from there.
    #[must_use]
    pub fn lets_in(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.sources.is_empty() || self.sources.iter().any(|block| block.contains(&address))
    }

    pub(crate) fn check(&self) -> Result<(), SshError> {
        let limits = &self.limits;
        for (what, number) in [
            ("connections", limits.connections),
            ("unauthenticated connections", limits.unauthenticated),
            ("unauthenticated connections of one address", limits.unauthenticated_each),
            ("attempts", limits.attempts),
            ("channels", limits.channels),
        ] {
            if number == 0 {
                return Err(SshError::Configuration(format!(
                    "the limit of {what} is 0, so nobody could use the server"
                )));
            }
        }
        Ok(())
    }
}
