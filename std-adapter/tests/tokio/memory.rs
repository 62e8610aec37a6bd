//! What a connection holds when nothing passes over it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use bare_ws_std::Config;
use bare_ws_std::tokio::{WebSocket, open};
use tokio::io::duplex;
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::server::Server;

/// Counts what the calling thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
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

/// In octets, with the connection itself.
const LITTLE: isize = 8 * 1024;

/// Which way messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Both,
    Sent,
    Received,
}

const WAYS: [Way; 3] = [Way::Both, Way::Sent, Way::Received];

/// What a connection that has carried these messages gives back when it is dropped after so long in a receive.
async fn held(way: Way, lengths: &[usize], quiet: Duration) -> isize {
    let (ours, theirs) = duplex(4096);
    let given = lengths.to_vec();
    let peer = tokio::spawn(async move {
        let mut server = Server::over(theirs);
        server.accept().await;
        for length in given.into_iter().filter(|_| way == Way::Received) {
            server.frame(0x82, &vec![b'x'; length]).await;
        }
        while let Some((first, payload)) = server.read_frame().await {
            if way == Way::Both {
                server.frame(first, &payload).await;
            }
        }
    });
    let opened = open(&Config::new(), "ws://localhost/", ours).await;
    let mut socket = Box::new(opened.unwrap());
    for &length in lengths {
        let message = vec![b'x'; length];
        let WebSocket { reader, writer, .. } = &mut *socket;
        let sending = async {
            if way != Way::Received {
                writer.send(message.as_slice()).await.unwrap();
            }
        };
        let receiving = async {
            if way != Way::Sent {
                assert_eq!(reader.recv().await.unwrap().unwrap().len(), length);
            }
        };
        tokio::join!(sending, receiving);
    }
    assert!(timeout(quiet, socket.recv()).await.is_err());
    let before = HELD.get();
    drop(socket);
    let held = before - HELD.get();
    peer.await.unwrap();
    held
}

// row: LIM-04
#[test]
fn an_idle_connection_holds_little_whatever_it_has_carried() {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let small = [100; 1000];
    let histories: [&[usize]; 6] = [
        &[],
        &[100],
        &[1 << 20],
        &small,
        &[70_000, 1 << 20, 100],
        &[100, 20_000],
    ];
    for way in WAYS {
        for lengths in histories {
            let held = runtime.block_on(held(way, lengths, Duration::from_millis(1500)));
            assert!(
                0 < held && held <= LITTLE,
                "{way:?}, {} messages: {held}",
                lengths.len()
            );
        }
        // It is the quiet that gives it back.
        let held = runtime.block_on(held(way, &[1 << 20], Duration::from_millis(500)));
        let buffer = if way == Way::Sent { 1 << 17 } else { 1 << 20 };
        assert!(held > buffer, "{way:?}: {held}");
    }
}
