//! Tests of the compiler as its callers see it.

mod application;
mod editor_schema;
mod invalid;
mod parameters;
mod properties;
mod report;
mod support;
