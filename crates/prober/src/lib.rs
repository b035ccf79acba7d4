//! Asks what must be true of a running deployment, and says what came back.
//!
//! One prober for every place where a deployment runs: the questions are data
//! ([`model::probe::Question`]), the deployment is seen through [`engine::ports::Running`]. It trusts
//! no proxy setting and no certificate authority but the deployment's own, and asks DNS only where the deployment's names are
//! public ones.

mod answer;
mod ask;
mod http_exchange;
mod http_expectation;
mod old_tls;
mod patient;
mod redactor;
mod restart;
mod sql;
mod ssh;
mod tcp;
mod tls;
mod verify;

pub use verify::{Options, verify};
