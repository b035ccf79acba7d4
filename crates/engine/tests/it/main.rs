//! The engine against a world in memory that fails and is cut off at every moment.

mod allocate;
mod crashes;
mod failures;
mod graphs;
mod journal;
mod lease;
mod plan;
mod run;
