//! Environments in an AWS account: what the verbs do there.

pub(crate) mod forecast;
