//! The messages of a data channel, as they lie on the wire.
//!
//! Source of the layout: `src/message/clientmessage.go` and `messageparser.go` of `aws/session-manager-plugin` (release 1.2.677.0).
//! All numbers are big-endian:
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | length of the header, up to the payload's length: 116 |
//! | 4 | 32 | kind, padded with blanks |
//! | 36 | 4 | version of the schema |
//! | 40 | 8 | when, in milliseconds since 1970 |
//! | 48 | 8 | number in the stream |
//! | 56 | 8 | flags |
//! | 64 | 16 | id: the second half of a UUID, then its first |
//! | 80 | 32 | SHA-256 of the payload |
//! | 112 | 4 | what the payload is |
//! | 116 | 4 | length of the payload |
//! | 120 | | payload |

use aws_lc_rs::digest::{SHA256, digest};
use bytes::{BufMut, Bytes, BytesMut};

/// What a header of ours says of its length; the payload's length follows it.
const HEADER: usize = 116;
/// The shortest header: the gateway's own messages may lack the payload's type.
const SHORTEST: usize = 112;
/// Where things are.
const KIND: std::ops::Range<usize> = 4..36;
const CREATED: usize = 40;
const SEQUENCE: usize = 48;
const FLAGS: usize = 56;
const ID: usize = 64;
const DIGEST: std::ops::Range<usize> = 80..112;
const PAYLOAD_TYPE: usize = 112;

/// What a message is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// From us to the host.
    Input,
    /// From the host to us.
    Output,
    /// A message arrived.
    Acknowledge,
    /// The session is over.
    ChannelClosed,
    /// The other side listens (again).
    Start,
    /// The other side does not listen for a while.
    Pause,
    /// Something else.
    Other(String),
}

impl Kind {
    fn word(&self) -> &str {
        match self {
            Self::Input => "input_stream_data",
            Self::Output => "output_stream_data",
            Self::Acknowledge => "acknowledge",
            Self::ChannelClosed => "channel_closed",
            Self::Start => "start_publication",
            Self::Pause => "pause_publication",
            Self::Other(word) => word,
        }
    }

    fn of(word: &str) -> Self {
        [Self::Input, Self::Output, Self::Acknowledge, Self::ChannelClosed, Self::Start, Self::Pause]
            .into_iter()
            .find(|kind| kind.word() == word)
            .unwrap_or_else(|| Self::Other(word.to_owned()))
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is for.
    pub kind: Kind,
    /// When it was made, in milliseconds since 1970.
    pub created: u64,
    /// Its number among those that carry the stream.
    pub sequence: i64,
    /// Bit 0: the first of the stream; bit 1: the last.
    pub flags: u64,
    /// The bytes of its UUID, in their usual order.
    pub id: [u8; 16],
    /// What the payload is, see [`crate::payload`].
    pub payload_type: u32,
    /// What it carries.
    pub payload: Bytes,
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// Shorter than its header.
    #[error("it is cut off")]
    Short,
    /// The header's length makes no sense.
    #[error("its header is {0} bytes long")]
    Header(u32),
    /// The payload is not of the length that is stated.
    #[error("its payload has another length than it says")]
    Length,
    /// The digest is of something else.
    #[error("its payload does not fit its digest")]
    Digest,
    /// The kind is no text.
    #[error("its kind is no text")]
    Kind,
}

impl Message {
    /// The bytes that are sent.
    #[must_use]
    pub fn encoded(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(HEADER + 4 + self.payload.len());
        out.put_u32(HEADER as u32);
        let word = self.kind.word().as_bytes();
        let word = word.get(..KIND.len()).unwrap_or(word);
        out.put_slice(word);
        out.put_bytes(b' ', KIND.len() - word.len());
        out.put_u32(1);
        out.put_u64(self.created);
        out.put_i64(self.sequence);
        out.put_u64(self.flags);
        let (first, second) = self.id.split_at(8);
        out.put_slice(second);
        out.put_slice(first);
        out.put_slice(digest(&SHA256, &self.payload).as_ref());
        out.put_u32(self.payload_type);
        out.put_u32(u32::try_from(self.payload.len()).unwrap_or(u32::MAX));
        out.put_slice(&self.payload);
        out.freeze()
    }

    /// Reads a message.
    ///
    /// # Errors
    /// When the bytes are none, or are not what they were when they were sent.
    pub fn decode(bytes: &Bytes) -> Result<Self, BadMessage> {
        let header = u32_at(bytes, 0)?;
        let start = usize::try_from(header).map_err(|_| BadMessage::Header(header))?;
        if !(SHORTEST..=4 * HEADER).contains(&start) {
            return Err(BadMessage::Header(header));
        }
        let stated = u32_at(bytes, start)?;
        let payload = bytes.slice(start + 4..);
        if usize::try_from(stated) != Ok(payload.len()) {
            return Err(BadMessage::Length);
        }
        let word = std::str::from_utf8(bytes.get(KIND).ok_or(BadMessage::Short)?).map_err(|_| BadMessage::Kind)?;
        let kind = Kind::of(word.trim_matches(|letter: char| letter == '\0' || letter.is_ascii_whitespace()));
        let is_checked = !payload.is_empty() && !matches!(kind, Kind::Start | Kind::Pause);
        if is_checked && bytes.get(DIGEST) != Some(digest(&SHA256, &payload).as_ref()) {
            return Err(BadMessage::Digest);
        }
        let (second, first) = (u64_at(bytes, ID)?, u64_at(bytes, ID + 8)?);
        let mut id = [0; 16];
        id[..8].copy_from_slice(&first.to_be_bytes());
        id[8..].copy_from_slice(&second.to_be_bytes());
        Ok(Self {
            kind,
            created: u64_at(bytes, CREATED)?,
            sequence: i64::from_be_bytes(u64_at(bytes, SEQUENCE)?.to_be_bytes()),
            flags: u64_at(bytes, FLAGS)?,
            id,
            payload_type: if start >= PAYLOAD_TYPE + 4 { u32_at(bytes, PAYLOAD_TYPE)? } else { 0 },
            payload,
        })
    }

    /// The id as it is written.
    #[must_use]
    pub fn id_text(&self) -> String {
        uuid_text(&self.id)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, BadMessage> {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).ok_or(BadMessage::Short)?;
    Ok(u32::from_be_bytes(four))
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64, BadMessage> {
    let eight = bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok()).ok_or(BadMessage::Short)?;
    Ok(u64::from_be_bytes(eight))
}

/// A random UUID (version 4).
pub(crate) fn random_uuid() -> [u8; 16] {
    let mut id = [0; 16];
    // The generator of aws-lc does not fail once it has begun; an id of zeros would still be an id.
    let _ = aws_lc_rs::rand::fill(&mut id);
    id[6] = id[6] & 0x0f | 0x40;
    id[8] = id[8] & 0x3f | 0x80;
    id
}

/// A UUID as it is written.
pub(crate) fn uuid_text(id: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in id.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for nibble in [byte >> 4, byte & 0xf] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text
}
