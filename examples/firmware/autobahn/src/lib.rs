//! The client that the Autobahn test suite judges: it echoes whatever each case sends. Nothing here knows which
//! board it is.
//!
//! Messages of any length pass through buffers of 1024 octets: each piece is sent on as a
//! fragment as soon as it arrives.

#![no_std]
#![forbid(unsafe_code)]

mod memory;

pub use memory::Memory;

use core::fmt::{self, Write};

use bare_ws::{
    buffer::Buffers,
    deflate::{Compressor, Deflate, InflateState, Inflater, Limits, MemoryTooSmall},
    entropy::Entropy,
    handshake::Request,
    receiver::Receiver,
    role::Client,
    sender::Sender,
    uri::{Uri, UriError},
};
use bare_ws_embassy::{
    ConnectError, Connection, Error, Timing,
    net::{self, Socket},
};
use embassy_net::Stack;
use embedded_io_async::ErrorKind;
use heapless::String;

use memory::{CompressorMemory, WINDOW_BITS};

/// What the suite is asked, and as whom.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// The suite's server: `ws://HOST:PORT`.
    pub uri: &'a str,
    /// The name in the suite's report.
    pub agent: &'a str,
    /// Compression is offered with a window of 2^this octets, 9 to 15; any other number offers none.
    pub deflate: Option<u8>,
}

/// Why there is no result, of a case or of all.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Failure {
    /// The server's URI is none.
    Uri(UriError),
    /// It leaves no room for the names of the cases.
    UriTooLong,
    /// The memory cannot serve compression.
    Memory(MemoryTooSmall),
    /// There was no connection.
    Connect(ConnectError<ErrorKind>),
    /// It failed.
    Connection(Error<ErrorKind>),
    /// The server did not say how many cases there are.
    NoAnswer,
}

/// Runs all cases that the server has, and gives their number. A case whose connection failed, as it should in many,
/// goes to `failed` with its number; the suite keeps the score.
///
/// # Errors
/// The server could not be asked for its cases, or told that they are done.
pub async fn run(
    stack: Stack<'static>,
    settings: &Settings<'_>,
    memory: &'static mut Memory,
    entropy: &mut impl Entropy,
    mut failed: impl FnMut(u32, Failure),
) -> Result<u32, Failure> {
    let memory::Parts {
        tcp_receive,
        tcp_transmit,
        receive,
        transmit,
        window,
        inflater,
        compressor,
    } = memory.parts();
    let window = match settings.deflate {
        Some(bits @ 9..=WINDOW_BITS) => Some(&mut window[..1 << bits]),
        _ => None,
    };
    let mut suite = Suite {
        stack,
        settings,
        entropy,
        socket: Socket::new(stack, tcp_receive, tcp_transmit),
        receive,
        transmit,
        window,
        inflater,
        compressor,
    };
    stack.wait_config_up().await;

    let cases = suite.case_count().await?;
    for case in 1..=cases {
        if let Err(failure) = suite.run_case(case).await {
            failed(case, failure);
        }
    }
    suite.update_reports().await?;
    Ok(cases)
}

/// Octets of the longest URI.
const URI: usize = 256;

struct Suite<'s, E> {
    stack: Stack<'static>,
    settings: &'s Settings<'s>,
    entropy: &'s mut E,
    socket: Socket<'static>,
    receive: &'static mut [u8],
    transmit: &'static mut [u8],
    /// As long as the window that is asked for; `None` for no compression.
    window: Option<&'static mut [u8]>,
    inflater: &'static mut InflateState,
    compressor: &'static mut CompressorMemory,
}

type Open<'a, E> = Connection<
    net::Io<'a, 'static>,
    Receiver<Client, &'a mut [u8], Option<Inflater<&'a mut [u8], &'a mut InflateState>>>,
    Sender<Client, &'a mut [u8], &'a mut E, Option<Compressor<&'a mut CompressorMemory>>>,
>;

impl<E: Entropy> Suite<'_, E> {
    async fn case_count(&mut self) -> Result<u32, Failure> {
        let mut connection = self.connect(format_args!("/getCaseCount"), false).await?;
        let mut count = None;
        while let Some(message) = connection.recv().await.map_err(Failure::Connection)? {
            count = message.as_text().and_then(|text| text.parse().ok());
        }
        connection.finish().await.map_err(Failure::Connection)?;
        count.ok_or(Failure::NoAnswer)
    }

    async fn run_case(&mut self, case: u32) -> Result<(), Failure> {
        let agent = self.settings.agent;
        let resource = format_args!("/runCase?case={case}&agent={agent}");
        let mut connection = self.connect(resource, true).await?;
        echo(&mut connection).await
    }

    async fn update_reports(&mut self) -> Result<(), Failure> {
        let agent = self.settings.agent;
        let resource = format_args!("/updateReports?agent={agent}");
        let mut connection = self.connect(resource, false).await?;
        echo(&mut connection).await
    }

    /// `compressed`: if that is asked for.
    async fn connect(
        &mut self,
        resource: fmt::Arguments<'_>,
        compressed: bool,
    ) -> Result<Open<'_, E>, Failure> {
        let mut text = String::<URI>::new();
        write!(text, "{}{resource}", self.settings.uri).map_err(|_| Failure::UriTooLong)?;
        let uri = Uri::parse(&text).map_err(Failure::Uri)?;

        let deflate = match &mut self.window {
            Some(window) if compressed => {
                let inflater = Inflater::new(&mut *self.inflater, &mut **window)
                    .with_limits(Limits::new(u64::MAX));
                let compressor = Compressor::new(&mut *self.compressor);
                Some(Deflate::pieces(inflater, compressor).map_err(Failure::Memory)?)
            }
            _ => None,
        };
        let (connection, _) = net::connect(
            (self.stack, &self.socket),
            &Request::new(uri),
            Buffers {
                receive: &mut *self.receive,
                transmit: &mut *self.transmit,
            },
            &mut *self.entropy,
            deflate,
            &Timing::DEFAULT,
        )
        .await
        .map_err(Failure::Connect)?;
        Ok(connection)
    }
}

/// Sends back all that comes, piece by piece, until the peer closes.
async fn echo(connection: &mut Open<'_, impl Entropy>) -> Result<(), Failure> {
    let (mut reader, writer) = connection.split();
    let echoed = async {
        while let Some(chunk) = reader.recv_chunk().await? {
            writer
                .send_fragment(chunk.kind, chunk.octets, chunk.fin)
                .await?;
        }
        Ok(())
    };
    let echoed = echoed.await;
    // The next case has the same socket.
    let finished = connection.finish().await;
    echoed.and(finished).map_err(Failure::Connection)
}
