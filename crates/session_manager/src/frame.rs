//! The frames of smux, version 1, by which several connections share one stream of bytes.
//!
//! Source: `frame.go`, `session.go` and `mux.go` of `xtaci/smux` 1.5.15, the release that the agent is built with. A frame is a version
//! (1), a command, a length and a connection's number, both little-endian, and so many bytes. Connections of a client have odd numbers from
//! 3 on. There is no window: a receiver that is full stops reading, for all connections.

use bytes::{Buf, Bytes, BytesMut};

/// How long a header is.
pub(crate) const HEADER: usize = 8;
const VERSION: u8 = 1;
const OPEN: u8 = 0;
const END: u8 = 1;
const DATA: u8 = 2;
const NOTHING: u8 = 3;

/// The number of the first connection; the next ones have the odd numbers after it.
pub(crate) const FIRST_CONNECTION: u32 = 3;

/// A frame to be sent, or the header of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// A connection begins.
    Open,
    /// Nothing more comes on it.
    End,
    /// So many bytes follow.
    Data(u16),
    /// Only a sign of life.
    Nothing,
}

/// A header.
pub(crate) fn header(command: Command, connection: u32) -> [u8; HEADER] {
    let (word, length) = match command {
        Command::Open => (OPEN, 0),
        Command::End => (END, 0),
        Command::Data(length) => (DATA, length),
        Command::Nothing => (NOTHING, 0),
    };
    let ([low, high], [a, b, c, d]) = (u16::to_le_bytes(length), connection.to_le_bytes());
    [VERSION, word, low, high, a, b, c, d]
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Bytes on a connection.
    Data(u32, Bytes),
    /// Nothing more comes on it.
    End(u32),
}

/// The stream is none of smux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the host's agent sends frames of an unknown kind (version {version}, command {command})")]
pub(crate) struct BadFrame {
    version: u8,
    command: u8,
}

/// Takes a stream apart that comes in pieces. Bytes are handed on as they come, so that nothing but a header is ever kept.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    begun: BytesMut,
    /// The connection and how many of its bytes are still to come.
    rest: Option<(u32, usize)>,
}

impl Frames {
    pub(crate) fn take(&mut self, mut piece: Bytes) -> Result<Vec<Event>, BadFrame> {
        let mut events = Vec::new();
        loop {
            if let Some((connection, rest)) = self.rest {
                let now = rest.min(piece.len());
                if now > 0 {
                    events.push(Event::Data(connection, piece.split_to(now)));
                }
                self.rest = (rest > now).then_some((connection, rest - now));
                if self.rest.is_some() {
                    return Ok(events);
                }
            }
            let missing = (HEADER - self.begun.len()).min(piece.len());
            self.begun.extend_from_slice(&piece.split_to(missing));
            if self.begun.len() < HEADER {
                return Ok(events);
            }
            let (version, command) = (self.begun.get_u8(), self.begun.get_u8());
            let (length, connection) = (self.begun.get_u16_le(), self.begun.get_u32_le());
            match (version, command) {
                (VERSION, DATA) => self.rest = (length > 0).then_some((connection, usize::from(length))),
                (VERSION, END) => events.push(Event::End(connection)),
                // The agent opens no connections; what it would send on one is dropped.
                (VERSION, OPEN | NOTHING) => {}
                _ => return Err(BadFrame { version, command }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wire(frames: &[(u32, Vec<u8>)]) -> Vec<u8> {
        let mut wire = Vec::new();
        for (connection, bytes) in frames {
            wire.extend(header(Command::Nothing, 0));
            wire.extend(header(Command::Data(u16::try_from(bytes.len()).unwrap()), *connection));
            wire.extend(bytes);
            wire.extend(header(Command::End, *connection));
        }
        wire
    }

    #[test]
    fn a_header_is_as_the_library_writes_it() {
        assert_eq!(header(Command::Open, 3), [1, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(header(Command::Data(0x0102), 0x0a0b_0c0d), [1, 2, 2, 1, 0x0d, 0x0c, 0x0b, 0x0a]);
    }

    #[test]
    fn another_version_is_refused() {
        let error = Frames::default().take(Bytes::from_static(&[2, 2, 0, 0, 3, 0, 0, 0])).unwrap_err();
        assert_eq!(error, BadFrame { version: 2, command: 2 });
        Frames::default().take(Bytes::from_static(&[1, 4, 0, 0, 3, 0, 0, 0])).unwrap_err();
    }

    proptest! {
        #[test]
        fn however_a_stream_is_cut_the_same_comes_out(
            frames in proptest::collection::vec((0..9_u32, proptest::collection::vec(any::<u8>(), 0..300)), 0..8),
            cuts in proptest::collection::vec(1..97_usize, 1..40),
        ) {
            let wire = wire(&frames);
            let (mut reader, mut at, mut events) = (Frames::default(), 0, Vec::new());
            for cut in cuts.iter().cycle() {
                if at == wire.len() { break }
                let end = (at + cut).min(wire.len());
                events.extend(reader.take(Bytes::copy_from_slice(&wire[at..end])).unwrap());
                at = end;
            }
            let mut seen = Vec::new();
            let mut bytes = Vec::new();
            for event in events {
                match event {
                    Event::Data(_, piece) => bytes.extend_from_slice(&piece),
                    Event::End(connection) => seen.push((connection, std::mem::take(&mut bytes))),
                }
            }
            prop_assert_eq!(seen, frames);
        }

        #[test]
        fn no_bytes_make_it_panic(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..64), 0..9)) {
            let mut reader = Frames::default();
            for piece in pieces {
                if reader.take(Bytes::from(piece)).is_err() { break }
            }
        }
    }
}
