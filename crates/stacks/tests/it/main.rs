//! Tests of the whole crate, against an account in memory.

mod crashes;
mod failures;
mod hand;
mod leases;
mod refusals;
mod roads;
mod stuck;
mod support;
mod table;
