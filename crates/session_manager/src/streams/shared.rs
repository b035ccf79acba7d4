//! What the two sides of a session share, behind the lock: the connections, whose turn it is, what is counted.

use super::line::{Line, Program};
use super::{Counts, Sharing};
use crate::error::End;
use crate::frame::{Command, FIRST_CONNECTION, Frames, HEADER, header};
use crate::payload;
use bytes::{Bytes, BytesMut};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) sharing: Option<Sharing>,
    pub(super) agent: String,
    pub(super) lines: BTreeMap<u32, Line>,
    pub(super) turn: VecDeque<u32>,
    pub(super) next: u32,
    pub(super) frames: Frames,
    pub(super) unread: usize,
    pub(super) not_connected: usize,
    pub(super) over: Option<Arc<End>>,
    pub(super) counts: Counts,
}

impl Shared {
    /// The connection has something to send.
    pub(super) fn queue(&mut self, id: u32) {
        if let Some(line) = self.lines.get_mut(&id)
            && line.has_work()
            && !line.is_in_turn
        {
            line.is_in_turn = true;
            self.turn.push_back(id);
        }
    }

    /// Our side ends the connection, after everything that was written.
    pub(super) fn end_here(&mut self, id: u32) {
        if let Some(line) = self.lines.get_mut(&id) {
            line.is_ending = true;
            self.queue(id);
            self.forget(id);
        }
    }

    /// Drops a connection with which both sides are done.
    pub(super) fn forget(&mut self, id: u32) {
        if self.lines.get(&id).is_some_and(|line| line.end_sent && line.program == Program::Left) {
            self.lines.remove(&id);
        }
    }

    pub(super) fn data(&mut self, id: u32, bytes: Bytes, now: Instant) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        if bytes.is_empty() || line.is_ended || line.program == Program::Left {
            return;
        }
        self.counts.received += bytes.len() as u64;
        self.unread += bytes.len();
        line.has_heard = true;
        line.heard = now;
        line.arrived.push_back(bytes);
        if let Some(reader) = line.reader.take() {
            reader.wake();
        }
    }

    /// The host's side ended: its agent forgets the connection, in both directions.
    pub(super) fn end(&mut self, id: u32) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        line.is_ended = true;
        if self.not_connected > 0 && !line.has_heard {
            self.not_connected -= 1;
            line.is_refused = true;
        }
        line.to_send.clear();
        line.wake();
        self.end_here(id);
    }

    pub(super) fn frames_to_send(&mut self, most: usize) -> Option<Bytes> {
        let mut out = BytesMut::new();
        while most.saturating_sub(out.len()) > HEADER {
            let Some(id) = self.turn.pop_front() else { break };
            let Some(line) = self.lines.get_mut(&id) else { continue };
            line.is_in_turn = false;
            if !line.open_sent {
                out.extend_from_slice(&header(Command::Open, id));
                line.open_sent = true;
            }
            let room = most.saturating_sub(out.len() + HEADER).min(usize::from(u16::MAX));
            let now = line.to_send.len().min(room);
            if now > 0 {
                let length = u16::try_from(now).unwrap_or(u16::MAX);
                out.extend_from_slice(&header(Command::Data(length), id));
                out.extend_from_slice(&line.to_send.split_to(now));
                self.counts.sent += now as u64;
                if let Some(writer) = line.writer.take() {
                    writer.wake();
                }
            }
            if line.to_send.is_empty() && line.is_ending && !line.end_sent && most.saturating_sub(out.len()) >= HEADER {
                out.extend_from_slice(&header(Command::End, id));
                line.end_sent = true;
            }
            self.queue(id);
            self.forget(id);
        }
        (!out.is_empty()).then(|| out.freeze())
    }

    pub(super) fn bytes_to_send(&mut self, most: usize) -> Option<(u32, Bytes)> {
        self.turn.clear();
        let line = self.lines.get_mut(&FIRST_CONNECTION)?;
        line.is_in_turn = false;
        if line.to_send.is_empty() {
            if !line.is_ending || line.end_sent {
                return None;
            }
            line.end_sent = true;
            self.forget(FIRST_CONNECTION);
            return Some((payload::FLAG, payload::flag(payload::FLAG_DISCONNECT)));
        }
        let now = line.to_send.len().min(most);
        let bytes = line.to_send.split_to(now).freeze();
        self.counts.sent += now as u64;
        if let Some(writer) = line.writer.take() {
            writer.wake();
        }
        self.queue(FIRST_CONNECTION);
        Some((payload::OUTPUT, bytes))
    }
}
