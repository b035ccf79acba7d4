//! The host's side of one session: its agent, as far as it forwards ports.
//!
//! It does what `aws/amazon-ssm-agent` does (`agent/session/datachannel`, `agent/session/plugins/port`), also where that is odd: it closes
//! both directions of a connection when one ends, does not acknowledge what it cannot use yet, and repeats only the oldest message.

mod tasks;

use self::tasks::{copy, pump, repeat};
use super::wire::{self, FromClient};
use super::{Behaviour, Gateway};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::{Notify, mpsc};

const OPEN: u8 = 0;
const END: u8 = 1;
const DATA: u8 = 2;

/// The agent of one session. It outlives the websockets over which it speaks.
pub(super) struct Host {
    pub(super) behaviour: Behaviour,
    /// Where connections lead.
    target: Option<SocketAddr>,
    state: Mutex<State>,
    sent: AtomicI64,
    ids: AtomicU64,
    dice: AtomicU64,
    /// One message at a time, also when the client comes over another websocket.
    order: tokio::sync::Mutex<()>,
    pub(super) changed: Notify,
    to_mux: mpsc::Sender<Vec<u8>>,
}

#[derive(Default)]
struct State {
    link: Option<mpsc::Sender<Vec<u8>>>,
    expected: i64,
    early: BTreeMap<i64, FromClient>,
    unacknowledged: BTreeMap<i64, (Vec<u8>, Instant)>,
    is_complete: bool,
    is_paused: bool,
    is_deaf: bool,
    held_back: Option<Vec<u8>>,
    begun: Vec<u8>,
    streams: HashMap<u32, mpsc::Sender<Vec<u8>>>,
    /// The one connection of an agent without multiplexing.
    single: Option<mpsc::Sender<Vec<u8>>>,
    seen: Seen,
}

/// What happened in a session, as its host saw it.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// What the client answered to the handshake.
    pub handshake: Option<Value>,
    /// The client's version when it opened the channel.
    pub client_version: String,
    /// How often a channel was opened.
    pub channels: usize,
    /// Connections that were opened.
    pub connections: usize,
    /// Connections that the client ended.
    pub ended_by_client: usize,
    /// Messages with a number that was there before.
    pub repeated: usize,
    /// Messages with bytes.
    pub messages: usize,
    /// The longest payload.
    pub longest: usize,
    /// What is wrong with what the client sent.
    pub complaints: Vec<String>,
    /// Numbers of messages that are not acknowledged yet.
    pub waiting: usize,
    /// Numbers that were acknowledged.
    pub acknowledged: BTreeSet<i64>,
    /// Flags that came.
    pub flags: Vec<u32>,
    /// Frames of smux that only show life.
    pub signs_of_life: usize,
    /// Websocket pings.
    pub pings: usize,
}

impl Host {
    pub(super) fn new(behaviour: Behaviour, target: Option<SocketAddr>) -> Arc<Self> {
        let (to_mux, from_streams) = mpsc::channel(64);
        let host = Arc::new(Self {
            dice: AtomicU64::new(behaviour.seed | 1),
            behaviour,
            target,
            state: Mutex::default(),
            sent: AtomicI64::new(0),
            ids: AtomicU64::new(1),
            order: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            to_mux,
        });
        tokio::spawn(pump(Arc::downgrade(&host), from_streams));
        tokio::spawn(repeat(Arc::downgrade(&host)));
        host
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happened so far.
    pub(super) fn seen(&self) -> Seen {
        let state = self.state();
        Seen { waiting: state.unacknowledged.len(), ..state.seen.clone() }
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.state().seen);
        self.changed.notify_waiters();
    }

    /// Whether something that happens to one in so many happens now.
    fn dice(&self, one_in: u64) -> bool {
        let next = |old: u64| old.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let old = self.dice.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| Some(next(old))).unwrap_or(1);
        one_in > 0 && (next(old) >> 33).is_multiple_of(one_in)
    }

    /// A channel is open; what is sent goes there from now on.
    pub(super) async fn linked(self: &Arc<Self>, link: mpsc::Sender<Vec<u8>>, is_first: bool) {
        let is_silent = self.behaviour.is_silent;
        self.state().link = Some(link);
        self.note(|seen| seen.channels += 1);
        if is_first && !is_silent {
            let properties = json!({ "portNumber": "5432", "localPortNumber": "0", "type": self.behaviour.forwarding });
            let mut actions = vec![json!({
                "ActionType": "SessionType",
                "ActionParameters": { "SessionType": self.behaviour.session_type, "Properties": properties },
            })];
            if let Some(key) = &self.behaviour.kms_key {
                let parameters = json!({ "KMSKeyId": key });
                actions.push(json!({ "ActionType": "KMSEncryption", "ActionParameters": parameters }));
            }
            let request = json!({ "AgentVersion": self.behaviour.version, "RequestedClientActions": actions });
            self.send(5, request.to_string().as_bytes()).await;
        }
    }

    pub(super) fn unlink(&self) {
        self.state().link = None;
    }

    pub(super) fn deafen(&self) {
        self.state().is_deaf = true;
    }

    pub(super) fn pause(&self, is_paused: bool) {
        self.state().is_paused = is_paused;
    }

    /// Sends a payload as the next of the stream.
    async fn send(&self, payload_type: u32, payload: &[u8]) {
        let bytes = {
            let mut state = self.state();
            let sequence = self.sent.fetch_add(1, Ordering::Relaxed);
            let number = self.ids.fetch_add(1, Ordering::Relaxed);
            let flags = u64::from(sequence == 0);
            let bytes = wire::message("output_stream_data", sequence, flags, number, payload_type, payload);
            state.unacknowledged.insert(sequence, (bytes.clone(), Instant::now()));
            bytes
        };
        self.write(bytes).await;
    }

    /// A message of the gateway itself.
    pub(super) async fn announce(&self, kind: &str, payload: &[u8]) {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        self.put(wire::message(kind, 0, 3, number, 0, payload)).await;
    }

    /// Writes stream data, as well as the path does.
    async fn write(&self, bytes: Vec<u8>) {
        let behaviour = &self.behaviour;
        if self.state().is_paused || self.dice(behaviour.loses_to_client) {
            return;
        }
        if self.dice(behaviour.damages) {
            let mut damaged = bytes;
            if let Some(last) = damaged.last_mut() {
                *last ^= 0x55;
            }
            return self.put(damaged).await;
        }
        if self.dice(behaviour.reorders) && self.state().held_back.is_none() {
            self.state().held_back = Some(bytes);
            return;
        }
        if self.dice(behaviour.doubles) {
            self.put(bytes.clone()).await;
        }
        self.put(bytes).await;
        let late = self.state().held_back.take();
        if let Some(late) = late {
            self.put(late).await;
        }
    }

    async fn put(&self, bytes: Vec<u8>) {
        let link = self.state().link.clone();
        if let Some(link) = link {
            // A channel that broke takes what it had with it.
            let _ = link.send(bytes).await;
        }
    }

    /// A message of the client came.
    pub(super) async fn received(self: &Arc<Self>, bytes: &[u8]) {
        if self.state().is_deaf || self.dice(self.behaviour.loses_from_client) {
            return;
        }
        let message = match wire::read(bytes) {
            Ok(message) => message,
            Err(complaint) => return self.note(|seen| seen.complaints.push(complaint)),
        };
        match message.kind.as_str() {
            "acknowledge" => {
                let content: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
                let sequence = content["AcknowledgedMessageSequenceNumber"].as_i64();
                let is_right = content["AcknowledgedMessageType"] == "output_stream_data"
                    && content["IsSequentialMessage"] == true
                    && content["AcknowledgedMessageId"]
                        .as_str()
                        .is_some_and(|id| id.starts_with("00000000-0000-4000-8000-"));
                let mut state = self.state();
                match sequence {
                    Some(sequence) if is_right => {
                        let known = state.unacknowledged.remove(&sequence);
                        if let Some((bytes, _)) = known {
                            let number = u64::from_be_bytes(bytes[64..72].try_into().unwrap_or_default()) & 0xffff_ffff;
                            if content["AcknowledgedMessageId"] != wire::id_text(number) {
                                state.seen.complaints.push(format!("acknowledges another id: {content}"));
                            }
                        }
                        state.seen.acknowledged.insert(sequence);
                    }
                    _ => state.seen.complaints.push(format!("acknowledges nothing: {content}")),
                }
                drop(state);
                self.changed.notify_waiters();
            }
            "input_stream_data" => {
                let _turn = self.order.lock().await;
                self.in_order(message).await;
            }
            other => self.note(|seen| seen.complaints.push(format!("sends `{other}`"))),
        }
    }

    async fn in_order(self: &Arc<Self>, message: FromClient) {
        let acknowledge = json!({
            "AcknowledgedMessageType": "input_stream_data",
            "AcknowledgedMessageId": message.id,
            "AcknowledgedMessageSequenceNumber": message.sequence,
            "IsSequentialMessage": true,
        })
        .to_string();
        let sequence = message.sequence;
        let expected = self.state().expected;
        if sequence > expected {
            self.state().early.insert(sequence, message);
        } else if sequence < expected {
            self.note(|seen| seen.repeated += 1);
        } else {
            if !self.is_ready(&message) {
                return;
            }
            self.state().expected += 1;
            if message.payload_type == 6 {
                // As the agent, which completes the handshake elsewhere: Amazon's client has a moment after that in which it
                // cannot take anything.
                self.announce("acknowledge", acknowledge.as_bytes()).await;
                return self.used(message).await;
            }
            self.used(message).await;
            while let Some(next) = self.next_early() {
                self.used(next).await;
            }
        }
        if !self.dice(self.behaviour.loses_to_client) {
            self.announce("acknowledge", acknowledge.as_bytes()).await;
        }
    }

    fn next_early(&self) -> Option<FromClient> {
        let mut state = self.state();
        let expected = state.expected;
        let next = state.early.remove(&expected)?;
        state.expected += 1;
        Some(next)
    }

    /// The agent rejects bytes while its own connection is not there yet.
    fn is_ready(&self, message: &FromClient) -> bool {
        message.payload_type != 1 || !self.dice(self.behaviour.is_not_ready)
    }

    async fn used(self: &Arc<Self>, message: FromClient) {
        match message.payload_type {
            6 => self.handshake(&message.payload).await,
            1 => {
                self.note(|seen| {
                    seen.messages += 1;
                    seen.longest = seen.longest.max(message.payload.len());
                });
                if !self.state().is_complete {
                    return self.note(|seen| seen.complaints.push("sends before the handshake is complete".to_owned()));
                }
                if self.is_multiplexing() {
                    self.frames(&message.payload).await;
                } else {
                    self.bytes(message.payload).await;
                }
            }
            10 => {
                let flag = u32::from_be_bytes(message.payload.as_slice().try_into().unwrap_or_default());
                if flag == 1 {
                    self.state().single = None;
                }
                self.note(|seen| seen.flags.push(flag));
            }
            other => self.note(|seen| seen.complaints.push(format!("sends a payload of type {other}"))),
        }
    }

    fn is_multiplexing(&self) -> bool {
        let number = |part: Option<&str>| part.and_then(|part| part.parse::<u32>().ok()).unwrap_or_default();
        let mut parts = self.behaviour.version.split('.');
        let version = (number(parts.next()), number(parts.next()), number(parts.next()));
        self.behaviour.forwarding == "LocalPortForwarding" && version > (3, 0, 196)
    }

    async fn handshake(self: &Arc<Self>, payload: &[u8]) {
        let response: Value = serde_json::from_slice(payload).unwrap_or_default();
        let actions = response["ProcessedClientActions"].as_array().cloned().unwrap_or_default();
        let is_refused = actions.iter().any(|action| action["ActionStatus"] != 1);
        self.note(|seen| seen.handshake = Some(response));
        if is_refused {
            let closed = json!({ "MessageType": "channel_closed", "Output": "the handshake failed" }).to_string();
            return self.announce("channel_closed", closed.as_bytes()).await;
        }
        if !self.is_multiplexing() {
            self.connect_single().await;
        }
        self.state().is_complete = true;
        let complete = json!({ "HandshakeTimeToComplete": 12_345_678, "CustomerMessage": self.behaviour.notice });
        self.send(7, complete.to_string().as_bytes()).await;
    }

    async fn frames(self: &Arc<Self>, payload: &[u8]) {
        self.state().begun.extend_from_slice(payload);
        loop {
            let (version, command, stream, data) = {
                let mut state = self.state();
                let begun = &mut state.begun;
                if begun.len() < 8 {
                    return;
                }
                let length = usize::from(u16::from_le_bytes([begun[2], begun[3]]));
                if begun.len() < 8 + length {
                    return;
                }
                let stream = u32::from_le_bytes([begun[4], begun[5], begun[6], begun[7]]);
                let head: Vec<u8> = begun.drain(..8 + length).collect();
                (head[0], head[1], stream, head[8..].to_vec())
            };
            match (version, command) {
                (1, OPEN) => self.open(stream).await,
                (1, DATA) => {
                    let to = self.state().streams.get(&stream).cloned();
                    if let Some(to) = to {
                        let _ = to.send(data).await;
                    }
                }
                (1, END) => {
                    self.note(|seen| seen.ended_by_client += 1);
                    self.state().streams.remove(&stream);
                }
                (1, 3) => self.note(|seen| seen.signs_of_life += 1),
                other => self.note(|seen| seen.complaints.push(format!("sends a frame {other:?}"))),
            }
        }
    }

    async fn open(self: &Arc<Self>, stream: u32) {
        self.note(|seen| {
            seen.connections += 1;
            if stream % 2 != 1 || stream < 3 {
                seen.complaints.push(format!("opens the stream {stream}"));
            }
        });
        let connected = match self.target {
            Some(target) => TcpStream::connect(target).await.ok(),
            None => None,
        };
        let Some(tcp) = connected else {
            self.send(10, &3_u32.to_be_bytes()).await;
            let _ = self.to_mux.send(wire::frame(END, stream, &[])).await;
            return;
        };
        let (from, to) = self.connected(tcp);
        self.state().streams.insert(stream, to);
        let host = Arc::clone(self);
        tokio::spawn(async move {
            copy(from, |data| {
                let host = Arc::clone(&host);
                async move { host.to_mux.send(wire::frame(DATA, stream, &data)).await.is_ok() }
            })
            .await;
            let _ = host.to_mux.send(wire::frame(END, stream, &[])).await;
            host.state().streams.remove(&stream);
        });
    }

    /// Both halves of a connection to the target: it is closed in both directions when nothing more can be written to it.
    fn connected(&self, tcp: TcpStream) -> ((OwnedReadHalf, Arc<Notify>), mpsc::Sender<Vec<u8>>) {
        let (read, mut write) = tcp.into_split();
        let (to, mut bytes) = mpsc::channel::<Vec<u8>>(256);
        let closed = Arc::new(Notify::new());
        let closes = Arc::clone(&closed);
        tokio::spawn(async move {
            while let Some(data) = bytes.recv().await {
                if write.write_all(&data).await.is_err() {
                    break;
                }
            }
            drop(write);
            closes.notify_one();
        });
        ((read, closed), to)
    }

    async fn connect_single(self: &Arc<Self>) {
        let Some(target) = self.target else { return };
        let Ok(tcp) = TcpStream::connect(target).await else { return };
        self.note(|seen| seen.connections += 1);
        let (from, to) = self.connected(tcp);
        self.state().single = Some(to);
        let host = Arc::clone(self);
        tokio::spawn(async move {
            copy(from, |data| {
                let host = Arc::clone(&host);
                async move {
                    for piece in data.chunks(1024) {
                        host.send(1, piece).await;
                    }
                    true
                }
            })
            .await;
        });
    }

    async fn bytes(self: &Arc<Self>, data: Vec<u8>) {
        let to = self.state().single.clone();
        if let Some(to) = to {
            let _ = to.send(data).await;
        }
    }
}

impl Gateway {
    /// Complaints about what clients sent, of all sessions.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.hosts().iter().flat_map(|host| host.seen().complaints).collect()
    }
}
