//! What of a message is still to be queued.

use core::fmt;

use super::Sender;
use crate::buffer::Storage;
use crate::compression::Compress;
use crate::entropy::Entropy;
use crate::error::SendError;
use crate::message::{Message, MessageKind};
use crate::octets;
use crate::role::Role;

/// A whole message on its way into the transmit buffer, which may take it in several pieces.
pub struct Outgoing<'a> {
    kind: MessageKind,
    rest: &'a [u8],
    first: bool,
}

impl<'a> Outgoing<'a> {
    /// A message of which nothing is queued yet.
    #[inline]
    #[must_use]
    pub fn new(message: Message<'a>) -> Self {
        Self {
            kind: message.kind(),
            rest: message.as_bytes(),
            first: true,
        }
    }

    /// Queues as much of the message as there is room for; gives whether that was the end of it. If
    /// not, write out what is [pending](Sender::pending) and call again.
    ///
    /// # Errors
    /// As [`Sender::message`].
    #[inline(always)] // less code than a call
    pub fn queue<R: Role, B: Storage, E: Entropy, X: Compress>(
        &mut self,
        sender: &mut Sender<R, B, E, X>,
    ) -> Result<bool, SendError> {
        let queued = sender.message(self.kind, self.rest, self.first)?;
        self.rest = octets::rest(self.rest, queued.taken);
        self.first = self.first && !sender.in_message();
        Ok(queued.complete)
    }
}

/// Without the payload.
impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("kind", &self.kind)
            .field("remaining", &self.rest.len())
            .finish_non_exhaustive()
    }
}
