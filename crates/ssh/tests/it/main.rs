//! The crate against itself and against OpenSSH.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod hostile;
mod jsch;
mod namespaces;
mod own_client;
mod sshd;
mod stock_client;
mod stock_server;
mod support;
