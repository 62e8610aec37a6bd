//! The client that the Autobahn test suite judges: it echoes whatever each case sends.
//!
//! Arguments: `uri=ws://HOST:PORT` of the suite's server, `agent=NAME` for its report,
//! `deflate=BITS` to offer compression with a window of 2^BITS octets.
//!
//! Messages of any length pass through buffers of 1024 octets: each piece is sent on as a
//! fragment as soon as it arrives.

#![no_std]
#![no_main]

use core::fmt::{self, Write};

use bare_ws::{
    deflate::{
        Compressor, Inflater, Lean, Limits, Negotiation, State,
        negotiate::{Held, Offer, Refusal},
    },
    entropy::RandCore,
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
use chacha20::ChaCha12Rng;
use embassy_executor::Spawner;
use embassy_net::Stack;
use embedded_io_async::ErrorKind;
use emulated::{
    arguments::Arguments,
    board::{self, println},
    entropy::HostSeeded,
    measure,
};
use heapless::String;
use static_cell::{ConstStaticCell, StaticCell};

/// Octets of each buffer of the connection.
const BUFFER: usize = 1024;
/// Octets of TCP's buffers: what may be on its way.
const TCP_RECEIVE: usize = 2048;
/// More than two segments of 1460: a peer acknowledges every second one at once, but waits for
/// a timer of its own before it acknowledges a single one (RFC 9293 §3.8.6.3).
const TCP_TRANSMIT: usize = 3072;
/// Octets of the largest LZ77 window that can be asked for.
const WINDOW: usize = 1 << 15;
const URI: usize = 256;

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
    measure::report_stack("autobahn");
    board::exit(status)
}

#[derive(Debug)]
#[expect(dead_code, reason = "printed by its Debug")]
enum Failure {
    Argument(&'static str),
    Uri(UriError),
    UriTooLong,
    Window(Refusal),
    Entropy,
    Connect(ConnectError<ErrorKind>),
    Connection(Error<ErrorKind>),
    NoAnswer,
}

async fn app(stack: Stack<'static>, arguments: Arguments) -> Result<(), Failure> {
    static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
    let Memory {
        receive,
        transmit,
        window,
        compressor,
        tcp_receive,
        tcp_transmit,
    } = MEMORY.take();
    let window = match arguments.parsed("deflate") {
        Some(bits @ 9..=15) => &mut window[..1 << bits],
        _ => &mut [],
    };
    let mut suite = Suite {
        stack,
        base: arguments.value("uri").ok_or(Failure::Argument("uri"))?,
        agent: arguments.value("agent").unwrap_or("bare-ws-firmware"),
        random: HostSeeded::generator().map_err(|_| Failure::Entropy)?,
        socket: Socket::new(stack, tcp_receive, tcp_transmit),
        receive,
        transmit,
        window,
        inflater: new_inflater(),
        compressor,
    };
    stack.wait_config_up().await;

    let cases = suite.case_count().await?;
    for case in 1..=cases {
        // Many cases end in an error, as they should; the suite keeps the score.
        if let Err(failure) = suite.run_case(case).await {
            println!("case {case}: {failure:?}");
        }
    }
    println!("{cases} cases");
    suite.update_reports().await
}

/// Apart, because its 10 KB pass over the stack: not while anything else is on it.
#[inline(never)]
fn new_inflater() -> &'static mut State {
    static INFLATER: StaticCell<State> = StaticCell::new();
    INFLATER.init_with(State::new)
}

/// What one connection after the other uses, in a static, so that the linker knows whether it
/// fits the board.
struct Memory {
    receive: [u8; BUFFER],
    transmit: [u8; BUFFER],
    window: [u8; WINDOW],
    compressor: Small,
    tcp_receive: [u8; TCP_RECEIVE],
    tcp_transmit: [u8; TCP_TRANSMIT],
}

/// Serves a window of 10 bits.
type Small = Lean<1536, 1024>;

impl Memory {
    const fn new() -> Self {
        Self {
            receive: [0; _],
            transmit: [0; _],
            window: [0; _],
            compressor: Lean::new(),
            tcp_receive: [0; _],
            tcp_transmit: [0; _],
        }
    }
}

struct Suite {
    stack: Stack<'static>,
    base: &'static str,
    agent: &'static str,
    random: ChaCha12Rng,
    socket: Socket<'static>,
    receive: &'static mut [u8],
    transmit: &'static mut [u8],
    /// As long as the window that is asked for; empty for no compression.
    window: &'static mut [u8],
    inflater: &'static mut State,
    compressor: &'static mut Small,
}

type Open<'a> = Connection<
    net::Io<'a, 'static>,
    Receiver<Client, &'a mut [u8], Inflater<&'a mut [u8], &'a mut State>>,
    Sender<Client, &'a mut [u8], RandCore<&'a mut ChaCha12Rng>, Compressor<&'a mut Small>>,
>;

impl Suite {
    async fn case_count(&mut self) -> Result<u32, Failure> {
        let mut connection = self.connect(format_args!("/getCaseCount")).await?;
        let mut count = None;
        while let Some(message) = connection.recv().await.map_err(Failure::Connection)? {
            count = message.as_text().and_then(|text| text.parse().ok());
        }
        connection.finish().await.map_err(Failure::Connection)?;
        count.ok_or(Failure::NoAnswer)
    }

    async fn run_case(&mut self, case: u32) -> Result<(), Failure> {
        let agent = self.agent;
        let resource = format_args!("/runCase?case={case}&agent={agent}");
        let mut connection = self.connect(resource).await?;
        echo(&mut connection).await
    }

    async fn update_reports(&mut self) -> Result<(), Failure> {
        let agent = self.agent;
        let resource = format_args!("/updateReports?agent={agent}");
        let mut connection = self.connect(resource).await?;
        echo(&mut connection).await
    }

    async fn connect(&mut self, resource: fmt::Arguments<'_>) -> Result<Open<'_>, Failure> {
        let mut text = String::<URI>::new();
        write!(text, "{}{resource}", self.base).map_err(|_| Failure::UriTooLong)?;
        let uri = Uri::parse(&text).map_err(Failure::Uri)?;

        let held = Held::pieces(self.window.len());
        let offers = Offer::sensible(held);
        let negotiation = Negotiation::new(&offers, held).map_err(Failure::Window)?;
        let inflater = Inflater::new(&mut *self.inflater, &mut *self.window)
            .with_limits(Limits::new(u64::MAX));
        let compressor = Compressor::new(&mut *self.compressor);

        let entropy = RandCore(&mut self.random);
        let (mut connection, established) = net::connect(
            (self.stack, &self.socket),
            &Request::new(uri),
            negotiation,
            Receiver::<Client, _, _>::with_stage(&mut *self.receive, inflater),
            Sender::with_stage(&mut *self.transmit, entropy, compressor),
            &Timing::DEFAULT,
        )
        .await
        .map_err(Failure::Connect)?;

        let agreed = established.extensions.agreed();
        let inflater = connection.receiver_mut().stage_mut();
        inflater.configure(agreed).map_err(Failure::Window)?;
        connection.sender_mut().stage_mut().configure(agreed);
        Ok(connection)
    }
}

/// Sends back all that comes, piece by piece, until the peer closes.
async fn echo(connection: &mut Open<'_>) -> Result<(), Failure> {
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
    let finished = reader.finish().await;
    echoed.and(finished).map_err(Failure::Connection)
}
