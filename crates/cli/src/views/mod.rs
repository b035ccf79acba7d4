//! How results look: for people on a terminal, as plain lines, as JSON. Views hold no rule.

pub(crate) mod access;
pub(crate) mod account_plan;
pub(crate) mod cloud_progress;
pub(crate) mod diff;
pub(crate) mod error;
pub(crate) mod evidence;
pub(crate) mod findings;
pub(crate) mod forecast;
pub(crate) mod outputs;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod proof;
pub(crate) mod settings;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod teardown;
pub(crate) mod verification;
pub(crate) mod ways;
