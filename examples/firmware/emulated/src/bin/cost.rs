//! What each operation of the library costs in instructions, on fixed octets and without I/O, so
//! that the count is the same in every run; and what a connection costs in memory.
//!
//! Prints `measure` lines. No arguments.

#![no_std]
#![no_main]

use core::{fmt, hint::black_box};

use bare_ws::{
    buffer::Buffers,
    close::CloseCode,
    compression::{Compress, Decompress, Uncompressed},
    deflate::{Compressor, Configure as _, InflateState, Inflater, Lean, negotiate::Agreed},
    entropy::{Entropy, EntropyError},
    error::Error,
    handshake::{
        ClientHandshake, Progress, Request,
        server::{ServerHandshake, Service},
    },
    message::MessageKind,
    receiver::{Delivery, Receiver, Step},
    role::{Client, Role, Server},
    sender::Sender,
    uri::Uri,
};
use bare_ws_embassy::{
    Connection, Timing,
    net::{self, Socket},
};
use embassy_net::Stack;
use emulated::{
    board::{self, println},
    measure::{self, Cost},
};
use static_cell::{ConstStaticCell, StaticCell};

/// Octets of payload in each operation.
const LENGTHS: [usize; 4] = [16, 125, 1024, 16384];
const BUFFER: usize = 2048;
const WINDOW: usize = 1 << 10;

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    board::run(|_, stack| {
        let status = match app(stack) {
            Some(()) => 0,
            None => {
                println!("failed");
                1
            }
        };
        board::exit(status)
    })
}

struct Memory {
    wire: [u8; 16384 + 256],
    payload: [u8; 16384],
    receive: [u8; BUFFER],
    transmit: [u8; BUFFER],
    window: [u8; WINDOW],
    compressor: CompressorMemory,
}

/// Serves a window of 10 bits in full.
type CompressorMemory = Lean<1536, 1024>;

/// What was agreed where compression is measured.
const AGREED: Agreed = Agreed {
    receive_window_bits: 10,
    receive_no_context_takeover: false,
    send_window_bits: 10,
    send_no_context_takeover: false,
};

fn app(stack: Stack<'static>) -> Option<()> {
    static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory {
        wire: [0; _],
        payload: [0; _],
        receive: [0; _],
        transmit: [0; _],
        window: [0; _],
        compressor: Lean::new(),
    });
    static INFLATER: StaticCell<InflateState> = StaticCell::new();
    let memory = MEMORY.take();
    let inflater = INFLATER.init_with(InflateState::new);
    fill(&mut memory.payload);

    memory_of_a_connection(stack)?;
    handshake(&mut memory.wire)?;
    plain(memory)?;
    compressed(memory, inflater)
}

/// Octets of a connection beside its buffers, what of them the adapter adds to the core, and of the
/// futures in which a program uses it.
fn memory_of_a_connection(stack: Stack<'static>) -> Option<()> {
    let core = size_of::<Receiver<Client, [u8; 0]>>() + size_of::<Sender<Client, [u8; 0], ()>>();
    println!("measure connection-state octets={core}");
    type Half = &'static Socket<'static>;
    type Rx = Receiver<Client, [u8; 0]>;
    type Tx = Sender<Client, [u8; 0], ()>;
    let all = size_of::<Connection<(Half, Half), Rx, Tx>>();
    println!("measure adapter-state octets={}", all - core);

    let (mut receive, mut transmit) = ([0; 256], [0; 256]);
    let (mut tcp_receive, mut tcp_transmit) = ([0; 16], [0; 16]);
    let socket = Socket::new(stack, &mut tcp_receive, &mut tcp_transmit);
    let request = Request::new(Uri::parse("ws://example.com/ws").ok()?);
    let timing = Timing::DEFAULT;
    let connecting = net::connect(
        (stack, &socket),
        &request,
        Buffers {
            receive: &mut receive[..],
            transmit: &mut transmit[..],
        },
        Predictable,
        Uncompressed,
        &timing,
    );
    println!("measure connect-future octets={}", size_of_val(&connecting));
    drop(connecting);
    let mut connection = Connection::new(
        (&socket, &socket),
        Receiver::<Client, _>::new(&mut receive[..]),
        Sender::<Client, _, _>::new(&mut transmit[..], Predictable),
        &timing,
    );
    println!(
        "measure borrowed-connection octets={}",
        size_of_val(&connection)
    );
    println!(
        "measure recv-future octets={}",
        size_of_val(&connection.recv())
    );
    println!(
        "measure send-future octets={}",
        size_of_val(&connection.send(""))
    );
    let closing = connection.close(Some(CloseCode::NORMAL), "");
    println!("measure close-future octets={}", size_of_val(&closing));
    drop(closing);
    let finishing = connection.finish();
    println!("measure finish-future octets={}", size_of_val(&finishing));
    Some(())
}

fn plain(memory: &mut Memory) -> Option<()> {
    let Memory {
        wire,
        payload,
        receive,
        transmit,
        ..
    } = memory;
    let kinds = [(MessageKind::Binary, "binary"), (MessageKind::Text, "text")];
    for (kind, word) in kinds {
        for length in LENGTHS {
            let payload = payload.get(..length)?;
            let server = Sender::<Server, _, _>::new(&mut transmit[..], Predictable);
            let frames = frames(server, kind, payload, wire)?;
            let mut receiver = Receiver::<Client, _>::new(&mut receive[..]);
            let (cost, received) = measure::cost(|| receive_message(&mut receiver, frames));
            report(format_args!("receive-{word}-{length}"), cost);
            if received != Ok(length) {
                return None;
            }
        }
    }
    for length in LENGTHS {
        let payload = payload.get(..length)?;
        let mut sender = Sender::<Client, _, _>::new(&mut transmit[..], Predictable);
        let (cost, sent) = measure::cost(|| send_message(&mut sender, payload));
        report(format_args!("send-binary-{length}"), cost);
        if sent.ok()? < length {
            return None;
        }
    }
    Some(())
}

fn compressed(memory: &mut Memory, state: &mut InflateState) -> Option<()> {
    let Memory {
        wire,
        payload,
        receive,
        transmit,
        window,
        compressor,
    } = memory;
    for length in LENGTHS {
        let payload = payload.get(..length)?;
        let stage = deflate(compressor);
        let server = Sender::<Server, _, _, _>::with_stage(&mut transmit[..], Predictable, stage);
        let frames = frames(server, MessageKind::Text, payload, wire)?;
        let mut stage = Inflater::new(&mut *state, &mut window[..]);
        stage.configure(Some(&AGREED)).ok()?;
        let mut receiver = Receiver::<Client, _, _>::with_stage(&mut receive[..], stage);
        let (cost, received) = measure::cost(|| receive_message(&mut receiver, frames));
        report(format_args!("receive-deflate-{length}"), cost);
        if received != Ok(length) {
            return None;
        }
    }
    for length in LENGTHS {
        let payload = payload.get(..length)?;
        let stage = deflate(compressor);
        let mut sender =
            Sender::<Client, _, _, _>::with_stage(&mut transmit[..], Predictable, stage);
        let (cost, sent) = measure::cost(|| send_message(&mut sender, payload));
        report(format_args!("send-deflate-{length}"), cost);
        println!("measure send-deflate-{length} wire={}", sent.ok()?);
    }
    Some(())
}

/// A compressor at the start of a connection, which compresses messages of any length.
fn deflate(form: &mut CompressorMemory) -> Compressor<&mut CompressorMemory> {
    let mut stage = Compressor::new(form).with_threshold(0);
    stage.configure(Some(&AGREED));
    stage
}

/// Text such as boards send: records that differ in a few digits.
fn fill(payload: &mut [u8]) {
    const RECORD: &[u8; 50] = b"{\"sequence\":0000,\"temperature_millidegrees\":00000}";
    const CHANGES: [usize; 6] = [12, 13, 14, 15, 47, 48];
    for (number, record) in payload.chunks_mut(RECORD.len()).enumerate() {
        let mut text = *RECORD;
        for (place, digit) in CHANGES.into_iter().zip(0u32..) {
            let changed = (number as u32).wrapping_mul(2_654_435_761) >> (4 * digit);
            text[place] = b'0' + (changed % 10) as u8;
        }
        record.copy_from_slice(&text[..record.len()]);
    }
}

fn report(
    name: fmt::Arguments<'_>,
    Cost {
        instructions,
        stack,
    }: Cost,
) {
    println!("measure {name} instructions={instructions} stack={stack}");
}

/// The client's side of an opening handshake: request, and its answer.
fn handshake(wire: &mut [u8]) -> Option<()> {
    let mut service = ServerHandshake::new(&Service::ANY, ());
    let request = Request::new(Uri::parse("ws://example.com/ws").ok()?);
    let (cost, client) = measure::cost(|| {
        let mut client = ClientHandshake::new(&request, Uncompressed, &mut Predictable).ok()?;
        let length = client.write(wire);
        Some((client, length))
    });
    let (mut client, length) = client?;
    report(format_args!("handshake-request"), cost);

    let Progress::Done { .. } = service.read(wire.get(..length)?) else {
        return None;
    };
    let length = service.write(wire);
    let response = wire.get(..length)?;
    let (cost, established) = measure::cost(|| {
        let _ = client.read(response).ok()?;
        client.finish().ok()
    });
    established?;
    report(format_args!("handshake-response"), cost);
    Some(())
}

/// The frames of one message as `sender` sends it.
fn frames<'w, R: Role, C: Compress>(
    mut sender: Sender<R, &mut [u8], Predictable, C>,
    kind: MessageKind,
    mut payload: &[u8],
    wire: &'w mut [u8],
) -> Option<&'w [u8]> {
    let mut written = 0;
    let mut first = true;
    loop {
        let queued = sender.message(kind, payload, first).ok()?;
        let pending = sender.pending();
        let end = written + pending.len();
        wire.get_mut(written..end)?.copy_from_slice(pending);
        sender.advance(end - written);
        written = end;
        if queued.complete {
            return wire.get(..written);
        }
        payload = payload.get(queued.taken..)?;
        first = first && !sender.in_message();
    }
}

/// Takes one message out of `wire`, as a transport that always has octets would; gives its length.
fn receive_message<D: Decompress>(
    receiver: &mut Receiver<Client, &mut [u8], D>,
    mut wire: &[u8],
) -> Result<usize, Error> {
    let mut received = 0;
    loop {
        match receiver.step(Delivery::Chunk)? {
            Step::NeedOctets => {
                let spare = receiver.spare();
                let length = spare.len().min(wire.len());
                let (now, later) = wire.split_at(length);
                spare[..length].copy_from_slice(now);
                receiver.commit(length);
                wire = later;
            }
            Step::Chunk => {
                let Some(chunk) = black_box(receiver.chunk()) else {
                    continue;
                };
                received += chunk.octets.len();
                if chunk.fin {
                    return Ok(received);
                }
            }
            _ => return Ok(received),
        }
    }
}

/// Sends one message to a transport that takes all; gives the number of octets on the wire.
fn send_message<C: Compress>(
    sender: &mut Sender<Client, &mut [u8], Predictable, C>,
    mut payload: &[u8],
) -> Result<usize, Error> {
    let mut sent = 0;
    let mut first = true;
    loop {
        let queued = sender.message(MessageKind::Binary, payload, first)?;
        let pending = black_box(sender.pending()).len();
        sender.advance(pending);
        sent += pending;
        if queued.complete {
            return Ok(sent);
        }
        payload = payload.get(queued.taken..).unwrap_or_default();
        first = first && !sender.in_message();
    }
}

/// The same key every time: what is measured must not depend on chance. Never for a network.
struct Predictable;

impl Entropy for Predictable {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        octets.fill(0x5A);
        Ok(())
    }
}
