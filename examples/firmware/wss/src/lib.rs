//! A verified TLS connection: octets go to a WebSocket server, and come back. Nothing here knows which board it is.

#![no_std]
#![forbid(unsafe_code)]

use bare_ws::{
    buffer::Buffers,
    compression::Uncompressed,
    entropy::Entropy,
    handshake::Request,
    message::MessageKind,
    receiver::Receive,
    sender::Transmit,
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
use embassy_net::Stack;
use embassy_time::Duration;
use embedded_io_async::ErrorKind;

/// What is echoed at a time.
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

/// For both handshakes: the signatures alone take a Cortex-M0+ seconds.
const HANDSHAKE: Duration = Duration::from_secs(60);

/// Whom to connect to, and whom to trust.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// The server: `wss://HOST:PORT/`.
    pub uri: &'a str,
    /// The name that its certificate is to be for, if that is not the URI's host.
    pub name: Option<&'a str>,
    /// The one certificate to trust, as DER.
    pub root: &'a [u8],
    /// Seconds since 1970.
    pub now: u64,
    /// How many are echoed.
    pub octets: usize,
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// The network is up, and TCP begins.
    Connecting,
    /// The server is verified, and a WebSocket is open.
    Connected,
    /// All octets came back as they went.
    Echoed,
}

/// Why it did not come to its end.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Failure {
    /// The server's URI is none.
    Uri(UriError),
    /// The certificate to trust is none.
    Anchor,
    /// There was no connection.
    Connect(ConnectError<tls::Error<ErrorKind>>),
    /// It failed.
    Connection(Error<tls::Error<ErrorKind>>),
    /// What came back is not what went.
    Different,
}

/// All that the connection needs, to be kept in a static:
///
/// ```ignore
/// static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
/// ```
pub struct Memory {
    tcp: [[u8; TCP_BUFFER]; 2],
    records: ([u8; READ], [u8; WRITE]),
    link: ([u8; RECEIVE], [u8; WRITE]),
    buffers: [[u8; BUFFER]; 2],
}

impl Memory {
    /// Empty memory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            tcp: [[0; _]; 2],
            records: ([0; _], [0; _]),
            link: ([0; _], [0; _]),
            buffers: [[0; _]; 2],
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// Connects, echoes and closes; `at` hears of each step.
///
/// # Errors
/// See [`Failure`].
pub async fn run(
    stack: Stack<'static>,
    settings: &Settings<'_>,
    memory: &'static mut Memory,
    entropy: &mut impl Entropy,
    mut at: impl FnMut(Step),
) -> Result<(), Failure> {
    let Memory {
        tcp: [tcp_receive, tcp_transmit],
        records,
        link,
        buffers: [receive, transmit],
    } = memory;
    let uri = Uri::parse(settings.uri).map_err(Failure::Uri)?;
    let certificate = CertificateDer::from(settings.root);
    let anchors = [anchor_from_trusted_cert(&certificate).map_err(|_| Failure::Anchor)?];
    let trust = Roots::new(&anchors, Clock::UnixSeconds(settings.now));

    stack.wait_config_up().await;
    let socket = Socket::new(stack, tcp_receive, tcp_transmit);
    let mut link = Link::new(&mut link.0, &mut link.1);
    let records = Records {
        read: &mut records.0,
        write: &mut records.1,
    };
    let mut secure = Setup::new(trust, &mut link, records).with_max_fragment_length(FRAGMENT);
    if let Some(name) = settings.name {
        secure = secure.with_server_name(name);
    }
    at(Step::Connecting);
    let (mut connection, _) = net::connect_secure(
        (stack, &socket),
        secure,
        &Request::new(uri),
        Buffers {
            receive: &mut receive[..],
            transmit: &mut transmit[..],
        },
        entropy,
        Uncompressed,
        &Timing {
            handshake: HANDSHAKE,
            ..Timing::DEFAULT
        },
    )
    .await
    .map_err(Failure::Connect)?;
    at(Step::Connected);

    let same = echo(&mut connection, settings.octets)
        .await
        .map_err(Failure::Connection)?;
    if !same {
        return Err(Failure::Different);
    }
    at(Step::Echoed);
    connection.finish().await.map_err(Failure::Connection)
}

/// Sends one long message in pieces, and compares what returns: whether it is the same.
///
/// # Errors
/// The connection's.
pub async fn echo<Io: Transport>(
    connection: &mut Connection<Io, impl Receive, impl Transmit>,
    octets: usize,
) -> Result<bool, Error<Io::Error>> {
    let (mut reader, writer) = connection.split();
    let mut sent = 0;
    while sent < octets {
        let length = PIECE.min(octets - sent);
        let mut piece = [0; PIECE];
        for (index, octet) in piece.iter_mut().enumerate() {
            *octet = pattern(sent + index);
        }
        sent += length;
        writer
            .send_fragment(MessageKind::Binary, &piece[..length], sent == octets)
            .await?;
    }
    let mut received = 0;
    while received < octets {
        let Some(chunk) = reader.recv_chunk().await? else {
            return Ok(false);
        };
        let same = chunk
            .octets
            .iter()
            .enumerate()
            .all(|(index, octet)| *octet == pattern(received + index));
        if !same {
            return Ok(false);
        }
        received += chunk.octets.len();
    }
    Ok(true)
}

fn pattern(place: usize) -> u8 {
    (place ^ place >> 8 ^ place >> 16) as u8
}
