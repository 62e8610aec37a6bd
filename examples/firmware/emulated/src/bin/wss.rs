//! A verified TLS connection: 1 MiB goes to a WebSocket server, and comes back.
//!
//! Arguments: `uri=wss://HOST:PORT/`, `ca=FILE` with the one certificate (DER) to trust;
//! `name=NAME` where the certificate is to be for a name that is not the URI's host;
//! `now=SECONDS` for another time than the host's, since 1970.

#![no_std]
#![no_main]

use bare_ws::{
    entropy::RandCore,
    handshake::Request,
    message::MessageKind,
    receiver::{Receive, Receiver},
    role::Client,
    sender::{Sender, Transmit},
    uri::{Uri, UriError},
};
use bare_ws_embassy::{
    ConnectError, Connection, Error, Timing,
    net::{self, Socket},
    tls::{
        self, CertificateDer, Clock, Link, MaxFragmentLength, Records, Roots, Setup,
        anchor_from_trusted_cert,
    },
    transport::Transport,
};
use core::fmt::Write as _;
use embassy_executor::Spawner;
use embassy_net::Stack;
use embassy_time::Duration;
use embedded_io_async::ErrorKind;
use emulated::{
    arguments::Arguments,
    board::{self, println},
    entropy::HostSeeded,
    measure,
};
use heapless::String;
use semihosting::{fs::File, io::Read as _};
use static_cell::ConstStaticCell;

/// What is echoed, in all and at a time.
const OCTETS: usize = 1 << 20;
const PIECE: usize = 1000;

const BUFFER: usize = 1024;
const TCP_BUFFER: usize = 2048;
/// Records of at most 2^11 octets from the server, if it grants that; see
/// `bare_ws_embassy::tls` for what the buffers must hold then.
const FRAGMENT: MaxFragmentLength = MaxFragmentLength::Bits11;
const READ: usize = 2065;
const RECEIVE: usize = 2070;
/// A frame of ours fills one record.
const WRITE: usize = BUFFER + 133;
const CERTIFICATE: usize = 2048;

/// For both handshakes: the signatures alone take a Cortex-M0+ seconds.
const HANDSHAKE: Duration = Duration::from_secs(60);

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    board::run(|spawner: Spawner, stack| spawner.spawn(program(stack).expect("spawned once")))
}

#[embassy_executor::task]
async fn program(stack: Stack<'static>) {
    let status = match app(stack, Arguments::read()).await {
        Ok(()) => 0,
        Err(failure) => {
            println!("failed: {failure:?}");
            1
        }
    };
    measure::report_stack("wss");
    board::exit(status)
}

#[derive(Debug)]
#[expect(dead_code, reason = "printed by its Debug")]
enum Failure {
    Argument(&'static str),
    Uri(UriError),
    Anchor,
    NoTime,
    Entropy,
    Connect(ConnectError<tls::Error<ErrorKind>>),
    Connection(Error<tls::Error<ErrorKind>>),
    Different,
}

struct Memory {
    certificate: [u8; CERTIFICATE],
    tcp: [[u8; TCP_BUFFER]; 2],
    records: ([u8; READ], [u8; WRITE]),
    link: ([u8; RECEIVE], [u8; WRITE]),
    buffers: [[u8; BUFFER]; 2],
}

async fn app(stack: Stack<'static>, arguments: Arguments) -> Result<(), Failure> {
    static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory {
        certificate: [0; _],
        tcp: [[0; _]; 2],
        records: ([0; _], [0; _]),
        link: ([0; _], [0; _]),
        buffers: [[0; _]; 2],
    });
    let Memory {
        certificate,
        tcp,
        records,
        link,
        buffers,
    } = MEMORY.take();
    let [tcp_receive, tcp_transmit] = tcp;
    let [receive, transmit] = buffers;

    let uri = arguments.value("uri").ok_or(Failure::Argument("uri"))?;
    let uri = Uri::parse(uri).map_err(Failure::Uri)?;
    let now = match arguments.parsed("now") {
        Some(now) => now,
        None => board::unix_time().ok_or(Failure::NoTime)?,
    };
    let random = HostSeeded::generator().map_err(|_| Failure::Entropy)?;

    let file = arguments.value("ca").ok_or(Failure::Argument("ca"))?;
    let certificate = read(file, certificate).ok_or(Failure::Argument("ca"))?;
    let certificate = CertificateDer::from(certificate);
    let anchors = [anchor_from_trusted_cert(&certificate).map_err(|_| Failure::Anchor)?];
    let trust = Roots::new(&anchors, Clock::UnixSeconds(now));

    stack.wait_config_up().await;
    let socket = Socket::new(stack, tcp_receive, tcp_transmit);
    let mut link = Link::new(&mut link.0, &mut link.1);
    let records = Records {
        read: &mut records.0,
        write: &mut records.1,
    };
    let mut stream = None;
    let mut secure =
        Setup::new(trust, &mut link, records, &mut stream).with_max_fragment_length(FRAGMENT);
    if let Some(name) = arguments.value("name") {
        secure = secure.with_server_name(name);
    }
    let before = measure::instructions();
    let (mut connection, _) = net::connect_secure(
        (stack, &socket),
        secure,
        &Request::new(uri),
        (),
        Receiver::<Client, _, _>::new(&mut receive[..]),
        Sender::new(&mut transmit[..], RandCore(random)),
        &Timing {
            handshake: HANDSHAKE,
            ..Timing::DEFAULT
        },
    )
    .await
    .map_err(Failure::Connect)?;
    measure::report_instructions("wss-connect", measure::instructions() - before);

    let before = measure::instructions();
    echo(&mut connection).await?;
    measure::report_instructions("wss-echo-1m", measure::instructions() - before);
    connection.finish().await.map_err(Failure::Connection)?;
    println!("echoed {OCTETS} octets");
    Ok(())
}

/// Sends one long message in pieces, and compares what returns.
async fn echo<Io: Transport<Error = tls::Error<ErrorKind>>>(
    connection: &mut Connection<Io, impl Receive, impl Transmit>,
) -> Result<(), Failure> {
    let (mut reader, writer) = connection.split();
    let mut sent = 0;
    while sent < OCTETS {
        let length = PIECE.min(OCTETS - sent);
        let mut piece = [0; PIECE];
        for (index, octet) in piece.iter_mut().enumerate() {
            *octet = pattern(sent + index);
        }
        sent += length;
        writer
            .send_fragment(MessageKind::Binary, &piece[..length], sent == OCTETS)
            .await
            .map_err(Failure::Connection)?;
    }
    let mut received = 0;
    while received < OCTETS {
        let chunk = reader.recv_chunk().await.map_err(Failure::Connection)?;
        let octets = chunk.ok_or(Failure::Different)?.octets;
        let same = octets.iter().enumerate();
        if !same
            .clone()
            .all(|(index, octet)| *octet == pattern(received + index))
        {
            return Err(Failure::Different);
        }
        received += octets.len();
    }
    Ok(())
}

fn pattern(place: usize) -> u8 {
    (place ^ place >> 8 ^ place >> 16) as u8
}

/// Reads a file of the host, over semihosting.
fn read<'m>(path: &str, memory: &'m mut [u8]) -> Option<&'m [u8]> {
    let mut name = String::<256>::new();
    write!(name, "{path}\0").ok()?;
    let name = core::ffi::CStr::from_bytes_with_nul(name.as_bytes()).ok()?;
    let mut file = File::open(name).ok()?;
    let mut length = 0;
    loop {
        let room = memory.get_mut(length..)?;
        match file.read(room).ok()? {
            0 => return memory.get(..length),
            read => length += read,
        }
    }
}
