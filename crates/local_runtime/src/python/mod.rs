//! Python environments: found interpreters, packages installed once and shared between deployments.

mod cache;
mod install;
pub(crate) mod interpreter;

pub(crate) use cache::{ensure, program, remove, wrong};
