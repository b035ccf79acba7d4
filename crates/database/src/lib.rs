//! What is inside a database server: databases, roles, grants, data; made as wanted, watched, copied away and back.

mod access;
mod connection;
mod error;
mod query;
pub mod quote;
mod relay;
pub mod verifier;

pub use access::{Access, Address, Tls};
pub use connection::{Answer, Connection, Row};
pub use error::{Error, Result};
pub use query::{Found, query};
