//! Tests of the whole crate, against an account in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod backups;
mod canary;
mod crashes;
mod databases;
mod each_resource;
mod every_state;
mod failures;
mod hand;
mod leases;
mod meanwhile;
mod refusals;
mod roads;
mod rotations;
mod stuck;
mod support;
mod table;
