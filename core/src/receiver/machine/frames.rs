//! What each octet of a frame does to the machine.

use super::{Ahead, Announced, Found, Machine, OpenFrame, OpenMessage, TOGETHER, check_text};
use crate::buffer::Places;
use crate::compression::Decompress;
use crate::error::{Failure, Violation};
use crate::header::{FrameHeader, Rules};
use crate::mask::MaskingKey;
use crate::message::MessageKind;
use crate::octets;
use crate::opcode::Opcode;
use crate::receiver::{Delivery, Step};
use crate::role::Role;

impl Machine {
    #[inline]
    pub(super) fn begin_frame<R: Role, X: Decompress>(
        &mut self,
        delivery: Delivery,
        octets: &[u8],
        room: u64,
        stage: &mut X,
    ) -> Result<Found, Failure> {
        let rules = Rules {
            rsv1: X::POSSIBLE && stage.is_active(),
            masked: !R::MASKS,
            message_open: Some(self.message.is_some()),
        };
        let parsed = FrameHeader::parse(self.places.unparsed(octets), rules);
        let Some((header, len)) = parsed.map_err(Failure::Peer)? else {
            return Ok(Found::Step(Step::NeedOctets));
        };
        let mut passed_over = false;
        if header.opcode.is_control() {
            // A Pong's payload is only for looking at: it leaves a reply that is owed alone. A newer
            // Ping replaces it: §5.5.3 lets us answer "only the most recently processed Ping".
            passed_over = header.opcode == Opcode::Pong && self.owed.is_due();
            if !passed_over {
                self.owed.mark_queued();
                self.owed.restart();
            }
        } else if let Some(found) = self.begin_fragment(&header, delivery, room, stage)? {
            return Ok(found);
        }
        self.places.skip(len);
        self.frame = Some(OpenFrame {
            opcode: header.opcode,
            fin: header.fin,
            rsv1: header.rsv1,
            passed_over,
            key: header.masking_key.unwrap_or(MaskingKey::NONE),
            remaining: header.len,
        });
        Ok(Found::Again)
    }

    /// The limits, at the header: no octet of a payload that is too long is waited for.
    #[inline]
    fn begin_fragment<X: Decompress>(
        &mut self,
        header: &FrameHeader,
        delivery: Delivery,
        room: u64,
        stage: &mut X,
    ) -> Result<Option<Found>, Failure> {
        if self.message.is_none() {
            if X::POSSIBLE && header.rsv1 {
                if delivery != Delivery::Frame && self.stage_passed {
                    // The stage did not see all that this message may refer to.
                    return Ok(Some(Found::OtherLevel));
                }
                if delivery == Delivery::Frame {
                    self.stage_passed = true;
                } else {
                    stage.begin(delivery == Delivery::Message);
                }
            }
            self.fragments = 0;
            self.utf8.restart();
            self.message = Some(OpenMessage {
                kind: if header.opcode == Opcode::Text {
                    MessageKind::Text
                } else {
                    MessageKind::Binary
                },
                compressed: X::POSSIBLE && header.rsv1,
                delivery,
                checked: 0,
            });
            self.total = 0;
        }
        self.ahead = Ahead::of(header.len);
        if self.fragments >= self.fragments_limit {
            return Err(Failure::TooManyFragments);
        }
        self.fragments += 1;
        let compressed = X::POSSIBLE && self.message.is_some_and(|message| message.compressed);
        let (before, room) = match delivery {
            // Only this frame must fit the buffer.
            Delivery::Frame => (self.total, self.total.saturating_add(room)),
            // What counts is what it inflates to.
            _ if compressed => return Ok(None),
            Delivery::Message => (self.places.len() as u64, room),
            Delivery::Chunk => (self.total, u64::MAX),
        };
        // Both are below 2^63: what was received, and a length without its top bit.
        let needed = before.wrapping_add(header.len);
        let limit = self.message_limit.min(room);
        if needed > limit {
            return Err(self.too_long(needed, limit));
        }
        Ok(None)
    }

    pub(super) fn control<R: Role>(&mut self, delivery: Delivery, octets: &mut [u8]) -> Found {
        let Some(frame) = &mut self.frame else {
            return Found::Again;
        };
        let remaining = frame.remaining as usize;
        let n = remaining.min(self.places.available());
        frame.unmask::<R>(n, &self.places, octets);
        let opcode = frame.opcode;
        let stored = !frame.passed_over;
        if stored {
            self.owed.push(octets::part(octets, self.places.read, n));
        }
        self.places.skip(n);
        frame.remaining -= n as u64;
        if frame.remaining > 0 {
            return Found::Step(Step::NeedOctets);
        }
        match opcode {
            Opcode::Close => self.inbound.close_received(&mut self.owed),
            Opcode::Ping => self.owed.ping_received(),
            _ => self.pongs = self.pongs.wrapping_add(1),
        }
        if delivery == Delivery::Frame && stored {
            self.announced = Announced::Frame;
            return Found::Step(Step::Frame);
        }
        self.frame = None;
        if opcode == Opcode::Pong {
            Found::Again
        } else {
            Found::Step(Step::ReplyDue)
        }
    }

    #[inline]
    pub(super) fn data<R: Role, X: Decompress, const LATER: bool>(
        &mut self,
        delivery: Delivery,
        octets: &mut [u8],
        room: u64,
        stage: &mut X,
    ) -> Result<Found, Failure> {
        let (Some(frame), Some(message)) = (&mut self.frame, &mut self.message) else {
            return Ok(Found::Again);
        };
        let available = self.places.available();
        let n = usize::try_from(frame.remaining).map_or(available, |r| r.min(available));
        if X::POSSIBLE && message.compressed && delivery != Delivery::Frame {
            let is_cut = frame.remaining > n as u64 && !self.ended;
            if LATER && is_cut && delivery == Delivery::Message && n < TOGETHER && (n as u64) < room
            {
                return Ok(Found::Step(Step::NeedOctets));
            }
            return self.compressed::<R, X, LATER>(delivery, n, octets, stage);
        }
        frame.unmask::<R>(n, &self.places, octets);
        self.places.gather(n, octets);
        frame.remaining -= n as u64;
        let fragment_ends = frame.remaining == 0;
        self.message_ends = fragment_ends && frame.fin;
        let (announced, step) = match delivery {
            Delivery::Message if self.message_ends => {
                self.announced = Announced::Message;
                return Ok(Found::Step(Step::Message));
            }
            Delivery::Message if fragment_ends => {
                self.frame = None;
                if !LATER {
                    self.check_gathered(delivery, octets, stage);
                }
                return Ok(Found::Again);
            }
            Delivery::Chunk if n > 0 || fragment_ends => (Announced::Chunk, Step::Chunk),
            Delivery::Frame if fragment_ends => (Announced::Frame, Step::Frame),
            _ => return Ok(Found::Step(Step::NeedOctets)),
        };
        if message.kind == MessageKind::Text && !message.compressed {
            let fresh = octets::rest(self.places.gathered(octets), message.checked);
            message.checked = 0;
            if !check_text(&mut self.utf8, fresh, self.message_ends) {
                return Err(Failure::Peer(Violation::InvalidUtf8));
            }
        }
        self.announced = announced;
        if announced == Announced::Chunk && fragment_ends {
            self.frame = None;
        }
        Ok(Found::Step(step))
    }

    fn compressed<R: Role, X: Decompress, const LATER: bool>(
        &mut self,
        delivery: Delivery,
        n: usize,
        octets: &mut [u8],
        stage: &mut X,
    ) -> Result<Found, Failure> {
        let (Some(frame), Some(message)) = (&mut self.frame, &self.message) else {
            return Ok(Found::Again);
        };
        let key = frame.key;
        frame.unmask::<R>(n, &self.places, octets);
        let last = frame.fin && frame.remaining == n as u64;
        let input = octets::part(octets, self.places.read, n);
        let done = match stage.decompress(input, last) {
            Ok(done) => done,
            Err(error) => return Err(self.stage_failed(error)),
        };
        let consumed = done.consumed.min(n);
        let output = stage.output();
        if consumed < n {
            // What the stage left is masked again, so that it is unmasked when its turn comes.
            if !R::MASKS {
                frame.key = key.at(consumed as u64);
                let from = self.places.read.saturating_add(consumed);
                let left = octets::part_mut(octets, from, n - consumed);
                frame.key.apply(left);
            }
        }
        self.places.skip(consumed);
        frame.remaining -= consumed as u64;
        let fragment_ends = frame.remaining == 0 && done.finished;
        self.message_ends = fragment_ends && frame.fin;
        // Where nothing was released, a stage that has no room for more is full.
        let is_whole = delivery == Delivery::Message;
        let before = if is_whole { 0 } else { self.total };
        let stuck = !done.finished && (is_whole || (output.is_empty() && consumed == 0));
        let held = before.saturating_add(output.len() as u64);
        if stuck {
            return Err(self.too_long(held.saturating_add(1), held));
        }
        if held > self.message_limit {
            return Err(self.too_long(held, self.message_limit));
        }
        if is_whole {
            if self.message_ends {
                self.announced = Announced::Message;
                return Ok(Found::Step(Step::Message));
            }
        } else if !output.is_empty() || self.message_ends {
            if message.kind == MessageKind::Text
                && !check_text(&mut self.utf8, output, self.message_ends)
            {
                return Err(Failure::Peer(Violation::InvalidUtf8));
            }
            self.announced = Announced::Chunk;
            if fragment_ends {
                self.frame = None;
            }
            return Ok(Found::Step(Step::Chunk));
        }
        if fragment_ends {
            self.frame = None;
            if !LATER {
                self.check_gathered(delivery, octets, stage);
            }
            return Ok(Found::Again);
        }
        Ok(Found::Step(Step::NeedOctets))
    }
}

impl OpenFrame {
    #[inline]
    fn unmask<R: Role>(&mut self, n: usize, places: &Places, octets: &mut [u8]) {
        // A client has no such step: it refuses masked frames.
        if !R::MASKS {
            self.key.apply(octets::part_mut(octets, places.read, n));
            self.key = self.key.at(n as u64);
        }
    }
}
