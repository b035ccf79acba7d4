//! The data channel of AWS Systems Manager sessions: a port of a private network on this machine.
//!
//! A session leads from here through AWS to the agent of a host in the private network, and from there to a port of the host, or of a
//! database that the host reaches. `ssm:StartSession` answers the address of a websocket and a token; what is spoken there has no reference.
//! It is written down in the sources of Amazon's own client (`aws/session-manager-plugin`) and agent (`aws/amazon-ssm-agent`), from which
//! each module here names its facts.
//!
//! ```text
//! program - Connection - Streams - Channel - Socket ~ AWS ~ agent - database
//!                           |         |
//!                        frames    numbers, acknowledgements, repetition, order, pace
//! ```
//!
//! One task a session ([`Session`]) does everything; programs and it share the connections behind one lock. Memory is bounded: by what
//! may be on its way, by what a program may write ahead, and by what may wait for programs that do not read.
//!
//! A [`Tunnel`] keeps sessions coming. What it calls in the account are the three [`SessionCalls`]; this crate calls nothing itself.

mod calls;
mod channel;
mod connection;
mod error;
mod frame;
mod handshake;
mod incoming;
pub mod message;
mod options;
mod outgoing;
mod pace;
pub mod payload;
mod proxy;
mod session;
mod status;
mod streams;
mod tunnel;
mod version;
mod websocket;

pub use calls::{Opening, SessionCalls};
pub use connection::Connection;
pub use error::End;
pub use options::{Options, Proxy, Trust};
pub use session::Session;
pub use status::{State, Status};
pub use tunnel::{Forwarding, Tunnel, TunnelStatus};
