//! Against real servers on loopback.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod by_hand;
mod connecting;
mod converging;
mod copies;
mod figures;
mod hardships;
mod loading;
mod servers;
mod verifiers;
mod world;
