//! What the agent says, message by message.

use super::{Channel, Failed, Left, milliseconds};
use crate::error::End;
use crate::handshake;
use crate::message::{Kind, Message, random_uuid};
use crate::payload::{self, Acknowledge, ChannelClosed};
use crate::status::State;
use crate::streams::Sharing;
use bytes::Bytes;
use serde_json::Value;
use std::time::Instant;
use tokio_tungstenite::tungstenite::Message as Frame;

impl Channel {
    pub(super) fn received(&mut self, frame: Option<Result<Frame, Failed>>, now: Instant) -> Option<Left> {
        match frame {
            Some(Ok(Frame::Binary(bytes))) => self.message(&bytes, now).err().map(Left::Over),
            Some(Ok(Frame::Text(text))) => self.message(&Bytes::from(text), now).err().map(Left::Over),
            Some(Ok(Frame::Close(close))) => {
                let why =
                    close.map(|close| format!("it closed the channel ({}) {}", u16::from(close.code), close.reason));
                let why = why.unwrap_or_else(|| "it closed the channel".to_owned()).trim().to_owned();
                // Before the agent has begun, a channel that is closed is one that was refused.
                Some(if self.is_open { Left::Broken(why) } else { Left::Over(End::Refused(why)) })
            }
            Some(Ok(_)) => None,
            Some(Err(error)) => Some(Left::Broken(error.to_string())),
            None => Some(Left::Broken("the channel ended".to_owned())),
        }
    }

    fn message(&mut self, bytes: &Bytes, now: Instant) -> Result<(), End> {
        // What is damaged is not acknowledged and comes again.
        let Ok(message) = Message::decode(bytes) else { return Ok(()) };
        match message.kind {
            Kind::Output => self.output(message, now),
            Kind::Acknowledge => {
                if let Ok(acknowledge) = serde_json::from_slice::<Acknowledge>(&message.payload) {
                    self.outgoing.acknowledged(acknowledge.sequence, now);
                    self.is_paused = false;
                }
                Ok(())
            }
            Kind::ChannelClosed => {
                let closed: ChannelClosed = serde_json::from_slice(&message.payload).unwrap_or_default();
                Err(if self.farewell.is_some() { End::Closed } else { End::Terminated(closed.output) })
            }
            Kind::Pause => {
                self.is_paused = true;
                Ok(())
            }
            Kind::Start => {
                // What was on its way to somebody who did not listen may be lost.
                if std::mem::take(&mut self.is_paused) {
                    self.outgoing.path_is_new(now);
                }
                Ok(())
            }
            Kind::Input | Kind::Other(_) => Ok(()),
        }
    }

    fn output(&mut self, message: Message, now: Instant) -> Result<(), End> {
        self.is_paused = false;
        let acknowledge = Acknowledge {
            kind: "output_stream_data".to_owned(),
            id: message.id_text(),
            sequence: message.sequence,
            is_sequential: true,
        };
        let taken = self.incoming.take(message.sequence, (message.payload_type, message.payload));
        if taken.is_acknowledged
            && let Ok(payload) = serde_json::to_vec(&acknowledge)
        {
            let message = Message {
                kind: Kind::Acknowledge,
                created: milliseconds(),
                sequence: 0,
                flags: 3,
                id: random_uuid(),
                payload_type: 0,
                payload: payload.into(),
            };
            self.queue.push_back(Frame::Binary(message.encoded()));
        }
        taken.ready.into_iter().try_for_each(|(kind, bytes)| self.payload(kind, bytes, now))
    }

    fn payload(&mut self, payload_type: u32, bytes: Bytes, now: Instant) -> Result<(), End> {
        match payload_type {
            payload::HANDSHAKE_REQUEST => {
                let handshake = handshake::answer(&bytes)?;
                self.send(payload::HANDSHAKE_RESPONSE, handshake.response.clone(), now);
                if let Some(end) = &handshake.refused {
                    // The agent is told; what it makes of it does not matter any more.
                    return Err(end.clone());
                }
                self.handshake = Some(handshake);
                Ok(())
            }
            payload::HANDSHAKE_COMPLETE => {
                let Some(handshake) = &self.handshake else {
                    return Err(End::Protocol("it completes a handshake that it did not begin".to_owned()));
                };
                let notice = serde_json::from_slice::<Value>(&bytes).ok();
                let notice = notice.as_ref().and_then(|it| it.get("CustomerMessage")?.as_str()).map(str::trim);
                let is_multiplexed = handshake.sharing == Sharing::Multiplexed;
                self.streams.begin(handshake.sharing, &handshake.agent);
                self.life =
                    (is_multiplexed && !handshake.version.keeps_silent()).then_some(now + self.options.sign_of_life);
                self.is_open = true;
                self.status.send_modify(|status| {
                    status.agent.clone_from(&handshake.agent);
                    status.is_multiplexed = is_multiplexed;
                    status.notice = notice.filter(|it| !it.is_empty()).map(str::to_owned);
                });
                self.tell(State::Open);
                Ok(())
            }
            payload::OUTPUT if self.is_open => {
                self.streams.arrived(bytes, now).map_err(|error| End::Protocol(error.to_string()))
            }
            payload::OUTPUT => Err(End::Protocol("it sends before its handshake is complete".to_owned())),
            payload::FLAG => {
                if payload::flag_number(&bytes) == Some(payload::FLAG_NOT_CONNECTED) {
                    self.streams.not_connected();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
