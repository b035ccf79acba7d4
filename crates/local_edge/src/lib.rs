//! The TLS edge that a deployment is reached through: a reverse proxy embedded in the supervisor.
//!
//! It ends TLS, speaks HTTP/1.1 and HTTP/2 to clients and HTTP/1.1 to backends, and passes bodies
//! on as they come. hyper, hyper-util and rustls speak the protocols; this crate decides what is
//! let through, where it goes, how long it may take and what is written down about it.
//!
//! Decisions that a reader may look for:
//!
//! - A request for a host that is not one of the edge's names is answered with 421. The handshake
//!   itself accepts every server name, since a client that asks for another one sees at once that
//!   the certificate is not for it.
//! - `X-Forwarded-For`, `-Proto`, `-Host` and `-Port` are set, never appended to: the edge is the
//!   first proxy, what a client says about others is a claim. `Forwarded` and `X-Real-IP` are
//!   removed and not set, so that there is one source of truth.
//! - `Strict-Transport-Security` is sent only on port 443 of a public name: it would otherwise
//!   turn every other development server of the same name to HTTPS.
//! - Only `websocket` may be upgraded to; every other token is removed (h2c would bypass the limits).
//! - The access log holds paths, never queries (they carry tokens), headers or bodies.
//! - A request with both `Content-Length` and `Transfer-Encoding` is read as chunked, passed on as
//!   chunked alone, and its connection is closed after it, as RFC 9112 section 6.1 allows.

mod access_log;
mod activity;
mod backend;
mod backend_stream;
mod config;
mod connection;
mod download;
mod edge;
mod error;
mod forward;
mod headers;
mod health;
mod linger;
mod listener;
mod problem;
mod proxy;
mod redirect;
mod routing;
mod settings;
mod status;
mod stream;
mod tls;
mod upgrade;
mod upload;

pub use config::{Certificate, EdgeConfig};
pub use edge::Edge;
pub use error::EdgeError;
pub use status::{BackendHealthState, BackendStatus, EdgeStatus, ListenerRole, ListenerStatus};
