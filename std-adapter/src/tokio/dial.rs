//! From a host and a port to a TCP connection, under one deadline.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bare_ws::lifecycle::Timeout;
use bare_ws::uri::Uri;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout_at};

use super::bottom::{Bottom, Native};
use super::opening::Opening;
use super::socket::Socket;
use crate::config::Config;
use crate::dial::{Attempts, DELAY, interleaved};
use crate::error::Error;
use crate::events::Peer;
use crate::gate::Pass;
use crate::moment::Moment;
use crate::proxy::{Answer, ProxyError, READ, read_some, written_some};
use crate::resolve::Resolver;

/// Connects to the server of `uri`, or through the proxy to it, as the blocking
/// [`Config::dial`] does; returned with the right to make the handshakes over it.
pub(super) async fn dial(
    config: &Config,
    uri: &Uri<'_>,
) -> Result<(TcpStream, Option<Pass>), Error> {
    let deadline = deadline(config.connect_timeout);
    let hop = config.hop(uri);
    let peer = Peer::of(uri);
    peer.connecting(hop.map(|hop| (hop.host(), hop.port())));
    let (host, port) = match hop {
        Some(hop) => (hop.host(), hop.port()),
        None => (uri.host(), uri.port()),
    };
    let dialing = async {
        let addresses = match (hop, config.address) {
            (None, Some(address)) => vec![address],
            _ => resolve(config, host, port).await?,
        };
        let pass = match config.remotes(uri, &addresses) {
            Some(remotes) => Some(poll_fn(|cx| Pass::poll(&remotes, cx)).await),
            None => None,
        };
        let tcp = connect(config, addresses, host, port).await?;
        peer.connected(|| tcp.peer_addr());
        let tcp = match hop {
            None => tcp,
            Some(hop) => {
                let request = hop.request(uri, config.address);
                tunnel(tcp, &request, config.head_limit, deadline).await?
            }
        };
        Ok((tcp, pass))
    };
    let dialed = until(deadline, Timeout::Connect, dialing).await;
    match hop {
        None => dialed,
        Some(_) => dialed.map_err(Error::of_proxy),
    }
}

/// Connects to the first of the addresses of `host` that answers, as the blocking
/// [`dial`](crate::dial::dial) does.
async fn connect(
    config: &Config,
    addresses: Vec<SocketAddr>,
    host: &str,
    port: u16,
) -> Result<TcpStream, Error> {
    let addresses = interleaved(addresses);
    let mut attempts = Vec::new();
    let Some(tcp) = race(&addresses, &mut attempts).await else {
        return Err(Error::Connect {
            host: host.to_owned(),
            port,
            proxy: false,
            attempts,
        });
    };
    // A small message leaves at once, and does not wait until the last one is acknowledged.
    tcp.set_nodelay(true).map_err(Error::Io)?;
    let Some(prepare) = &config.socket else {
        return Ok(tcp);
    };
    let tcp = tcp.into_std().and_then(|tcp| {
        prepare(&tcp)?;
        // If the function made it blocking, it would block the runtime.
        tcp.set_nonblocking(true)?;
        TcpStream::from_std(tcp)
    });
    tcp.map_err(Error::Io)
}

/// Asks the proxy for a tunnel, as the blocking [`tunnel`](crate::proxy::tunnel) does.
async fn tunnel(
    tcp: TcpStream,
    mut request: &[u8],
    limit: u32,
    deadline: Option<Instant>,
) -> Result<TcpStream, Error> {
    let mut socket = Socket::Plain(Bottom::new(tcp, Native::NOTHING));
    while !request.is_empty() {
        let written = poll_fn(|cx| socket.poll_write(cx, request)).await;
        let n = written_some(written)?;
        request = request.get(n..).unwrap_or_default();
    }
    let mut record = Vec::new();
    let mut octets = vec![0; READ];
    loop {
        let read = poll_fn(|cx| socket.poll_read(cx, &mut octets)).await;
        record.extend_from_slice(octets.get(..read_some(read)?).unwrap_or_default());
        match Answer::of(&record, limit)? {
            Answer::NeedsOctets => {}
            Answer::Tunnel => return Ok(socket.into_stream()),
            Answer::Refused(status) => {
                let opening = Opening::resumed(socket, record);
                let response = opening.refusal(status, deadline).await;
                return Err(ProxyError::Refused(Box::new(response)).into());
            }
        }
    }
}

/// The moment at which `limit` has passed; `None` if it is too far away to be represented.
pub(super) fn deadline(limit: Option<Duration>) -> Option<Instant> {
    limit.and_then(|limit| Instant::now().checked_add(limit))
}

/// `work`, or `timeout` at the deadline.
pub(super) async fn until<T>(
    deadline: Option<Instant>,
    timeout: Timeout,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match deadline {
        None => work.await,
        Some(deadline) => timeout_at(deadline, work)
            .await
            .unwrap_or(Err(Error::Timeout(timeout))),
    }
}

/// The addresses of `host`, at least one.
async fn resolve(config: &Config, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let failed = |error| Error::Resolve {
        host: host.to_owned(),
        proxy: false,
        error,
    };
    let Some(resolver) = &config.resolver else {
        let found = lookup_host((host, port)).await.map_err(failed)?;
        let addresses: Vec<_> = found.collect();
        return if addresses.is_empty() {
            Err(failed(io::ErrorKind::NotFound.into()))
        } else {
            Ok(addresses)
        };
    };
    // The caller's function blocks. It runs in threads of its own, and this one waits for it no
    // longer than the caller does.
    let (resolver, name) = (Arc::clone(resolver), host.to_owned());
    let by = Moment::in_time(config.connect_timeout);
    let lookup = move || Resolver::resolve(&resolver, &name, port, by);
    let found = spawn_blocking(lookup).await;
    found.map_err(|error| failed(io::Error::other(error)))?
}

type Attempt = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// RFC 8305 ("Happy Eyeballs"): each address is tried a moment after the one before, or as soon as
/// that one has failed; attempts that come too late are dropped.
async fn race(addresses: &[SocketAddr], attempts: &mut Attempts) -> Option<TcpStream> {
    if let [only] = addresses {
        return TcpStream::connect(only)
            .await
            .map_err(|error| attempts.push((*only, error)))
            .ok();
    }
    let mut running: Vec<(SocketAddr, Attempt)> = Vec::new();
    let mut rest = addresses.iter();
    loop {
        let next = rest.next();
        if let Some(&address) = next {
            running.push((address, Box::pin(TcpStream::connect(address))));
        } else if running.is_empty() {
            return None;
        }
        let before = attempts.len();
        let mut delay = pin!(sleep(DELAY));
        let won = poll_fn(|cx| {
            if let Some(tcp) = poll_all(&mut running, attempts, cx) {
                return Poll::Ready(Some(tcp));
            }
            let has_failed = attempts.len() > before;
            let is_due = has_failed || running.is_empty() || delay.as_mut().poll(cx).is_ready();
            if next.is_some() && is_due || running.is_empty() {
                Poll::Ready(None)
            } else {
                Poll::Pending
            }
        });
        if let Some(tcp) = won.await {
            return Some(tcp);
        }
    }
}

fn poll_all(
    running: &mut Vec<(SocketAddr, Attempt)>,
    attempts: &mut Attempts,
    cx: &mut Context<'_>,
) -> Option<TcpStream> {
    let mut won = None;
    running.retain_mut(|(address, attempt)| match attempt.as_mut().poll(cx) {
        Poll::Pending => true,
        Poll::Ready(Ok(tcp)) => {
            won.get_or_insert(tcp);
            false
        }
        Poll::Ready(Err(error)) => {
            attempts.push((*address, error));
            false
        }
    });
    won
}
