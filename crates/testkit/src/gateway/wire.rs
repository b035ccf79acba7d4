//! Messages as the host's side writes and reads them. Written from the layout, not from the client's code, so that a mistake there is seen here.

use aws_lc_rs::digest::{SHA256, digest};
use std::time::{SystemTime, UNIX_EPOCH};

/// A message to the client.
pub(super) fn message(
    kind: &str,
    sequence: i64,
    flags: u64,
    number: u64,
    payload_type: u32,
    payload: &[u8],
) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_millis() as u64);
    let mut out = vec![0_u8; 120];
    out[0..4].copy_from_slice(&116_u32.to_be_bytes());
    out[4..36].fill(b' ');
    out[4..4 + kind.len()].copy_from_slice(kind.as_bytes());
    out[36..40].copy_from_slice(&1_u32.to_be_bytes());
    out[40..48].copy_from_slice(&now.to_be_bytes());
    out[48..56].copy_from_slice(&sequence.to_be_bytes());
    out[56..64].copy_from_slice(&flags.to_be_bytes());
    // The id 00000000-0000-4000-8000-<number>: its second half comes first.
    out[64..72].copy_from_slice(&(0x8000_0000_0000_0000 | number).to_be_bytes());
    out[72..80].copy_from_slice(&0x0000_0000_0000_4000_u64.to_be_bytes());
    out[80..112].copy_from_slice(digest(&SHA256, payload).as_ref());
    out[112..116].copy_from_slice(&payload_type.to_be_bytes());
    out[116..120].copy_from_slice(&(payload.len() as u32).to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// The id of a message as text.
pub(super) fn id_text(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// A message of the client.
#[derive(Debug)]
pub(super) struct FromClient {
    pub(super) kind: String,
    pub(super) sequence: i64,
    pub(super) id: String,
    pub(super) payload_type: u32,
    pub(super) payload: Vec<u8>,
}

/// Reads a message; says what is wrong with it.
pub(super) fn read(bytes: &[u8]) -> Result<FromClient, String> {
    let number = |at: usize, length: usize| -> Result<u64, String> {
        let part = bytes.get(at..at + length).ok_or_else(|| format!("ends before byte {}", at + length))?;
        Ok(part.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    if number(0, 4)? != 116 {
        return Err(format!("has a header of {} bytes", number(0, 4)?));
    }
    if number(36, 4)? != 1 {
        return Err("is of another version".to_owned());
    }
    if number(40, 8)? == 0 {
        return Err("has no date".to_owned());
    }
    let payload = bytes.get(120..).unwrap_or_default();
    if number(116, 4)? != payload.len() as u64 {
        return Err("has another length than it says".to_owned());
    }
    if digest(&SHA256, payload).as_ref() != &bytes[80..112] {
        return Err("has a wrong digest".to_owned());
    }
    let kind = std::str::from_utf8(&bytes[4..36]).map_err(|error| error.to_string())?.trim_end_matches(' ').to_owned();
    let (low, high) = (number(64, 8)?, number(72, 8)?);
    let hex = format!("{high:016x}{low:016x}");
    Ok(FromClient {
        kind,
        sequence: number(48, 8)? as i64,
        id: format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]),
        payload_type: number(112, 4)? as u32,
        payload: payload.to_vec(),
    })
}

/// A frame of smux.
pub(super) fn frame(command: u8, stream: u32, data: &[u8]) -> Vec<u8> {
    let mut out = vec![1, command];
    out.extend_from_slice(&(data.len() as u16).to_le_bytes());
    out.extend_from_slice(&stream.to_le_bytes());
    out.extend_from_slice(data);
    out
}
