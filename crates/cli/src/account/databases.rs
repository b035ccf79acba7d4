//! The way into the databases of an account: through a session of one of the hosts that reach them, with the administrator's
//! secret, which is read and never written anywhere.

use crate::surroundings::Surroundings;
use aws_cloud::{CloudAccount, ConnectOptions, database_authorities_url, download};
use database::{Access, Address, Given, Server, Tls, apply, difference, observe};
use futures_util::future::BoxFuture;
use model::{Fault, FaultKind};
use stacks::account::SessionTarget;
use stacks::way_in::{self, Forwarding, Options, Tunnel, WayIn};
use stacks::{ContentReport, Contents, DatabaseWork};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The tag by which AWS marks the hosts of a group.
const GROUP_TAG: &str = "aws:autoscaling:groupName";
/// How long a host may take until Systems Manager hears of it, and how often is looked.
const PATIENCE: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_secs(5);
/// How long the reason of a session may be.
const LONGEST_REASON: usize = 256;
/// How long connecting to a database may take, through all of that.
const CONNECTING: Duration = Duration::from_secs(60);
/// A file with the authorities of RDS, for machines that cannot fetch them.
const AUTHORITIES: &str = "LANDFALL_RDS_AUTHORITIES";

/// Databases through sessions.
pub(crate) struct ThroughSessions {
    /// How the account is reached.
    pub(crate) connect: ConnectOptions,
    /// The manifest's folder, to which data files are relative.
    pub(crate) folder: PathBuf,
}

impl Contents for ThroughSessions {
    fn look<'a>(&'a self, work: &'a DatabaseWork) -> BoxFuture<'a, Result<ContentReport, Fault>> {
        Box::pin(async move {
            let doing = || format!("looking at what is in {}", work.place.component);
            let (mut server, way) = self.server(work).await?;
            let looked = async {
                let observed = observe(&mut server, &work.place.content).await?;
                let passwords = passwords(work);
                let changes = difference(&work.place.content, &observed, &passwords)?;
                Ok(ContentReport {
                    changes: changes.iter().map(ToString::to_string).collect(),
                    strange: observed.strange(&work.place.content).iter().map(ToString::to_string).collect(),
                })
            };
            let looked = looked.await.map_err(|error: database::Error| error.into_fault(doing()));
            server.close().await;
            way.close().await;
            looked
        })
    }

    fn apply<'a>(&'a self, work: &'a DatabaseWork) -> BoxFuture<'a, Result<Vec<String>, Fault>> {
        Box::pin(async move {
            let doing = || format!("changing what is in {} ({})", work.place.component, work.place.origin);
            let (mut server, way) = self.server(work).await?;
            let applied = async {
                let observed = observe(&mut server, &work.place.content).await?;
                let passwords = passwords(work);
                let changes = difference(&work.place.content, &observed, &passwords)?;
                let given = Given { passwords: &passwords, folder: &self.folder };
                apply(&mut server, &changes, given, &mut |_| Ok(())).await?;
                Ok(changes.iter().map(ToString::to_string).collect())
            };
            let applied = applied.await.map_err(|error: database::Error| error.into_fault(doing()));
            server.close().await;
            way.close().await;
            applied
        })
    }
}

fn passwords(work: &DatabaseWork) -> database::Passwords {
    work.passwords.iter().map(|(node, secret)| (node.clone(), secret.clone())).collect()
}

impl ThroughSessions {
    /// The server, as its administrator sees it.
    async fn server(&self, work: &DatabaseWork) -> Result<(Server, Way), Fault> {
        let authority_pem = self.authorities().await?;
        let way = self.way(&work.hosts, &work.address, work.place.port).await?;
        let access = Access {
            engine: work.place.content.engine,
            address: Address::Tcp {
                host: way.address().ip().to_string(),
                port: way.address().port(),
                server_name: Some(work.address.clone()),
            },
            user: work.administrator.clone(),
            password: work.password.clone(),
            database: None,
            tls: Tls::VerifyFull { authority_pem },
            timeout: CONNECTING,
        };
        Ok((Server::new(access), way))
    }

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

    /// A port of this machine that leads to a port of the network, through one of a group's hosts.
    pub(crate) async fn way(&self, group: &str, host: &str, port: u16) -> Result<Way, Fault> {
        let doing = format!("connecting to AWS for a session to {host}");
        let account = CloudAccount::connect(self.connect.clone()).await;
        let account = account.map_err(|error| Fault::new(FaultKind::NeedsPerson, doing, error))?;
        Way::open(account, way_in(group, host, port, &format!("landfall: {host}")), 0).await
    }
}

/// Where a session leads: through one of a group's hosts to a port of the network.
pub(crate) fn way_in(group: &str, host: &str, port: u16, reason: &str) -> WayIn {
    WayIn {
        tags: vec![(GROUP_TAG.to_owned(), group.to_owned())],
        target: SessionTarget::Beyond { host: host.to_owned(), port },
        reason: reason.chars().take(LONGEST_REASON).collect(),
    }
}

/// A way into the network, open until it is closed.
pub(crate) struct Way {
    tunnel: Arc<Tunnel>,
    forwarding: Forwarding,
}

impl Way {
    /// Opens a port of this machine, any for 0, and waits until its sessions can be opened.
    pub(crate) async fn open(account: CloudAccount, way: WayIn, port: u16) -> Result<Self, Fault> {
        let tunnel = way_in::tunnel(account, way, Options::default());
        let forwarding = tunnel.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        // A host that has just started is heard of a minute or two later.
        let began = Instant::now();
        while let Err(fault) = tunnel.check().await {
            if fault.kind != FaultKind::Transient || began.elapsed() > PATIENCE {
                return Err(fault);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Self { tunnel, forwarding })
    }

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
