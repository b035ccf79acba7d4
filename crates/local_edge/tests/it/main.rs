//! The edge against real clients and servers on loopback.

mod balancing;
mod basics;
mod hostile;
mod lifecycle;
mod limits;
mod streaming;
mod support;
mod tls;
mod websocket;
