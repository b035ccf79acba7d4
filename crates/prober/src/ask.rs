//! One question, one answer.

use crate::answer::Answer;
use crate::redactor::Redactor;
use crate::sql::{self, SqlQuestion};
use crate::tcp::Peer;
use crate::tls::Trust;
use crate::{http_exchange, http_expectation, old_tls, restart, ssh, tcp, tls};
use engine::ports::{Running, TunnelFacts, TunnelStanding};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use model::probe::{Endpoint, Question, TlsExpectation};
use model::{Fault, NodeId, PortId};

/// Asks questions of one deployment.
pub(crate) struct Asker<'a, R> {
    pub(crate) running: &'a R,
    pub(crate) trust: Result<Trust, String>,
    pub(crate) redactor: Redactor,
}

impl<'a, R: Running> Asker<'a, R> {
    /// Reads the authority's certificate once for all questions.
    pub(crate) fn new(running: &'a R, redactor: Redactor) -> Self {
        let trust = running.authority().map_err(|fault| fault.to_string()).and_then(|pem| Trust::only(&pem));
        Self { running, trust, redactor }
    }

    /// Asks one question. Ends by itself: every question has a time limit.
    pub(crate) fn ask<'b>(&'b self, question: &'b Question) -> BoxFuture<'b, Answer> {
        async move {
            match question {
                Question::Http { request, expect } => {
                    let expected = http_expectation::in_words(expect);
                    match http_exchange::exchange(self, request).await {
                        Ok(exchange) => http_expectation::compare(&exchange, expect, expected, &self.redactor),
                        Err(trouble) => Answer::fails(expected, trouble),
                    }
                }
                Question::Tls { to, server_name, expect } => match (self.peer(to), expect) {
                    (Err(fault), _) => Answer::fails("a port to connect to", fault.to_string()),
                    (Ok(peer), TlsExpectation::Trusted { minimum_days_left }) => {
                        tls::trusted(&self.trust, &peer, server_name, *minimum_days_left).await
                    }
                    (Ok(peer), TlsExpectation::RefusesVersion { version }) => {
                        old_tls::refused(&peer, server_name, *version).await
                    }
                },
                Question::Tcp { port, on, open } => match self.port(port) {
                    Err(fault) => Answer::fails("a port to connect to", fault.to_string()),
                    Ok(port) => tcp::connects(port, *on, *open).await,
                },
                Question::Restart { program, within_seconds, alive } => {
                    restart::restart(self, program, *within_seconds, alive).await
                }
                Question::Tunnel { tunnel } => self.tunnel(tunnel).await,
                Question::Sql { port, login, tls, statement, expect } => {
                    sql::ask(self, &SqlQuestion { port, login, tls: *tls, statement, expect }).await
                }
                Question::Ssh { port, host_key, user, key, request, granted } => {
                    let asked = ssh::Asked { port, host_key, user, key: key.as_ref(), request };
                    ssh::ask(self, &asked, *granted).await
                }
                Question::File { file, mode } => self.file(file, *mode),
            }
        }
        .boxed()
    }

    pub(crate) fn port(&self, port: &PortId) -> Result<u16, Fault> {
        self.running.port(port)
    }

    /// Whom a request to an endpoint is sent to.
    pub(crate) fn peer(&self, to: &Endpoint) -> Result<Peer, Fault> {
        let port = self.port(to.port())?;
        Ok(match to {
            Endpoint::Edge { domain, .. } => Peer { host: self.running.host(domain), port },
            Endpoint::Port { .. } => Peer::loopback(port),
        })
    }

    async fn tunnel(&self, tunnel: &NodeId) -> Answer {
        match self.running.tunnel(tunnel).await {
            Err(fault) => Answer::fails("a tunnel that is up", fault.to_string()),
            Ok(TunnelFacts { standing: TunnelStanding::Up, words }) => Answer::holds(words),
            Ok(TunnelFacts { standing: TunnelStanding::Waiting, words }) => Answer::Waits { seen: words },
            Ok(TunnelFacts { standing: TunnelStanding::Down, words }) => Answer::fails("a tunnel that is up", words),
        }
    }

    fn file(&self, file: &NodeId, mode: u32) -> Answer {
        let expected = format!("mode {mode:04o}, owned by the user of the deployment");
        match self.running.file(file) {
            Err(fault) => Answer::fails(expected, fault.to_string()),
            Ok(facts) => {
                let owner =
                    if facts.owned_by_us { "owned by the user of the deployment" } else { "owned by another user" };
                let bits = facts.mode & 0o7777;
                let seen = format!("mode {bits:04o}, {owner}");
                if bits == mode && facts.owned_by_us { Answer::holds(seen) } else { Answer::fails(expected, seen) }
            }
        }
    }
}
