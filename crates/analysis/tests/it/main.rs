//! Reachability, from templates to verdicts.

mod agreement;
mod fixtures;
mod mutation;
mod size;
mod walker;
