//! From a host and a port to a TCP connection, under one deadline.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::moment::Moment;
use bare_ws::lifecycle::{Moment as _, Timeout};

use crate::error::Error;

/// Resolves `host` and connects to the first of its addresses that answers.
///
/// RFC 8305 ("Happy Eyeballs"): the addresses of both families in turn, each begun a moment after
/// the one before unless that one has failed already; what comes too late is closed again.
pub(crate) fn dial(host: &str, port: u16, deadline: Moment) -> Result<TcpStream, Error> {
    let addresses = interleaved(resolve(host, port, deadline)?);
    let tcp = match addresses.as_slice() {
        [only] => attempt(*only, deadline).map_err(failed(deadline))?,
        all => race(all, deadline)?,
    };
    // Small messages are sent when they are sent, not when the last one was acknowledged.
    tcp.set_nodelay(true).map_err(Error::Io)?;
    Ok(tcp)
}

fn resolve(host: &str, port: u16, deadline: Moment) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let failed = |error| Error::Resolve {
        host: host.to_owned(),
        error,
    };
    let (sender, receiver) = mpsc::channel();
    let name = host.to_owned();
    // The operating system's resolver has no deadline: the thread that asks it is left behind.
    thread::Builder::new()
        .spawn(move || {
            let addresses = (name.as_str(), port).to_socket_addrs();
            let _ = sender.send(addresses.map(Iterator::collect::<Vec<_>>));
        })
        .map_err(Error::Io)?;
    match next(&receiver, deadline) {
        Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
        Ok(Ok(_)) => Err(failed(io::ErrorKind::NotFound.into())),
        Ok(Err(error)) => Err(failed(error)),
        Err(RecvTimeoutError::Timeout) => Err(Error::Timeout(Timeout::Connect)),
        Err(RecvTimeoutError::Disconnected) => Err(failed(io::ErrorKind::Other.into())),
    }
}

/// RFC 8305 §4: the first address decides which family comes first, then they alternate.
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
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

fn race(addresses: &[SocketAddr], deadline: Moment) -> Result<TcpStream, Error> {
    /// RFC 8305 §5: "Connection Attempt Delay ... 250 milliseconds".
    const DELAY: Duration = Duration::from_millis(250);
    let (sender, receiver) = mpsc::channel();
    let mut first_error = None;
    let mut running = 0;
    let mut rest = addresses.iter();
    loop {
        let wait = match rest.next() {
            Some(&address) => {
                let sender = sender.clone();
                thread::Builder::new()
                    .spawn(move || {
                        let _ = sender.send(attempt(address, deadline));
                    })
                    .map_err(Error::Io)?;
                running += 1;
                Moment::in_time(Some(DELAY)).min(deadline)
            }
            None if running == 0 => {
                let error = first_error.unwrap_or_else(|| io::ErrorKind::NotFound.into());
                return Err(failed(deadline)(error));
            }
            None => deadline,
        };
        match next(&receiver, wait) {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => {
                running -= 1;
                first_error.get_or_insert(error);
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

/// An attempt that our own deadline has ended is called by that name.
fn failed(deadline: Moment) -> impl Fn(io::Error) -> Error {
    move |error| {
        if error.kind() == io::ErrorKind::TimedOut && deadline.has_come(Moment::now()) {
            Error::Timeout(Timeout::Connect)
        } else {
            Error::Connect(error)
        }
    }
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
