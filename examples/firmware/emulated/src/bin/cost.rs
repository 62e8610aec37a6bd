//! What each operation of the library costs in instructions, on fixed octets and without I/O, so
//! that the count is the same in every run; and what a connection costs in memory.
//!
//! Prints `measure` lines. No arguments.

#![no_std]
#![no_main]

use core::{fmt, hint::black_box};

use bare_ws::{
    entropy::{Entropy, EntropyError},
    error::Error,
    handshake::{
        ClientHandshake, Progress, Request,
        server::{ServerHandshake, Service},
    },
    header::FrameHeader,
    message::MessageKind,
    opcode::Opcode,
    receiver::{Delivery, Receiver, Step},
    role::Client,
    sender::Sender,
    uri::Uri,
};
use emulated::{
    board::{self, println},
    measure::{self, Cost},
};
use static_cell::ConstStaticCell;

/// Octets of payload in each operation.
const LENGTHS: [usize; 4] = [16, 125, 1024, 16384];
const BUFFER: usize = 2048;
const LONGEST_HEADER: usize = 14;

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    board::run(|_, _| {
        let status = match app() {
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
    wire: [u8; 16384 + LONGEST_HEADER],
    receive: [u8; BUFFER],
    send: [u8; BUFFER],
}

fn app() -> Option<()> {
    static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory {
        wire: [0; _],
        receive: [0; _],
        send: [0; _],
    });
    let Memory {
        wire,
        receive,
        send,
    } = MEMORY.take();

    let state = size_of::<Receiver<Client, [u8; 0]>>() + size_of::<Sender<Client, [u8; 0], ()>>();
    println!("measure connection-state octets={state}");

    handshake(wire)?;

    let kinds = [(MessageKind::Binary, "binary"), (MessageKind::Text, "text")];
    for (kind, word) in kinds {
        for length in LENGTHS {
            let frame = frame(wire, kind, length)?;
            let mut receiver = Receiver::<Client, &mut [u8]>::new(receive);
            let (cost, received) = measure::cost(|| receive_message(&mut receiver, frame));
            if received != Ok(length) {
                return None;
            }
            report(format_args!("receive-{word}-{length}"), cost);
        }
    }
    for length in LENGTHS {
        let payload = wire.get(..length)?;
        let mut sender = Sender::<Client, &mut [u8], _>::new(send, Predictable);
        let (cost, sent) = measure::cost(|| send_message(&mut sender, payload));
        if sent.ok()? < length {
            return None;
        }
        report(format_args!("send-binary-{length}"), cost);
    }
    Some(())
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
        let mut client = ClientHandshake::new(&request, (), &mut Predictable).ok()?;
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

/// One whole frame of a server, with a payload of ASCII.
fn frame(wire: &mut [u8], kind: MessageKind, length: usize) -> Option<&[u8]> {
    let opcode = match kind {
        MessageKind::Text => Opcode::Text,
        MessageKind::Binary => Opcode::Binary,
    };
    let header = FrameHeader::new(opcode, true, length as u64).emit();
    let header = header.as_ref();
    let wire = wire.get_mut(..header.len() + length)?;
    let (start, payload) = wire.split_at_mut(header.len());
    start.copy_from_slice(header);
    for (octet, letter) in payload.iter_mut().zip((b'a'..=b'z').cycle()) {
        *octet = letter;
    }
    Some(wire)
}

/// Takes one message out of `wire`, as a transport that always has octets would; gives its length.
fn receive_message(
    receiver: &mut Receiver<Client, &mut [u8]>,
    mut wire: &[u8],
) -> Result<usize, Error> {
    let delivery = if wire.len() < BUFFER {
        Delivery::Message
    } else {
        Delivery::Chunk
    };
    let mut received = 0;
    loop {
        match receiver.step(delivery)? {
            Step::NeedOctets => {
                let spare = receiver.spare();
                let length = spare.len().min(wire.len());
                let (now, later) = wire.split_at(length);
                spare[..length].copy_from_slice(now);
                receiver.commit(length);
                wire = later;
            }
            Step::Message => {
                let message = receiver.message()?;
                return Ok(black_box(message).map_or(0, |message| message.len()));
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
fn send_message(
    sender: &mut Sender<Client, &mut [u8], Predictable>,
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
        payload = &payload[queued.taken..];
        first = false;
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
