//! An answer's body on its way to the client: counted, timed, never kept.

use crate::access_log::Record;
use crate::backend::Lease;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// Why an answer broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadFault {
    #[error("the backend broke off its answer")]
    BrokenOff,
    #[error("the backend sent nothing for too long")]
    Stalled,
}

/// The body of an answer. Whatever has to last as long as the request is kept in it.
pub(crate) struct Download {
    source: Source,
    /// Absent where somebody else reports on the request.
    record: Option<Record>,
}

enum Source {
    Local(Option<Bytes>),
    Backend { body: Incoming, stall: StallTimer, _lease: Lease },
}

impl Download {
    /// An answer of the edge itself.
    pub(crate) fn local(bytes: Bytes, record: Record) -> Self {
        Self { source: Source::Local(Some(bytes).filter(|bytes| !bytes.is_empty())), record: Some(record) }
    }

    /// The empty answer before an upgraded connection.
    pub(crate) fn upgraded() -> Self {
        Self { source: Source::Local(None), record: None }
    }

    /// An answer of a backend, which may pause for `patience` at the most.
    pub(crate) fn backend(body: Incoming, patience: Duration, lease: Lease, record: Record) -> Self {
        Self {
            source: Source::Backend { body, stall: StallTimer { patience, sleep: None }, _lease: lease },
            record: Some(record),
        }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = DownloadFault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, DownloadFault>>> {
        let frame = match &mut self.source {
            Source::Local(bytes) => bytes.take().map(|bytes| Ok(Frame::data(bytes))),
            Source::Backend { body, stall, .. } => match Pin::new(body).poll_frame(cx) {
                Poll::Ready(frame) => {
                    stall.restart();
                    frame.map(|frame| frame.map_err(|_| DownloadFault::BrokenOff))
                }
                Poll::Pending if stall.poll(cx).is_ready() => Some(Err(DownloadFault::Stalled)),
                Poll::Pending => return Poll::Pending,
            },
        };
        if let Some(record) = &mut self.record {
            match &frame {
                Some(Ok(frame)) => record.sent(frame.data_ref().map_or(0, |bytes| bytes.len() as u64)),
                Some(Err(DownloadFault::BrokenOff)) => record.note("broken-off-by-backend"),
                Some(Err(DownloadFault::Stalled)) => record.note("backend-stalled"),
                None => record.complete(),
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Local(bytes) => bytes.is_none(),
            Source::Backend { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Local(bytes) => {
                let length = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Source::Backend { body, .. } => body.size_hint(),
        }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        let complete = self.is_end_stream();
        if let Some(record) = self.record.as_mut().filter(|_| complete) {
            record.complete();
        }
    }
}

/// Runs only while the backend is waited for; a client that does not read is not the backend's fault.
struct StallTimer {
    patience: Duration,
    /// The timer and whether it runs.
    sleep: Option<(Pin<Box<Sleep>>, bool)>,
}

impl StallTimer {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (sleep, running) = self.sleep.get_or_insert_with(|| (Box::pin(tokio::time::sleep(self.patience)), true));
        if !*running {
            sleep.as_mut().reset(Instant::now() + self.patience);
            *running = true;
        }
        sleep.as_mut().poll(cx)
    }

    fn restart(&mut self) {
        if let Some((_, running)) = &mut self.sleep {
            *running = false;
        }
    }
}
