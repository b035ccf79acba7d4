//! The manifest's own probes: what must be true of this deployment beyond what its components promise.

mod codes;
mod lower;
mod schema;
mod validate;

pub use codes::ALL as CODES;
pub use schema::ProbeSpec;
pub use validate::{ProbeContext, ValidProbe, validate};
