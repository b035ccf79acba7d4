//! What is inside a database server: databases, roles, grants, data; made as wanted, watched, copied away and back.
//!
//! A [`Server`] is looked at ([`observe`]), compared with what is wanted ([`difference`], pure) and changed ([`apply`]). Doing this again
//! after anything, also after having been cut off anywhere, comes to the same end. The server itself remembers what is managed,
//! in a ledger that no role can read.
//!
//! ```text
//! let mut server = Server::new(access);                              // the administrator's
//! let observed = observe(&mut server, &content).await?;
//! let changes = difference(&content, &observed, &passwords)?;        // each prints as a line for people
//! apply(&mut server, &changes, Given { passwords, folder }, &mut |progress| Ok(())).await?;
//! let strange = observed.strange(&content);                          // what a person should know
//! ```

mod access;
mod apply;
mod backup;
mod change;
mod check;
mod connection;
mod csv;
mod error;
mod let_in;
mod load;
mod mysql;
mod observed;
mod postgres;
mod query;
pub mod quote;
mod relay;
mod script;
mod server;
pub mod verifier;

pub use access::{Access, Address, Tls};
pub use apply::{Given, Progress, apply};
pub use backup::{
    BackedUpDatabase, BackedUpRole, Backup, DESCRIPTION, Restored, RowDifference, abandon_restore, backup, check,
    finish_restore, restore,
};
pub use change::{Change, DropReason, What};
pub use check::Passwords;
pub use connection::{Answer, Connection, Row};
pub use error::{Error, Result};
pub use let_in::{LetIn, untold};
pub use observed::{AppliedData, Observed, Strange};
pub use query::{Found, query};
pub use server::{LEDGER, Server};

use model::database::DatabaseContent;
use observed::State;

/// Looks at a server: what is there of what the content names and of what is managed, and what is strange.
///
/// # Errors
/// When the server cannot be reached or the administrator may not look.
pub async fn observe(server: &mut Server, content: &DatabaseContent) -> Result<Observed> {
    let state = match server.access().engine.speaks_mysql() {
        true => State::Mysql(mysql::observe(server).await?),
        false => State::Postgres(postgres::observe(server, content).await?),
    };
    Ok(Observed { state })
}

/// What is to be done, in order; nothing when all is as wanted. Pure.
///
/// # Errors
/// [`Error::Refused`] when the content cannot be, or a password is lacking.
pub fn difference(content: &DatabaseContent, observed: &Observed, passwords: &Passwords) -> Result<Vec<Change>> {
    match &observed.state {
        State::Postgres(state) => postgres::difference(content, state, passwords),
        State::Mysql(state) => mysql::difference(content, state, passwords),
    }
}
