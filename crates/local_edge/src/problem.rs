//! Answers of the edge itself when a request cannot be passed on.

use crate::access_log::Record;
use crate::download::Download;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

/// A refusal as RFC 9457 "problem details".
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) detail: String,
    /// Seconds after which a repetition makes sense.
    pub(crate) retry_after: Option<u32>,
    /// What went wrong, for the access log.
    pub(crate) note: &'static str,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, note: &'static str, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after: None, note }
    }

    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(crate) fn too_large(limit: u64) -> Self {
        let detail = format!("The request body is larger than {limit} bytes, the limit of this edge.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
    }

    /// The answer; `close` also ends an HTTP/1 connection, for requests whose body is not read to its end.
    pub(crate) fn into_response(self, mut record: Record, close: bool) -> Response<Download> {
        record.status(self.status);
        record.note(self.note);
        let body = serde_json::json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = Response::new(Download::local(Bytes::from(format!("{body}\n")), record));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
