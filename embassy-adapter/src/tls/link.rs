//! The two queues between embedded-tls and the transport.
//!
//! embedded-tls wants to own its transport and loses its place in a record when one of its
//! futures is dropped: octets of a half-read header are gone, and a half-written record is
//! followed by one under the same nonce. So it is given queues in memory, which make its futures
//! complete at once, and [`stream`](super::stream) alone waits on the transport, with its
//! progress kept here.
//!
//! Records pass the gate of RFC 8446 §5 on their way in: what embedded-tls would choke on, or take
//! for its peer's word although it is in the clear, goes no further. Their contents pass another
//! gate, in [`cipher`].

use core::cell::{RefCell, RefMut};
use core::convert::Infallible;
use core::fmt;
use core::future::poll_fn;
use core::task::Poll;

use embedded_io_async::{ErrorType, Read, Write};
use embedded_tls::TlsError;

use super::error::Error;
use super::{Records, cipher};

// row: LIV-25
/// Where records wait while they are incomplete, one buffer for each direction. It serves one
/// connection after the other, each of which borrows it.
///
/// Lent to two connections at once, it would mix their records. The type forbids that:
///
/// ```compile_fail,E0499
/// use bare_ws_embassy::bare_ws::entropy::Entropy;
/// use bare_ws_embassy::tls::{Client, Link, Records, Trust};
/// use embedded_io_async::{Read, Write};
///
/// async fn twice<'a, Io: Read + Write>(
///     client: Client<'_, impl Trust>,
///     link: &mut Link<'_>,
///     [first, second]: [Records<'a>; 2],
///     [one, other]: [(Io, Io); 2],
///     entropy: &mut impl Entropy,
/// ) {
///     let one = client.connect(link, first, one, entropy).await;
///     let other = client.connect(link, second, other, entropy).await;
///     drop((one, other));
/// }
/// ```
///
/// `receive` holds one record from the server, with its header of 5 octets; `transmit` holds as
/// much as [`Records::write`](super::Records::write).
pub struct Link<'b> {
    pub(super) inbound: RefCell<Inbound<'b>>,
    pub(super) outbound: RefCell<Outbound<'b>>,
}

impl<'b> Link<'b> {
    /// The least length of `receive`.
    pub const MIN_RECEIVE: usize = 64;

    /// A link made of two buffers.
    pub fn new(receive: &'b mut [u8], transmit: &'b mut [u8]) -> Self {
        Self {
            inbound: RefCell::new(Inbound::new(receive)),
            outbound: RefCell::new(Outbound::new(transmit)),
        }
    }

    /// Begins a connection, if both queues are long enough for these record buffers. What is left
    /// of the previous connection is dropped.
    pub(super) fn begin<T>(&mut self, records: &Records<'_>) -> Result<(), Error<T>> {
        let (inbound, outbound) = (self.inbound.get_mut(), self.outbound.get_mut());
        let fits = |buffer: &[u8], needed| {
            if buffer.len() < needed {
                return Err(Error::BufferTooSmall { needed });
            }
            Ok(())
        };
        fits(records.write, Records::MIN_WRITE)?;
        fits(inbound.hold, Self::MIN_RECEIVE)?;
        fits(outbound.hold, records.write.len())?;
        inbound.begin(records.read.len());
        outbound.begin();
        Ok(())
    }

    // One future at a time uses a queue, so it is never borrowed twice; if it were, by two
    // futures of one half, the second one is refused.
    pub(super) fn inbound<T>(&self) -> Result<RefMut<'_, Inbound<'b>>, Error<T>> {
        self.inbound.try_borrow_mut().map_err(|_| Error::Closed)
    }

    pub(super) fn outbound<T>(&self) -> Result<RefMut<'_, Outbound<'b>>, Error<T>> {
        self.outbound.try_borrow_mut().map_err(|_| Error::Closed)
    }
}

/// What may come in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Until ServerHello: handshake and alert in the clear.
    ClientHello,
    /// Until Finished: protected, or a change_cipher_spec of middlebox compatibility.
    Handshake,
    /// Protected, and nothing else.
    Open,
    /// Ended by an error: nothing.
    Failed,
}

const HEADER: usize = 5;
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
/// RFC 8446 §5.1: "The length MUST NOT exceed 2^14 bytes."
const MAX_PLAINTEXT: usize = 1 << 14;
/// RFC 8446 §5.2: "The length MUST NOT exceed 2^14 + 256 bytes."
const MAX_CIPHERTEXT: usize = MAX_PLAINTEXT + 256;
/// The tag and the content type: embedded-tls panics on a record that is nothing but a tag.
const MIN_CIPHERTEXT: usize = 17;

/// The record that is coming in.
///
/// ```text
///  hold  |...given...|...here, not given...|...space...|
///        0         start                  end
/// ```
pub(super) struct Inbound<'b> {
    hold: &'b mut [u8],
    start: usize,
    end: usize,
    /// Octets of the record that have not arrived; `None` until its header has.
    rest: Option<usize>,
    /// The most octets of a record, without its header.
    limit: usize,
    phase: Phase,
}

impl<'b> Inbound<'b> {
    fn new(hold: &'b mut [u8]) -> Self {
        Self {
            hold,
            start: 0,
            end: 0,
            rest: None,
            limit: 0,
            phase: Phase::ClientHello,
        }
    }

    fn begin(&mut self, limit: usize) {
        *self = Inbound {
            limit,
            ..Inbound::new(core::mem::take(&mut self.hold))
        };
    }

    /// The handshake is over. From here on a record is given whole or not at all, so that a
    /// dropped future never takes a part of one.
    pub(super) fn open(&mut self) {
        self.phase = Phase::Open;
        self.limit = self.limit.min(self.hold.len().saturating_sub(HEADER));
    }

    /// An error ended the connection.
    pub(super) fn fail(&mut self) {
        self.phase = Phase::Failed;
    }

    pub(super) fn failed(&self) -> bool {
        self.phase == Phase::Failed
    }

    /// Where the transport's octets go: not past the end of the record.
    pub(super) fn spare(&mut self) -> &mut [u8] {
        let wanted = match self.rest {
            Some(rest) => rest,
            None => HEADER.saturating_sub(self.end),
        };
        let space = self.hold.get_mut(self.end..).unwrap_or_default();
        let wanted = wanted.min(space.len());
        space.get_mut(..wanted).unwrap_or_default()
    }

    /// Octets arrived in [`Self::spare`].
    pub(super) fn commit<T>(&mut self, arrived: usize) -> Result<(), Error<T>> {
        self.end = self.end.saturating_add(arrived).min(self.hold.len());
        match &mut self.rest {
            Some(rest) => *rest = rest.saturating_sub(arrived),
            None => {
                if let (HEADER, Some(&header)) = (self.end, self.hold.first_chunk()) {
                    let length = self.pass(header).inspect_err(|_| self.fail())?;
                    self.rest = Some(length);
                    if let (Phase::Open, Some(header)) = (self.phase, self.hold.first_chunk_mut()) {
                        cipher::mark(header);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether there is something to give: a whole record, or as much of it as can be held.
    pub(super) fn ready(&self) -> bool {
        match self.rest {
            None => false,
            Some(0) => true,
            // Inside the handshake only: a record that does not fit comes in pieces.
            Some(_) => self.end == self.hold.len(),
        }
    }

    /// The length of a record that may come now.
    fn pass<T>(&mut self, header: [u8; HEADER]) -> Result<usize, Error<T>> {
        let [kind, major, _minor, high, low] = header;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let lengths = match (self.phase, kind) {
            (Phase::ClientHello, HANDSHAKE) => 1..=MAX_PLAINTEXT,
            (Phase::ClientHello, ALERT) => 2..=2,
            (Phase::Handshake, CHANGE_CIPHER_SPEC) => 1..=1,
            (Phase::Handshake | Phase::Open, APPLICATION_DATA) => MIN_CIPHERTEXT..=MAX_CIPHERTEXT,
            _ => return Err(Error::Protocol(TlsError::InvalidRecord)),
        };
        if major != 3 || !lengths.contains(&length) {
            return Err(Error::Protocol(TlsError::InvalidRecord));
        }
        if length > self.limit {
            return Err(Error::RecordTooLarge {
                needed: length,
                limit: self.limit,
            });
        }
        if self.phase == Phase::ClientHello {
            self.phase = Phase::Handshake;
        }
        Ok(length)
    }

    fn give(&mut self, to: &mut [u8]) -> usize {
        let given = copy(to, self.hold.get(self.start..self.end).unwrap_or_default());
        self.start += given;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            self.rest = self.rest.filter(|&rest| rest > 0);
        }
        given
    }
}

/// As much as fits, and how much that is.
fn copy(to: &mut [u8], from: &[u8]) -> usize {
    let length = to.len().min(from.len());
    if let (Some(to), Some(from)) = (to.get_mut(..length), from.get(..length)) {
        to.copy_from_slice(from);
    }
    length
}

/// The record that is going out.
pub(super) struct Outbound<'b> {
    hold: &'b mut [u8],
    start: usize,
    end: usize,
}

impl<'b> Outbound<'b> {
    fn new(hold: &'b mut [u8]) -> Self {
        Self {
            hold,
            start: 0,
            end: 0,
        }
    }

    fn begin(&mut self) {
        *self = Outbound::new(core::mem::take(&mut self.hold));
    }

    /// What the transport has to take.
    pub(super) fn pending(&self) -> &[u8] {
        self.hold.get(self.start..self.end).unwrap_or_default()
    }

    /// The transport took some of [`Self::pending`].
    pub(super) fn advance(&mut self, taken: usize) {
        self.start = self.start.saturating_add(taken);
        if self.start >= self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    fn take(&mut self, from: &[u8]) -> usize {
        let taken = copy(self.hold.get_mut(self.end..).unwrap_or_default(), from);
        self.end += taken;
        taken
    }
}

/// The queues as embedded-tls sees them. They wake nobody: it is polled again when they moved.
impl ErrorType for &Link<'_> {
    type Error = Infallible;
}

impl Read for &Link<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        poll_fn(|_| match self.inbound.try_borrow_mut() {
            Ok(mut inbound) if inbound.ready() => Poll::Ready(Ok(inbound.give(buffer))),
            _ => Poll::Pending,
        })
        .await
    }
}

impl Write for &Link<'_> {
    async fn write(&mut self, buffer: &[u8]) -> Result<usize, Infallible> {
        poll_fn(|_| match self.outbound.try_borrow_mut() {
            Ok(mut outbound) => match outbound.take(buffer) {
                0 => Poll::Pending,
                taken => Poll::Ready(Ok(taken)),
            },
            Err(_) => Poll::Pending,
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl fmt::Debug for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}
