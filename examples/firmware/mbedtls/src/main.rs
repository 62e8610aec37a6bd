//! bare-ws over the TLS of mbedtls-rs, for servers that embedded-tls cannot reach: 1 MiB goes to a WebSocket server,
//! and comes back, as in the program `wss`.
//!
//! Arguments: `port=NUMBER`, `name=NAME` that the certificate is for, `ca=FILE` with the one certificate (DER) to
//! trust.

#![no_std]
#![no_main]

use core::ffi::CStr;
use core::fmt::Write as _;

use bare_ws::{
    buffer::Buffers, compression::Uncompressed, entropy::RandCore, handshake::Request, uri::Uri,
};
use bare_ws_embassy::{Connection, Timing, transport::Endless};
use embassy_executor::Spawner;
use embassy_net::tcp::{self, TcpReader, TcpSocket, TcpWriter};
use embassy_net::{IpEndpoint, Ipv4Address, Stack};
use embassy_time::{Duration, Timer};
use embedded_io_async::{ErrorType, Read, Write};
use emulated::{
    arguments,
    board::{self, println},
    entropy::HostSeeded,
    measure,
};
use heapless::String;
use mbedtls_rs::{
    Certificate, ClientSessionConfig, Session, SessionConfig, SessionError, Split, Tls, X509,
};
use semihosting::{fs::File, io::Read as _};
use static_cell::{ConstStaticCell, StaticCell};
use tinyrlibc as _;
use words::Words;

/// What is echoed.
const OCTETS: usize = 1 << 20;
const CERTIFICATE: usize = 2048;
const BUFFER: usize = 1024;
const TCP_BUFFER: usize = 2048;
/// mbedTLS allocates two buffers of 16 KiB for records, and what a handshake takes.
const HEAP: usize = 96 * 1024;
/// For both handshakes: the signatures alone take seconds.
const HANDSHAKE: Duration = Duration::from_secs(60);

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    board::run(|spawner: Spawner, stack| spawner.spawn(program(stack).expect("spawned once")))
}

#[embassy_executor::task]
async fn program(stack: Stack<'static>) {
    let status = match app(stack, arguments::read()).await {
        Ok(()) => 0,
        Err(failure) => {
            println!("failed: {failure:?}");
            1
        }
    };
    measure::report_stack("mbedtls");
    println!("measure mbedtls heap={}", heap::most());
    board::exit(status)
}

#[derive(Debug)]
#[expect(dead_code, reason = "printed by its Debug")]
enum Failure {
    Argument(&'static str),
    Entropy,
    Tcp(embassy_net::tcp::ConnectError),
    Tls(SessionError),
    Connect(bare_ws_embassy::ConnectError<SessionError>),
    Connection(bare_ws_embassy::Error<SessionError>),
    Different,
}

async fn app(stack: Stack<'static>, arguments: Words) -> Result<(), Failure> {
    static CA: ConstStaticCell<[u8; CERTIFICATE]> = ConstStaticCell::new([0; _]);
    static TCP: ConstStaticCell<[[u8; TCP_BUFFER]; 2]> = ConstStaticCell::new([[0; _]; 2]);
    static BUFFERS: ConstStaticCell<[[u8; BUFFER]; 2]> = ConstStaticCell::new([[0; _]; 2]);
    static RANDOM: StaticCell<chacha20::ChaCha12Rng> = StaticCell::new();

    heap::start();
    let port = arguments.parsed("port").ok_or(Failure::Argument("port"))?;
    let file = arguments.value("ca").ok_or(Failure::Argument("ca"))?;
    let name = arguments.value("name").ok_or(Failure::Argument("name"))?;
    let root = read(file, CA.take()).ok_or(Failure::Argument("ca"))?;
    let random = HostSeeded::generator().map_err(|_| Failure::Entropy)?;

    stack.wait_config_up().await;
    let [tcp_receive, tcp_transmit] = TCP.take();
    let mut socket = TcpSocket::new(stack, tcp_receive, tcp_transmit);
    socket.set_nagle_enabled(false);
    let before = measure::instructions();
    socket
        .connect(IpEndpoint::new(Ipv4Address::new(10, 0, 2, 2).into(), port))
        .await
        .map_err(Failure::Tcp)?;

    let tls = Tls::new(RANDOM.init(random)).map_err(|_| Failure::Entropy)?;
    let mut host = String::<64>::new();
    write!(host, "{name}\0").map_err(|_| Failure::Argument("name"))?;
    let host = CStr::from_bytes_with_nul(host.as_bytes()).map_err(|_| Failure::Argument("name"))?;
    let mut config = ClientSessionConfig::new();
    config.ca_chain =
        Some(Certificate::new(X509::DER(root)).map_err(|error| Failure::Tls(error.into()))?);
    config.server_name = Some(host);
    let config = SessionConfig::Client(config);
    let mut session = Session::new(tls.reference(), Tcp(socket), &config).map_err(Failure::Tls)?;
    if let Err(why) = session.connect().await {
        // What the server is told goes out before the board stops.
        let _ = session.stream().flush().await;
        Timer::after_millis(100).await;
        return Err(Failure::Tls(why));
    }
    let (input, output) = session.split().await.map_err(Failure::Tls)?;

    let [receive, transmit] = BUFFERS.take();
    let request = Request::new(Uri::parse("ws://ws.test/").map_err(|_| Failure::Argument("name"))?);
    let (mut connection, _) = Connection::open(
        (input, Endless(output)),
        &request,
        Buffers {
            receive: &mut receive[..],
            transmit: &mut transmit[..],
        },
        RandCore(HostSeeded::generator().map_err(|_| Failure::Entropy)?),
        Uncompressed,
        &Timing {
            handshake: HANDSHAKE,
            ..Timing::DEFAULT
        },
    )
    .await
    .map_err(Failure::Connect)?;
    measure::report_instructions("mbedtls-connect", measure::instructions() - before);

    let before = measure::instructions();
    if !wss::echo(&mut connection, OCTETS)
        .await
        .map_err(Failure::Connection)?
    {
        return Err(Failure::Different);
    }
    measure::report_instructions("mbedtls-echo-1m", measure::instructions() - before);
    connection.finish().await.map_err(Failure::Connection)?;
    println!("echoed {OCTETS} octets");
    Ok(())
}

/// A socket as mbedtls-rs wants it: one value that can be taken apart.
struct Tcp<'s>(TcpSocket<'s>);

impl ErrorType for Tcp<'_> {
    type Error = tcp::Error;
}

impl Read for Tcp<'_> {
    fn read(&mut self, octets: &mut [u8]) -> impl Future<Output = Result<usize, tcp::Error>> {
        Read::read(&mut self.0, octets)
    }
}

impl Write for Tcp<'_> {
    fn write(&mut self, octets: &[u8]) -> impl Future<Output = Result<usize, tcp::Error>> {
        Write::write(&mut self.0, octets)
    }

    fn flush(&mut self) -> impl Future<Output = Result<(), tcp::Error>> {
        Write::flush(&mut self.0)
    }
}

impl Split for Tcp<'_> {
    type Read<'a>
        = TcpReader<'a>
    where
        Self: 'a;
    type Write<'a>
        = TcpWriter<'a>
    where
        Self: 'a;

    fn split(&mut self) -> (TcpReader<'_>, TcpWriter<'_>) {
        self.0.split()
    }
}

/// Reads a file of the host, over semihosting.
fn read<'m>(path: &str, memory: &'m mut [u8]) -> Option<&'m [u8]> {
    let mut name = String::<256>::new();
    write!(name, "{path}\0").ok()?;
    let mut file = File::open(CStr::from_bytes_with_nul(name.as_bytes()).ok()?).ok()?;
    let mut length = 0;
    loop {
        match file.read(memory.get_mut(length..)?).ok()? {
            0 => return memory.get(..length),
            read => length += read,
        }
    }
}

/// The heap, and the most of it that was in use.
mod heap {
    use core::alloc::{GlobalAlloc, Layout};
    use core::mem::MaybeUninit;
    use core::sync::atomic::{AtomicUsize, Ordering};

    use embedded_alloc::LlffHeap;

    struct Counted {
        heap: LlffHeap,
        most: AtomicUsize,
    }

    #[global_allocator]
    static HEAP: Counted = Counted {
        heap: LlffHeap::empty(),
        most: AtomicUsize::new(0),
    };

    // SAFETY: hands everything to an allocator.
    unsafe impl GlobalAlloc for Counted {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: the caller's.
            let memory = unsafe { self.heap.alloc(layout) };
            // One core, and no allocation in an interrupt.
            let used = self.heap.used().max(self.most.load(Ordering::Relaxed));
            self.most.store(used, Ordering::Relaxed);
            memory
        }

        unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
            // SAFETY: the caller's.
            unsafe { self.heap.dealloc(memory, layout) };
        }
    }

    pub(super) fn start() {
        static mut MEMORY: [MaybeUninit<u8>; super::HEAP] = [MaybeUninit::uninit(); _];
        // SAFETY: called once, before anything is allocated.
        unsafe { HEAP.heap.init((&raw mut MEMORY).addr(), super::HEAP) };
    }

    pub(super) fn most() -> usize {
        HEAP.most.load(Ordering::Relaxed)
    }
}

/// What mbedTLS links of C's `<stdio.h>`, for texts that nobody reads here.
mod stdio {
    use core::ffi::{c_char, c_int};

    #[unsafe(no_mangle)]
    extern "C" fn snprintf(text: *mut c_char, room: usize) -> c_int {
        nothing(text, room)
    }

    #[unsafe(no_mangle)]
    extern "C" fn vsnprintf(text: *mut c_char, room: usize) -> c_int {
        nothing(text, room)
    }

    #[unsafe(no_mangle)]
    extern "C" fn printf() -> c_int {
        0
    }

    #[unsafe(no_mangle)]
    extern "C" fn puts() -> c_int {
        0
    }

    fn nothing(text: *mut c_char, room: usize) -> c_int {
        if room > 0 {
            // SAFETY: the caller lends `room` octets.
            unsafe { text.write(0) };
        }
        0
    }
}
