//! Reachability, from templates to verdicts.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "tests may panic, read their fixtures and print their figures"
)]

mod agreement;
mod answers;
mod bounds;
mod broken_bytes;
mod fixtures;
mod hostile;
mod mutation;
mod real_packets;
mod resource_types;
mod size;
mod walker;
mod worlds;
