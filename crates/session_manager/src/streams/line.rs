//! One connection of a session.

use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::task::Waker;
use std::time::Instant;

/// What the program still does with its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    Uses,
    /// It writes no more; it still reads.
    Listens,
    Left,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) arrived: VecDeque<Bytes>,
    /// The host sends no more.
    pub(super) is_ended: bool,
    /// The host could not connect.
    pub(super) is_refused: bool,
    pub(super) has_heard: bool,
    pub(super) heard: Instant,
    pub(super) reader: Option<Waker>,
    pub(super) to_send: BytesMut,
    pub(super) writer: Option<Waker>,
    pub(super) program: Program,
    /// Whether the host's side is to be closed as soon as everything is sent.
    pub(super) is_ending: bool,
    pub(super) open_sent: bool,
    pub(super) end_sent: bool,
    pub(super) is_in_turn: bool,
}

impl Line {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            arrived: VecDeque::new(),
            is_ended: false,
            is_refused: false,
            has_heard: false,
            heard: now,
            reader: None,
            to_send: BytesMut::new(),
            writer: None,
            program: Program::Uses,
            is_ending: false,
            open_sent: false,
            end_sent: false,
            is_in_turn: false,
        }
    }

    pub(super) fn has_work(&self) -> bool {
        !self.open_sent || !self.to_send.is_empty() || (self.is_ending && !self.end_sent)
    }

    pub(super) fn wake(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }
}
