//! The state of a sender, apart from whose memory it is and which end we are.

use super::{FIN, Piece};
use crate::closing::Outbound;
use crate::error::Usage;
use crate::header::{CONTROL_HEADER, MASK, MAX_CONTROL, header_len, short_len};
use crate::mask::MaskingKey;
use crate::octets;
use crate::opcode::Opcode;

/// The data message that is not wholly queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    Nothing,
    /// One given whole, of which some fragments are queued.
    Message,
    /// One given in pieces.
    Fragments,
    /// One frame, of which `remaining` octets of payload are still to be given.
    Frame {
        /// As seen from the first octet that is still to be given.
        key: MaskingKey,
        remaining: usize,
    },
}

#[derive(Clone)]
pub(super) struct Machine {
    /// `sent <= filled`: what is pending.
    sent: usize,
    pub(super) filled: usize,
    pub(super) open: Open,
    /// Of the next frame of the open message: its kind's until a frame of it is queued.
    pub(super) opcode: Opcode,
    pub(super) compressing: bool,
    /// No message that begins is compressed.
    pub(super) raw: bool,
    pub(super) outbound: Outbound,
}

impl Machine {
    pub(super) const fn new() -> Self {
        Self {
            sent: 0,
            filled: 0,
            open: Open::Nothing,
            opcode: Opcode::Continuation,
            compressing: false,
            raw: false,
            outbound: Outbound::Open,
        }
    }

    #[inline]
    pub(super) fn pending<'a>(&self, octets: &'a [u8]) -> &'a [u8] {
        octets::part(octets, self.sent, self.filled.saturating_sub(self.sent))
    }

    #[inline]
    pub(super) fn advance(&mut self, n: usize) {
        self.sent = self.sent.saturating_add(n);
        if self.sent >= self.filled {
            self.forget();
        }
    }

    #[inline]
    pub(super) const fn is_drained(&self) -> bool {
        self.filled == 0
    }

    #[inline]
    pub(super) const fn free(&self, len: usize) -> usize {
        len.saturating_sub(self.filled)
    }

    /// What is pending is not sent any more.
    #[inline]
    pub(super) const fn forget(&mut self) {
        self.sent = 0;
        self.filled = 0;
    }

    /// Whether data may follow: the `first` of a message, or more of one that was given `whole`
    /// or is given in fragments.
    #[inline]
    pub(super) fn admits(&self, first: bool, whole: bool) -> Result<(), Usage> {
        self.outbound.open()?;
        match self.open {
            Open::Nothing if first => Ok(()),
            Open::Fragments if first => Err(Usage::MessageOpen),
            Open::Message if !first && whole => Ok(()),
            Open::Fragments if !first && !whole => Ok(()),
            Open::Message | Open::Frame { .. } if first || !whole => Err(Usage::InterruptedMessage),
            _ => Err(Usage::NothingToContinue),
        }
    }

    /// Whether a message may begin.
    #[cfg(not(target_os = "none"))]
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.outbound == Outbound::Open && self.open == Open::Nothing
    }

    /// Whether a control frame with `len` octets of payload may follow, and has room.
    pub(super) fn admits_control(&self, len: usize, memory: usize) -> Result<bool, Usage> {
        self.outbound.open()?;
        if len > MAX_CONTROL {
            return Err(Usage::ControlTooLong);
        }
        if let Open::Frame { .. } = self.open {
            return Err(Usage::InterruptedMessage);
        }
        Ok(CONTROL_HEADER + len <= self.free(memory))
    }

    /// The first octet of the next frame of a message.
    #[inline]
    pub(super) const fn first(&self, fin: bool) -> u8 {
        self.opcode as u8 | if fin { FIN } else { 0 }
    }

    /// A frame of the message was queued.
    #[inline]
    pub(super) const fn after(&mut self, piece: &Piece<'_>, fin: bool) {
        self.opcode = Opcode::Continuation;
        if fin {
            self.open = Open::Nothing;
        } else {
            self.leave_open(piece);
        }
    }

    pub(super) const fn leave_open(&mut self, piece: &Piece<'_>) {
        self.open = if piece.whole {
            Open::Message
        } else {
            Open::Fragments
        };
    }

    #[inline]
    pub(super) fn put_frame(
        &mut self,
        first: u8,
        key: Option<MaskingKey>,
        payload: &[u8],
        octets: &mut [u8],
    ) {
        #[cfg(not(target_os = "none"))]
        if let Some(key) = key
            && let Some(len) =
                put_common(first, key, payload, octets::rest_mut(octets, self.filled))
        {
            self.filled += len;
            return;
        }
        self.put_header(first, payload.len(), key, octets);
        self.put(payload, key.unwrap_or(MaskingKey::NONE), octets);
    }

    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn put_header(
        &mut self,
        first: u8,
        len: usize,
        key: Option<MaskingKey>,
        octets: &mut [u8],
    ) {
        let mask = if key.is_some() { MASK } else { 0 };
        let (short, unused) = short_len(len as u64);
        // Of most frames, where code has room for a way of their own.
        #[cfg(not(target_os = "none"))]
        if unused == 8
            && let Some(key) = key
            && let Some(to) = octets.get_mut(self.filled..)
            && let Some(to) = to.first_chunk_mut()
        {
            let [a, b, c, d] = key.octets();
            let header = [first, mask | short, a, b, c, d];
            *to = header;
            self.filled += header.len();
            return;
        }
        let mut at = self.filled;
        let mut put = |octet| {
            if let Some(place) = octets.get_mut(at) {
                *place = octet;
            }
            at = at.wrapping_add(1);
        };
        put(first);
        put(mask | short);
        for octet in octets::rest(&(len as u64).to_be_bytes(), unused) {
            put(*octet);
        }
        if let Some(key) = key {
            key.octets().into_iter().for_each(put);
        }
        self.filled = at;
    }

    /// Adds octets, masked. The caller has seen that they fit.
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn put(&mut self, from: &[u8], key: MaskingKey, octets: &mut [u8]) {
        key.put(from, octets, self.filled);
        self.filled += from.len();
    }

    /// Frames `len` octets that already lie in the buffer at `from`, behind room for any header.
    pub(super) fn put_in_place(
        &mut self,
        first: u8,
        key: Option<MaskingKey>,
        from: usize,
        len: usize,
        octets: &mut [u8],
    ) {
        if let Some(key) = key {
            key.apply(octets::part_mut(octets, from, len));
        }
        let to = self.filled + header_len(len as u64, key.is_some());
        octets::slide(octets, from, from.saturating_add(len), to);
        self.put_header(first, len, key, octets);
        self.filled += len;
    }

    pub(super) fn frame_payload(&mut self, payload: &[u8], octets: &mut [u8]) -> usize {
        let Open::Frame { key, remaining } = self.open else {
            return 0;
        };
        let n = payload.len().min(remaining).min(self.free(octets.len()));
        self.put(payload.get(..n).unwrap_or_default(), key, octets);
        let remaining = remaining - n;
        self.open = if remaining == 0 {
            Open::Nothing
        } else {
            Open::Frame {
                key: key.at(n as u64),
                remaining,
            }
        };
        n
    }
}

/// Puts a masked frame of up to 64 KiB, whole, where code has room for a way of its own for most frames; gives
/// its length. `None`: it is longer, or there is no room for it, and nothing was put.
#[cfg(not(target_os = "none"))]
#[inline]
fn put_common(first: u8, key: MaskingKey, payload: &[u8], octets: &mut [u8]) -> Option<usize> {
    let len = u16::try_from(payload.len()).ok()?;
    let [a, b, c, d] = key.octets();
    let header = if len <= 125 {
        let (header, to) = octets.split_first_chunk_mut()?;
        let to = to.get_mut(..payload.len())?;
        *header = [first, MASK | len as u8, a, b, c, d];
        key.copy_words(payload, to);
        header.len()
    } else {
        let (header, to) = octets.split_first_chunk_mut()?;
        let to = to.get_mut(..payload.len())?;
        let [high, low] = len.to_be_bytes();
        *header = [first, MASK | 126, high, low, a, b, c, d];
        key.copy_anywhere(payload, to);
        header.len()
    };
    Some(header + payload.len())
}

// What a connection costs a board beside its buffers.
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Machine>() <= 24);
