//! What the device does, on any board and on the host: a server sets it by JSON, or by postcard, and has its log.
//!
//! | the server sends | the device answers |
//! |---|---|
//! | text: `{"period_ms":500}`, JSON; what it does not name stays as it is | text: `{"period_ms":500,"light":false}`, how it is set now |
//! | binary: the same, as postcard has it | binary: the same |
//! | what is no command | text: `{"error":"not understood"}` |
//!
//! Everything that the program logs goes to the server too, a text message for each line: see [`RemoteLog`].

#![no_std]
#![forbid(unsafe_code)]

mod log;

pub use log::{Line, RemoteLog};

use core::cell::Cell;

use bare_ws::{handshake::Request, message::Message, receiver::Receive, sender::Transmit};
use bare_ws_embassy::{
    Connection, Error, Supervisor, duplex, supervisor::Connect, transport::Transport,
};
use embassy_futures::join::join;
use embassy_time::{Duration, Timer};
use serde::{Deserialize, Serialize};

/// How the device is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// From one measurement to the next, in milliseconds.
    pub period_ms: u32,
    /// Whether the light is on.
    pub light: bool,
}

/// What the server wants of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Command {
    /// Sets [`Config::period_ms`]; 10 at least.
    pub period_ms: Option<u32>,
    /// Switches the light.
    pub light: Option<bool>,
}

/// What differs between boards.
pub trait Board {
    /// The temperature in degrees Celsius.
    fn temperature(&self) -> i32;

    /// Switches the board's light.
    fn set_light(&self, on: bool);
}

/// The longest message.
pub const LONGEST: usize = 96;
const SHORTEST_PERIOD_MS: u32 = 10;
const NOT_UNDERSTOOD: &str = r#"{"error":"not understood"}"#;

/// Does what the device does, until it is switched off.
pub async fn run<C, T, const LINES: usize, const LENGTH: usize>(
    client: &mut C,
    request: &Request<'_>,
    supervisor: &Supervisor,
    remote: &RemoteLog<LINES, LENGTH>,
    board: &impl Board,
) where
    C: for<'c> Connect<Error: core::fmt::Debug, Io<'c>: Transport<Error = T>>,
    T: core::fmt::Debug + Clone,
{
    let config = Cell::new(Config {
        period_ms: 1000,
        light: false,
    });
    let told = |event| ::log::debug!("{event:?}");
    let kept = supervisor.run(client, request, told, async |connection| {
        supervisor.succeeded();
        session(connection, &config, remote, board).await
    });
    let measuring = async {
        loop {
            ::log::info!("temperature={}", board.temperature());
            Timer::after(Duration::from_millis(config.get().period_ms.into())).await;
        }
    };
    join(kept, measuring).await;
}

/// One connection's part of it.
async fn session<Io: Transport, const LINES: usize, const LENGTH: usize>(
    connection: &mut Connection<Io, impl Receive, impl Transmit>,
    config: &Cell<Config>,
    remote: &RemoteLog<LINES, LENGTH>,
    board: &impl Board,
) -> Result<(), Error<Io::Error>> {
    let (mut reader, writer) = connection.split();
    let commands = async {
        while let Some(message) = reader.recv().await? {
            let mut memory = [0; LONGEST];
            writer
                .send(obey(message, config, board, &mut memory))
                .await?;
        }
        Ok(())
    };
    let lines = async {
        loop {
            let line = remote.next().await;
            let mut text = heapless::String::<LONGEST>::new();
            line.write(&mut text);
            writer.send(text.as_str()).await?;
            // A line that did not get out is there for the next connection.
            remote.sent(&line);
        }
    };
    duplex(commands, lines).await
}

/// The answer to a message.
fn obey<'m>(
    message: Message<'_>,
    config: &Cell<Config>,
    board: &impl Board,
    memory: &'m mut [u8; LONGEST],
) -> Message<'m> {
    let refused = Message::Text(NOT_UNDERSTOOD);
    let command = match message {
        Message::Text(text) => serde_json_core::from_str(text).ok().map(|(it, _)| it),
        Message::Binary(octets) => postcard::from_bytes(octets).ok(),
    };
    let Some(Command { period_ms, light }) = command else {
        return refused;
    };
    let mut set = config.get();
    if let Some(asked) = period_ms {
        set.period_ms = asked.max(SHORTEST_PERIOD_MS);
    }
    if let Some(on) = light {
        set.light = on;
        board.set_light(on);
    }
    config.set(set);
    let answer = match message {
        Message::Text(_) => serde_json_core::to_slice(&set, memory)
            .ok()
            .and_then(|length| memory.get(..length))
            .and_then(|json| str::from_utf8(json).ok())
            .map(Message::Text),
        Message::Binary(_) => postcard::to_slice(&set, memory)
            .ok()
            .map(|octets| Message::Binary(octets)),
    };
    answer.unwrap_or(refused)
}
