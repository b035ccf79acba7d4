//! Reachability, from templates to verdicts.

mod fixtures;
