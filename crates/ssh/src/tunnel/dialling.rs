//! Getting a TCP connection as soon as there is a way: while packets are lost, a first packet of a connection is sent every
//! second, where one attempt alone would wait ever longer between two.

use crate::client::{ClientConfig, dial};
use crate::error::SshError;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// How long after one attempt the next one starts beside it.
const STAGGER: Duration = Duration::from_secs(1);

/// A TCP connection, and whether there was a way at once.
pub(super) struct Dialled {
    pub(super) stream: TcpStream,
    /// The first packets got through: nothing is wrong with the network.
    pub(super) promptly: bool,
}

/// Dials, with further attempts beside slow ones; the first that succeeds counts.
pub(super) async fn dial_patiently(config: &ClientConfig) -> Result<Dialled, SshError> {
    let begin = Instant::now();
    let mut attempts = FuturesUnordered::new();
    attempts.push(dial(config));
    let mut tick = tokio::time::interval_at(begin + STAGGER, STAGGER);
    loop {
        tokio::select! {
            Some(result) = attempts.next() => match result {
                Ok(stream) => return Ok(Dialled { stream, promptly: begin.elapsed() < STAGGER }),
                // A refusal is an answer. The oldest attempt ends first, so this is also the end of the patience.
                Err(error) => return Err(error),
            },
            _ = tick.tick() => attempts.push(dial(config)),
        }
    }
}
