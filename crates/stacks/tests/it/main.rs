//! Tests of the whole crate, against an account in memory.

mod hand;
mod roads;
