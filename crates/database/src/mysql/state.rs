//! What a MySQL or MariaDB server has.

use crate::observed::AppliedData;
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};

/// A login's name and host pattern.
pub(super) type Account = (String, String);

/// A MySQL or MariaDB server as observed.
#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) version: String,
    pub(super) is_mariadb: bool,
    /// The administrator's name.
    pub(super) me: String,
    pub(super) has_ledger: bool,
    pub(crate) databases: Vec<String>,
    /// Those into which a restore was cut off.
    pub(super) half: BTreeSet<String>,
    pub(super) accounts: IndexMap<Account, Login>,
    /// Grants of accounts that are not there, by what they are. They count all the same, for whoever of that name comes from such a host.
    pub(super) orphans: IndexMap<Account, BTreeSet<String>>,
    /// Managed logins, from the ledger.
    pub(crate) recorded: IndexMap<Account, Recorded>,
    /// Data files, from the ledger.
    pub(super) loads: Vec<Load>,
}

/// What the ledger says of a login.
#[derive(Clone, Default)]
pub(crate) struct Recorded {
    pub(crate) role: String,
    pub(super) grants: BTreeSet<String>,
}

/// A data file in the ledger.
#[derive(Clone)]
pub(crate) struct Load {
    pub(super) applied: AppliedData,
    /// `done`, or how far it came.
    pub(super) state: String,
    pub(super) statements: u64,
}

/// A login.
#[derive(Clone, Default)]
pub(super) struct Login {
    pub(super) plugin: String,
    /// What is stored, as bytes.
    pub(super) stored: Vec<u8>,
    pub(super) needs_tls: bool,
    pub(super) limit: i64,
    /// It exists, and nobody may log in by it.
    pub(super) is_locked: bool,
    /// A role, not a login.
    pub(super) is_role: bool,
    /// Rights over the whole server.
    pub(super) global: BTreeSet<String>,
    /// By database pattern as stored.
    pub(super) grants: BTreeMap<String, BTreeSet<String>>,
    /// Grants on tables, columns, routines: (what for people, the statement that takes it away without its `FROM`).
    pub(super) objects: BTreeSet<(String, String)>,
    /// Roles that were granted to it, quoted for REVOKE.
    pub(super) roles: BTreeSet<String>,
}

impl State {
    pub(crate) fn applied(&self) -> Vec<AppliedData> {
        self.loads.iter().filter(|load| load.state == "done").map(|load| load.applied.clone()).collect()
    }
}

impl State {
    /// Grants without an account that bear the name of a managed login.
    pub(super) fn managed_orphans(&self) -> impl Iterator<Item = (&Account, String)> {
        let is_managed = |name: &String| self.recorded.keys().any(|(login, _)| login == name);
        let orphans = self.orphans.iter().filter(move |((login, _), _)| is_managed(login));
        orphans.map(|(account, what)| (account, what.iter().map(String::as_str).collect::<Vec<_>>().join(", ")))
    }
}

/// How `information_schema` writes an account.
pub(super) fn as_grantee(account: &Account) -> String {
    format!("'{}'@'{}'", account.0, account.1)
}
