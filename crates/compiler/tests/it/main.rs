//! Tests of the compiler as its callers see it.

mod invalid;
mod support;
