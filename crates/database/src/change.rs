//! What has to be done, as data that can be shown before it is done.

use crate::quote;
use model::NodeId;
use model::database::{GrantLevel, InitialData};
use serde::Serialize;
use std::fmt;

/// One change: what it means, and the statements that make it. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What it means.
    pub what: What,
    pub(crate) steps: Vec<Step>,
}

impl Change {
    pub(crate) fn new(what: What, steps: Vec<Step>) -> Self {
        Self { what, steps }
    }

    /// Whether it takes something away from somebody, who may still use it.
    #[must_use]
    pub fn takes_away(&self) -> bool {
        matches!(self.what, What::DropLogin { .. } | What::Revoke { .. })
    }

    /// The statements, for a person who wants to see them; passwords and data stand as their names.
    pub fn statements(&self) -> impl Iterator<Item = String> + '_ {
        self.steps.iter().map(ToString::to_string)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.fmt(f)
    }
}

/// What a change means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum What {
    /// The place where managed roles and applied data are written down.
    PrepareLedger,
    /// A database.
    CreateDatabase {
        /// Its name.
        database: String,
    },
    /// The groups that hold a database's grants (PostgreSQL).
    CreateGroups {
        /// The database.
        database: String,
    },
    /// A group that was given more than a group has.
    MendGroup {
        /// The group.
        group: String,
    },
    /// A database that was there is given to its owner group (PostgreSQL).
    TakeDatabase {
        /// The database.
        database: String,
        /// Whose it was.
        from: String,
    },
    /// A database that was changed by hand.
    MendDatabase {
        /// The database.
        database: String,
        /// What, for people.
        what: String,
    },
    /// What everybody might do in a database is taken away.
    CloseDatabase {
        /// The database.
        database: String,
    },
    /// What the groups may do in a database is completed.
    CompleteGroups {
        /// The database.
        database: String,
    },
    /// An extension (PostgreSQL).
    CreateExtension {
        /// The database.
        database: String,
        /// Its name.
        extension: String,
    },
    /// A login.
    CreateLogin {
        /// Its name, in MySQL with the host pattern.
        login: String,
        /// Whose it is.
        role: String,
    },
    /// A login that somebody made by hand is managed from now on.
    AdoptLogin {
        /// Its name.
        login: String,
        /// Whose it is.
        role: String,
    },
    /// Its password.
    SetPassword {
        /// The login.
        login: String,
    },
    /// Its limits, its TLS, or rights over the whole server.
    ChangeLogin {
        /// The login.
        login: String,
        /// What, for people.
        what: String,
    },
    /// What it may do in a database.
    Grant {
        /// The login.
        login: String,
        /// The database.
        database: String,
        /// What.
        level: GrantLevel,
    },
    /// Something that it may no longer do.
    Revoke {
        /// The login, a group, or everybody.
        from: String,
        /// What, for people.
        what: String,
    },
    /// Objects that belong to a login go to the owner group (PostgreSQL).
    GiveToOwners {
        /// The login.
        login: String,
        /// The database.
        database: String,
    },
    /// A login that is no longer wanted, with its sessions; its objects stay.
    DropLogin {
        /// The login.
        login: String,
        /// Why.
        why: DropReason,
    },
    /// A data file.
    Load {
        /// The database.
        database: String,
        /// The file.
        path: String,
    },
}

/// Why a login goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropReason {
    /// Its role is no longer in the manifest.
    RoleGone,
    /// Its role logs in by another name now.
    RotationOver,
    /// It may no longer log in from there (MySQL).
    SourceGone,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrepareLedger => f.write_str("prepare the ledger of managed roles and applied data"),
            Self::CreateDatabase { database } => write!(f, "create database {database}"),
            Self::CreateGroups { database } => write!(f, "create the groups of database {database}"),
            Self::MendGroup { group } => write!(f, "take from group {group} what no group has"),
            Self::TakeDatabase { database, from } => {
                write!(f, "give database {database}, which is {from}'s, to its owner group")
            }
            Self::MendDatabase { database, what } => write!(f, "mend database {database}: {what}"),
            Self::CloseDatabase { database } => write!(f, "close database {database} to everybody who is not named"),
            Self::CompleteGroups { database } => write!(f, "complete the rights of the groups of database {database}"),
            Self::CreateExtension { database, extension } => write!(f, "create extension {extension} in {database}"),
            Self::CreateLogin { login, role } if login == role => write!(f, "create login {login}"),
            Self::CreateLogin { login, role } => write!(f, "create login {login} of {role}"),
            Self::AdoptLogin { login, role } => write!(f, "take over login {login}, made by hand, for {role}"),
            Self::SetPassword { login } => write!(f, "set the password of {login}"),
            Self::ChangeLogin { login, what } => write!(f, "change login {login}: {what}"),
            Self::Grant { login, database, level } => write!(f, "grant {level} on {database} to {login}"),
            Self::Revoke { from, what } => write!(f, "revoke {what} from {from}"),
            Self::GiveToOwners { login, database } => {
                write!(f, "give what {login} owns in {database} to the owner group")
            }
            Self::DropLogin { login, why } => match why {
                DropReason::RoleGone => write!(f, "drop login {login}, its role is no longer wanted"),
                DropReason::RotationOver => write!(f, "drop login {login}, its rotation is over"),
                DropReason::SourceGone => write!(f, "drop login {login}, it may no longer log in from there"),
            },
            Self::Load { database, path } => write!(f, "load {path} into {database}"),
        }
    }
}

/// One piece of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Statements; neighbouring ones in the same place are one transaction where the engine has such.
    Sql { place: Place, sql: String },
    /// A statement that cannot be in a transaction, or must be seen by others before the next.
    Alone { place: Place, sql: String },
    /// A statement with the verifier of a password: `before` verifier `after`.
    Password { login: String, host: Option<String>, node: NodeId, form: Form, before: String, after: String },
    /// Drops an account (MySQL). When views, triggers or routines run in its name it is locked instead: they would fail without it.
    DropAccount { login: String, host: String },
    /// Ends the sessions of a login.
    EndSessions { login: String },
    /// Loads a file.
    Load { database: String, data: InitialData },
}

/// Where a statement is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where the server is seen as a whole.
    Home,
    /// In a database.
    In(String),
}

impl Step {
    pub(crate) fn home(sql: impl Into<String>) -> Self {
        Self::Sql { place: Place::Home, sql: sql.into() }
    }

    pub(crate) fn alone(sql: impl Into<String>) -> Self {
        Self::Alone { place: Place::Home, sql: sql.into() }
    }

    pub(crate) fn inside(database: &str, sql: impl Into<String>) -> Self {
        Self::Sql { place: Place::In(database.to_owned()), sql: sql.into() }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql { sql, .. } | Self::Alone { sql, .. } => f.write_str(sql),
            Self::Password { node, before, after, .. } => write!(f, "{before}<verifier of {node}>{after}"),
            Self::DropAccount { login, host } => {
                write!(
                    f,
                    "DROP USER {}; -- or ACCOUNT LOCK, when something runs in its name",
                    quote::account(login, host)
                )
            }
            Self::EndSessions { login } => write!(f, "-- end the sessions of {login}"),
            Self::Load { database, data } => write!(f, "-- load {} into {database}", data.path),
        }
    }
}

/// What is stored instead of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Scram,
    Native,
    CachingSha2,
}
