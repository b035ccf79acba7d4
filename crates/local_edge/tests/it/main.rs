//! The edge against real clients and servers on loopback.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod balancing;
mod basics;
mod hostile;
mod lifecycle;
mod limits;
mod streaming;
mod support;
mod tls;
mod websocket;
