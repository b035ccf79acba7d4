//! What logs in: keys in memory, key files, the keys of an SSH agent.

use super::handler::Shared;
use super::{ClientConfig, ClientHandler};
use crate::error::SshError;
use crate::key::{PrivateKey, PublicKey};
use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg};
use std::path::PathBuf;
use std::sync::Arc;

/// Something that can log in.
#[derive(Debug, Clone)]
pub enum Identity {
    /// A key.
    Key {
        /// It.
        key: PrivateKey,
        /// Where it comes from, for messages.
        origin: String,
    },
    /// The keys of the agent behind this socket.
    Agent {
        /// The socket, as `SSH_AUTH_SOCK` says.
        socket: PathBuf,
        /// Only this one of its keys; all when none is said.
        only: Option<PublicKey>,
    },
}

/// Tries one identity after the other.
pub(super) async fn log_in(
    handle: &mut Handle<ClientHandler>,
    config: &ClientConfig,
    shared: &Shared,
) -> Result<(), SshError> {
    let mut attempt = Attempt { handle, user: &config.user, shared, offered: Vec::new(), public: Vec::new() };
    let mut agent_fault = None;
    for identity in &config.identities {
        let accepted = match identity {
            Identity::Key { key, origin } => attempt.with_key(key, origin).await?,
            Identity::Agent { socket, only } => match attempt.with_agent(socket, only.as_ref()).await {
                // Another identity may still be taken.
                Err(fault @ SshError::Agent { .. }) => {
                    agent_fault = Some(fault);
                    false
                }
                other => other?,
            },
        };
        if accepted {
            return Ok(());
        }
    }
    match agent_fault {
        Some(fault) if attempt.offered.is_empty() => Err(fault),
        _ => Err(SshError::KeyRefused {
            server: shared.server.clone(),
            user: config.user.clone(),
            offered: attempt.offered,
            public: attempt.public,
        }),
    }
}

struct Attempt<'a> {
    handle: &'a mut Handle<ClientHandler>,
    user: &'a str,
    shared: &'a Shared,
    offered: Vec<String>,
    public: Vec<String>,
}

impl Attempt<'_> {
    fn note(&mut self, key: &PublicKey, origin: &str) {
        self.offered.push(format!("{} ({origin})", key.fingerprint()));
        self.public.push(key.to_string());
    }

    async fn with_key(&mut self, key: &PrivateKey, origin: &str) -> Result<bool, SshError> {
        self.note(&key.public(), origin);
        let hash = self.hash_for(&key.0.algorithm()).await?;
        let key = PrivateKeyWithHashAlg::new(Arc::clone(&key.0), hash);
        match self.handle.authenticate_publickey(self.user, key).await {
            Ok(AuthResult::Success) => Ok(true),
            Ok(AuthResult::Failure { .. }) => self.refused(),
            Err(error) => Err(self.shared.broken(&error)),
        }
    }

    async fn with_agent(&mut self, socket: &std::path::Path, only: Option<&PublicKey>) -> Result<bool, SshError> {
        let fault = |reason: String| SshError::Agent { socket: socket.display().to_string(), reason };
        let mut agent = AgentClient::connect_uds(socket).await.map_err(|error| fault(error.to_string()))?;
        let held = agent.request_identities().await.map_err(|error| fault(error.to_string()))?;
        for identity in held {
            let AgentIdentity::PublicKey { key, .. } = identity else { continue };
            let public = PublicKey(russh::keys::PublicKey::new(key.key_data().clone(), ""));
            if only.is_some_and(|only| *only != public) {
                continue;
            }
            self.note(&public, "agent");
            let hash = self.hash_for(&key.algorithm()).await?;
            match self.handle.authenticate_publickey_with(self.user, key, hash, &mut agent).await {
                Ok(AuthResult::Success) => return Ok(true),
                Ok(AuthResult::Failure { .. }) => {
                    self.refused()?;
                }
                Err(error) => return Err(fault(error.to_string())),
            }
        }
        Ok(false)
    }

    /// RSA signatures are made with SHA-2 only; which one is asked of the server.
    async fn hash_for(&mut self, algorithm: &Algorithm) -> Result<Option<HashAlg>, SshError> {
        if !matches!(algorithm, Algorithm::Rsa { .. }) {
            return Ok(None);
        }
        match self.handle.best_supported_rsa_hash().await {
            Ok(best) => Ok(best.flatten().or(Some(HashAlg::Sha512))),
            Err(error) => Err(self.shared.broken(&error)),
        }
    }

    /// A server that closed the connection would otherwise look like one that refuses each key.
    fn refused(&self) -> Result<bool, SshError> {
        if self.handle.is_closed() {
            return Err(SshError::Ended {
                server: self.shared.server.clone(),
                reason: format!("the server closed it while {} keys were offered", self.offered.len()),
            });
        }
        Ok(false)
    }
}
