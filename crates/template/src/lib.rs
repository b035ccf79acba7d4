//! The language of files: templates with a small set of general functions, so that no application
//! needs code of its own, and the making of secrets. Pure: randomness is handed in.

pub mod generate;

pub use generate::{GenerateError, GeneratedSecret, generate};
