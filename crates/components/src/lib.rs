//! One folder per component kind. Pure: a component turns what was said into what makes sense,
//! and that into nodes of a process graph and probes. Components meet only through exports.

pub mod component;
pub mod context;
pub mod reference;
pub mod registry;

pub use component::Component;
