//! Reachability, from templates to verdicts.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests may panic, and read their fixtures")]

mod agreement;
mod fixtures;
mod mutation;
mod size;
mod walker;
