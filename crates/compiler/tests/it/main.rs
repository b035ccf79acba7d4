//! Tests of the compiler as its callers see it.
#![expect(clippy::unwrap_used, reason = "tests may panic")]
#![expect(clippy::disallowed_methods, reason = "fixtures are files")]

mod application;
mod aws;
mod aws_gates;
mod aws_host;
mod blueprints;
mod editor_schema;
mod host_boot;
mod hostile;
mod invalid;
mod parameters;
mod proof;
mod properties;
mod report;
mod support;
