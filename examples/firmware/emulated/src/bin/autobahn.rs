//! The client that the Autobahn test suite judges: it echoes whatever each case sends.
//!
//! Arguments: `uri=ws://HOST:PORT` of the suite's server, `agent=NAME` for its report.
//!
//! Messages of any length pass through buffers of 1024 octets: each piece is sent on as a
//! fragment as soon as it arrives.

#![no_std]
#![no_main]

use core::fmt::Write as _;

use bare_ws::{
    asynch::Connection,
    entropy::RandCore,
    error::Error,
    handshake::{ClientHandshake, HandshakeError, Request},
    receiver::Receiver,
    role::Client,
    sender::Sender,
    uri::{Uri, UriError},
};
use chacha20::ChaCha12Rng;
use embassy_executor::Spawner;
use embassy_net::{
    IpAddress, Stack,
    dns::DnsQueryType,
    tcp::{self, TcpSocket},
};
use embassy_time::{Duration, TimeoutError, with_timeout};
use embedded_io_async::{ErrorType, Read, Write};
use emulated::{
    arguments::Arguments,
    board::{self, println},
    entropy::HostSeeded,
    measure,
};
use heapless::String;
use static_cell::ConstStaticCell;

/// Octets of each buffer: what a connection receives into and sends from.
const BUFFER: usize = 1024;
const SOCKET_BUFFER: usize = 2048;
const URI: usize = 256;

const CONNECT_TIME_LIMIT: Duration = Duration::from_secs(10);
/// How long the server may take to close the TCP connection after the closing handshake.
const CLOSE_TIME_LIMIT: Duration = Duration::from_secs(5);
/// The longest that a case of the suite leaves a connection silent is ten seconds.
const IDLE_TIME_LIMIT: Duration = Duration::from_secs(120);

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
    NoAddress,
    Entropy,
    Connect(tcp::ConnectError),
    Handshake(HandshakeError<tcp::Error>),
    Connection(Error<tcp::Error>),
    NoAnswer,
    TimeOut(TimeoutError),
}

async fn app(stack: Stack<'static>, arguments: Arguments) -> Result<(), Failure> {
    static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
    let base = arguments.value("uri").ok_or(Failure::Argument("uri"))?;
    let agent = arguments.value("agent").unwrap_or("bare-ws-firmware");
    let random = HostSeeded::generator().map_err(|_| Failure::Entropy)?;
    let mut suite = Suite {
        stack,
        base,
        agent,
        random,
        memory: MEMORY.take(),
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

/// What one connection after the other uses.
struct Memory {
    receive: [u8; BUFFER],
    send: [u8; BUFFER],
    socket_receive: [u8; SOCKET_BUFFER],
    socket_send: [u8; SOCKET_BUFFER],
}

impl Memory {
    const fn new() -> Self {
        Self {
            receive: [0; BUFFER],
            send: [0; BUFFER],
            socket_receive: [0; SOCKET_BUFFER],
            socket_send: [0; SOCKET_BUFFER],
        }
    }
}

struct Suite {
    stack: Stack<'static>,
    base: &'static str,
    agent: &'static str,
    random: ChaCha12Rng,
    memory: &'static mut Memory,
}

type Open<'a> =
    Connection<Socket<'a>, Client, &'a mut [u8], &'a mut [u8], RandCore<&'a mut ChaCha12Rng>>;

impl Suite {
    async fn case_count(&mut self) -> Result<u32, Failure> {
        let mut connection = self.connect(format_args!("/getCaseCount")).await?;
        let answer = connection.recv().await.map_err(Failure::Connection)?;
        let count = answer.and_then(|message| message.as_text()?.parse().ok());
        finish(connection).await;
        count.ok_or(Failure::NoAnswer)
    }

    async fn run_case(&mut self, case: u32) -> Result<(), Failure> {
        let agent = self.agent;
        let resource = format_args!("/runCase?case={case}&agent={agent}");
        let mut connection = self.connect(resource).await?;
        let result = echo(&mut connection).await;
        finish(connection).await;
        result
    }

    async fn update_reports(&mut self) -> Result<(), Failure> {
        let agent = self.agent;
        let mut connection = self
            .connect(format_args!("/updateReports?agent={agent}"))
            .await?;
        let result = echo(&mut connection).await;
        finish(connection).await;
        result
    }

    async fn connect(&mut self, resource: core::fmt::Arguments<'_>) -> Result<Open<'_>, Failure> {
        let mut text = String::<URI>::new();
        write!(text, "{}{resource}", self.base).map_err(|_| Failure::UriTooLong)?;
        let uri = Uri::parse(&text).map_err(Failure::Uri)?;
        let Memory {
            receive,
            send,
            socket_receive,
            socket_send,
        } = &mut *self.memory;
        let mut socket = Socket(TcpSocket::new(self.stack, socket_receive, socket_send));

        let addresses = self.stack.dns_query(uri.host(), DnsQueryType::A).await;
        let address: IpAddress = *addresses
            .ok()
            .as_ref()
            .and_then(|addresses| addresses.first())
            .ok_or(Failure::NoAddress)?;
        socket.0.set_timeout(Some(IDLE_TIME_LIMIT));
        // The end of a message must not wait until the peer acknowledges its beginning.
        socket.0.set_nagle_enabled(false);
        with_timeout(CONNECT_TIME_LIMIT, socket.0.connect((address, uri.port())))
            .await
            .map_err(Failure::TimeOut)?
            .map_err(Failure::Connect)?;

        let mut entropy = RandCore(&mut self.random);
        let request = Request::new(uri);
        let handshake = ClientHandshake::new(&request, (), &mut entropy)
            .map_err(|error| Failure::Handshake(error.widen()))?;
        let receiver = Receiver::new(&mut receive[..]);
        let sender = Sender::new(&mut send[..], entropy);
        let open = Connection::open(socket, handshake, receiver, sender);
        with_timeout(CONNECT_TIME_LIMIT, open)
            .await
            .map_err(Failure::TimeOut)?
            .map(|(connection, _)| connection)
            .map_err(Failure::Handshake)
    }
}

/// Sends back all that comes, piece by piece, until the peer closes.
async fn echo(connection: &mut Open<'_>) -> Result<(), Failure> {
    let Connection { reader, writer } = connection;
    while let Some(chunk) = reader
        .recv_chunk(writer)
        .await
        .map_err(Failure::Connection)?
    {
        writer
            .send_fragment(chunk.kind, chunk.octets, chunk.fin)
            .await
            .map_err(Failure::Connection)?;
    }
    Ok(())
}

/// Closes if that was not done, and gives the peer a while to close TCP first (RFC 6455 §7.1.1).
async fn finish(connection: Open<'_>) {
    let Connection {
        mut reader,
        mut writer,
    } = connection;
    let _ = with_timeout(CLOSE_TIME_LIMIT, async {
        if writer.sender().is_open() {
            let _ = writer.close(None, "").await;
        }
        let _ = reader.drain(&mut writer).await;
    })
    .await;
    let (mut socket, _) = writer.into_parts();
    socket.0.close();
    let _ = with_timeout(CLOSE_TIME_LIMIT, socket.0.flush()).await;
    socket.0.abort();
    let _ = socket.0.flush().await;
}

/// A TCP socket whose flush does not wait until the peer has acknowledged everything, as
/// embassy-net's does: that would cost a round trip for each message.
struct Socket<'a>(TcpSocket<'a>);

impl ErrorType for Socket<'_> {
    type Error = tcp::Error;
}

impl Read for Socket<'_> {
    async fn read(&mut self, octets: &mut [u8]) -> Result<usize, tcp::Error> {
        self.0.read(octets).await
    }
}

impl Write for Socket<'_> {
    async fn write(&mut self, octets: &[u8]) -> Result<usize, tcp::Error> {
        self.0.write(octets).await
    }

    async fn flush(&mut self) -> Result<(), tcp::Error> {
        Ok(())
    }
}
