//! The port by HTTP: against recorded replies, and against the emulators of others.

mod support;

mod emulators;
mod refusals;
