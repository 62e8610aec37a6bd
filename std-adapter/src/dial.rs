//! From a host and a port to a TCP connection, under one deadline.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bare_ws::lifecycle::{Moment as _, Timeout};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::ioctl_fionbio;
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::Error;
use crate::moment::Moment;

/// Connects to the first of the addresses of `host` that answers.
///
/// RFC 8305 ("Happy Eyeballs"): the two families take turns, and each attempt begins a moment after
/// the one before, or as soon as all before have failed. The first that is connected ends the
/// others.
pub(crate) fn dial(
    addresses: Vec<SocketAddr>,
    host: &str,
    port: u16,
    deadline: Moment,
) -> Result<TcpStream, Error> {
    let addresses = interleaved(addresses);
    let mut attempts = Vec::new();
    let Some(tcp) = race(&addresses, deadline, &mut attempts)? else {
        return Err(Error::Connect {
            host: host.to_owned(),
            port,
            proxy: false,
            attempts,
        });
    };
    // A small message leaves at once, and does not wait until the last one is acknowledged.
    tcp.set_nodelay(true).map_err(Error::Io)?;
    Ok(tcp)
}

/// RFC 8305 §4: the first address decides which family comes first, then they alternate. RFC 6455
/// §4.1: only one connection is made to each remote host, which there means its address.
pub(crate) fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, other): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let longest = first.len().max(other.len());
    let mut turns = Vec::new();
    for i in 0..longest {
        for address in [first.get(i), other.get(i)].into_iter().flatten() {
            if !turns.contains(address) {
                turns.push(*address);
            }
        }
    }
    turns
}

/// RFC 8305 §5: "Connection Attempt Delay ... 250 milliseconds".
pub(crate) const DELAY: Duration = Duration::from_millis(250);

/// The addresses that failed, each with its error.
pub(crate) type Attempts = Vec<(SocketAddr, io::Error)>;

/// The first connection that is made; `None` when all have failed. Attempts that are still pending
/// end when their sockets are dropped.
fn race(
    addresses: &[SocketAddr],
    deadline: Moment,
    attempts: &mut Attempts,
) -> Result<Option<TcpStream>, Error> {
    let mut pending: Vec<(SocketAddr, Socket)> = Vec::new();
    let mut rest = addresses.iter().peekable();
    let mut next_at = Moment::now();
    loop {
        let now = Moment::now();
        if let Some(&&address) = rest.peek()
            && (pending.is_empty() || next_at.has_come(now))
        {
            rest.next();
            match begin(address) {
                Ok(socket) => {
                    pending.push((address, socket));
                    next_at = now.after(Some(DELAY));
                }
                // The next attempt need not wait for one that has failed.
                Err(error) => attempts.push((address, error)),
            }
            continue;
        }
        if pending.is_empty() {
            return Ok(None);
        }
        if deadline.has_come(now) {
            return Err(Error::Timeout(Timeout::Connect));
        }
        let until = match rest.peek() {
            Some(_) => next_at.min(deadline),
            None => deadline,
        };
        let ready = wait(&pending, until.left(now)).map_err(Error::Io)?;
        // Backwards, so that removing one leaves the places before it valid.
        for place in ready.into_iter().rev() {
            let (address, socket) = pending.remove(place);
            match socket.take_error() {
                Ok(None) => {
                    ioctl_fionbio(&socket, false).map_err(|error| Error::Io(error.into()))?;
                    return Ok(Some(socket.into()));
                }
                Ok(Some(error)) | Err(error) => attempts.push((address, error)),
            }
            next_at = now;
        }
    }
}

/// Begins to connect, and does not wait.
fn begin(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    ioctl_fionbio(&socket, true)?;
    match socket.connect(&address.into()) {
        Err(error) if !is_begun(&error) => Err(error),
        _ => Ok(socket),
    }
}

/// Whether the attempt goes on by itself, which it also does after an interruption.
fn is_begun(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) {
        return true;
    }
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// The places of the attempts that have succeeded or failed, once there is one or `limit` has passed.
fn wait(pending: &[(SocketAddr, Socket)], limit: Option<Duration>) -> io::Result<Vec<usize>> {
    let mut polled: Vec<_> = pending
        .iter()
        .map(|(_, socket)| PollFd::new(socket, PollFlags::OUT))
        .collect();
    // A limit too long to be represented is no limit.
    let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
    match poll(&mut polled, limit.as_ref()) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    }
    let ready = polled.iter().enumerate();
    Ok(ready
        .filter(|(_, polled)| !polled.revents().is_empty())
        .map(|(place, _)| place)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    // row: REQ-13
    #[test]
    fn families_alternate_beginning_with_the_resolvers_choice() {
        let addresses = |list: &[&str]| -> Vec<SocketAddr> {
            list.iter().map(|text| text.parse().unwrap()).collect()
        };
        for (given, wanted) in [
            (
                &["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "1.1.1.2:1"][..],
                &["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"][..],
            ),
            (
                &["1.1.1.1:1", "[::1]:1", "1.1.1.1:1", "[::1]:1", "1.1.1.2:1"],
                &["1.1.1.1:1", "[::1]:1", "1.1.1.2:1"],
            ),
            (&["[::1]:1", "[::1]:1"], &["[::1]:1"]),
            (&[], &[]),
        ] {
            assert_eq!(interleaved(addresses(given)), addresses(wanted));
        }
    }
}
