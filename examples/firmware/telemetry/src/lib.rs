//! What the boards do: telemetry out as compressed JSON, commands in, over one WebSocket
//! connection that comes back by itself. Nothing here knows which board it is.
//!
//! A report, once each period:
//!
//! ```json
//! {"sequence":17,"uptime_ms":85210,"temperature_millidegrees":27100,"connections":1}
//! ```
//!
//! A command, any time; what it does not name stays as it is:
//!
//! ```json
//! {"light":true,"period_ms":1000}
//! ```

#![no_std]
#![forbid(unsafe_code)]

mod connection;
mod memory;
mod messages;

pub use connection::{Event, Settings};
pub use memory::Memory;
pub use messages::Command;

use core::{cell::RefCell, convert::Infallible};

use bare_ws::{
    entropy::{Entropy, EntropyError},
    uri::{Uri, UriError},
};
use bare_ws_embassy::{Backoff, net::Socket};
use embassy_net::Stack;
use embassy_time::{Duration, Timer};

use connection::Session;

/// What differs between boards.
pub trait Board {
    /// The temperature of the chip in thousandths of a degree Celsius.
    fn temperature(&mut self) -> i32;

    /// Switches the board's light.
    fn set_light(&mut self, on: bool);

    /// Something that the log should tell.
    fn log(&mut self, event: Event<'_>);
}

/// Why telemetry cannot even begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Failure {
    /// The URI is none.
    Uri(UriError),
    /// The source of entropy failed.
    Entropy,
}

impl From<UriError> for Failure {
    fn from(error: UriError) -> Self {
        Self::Uri(error)
    }
}

impl From<EntropyError> for Failure {
    fn from(_: EntropyError) -> Self {
        Self::Entropy
    }
}

/// Connects, reports and obeys until the board is switched off. A connection that is lost, a
/// server that is away and a network that is down are waited out, longer each time.
///
/// # Errors
/// Only what no later attempt can mend.
pub async fn run(
    stack: Stack<'static>,
    settings: &Settings<'_>,
    memory: &'static mut Memory,
    mut entropy: impl Entropy,
    board: impl Board,
) -> Result<Infallible, Failure> {
    let uri = Uri::parse(settings.uri)?;
    let memory::Parts {
        tcp,
        mut connection,
    } = memory.parts();
    let socket = Socket::new(stack, tcp.receive, tcp.transmit);
    let mut backoff = Backoff::new(settings.first_delay, settings.longest_delay);
    let session = Session::new(settings.period);
    let board = RefCell::new(board);
    loop {
        let delay = backoff.delay(&mut entropy)?;
        board.borrow_mut().log(Event::Waiting(delay));
        Timer::after(delay).await;
        stack.wait_config_up().await;
        board.borrow_mut().log(Event::Connecting);

        let before = session.delivered.get();
        session
            .once(
                (stack, &socket),
                &uri,
                settings,
                &mut connection,
                &mut entropy,
                &board,
            )
            .await;
        // A server that took our reports does its work; one that only let us in may not.
        if session.delivered.get() != before {
            backoff.reset();
        }
    }
}

/// A period that nobody means by a command.
const SHORTEST_PERIOD: Duration = Duration::from_millis(10);
