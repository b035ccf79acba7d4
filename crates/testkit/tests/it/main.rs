//! Tests of the account in memory.

mod machine;
