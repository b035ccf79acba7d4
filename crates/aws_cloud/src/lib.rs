//! The port to an account ([`stacks::account::Account`]), by HTTP.
//!
//! Credentials, signing, TLS, proxies and time limits are those of the AWS SDK for Rust. The calls themselves are made here, over one
//! small mechanism for the four ways in which AWS services speak: a few dozen calls do not need the generated clients of
//! sixteen services, which would take longer to compile than everything else together. So errors too are read in one place.
//!
//! Each call of the port is one request (pages excepted). Nothing is repeated here: see `stacks`.

mod account;
mod calls;
mod client;
mod connect;
mod dns;
mod download;
mod error;
mod request;
mod service;
mod transport;
mod xml;

pub use connect::{CloudAccount, ConnectError, ConnectOptions, Keys};
pub use download::{database_authorities_url, download};
