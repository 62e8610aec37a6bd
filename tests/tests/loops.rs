//! The loops over a transport: what the machines do, they do.

use core::ops::Deref;

use bare_ws::error::Error;
use bare_ws::message::Message;
use bare_ws::receiver::{Delivery, Receiver};
use bare_ws::role::{Client, Role, Server};
use bare_ws::sender::Sender;
use bare_ws::{asynch, blocking};
use bare_ws_tests::io::{Fault, Half, IoError, Transport};
use bare_ws_tests::laws::{Keys, Mismatch, Watch};
use bare_ws_tests::mask::masked;
use bare_ws_tests::poll::block_on;
use bare_ws_tests::vectors::{End, From, VECTORS, Vector};
use bare_ws_tests::wire;

// row: SEED-01, SEED-19, TRAP-17
#[test]
fn driver_law_blocking() {
    driver_law::<Blocking>();
}

// row: SEED-01, SEED-19, TRAP-17
#[test]
fn driver_law_asynchronous() {
    driver_law::<Asynchronous>();
}

fn driver_law<D: Driver>() {
    let mut wrong = Vec::new();
    for vector in VECTORS {
        for delivery in [Delivery::Message, Delivery::Chunk, Delivery::Frame] {
            for (reads, writes) in [(usize::MAX, usize::MAX), (1, 1), (3, 2)] {
                let octets: Vec<u8> = vector.wire.iter().collect();
                if octets.len() > 1000 && reads < 10 {
                    continue;
                }
                let mut results = Vec::new();
                if vector.from != From::Client {
                    results.push(drive::<D, Client>(vector, &octets, delivery, reads, writes));
                }
                if vector.from != From::Server {
                    let octets = if vector.from == From::Client {
                        octets
                    } else {
                        masked(&octets)
                    };
                    results.push(drive::<D, Server>(vector, &octets, delivery, reads, writes));
                }
                for result in results {
                    if let Err(mismatch) = result {
                        wrong.push(format!(
                            "{} {delivery:?} {reads}: {mismatch:?}",
                            vector.name
                        ));
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} runs:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn drive<D: Driver, R: Role>(
    vector: &Vector,
    octets: &[u8],
    delivery: Delivery,
    reads: usize,
    writes: usize,
) -> Result<(), Mismatch> {
    let mut transport = Transport::new(octets);
    transport.reads = vec![reads];
    transport.writes = vec![writes];
    let mut receiver = Receiver::<R, _>::new(vec![0; 70_000].into_boxed_slice());
    receiver.set_limits(vector.limits);
    let sender = Sender::<R, _, _>::new([0; 139], Keys::default());
    let mut connection = D::new(transport, receiver, sender);
    let mut watch = Watch::new(vector);
    let mut seen = 0;
    loop {
        let mut mismatch = None;
        // What is sent is sent before what is delivered after it.
        let got = D::next(&mut connection, delivery, |got| match got {
            Got::Message(message) => Some(Piece {
                frame: None,
                kind: message.kind(),
                octets: message.as_bytes().to_vec(),
                offset: 0,
                fin: true,
            }),
            Got::Chunk(chunk) => Some(Piece {
                frame: None,
                kind: chunk.kind,
                octets: chunk.octets.to_vec(),
                offset: chunk.offset,
                fin: chunk.fin,
            }),
            Got::Frame(frame) => Some(Piece {
                frame: Some(frame.header),
                kind: bare_ws::message::MessageKind::Binary,
                octets: frame.payload.to_vec(),
                offset: 0,
                fin: true,
            }),
        });
        let new = {
            let io = D::io(&connection);
            if io.flushed != io.written.len() {
                mismatch = Some(watch.mismatch("something was not flushed"));
            }
            io.written[seen..].to_vec()
        };
        seen += new.len();
        let mut rest = &new[..];
        while let Some(frame) = wire::Frame::decode(rest) {
            watch.sent::<R>(&rest[..frame.total])?;
            rest = &rest[frame.total..];
        }
        if !rest.is_empty() {
            mismatch = Some(watch.mismatch("half a frame was sent"));
        }
        if let Some(mismatch) = mismatch {
            return Err(mismatch);
        }
        match got {
            Ok(Some(piece)) => match piece.frame {
                Some(header) => watch.frame(bare_ws::message::Frame {
                    header,
                    payload: &piece.octets,
                })?,
                None => watch.piece(piece.kind, &piece.octets, piece.offset, piece.fin)?,
            },
            Ok(None) => {
                let status = D::status(&connection);
                let (code, reason) = status.ok_or_else(|| watch.mismatch("no status"))?;
                watch.ended(Ok(Some((code, &reason))))?;
                // row: SEED-15
                for _ in 0..3 {
                    if D::next(&mut connection, delivery, |_| None::<Piece>) != Ok(None) {
                        return Err(watch.mismatch("no end for ever"));
                    }
                }
                break;
            }
            // The transport has ended: what was open is lost.
            Err(Error::Lost) if vector.end == End::Open => {
                watch.ended(Ok(None))?;
                break;
            }
            Err(error) => {
                match error.narrow() {
                    Ok(error) if error.close_code().is_some() => watch.ended(Err(error))?,
                    _ => return Err(watch.mismatch("a strange error")),
                }
                let again = D::next(&mut connection, delivery, |_| None::<Piece>);
                if again.is_ok() {
                    return Err(watch.mismatch("what has failed goes on"));
                }
                break;
            }
        }
    }
    if D::io(&connection).written.len() != seen {
        return Err(watch.mismatch("something was sent after the end"));
    }
    Ok(())
}

#[derive(PartialEq, Debug)]
struct Piece {
    frame: Option<bare_ws::header::FrameHeader>,
    kind: bare_ws::message::MessageKind,
    octets: Vec<u8>,
    offset: u64,
    fin: bool,
}

enum Got<'a> {
    Message(Message<'a>),
    Chunk(bare_ws::message::Chunk<'a>),
    Frame(bare_ws::message::Frame<'a>),
}

type Receive<R> = Receiver<R, Box<[u8]>>;
type Send<R> = Sender<R, [u8; 139], Keys>;

/// A loop.
trait Driver {
    type Connection<R: Role>;

    fn new<R: Role>(io: Transport, receiver: Receive<R>, sender: Send<R>) -> Self::Connection<R>;
    fn next<R: Role, O>(
        connection: &mut Self::Connection<R>,
        delivery: Delivery,
        take: impl FnOnce(Got<'_>) -> Option<O>,
    ) -> Result<Option<O>, Error<IoError>>;
    fn io<R: Role>(connection: &Self::Connection<R>) -> impl Deref<Target = Transport>;
    fn status<R: Role>(
        connection: &Self::Connection<R>,
    ) -> Option<(bare_ws::close::CloseCode, String)>;
}

struct Blocking;
struct Asynchronous;

impl Driver for Blocking {
    type Connection<R: Role> = blocking::Connection<Transport, Receive<R>, Send<R>>;

    fn new<R: Role>(io: Transport, receiver: Receive<R>, sender: Send<R>) -> Self::Connection<R> {
        blocking::Connection::new(io, receiver, sender)
    }

    fn next<R: Role, O>(
        connection: &mut Self::Connection<R>,
        delivery: Delivery,
        take: impl FnOnce(Got<'_>) -> Option<O>,
    ) -> Result<Option<O>, Error<IoError>> {
        let got = match delivery {
            Delivery::Message => connection.recv()?.map(Got::Message),
            Delivery::Chunk => connection.recv_chunk()?.map(Got::Chunk),
            Delivery::Frame => connection.recv_frame()?.map(Got::Frame),
        };
        Ok(got.and_then(take))
    }

    fn io<R: Role>(connection: &Self::Connection<R>) -> impl Deref<Target = Transport> {
        connection.writer.io()
    }

    fn status<R: Role>(
        connection: &Self::Connection<R>,
    ) -> Option<(bare_ws::close::CloseCode, String)> {
        let status = connection.reader.close_status()?;
        Some((status.code, status.reason.to_owned()))
    }
}

impl Driver for Asynchronous {
    type Connection<R: Role> = asynch::Connection<(Half, Half), Receive<R>, Send<R>>;

    fn new<R: Role>(io: Transport, receiver: Receive<R>, sender: Send<R>) -> Self::Connection<R> {
        asynch::Connection::new(io.halves(), receiver, sender)
    }

    fn next<R: Role, O>(
        connection: &mut Self::Connection<R>,
        delivery: Delivery,
        take: impl FnOnce(Got<'_>) -> Option<O>,
    ) -> Result<Option<O>, Error<IoError>> {
        let got = match delivery {
            Delivery::Message => block_on(connection.recv())?.map(Got::Message),
            Delivery::Chunk => block_on(connection.recv_chunk())?.map(Got::Chunk),
            Delivery::Frame => block_on(connection.recv_frame())?.map(Got::Frame),
        };
        Ok(got.and_then(take))
    }

    fn io<R: Role>(connection: &Self::Connection<R>) -> impl Deref<Target = Transport> {
        connection.writer.io().0.get()
    }

    fn status<R: Role>(
        connection: &Self::Connection<R>,
    ) -> Option<(bare_ws::close::CloseCode, String)> {
        let status = connection.reader.close_status()?;
        Some((status.code, status.reason.to_owned()))
    }
}

// row: CTL-05, TRAP-16
#[test]
fn a_pong_that_cannot_be_written_now_holds_back_nothing_and_goes_out_with_the_next_call() {
    // Calls: read, write, flush: one of the latter two fails once.
    for call in [1, 2] {
        a_call_fails_once(call);
    }
}

fn a_call_fails_once(call: usize) {
    let mut transport = Transport::new(&[0x89, 1, b'a', 0x81, 1, b'b']);
    transport.fault = Some((call, Fault::Once));
    let sender = || Sender::<Client, _, _>::new([0; 139], Keys::default());
    let receiver = || Receiver::<Client, _>::new([0; 64]);
    let pong = |io: &Transport| {
        let frame = wire::Frame::decode(&io.written).expect("a frame");
        assert_eq!((frame.total, frame.opcode()), (io.written.len(), 10));
        assert!(frame.payload().eq(*b"a"));
        assert_eq!(io.flushed, 7);
    };

    let mut blocking = blocking::Connection::new(transport.clone(), receiver(), sender());
    assert_eq!(blocking.recv(), Ok(Some(Message::Text("b"))));
    assert_eq!(blocking.writer.io().flushed, 0);
    assert_eq!(blocking.recv(), Err(Error::Lost));
    pong(blocking.writer.io());

    let mut asynch = asynch::Connection::new(transport.halves(), receiver(), sender());
    assert_eq!(block_on(asynch.recv()), Ok(Some(Message::Text("b"))));
    assert_eq!(asynch.writer.io().0.get().flushed, 0);
    assert_eq!(block_on(asynch.recv()), Err(Error::Lost));
    pong(&asynch.writer.io().0.get());
}

// row: CLS-08, CLS-17
#[test]
fn what_is_left_is_written_though_the_peer_has_ended_its_direction() {
    let sender = || Sender::<Client, _, _>::new([0; 139], Keys::default());
    let receiver = || Receiver::<Client, _>::new([0; 64]);
    let mut transport = Transport::new(b"\x88\x00");
    transport.room = 0;
    // The first write of `finish` fails once more, and then the end is read.
    let later = |io: &mut Transport| {
        io.room = usize::MAX;
        io.fault = Some((io.calls, Fault::Once));
    };
    let close =
        |io: &Transport| assert_eq!((io.written[0], io.written.len(), io.flushed), (0x88, 6, 6));

    let mut blocking = blocking::Connection::new(transport.clone(), receiver(), sender());
    assert_eq!(blocking.recv(), Ok(None));
    later(blocking.writer.io_mut());
    assert_eq!(blocking.finish(), Ok(()));
    close(blocking.writer.io());

    let mut asynch = asynch::Connection::new(transport.halves(), receiver(), sender());
    assert_eq!(block_on(asynch.recv()), Ok(None));
    later(&mut asynch.writer.io().0.get_mut());
    assert_eq!(block_on(asynch.finish()), Ok(()));
    close(&asynch.writer.io().0.get());
}
