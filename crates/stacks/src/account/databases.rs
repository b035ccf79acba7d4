//! Databases of RDS: how they stand, their copies, and what is offered.

use super::Called;
use std::collections::BTreeSet;
use std::future::Future;

/// A server of its own, or a cluster (Aurora).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DbKind {
    /// `AWS::RDS::DBInstance`.
    Instance,
    /// `AWS::RDS::DBCluster`.
    Cluster,
}

/// A database server, or a cluster of them, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbServer {
    /// Which of the two.
    pub kind: DbKind,
    /// Its identifier.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// As `available`, `creating`, `backing-up`.
    pub status: String,
    /// Where it answers; not known while it is being made.
    pub endpoint: Option<DbEndpoint>,
    /// As `postgres`, `mysql`, `mariadb`, `aurora-postgresql`, `aurora-mysql`.
    pub engine: String,
    /// As `17.6`.
    pub engine_version: String,
    /// As `db.t4g.micro`; a cluster has none.
    pub class: Option<String>,
    /// Whether it has a public address. A cluster does not say; its members do.
    pub is_public: Option<bool>,
    /// Whether what it stores is encrypted.
    pub is_encrypted: bool,
    /// Whether it is protected from deletion.
    pub is_protected: bool,
    /// As `rds-ca-rsa2048-g1`. Of a cluster: its members say.
    pub authority: Option<String>,
    /// Until when the server's certificate is good.
    pub certificate_until: Option<String>,
    /// The administrator's name.
    pub administrator: String,
    /// The secret in which RDS keeps the administrator's password.
    pub administrator_secret: Option<AdministratorSecret>,
    /// For how many days it can be restored to any moment; 0: not at all.
    pub backup_days: u32,
    /// The last moment to which it can be restored.
    pub restorable_until: Option<String>,
    /// The subnet group in which it stands.
    pub subnet_group: Option<String>,
    /// The security groups that stand before it.
    pub security_groups: Vec<String>,
    /// The parameter group with which it runs, and whether it already does (`in-sync`).
    pub parameter_group: Option<(String, String)>,
    /// Identifiers of a cluster's members, the writer first.
    pub members: Vec<String>,
}

impl DbServer {
    /// Whether it answers.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.status == "available" && self.endpoint.is_some()
    }
}

/// Where a database answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbEndpoint {
    /// The name.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The secret that RDS keeps and rotates itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdministratorSecret {
    /// Its ARN in Secrets Manager.
    pub arn: String,
    /// `creating`, `active`, `rotating` or `impaired`.
    pub status: String,
}

/// A copy of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbSnapshot {
    /// Of what.
    pub kind: DbKind,
    /// Its identifier.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// The server or cluster of which it is a copy.
    pub of: String,
    /// As `available`, `creating`.
    pub status: String,
    /// How much of it is done.
    pub percent: u32,
    /// When it was made.
    pub at: Option<String>,
    /// `manual`, `automated` or another's.
    pub origin: String,
    /// As `mysql`.
    pub engine: String,
    /// As `8.4.7`.
    pub engine_version: String,
    /// Whether it is encrypted.
    pub is_encrypted: bool,
    /// How much room it takes when restored.
    pub gibibytes: u32,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

/// What is made of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreRequest {
    /// A server or a cluster; the copy must be of the same kind.
    pub kind: DbKind,
    /// The copy.
    pub snapshot: String,
    /// The identifier of the new server or cluster.
    pub into: String,
    /// As `mysql`; needed for a cluster.
    pub engine: String,
    /// As `db.t4g.micro`: of the server, or of the first member of the cluster.
    pub class: String,
    /// In which subnets.
    pub subnet_group: String,
    /// Who may reach it.
    pub security_groups: Vec<String>,
    /// The parameter group that requires TLS: of the server, or of the cluster.
    pub parameter_group: Option<String>,
    /// The authority that signs its certificate; of a cluster's members it is said when they are added.
    pub authority: Option<String>,
    /// Whether it is protected from deletion.
    pub is_protected: bool,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

/// A version of an engine that is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbEngineVersion {
    /// As `postgres`.
    pub engine: String,
    /// As `17.6`.
    pub version: String,
    /// As `postgres17`.
    pub family: String,
    /// As `available` or `deprecated`.
    pub status: String,
    /// To which versions a server of this one can be changed.
    pub upgrades: Vec<String>,
    /// The authorities that can have signed its certificate.
    pub authorities: Vec<String>,
}

/// A class in which an engine can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbOffer {
    /// As `db.t4g.micro`.
    pub class: String,
    /// As `17.6`.
    pub version: String,
    /// In which zones.
    pub zones: BTreeSet<String>,
    /// Whether with a standby in another zone.
    pub multi_az: bool,
    /// As `gp3`.
    pub storage: String,
}

/// The databases of an account. The rules of [`super::Account`] hold: one request each (a page loop, and the first member of a restored
/// cluster, are several), nothing is repeated, what is absent is an answer.
pub trait Databases: Send + Sync {
    /// A server or a cluster.
    fn db_server(&self, kind: DbKind, id: &str) -> impl Future<Output = Called<Option<DbServer>>> + Send;
    /// Begins a copy. One of that identifier makes it fail with `Exists`: what a repetition sees whose first call was done.
    fn create_db_snapshot(
        &self,
        kind: DbKind,
        of: &str,
        snapshot: &str,
        tags: &[(String, String)],
    ) -> impl Future<Output = Called<()>> + Send;
    /// A copy.
    fn db_snapshot(&self, kind: DbKind, snapshot: &str) -> impl Future<Output = Called<Option<DbSnapshot>>> + Send;
    /// The copies of a server or cluster, also the daily ones, the newest first.
    fn db_snapshots(&self, kind: DbKind, of: &str) -> impl Future<Output = Called<Vec<DbSnapshot>>> + Send;
    /// The copies in the account that have a tag, also of servers that are gone, the newest first.
    fn db_snapshots_tagged(
        &self,
        kind: DbKind,
        key: &str,
        value: &str,
    ) -> impl Future<Output = Called<Vec<DbSnapshot>>> + Send;
    /// Removes a copy that was made by hand.
    fn delete_db_snapshot(&self, kind: DbKind, snapshot: &str) -> impl Future<Output = Called<()>> + Send;
    /// Begins to make a server, or a cluster without members, of a copy. It is never public.
    fn restore_db(&self, request: &RestoreRequest) -> impl Future<Output = Called<()>> + Send;
    /// Adds a member to a cluster, with a certificate of an authority: without a member, it does not answer. It is never public.
    fn add_db_member(
        &self,
        cluster: &str,
        member: &str,
        engine: &str,
        class: &str,
        authority: Option<&str>,
    ) -> impl Future<Output = Called<()>> + Send;
    /// Lets RDS keep the administrator's password in a secret of its own. What is made of a copy has the password of then.
    fn keep_db_administrator(&self, kind: DbKind, id: &str) -> impl Future<Output = Called<()>> + Send;
    /// The versions of an engine: all, or those that are or begin with `version` (`17`, `17.6`).
    fn db_engine_versions(
        &self,
        engine: &str,
        version: Option<&str>,
    ) -> impl Future<Output = Called<Vec<DbEngineVersion>>> + Send;
    /// How a version of an engine can be had in a class; empty when it cannot.
    fn db_offers(&self, engine: &str, version: &str, class: &str) -> impl Future<Output = Called<Vec<DbOffer>>> + Send;
}
