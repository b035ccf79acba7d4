//! What is in a server, as far as it matters.

use crate::{mysql, postgres};
use indexmap::IndexMap;
use model::database::DatabaseContent;
use serde::Serialize;
use std::fmt;

/// What was seen. Holds verifiers, which its `Debug` does not show.
#[derive(Clone)]
pub struct Observed {
    pub(crate) state: State,
}

#[derive(Clone)]
pub(crate) enum State {
    Postgres(postgres::State),
    Mysql(mysql::State),
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Observed({})", self.version())
    }
}

/// A data file that was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppliedData {
    /// The database.
    pub database: String,
    /// The file as the manifest named it.
    pub path: String,
    /// The digest that it had, in hexadecimal digits.
    pub digest: String,
    /// When, in UTC.
    pub at: String,
}

/// Something a person should know. What [`difference`](crate::difference) mends is marked so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "strange", rename_all = "kebab-case")]
pub enum Strange {
    /// A managed role was given something by hand; the next `apply` takes it away.
    GrantByHand {
        /// The login or group.
        to: String,
        /// What.
        what: String,
    },
    /// A managed login was changed by hand: its password, limits or TLS; the next `apply` mends it.
    LoginChanged {
        /// The login.
        login: String,
        /// What.
        what: String,
    },
    /// A database was changed by hand; the next `apply` mends it.
    DatabaseChanged {
        /// The database.
        database: String,
        /// What.
        what: String,
    },
    /// A login that nobody manages. It stays.
    UnmanagedLogin {
        /// The login.
        login: String,
        /// What it may, where that is much.
        what: String,
    },
    /// A login that nobody manages may do something in a managed database. It stays.
    UnmanagedGrant {
        /// The login.
        login: String,
        /// The database.
        database: String,
        /// What.
        what: String,
    },
    /// Logins without TLS are let in.
    WithoutTls {
        /// Who, or which line of the server's settings.
        who: String,
    },
    /// Everybody may connect to a database, and the administrator cannot change that.
    PublicConnect {
        /// The database.
        database: String,
    },
    /// A database that is not in the manifest. It stays.
    UnmanagedDatabase {
        /// The database.
        database: String,
    },
    /// A restore into the database was cut off, or is at work. It stays until it is restored again.
    HalfRestored {
        /// The database.
        database: String,
    },
    /// A data file has another content than the one that was loaded; data is loaded once, it is not loaded again.
    DataChanged {
        /// The database.
        database: String,
        /// The file.
        path: String,
        /// When the other content was loaded.
        loaded: String,
    },
    /// A data file was applied in part.
    DataHalfApplied {
        /// The database.
        database: String,
        /// The file.
        path: String,
        /// How many of its statements.
        statements: u64,
    },
}

impl Strange {
    /// Whether the next `apply` mends it.
    #[must_use]
    pub fn is_mended(&self) -> bool {
        matches!(self, Self::GrantByHand { .. } | Self::LoginChanged { .. } | Self::DatabaseChanged { .. })
    }
}

impl fmt::Display for Strange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GrantByHand { to, what } => write!(f, "{to} was given {what} by hand"),
            Self::LoginChanged { login, what } => write!(f, "login {login} was changed by hand: {what}"),
            Self::DatabaseChanged { database, what } => write!(f, "database {database} was changed by hand: {what}"),
            Self::UnmanagedLogin { login, what } if what.is_empty() => write!(f, "login {login} is managed by nobody"),
            Self::UnmanagedLogin { login, what } => write!(f, "login {login} is managed by nobody and may {what}"),
            Self::UnmanagedGrant { login, database, what } => {
                write!(f, "login {login}, managed by nobody, may {what} in database {database}")
            }
            Self::WithoutTls { who } => write!(f, "{who} may log in without TLS"),
            Self::PublicConnect { database } => {
                write!(f, "everybody may connect to database {database}, and the administrator may not change that")
            }
            Self::UnmanagedDatabase { database } => write!(f, "database {database} is not in the manifest"),
            Self::HalfRestored { database } => write!(
                f,
                "database {database} is half restored: `landfall restore` was cut off (or is at work just now); type it again with `--into {database}`, \
                 which begins anew, or drop the database"
            ),
            Self::DataChanged { database, path, loaded } => write!(
                f,
                "{path} has changed since it was loaded into {database} ({loaded}), and is not loaded again: put what is new into a file of its own"
            ),
            Self::DataHalfApplied { database, path, statements } => {
                write!(f, "the first {statements} statements of {path} were applied to {database}, then one failed")
            }
        }
    }
}

impl Observed {
    /// The server's version, in its own words.
    #[must_use]
    pub fn version(&self) -> &str {
        match &self.state {
            State::Postgres(state) => &state.version,
            State::Mysql(state) => &state.version,
        }
    }

    /// The databases that are there, the server's own ones left out.
    #[must_use]
    pub fn databases(&self) -> Vec<String> {
        match &self.state {
            State::Postgres(state) => state.names(),
            State::Mysql(state) => state.databases.clone(),
        }
    }

    /// The logins that are managed, each with its role.
    #[must_use]
    pub fn managed(&self) -> IndexMap<String, String> {
        match &self.state {
            State::Postgres(state) => {
                state.recorded.iter().map(|(login, recorded)| (login.clone(), recorded.role.clone())).collect()
            }
            State::Mysql(state) => {
                state.recorded.iter().map(|((login, _), recorded)| (login.clone(), recorded.role.clone())).collect()
            }
        }
    }

    /// What was loaded.
    #[must_use]
    pub fn applied(&self) -> Vec<AppliedData> {
        match &self.state {
            State::Postgres(state) => state.applied(),
            State::Mysql(state) => state.applied(),
        }
    }

    /// What a person should know, sorted.
    #[must_use]
    pub fn strange(&self, content: &DatabaseContent) -> Vec<Strange> {
        let mut strange = match &self.state {
            State::Postgres(state) => state.strange(content),
            State::Mysql(state) => state.strange(content),
        };
        for applied in self.applied() {
            let Some(declared) = content.databases.get(&applied.database) else { continue };
            let same_path = declared.data.iter().find(|data| data.path == applied.path);
            if same_path.is_some_and(|data| data.digest.as_str() != applied.digest) {
                strange.push(Strange::DataChanged {
                    database: applied.database,
                    path: applied.path,
                    loaded: applied.at,
                });
            }
        }
        strange.sort();
        strange.dedup();
        strange
    }
}
