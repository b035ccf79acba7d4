//! The way from here to what only hosts of a private network reach: a host that carries the right tags and is online, and sessions through
//! it.
//!
//! No address of the deployment is public for this, and no port is open: the host's agent asks AWS for work, and AWS lets in whom the
//! account allows to start sessions.

pub use session_manager::{Forwarding, Options, State, Status, Tunnel, TunnelStatus};

use crate::account::{CallError, ManagedHost, SessionRequest, SessionTarget, Sessions, StartedSession};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use model::{Fault, FaultKind};
use session_manager::{Opening, SessionCalls};
use std::sync::Arc;

/// Where a way leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayIn {
    /// What the hosts carry through which it may lead.
    pub tags: Vec<(String, String)>,
    /// Where it leads.
    pub target: SessionTarget,
    /// Why it is gone, for the account's records.
    pub reason: String,
}

/// A tunnel whose sessions lead this way. Nothing is called before it is used.
#[must_use]
pub fn tunnel<A: Sessions + 'static>(account: A, way: WayIn, options: Options) -> Arc<Tunnel> {
    Tunnel::new(Arc::new(Through { account, way }), options)
}

struct Through<A> {
    account: A,
    way: WayIn,
}

fn opening(started: StartedSession) -> Opening {
    Opening { session: started.id, stream_url: started.stream_url, token: started.token }
}

impl<A: Sessions> Through<A> {
    /// The hosts that can be gone through now, always in the same order.
    async fn online(&self) -> Result<Vec<ManagedHost>, Fault> {
        const LOOKING: &str = "looking for a host to go through";
        let asked = |error: CallError| error.fault(LOOKING);
        let mut instances: Vec<String> =
            self.account.machines(&self.way.tags).await.map_err(asked)?.into_iter().map(|it| it.instance).collect();
        instances.sort();
        if instances.is_empty() {
            let tags: Vec<String> = self.way.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let fault =
                Fault::new(FaultKind::Permanent, LOOKING, format!("no machine runs that carries {}", tags.join(", ")));
            return Err(fault.help("`landfall up` makes it; `landfall status` tells how the deployment stands"));
        }
        let mut known = self.account.managed_hosts(&instances).await.map_err(asked)?;
        known.sort_by(|one, other| one.instance.cmp(&other.instance));
        let told = |host: &ManagedHost| format!("{} is {}", host.instance, host.ping);
        let silent = known.iter().map(told).collect::<Vec<_>>().join(", ");
        known.retain(ManagedHost::is_online);
        if known.is_empty() {
            let silent =
                if silent.is_empty() { format!("{} is not known there", instances.join(", ")) } else { silent };
            let fault = Fault::new(FaultKind::Transient, LOOKING, format!("Systems Manager hears of none: {silent}"));
            return Err(fault.help(
                "a host that has just started needs a minute or two; after that, its agent has no way to ssmmessages (an endpoint or a NAT \
                 gateway), or its role lacks AmazonSSMManagedInstanceCore",
            ));
        }
        Ok(known)
    }
}

impl<A: Sessions> SessionCalls for Through<A> {
    fn start(&self) -> BoxFuture<'_, Result<Opening, Fault>> {
        async {
            let mut last = None;
            for host in self.online().await? {
                let request = SessionRequest {
                    instance: host.instance,
                    target: self.way.target.clone(),
                    reason: self.way.reason.clone(),
                };
                match self.account.start_session(&request).await {
                    Ok(started) => return Ok(opening(started)),
                    // It went away since it was asked for.
                    Err(error) if error.code == "TargetNotConnected" => last = Some(error),
                    Err(error) => return Err(error.fault("starting a session")),
                }
            }
            let none = || Fault::new(FaultKind::Transient, "starting a session", "no host is left");
            Err(last.map_or_else(none, |error| error.fault("starting a session")))
        }
        .boxed()
    }

    fn resume<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<Option<Opening>, Fault>> {
        async move {
            let resumed = self.account.resume_session(session).await;
            resumed.map(|it| it.map(opening)).map_err(|error| error.fault("resuming a session"))
        }
        .boxed()
    }

    fn terminate<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<(), Fault>> {
        async move { self.account.terminate_session(session).await.map_err(|error| error.fault("ending a session")) }
            .boxed()
    }
}
