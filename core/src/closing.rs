//! The closing handshake (RFC 6455 §7.1): every transition of both directions, and nothing else.
//!
//! Two rules hold here. All transitions are in this file. And a direction knows only itself: the
//! receiver what the peer said, the sender what we said; neither can stop the other.
//!
//! ```text
//! receiver   Open --Close received--> Closed        nothing that follows it is looked at
//!            Open --violation, limit-> Failed        §7.1.7: "MUST NOT continue to attempt to
//!            Open --end of octets---> Failed(Lost)   process data"
//!
//! sender     Open --Close queued----> Closed         §5.5.1: "MUST NOT send any more data
//!            Open --peer lost-------> Closed         frames after sending a Close frame"
//! ```
//!
//! A Close from the peer makes an answer due, and so does a failure that has a status code. The
//! [`Owed`] reply waits in the receiver's control slot until the sender has framed it; a sender
//! whose Close is already on its way takes it and sends nothing, so there is never a second one.

use core::fmt;

use crate::close::{CloseCode, MAX_REASON};
use crate::error::{Failure, Usage, Violation};
use crate::header::MAX_CONTROL;
use crate::message::CloseStatus;
use crate::octets;

/// What the peer's direction has come to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Inbound {
    Open,
    /// The peer's Close was read.
    Closed,
    Failed(Failure),
}

impl Inbound {
    /// A Close frame with this payload was read whole.
    pub(crate) fn close_received(&mut self, owed: &mut Owed) {
        match check_close(owed.payload()) {
            Ok(()) => {
                *self = Self::Closed;
                owed.due = Due::Close;
            }
            Err(violation) => self.fail(Failure::Peer(violation), owed),
        }
    }

    /// §7.1.7: the connection fails; the first failure is the one that counts.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn fail(&mut self, failure: Failure, owed: &mut Owed) {
        if matches!(self, Self::Open) {
            *self = Self::Failed(failure);
            owed.due = failure
                .close_code()
                .map_or(Due::Shut, |code| Due::Fail(Why::of(code)));
        }
    }

    /// The transport gives no more octets. §7.1.5: without a Close frame that is status 1006.
    pub(crate) fn ended(&mut self, owed: &mut Owed) {
        self.fail(Failure::Lost, owed);
    }
}

/// What our direction has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outbound {
    Open,
    /// Our Close is queued or sent, or there is nobody to send to.
    Closed,
}

impl Outbound {
    /// Our Close frame was queued. Not one more frame of ours follows it.
    pub(crate) const fn close_queued(&mut self) {
        *self = Self::Closed;
    }

    /// The peer is gone: nothing can be sent.
    pub(crate) const fn shut(&mut self) {
        *self = Self::Closed;
    }

    /// §6.1: "The endpoint MUST ensure the WebSocket connection is in the OPEN state".
    pub(crate) const fn open(self) -> Result<(), Usage> {
        match self {
            Self::Open => Ok(()),
            Self::Closed => Err(Usage::NotOpen),
        }
    }
}

/// The receiver's one control slot: the payload of the control frame read last, and the reply
/// that is owed for it, or that says why we fail the connection.
#[derive(Clone)]
#[repr(C)] // In this order: what is short is reached with less code at the front.
pub struct Owed {
    due: Due,
    len: u8,
    payload: [u8; MAX_CONTROL],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    /// A Pong with the payload.
    Pong,
    /// A Close with the status code of the payload, or without one.
    Close,
    /// A Close that says why we fail the connection.
    Fail(Why),
    /// Nothing to send, and nothing may be sent any more.
    Shut,
}

/// The status codes that a failure has, in one octet: the slot's payload stays what the peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Protocol,
    Payload,
    Policy,
    TooBig,
}

impl Why {
    const fn of(code: CloseCode) -> Self {
        match code {
            CloseCode::INVALID_PAYLOAD => Self::Payload,
            CloseCode::POLICY_VIOLATION => Self::Policy,
            CloseCode::TOO_BIG => Self::TooBig,
            _ => Self::Protocol,
        }
    }

    /// The code as it stands in the Close.
    const fn octets(self) -> &'static [u8; 2] {
        match self {
            Self::Protocol => const { &CloseCode::PROTOCOL_ERROR.0.to_be_bytes() },
            Self::Payload => const { &CloseCode::INVALID_PAYLOAD.0.to_be_bytes() },
            Self::Policy => const { &CloseCode::POLICY_VIOLATION.0.to_be_bytes() },
            Self::TooBig => const { &CloseCode::TOO_BIG.0.to_be_bytes() },
        }
    }
}

/// What the sender is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// A Pong with this payload. §5.5.3: "identical 'Application data' as found in the message
    /// body of the Ping frame".
    Pong(&'a [u8]),
    /// A Close with this payload: the peer's status code, or empty as the peer's was; or the
    /// status code that says why we fail the connection.
    Close(&'a [u8]),
    /// The peer is gone: refuse to send from then on.
    Shut,
}

impl Owed {
    pub(crate) const fn new() -> Self {
        Self {
            payload: [0; MAX_CONTROL],
            len: 0,
            due: Due::Nothing,
        }
    }

    /// The reply that is owed, if any.
    #[must_use]
    pub fn reply(&self) -> Option<Reply<'_>> {
        Some(match self.due {
            Due::Nothing => return None,
            Due::Pong => Reply::Pong(self.payload()),
            // §5.5.1: "the endpoint typically echos the status code it received".
            Due::Close => Reply::Close(octets::part(self.payload(), 0, 2)),
            Due::Fail(why) => Reply::Close(why.octets()),
            Due::Shut => Reply::Shut,
        })
    }

    /// Whether a reply is owed.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.due != Due::Nothing
    }

    /// The reply is queued, or given up: it is not owed any more. No await may stand between queueing
    /// it and this.
    pub fn mark_queued(&mut self) {
        self.due = Due::Nothing;
    }

    pub(crate) fn payload(&self) -> &[u8] {
        octets::part(&self.payload, 0, usize::from(self.len))
    }

    /// Starts the payload of another control frame.
    pub(crate) const fn restart(&mut self) {
        self.len = 0;
    }

    /// Adds to the payload. More than 125 octets cannot come: the header was checked.
    pub(crate) fn push(&mut self, octets: &[u8]) {
        let from = usize::from(self.len);
        if octets::put(&mut self.payload, from, octets).is_some() {
            self.len = self.len.saturating_add(octets.len() as u8);
        }
    }

    /// A Ping was read whole. §5.5.3 lets us answer "only the most recently processed Ping".
    pub(crate) const fn ping_received(&mut self) {
        self.due = Due::Pong;
    }

    /// What the peer's Close said. To be asked once it was received and checked.
    pub(crate) fn close_status(&self) -> CloseStatus<'_> {
        match self.payload().split_first_chunk::<2>() {
            Some((code, reason)) => CloseStatus {
                code: CloseCode(u16::from_be_bytes(*code)),
                reason: core::str::from_utf8(reason).unwrap_or_default(),
            },
            None => CloseStatus {
                code: CloseCode::NO_STATUS,
                reason: "",
            },
        }
    }
}

/// Nothing is owed.
impl Default for Owed {
    fn default() -> Self {
        Self::new()
    }
}

/// Without the payload: what a peer sends has no place in a log.
impl fmt::Debug for Owed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Owed").field(&self.due).finish()
    }
}

/// §5.5.1: "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer
/// ... representing a status code", then UTF-8. §7.4: which codes may be there.
fn check_close(payload: &[u8]) -> Result<(), Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            Ok(())
        } else {
            Err(Violation::ClosePayload)
        };
    };
    let code = CloseCode(u16::from_be_bytes(*code));
    if !code.is_sendable() {
        return Err(Violation::CloseCode(code));
    }
    core::str::from_utf8(reason).map_err(|_| Violation::CloseReason)?;
    Ok(())
}

/// Whether a Close of ours may say that.
pub(crate) fn check_own_close(code: Option<CloseCode>, reason: &str) -> Result<(), Usage> {
    match code {
        None if !reason.is_empty() => Err(Usage::ReasonWithoutCode),
        Some(code) if !code.is_sendable() => Err(Usage::CloseCode(code)),
        _ if reason.len() > MAX_REASON => Err(Usage::ReasonTooLong),
        _ => Ok(()),
    }
}
