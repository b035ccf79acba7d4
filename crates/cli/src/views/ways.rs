//! SSH servers and tunnels in a table of what runs.

use crate::views::style::duration;
use local_runtime::{SshServerState, TunnelReport};
use ssh::TunnelState;

/// A row of `landfall status`: part, state, ports, process, time, restarts, memory, last end.
pub(crate) fn server_row(node: &str, server: &SshServerState) -> Vec<String> {
    let status = &server.status;
    let state = if status.listening.is_some() { "ready" } else { "stopping" };
    let port = status.listening.map(|address| address.port().to_string()).unwrap_or_default();
    let blank = String::new;
    let connected = match status.connections.len() {
        0 => String::new(),
        count => format!("{count} connected"),
    };
    vec![format!("  {node}"), state.to_owned(), port, blank(), blank(), blank(), blank(), connected]
}

/// The same for a tunnel; its restarts are its reconnections.
pub(crate) fn tunnel_row(node: &str, tunnel: &TunnelReport) -> Vec<String> {
    let status = &tunnel.status;
    // What is the matter now is said below the table, with what to do.
    let last = status.last_error.as_ref().filter(|_| tunnel_trouble(tunnel).is_none());
    vec![
        format!("  {node}"),
        word(&status.state).to_owned(),
        listens(tunnel),
        String::new(),
        up_for(tunnel),
        status.reconnects.to_string(),
        String::new(),
        last.map(|error| error.message.clone()).unwrap_or_default(),
    ]
}

/// How a tunnel is, in a word.
pub(crate) fn word(state: &TunnelState) -> &'static str {
    match state {
        TunnelState::Dialling => "dialling",
        TunnelState::WaitingForRegistration { .. } => "waiting",
        TunnelState::ForwardRefused { .. } => "refused",
        TunnelState::PortStillHeld { .. } | TunnelState::Failing { .. } => "down",
        TunnelState::Up => "up",
        TunnelState::TargetDead { .. } => "target dead",
        TunnelState::Unhealthy { .. } => "unhealthy",
        TunnelState::WrongHostKey { .. } => "wrong key",
        TunnelState::Misconfigured { .. } => "misconfigured",
        TunnelState::Stopped => "stopped",
    }
}

/// Where a tunnel listens: `15240 at vendor.example:22` over there, a number alone here.
pub(crate) fn listens(tunnel: &TunnelReport) -> String {
    if tunnel.is_reverse { format!("{} at {}", tunnel.listens, tunnel.server) } else { tunnel.listens.to_string() }
}

/// How long a tunnel is open.
pub(crate) fn up_for(tunnel: &TunnelReport) -> String {
    let since = tunnel.status.up_since.map(|since| jiff::Timestamp::now().duration_since(since).as_millis());
    since.and_then(|span| u64::try_from(span).ok()).map(duration).unwrap_or_default()
}

/// What a person should know of a tunnel that is not up.
pub(crate) fn tunnel_trouble(tunnel: &TunnelReport) -> Option<String> {
    let status = &tunnel.status;
    let help = || status.last_error.as_ref().and_then(|error| error.help.as_deref());
    match &status.state {
        TunnelState::Up => None,
        TunnelState::WaitingForRegistration { .. } => Some(format!(
            "{} does not know its key yet; give the line of `landfall outputs --only {}.authorized-keys` to whoever runs it. \
             It is tried again by itself",
            tunnel.server, tunnel.component
        )),
        state => {
            let help = help().map(|help| format!("; {help}")).unwrap_or_default();
            Some(format!("{state}{help}"))
        }
    }
}
