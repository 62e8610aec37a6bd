//! Messages of several threads, and Pongs between them.

use std::time::Duration;

use bare_ws_std::{CloseCode, Message};
use model::{elapsed, thread};

use crate::explore::explore;
use crate::laws::{of_peer, seen};
use crate::{LONG, config, open};

// row: TRAP-20, STA-06
#[test]
fn messages_of_several_threads_are_whole_and_each_threads_in_order() {
    explore("send against send", || {
        let (socket, peer) = open(&config());
        let (mut reader, writer) = socket.split();
        let senders = [1, 2, 3].map(|id: u8| {
            let writer = writer.clone();
            thread::spawn(move || {
                writer.send([id; 10].as_slice()).unwrap();
                writer.send([id; LONG].as_slice()).unwrap();
            })
        });
        let served = {
            let peer = peer.clone();
            thread::spawn(move || {
                assert!(peer.read_until(|sent| seen(sent).close.is_some()));
                peer.send(&of_peer(0x88, &[3, 232]));
                peer.end();
            })
        };
        senders.into_iter().for_each(thread::JoinHandle::join);
        writer.close(Some(CloseCode::NORMAL), "").unwrap();
        assert_eq!(reader.recv().unwrap(), None);
        reader.finish().unwrap();
        served.join();
        drop((reader, writer));
        peer.gone();

        let seen = seen(&peer.sent());
        for id in [1, 2, 3] {
            let of_thread = seen.messages.iter().filter(|message| message[0] == id);
            assert!(of_thread.eq([&vec![id; 10], &vec![id; LONG]]));
        }
        assert_eq!((seen.messages.len(), seen.close), (6, Some(1000)));
        assert!(!peer.was_reset());
        assert_eq!(elapsed(), Duration::ZERO, "somebody waited for nothing");
    });
}

// row: TRAP-09, CTL-03, CTL-05
#[test]
fn reading_goes_on_during_a_long_send_and_the_newest_pong_follows_the_frame() {
    explore("Pongs against a long send", || {
        let (socket, peer) = open(&config());
        let (mut reader, writer) = socket.split();
        let sender = thread::spawn(move || {
            writer.send([7; LONG].as_slice()).unwrap();
            writer
        });
        let served = {
            let peer = peer.clone();
            thread::spawn(move || {
                for ping in 0..4 {
                    peer.send(&of_peer(0x89, &[ping; 20]));
                }
                // Nothing of the client's is taken before all of this is.
                peer.send(&of_peer(0x82, &[9; LONG]));
                peer.read_until(|sent| {
                    let seen = seen(sent);
                    seen.messages.len() == 1 && seen.pongs.last() == Some(&vec![3; 20])
                });
                peer.send(&of_peer(0x88, &[3, 232]));
                peer.read_until(|sent| seen(sent).close.is_some());
                peer.end();
            })
        };
        assert_eq!(reader.recv().unwrap(), Some(Message::Binary(&[9; LONG])));
        assert_eq!(reader.recv().unwrap(), None);
        let writer = sender.join();
        reader.finish().unwrap();
        served.join();
        drop((reader, writer));
        peer.gone();

        let seen = seen(&peer.sent());
        assert_eq!(seen.messages, [[7; LONG]]);
        assert!(seen.pongs.is_sorted_by(|a, b| a < b), "each once, in order");
        assert_eq!(seen.pongs.last(), Some(&vec![3; 20]));
        assert_eq!((seen.close, seen.is_torn), (Some(1000), false));
        assert_eq!(elapsed(), Duration::ZERO, "somebody waited for nothing");
    });
}
