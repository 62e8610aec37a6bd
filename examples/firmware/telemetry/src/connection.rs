//! One connection: reports go out on time, commands are obeyed as they come.

use core::{
    cell::{Cell, RefCell},
    future::pending,
};

use bare_ws::{
    buffer::Buffers,
    deflate::{Compressor, Deflate, Inflater, MemoryTooSmall},
    entropy::Entropy,
    handshake::Request,
    message::Message,
    uri::Uri,
};
use bare_ws_embassy::{
    ConnectError, Error, Timing,
    net::{self, Socket},
};
use embassy_futures::select::{Either, select};
use embassy_net::Stack;
use embassy_time::{Duration, Instant, Timer};
use embedded_io_async::ErrorKind;

use crate::{
    Board, SHORTEST_PERIOD,
    memory::Connection,
    messages::{Command, LONGEST, Report},
};

/// Where to report, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// The server.
    pub uri: &'a str,
    /// From one report to the next, until a command changes it.
    pub period: Duration,
    /// The first delay before a connection is up to this long, and each later one longer.
    pub first_delay: Duration,
    /// The longest delay.
    pub longest_delay: Duration,
    /// Deadlines and keepalive of the connection.
    pub timing: Timing,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event<'a> {
    /// The next attempt is made after this.
    Waiting(Duration),
    /// The network is up, and an attempt begins.
    Connecting,
    /// A connection is open. Whether the server agreed to compression.
    Connected {
        /// It did.
        compressed: bool,
    },
    /// A report went out: its JSON.
    Reported(&'a str),
    /// A command came.
    Obeyed(Command),
    /// A message came that is no command.
    NotUnderstood,
    /// The connection is over.
    Ended(End),
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum End {
    /// There was none.
    NotConnected(ConnectError<ErrorKind>),
    /// The memory cannot serve compression.
    Memory(MemoryTooSmall),
    /// It failed.
    Failed(Error<ErrorKind>),
    /// The server closed it.
    Closed,
}

impl From<Error<ErrorKind>> for End {
    fn from(error: Error<ErrorKind>) -> Self {
        Self::Failed(error)
    }
}

/// What outlives a connection.
pub(crate) struct Session {
    /// Counts reports that were sent.
    pub(crate) delivered: Cell<u32>,
    connections: Cell<u32>,
    period: Cell<Duration>,
}

impl Session {
    pub(crate) fn new(period: Duration) -> Self {
        Self {
            delivered: Cell::new(0),
            connections: Cell::new(0),
            period: Cell::new(period),
        }
    }

    /// Opens a connection and serves it until it is over.
    pub(crate) async fn once(
        &self,
        network: (Stack<'static>, &Socket<'static>),
        uri: &Uri<'_>,
        settings: &Settings<'_>,
        memory: &mut Connection,
        entropy: &mut impl Entropy,
        board: &RefCell<impl Board>,
    ) {
        let served = self
            .serve(network, uri, settings, memory, entropy, board)
            .await;
        if let Err(end) = served {
            board.borrow_mut().log(Event::Ended(end));
        }
    }

    async fn serve(
        &self,
        network: (Stack<'static>, &Socket<'static>),
        uri: &Uri<'_>,
        settings: &Settings<'_>,
        memory: &mut Connection,
        entropy: &mut impl Entropy,
        board: &RefCell<impl Board>,
    ) -> Result<(), End> {
        // Commands are taken whole: the window, and behind it the message.
        let deflate = Deflate::whole(
            Inflater::new(&mut *memory.inflater, &mut *memory.inflated),
            Compressor::new(&mut *memory.compressor),
            memory.receive.len(),
        )
        .map_err(End::Memory)?;
        let (mut connection, established) = net::connect(
            network,
            &Request::new(*uri),
            Buffers {
                receive: &mut *memory.receive,
                transmit: &mut *memory.transmit,
            },
            entropy,
            deflate,
            &settings.timing,
        )
        .await
        .map_err(End::NotConnected)?;
        self.connections.set(self.connections.get().wrapping_add(1));
        board.borrow_mut().log(Event::Connected {
            compressed: established.extensions.is_some(),
        });

        // Two loops side by side, and neither in a `select` of its own: a report that waits for
        // room, as when the link is down, must not keep the reader from its deadlines, and a
        // command that comes meanwhile must not have the report sent twice.
        let (mut reader, writer) = connection.split();
        let commands = async {
            while let Some(message) = reader.recv().await? {
                self.obey(message, &mut *board.borrow_mut());
            }
            Ok(())
        };
        let reports = async {
            loop {
                let mut text = [0; LONGEST];
                let report = self.report(&mut *board.borrow_mut()).write(&mut text);
                match writer.send(report).await {
                    Ok(()) => {}
                    // The reader knows better how the connection ends, or is ending.
                    Err(error) if error.is_over() => pending().await,
                    Err(error) => return Err(error.into()),
                }
                board.borrow_mut().log(Event::Reported(report));
                self.delivered.set(self.delivered.get().wrapping_add(1));
                Timer::after(self.period.get()).await;
            }
        };
        let (Either::First(ended) | Either::Second(ended)) = select(commands, reports).await;
        let end = ended.err().unwrap_or(End::Closed);
        board.borrow_mut().log(Event::Ended(end));
        // The peer's time to read our Close. How it went is known.
        let _said = reader.finish().await;
        Ok(())
    }

    fn report(&self, board: &mut impl Board) -> Report {
        Report {
            sequence: self.delivered.get(),
            uptime_ms: Instant::now().as_millis(),
            temperature_millidegrees: board.temperature(),
            connections: self.connections.get(),
        }
    }

    fn obey(&self, message: Message<'_>, board: &mut impl Board) {
        let Some(command) = message.as_text().and_then(Command::parse) else {
            board.log(Event::NotUnderstood);
            return;
        };
        if let Some(on) = command.light {
            board.set_light(on);
        }
        if let Some(period) = command.period_ms {
            let period = Duration::from_millis(period.into());
            self.period.set(period.max(SHORTEST_PERIOD));
        }
        board.log(Event::Obeyed(command));
    }
}
