//! Memory for a connection's octets: lent by the caller, or growing.

use crate::octets;

/// How far the transport may write ahead of what is known to be needed where frames are short: many
/// small messages arrive in one read, and memory that can grow has room for as much.
pub(crate) const READ_AHEAD: usize = 64 * 1024;

/// How much more than double memory grows to, in octets: room for headers beside a message whose length
/// is a power of two.
#[cfg(feature = "alloc")]
const BESIDE: usize = 64;

/// Where a connection keeps octets: any `AsRef<[u8]> + AsMut<[u8]>` of a fixed length, such as
/// `&'static mut [u8]`, `[u8; N]` or `Box<[u8]>`; with feature `alloc` also `Growing`, which grows
/// as octets arrive.
pub trait Storage {
    /// The memory as it is now.
    fn octets(&self) -> &[u8];

    /// The memory as it is now.
    fn octets_mut(&mut self) -> &mut [u8];

    /// The most octets that [`grow`](Self::grow) may ever give: those that there are, unless more
    /// can be had.
    fn most(&self) -> usize {
        self.octets().len()
    }

    /// Makes room for `len` octets in all, keeping what is there. `false`: it cannot.
    fn grow(&mut self, len: usize) -> bool {
        self.octets().len() >= len
    }

    /// Whether [`grow`](Self::grow) may ever give more than there is now.
    fn can_grow(&self) -> bool {
        self.octets().len() < self.most()
    }

    /// Told how many octets, from the first on, were needed at the same time.
    #[inline]
    fn used(&mut self, _len: usize) {}

    /// Told when the transport has filled all of it, so that more may have waited: memory may grow,
    /// for the next call of the operating system to take more.
    #[inline]
    fn filled(&mut self) {}

    /// Told between two messages, while the first `kept` octets are of use. Memory that has grown may
    /// shrink; its first octets stay, those and as many as were [used](Self::used) each time since it
    /// shrank last.
    #[inline]
    fn give_back(&mut self, _kept: usize) {}

    /// Whether [`shrink`](Self::shrink) would give memory back.
    #[inline]
    fn has_grown(&self) -> bool {
        false
    }

    /// Gives back at once what it has grown by, but for the first `kept` octets.
    #[inline]
    fn shrink(&mut self, _kept: usize) {}
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Storage for B {
    #[inline]
    fn octets(&self) -> &[u8] {
        self.as_ref()
    }

    #[inline]
    fn octets_mut(&mut self) -> &mut [u8] {
        self.as_mut()
    }
}

/// The two buffers of a connection.
///
/// The longest message that is received whole, and 14 octets for its header, fit the receive
/// buffer; pieces of a message pass through any. The transmit buffer has at least
/// [`MIN_TRANSMIT`](crate::sender::MIN_TRANSMIT) octets.
///
/// ```
/// use bare_ws::buffer::Buffers;
///
/// let (mut receive, mut transmit) = ([0; 1024], [0; 512]);
/// let buffers = Buffers {
///     receive: &mut receive[..],
///     transmit: &mut transmit[..],
/// };
/// # let _ = buffers;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Buffers<B, T> {
    /// What arrives.
    pub receive: B,
    /// What is to be sent.
    pub transmit: T,
}

/// Memory on the heap that grows with the octets that are there, never by what a peer declares, and
/// up to a limit; and that shrinks when none of the last [`Growing::ROUNDS`] messages, or runs of
/// messages that arrived together, needed half of it.
#[cfg(feature = "alloc")]
#[derive(Clone)]
pub struct Growing {
    octets: alloc::vec::Vec<u8>,
    limit: usize,
    /// What it began with.
    least: usize,
    /// The most that was used since the last round ended, ...
    used: usize,
    /// ... and in the rounds that are counted.
    most: usize,
    rounds: u8,
}

#[cfg(feature = "alloc")]
impl Growing {
    /// The limit unless [another](Self::with_limit) is set: 16 MiB for a message, and 64 KiB for
    /// what stands beside it, such as headers or an LZ77 window.
    pub const LIMIT: usize = 16 * 1024 * 1024 + 64 * 1024;

    /// How often memory must have been left half empty before it shrinks: a message as long as
    /// before then costs one growth more, and no connection keeps the memory of one that was.
    pub const ROUNDS: u8 = 64;

    /// Starts with room for `len` octets.
    #[must_use]
    pub fn with_len(len: usize) -> Self {
        Self {
            octets: alloc::vec![0; len],
            limit: Self::LIMIT,
            least: len,
            used: 0,
            most: 0,
            rounds: 0,
        }
    }

    /// Grows to `octets` at the most; what there is already stays. A message is received whole up
    /// to 14 octets less, which are for a header.
    #[must_use]
    pub fn with_limit(self, octets: usize) -> Self {
        Self {
            limit: octets,
            ..self
        }
    }

    #[cold]
    fn grow_to(&mut self, len: usize) -> bool {
        if len > self.limit {
            return false;
        }
        // Doubling: the copies that growing costs stay linear in what arrived.
        let doubled = self.octets.len().saturating_mul(2);
        let target = doubled.saturating_add(BESIDE).clamp(len, self.limit);
        if self
            .octets
            .try_reserve_exact(target - self.octets.len())
            .is_err()
        {
            return false;
        }
        self.octets.resize(target, 0);
        true
    }

    #[cold]
    fn shrink_to(&mut self, len: usize) {
        self.octets.truncate(len.max(self.least));
        self.octets.shrink_to_fit();
        self.used = 0;
        self.most = 0;
        self.rounds = 0;
    }
}

#[cfg(feature = "alloc")]
impl Default for Growing {
    fn default() -> Self {
        Self::with_len(0)
    }
}

#[cfg(feature = "alloc")]
impl Storage for Growing {
    #[inline]
    fn octets(&self) -> &[u8] {
        &self.octets
    }

    #[inline]
    fn octets_mut(&mut self) -> &mut [u8] {
        &mut self.octets
    }

    fn most(&self) -> usize {
        self.limit.max(self.octets.len())
    }

    #[inline]
    fn grow(&mut self, len: usize) -> bool {
        len <= self.octets.len() || self.grow_to(len)
    }

    #[inline]
    fn used(&mut self, len: usize) {
        self.used = self.used.max(len);
    }

    fn filled(&mut self) {
        let len = self.octets.len();
        if len < READ_AHEAD {
            // That there is no more memory is told where it is needed.
            let _ = self.grow(len.saturating_mul(2).min(self.limit));
        }
    }

    #[inline]
    fn give_back(&mut self, kept: usize) {
        // Looking again at what nothing has come to is no round.
        let used = core::mem::take(&mut self.used);
        if used == 0 || self.octets.len() <= self.least {
            return;
        }
        if used >= self.octets.len() / 2 {
            self.most = 0;
            self.rounds = 0;
            return;
        }
        self.most = self.most.max(used);
        self.rounds += 1;
        if self.rounds == Self::ROUNDS {
            // Twice what was needed, so that it does not grow again at once.
            self.shrink_to(self.most.saturating_mul(2).max(kept));
        }
    }

    #[inline]
    fn has_grown(&self) -> bool {
        self.octets.len() > self.least
    }

    fn shrink(&mut self, kept: usize) {
        if kept.max(self.least) < self.octets.len() {
            self.shrink_to(kept);
        }
    }
}

/// Payloads may be secrets; they are not shown.
#[cfg(feature = "alloc")]
impl core::fmt::Debug for Growing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Growing")
            .field("len", &self.octets.len())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// The places in a receive buffer, in their order: released octets, the message that is being
/// gathered, a gap where headers stood, octets that are not parsed yet, free memory.
///
/// ```text
///  0 ......... start ====== end ....... read ------ filled ......... len
///    released        message     gap        unparsed        free
/// ```
///
/// They never change places, so none of the arithmetic here wraps. It could not panic either.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Places {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) read: usize,
    pub(crate) filled: usize,
}

impl Places {
    /// Octets that are not parsed yet.
    #[inline]
    pub(crate) fn unparsed<'a>(&self, octets: &'a [u8]) -> &'a [u8] {
        octets::part(octets, self.read, self.available())
    }

    /// What was gathered.
    #[inline]
    pub(crate) fn gathered<'a>(&self, octets: &'a [u8]) -> &'a [u8] {
        octets::part(octets, self.start, self.len())
    }

    /// How many octets are not parsed yet.
    #[inline]
    pub(crate) const fn available(&self) -> usize {
        self.filled.wrapping_sub(self.read)
    }

    /// How many octets were gathered.
    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.end.wrapping_sub(self.start)
    }

    /// Steps over `n` unparsed octets.
    #[inline]
    pub(crate) const fn skip(&mut self, n: usize) {
        self.read = self.read.wrapping_add(n);
        if self.len() == 0 {
            // Nothing is gathered: what comes next may be, where it lies.
            self.start = self.read;
            self.end = self.read;
        }
    }

    /// Adds the next `n` unparsed octets to what is gathered; they move only over a gap.
    #[inline]
    pub(crate) fn gather(&mut self, n: usize, octets: &mut [u8]) {
        let from = self.read;
        let to = from.wrapping_add(n);
        if from != self.end {
            octets::slide(octets, from, to, self.end);
        }
        self.end = self.end.wrapping_add(n);
        self.read = to;
    }

    /// Forgets what was gathered.
    #[inline]
    pub(crate) const fn release(&mut self) {
        if self.read == self.filled {
            *self = Self {
                start: 0,
                end: 0,
                read: 0,
                filled: 0,
            };
        } else {
            self.start = self.read;
            self.end = self.read;
        }
    }

    /// Closes the gap, at the price of moving what is unparsed behind it (a few octets of a
    /// header, or nothing).
    pub(crate) fn close_gap(&mut self, octets: &mut [u8]) {
        if self.read > self.end {
            octets::slide(octets, self.read, self.filled, self.end);
            self.filled -= self.read - self.end;
            self.read = self.end;
        }
    }

    /// Whether there is much room in front of what would move and little, `free`, behind it: the next read would
    /// be short, though many small messages come. Memory of boards is not so large.
    #[inline]
    pub(crate) const fn has_room_in_front_only(&self, free: usize) -> bool {
        cfg!(not(target_os = "none"))
            && free < READ_AHEAD / 2
            && self.start >= READ_AHEAD / 2
            && self.filled.wrapping_sub(self.start) <= self.start
    }

    /// Moves everything to the front.
    pub(crate) fn compact(&mut self, octets: &mut [u8]) {
        let by = self.start;
        if by > 0 {
            octets::slide(octets, by, self.filled, 0);
            self.start = 0;
            self.end -= by;
            self.read -= by;
            self.filled -= by;
        }
    }
}
