//! The kinds of components, seen from outside: what they refuse, and what they become.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod database;
mod edge;
mod examples;
mod probes;
mod registry;
mod secret;
mod service;
mod support;
