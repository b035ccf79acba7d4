//! The crate against itself and against OpenSSH.

mod hostile;
mod namespaces;
mod own_client;
mod sshd;
mod stock_client;
mod stock_server;
mod support;
