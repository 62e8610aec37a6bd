//! Every public future of the asynchronous loop, dropped at every await, under many schedules:
//! nothing is lost, nothing is doubled, nothing is torn.

mod halves;
mod opening;
mod receive;
mod send;

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use bare_ws::asynch::{self, Link as _};
use bare_ws::buffer::Buffers;
use bare_ws::close::CloseCode;
use bare_ws::closing::{Owed, Reply};
use bare_ws::compression::Uncompressed;
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::error::{Error, Usage};
use bare_ws::exchange::{ExchangeError, Exchanged, Patience};
use bare_ws::handshake::{Established, Request};
use bare_ws::header::FrameHeader;
use bare_ws::message::MessageKind;
use bare_ws::opcode::Opcode;
use bare_ws::receiver::{Delivery, Receiver};
use bare_ws::role::Client;
use bare_ws::sender::Sender;
use bare_ws::uri::Uri;
use bare_ws_tests::io::{Half, IoError, Transport};
use bare_ws_tests::laws::Keys;
use bare_ws_tests::poll::{block_on, poll_times};
use bare_ws_tests::stream::{Sent, Stream};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;

/// How a transport behaves: octets a read, octets a write, how often calls pend.
const SCHEDULES: &[(&[usize], &[usize], &[usize])] = &[
    (&[usize::MAX], &[usize::MAX], &[1]),
    (&[1], &[1], &[1]),
    (&[1], &[usize::MAX], &[0, 1]),
    (&[usize::MAX], &[1], &[1, 0, 2]),
    (&[3, 1, 7], &[2, 5], &[0, 0, 3, 1]),
    (&[13], &[4], &[2]),
];

fn transport(incoming: &[u8], schedule: usize) -> Transport {
    let (reads, writes, pends) = SCHEDULES[schedule];
    let mut transport = Transport::new(incoming);
    transport.reads = reads.to_vec();
    transport.writes = writes.to_vec();
    transport.pends = pends.to_vec();
    transport
}

const CLOSE: &[u8] = b"\x88\x05\x03\xe9bye";

/// Text, a Ping, a fragmented message with Pings inside it, a Pong, binary, a Close.
fn script() -> Vec<u8> {
    let mut octets = before_close();
    octets.extend(CLOSE);
    octets
}

fn before_close() -> Vec<u8> {
    let mut octets = Vec::new();
    octets.extend(b"\x81\x05Hello\x89\x03one");
    octets.extend(b"\x01\x03abc\x89\x00\x00\x00\x89\x05three\x80\x02de");
    octets.extend(b"\x8a\x02no\x82\x04\x01\x02\x03\x04\x89\x04four");
    octets
}

fn script_seen() -> Vec<(MessageKind, Vec<u8>)> {
    vec![
        (MessageKind::Text, b"Hello".to_vec()),
        (MessageKind::Text, b"abcde".to_vec()),
        (MessageKind::Binary, vec![1, 2, 3, 4]),
    ]
}

fn script_sent() -> Vec<Sent> {
    vec![
        Sent::Pong(b"one".to_vec()),
        Sent::Pong(b"".to_vec()),
        Sent::Pong(b"three".to_vec()),
        Sent::Pong(b"four".to_vec()),
        Sent::Close(Some(1001), String::new()),
    ]
}

type Receive = Receiver<Client, [u8; 40]>;
type Send = Sender<Client, [u8; 139], Keys>;
type Connection = asynch::Connection<(Half, Half), Receive, Send>;
type Writer = asynch::Writer<(Half, Half), Send>;

fn connection(transport: Transport) -> Connection {
    asynch::Connection::new(
        transport.halves(),
        Receiver::new([0xa5; 40]),
        Sender::new([0xa5; 139], Keys::default()),
    )
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Refused,
    Dropped,
}

/// Calls, in order, and what they put on the wire.
const CALLS: usize = 9;

fn sent_by(call: usize) -> Sent {
    match call {
        0 => Sent::Text("whole".into()),
        1 => Sent::Ping(b"ping".to_vec()),
        2 => Sent::Binary(vec![1; 120]),
        3 => Sent::Binary(vec![2; 400]),
        4 => Sent::Pong(b"pong".to_vec()),
        5 => Sent::Text("after".into()),
        6 => Sent::Text("frame".into()),
        7 => Sent::Text("fragment".into()),
        _ => Sent::Close(Some(1000), "done".into()),
    }
}

async fn call(writer: &mut Writer, call: usize) -> Result<(), Error<IoError>> {
    match call {
        0 => writer.send("whole").await,
        1 => writer.ping(b"ping").await,
        2 => writer.send(&[1; 120]).await,
        3 => writer.send(&[2; 400]).await,
        4 => writer.pong(b"pong").await,
        5 => writer.send("after").await,
        6 => {
            writer
                .send_frame(FrameHeader::new(Opcode::Text, true, 0), b"frame")
                .await
        }
        7 => {
            writer
                .send_fragment(MessageKind::Text, b"fragment", true)
                .await
        }
        _ => writer.close(Some(CloseCode::NORMAL), "done").await,
    }
}

/// Holds the wire against what the calls have become.
fn judge(outcomes: &[Outcome], sent: &[Sent]) -> Result<(), String> {
    let mut sent = sent
        .iter()
        .filter(|sent| (0..CALLS).any(|call| sent_by(call) == **sent))
        .peekable();
    for (number, outcome) in outcomes.iter().enumerate() {
        let wanted = sent_by(number);
        let there = sent.next_if(|sent| **sent == wanted).is_some();
        let right = match outcome {
            Outcome::Done => there,
            Outcome::Refused => !there,
            // Whole or not at all: that nothing is torn the decoder has seen.
            Outcome::Dropped => true,
        };
        if !right {
            return Err(format!("call {number} is {outcome:?}, sent: {there}"));
        }
    }
    match sent.next() {
        Some(more) => Err(format!("doubled or out of order: {more:?}")),
        None => Ok(()),
    }
}
