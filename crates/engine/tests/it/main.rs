//! The engine against a world in memory that fails and is cut off at every moment.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod allocate;
mod crashes;
mod failures;
mod graphs;
mod journal;
mod kills;
mod lease;
mod plan;
mod run;
