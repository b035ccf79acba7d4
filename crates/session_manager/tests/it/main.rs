//! Sessions through real websockets on loopback, to the host's side as the testkit has it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod codec;
mod faults;
mod forwarding;
mod plugin;
mod refusals;
mod support;
mod tunnel;
