//! The way into the databases of an account: through a session of one of the hosts that reach them, with the administrator's
//! secret, which is read and never written anywhere.

use crate::account::way::{Patience, Way, Ways, Whereabouts};
use database::{Access, Address, Change, Given, LetIn, Server, Tls, apply, difference, observe};
use futures_util::future::BoxFuture;
use model::Fault;
use stacks::{Applied, ContentReport, Contents, DatabaseWork, Extent};
use std::path::PathBuf;
use std::time::Duration;

/// How long connecting to a database may take, through all of that.
const CONNECTING: Duration = Duration::from_secs(60);

/// Databases through sessions.
pub(crate) struct ThroughSessions {
    /// How one gets there.
    pub(crate) ways: Ways,
    /// The manifest's folder, to which data files are relative.
    pub(crate) folder: PathBuf,
}

impl Contents for ThroughSessions {
    fn look<'a>(&'a self, work: &'a DatabaseWork) -> BoxFuture<'a, Result<ContentReport, Fault>> {
        Box::pin(async move {
            let doing = || format!("looking at what is in {}", work.place.component);
            let (mut server, way) = self.server(work, Patience::Started).await?;
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

    fn apply<'a>(&'a self, work: &'a DatabaseWork, extent: Extent) -> BoxFuture<'a, Result<Applied, Fault>> {
        Box::pin(async move {
            let doing = || format!("changing what is in {} ({})", work.place.component, work.place.origin);
            let (mut server, way) = self.server(work, Patience::Started).await?;
            let applied = async {
                let observed = observe(&mut server, &work.place.content).await?;
                let passwords = passwords(work);
                let changes = difference(&work.place.content, &observed, &passwords)?;
                let (waiting, changes): (Vec<Change>, Vec<Change>) =
                    changes.into_iter().partition(|change| extent == Extent::Additions && change.takes_away());
                let given = Given { passwords: &passwords, folder: &self.folder };
                apply(&mut server, &changes, given, &mut |_| Ok(())).await?;
                let told = |changes: &[Change]| changes.iter().map(ToString::to_string).collect();
                Ok(Applied { done: told(&changes), waiting: told(&waiting) })
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
    /// Looks who is let in to a server, and what they may do otherwise than was declared.
    pub(crate) async fn let_in(&self, work: &DatabaseWork) -> Result<LetIn, Fault> {
        let doing = || format!("looking who is let in to {}", work.place.component);
        let (mut server, way) = self.server(work, Patience::There).await?;
        let looked = async {
            let observed = observe(&mut server, &work.place.content).await?;
            LetIn::of(&work.place.content, &observed, &passwords(work))
        };
        let looked = looked.await.map_err(|error: database::Error| error.into_fault(doing()));
        server.close().await;
        way.close().await;
        looked
    }

    /// The server, as its administrator sees it.
    async fn server(&self, work: &DatabaseWork, patience: Patience) -> Result<(Server, Way), Fault> {
        let authority_pem = self.ways.authorities().await?;
        let to = Whereabouts { address: work.address.clone(), port: work.place.port, hosts: work.hosts.clone() };
        let way = self.ways.open(&to, 0, &format!("landfall: {}", work.address), patience, &|_| ()).await?;
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
}
