//! From a URI to an open connection.

use core::future::poll_fn;
use core::net::IpAddr;
use core::pin::pin;
use core::task::Poll;

use bare_ws::buffer::{Buffers, Storage};
use bare_ws::entropy::Entropy;
use bare_ws::handshake::{Compression, Request};
use bare_ws::uri::Uri;
use embassy_net::dns::DnsQueryType;
use embassy_net::tcp::{State, TcpSocket};
use embassy_net::{IpAddress, Stack};
use embassy_time::{Duration, Instant, TimeoutError, with_deadline, with_timeout};
use embedded_io_async::{Error as _, ErrorKind};

use super::{Io, Socket};
use crate::connection::Opened;
use crate::error::ConnectError;
use crate::opening::{Prepare, Ready, open_over};
use crate::timing::{Timeout, Timing, after};
use crate::transport::{Shutdown, Transport};

/// Opens a connection: resolves the host, connects, and makes the opening handshake.
///
/// # Errors
/// [`ConnectError`]; `NotSecure` for a `wss` URI. The TCP connection is reset, and the socket can be
/// used again.
///
/// # Cancel safety
/// If it is dropped before it is ready, the attempt is lost and the TCP connection reset; the socket
/// can be used for another.
pub fn connect<'s, 'n, 'r, B, T, E, C>(
    (stack, socket): (Stack<'_>, &'s Socket<'n>),
    request: &Request<'r>,
    buffers: Buffers<B, T>,
    entropy: E,
    compression: C,
    timing: &Timing,
) -> impl Future<Output = Result<Opened<'r, Io<'s, 'n>, B, T, E, C>, ConnectError<ErrorKind>>>
where
    B: Storage,
    T: Storage,
    E: Entropy,
    C: Compression,
{
    let begin = move || {
        if request.uri.is_secure() {
            return Err(ConnectError::NotSecure);
        }
        let dial = Dial::new(stack, socket, timing, Ready(timing.handshake), |error| {
            error
        });
        Ok(((socket, socket), dial, compression))
    };
    open_over(
        begin,
        request,
        buffers,
        entropy,
        timing,
        |connection, established| (connection, established),
    )
}

/// The way to a server: TCP, and `then` whatever lies between it and the WebSocket.
pub(super) struct Dial<'d, 's, 'n, 't, P, R> {
    stack: Stack<'d>,
    timing: &'t Timing,
    then: P,
    /// Makes the caller's error of a TCP error.
    refused: R,
    socket: &'s Socket<'n>,
    attempt: Option<Attempt<'s, 'n>>,
}

impl<'d, 's, 'n, 't, P, R> Dial<'d, 's, 'n, 't, P, R> {
    pub(super) const fn new(
        stack: Stack<'d>,
        socket: &'s Socket<'n>,
        timing: &'t Timing,
        then: P,
        refused: R,
    ) -> Self {
        Self {
            stack,
            timing,
            then,
            refused,
            socket,
            attempt: None,
        }
    }
}

impl<Io, P, R> Prepare<Io> for Dial<'_, '_, '_, '_, P, R>
where
    Io: Transport,
    P: Prepare<Io>,
    R: Fn(ConnectError<ErrorKind>) -> ConnectError<Io::Error>,
{
    async fn prepare<E: Entropy>(
        &mut self,
        io: (&mut Io::Input, &mut Io::Output, &mut Io::Common),
        request: &Request<'_>,
        entropy: &mut E,
    ) -> Result<Instant, ConnectError<Io::Error>> {
        dial(self.stack, self.socket, &request.uri, self.timing)
            .await
            .map_err(&self.refused)?;
        self.attempt = Some(Attempt(self.socket));
        self.then.prepare(io, request, entropy).await
    }

    fn opened(self) {
        if let Some(attempt) = self.attempt {
            core::mem::forget(attempt);
        }
        self.then.opened();
    }
}

/// TCP is connected, but there is no WebSocket connection yet. A drop cuts TCP off.
struct Attempt<'s, 'n>(&'s Socket<'n>);

impl Drop for Attempt<'_, '_> {
    fn drop(&mut self) {
        self.0.with(TcpSocket::abort);
    }
}

/// Connects the socket to the URI's host and port, within [`Timing::connect`]. An earlier connection of
/// the socket is reset. Then call [`Connection::open`](crate::Connection::open) or `tls::open`.
///
/// If the name has several addresses, they are tried in turn, each for a share of the time: half of
/// what is left, and the last one all of it. How many the stack keeps, smoltcp decides: one address
/// of a name, unless the firmware enables one of smoltcp's features `dns-max-result-count-*`. A network
/// with addresses of both families asks for those of IPv6 first, none of which counts as the last.
///
/// # Errors
/// [`ConnectError::Resolve`], [`ConnectError::Connect`], [`Timeout::Connect`].
///
/// # Cancel safety
/// As [`connect`].
pub async fn dial(
    stack: Stack<'_>,
    socket: &Socket<'_>,
    uri: &Uri<'_>,
    timing: &Timing,
) -> Result<(), ConnectError<ErrorKind>> {
    let by = after(timing.connect);
    if let Ok(literal) = uri.host().parse::<IpAddr>() {
        let address = known(literal).ok_or(ConnectError::Resolve)?;
        return attempt(socket, (address, uri.port()), by).await;
    }
    let mut outcome = Err(ConnectError::Resolve);
    let queries = queries(stack);
    for (place, query) in queries.iter().enumerate() {
        let looked_up = with_deadline(by, stack.dns_query(uri.host(), *query)).await;
        // The name may have no address of one family.
        let addresses = looked_up.map_err(too_late)?.unwrap_or_default();
        for (index, address) in addresses.iter().enumerate() {
            let last = place + 1 == queries.len() && index + 1 == addresses.len();
            let share = if last { by } else { half_way(by) };
            outcome = attempt(socket, (*address, uri.port()), share).await;
            if outcome.is_ok() {
                return Ok(());
            }
        }
    }
    outcome
}

/// How long the reset of an earlier connection may take to leave.
const RESET: Duration = Duration::from_millis(200);

async fn attempt(
    socket: &Socket<'_>,
    endpoint: (IpAddress, u16),
    by: Instant,
) -> Result<(), ConnectError<ErrorKind>> {
    if socket.with(|tcp| tcp.state()) != State::Closed {
        let mut socket = socket;
        socket.abort();
        // A failure is of no interest: a peer that is gone need not hear of the reset.
        let _ = with_timeout(RESET, socket.drained()).await;
    }
    let mut begun = false;
    let connected = poll_fn(|cx| {
        socket.with(|tcp| {
            if !begun {
                begun = true;
                if let Poll::Ready(Err(error)) = pin!(tcp.connect(endpoint)).poll(cx) {
                    return Poll::Ready(Err(error.kind()));
                }
            }
            match tcp.state() {
                State::SynSent | State::SynReceived => {
                    let _ = pin!(tcp.wait_write_ready()).poll(cx);
                    Poll::Pending
                }
                State::Established | State::CloseWait => Poll::Ready(Ok(())),
                _ => Poll::Ready(Err(ErrorKind::ConnectionRefused)),
            }
        })
    });
    let outcome = match with_deadline(by, connected).await {
        Ok(outcome) => outcome.map_err(ConnectError::Connect),
        Err(late) => Err(too_late(late)),
    };
    if outcome.is_err() {
        socket.with(TcpSocket::abort);
    }
    outcome
}

fn too_late(_: TimeoutError) -> ConnectError<ErrorKind> {
    ConnectError::Timeout(Timeout::Connect)
}

/// The middle of the time that remains until `by`.
fn half_way(by: Instant) -> Instant {
    let now = Instant::now();
    let left = by.saturating_duration_since(now).as_ticks();
    now.saturating_add(Duration::from_ticks(left >> 1))
}

fn known(literal: IpAddr) -> Option<IpAddress> {
    match literal {
        IpAddr::V4(address) => Some(address.into()),
        #[cfg(feature = "ipv6")]
        IpAddr::V6(address) => Some(address.into()),
        #[cfg(not(feature = "ipv6"))]
        IpAddr::V6(_) => None,
    }
}

/// What to ask for: the families that the network has, IPv6 first, as RFC 6724 prefers it.
fn queries(stack: Stack<'_>) -> &'static [DnsQueryType] {
    #[cfg(feature = "ipv6")]
    if stack.config_v6().is_some() {
        return match stack.config_v4() {
            Some(_) => &[DnsQueryType::Aaaa, DnsQueryType::A],
            None => &[DnsQueryType::Aaaa],
        };
    }
    let _ = stack;
    &[DnsQueryType::A]
}
