//! What tests stand on: a world in memory that can fail and be cut off at any moment, and an
//! environment of their own for tests of the command.

pub mod account;
pub mod contents;
pub mod contract;
pub mod deployments;
pub mod emulator;
pub mod environment;
mod facts;
pub mod fake_target;
pub mod gateway;

pub use account::FakeAccount;
pub use contents::FakeContents;
pub use emulator::Emulator;
pub use environment::{Output, TestEnvironment, silent};
pub use facts::Facts;
pub use fake_target::{FakeTarget, Moment, Thing, World};
pub use gateway::Gateway;
