//! What messages carry besides the streams themselves.
//!
//! Source: `src/message/handshakemessage.go`, `clientmessage.go` and `src/service/service.go` of `aws/session-manager-plugin`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Bytes of the stream.
pub const OUTPUT: u32 = 1;
/// What the host's agent asks of us before anything else.
pub const HANDSHAKE_REQUEST: u32 = 5;
/// What we answer.
pub const HANDSHAKE_RESPONSE: u32 = 6;
/// The agent is content.
pub const HANDSHAKE_COMPLETE: u32 = 7;
/// One of the `FLAG_` numbers, four bytes.
pub const FLAG: u32 = 10;

/// The connection here is closed: an agent without multiplexing closes its own.
pub const FLAG_DISCONNECT: u32 = 1;
/// The session is to end.
pub const FLAG_TERMINATE: u32 = 2;
/// The agent could not connect to the port.
pub const FLAG_NOT_CONNECTED: u32 = 3;

/// The action that names the session's type.
pub(crate) const SESSION_TYPE: &str = "SessionType";
/// The action that wants the stream encrypted once more.
pub(crate) const ENCRYPTION: &str = "KMSEncryption";
/// The type of sessions that forward ports.
pub(crate) const PORT: &str = "Port";
/// The type of forwarding that this crate speaks; the other one is for SSH by standard input.
pub(crate) const LOCAL_FORWARDING: &str = "LocalPortForwarding";

/// What opens a channel, as text: the token is in it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OpenChannel<'a> {
    pub(crate) message_schema_version: &'a str,
    pub(crate) request_id: String,
    pub(crate) token_value: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) client_version: &'a str,
}

/// That a message arrived.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Acknowledge {
    #[serde(rename = "AcknowledgedMessageType")]
    pub(crate) kind: String,
    #[serde(rename = "AcknowledgedMessageId")]
    pub(crate) id: String,
    #[serde(rename = "AcknowledgedMessageSequenceNumber")]
    pub(crate) sequence: i64,
    #[serde(rename = "IsSequentialMessage", default)]
    pub(crate) is_sequential: bool,
}

/// Why a session is over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ChannelClosed {
    #[serde(rename = "Output")]
    pub(crate) output: String,
}

/// What the agent asks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HandshakeRequest {
    pub(crate) agent_version: String,
    #[serde(default)]
    pub(crate) requested_client_actions: Vec<RequestedAction>,
}

/// One thing that it asks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RequestedAction {
    pub(crate) action_type: String,
    #[serde(default)]
    pub(crate) action_parameters: Value,
}

/// What we answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HandshakeResponse {
    pub(crate) client_version: &'static str,
    pub(crate) processed_client_actions: Vec<ProcessedAction>,
    pub(crate) errors: Vec<String>,
}

/// What became of one thing that it asked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ProcessedAction {
    pub(crate) action_type: String,
    pub(crate) action_status: u8,
    pub(crate) action_result: Option<Value>,
    pub(crate) error: String,
}

impl ProcessedAction {
    pub(crate) fn done(kind: &str) -> Self {
        Self { action_type: kind.to_owned(), action_status: 1, action_result: None, error: String::new() }
    }

    pub(crate) fn failed(kind: &str, error: &str) -> Self {
        Self { action_type: kind.to_owned(), action_status: 2, action_result: None, error: error.to_owned() }
    }

    pub(crate) fn unsupported(kind: &str) -> Self {
        let error = format!("Unsupported action {kind}");
        Self { action_type: kind.to_owned(), action_status: 3, action_result: None, error }
    }
}

/// The payload of a flag.
pub(crate) fn flag(number: u32) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}

/// The number of a flag.
pub(crate) fn flag_number(payload: &[u8]) -> Option<u32> {
    payload.get(..4).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes)
}
