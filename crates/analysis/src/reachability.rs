//! x
pub mod intervals;
pub mod packets;
