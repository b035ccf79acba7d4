//! The port by HTTP: against recorded replies, and against the emulators of others.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

mod delegation;
mod emulators;
mod environment;
mod in_memory;
mod private_network;
mod refusals;
