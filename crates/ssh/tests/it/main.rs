//! The crate against itself and against OpenSSH.

mod own_client;
mod stock_client;
mod support;
