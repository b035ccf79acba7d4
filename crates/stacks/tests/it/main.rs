//! Tests of the whole crate, against an account in memory.

mod failures;
mod hand;
mod leases;
mod refusals;
mod roads;
mod stuck;
mod table;
