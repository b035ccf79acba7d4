//! Logging in at an SSH server, and what it grants then.

use crate::answer::Answer;
use crate::ask::Asker;
use ::ssh::{ClientConfig, ClientLimits, Connection, HostKeys, Identity, PrivateKey, SshError, Trial};
use engine::ports::Running;
use model::probe::SshRequest;
use model::text::{Atom, SecretPart};
use model::{Fault, FaultKind, NodeId, PortId, Text};
use std::time::Duration;

/// How long one phase of a connection to this machine may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked, and of whom.
pub(crate) struct Asked<'a> {
    pub(crate) port: &'a PortId,
    pub(crate) host_key: &'a NodeId,
    pub(crate) user: &'a str,
    /// The key that logs in; one that nobody knows when absent.
    pub(crate) key: Option<&'a NodeId>,
    pub(crate) request: &'a SshRequest,
}

/// Asks, and compares with what must be.
pub(crate) async fn ask<R: Running>(asker: &Asker<'_, R>, asked: &Asked<'_>, granted: bool) -> Answer {
    let what = match trial(asker, asked.request) {
        Ok(trial) => trial,
        Err(fault) => return Answer::fails("something to ask for", fault.to_string()),
    };
    let thing = name(what.as_ref());
    let expected = format!("{thing} {}", if granted { "granted" } else { "refused" });
    let config = match config(asker, asked) {
        Ok(config) => config,
        Err(fault) => return Answer::fails(expected, fault.to_string()),
    };
    let seen = match Connection::open(&config).await {
        Err(SshError::KeyRefused { .. }) if what.is_none() => Ok(false),
        Err(error) => Err(error),
        Ok(connection) => match &what {
            None => Ok(true),
            Some(trial) => connection.grants(trial).await,
        },
    };
    match seen {
        Ok(seen) if seen == granted => Answer::holds(expected),
        Ok(seen) => Answer::fails(expected, format!("{thing} {}", if seen { "granted" } else { "refused" })),
        Err(error) => Answer::fails(expected, error.to_string()),
    }
}

/// What is asked for after the login; none when the login is all.
fn trial<R: Running>(asker: &Asker<'_, R>, request: &SshRequest) -> Result<Option<Trial>, Fault> {
    let number = |port: &Text| {
        let text = asker.running.fill(port)?;
        let wrong = || Fault::new(FaultKind::Bug, "reading a port", format!("`{}` is none", text.expose()));
        text.expose().parse().map_err(|_| wrong())
    };
    Ok(match request {
        SshRequest::Login => None,
        SshRequest::Shell => Some(Trial::Shell),
        SshRequest::Command => Some(Trial::Command),
        SshRequest::Forward { host, port } => Some(Trial::Forward { host: host.clone(), port: number(port)? }),
        SshRequest::Listen { port } => Some(Trial::Listen { port: number(port)? }),
    })
}

fn name(trial: Option<&Trial>) -> String {
    match trial {
        None => "login".to_owned(),
        Some(Trial::Shell) => "shell".to_owned(),
        Some(Trial::Command) => "command".to_owned(),
        Some(Trial::Forward { host, port }) => format!("forward to {host}:{port}"),
        Some(Trial::Listen { port: 0 }) => "listening on any port".to_owned(),
        Some(Trial::Listen { port }) => format!("listening on port {port}"),
    }
}

fn config<R: Running>(asker: &Asker<'_, R>, asked: &Asked<'_>) -> Result<ClientConfig, Fault> {
    let secret = |node: &NodeId, part| asker.running.fill(&Text::hole(Atom::Secret(node.clone(), part)));
    let reading = |error: SshError| error.to_fault("reading a key");
    let pinned = secret(asked.host_key, SecretPart::Public)?;
    let (key, origin) = match asked.key {
        Some(node) => (PrivateKey::from_text(&secret(node, SecretPart::Value)?, None, node.as_str()), node.to_string()),
        None => (PrivateKey::generate(), "a new key".to_owned()),
    };
    let key = key.map_err(reading)?;
    Ok(ClientConfig {
        host: "127.0.0.1".to_owned(),
        port: asker.port(asked.port)?,
        user: asked.user.to_owned(),
        host_keys: HostKeys::pinned(pinned.expose(), asked.host_key.as_str()).map_err(reading)?,
        identities: vec![Identity::Key { key, origin }],
        limits: ClientLimits { connect: PATIENCE, handshake: PATIENCE, request: PATIENCE, ..ClientLimits::default() },
    })
}
