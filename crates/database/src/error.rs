//! What may go wrong with a server, told apart by what a person does about it.

use model::{Fault, FaultKind};
use sqlx::mysql::MySqlDatabaseError;
use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

/// The result of what is done at a server.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. Texts hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nobody answers there.
    #[error("no database server can be reached at {address}: {cause}")]
    NotReachable {
        /// Where.
        address: String,
        /// What came back.
        cause: String,
    },
    /// No answer within the time.
    #[error("{what} took more than {seconds} s")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
    },
    /// The server has no TLS, or its certificate is not the right one.
    #[error("no trusted TLS connection to {address}: {cause}")]
    Tls {
        /// Where.
        address: String,
        /// What was wrong.
        cause: String,
    },
    /// The server refuses the login itself: name, password, place or lack of TLS.
    #[error("the server refuses the login of {user}: {message} ({code})")]
    LoginRefused {
        /// Who.
        user: String,
        /// The server's code.
        code: String,
        /// The server's words.
        message: String,
    },
    /// The login lacks a right.
    #[error("permission denied: {message} ({code})")]
    Denied {
        /// The server's code.
        code: String,
        /// The server's words.
        message: String,
    },
    /// The server says no for another reason.
    #[error("the server says: {message} ({code})")]
    Server {
        /// The server's code.
        code: String,
        /// The server's words.
        message: String,
        /// At which character of the statement, from 1, where the server says so.
        position: Option<usize>,
    },
    /// The connection broke.
    #[error("the connection to the server broke: {cause}")]
    Lost {
        /// What came back.
        cause: String,
    },
    /// What is wanted cannot be, or must not be done.
    #[error("{what}")]
    Refused {
        /// What, and why.
        what: String,
        /// What to do instead.
        help: String,
    },
    /// A data file could not be loaded.
    #[error("{place}: {cause}; {applied}")]
    Load {
        /// `file:line:column` of the statement, or of the place that the server named.
        place: String,
        /// What was wrong, in the server's words where it was the server.
        cause: String,
        /// What was applied, and what not.
        applied: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {cause}")]
    File {
        /// Which.
        path: String,
        /// What came back.
        cause: String,
    },
    /// A tool of the engine failed.
    #[error("{program} failed: {cause}")]
    Tool {
        /// Which.
        program: String,
        /// Its last words.
        cause: String,
    },
}

/// MySQL's codes for a right that is lacking.
const MYSQL_DENIED: [u16; 8] = [1044, 1142, 1143, 1227, 1345, 1370, 1410, 1419];
/// MySQL's codes for a login that is refused.
const MYSQL_LOGIN: [u16; 7] = [1045, 1130, 1698, 1862, 3118, 3159, 4151];
/// MySQL's codes for a connection that is no more.
const MYSQL_GONE: [u16; 4] = [1053, 1152, 1927, 3169];

impl Error {
    /// What the library says, in the terms of a person.
    pub(crate) fn of_statement(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(said) => {
                if let Some(said) = said.try_downcast_ref::<PgDatabaseError>() {
                    return Self::of_postgres(said);
                }
                if let Some(said) = said.try_downcast_ref::<MySqlDatabaseError>() {
                    return Self::of_mysql(said);
                }
                Self::Server {
                    code: said.code().unwrap_or_default().into(),
                    message: said.message().into(),
                    position: None,
                }
            }
            other => Self::Lost { cause: other.to_string() },
        }
    }

    /// What the library says while connecting.
    pub(crate) fn of_connecting(error: sqlx::Error, address: &str, user: &str) -> Self {
        let address = address.to_owned();
        match error {
            sqlx::Error::Io(cause) => {
                // A handshake that fails comes as an I/O error that holds the library's.
                if cause.kind() == std::io::ErrorKind::InvalidData {
                    return Self::Tls { address, cause: cause.to_string() };
                }
                Self::NotReachable { address, cause: cause.to_string() }
            }
            sqlx::Error::Tls(cause) => Self::Tls { address, cause: cause.to_string() },
            sqlx::Error::Database(said) => {
                let refused = |code: &str, message: &str| Self::LoginRefused {
                    user: user.to_owned(),
                    code: code.to_owned(),
                    message: message.to_owned(),
                };
                if let Some(said) = said.try_downcast_ref::<MySqlDatabaseError>()
                    && MYSQL_LOGIN.contains(&said.number())
                {
                    return refused(&said.number().to_string(), said.message());
                }
                if let Some(said) = said.try_downcast_ref::<PgDatabaseError>()
                    && said.code().starts_with("28")
                {
                    return refused(said.code(), said.message());
                }
                Self::of_statement(sqlx::Error::Database(said))
            }
            other => Self::NotReachable { address, cause: other.to_string() },
        }
    }

    fn of_postgres(said: &PgDatabaseError) -> Self {
        let code = said.code().to_owned();
        let mut message = said.message().to_owned();
        for more in [said.detail(), said.hint()].into_iter().flatten() {
            message = format!("{message}; {more}");
        }
        let position = match said.position() {
            Some(PgErrorPosition::Original(position)) => Some(position),
            _ => None,
        };
        match code.as_str() {
            "42501" => Self::Denied { code, message },
            "57P01" | "57P02" | "57P03" | "08006" => Self::Lost { cause: message },
            _ => {
                if let Some(context) = said.r#where().filter(|context| context.starts_with("COPY ")) {
                    message = format!("{message}: {context}");
                }
                Self::Server { code, message, position }
            }
        }
    }

    fn of_mysql(said: &MySqlDatabaseError) -> Self {
        let (code, message) = (said.number().to_string(), said.message().to_owned());
        match said.number() {
            number if MYSQL_DENIED.contains(&number) => Self::Denied { code, message },
            number if MYSQL_GONE.contains(&number) => Self::Lost { cause: message },
            _ => Self::Server { code, message, position: None },
        }
    }

    /// The server's code when it is this one.
    #[must_use]
    pub fn has_code(&self, wanted: &str) -> bool {
        match self {
            Self::Server { code, .. } | Self::Denied { code, .. } | Self::LoginRefused { code, .. } => code == wanted,
            _ => false,
        }
    }

    /// As a fault of the step that was on; `operation` is a gerund with its object.
    #[must_use]
    pub fn into_fault(self, operation: impl Into<String>) -> Fault {
        let (kind, help) = match &self {
            Self::NotReachable { .. } => {
                (FaultKind::Transient, Some("see whether the server runs and the way to it is open".to_owned()))
            }
            Self::Lost { .. } => (FaultKind::Transient, None),
            Self::TimedOut { .. } => (FaultKind::Timeout, None),
            Self::Tls { .. } => (
                FaultKind::Permanent,
                Some("the certificate must come from the stated authority, for this name".to_owned()),
            ),
            Self::LoginRefused { .. } | Self::Denied { .. } => (FaultKind::Permission, None),
            Self::Refused { help, .. } => (FaultKind::NeedsPerson, Some(help.clone())),
            Self::Load { .. } => {
                (FaultKind::NeedsPerson, Some("mend the file and type `landfall up` again".to_owned()))
            }
            Self::Server { .. } | Self::File { .. } | Self::Tool { .. } => (FaultKind::Permanent, None),
        };
        let fault = Fault::new(kind, operation, &self);
        match help.filter(|help| !help.is_empty()) {
            Some(help) => fault.help(help),
            None => fault,
        }
    }
}

/// What cannot be or must not be done, with what to do instead.
pub(crate) fn refused(what: impl Into<String>, help: impl Into<String>) -> Error {
    Error::Refused { what: what.into(), help: help.into() }
}
