//! Ways into the private network of a deployment: a port of this machine that leads through a session of one of its hosts to a database.

use crate::account::cloud::Cloud;
use crate::command_error::CommandError;
use crate::surroundings::Surroundings;
use aws_cloud::{CloudAccount, ConnectOptions, database_authorities_url, download};
use engine::ports::DatabaseEnd;
use model::cfn::DatabasePlace;
use model::{Fault, FaultKind};
use stacks::World;
use stacks::account::SessionTarget;
use stacks::way_in::{self, Forwarding, Options, Tunnel, WayIn};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The tag by which AWS marks the hosts of a group.
const GROUP_TAG: &str = "aws:autoscaling:groupName";
/// How often is looked whether Systems Manager hears of a host.
const PAUSE: Duration = Duration::from_secs(5);
/// How long the reason of a session may be.
const LONGEST_REASON: usize = 256;
/// A file with the authorities of RDS, for machines that cannot fetch them.
const AUTHORITIES: &str = "LANDFALL_RDS_AUTHORITIES";

/// Is told what is waited for.
pub(crate) type Tell<'a> = dyn Fn(&str) + Send + Sync + 'a;

/// How long a host may take until Systems Manager hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It may have started a moment ago.
    Started,
    /// It should be there.
    There,
}

impl Patience {
    fn limit(self) -> Duration {
        Duration::from_secs(match self {
            Self::Started => 600,
            Self::There => 60,
        })
    }
}

/// Opens ways.
#[derive(Debug, Clone)]
pub(crate) struct Ways {
    /// How the account is reached.
    pub(crate) connect: ConnectOptions,
}

/// Where a database is, and through which hosts one gets there, as the stacks tell it.
#[derive(Debug, Clone)]
pub(crate) struct Whereabouts {
    /// Its name in the network, which is also the one on its certificate.
    pub(crate) address: String,
    /// Its port.
    pub(crate) port: u16,
    /// The group of hosts.
    pub(crate) hosts: String,
}

impl Whereabouts {
    /// Of a database that is up.
    pub(crate) fn of(place: &DatabasePlace, world: &World, cloud: &Cloud) -> Result<Self, Fault> {
        let told = |name: &String| {
            let said = world.stacks.values().find_map(|seen| seen.stack.outputs.get(name));
            said.cloned().ok_or_else(|| {
                let doing = format!("looking for the way to {}", place.component);
                let fault = Fault::new(FaultKind::NeedsPerson, doing, format!("no stack of it says `{name}`"));
                fault.help(format!("type `{}`; what was deployed is older", cloud.command("up")))
            })
        };
        Ok(Self { address: told(&place.address)?, port: place.port, hosts: told(&place.through)? })
    }
}

impl Ways {
    /// The certificates of the authorities that sign those of RDS's servers.
    pub(crate) async fn authorities(&self) -> Result<String, Fault> {
        let variables = Surroundings::runtime_variables();
        if let Some(path) = variables.get(AUTHORITIES).filter(|path| !path.is_empty()).map(PathBuf::from) {
            return std::fs::read_to_string(&path).map_err(|error| {
                Fault::new(FaultKind::NeedsPerson, format!("reading {}", path.display()), error).help(format!(
                    "correct {AUTHORITIES}: it names the file with the certificates of RDS's authorities"
                ))
            });
        }
        let url = database_authorities_url(&self.connect.region);
        download(&url).await.map_err(|fault| {
            fault.help(format!("fetch {url} elsewhere and name the file: {AUTHORITIES}=FILE landfall up ..."))
        })
    }

    /// A way to a database, on any free port of this machine or the one that is wanted.
    pub(crate) async fn open(
        &self,
        to: &Whereabouts,
        port: u16,
        why: &str,
        patience: Patience,
        tell: &Tell<'_>,
    ) -> Result<Way, Fault> {
        let doing = format!("connecting to AWS for a session to {}", to.address);
        let account = CloudAccount::connect(self.connect.clone()).await;
        let account = account.map_err(|error| Fault::new(FaultKind::NeedsPerson, doing, error))?;
        let way = WayIn {
            tags: vec![(GROUP_TAG.to_owned(), to.hosts.clone())],
            target: SessionTarget::Beyond { host: to.address.clone(), port: to.port },
            reason: why.chars().take(LONGEST_REASON).collect(),
        };
        let tunnel = way_in::tunnel(account, way, Options::default());
        let forwarding = tunnel.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        // A host that has just started is heard of a minute or two later.
        let began = Instant::now();
        let mut is_told = false;
        while let Err(fault) = tunnel.check().await {
            if fault.kind != FaultKind::Transient || began.elapsed() > patience.limit() {
                return Err(fault);
            }
            if !is_told {
                tell(&format!("{}; waiting up to {} s for one", fault.cause, patience.limit().as_secs()));
                is_told = true;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Way { tunnel, forwarding })
    }

    /// A way to a database for somebody who checks its certificate.
    pub(crate) async fn reach(
        &self,
        to: &Whereabouts,
        why: &str,
        tell: &Tell<'_>,
    ) -> Result<(DatabaseEnd, Way), Fault> {
        let authority = self.authorities().await?;
        let way = self.open(to, 0, why, Patience::There, tell).await?;
        let end = DatabaseEnd { port: way.address().port(), server_name: Some(to.address.clone()), authority };
        Ok((end, way))
    }
}

/// A way into the network, open until it is closed.
pub(crate) struct Way {
    tunnel: Arc<Tunnel>,
    forwarding: Forwarding,
}

impl Way {
    /// Where it begins on this machine.
    pub(crate) fn address(&self) -> SocketAddr {
        self.forwarding.address()
    }

    /// Ends the sessions.
    pub(crate) async fn close(self) {
        drop(self.forwarding);
        self.tunnel.close().await;
    }
}

/// The database that is meant by a name.
pub(crate) fn place<'c>(cloud: &'c Cloud, target: &str) -> Result<&'c DatabasePlace, CommandError> {
    let places = &cloud.deployment.databases;
    places.iter().find(|place| place.component.as_str() == target).ok_or_else(|| {
        let known: Vec<&str> = places.iter().map(|place| place.component.as_str()).collect();
        let help = match known.as_slice() {
            [] => "a component of the kind `database` is one".to_owned(),
            known => format!("it has: {}", known.join(", ")),
        };
        CommandError::usage(format!("`{target}` is no database of {}", cloud.deployment.name), help)
    })
}
