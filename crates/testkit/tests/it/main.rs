//! Tests of the account in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod http;
mod machine;
