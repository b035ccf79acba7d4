//! What may be said of a database server.

use crate::said::PortSaid;
use indexmap::IndexMap;
use model::database::{Engine, GrantLevel};
use model::scalar::Size;
use schemars::JsonSchema;
use serde::Deserialize;

/// A private database server with its databases, roles and first data. On this machine it is the real server that is found
/// there, listening on the loopback address alone; in AWS it is RDS or Aurora in subnets that no way from the internet
/// leads to. Nobody has a password of it but by `uses` of a component, `people` here, or a tunnel.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct DatabaseSpec {
    /// Which family of servers.
    pub engine: EngineSaid,
    /// The release, in quotes, as `"8.4"` or `"16"`. By default the newest with long support. On this machine the release that is there will do.
    pub version: Option<String>,
    /// How large the machine is that AWS gives it. On this machine it is always tuned to be small.
    #[serde(default)]
    pub size: DatabaseSize,
    /// The port that it listens on: a number, or `any`. On this machine another one is taken when the number is not free.
    pub port: Option<PortSaid>,
    /// The databases in it: a list of names, or a mapping from names to what is in them. None of them is ever dropped.
    pub databases: DatabasesSaid,
    /// What people may do, by their role: `{ analyst: read-only }` in every database, or `{ analyst: { teams: read-only } }`.
    #[serde(default)]
    pub people: IndexMap<String, GrantsSaid>,
    /// How backups are kept.
    #[serde(default)]
    pub backups: BackupsSpec,
    /// Whether AWS runs it as an Aurora cluster. Has no meaning on this machine.
    #[serde(default)]
    pub aurora: bool,
    /// In how many availability zones a copy stands ready, 1 or 2, with `aurora` up to 3; with 2 AWS changes over by itself. Has no meaning on this machine.
    #[schemars(range(min = 1, max = 3))]
    #[serde(default = "one")]
    pub zones: u8,
    /// Whether AWS refuses to delete it until this is said to be false. Has no meaning on this machine.
    #[serde(default = "yes")]
    pub deletion_protection: bool,
    /// The disk that AWS gives it, 20GiB to 64TiB; it grows by itself up to four times that. Has no meaning on this machine.
    pub storage: Option<Size>,
    /// A file beside the manifest with the certificates of the authorities that sign those of RDS's servers, as RDS publishes them for
    /// the region. Hosts fetch them from RDS by default; where a network has no way to the internet, they are said here. Has no
    /// meaning on this machine.
    pub authorities: Option<String>,
}

fn one() -> u8 {
    1
}

fn yes() -> bool {
    true
}

/// A family of database servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EngineSaid {
    /// MySQL; on a machine without it MariaDB stands in, which speaks the same protocol.
    Mysql,
    /// MariaDB.
    Mariadb,
    /// PostgreSQL.
    Postgres,
}

impl EngineSaid {
    pub(super) fn engine(self) -> Engine {
        match self {
            Self::Mysql => Engine::Mysql,
            Self::Mariadb => Engine::Mariadb,
            Self::Postgres => Engine::Postgres,
        }
    }
}

/// How large a machine a database server gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DatabaseSize {
    /// 2 GiB of memory.
    #[default]
    Small,
    /// 4 GiB of memory.
    Medium,
    /// 8 GiB of memory.
    Large,
}

/// The databases of a server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum DatabasesSaid {
    /// Their names.
    Names(Vec<String>),
    /// Their names, and what is in them.
    Mapping(IndexMap<String, DatabaseSaid>),
}

/// What is in a database.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct DatabaseSaid {
    /// Extensions of PostgreSQL that it has, as `pg_trgm`.
    pub extensions: Vec<String>,
    /// Files that are loaded into it, in this order, each once. A file that changes afterwards is not loaded again, which `up`
    /// says: what is new belongs into another file.
    pub data: Vec<DataSaid>,
}

/// A file that is loaded into a database. Say one of `sql`, `csv` and `dump`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct DataSaid {
    /// A file of statements beside the manifest.
    pub sql: Option<String>,
    /// A file of rows beside the manifest: RFC 4180, UTF-8, the first line names columns, an empty field is NULL.
    pub csv: Option<String>,
    /// A plain dump of the engine's own tool beside the manifest.
    pub dump: Option<String>,
    /// The table that the rows of `csv` go into; a file before it makes the table.
    pub table: Option<String>,
}

/// What somebody may do in databases.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum GrantsSaid {
    /// The same in every database.
    Everywhere(GrantsWord),
    /// By database; none in those that are not named.
    ByDatabase(IndexMap<String, GrantsWord>),
}

/// What somebody may do in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum GrantsWord {
    /// Read rows.
    ReadOnly,
    /// Read, add, change and remove rows.
    ReadWrite,
    /// All of that, and make, change and drop tables.
    Owner,
}

impl GrantsWord {
    pub(crate) fn level(self) -> GrantLevel {
        match self {
            Self::ReadOnly => GrantLevel::ReadOnly,
            Self::ReadWrite => GrantLevel::ReadWrite,
            Self::Owner => GrantLevel::Owner,
        }
    }
}

/// How backups are kept.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct BackupsSpec {
    /// How many are kept: of `landfall backup` on this machine, of days in AWS, 1 to 35.
    #[schemars(range(min = 1, max = 35))]
    pub keep: u8,
    /// When AWS makes them each day, in UTC, as `"03:00"`.
    #[schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub at: String,
}

impl Default for BackupsSpec {
    fn default() -> Self {
        Self { keep: 7, at: "03:00".to_owned() }
    }
}
