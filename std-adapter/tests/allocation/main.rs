//! Nothing is allocated for messages that stream through buffers, nor for whole ones once the buffer
//! has grown.
#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "for hosts: there is always std"
)]

mod initial;
#[path = "../peer/mod.rs"]
mod peer;
#[cfg(feature = "rustls")]
mod secured;
#[cfg(feature = "rustls")]
#[path = "../peer/tls.rs"]
mod tls;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bare_ws_std::bare_ws::buffer::Growing;
use bare_ws_std::{Config, Error, Interest, Stream, Timeout};
use peer::{frame, serve};

/// Counts what the calling thread allocates, and what it holds.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        HELD.set(HELD.get() + layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, octets: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as isize);
        unsafe { System.dealloc(octets, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MESSAGES: usize = 50;

/// Sends messages of many lengths and reads their echoes.
fn echoed() -> peer::Peer {
    serve(|mut conn| {
        conn.accept();
        let mut sending = conn.tcp.try_clone().unwrap();
        let sender = thread::spawn(move || {
            for n in 0..=MESSAGES {
                // The first is the longest: a buffer that grows has grown then.
                let message = vec![b'x'; (MESSAGES - n) * 5000];
                sending.write_all(&frame(0x81, &message)).unwrap();
                sending.write_all(&frame(0x89, b"in between")).unwrap();
            }
        });
        let mut seen = 0;
        while seen <= MESSAGES {
            let (first, _) = conn.read_frame().unwrap();
            seen += usize::from(first & 0x80 != 0 && first != 0x8a);
        }
        sender.join().unwrap();
        conn.close(1000, b"");
        conn.read_close();
    })
}

// row: LIM-04, TRAP-13
#[test]
fn pieces_of_messages_are_echoed_without_an_allocation() -> Result<(), Error> {
    let peer = echoed();
    let config = Config::new().transmit_buffer(131);
    let mut socket = config.connect_into(&peer.uri(), || [0; 128])?;
    let (reader, writer) = (&mut socket.reader, &mut socket.writer);
    let before = ALLOCATIONS.get();
    while let Some(chunk) = reader.recv_chunk()? {
        writer.send_fragment(chunk.kind, chunk.octets, chunk.fin)?;
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    peer.join();
    Ok(())
}

/// As [`echoed`], with permessage-deflate: compressed messages, which the client inflates and
/// compresses again.
#[cfg(feature = "deflate")]
fn echoed_compressed() -> peer::Peer {
    use bare_ws_std::Deflate;
    use bare_ws_std::bare_ws::compression::Compress;
    use bare_ws_std::bare_ws::deflate::negotiate::Agreed;

    serve(|mut conn| {
        let fields = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n";
        conn.accept_with(fields, b"");
        let agreed = Agreed {
            receive_window_bits: 15,
            receive_no_context_takeover: false,
            send_window_bits: 9,
            send_no_context_takeover: false,
        };
        let (_, mut deflating) = Deflate::new().stages(&agreed, 0).unwrap();
        let mut compressed = vec![0; 1 << 20];
        let mut sent = 0;
        for n in 0..=MESSAGES {
            let text: String = (0..(MESSAGES - n) * 20)
                .map(|n| format!("reading {n}, "))
                .collect();
            let done = deflating.compress(text.as_bytes(), true, &mut compressed);
            assert!(done.finished);
            conn.frame(0xc1, &compressed[..done.produced]);
            sent += done.produced;
            let mut echoed = 0;
            while {
                let (first, payload) = conn.read_frame().unwrap();
                echoed += payload.len();
                first & 0x80 == 0
            } {}
            assert!(echoed <= text.len() / 2 + 50, "{echoed} of {}", text.len());
        }
        assert!(sent > 0);
        conn.close(1000, b"");
        conn.read_close();
    })
}

// row: LIM-04, PMD-12, PMD-20
#[cfg(feature = "deflate")]
#[test]
fn pieces_are_inflated_and_compressed_again_without_an_allocation() -> Result<(), Error> {
    let peer = echoed_compressed();
    let deflate = bare_ws_std::Deflate::new().window_bits(9).pieces();
    let config = Config::new().deflate(deflate).transmit_buffer(131);
    let mut socket = config.connect_into(&peer.uri(), || [0; 128])?;
    assert!(socket.deflate().is_some());
    let (reader, writer) = (&mut socket.reader, &mut socket.writer);
    let before = ALLOCATIONS.get();
    while let Some(chunk) = reader.recv_chunk()? {
        writer.send_fragment(chunk.kind, chunk.octets, chunk.fin)?;
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    peer.join();
    Ok(())
}

// row: LIM-04
#[test]
fn whole_messages_are_echoed_without_an_allocation_once_the_buffer_has_grown() -> Result<(), Error>
{
    for _ in 0..20 {
        if let Some(allocations) = allocations_of_whole_messages()? {
            assert_eq!(allocations, 0);
            return Ok(());
        }
    }
    panic!("the machine never let a connection run without a pause");
}

/// None if the machine paused for so long that the connection gave its memory back: a second.
fn allocations_of_whole_messages() -> Result<Option<u64>, Error> {
    const PAUSE: Duration = Duration::from_millis(900);
    let peer = echoed();
    let config = Config::new().close_timeout(peer::LONG);
    let mut socket = config.connect(&peer.uri())?;
    let (reader, writer) = (&mut socket.reader, &mut socket.writer);
    let mut before = 0;
    let mut messages = 0;
    let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
    while let Some(message) = reader.recv()? {
        writer.send(message)?;
        messages += 1;
        if messages == 1 {
            before = ALLOCATIONS.get();
        }
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    let allocations = ALLOCATIONS.get() - before;
    longest = longest.max(last.elapsed());
    assert_eq!(messages, MESSAGES + 1);
    peer.join();
    Ok((longest < PAUSE).then_some(allocations))
}

const LARGE: usize = 8 << 20;
const SMALL: usize = 100;
const ROUNDS: usize = Growing::ROUNDS as usize;

/// Sends messages of these lengths, each when it is asked for.
fn on_demand(lengths: Vec<usize>) -> peer::Peer {
    serve(move |mut conn| {
        conn.accept();
        for length in lengths {
            assert!(conn.read_frame().is_some());
            conn.frame(0x82, &vec![b'x'; length]);
        }
        conn.close(1000, b"");
        conn.read_close();
    })
}

/// Asks for messages and receives them. After each: what was allocated for it, and what is held.
fn costs(lengths: &[usize], config: &Config) -> Result<Vec<(u64, isize)>, Error> {
    let peer = on_demand(lengths.to_vec());
    let mut socket = config.connect(&peer.uri())?;
    let mut costs = Vec::with_capacity(lengths.len());
    let before = HELD.get();
    for length in lengths {
        let allocations = ALLOCATIONS.get();
        socket.send("next")?;
        assert_eq!(socket.recv()?.map(|m| m.as_bytes().len()), Some(*length));
        costs.push((ALLOCATIONS.get() - allocations, HELD.get() - before));
    }
    assert_eq!(socket.recv()?, None);
    peer.join();
    Ok(costs)
}

// row: LIM-04, LIV-20
#[test]
fn a_long_message_does_not_keep_its_memory() -> Result<(), Error> {
    let small = std::iter::repeat_n(SMALL, 2 * ROUNDS);
    let lengths: Vec<_> = std::iter::once(LARGE).chain(small).collect();
    // A buffer that begins with next to nothing is no exception.
    for receive_buffer in [16 * 1024, 256, 0] {
        let config = Config::new().receive_buffer(receive_buffer);
        let costs = costs(&lengths, &config)?;
        assert!(costs[0].1 >= LARGE as isize / 2, "the buffer has grown");
        assert!(
            costs[ROUNDS - 1].1 == costs[0].1,
            "and does not shrink at once"
        );
        let left = costs[ROUNDS + 2].1;
        assert!(left.abs() <= 32 * 1024, "{receive_buffer}: {left}");
        let shrinking = costs[1..]
            .iter()
            .map(|(allocations, _)| allocations)
            .sum::<u64>();
        assert!(shrinking <= 1, "{shrinking}");
    }
    Ok(())
}

// row: LIM-04
#[test]
fn long_messages_that_come_again_cost_one_growth_in_so_many_rounds() -> Result<(), Error> {
    const TIMES: usize = 5;
    for (between, grows) in [(0, 1), (ROUNDS - 2, 1), (ROUNDS + 1, TIMES)] {
        let small = std::iter::repeat_n(SMALL, between);
        let round: Vec<_> = std::iter::once(LARGE / 8).chain(small).collect();
        let lengths = round.repeat(TIMES);
        let costs = costs(&lengths, &Config::new())?;
        let grown = costs.iter().filter(|(allocations, _)| *allocations > 1);
        assert_eq!(grown.count(), grows, "{between} between");
        // By doubling, and what gives back.
        let all = costs
            .iter()
            .map(|(allocations, _)| allocations)
            .sum::<u64>();
        assert!(all <= grows as u64 * (9 + 1), "{between} between: {all}");
    }
    Ok(())
}

/// The same for what messages inflate to.
// row: LIM-04, PMD-12, LIV-20
#[cfg(feature = "deflate")]
#[test]
fn a_long_message_that_was_compressed_does_not_keep_its_memory() -> Result<(), Error> {
    use bare_ws_std::Deflate;
    use bare_ws_std::bare_ws::compression::Compress;
    use bare_ws_std::bare_ws::deflate::negotiate::Agreed;

    for takeover in [true, false] {
        let peer = serve(move |mut conn| {
            let no_takeover = if takeover {
                ""
            } else {
                "; server_no_context_takeover"
            };
            let field = format!("Sec-WebSocket-Extensions: permessage-deflate{no_takeover}\r\n");
            conn.accept_with(&field, b"");
            let agreed = Agreed {
                receive_window_bits: 15,
                receive_no_context_takeover: false,
                send_window_bits: 15,
                send_no_context_takeover: !takeover,
            };
            let (_, mut deflating) = Deflate::new().stages(&agreed, 0).unwrap();
            let mut compressed = vec![0; 1 << 20];
            for length in std::iter::once(LARGE).chain([SMALL; 2 * ROUNDS]) {
                assert!(conn.read_frame().is_some());
                let done = deflating.compress(&vec![b'x'; length], true, &mut compressed);
                assert!(done.finished);
                conn.frame(0xc2, &compressed[..done.produced]);
            }
            conn.close(1000, b"");
            conn.read_close();
        });
        let config = Config::new().deflate(Deflate::new());
        let mut socket = config.connect(&peer.uri())?;
        assert!(socket.deflate().is_some());
        let before = HELD.get();
        let mut held = Vec::with_capacity(1 + 2 * ROUNDS);
        for length in std::iter::once(LARGE).chain([SMALL; 2 * ROUNDS]) {
            socket.send("next")?;
            // What was said before is referred to, and is there.
            let message = socket.recv()?.expect("a message");
            assert!(message.as_bytes().len() == length);
            assert!(message.as_bytes().iter().all(|octet| *octet == b'x'));
            held.push(HELD.get() - before);
        }
        assert!(held[0] >= LARGE as isize, "it was gathered");
        let left = held[ROUNDS + 3];
        assert!(left <= 128 * 1024, "{takeover}: {left}");
        assert_eq!(socket.recv()?, None);
        peer.join();
    }
    Ok(())
}

/// Sends back all messages.
fn echoing() -> peer::Peer {
    serve(|mut conn| {
        conn.accept();
        while let Some((first, payload)) = conn.read_frame() {
            conn.frame(first, &payload);
            if first == 0x88 {
                return;
            }
        }
    })
}

// row: LIM-04
#[test]
fn an_idle_connection_holds_little_whatever_it_has_carried() -> Result<(), Error> {
    /// Beside the socket, in octets.
    const LITTLE: isize = 8 * 1024;
    const QUIET: Duration = Duration::from_millis(1500);

    let peer = echoing();
    let uri = peer.uri();
    let before = HELD.get();
    let mut socket = Config::new().connect(&uri)?;
    let held = HELD.get() - before;
    assert!(held <= LITTLE, "at first: {held}");
    for length in [1 << 20, 100, 70_000] {
        let message = vec![b'x'; length];
        let own = HELD.get() - before;
        socket.send(message.as_slice())?;
        assert!(socket.recv()?.is_some_and(|m| m.as_bytes() == message));
        assert!(HELD.get() - before >= own, "{length}");
        drop(message);
        // A thread that wakes late finds its limit and the second over at once: it looks once more.
        let mut held = 0;
        for _ in 0..10 {
            let outcome = socket.recv_timeout(QUIET);
            assert!(
                matches!(outcome, Err(Error::Timeout(Timeout::Call))),
                "{outcome:?}"
            );
            held = HELD.get() - before;
            if held <= LITTLE {
                break;
            }
        }
        assert!(held <= LITTLE, "{length}: {held}");
    }
    // What waits to be sent is not lost by it.
    for _ in 0..100 {
        assert!(
            socket
                .writer
                .queue("a message of some length to be queued")?
        );
    }
    assert!(HELD.get() - before > LITTLE / 2);
    for n in 0..100 {
        assert!(socket.recv()?.is_some(), "{n}");
    }
    socket.finish(None, "")?;
    peer.join();
    Ok(())
}

/// It is the quiet that gives memory back, and not a look at it in between, as of a thread beside which another may set
/// deadlines.
// row: LIM-04, LIV-20
#[test]
fn a_connection_that_was_used_just_now_keeps_its_memory() -> Result<(), Error> {
    const LENGTH: usize = 1 << 20;
    for _ in 0..20 {
        let peer = echoing();
        // Several looks in the time of the receive below.
        let config = Config::new().close_timeout(Duration::from_millis(100));
        let (mut reader, writer) = config.connect(&peer.uri())?.split();
        let before = HELD.get();
        writer.send(vec![b'x'; LENGTH].as_slice())?;
        assert!(reader.recv()?.is_some_and(|m| m.len() == LENGTH));
        let received = Instant::now();
        let outcome = reader.recv_timeout(Duration::from_millis(200)).map(drop);
        let is_soon = received.elapsed() < Duration::from_millis(900);
        let held = HELD.get() - before;
        writer.abort_handle().abort();
        peer.join();
        // A machine that paused for so long is given another try.
        if is_soon {
            assert!(
                matches!(outcome, Err(Error::Timeout(Timeout::Call))),
                "{outcome:?}"
            );
            assert!(held >= LENGTH as isize, "{held}");
            return Ok(());
        }
    }
    panic!("the machine never let a connection run without a pause");
}

/// What messages inflate to goes, too, and Pings in between do not keep it.
// row: LIV-20
#[cfg(feature = "deflate")]
#[test]
fn an_idle_connection_gives_back_what_a_message_was_inflated_to() -> Result<(), Error> {
    use bare_ws_std::Deflate;
    use bare_ws_std::bare_ws::compression::Compress;
    use bare_ws_std::bare_ws::deflate::negotiate::Agreed;

    let peer = serve(|mut conn| {
        conn.accept_with("Sec-WebSocket-Extensions: permessage-deflate\r\n", b"");
        let agreed = Agreed {
            receive_window_bits: 15,
            receive_no_context_takeover: false,
            send_window_bits: 15,
            send_no_context_takeover: false,
        };
        let (_, mut deflating) = Deflate::new().stages(&agreed, 0).unwrap();
        let mut compressed = vec![0; 1 << 20];
        let done = deflating.compress(&vec![b'x'; LARGE], true, &mut compressed);
        assert!(done.finished);
        conn.frame(0xc2, &compressed[..done.produced]);
        while let Some((first, payload)) = conn.read_frame() {
            match first {
                0x81 => conn.frame(0x89, b"still there?"),
                0x88 => return conn.frame(first, &payload),
                _ => {}
            }
        }
    });
    let config = Config::new()
        .deflate(Deflate::new())
        .close_timeout(peer::LONG);
    let mut socket = config.connect(&peer.uri())?;
    let before = HELD.get();
    assert!(socket.recv()?.is_some_and(|message| message.len() == LARGE));
    assert!(HELD.get() - before >= LARGE as isize, "it was gathered");
    let mut held = 0;
    // The Ping may come late, and the second of rest after it.
    for seconds in 2..10 {
        socket.send("ask me")?;
        let outcome = socket.recv_timeout(Duration::from_secs(seconds));
        assert!(
            matches!(outcome, Err(Error::Timeout(Timeout::Call))),
            "{outcome:?}"
        );
        held = HELD.get() - before;
        if held <= 128 * 1024 {
            break;
        }
    }
    assert!(held <= 128 * 1024, "{held}");
    socket.finish(None, "")?;
    peer.join();
    Ok(())
}

/// Counts how often the system is called.
struct Calls {
    tcp: TcpStream,
    writes: AtomicUsize,
}

impl Stream for Calls {
    fn prepare(&mut self) -> io::Result<()> {
        self.tcp.prepare()
    }

    fn try_read(&self, octets: &mut [u8]) -> io::Result<usize> {
        self.tcp.try_read(octets)
    }

    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        // As a socket that has room for all of it.
        let mut taken = 0;
        while taken < octets.len() {
            match self.tcp.try_write(&octets[taken..]) {
                Ok(n) => taken += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let room = Interest {
                        read: false,
                        write: true,
                    };
                    self.tcp.wait(room, None)?;
                }
                Err(error) => return Err(error),
            }
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        Ok(taken)
    }

    fn wait(&self, interest: Interest, limit: Option<Duration>) -> io::Result<()> {
        self.tcp.wait(interest, limit)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        Stream::shutdown(&self.tcp, how)
    }
}

// row: LIM-04
#[test]
fn messages_leave_in_few_writes() -> Result<(), Error> {
    let peer = echoing();
    let uri = peer.uri();
    let stream = Calls {
        tcp: Config::new().dial(&uri)?,
        writes: AtomicUsize::new(0),
    };
    let mut socket = Config::new().open(&uri, stream)?;
    for (length, most) in [(16, 1), (5000, 1), (64 * 1024, 1), (1 << 20, 5), (100, 1)] {
        let before = socket.stream().writes.load(Ordering::Relaxed);
        socket.send(vec![b'x'; length].as_slice())?;
        let writes = socket.stream().writes.load(Ordering::Relaxed) - before;
        assert!(writes <= most, "{length}: {writes}");
        assert!(socket.recv()?.is_some_and(|m| m.len() == length));
    }
    // Many small ones, queued.
    let before = socket.stream().writes.load(Ordering::Relaxed);
    let mut queued = 0;
    while queued < 1000 && socket.writer.queue([b'x'; 125].as_slice())? {
        queued += 1;
    }
    socket.writer.flush()?;
    let writes = socket.stream().writes.load(Ordering::Relaxed) - before;
    assert_eq!((queued, writes), (1000, 1));
    for _ in 0..queued {
        assert!(socket.recv()?.is_some());
    }
    socket.finish(None, "")?;
    peer.join();
    Ok(())
}

// row: LIM-04, PMD-12
#[cfg(feature = "deflate")]
#[test]
fn messages_are_compressed_without_an_allocation_once_the_buffer_has_grown() -> Result<(), Error> {
    let peer = serve(|mut conn| {
        let field = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        conn.accept_with(field, b"");
        while conn.read_frame().is_some_and(|(first, _)| first != 0x88) {}
        conn.close(1000, b"");
    });
    let config = Config::new().deflate(bare_ws_std::Deflate::new());
    let mut socket = config.connect(&peer.uri())?;
    assert!(socket.deflate().is_some());
    // Room for it as it is asks for more than the buffer begins with; compressed it needs little.
    let message = "of the same octets ".repeat(60);
    socket.send(&*message)?;
    let before = ALLOCATIONS.get();
    for _ in 0..3 * ROUNDS {
        socket.send(&*message)?;
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    socket.finish(None, "")?;
    peer.join();
    Ok(())
}
