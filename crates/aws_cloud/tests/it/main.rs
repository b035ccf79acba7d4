//! The port by HTTP: against recorded replies, and against the emulators of others.

mod support;

mod delegation;
mod emulators;
mod environment;
mod in_memory;
mod refusals;
