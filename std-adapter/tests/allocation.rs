//! Nothing is allocated for messages that stream through buffers, nor for whole ones once the buffer
//! has grown.
#![allow(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "for hosts: there is always std"
)]

mod peer;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;
use std::thread;

use bare_ws_std::{Config, Error};
use peer::{frame, serve};

/// Counts what the calling thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, octets: *mut u8, layout: Layout) {
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
    let config = Config::new().transmit_buffer(128);
    let mut socket = config.connect_into(&peer.uri(), || [0; 128])?;
    let (reader, writer) = (&mut socket.reader, &mut socket.writer);
    let before = ALLOCATIONS.get();
    while let Some(chunk) = reader.recv_chunk(writer)? {
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
    let peer = echoed();
    let mut socket = bare_ws_std::connect(&peer.uri())?;
    let (reader, writer) = (&mut socket.reader, &mut socket.writer);
    let mut before = 0;
    let mut messages = 0;
    while let Some(message) = reader.recv(writer)? {
        writer.send(message)?;
        messages += 1;
        if messages == 1 {
            before = ALLOCATIONS.get();
        }
    }
    assert_eq!(messages, MESSAGES + 1);
    assert_eq!(ALLOCATIONS.get() - before, 0);
    peer.join();
    Ok(())
}
