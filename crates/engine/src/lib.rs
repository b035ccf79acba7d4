//! From what is wanted and what is there to what is done: plan, journal, run, probe.
//!
//! The engine decides and remembers; it touches the world only through [`ports`]. It never
//! prints, never reads the environment and knows neither AWS nor a component by name.

pub mod ports;
