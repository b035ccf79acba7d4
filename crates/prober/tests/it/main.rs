//! The prober against real servers: right ones, and each kind of wrong one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod deployment;
mod garbage;
mod http;
mod order;
mod restart;
mod sql;
mod ssh;
mod tcp_and_files;
mod tls;
mod tunnel;
