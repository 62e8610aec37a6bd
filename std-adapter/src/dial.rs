//! From a host and a port to a TCP connection, under one deadline.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use bare_ws::lifecycle::{Moment as _, Timeout};

use crate::error::Error;
use crate::moment::Moment;
use crate::resolve::Resolver;

/// Resolves `host` and connects to the first of its addresses that answers.
///
/// RFC 8305 ("Happy Eyeballs"): the addresses of both families in turn, each begun a moment after
/// the one before unless that one has failed already; what comes too late is closed again.
pub(crate) fn dial(
    resolver: &Arc<Resolver>,
    host: &str,
    port: u16,
    deadline: Moment,
) -> Result<TcpStream, Error> {
    let addresses = interleaved(resolver.resolve(host, port, deadline)?);
    let mut attempts = Vec::new();
    let tcp = match addresses.as_slice() {
        [only] => record(*only, attempt(*only, deadline), &mut attempts),
        all => race(all, deadline, &mut attempts)?,
    };
    let Some(tcp) = tcp else {
        // An attempt that our own deadline has ended is called by that name.
        let is_late = |(_, error): &(_, io::Error)| error.kind() == io::ErrorKind::TimedOut;
        if deadline.has_come(Moment::now()) && attempts.iter().any(is_late) {
            return Err(Error::Timeout(Timeout::Connect));
        }
        return Err(Error::Connect {
            host: host.to_owned(),
            port,
            attempts,
        });
    };
    // Small messages are sent when they are sent, not when the last one was acknowledged.
    tcp.set_nodelay(true).map_err(Error::Io)?;
    Ok(tcp)
}

/// RFC 8305 §4: the first address decides which family comes first, then they alternate.
pub(crate) fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, other): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let longest = first.len().max(other.len());
    (0..longest)
        .flat_map(|i| [first.get(i), other.get(i)])
        .flatten()
        .copied()
        .collect()
}

/// RFC 8305 §5: "Connection Attempt Delay ... 250 milliseconds".
pub(crate) const DELAY: Duration = Duration::from_millis(250);

/// Those that failed, each with its error.
pub(crate) type Attempts = Vec<(SocketAddr, io::Error)>;

fn race(
    addresses: &[SocketAddr],
    deadline: Moment,
    attempts: &mut Attempts,
) -> Result<Option<TcpStream>, Error> {
    let (sender, receiver) = mpsc::channel();
    let mut rest = addresses.iter();
    loop {
        let wait = match rest.next() {
            Some(&address) => {
                let sender = sender.clone();
                thread::Builder::new()
                    .spawn(move || {
                        let _ = sender.send((address, attempt(address, deadline)));
                    })
                    .map_err(Error::Io)?;
                Moment::in_time(Some(DELAY)).min(deadline)
            }
            None if attempts.len() == addresses.len() => return Ok(None),
            None => deadline,
        };
        match next(&receiver, wait) {
            Ok((address, outcome)) => {
                if let Some(tcp) = record(address, outcome, attempts) {
                    return Ok(Some(tcp));
                }
            }
            Err(_) if deadline.has_come(Moment::now()) => {
                return Err(Error::Timeout(Timeout::Connect));
            }
            Err(_) => {}
        }
    }
}

fn attempt(address: SocketAddr, deadline: Moment) -> io::Result<TcpStream> {
    match deadline.left(Moment::now()) {
        None => TcpStream::connect(address),
        Some(Duration::ZERO) => Err(io::ErrorKind::TimedOut.into()),
        Some(left) => TcpStream::connect_timeout(&address, left),
    }
}

fn record(
    address: SocketAddr,
    outcome: io::Result<TcpStream>,
    attempts: &mut Attempts,
) -> Option<TcpStream> {
    outcome
        .map_err(|error| attempts.push((address, error)))
        .ok()
}

fn next<T>(receiver: &mpsc::Receiver<T>, deadline: Moment) -> Result<T, RecvTimeoutError> {
    match deadline.left(Moment::now()) {
        None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
        Some(left) => receiver.recv_timeout(left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_alternate_beginning_with_the_resolvers_choice() {
        let addresses = |list: &[&str]| -> Vec<SocketAddr> {
            list.iter().map(|text| text.parse().unwrap()).collect()
        };
        let given = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "1.1.1.2:1"]);
        let wanted = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"]);
        assert_eq!(interleaved(given), wanted);
    }
}
