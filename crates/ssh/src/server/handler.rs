//! What the server answers to one client. Everything that is not stated is refused.

use crate::client::said_by_peer;
use crate::key::PublicKey;
use crate::server::carrying::{carry_forward, serve_listener};
use crate::server::config::ServerConfig;
use crate::server::core::Core;
use crate::server::event::Happening;
use crate::server::link::{ForwardTicket, Leads, Link};
use russh::keys::{Algorithm, Certificate, ssh_key};
use russh::server::{Auth, ChannelOpenHandle, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, Disconnect, Pty};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::TcpStream;

pub(crate) struct ServerHandler {
    core: Arc<Core>,
    link: Arc<Link>,
    attempts: usize,
    /// Session channels, which lead nowhere but can say so.
    sessions: HashMap<ChannelId, ForwardTicket>,
}

/// What a person reads who asks for a shell.
fn explanation(account: &str, config: &ServerConfig) -> String {
    let ways: Vec<String> = config
        .accounts
        .get(account)
        .map(|account| {
            let way = |forward: &crate::server::config::Forward| {
                let port = forward.said_port.unwrap_or(forward.address.port());
                format!("-L {port}:{}:{port}", forward.name)
            };
            account.forwards.iter().map(way).collect()
        })
        .unwrap_or_default();
    let example = if ways.is_empty() { "-R ...".to_owned() } else { ways.join(" ") };
    format!(
        "This server forwards connections and has no shell, no commands and no files.\r\nUse: ssh -N {example} ...\r\n"
    )
}

impl ServerHandler {
    pub(crate) fn new(core: Arc<Core>, link: Arc<Link>) -> Self {
        Self { core, link, attempts: 0, sessions: HashMap::new() }
    }

    fn tell(&self, what: Happening) {
        self.link.tell(&self.core.config().journal, what);
    }

    fn refuse(&self, request: impl Into<String>) {
        self.tell(Happening::Refused { request: request.into() });
    }

    /// Whether the key may log in as the user; the key itself where it may.
    fn accepted(&self, user: &str, key: &ssh_key::PublicKey, algorithm: &Algorithm) -> Option<PublicKey> {
        if matches!(algorithm, Algorithm::Rsa { hash: None } | Algorithm::Dsa) {
            return None;
        }
        let key = PublicKey(ssh_key::PublicKey::new(key.key_data().clone(), ""));
        let config = self.core.config();
        config.accounts.get(user)?.keys.contains(&key).then_some(key)
    }

    fn reject_login(&mut self, user: &str, key: &ssh_key::PublicKey) -> Result<Auth, russh::Error> {
        self.core.login_failures.fetch_add(1, Ordering::Relaxed);
        let key = key.fingerprint(ssh_key::HashAlg::Sha256).to_string();
        self.tell(Happening::LoginRefused { said: said_by_peer(user), key });
        self.attempts += 1;
        if self.attempts >= self.core.config().limits.attempts {
            self.link.cut_because("too many keys were tried");
            return Err(russh::Error::Disconnect);
        }
        Ok(Auth::reject())
    }

    /// Says no, and what there is instead, to clients that show it.
    fn explain(&mut self, channel: ChannelId, request: &str, session: &mut Session) -> Result<(), russh::Error> {
        self.refuse(request);
        let text = explanation(&self.link.account().unwrap_or_default(), &self.core.config());
        session.extended_data(channel, 1, text.into_bytes())?;
        session.channel_failure(channel)?;
        session.eof(channel)?;
        session.close(channel)?;
        self.sessions.remove(&channel);
        Ok(())
    }

    async fn open_listener(
        &self,
        said: String,
        port: u16,
        handle: russh::server::Handle,
    ) -> Result<bool, russh::Error> {
        let listener = match self.core.listener_for(&self.link, port).await {
            Ok(listener) => listener,
            Err(error) => {
                self.tell(Happening::ListenerFailed { port, reason: error.to_string() });
                return Ok(false);
            }
        };
        self.tell(Happening::ListenerOpened { port });
        let cut = self.link.open_listener(port);
        let (core, link) = (Arc::clone(&self.core), Arc::clone(&self.link));
        self.core.tasks.spawn(async move {
            tokio::select! {
                () = serve_listener(&core, &link, &handle, &listener, &said, port) => {}
                () = cut.cancelled() => {}
            }
            drop(listener);
            link.close_listener(port);
            link.tell(&core.config().journal, Happening::ListenerClosed { port });
        });
        Ok(true)
    }
}

impl russh::server::Handler for ServerHandler {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, Self::Error> {
        Ok(self.core.config().banner.clone())
    }

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        match self.accepted(user, offer.public_key, offer.algorithm) {
            Some(_) => Ok(Auth::Accept),
            None => self.reject_login(user, offer.public_key),
        }
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        match self.accepted(user, key.public_key, key.algorithm) {
            Some(accepted) => {
                self.link.log_in(user, accepted);
                // The configuration may have changed between the look and the login.
                self.link.apply(&self.core.config());
                Ok(Auth::Accept)
            }
            None => self.reject_login(user, key.public_key),
        }
    }

    async fn auth_openssh_certificate(&mut self, user: &str, certificate: &Certificate) -> Result<Auth, Self::Error> {
        let key = ssh_key::PublicKey::from(certificate.public_key().clone());
        self.reject_login(user, &key)
    }

    async fn auth_succeeded(&mut self, session: &mut Session) -> Result<(), Self::Error> {
        self.core.logins.fetch_add(1, Ordering::Relaxed);
        let client = said_by_peer(&String::from_utf8_lossy(session.remote_sshid()));
        let key = self.link.status().map(|status| status.key).unwrap_or_default();
        self.tell(Happening::LoggedIn { key, client });
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host_to_connect: &str,
        port_to_connect: u32,
        _originator_address: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        let config = self.core.config();
        let to = format!("{}:{port_to_connect}", said_by_peer(host_to_connect));
        let account = self.link.account().and_then(|name| config.accounts.get(&name).cloned()).unwrap_or_default();
        let Some(address) = account.forward_to(host_to_connect, port_to_connect) else {
            self.refuse(format!("a forward to {to}"));
            reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
            return Ok(());
        };
        let most = config.limits.channels;
        let leads = Leads::To { host: said_by_peer(host_to_connect), port: port_to_connect, address };
        let Some(ticket) = self.link.open_channel(leads, most) else {
            self.refuse(format!("a forward to {to}: {most} are open already"));
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        };
        let (core, link) = (Arc::clone(&self.core), Arc::clone(&self.link));
        self.core.tasks.spawn(async move {
            let connected = tokio::select! {
                connected = tokio::time::timeout(config.limits.connect, TcpStream::connect(address)) => connected,
                () = ticket.cut.cancelled() => return,
            };
            let reason = match connected {
                Ok(Ok(socket)) => {
                    reply.accept().await;
                    return carry_forward(&core, &link, socket, channel, &ticket, to).await;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {}s", config.limits.connect.as_secs_f32()),
            };
            link.tell(&config.journal, Happening::TargetUnreachable { to, reason });
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
        });
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        match self.link.open_channel(Leads::Nowhere, self.core.config().limits.channels) {
            Some(ticket) => {
                self.sessions.insert(channel.id(), ticket);
                reply.accept().await;
            }
            None => reply.reject(ChannelOpenFailure::ResourceShortage).await,
        }
        Ok(())
    }

    async fn channel_open_x11(
        &mut self,
        _channel: Channel<Msg>,
        _originator_address: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.refuse("an X11 channel");
        reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
        Ok(())
    }

    async fn channel_open_forwarded_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        _host_to_connect: &str,
        _port_to_connect: u32,
        _originator_address: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.refuse("a forwarded channel, which only a server opens");
        reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        socket_path: &str,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.refuse(format!("a forward to the socket {}", said_by_peer(socket_path)));
        reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), Self::Error> {
        self.sessions.remove(&channel);
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _col_width: u32,
        _row_height: u32,
        _pix_width: u32,
        _pix_height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _single_connection: bool,
        _x11_auth_protocol: &str,
        _x11_auth_cookie: &str,
        _x11_screen_number: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.refuse("X11 forwarding");
        session.channel_failure(channel)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        _variable_name: &str,
        _variable_value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    async fn agent_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<bool, Self::Error> {
        self.refuse("agent forwarding");
        session.channel_failure(channel)?;
        Ok(false)
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        self.explain(channel, "a shell", session)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _data: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        // Not what the command is: it may hold a password.
        self.explain(channel, "a command", session)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        // Its client expects a protocol, not an explanation.
        self.refuse(format!("the subsystem {}", said_by_peer(name)));
        session.channel_failure(channel)
    }

    async fn data(&mut self, channel: ChannelId, _data: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        if self.sessions.remove(&channel).is_some() {
            // Nothing here takes what is sent to a session.
            session.close(channel)?;
        }
        Ok(())
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let config = self.core.config();
        let account = self.link.account().and_then(|name| config.accounts.get(&name).cloned()).unwrap_or_default();
        match account.may_listen(address, *port) {
            Some(port) => self.open_listener(address.to_owned(), port, session.handle()).await,
            None => {
                self.refuse(format!("listening on {}:{port}", said_by_peer(address)));
                Ok(false)
            }
        }
    }

    async fn cancel_tcpip_forward(
        &mut self,
        _address: &str,
        port: u32,
        _session: &mut Session,
    ) -> Result<bool, Self::Error> {
        Ok(u16::try_from(port).is_ok_and(|port| self.link.close_listener(port)))
    }

    async fn streamlocal_forward(&mut self, socket_path: &str, _session: &mut Session) -> Result<bool, Self::Error> {
        self.refuse(format!("listening on the socket {}", said_by_peer(socket_path)));
        Ok(false)
    }
}

/// What is said to clients when the server stops.
pub(crate) const GOODBYE: (Disconnect, &str) = (Disconnect::ByApplication, "the server stops");
