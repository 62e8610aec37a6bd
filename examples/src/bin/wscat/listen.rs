//! A server to test against: it sends each message back, or to everybody else.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bare_ws_examples::server::{self, Connection};
use bare_ws_examples::{Closed, Line};
use bare_ws_std::OwnedMessage;

use crate::arguments::Listen;

/// On standard output, for as long as somebody reads it.
macro_rules! say {
    ($($what:tt)*) => {{
        let _ = writeln!(io::stdout(), $($what)*);
    }};
}

/// How long a message for a client may wait for one of its own.
const TURN: Duration = Duration::from_millis(20);
/// How many messages may wait for a client that does not read, before it is left out.
const MOST_WAITING: usize = 64;

/// What all clients share.
struct House {
    subprotocols: Vec<String>,
    /// Nobody, unless it broadcasts.
    clients: Mutex<HashMap<u64, SyncSender<OwnedMessage>>>,
    is_broadcast: bool,
}

/// Serves clients, each in a thread of its own.
///
/// # Errors
/// When it cannot listen there.
pub(crate) fn run(listen: &Listen) -> io::Result<()> {
    let address = &listen.address;
    let listener = TcpListener::bind(address)
        .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
    say!("listening on ws://{}/", listener.local_addr()?);
    let house = Arc::new(House {
        subprotocols: listen.subprotocol.clone(),
        clients: Mutex::default(),
        is_broadcast: listen.broadcast,
    });
    for number in 1.. {
        let (tcp, address) = listener.accept()?;
        let house = Arc::clone(&house);
        let client = thread::Builder::new().spawn(move || house.serve(number, tcp, address))?;
        if listen.once {
            let _ = client.join();
            break;
        }
    }
    Ok(())
}

impl House {
    fn serve(&self, number: u64, tcp: TcpStream, address: SocketAddr) {
        match self.talk(number, tcp, address) {
            Ok(closed) => say!("{number} closed {closed}"),
            Err(what) => say!("{number} failed: {}", Line(&what)),
        }
        self.clients().remove(&number);
    }

    fn talk(&self, number: u64, tcp: TcpStream, address: SocketAddr) -> Result<Closed, String> {
        let said = |error: io::Error| error.to_string();
        tcp.set_nodelay(true).map_err(said)?;
        let end = tcp.try_clone().map_err(said)?;
        let subprotocols: Vec<_> = self.subprotocols.iter().map(String::as_str).collect();
        let (mut connection, _) = server::accept(tcp, &subprotocols)?;
        let inbox = self.is_broadcast.then(|| self.enter(number));
        say!("{number} from {address}");
        let closed = match inbox {
            Some(inbox) => {
                end.set_read_timeout(Some(TURN)).map_err(said)?;
                self.broadcast(number, &mut connection, &inbox)
            }
            None => echo(number, &mut connection),
        };
        // RFC 6455 §7.1.1: the server closes the transport first.
        let _ = end.shutdown(Shutdown::Both);
        closed
    }

    fn broadcast(
        &self,
        number: u64,
        connection: &mut Connection<TcpStream>,
        inbox: &Receiver<OwnedMessage>,
    ) -> Result<Closed, String> {
        loop {
            match connection.recv() {
                Ok(Some(message)) => {
                    let message = message.to_owned();
                    show(number, &message);
                    self.give(number, &message);
                }
                Ok(None) => return Ok(closed(connection)),
                // Nothing came in its turn.
                Err(bare_ws::error::Error::Transport(error)) if is_late(&error) => {}
                Err(error) => return Err(error.to_string()),
            }
            for message in inbox.try_iter() {
                connection
                    .send(&message)
                    .map_err(|error| error.to_string())?;
            }
        }
    }

    fn enter(&self, number: u64) -> Receiver<OwnedMessage> {
        let (sender, inbox) = mpsc::sync_channel(MOST_WAITING);
        self.clients().insert(number, sender);
        inbox
    }

    fn give(&self, from: u64, message: &OwnedMessage) {
        for (number, client) in self.clients().iter() {
            if *number != from && client.try_send(message.clone()).is_err() {
                say!("{number} does not read: left out");
            }
        }
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<u64, SyncSender<OwnedMessage>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_late(error: &io::Error) -> bool {
    // Who stops the program and lets it go on interrupts all that wait.
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

fn echo(number: u64, connection: &mut Connection<TcpStream>) -> Result<Closed, String> {
    let Connection { reader, writer } = connection;
    while let Some(message) = reader.recv(writer).map_err(|error| error.to_string())? {
        say!("{number} < {}", Line(&message.to_string()));
        writer.send(message).map_err(|error| error.to_string())?;
    }
    Ok(closed(connection))
}

fn show(number: u64, message: &OwnedMessage) {
    say!("{number} < {}", Line(&message.to_string()));
}

fn closed(connection: &Connection<TcpStream>) -> Closed {
    let status = connection.reader.close_status();
    status.map_or(Closed::NO_STATUS, Closed::from)
}
