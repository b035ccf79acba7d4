//! Against real servers on loopback.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod connecting;
mod converging;
mod copies;
mod hardships;
mod loading;
mod servers;
mod world;
