//! From what is wanted and what is there to what is done: plan, journal, run.
//!
//! The engine decides and remembers; it touches the world only through [`ports`] (its own journal
//! and lock are the exception). It never prints, never reads the environment and knows neither AWS
//! nor a component by name.
//!
//! The road of one `up`: [`Lease::acquire`], [`Journal::open`] (replay), [`propose`] (observe, give
//! numbers to ports, plan), [`run`]. [`apply`] does the last two in one call.

pub mod allocate;
pub mod clock;
pub mod converge;
mod disk;
pub mod journal;
pub mod lease;
pub mod plan;
pub mod ports;
pub mod run;

pub use clock::SystemClock;
pub use converge::{Applied, Request, apply, propose};
pub use journal::Journal;
pub use lease::{Holder, Lease};
pub use plan::{Situation, is_settled, plan};
pub use run::{Ending, Options, RunReport, run};
