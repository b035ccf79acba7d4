//! Reachability, from templates to verdicts.

mod agreement;
mod fixtures;
mod walker;
