//! One connection: reports go out on time, commands are obeyed as they come.

use bare_ws::{
    deflate::{
        Compressor, Inflater, Negotiation,
        negotiate::{Held, Offer, Refusal},
    },
    entropy::Entropy,
    handshake::Request,
    message::Message,
    receiver::Receiver,
    role::Client,
    sender::Sender,
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
    /// The server granted a window that the memory does not hold.
    Window(Refusal),
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
    pub(crate) delivered: u32,
    connections: u32,
    period: Duration,
}

impl Session {
    pub(crate) fn new(period: Duration) -> Self {
        Self {
            delivered: 0,
            connections: 0,
            period,
        }
    }

    /// Opens a connection and serves it until it is over.
    pub(crate) async fn once(
        &mut self,
        network: (Stack<'static>, &Socket<'static>),
        uri: &Uri<'_>,
        settings: &Settings<'_>,
        memory: &mut Connection,
        entropy: &mut impl Entropy,
        board: &mut impl Board,
    ) -> End {
        match self
            .serve(network, uri, settings, memory, entropy, board)
            .await
        {
            Ok(()) => End::Closed,
            Err(end) => end,
        }
    }

    async fn serve(
        &mut self,
        network: (Stack<'static>, &Socket<'static>),
        uri: &Uri<'_>,
        settings: &Settings<'_>,
        memory: &mut Connection,
        entropy: &mut impl Entropy,
        board: &mut impl Board,
    ) -> Result<(), End> {
        // Commands are taken whole: the window, and behind it the message.
        let held = Held::whole(memory.inflated.len(), memory.receive.len());
        let offers = Offer::sensible(held);
        let negotiation = Negotiation::new(&offers, held).map_err(End::Window)?;
        let inflater = Inflater::new(&mut *memory.inflater, &mut *memory.inflated);
        let compressor = Compressor::new(&mut *memory.compressor);
        let (mut connection, established) = net::connect(
            network,
            &Request::new(*uri),
            negotiation,
            Receiver::<Client, _, _>::with_stage(&mut *memory.receive, inflater),
            Sender::with_stage(&mut *memory.transmit, entropy, compressor),
            &settings.timing,
        )
        .await
        .map_err(End::NotConnected)?;
        let agreed = established.extensions.agreed();
        let inflater = connection.receiver_mut().stage_mut();
        inflater.configure(agreed).map_err(End::Window)?;
        connection.sender_mut().stage_mut().configure(agreed);
        self.connections = self.connections.wrapping_add(1);
        board.log(Event::Connected {
            compressed: agreed.is_some(),
        });

        let mut due = Instant::now();
        loop {
            // Either future may be dropped half-way: what `recv` has read so far is kept in the
            // connection, and nothing of it is lost when a report is due.
            match select(connection.recv(), Timer::at(due)).await {
                Either::First(message) => match message? {
                    Some(message) => self.obey(message, board),
                    None => return Ok(()),
                },
                Either::Second(()) => {
                    if connection.close_status().is_some() {
                        // The server closes: there is nothing but to receive to the end.
                        due = Instant::MAX;
                        continue;
                    }
                    let mut text = [0; LONGEST];
                    let report = self.report(board).write(&mut text);
                    connection.send(report).await?;
                    board.log(Event::Reported(report));
                    self.delivered = self.delivered.wrapping_add(1);
                    due = Instant::now() + self.period;
                }
            }
        }
    }

    fn report(&self, board: &mut impl Board) -> Report {
        Report {
            sequence: self.delivered,
            uptime_ms: Instant::now().as_millis(),
            temperature_millidegrees: board.temperature(),
            connections: self.connections,
        }
    }

    fn obey(&mut self, message: Message<'_>, board: &mut impl Board) {
        let Some(command) = message.as_text().and_then(Command::parse) else {
            board.log(Event::NotUnderstood);
            return;
        };
        if let Some(on) = command.light {
            board.set_light(on);
        }
        if let Some(period) = command.period_ms {
            self.period = Duration::from_millis(period.into()).max(SHORTEST_PERIOD);
        }
        board.log(Event::Obeyed(command));
    }
}
