//! A request's body on its way to a backend: counted, limited, never kept.

use crate::linger;
use crate::proxy::Peer;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::runtime::Handle;

/// Why a body broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UploadFault {
    #[error("the request body is larger than the limit")]
    TooLarge,
    #[error("the client broke off its request body")]
    BrokenOff,
}

/// The body that a client sends. It outlives the attempts to pass it on, so that an attempt that took nothing from it can be repeated.
pub(crate) struct UploadSource {
    state: Mutex<State>,
    peer: Arc<Peer>,
    is_http2: bool,
    limit: u64,
}

struct State {
    /// Taken away only when all is over.
    body: Option<Incoming>,
    received: u64,
    /// Whether a piece of it was handed out.
    begun: bool,
    ended: bool,
    /// Whether the backend wants more and the client has not sent it.
    awaits_client: bool,
    fault: Option<UploadFault>,
    last_piece: Instant,
}

impl UploadSource {
    pub(crate) fn new(body: Incoming, is_http2: bool, limit: u64, peer: Arc<Peer>) -> Arc<Self> {
        let ended = body.is_end_stream();
        let state = State {
            body: Some(body),
            received: 0,
            begun: false,
            ended,
            awaits_client: false,
            fault: None,
            last_piece: Instant::now(),
        };
        Arc::new(Self { state: Mutex::new(state), peer, is_http2, limit })
    }

    /// The body for one attempt.
    pub(crate) fn attempt(self: &Arc<Self>) -> Upload {
        if self.state().ended { Upload::empty() } else { Upload(Some(Arc::clone(self))) }
    }

    /// Whether all of the body is still there to be passed on.
    pub(crate) fn is_untouched(&self) -> bool {
        let state = self.state();
        !state.begun && state.fault.is_none()
    }

    /// Whether the request has no body at all.
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.state();
        state.ended && !state.begun
    }

    /// The length that the client announced.
    pub(crate) fn announced(&self) -> Option<u64> {
        self.state().size_hint().exact()
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    pub(crate) fn received(&self) -> u64 {
        self.state().received
    }

    pub(crate) fn fault(&self) -> Option<UploadFault> {
        self.state().fault
    }

    pub(crate) fn awaits_client(&self) -> bool {
        self.state().awaits_client
    }

    /// When the last piece was handed out.
    pub(crate) fn last_piece(&self) -> Instant {
        self.state().last_piece
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for UploadSource {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(body) = state.body.take().filter(|_| !state.ended) else { return };
        if !self.is_http2 {
            // hyper closes the connection now; its stream lingers.
            return self.peer.activity.leave_upload_unread();
        }
        let draining = self.peer.proxy.draining.clone();
        if let Ok(runtime) = Handle::try_current() {
            let reading = async move { draining.run_until_cancelled(linger::read_away(body)).await };
            self.peer.proxy.tasks.spawn_on(reading, &runtime);
        }
    }
}

/// The body of one attempt to pass a request on; reads from the shared source.
pub(crate) struct Upload(Option<Arc<UploadSource>>);

impl Upload {
    pub(crate) fn empty() -> Self {
        Self(None)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = UploadFault;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadFault>>> {
        let Some(source) = &self.0 else { return Poll::Ready(None) };
        let mut state = source.state();
        if let Some(fault) = state.fault {
            return Poll::Ready(Some(Err(fault)));
        }
        state.awaits_client = true;
        let Some(body) = &mut state.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
        let ended = body.is_end_stream();
        state.awaits_client = false;
        state.last_piece = Instant::now();
        state.begun = true;
        let fault = match frame {
            // hyper ends the body of a stream that was reset as if it were complete; the stream knows better.
            None if source.is_http2 && !ended => UploadFault::BrokenOff,
            None => {
                state.ended = true;
                return Poll::Ready(None);
            }
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                state.received = state.received.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
                state.ended = ended;
                if state.received <= source.limit {
                    return Poll::Ready(Some(Ok(frame)));
                }
                UploadFault::TooLarge
            }
            Some(Err(_)) => UploadFault::BrokenOff,
        };
        state.fault = Some(fault);
        Poll::Ready(Some(Err(fault)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|source| {
            let state = source.state();
            state.ended && state.fault.is_none()
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |source| source.state().size_hint())
    }
}
