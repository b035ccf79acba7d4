//! The channel: one task that carries messages between the connections and the host, over as many websockets as it takes.

mod path;
mod receiving;

use self::path::Path;
use crate::calls::{Opening, SessionCalls};
use crate::error::End;
use crate::handshake::Handshake;
use crate::incoming::Incoming;
use crate::message::{Kind, Message, random_uuid, uuid_text};
use crate::options::Options;
use crate::outgoing::Outgoing;
use crate::pace::Pace;
use crate::payload::{self, OpenChannel};
use crate::status::{State, Status};
use crate::streams::Streams;
use crate::version::CLIENT;
use crate::websocket::{self, Socket};
use bytes::Bytes;
use futures_util::{Sink as _, SinkExt as _, StreamExt as _};
use model::FaultKind;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_util::sync::CancellationToken;

/// How many messages that arrived before their turn are kept.
const EARLY: usize = 10_000;
/// How many messages wait for the websocket before nothing more is taken on.
const QUEUED: usize = 64;
/// How often the channel is tried to be opened at first.
const FIRST_ATTEMPTS: u32 = 3;
/// The pauses between attempts to open the channel again.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long the end of a session may take to be told.
const FAREWELL: Duration = Duration::from_secs(2);

/// Two looks at what is due are at least so far apart.
const SHORTEST: Duration = Duration::from_millis(1);

/// Why a websocket was left.
enum Left {
    /// The next one goes on.
    Broken(String),
    Over(End),
}

type Failed = tokio_tungstenite::tungstenite::Error;

/// What happened on a websocket.
enum Happened {
    Received(Option<Result<Frame, Failed>>),
    Ready(Result<(), Failed>),
    Flushed(Result<(), Failed>),
}

/// The task of a session.
pub(crate) struct Channel {
    session: String,
    stream_url: String,
    client: String,
    calls: Arc<dyn SessionCalls>,
    options: Options,
    streams: Arc<Streams>,
    status: watch::Sender<Status>,
    /// Nobody wants the session any more.
    closing: CancellationToken,
    outgoing: Outgoing,
    incoming: Incoming,
    pace: Pace,
    handshake: Option<Handshake>,
    is_open: bool,
    is_paused: bool,
    /// When a sign of life is due, with agents that want one.
    life: Option<Instant>,
    farewell: Option<(Instant, End)>,
    /// How many messages went again.
    repeated: u64,
    queue: VecDeque<Frame>,
}

impl Channel {
    pub(crate) fn new(
        opening: &Opening,
        calls: Arc<dyn SessionCalls>,
        options: Options,
        streams: Arc<Streams>,
        status: watch::Sender<Status>,
        closing: CancellationToken,
    ) -> Self {
        Self {
            session: opening.session.clone(),
            stream_url: opening.stream_url.clone(),
            client: uuid_text(&random_uuid()),
            calls,
            outgoing: Outgoing::new(options.window),
            incoming: Incoming::new(EARLY),
            pace: Pace::new(options.per_second, Instant::now()),
            options,
            streams,
            status,
            closing,
            handshake: None,
            is_open: false,
            is_paused: false,
            life: None,
            farewell: None,
            repeated: 0,
            queue: VecDeque::new(),
        }
    }

    /// Runs until the session is over.
    pub(crate) async fn run(mut self, opening: Opening) {
        let end = self.whole(opening).await;
        let end = Arc::new(end);
        self.streams.finish(Arc::clone(&end));
        self.tell(State::Over(end));
    }

    async fn whole(&mut self, opening: Opening) -> End {
        let closing = self.closing.clone();
        let mut socket = tokio::select! {
            () = closing.cancelled() => return End::Closed,
            opened = self.begin(&opening) => match opened {
                Ok(socket) => socket,
                Err(end) => return end,
            },
        };
        loop {
            let why = match self.carry(&mut socket).await {
                Left::Over(end) => {
                    self.say_goodbye(socket).await;
                    return end;
                }
                Left::Broken(why) => why,
            };
            drop(socket);
            if let Some((_, end)) = self.farewell.take() {
                return end;
            }
            if !self.is_open {
                return End::Lost(why);
            }
            self.tell(State::Resuming { because: why.clone() });
            socket = tokio::select! {
                () = closing.cancelled() => return End::Closed,
                resumed = self.resume() => match resumed {
                    Ok(socket) => socket,
                    Err(end) => return end,
                },
            };
            self.outgoing.path_is_new(Instant::now());
            self.is_paused = false;
            self.status.send_modify(|status| status.resumed += 1);
            self.tell(State::Open);
        }
    }

    /// The first websocket; a moment without network is survived.
    async fn begin(&mut self, opening: &Opening) -> Result<Socket, End> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..FIRST_ATTEMPTS {
            match self.open(opening).await {
                Err(End::Lost(_)) => tokio::time::sleep(pause).await,
                opened => return opened,
            }
            pause *= 2;
        }
        self.open(opening).await
    }

    /// Opens a websocket and shows the token.
    async fn open(&mut self, opening: &Opening) -> Result<Socket, End> {
        let socket = websocket::open(&opening.stream_url, &self.options).await?;
        let open = OpenChannel {
            message_schema_version: "1.0",
            request_id: uuid_text(&random_uuid()),
            token_value: opening.token.expose(),
            client_id: &self.client,
            client_version: CLIENT,
        };
        let text = serde_json::to_string(&open).map_err(|error| End::Protocol(error.to_string()))?;
        self.queue.clear();
        self.queue.push_back(Frame::text(text));
        Ok(socket)
    }

    /// Opens the channel again, with a new token, as long as that makes sense.
    async fn resume(&mut self) -> Result<Socket, End> {
        let since = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let calls = Arc::clone(&self.calls);
            let session = self.session.clone();
            let why = match calls.resume(&session).await {
                Ok(Some(opening)) => {
                    let stream_url =
                        if opening.stream_url.is_empty() { self.stream_url.clone() } else { opening.stream_url };
                    let opening = Opening { stream_url, ..opening };
                    match self.open(&opening).await {
                        Ok(socket) => return Ok(socket),
                        Err(End::Lost(why)) => why,
                        Err(end) => return Err(end),
                    }
                }
                Ok(None) => return Err(End::Expired),
                Err(fault) if fault.kind == FaultKind::Transient => fault.cause,
                Err(fault) => return Err(End::NotResumed(Box::new(fault))),
            };
            if since.elapsed() + pause > self.options.patience {
                return Err(End::Lost(why));
            }
            // Many clients that lose the same gateway must not come back at the same moment.
            let part = u32::from(random_uuid()[0]);
            tokio::time::sleep(pause / 2 + pause / 2 * part / 255).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Carries messages until the websocket breaks or the session ends.
    async fn carry(&mut self, socket: &mut Socket) -> Left {
        let streams = Arc::clone(&self.streams);
        let closing = self.closing.clone();
        let mut path = Path::new(Instant::now());
        let mut is_unflushed = false;
        loop {
            let now = Instant::now();
            let has_room = streams.has_room() && self.queue.len() < 16 * QUEUED;
            if !has_room || self.is_paused {
                // Nothing is heard while nothing is listened to, and nothing is said while nobody listens.
                path.heard(now);
                self.outgoing.excuse(now);
            }
            if streams.is_spent() && self.farewell.is_none() {
                self.close_politely(End::Used);
            }
            if let Some(left) = self.judge(now, &path) {
                return left;
            }
            if path.ask(now, self.options.ping) {
                self.queue.push_back(Frame::Ping(Bytes::from_static(b"keepalive")));
            }
            let linger = streams.linger(now);
            self.take_on(now, has_room);
            let wake = self.wake(&path, now).min(linger.unwrap_or(now + self.options.ping));
            let has_queue = !self.queue.is_empty();
            // Writing comes first: what is read makes acknowledgements.
            let happens = poll_fn(|cx| {
                if has_queue {
                    if let Poll::Ready(ready) = Pin::new(&mut *socket).poll_ready(cx) {
                        return Poll::Ready(Happened::Ready(ready));
                    }
                } else if is_unflushed && let Poll::Ready(flushed) = Pin::new(&mut *socket).poll_flush(cx) {
                    return Poll::Ready(Happened::Flushed(flushed));
                }
                if has_room { socket.poll_next_unpin(cx).map(Happened::Received) } else { Poll::Pending }
            });
            tokio::select! {
                biased;
                () = closing.cancelled(), if self.farewell.is_none() => self.close_politely(End::Closed),
                happened = happens => match happened {
                    Happened::Received(frame) => {
                        let now = Instant::now();
                        path.heard(now);
                        if let Some(left) = self.received(frame, now) {
                            return left;
                        }
                    }
                    Happened::Ready(ready) => {
                        let frame = self.queue.pop_front();
                        let send = |frame| Pin::new(&mut *socket).start_send(frame);
                        if let Err(error) = ready.and_then(|()| frame.map_or(Ok(()), send)) {
                            return Left::Broken(error.to_string());
                        }
                        is_unflushed = true;
                    }
                    Happened::Flushed(Ok(())) => is_unflushed = false,
                    Happened::Flushed(Err(error)) => return Left::Broken(error.to_string()),
                },
                () = streams.work.notified() => {}
                () = tokio::time::sleep_until(wake.into()) => {}
            }
        }
    }

    /// Whether this cannot go on.
    fn judge(&self, now: Instant, path: &Path) -> Option<Left> {
        if let Some((until, end)) = &self.farewell {
            let is_said = now >= *until || (self.outgoing.is_empty() && self.queue.is_empty());
            return is_said.then(|| Left::Over(end.clone()));
        }
        if !self.is_open {
            let is_late = now >= path.begun + self.options.handshake;
            return is_late.then_some(Left::Over(End::NoAgent(self.options.handshake.as_secs())));
        }
        let silence = self.outgoing.silence(now);
        if silence >= self.options.patience {
            return Some(Left::Over(End::Silent(silence.as_secs())));
        }
        let is_deaf = now >= path.dead_at(self.outgoing.silent_since());
        is_deaf.then(|| Left::Broken(format!("nothing was heard for {} s", now.duration_since(path.heard).as_secs())))
    }

    /// When something is to be done without anything happening.
    fn wake(&self, path: &Path, now: Instant) -> Instant {
        let mut wake = path.next(self.options.ping, self.outgoing.silent_since());
        let mut at = |moment: Instant| wake = wake.min(moment);
        if !self.is_open {
            at(path.begun + self.options.handshake);
        }
        if let Some((until, _)) = &self.farewell {
            at(*until);
        }
        if self.queue.len() < QUEUED && !self.is_paused {
            if let Some(due) = self.outgoing.next_due() {
                at(due.max(self.pace.next()).max(now + SHORTEST));
            }
            if self.is_open && self.outgoing.has_room() && self.streams.has_work() {
                at(self.pace.next());
            }
        }
        self.life.into_iter().for_each(at);
        wake
    }

    /// Moves what may go to the websocket's queue.
    fn take_on(&mut self, now: Instant, is_listening: bool) {
        if self.is_paused {
            return;
        }
        // Whoever does not listen to acknowledgements cannot know what is missing.
        while is_listening && self.queue.len() < QUEUED && self.outgoing.is_due(now) && self.pace.take(now) {
            let Some(again) = self.outgoing.again(now) else { break };
            self.repeated += 1;
            self.queue.push_back(Frame::Binary(again));
        }
        if !self.is_open || self.farewell.is_some() {
            return;
        }
        if self.life.is_some_and(|life| life <= now) {
            self.life = Some(now + self.options.sign_of_life);
            let nothing = crate::frame::header(crate::frame::Command::Nothing, 0);
            self.send(payload::OUTPUT, Bytes::copy_from_slice(&nothing), now);
        }
        while self.queue.len() < QUEUED && self.outgoing.has_room() && self.streams.has_work() && self.pace.take(now) {
            let Some((kind, bytes)) = self.streams.next_payload(self.options.payload) else { break };
            self.send(kind, bytes, now);
        }
    }

    /// Sends a payload as the next message of the stream.
    fn send(&mut self, payload_type: u32, payload: Bytes, now: Instant) {
        let message = Message {
            kind: Kind::Input,
            created: milliseconds(),
            sequence: self.outgoing.next(),
            flags: 0,
            id: random_uuid(),
            payload_type,
            payload,
        };
        let bytes = message.encoded();
        self.outgoing.sent(bytes.clone(), now);
        self.queue.push_back(Frame::Binary(bytes));
    }

    /// Tells the agent that the session ends.
    fn close_politely(&mut self, end: End) {
        let now = Instant::now();
        self.farewell = Some((now + FAREWELL, end));
        if self.is_open && self.handshake.as_ref().is_some_and(|handshake| handshake.version.can_be_ended()) {
            self.send(payload::FLAG, payload::flag(payload::FLAG_TERMINATE), now);
        }
    }

    /// Sends what still waits, and closes the websocket.
    async fn say_goodbye(&mut self, mut socket: Socket) {
        let goodbye = async {
            for frame in self.queue.drain(..) {
                socket.feed(frame).await?;
            }
            socket.close(None).await
        };
        // The session is over, whether anybody hears it or not.
        let _ = tokio::time::timeout(FAREWELL, goodbye).await;
    }

    fn tell(&self, state: State) {
        self.status.send_modify(|status| {
            status.state = state;
            status.repeated = self.repeated;
        });
    }
}

/// Milliseconds since 1970.
fn milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
