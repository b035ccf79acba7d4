//! What a PostgreSQL server has.

use crate::backup::half::MARK;
use crate::observed::AppliedData;
use crate::server::LEDGER;
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};

/// A PostgreSQL server as observed.
#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) version: String,
    pub(super) number: u32,
    /// The administrator.
    pub(super) me: String,
    pub(super) is_superuser: bool,
    /// Whether stored verifiers can be read.
    pub(super) shows_verifiers: bool,
    pub(super) has_ledger_database: bool,
    pub(super) has_ledger: bool,
    pub(super) roles: IndexMap<String, Role>,
    /// Managed logins, from the ledger.
    pub(crate) recorded: IndexMap<String, Recorded>,
    pub(super) databases: IndexMap<String, Database>,
    /// Grants on settings of the server: (to whom, which setting, what).
    pub(super) parameters: Vec<(String, String, String)>,
    /// Lines of `pg_hba.conf` that let logins in without TLS.
    pub(super) hba: Vec<String>,
}

/// What the ledger says of a login.
#[derive(Clone)]
pub(crate) struct Recorded {
    pub(crate) role: String,
    pub(super) salt: String,
    pub(super) fingerprint: String,
    /// Its grants as they were applied: `database=level`.
    pub(super) grants: BTreeSet<String>,
}

/// A role.
#[derive(Clone, Default)]
pub(super) struct Role {
    pub(super) can_login: bool,
    pub(super) inherits: bool,
    /// SUPERUSER, CREATEDB and so on.
    pub(super) attributes: Vec<String>,
    pub(super) limit: i64,
    pub(super) has_expiry: bool,
    pub(super) verifier: Option<String>,
    /// The groups that it is in.
    pub(super) member_of: Vec<Membership>,
    /// Settings: (database, `name=value`).
    pub(super) settings: Vec<(String, String)>,
    /// Databases in which something depends on it.
    pub(super) depends: BTreeSet<String>,
}

/// A database.
#[derive(Clone, Default)]
pub(super) struct Database {
    pub(super) owner: String,
    /// Whether the administrator may act as its owner.
    pub(super) is_mine: bool,
    pub(super) allows_connections: bool,
    /// How many connections it takes; -1 is any number.
    pub(super) limit: i64,
    /// A restore into it was cut off.
    pub(super) is_half: bool,
    pub(super) grants: Vec<(String, String)>,
    /// What is inside, of those that are in the manifest.
    pub(super) inside: Option<Inside>,
}

/// What is inside a database.
#[derive(Clone, Default)]
pub(super) struct Inside {
    pub(super) extensions: BTreeSet<String>,
    pub(super) has_ledger: bool,
    pub(super) applied: Vec<AppliedData>,
    /// Who owns the schema `public`; none when there is none.
    pub(super) public_owner: Option<String>,
    /// Grants on objects: to whom, on what, which.
    pub(super) grants: Vec<ObjectGrant>,
    /// Default privileges: (whose, in which schema or none, of what kind, to whom, which).
    pub(super) defaults: BTreeSet<(String, String, String, String, String)>,
    /// Tables and sequences on which a group lacks something: (kind, quoted object, group).
    pub(super) lacking: Vec<(String, String, String)>,
    /// Logins that own something here.
    pub(super) owners: BTreeSet<String>,
    /// Functions that write large objects and that everybody may call.
    pub(super) open_writers: Vec<String>,
}

/// That a role is in a group.
#[derive(Clone)]
pub(super) struct Membership {
    pub(super) group: String,
    /// Who put it there.
    pub(super) by: String,
    /// Whether it may put others there.
    pub(super) may_give: bool,
}

/// A grant on an object.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ObjectGrant {
    /// Empty means everybody.
    pub(super) to: String,
    /// As in GRANT; COLUMN has the columns in the object.
    pub(super) kind: String,
    /// Quoted.
    pub(super) object: String,
    pub(super) owner: String,
    pub(super) privilege: String,
    /// Whether it may be given on.
    pub(super) may_give: bool,
    /// Whether the object's schema is one of the server's own.
    pub(super) is_of_system: bool,
}

impl State {
    pub(crate) fn names(&self) -> Vec<String> {
        let own = |name: &&String| {
            !matches!(name.as_str(), "postgres" | "template0" | "template1" | "rdsadmin" | LEDGER | MARK)
        };
        self.databases.keys().filter(own).cloned().collect()
    }

    pub(crate) fn applied(&self) -> Vec<AppliedData> {
        self.databases
            .values()
            .filter_map(|database| database.inside.as_ref())
            .flat_map(|inside| inside.applied.clone())
            .collect()
    }

    pub(super) fn inside(&self, database: &str) -> Option<&Inside> {
        self.databases.get(database)?.inside.as_ref()
    }

    /// All memberships: who in what, put there by whom.
    pub(super) fn memberships(&self, member: &str) -> BTreeMap<&str, &str> {
        let role = self.roles.get(member).into_iter();
        role.flat_map(|role| role.member_of.iter().map(|one| (one.group.as_str(), one.by.as_str()))).collect()
    }
}
