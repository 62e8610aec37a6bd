//! A whole session over fixed memory, under an allocator that says when it is asked.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::{Cell, RefCell};
use std::alloc::System;

use bare_ws::buffer::Buffers;
use bare_ws::close::CloseCode;
use bare_ws::compression::Uncompressed;
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::handshake::Request;
use bare_ws::message::{Message, MessageKind};
use bare_ws::receiver::Receiver;
use bare_ws::role::Client;
use bare_ws::sender::{MIN_TRANSMIT, Sender};
use bare_ws::uri::Uri;
use bare_ws::{asynch, blocking};
use bare_ws_tests::laws::Keys;
use bare_ws_tests::poll::block_on;
use bare_ws_tests::stream::{Sent, Stream};

/// The system's allocator, which is not to be used.
struct Watched;

thread_local! {
    static WATCHING: Cell<bool> = const { Cell::new(false) };
    static ASKED: Cell<u32> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

fn asked() {
    if WATCHING.get() {
        ASKED.set(ASKED.get() + 1);
    }
}

#[expect(unsafe_code, reason = "an allocator is")]
// SAFETY: everything is the system allocator's.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        asked();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        asked();
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        asked();
        unsafe { System.realloc(at, layout, len) }
    }
}

/// Runs `session` and gives how often the allocator was asked.
fn watched(session: impl FnOnce()) -> u32 {
    ASKED.set(0);
    WATCHING.set(true);
    session();
    WATCHING.set(false);
    ASKED.get()
}

/// A transport over arrays.
struct Fixed {
    incoming: &'static [u8],
    written: [u8; 4096],
    len: usize,
    pace: usize,
}

impl Fixed {
    const fn new(incoming: &'static [u8], pace: usize) -> Self {
        Self {
            incoming,
            written: [0; 4096],
            len: 0,
            pace,
        }
    }

    fn take(&mut self, buf: &mut [u8]) -> usize {
        let n = self.pace.min(buf.len()).min(self.incoming.len());
        buf[..n].copy_from_slice(&self.incoming[..n]);
        self.incoming = &self.incoming[n..];
        n
    }

    fn put(&mut self, buf: &[u8]) -> usize {
        let n = self.pace.min(buf.len());
        self.written[self.len..self.len + n].copy_from_slice(&buf[..n]);
        self.len += n;
        n
    }
}

impl embedded_io::ErrorType for Fixed {
    type Error = core::convert::Infallible;
}
impl embedded_io::Read for Fixed {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        Ok(self.take(buf))
    }
}
impl embedded_io::Write for Fixed {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        Ok(self.put(buf))
    }
    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// The asynchronous loop takes two.
struct Half<'a>(&'a RefCell<&'a mut Fixed>);

impl embedded_io::ErrorType for Half<'_> {
    type Error = core::convert::Infallible;
}
impl embedded_io_async::Read for Half<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        Ok(self.0.borrow_mut().take(buf))
    }
}
impl embedded_io_async::Write for Half<'_> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        Ok(self.0.borrow_mut().put(buf))
    }
    async fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// For the handshake "the sample nonce" of RFC 6455 §1.3, then keys.
#[derive(Default)]
struct Sample(Keys);

impl Entropy for Sample {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        match <&mut [u8; 16]>::try_from(&mut *octets) {
            Ok(nonce) => *nonce = *b"the sample nonce",
            Err(_) => self.0.fill(octets)?,
        }
        Ok(())
    }
}

const INCOMING: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\
    \x81\x05Hello\x89\x02hi\x01\x03a\xc3\xa9\x8a\x00\x80\x01b\x82\x7e\x00\x7e\
    0123456789012345678901234567890123456789012345678901234567890123456789\
    01234567890123456789012345678901234567890123456789012345\
    \x82\x01x\x88\x05\x03\xe8bye";

/// A canary stands in every octet of both buffers before it is used.
const CANARY: u8 = 0xa5;

/// The calls of a session, over either loop.
macro_rules! session {
    ($loop:ident, $run:path, $io:expr) => {{
        let uri = Uri::parse("ws://example.com/chat").unwrap();
        let request = Request::new(uri);
        let buffers = Buffers {
            receive: [CANARY; 140],
            transmit: [CANARY; 131],
        };
        let opening =
            $loop::Connection::open($io, &request, buffers, Sample::default(), Uncompressed);
        let (mut connection, established) = $run(opening).unwrap();
        assert_eq!(established.subprotocol, None);
        $run(connection.send("text")).unwrap();
        assert_eq!(
            $run(connection.recv()).unwrap(),
            Some(Message::Text("Hello"))
        );
        assert_eq!($run(connection.recv()).unwrap(), Some(Message::Text("aéb")));
        let message = $run(connection.reader.recv(&mut connection.writer))
            .unwrap()
            .unwrap();
        assert_eq!(message.len(), 126);
        // An echo borrows from the one half what the other sends.
        $run(connection.writer.send(message)).unwrap();
        $run(connection.writer.ping(&[1; 125])).unwrap();
        $run(
            connection
                .writer
                .send_fragment(MessageKind::Binary, &[2; 300], false),
        )
        .unwrap();
        $run(
            connection
                .writer
                .send_fragment(MessageKind::Binary, &[], true),
        )
        .unwrap();
        $run(connection.send(&[3; 1000])).unwrap();
        $run(connection.close(Some(CloseCode::NORMAL), "done")).unwrap();
        let chunk = $run(connection.recv_chunk()).unwrap().unwrap();
        assert_eq!((chunk.octets, chunk.fin), (&b"x"[..], true));
        assert!($run(connection.recv()).unwrap().is_none());
        let status = connection.reader.close_status().unwrap();
        assert_eq!((status.code, status.reason), (CloseCode::NORMAL, "bye"));
        $run(connection.finish()).unwrap();
    }};
}

fn sent(io: &Fixed) {
    let written = &io.written[..io.len];
    let head = written
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    let stream = Stream::of_client(&written[head..]);
    let digits = b"0123456789".repeat(13)[..126].to_vec();
    let mut wanted = vec![
        Sent::Text("text".into()),
        Sent::Pong(b"hi".to_vec()),
        Sent::Binary(digits.clone()),
        Sent::Ping(vec![1; 125]),
        Sent::Binary(vec![2; 300]),
        Sent::Binary(vec![3; 1000]),
        Sent::Close(Some(1000), "done".into()),
    ];
    // The 126 octets: seventy and fifty-six digits.
    wanted[2] = Sent::Binary([&digits[..70], &digits[..56]].concat());
    assert_eq!(stream.messages(), wanted);
}

// row: LIM-04, TRAP-23, SEED-08
#[test]
fn a_blocking_session_allocates_nothing() {
    for pace in [usize::MAX, 1, 7] {
        let mut io = Fixed::new(INCOMING, pace);
        assert_eq!(
            watched(|| session!(blocking, as_is, &mut io)),
            0,
            "pace {pace}"
        );
        sent(&io);
    }
}

const fn as_is<T>(value: T) -> T {
    value
}

// row: LIM-04, TRAP-23
#[test]
fn an_asynchronous_session_allocates_nothing() {
    for pace in [usize::MAX, 1, 7] {
        let mut io = Fixed::new(INCOMING, pace);
        assert_eq!(
            watched(|| {
                let io = RefCell::new(&mut io);
                session!(asynch, block_on, (Half(&io), Half(&io)));
            }),
            0,
            "pace {pace}"
        );
        sent(&io);
    }
}

#[test]
fn the_allocator_is_watched() {
    assert_eq!(watched(|| drop(core::hint::black_box(Box::new(1)))), 2);
}

/// Two sessions that differ in nothing but what stood in the buffers before.
fn session_over(stale: u8) -> Vec<u8> {
    let mut io = bare_ws_tests::io::Transport::new(
        b"\x89\x7d0123456789012345678901234567890123456789012345678901234567890123456789\
        0123456789012345678901234567890123456789012345678901234\x89\x01p\x88\x02\x03\xe8",
    );
    io.writes = vec![5, 100, 1];
    let mut connection = blocking::Connection::new(
        io,
        Receiver::<Client, _>::new([stale; 14]),
        Sender::<Client, _, _>::new([stale; MIN_TRANSMIT], Keys::default()),
    );
    connection.send([7; 400]).unwrap();
    connection.writer.ping(&[7; 125]).unwrap();
    connection.writer.ping(b"").unwrap();
    connection
        .writer
        .send_fragment(MessageKind::Text, b"abc", false)
        .unwrap();
    connection
        .writer
        .send_fragment(MessageKind::Text, &[b'd'; 200], true)
        .unwrap();
    assert_eq!(connection.recv(), Ok(None));
    connection.writer.io().written.clone()
}

// row: TRAP-23
#[test]
fn nothing_that_stood_in_a_buffer_before_is_sent() {
    let clean = session_over(0);
    assert_eq!(Stream::of_client(&clean).messages().len(), 7);
    for stale in [CANARY, 0xff, 0x5a] {
        assert_eq!(session_over(stale), clean);
    }
}
