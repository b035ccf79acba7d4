//! Tests of the account in memory.

mod http;
mod machine;
