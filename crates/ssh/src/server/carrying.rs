//! The forwards and listeners of one connection, each a task of its own.

use crate::pump::{End, Traffic, carry};
use crate::server::core::Core;
use crate::server::event::Happening;
use crate::server::link::{ForwardTicket, Leads, Link};
use russh::Channel;
use russh::server::Msg;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Carries an open forward to its end.
pub(super) async fn carry_forward(
    core: &Core,
    link: &Link,
    mut socket: TcpStream,
    channel: Channel<Msg>,
    ticket: &ForwardTicket,
    to: String,
) {
    let _ = socket.set_nodelay(true);
    let journal = core.config().journal.clone();
    link.tell(&journal, Happening::ForwardOpened { to: to.clone() });
    let (from_channel, to_channel) = channel.split();
    let own = Traffic::default();
    let end = {
        let (from_socket, to_socket) = socket.split();
        let traffic = [&link.traffic, &own];
        tokio::select! {
            end = carry(from_socket, to_socket, from_channel, &to_channel, &link.backlog, &traffic) => end,
            () = ticket.cut.cancelled() => {
                let _ = to_channel.close().await;
                End::Cut
            }
        }
    };
    if end == End::Cut {
        let _ = socket.set_zero_linger();
    }
    let (received, sent) = own.total();
    link.tell(&journal, Happening::ForwardClosed { to, sent, received });
}

/// Takes connections at a port that a client listens on, and hands them to it.
pub(super) async fn serve_listener(
    core: &Arc<Core>,
    link: &Arc<Link>,
    handle: &russh::server::Handle,
    listener: &TcpListener,
    said: &str,
    port: u16,
) {
    loop {
        let Ok((socket, from)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let most = core.config().limits.channels;
        let to = format!("127.0.0.1:{port} of the client");
        let Some(ticket) = link.open_channel(Leads::FromListener(port), most) else {
            link.tell(&core.config().journal, Happening::Refused { request: format!("{to}: {most} are open already") });
            continue;
        };
        let (core, link, handle, said) = (Arc::clone(core), Arc::clone(link), handle.clone(), said.to_owned());
        let patience = core.config().limits.connect;
        core.clone().tasks.spawn(async move {
            let opening = open_at_client(&handle, said, port, from);
            let opened = tokio::select! {
                opened = tokio::time::timeout(patience, opening) => opened,
                () = ticket.cut.cancelled() => return,
            };
            let reason = match opened {
                Ok(Ok(channel)) => return carry_forward(&core, &link, socket, channel, &ticket, to).await,
                Ok(Err(error)) => crate::client::in_words(&error),
                Err(_) => "the client does not answer".to_owned(),
            };
            let _ = socket.set_zero_linger();
            link.tell(&core.config().journal, Happening::TargetUnreachable { to, reason });
        });
    }
}

async fn open_at_client(
    handle: &russh::server::Handle,
    said: String,
    port: u16,
    from: SocketAddr,
) -> Result<Channel<Msg>, russh::Error> {
    handle.channel_open_forwarded_tcpip(said, u32::from(port), from.ip().to_string(), u32::from(from.port())).await
}
