//! Ctrl-C: the first asks to stop after the steps that are under way, the second leaves at once.

use crate::exit_code::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Listens for SIGINT and SIGTERM; the token is cancelled by the first of them.
///
/// # Errors
/// When handlers cannot be installed.
pub(crate) fn listen() -> std::io::Result<CancellationToken> {
    listen_saying("\nStopping after the steps that are under way; press Ctrl-C again to leave at once.".to_owned())
}

/// As [`listen`], with other words at the first signal.
///
/// # Errors
/// When handlers cannot be installed.
pub(crate) fn listen_saying(words: String) -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let stop = token.clone();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        let mut asked_before = false;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if asked_before {
                #[expect(clippy::exit, reason = "the second Ctrl-C means: now; journal and account make it safe")]
                std::process::exit(ExitCode::Interrupted as i32);
            }
            asked_before = true;
            anstream::eprintln!("{words}");
            stop.cancel();
        }
    });
    Ok(token)
}
