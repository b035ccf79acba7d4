//! Against real servers on loopback.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod connecting;
mod converging;
mod servers;
mod world;
