//! The options that `echo` and `autobahn` share.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use bare_ws::deflate::negotiate::Offer;
use bare_ws_std::{Config, Deflate, KeepAlive, Tls, TlsError};
use lexopt::{Arg, Parser, ValueExt};

/// How messages are received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Whole, in a buffer that grows.
    Alloc,
    /// Piece by piece, through a buffer of a fixed length.
    Fixed,
}

/// Which of the core's two loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Io {
    /// A thread that waits.
    Blocking,
    /// A task that waits.
    Async,
}

/// How to connect and how to echo.
#[derive(Clone, Debug)]
pub struct Options {
    /// Refuse binary messages.
    pub text_only: bool,
    /// How messages are received.
    pub engine: Engine,
    /// Octets of the receive buffer, at first or for good.
    pub rx: Option<usize>,
    /// Octets of the transmit buffer.
    pub tx: Option<usize>,
    /// Which loop.
    pub io: Io,
    /// The most octets of a message.
    pub max_message: Option<u64>,
    /// What is offered of permessage-deflate, in order of preference; `None`: what is sensible.
    pub deflate: Vec<Option<Offer>>,
    /// The window in each direction, in bits.
    pub window: Option<u8>,
    /// PEM files of the only roots that are trusted; none: the platform's.
    pub ca: Vec<PathBuf>,
    /// Everything about connecting.
    pub config: Config,
    /// The time-outs again, for the loop that is not the adapter's.
    pub timeouts: Timeouts,
}

/// For how long what may last.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// The opening handshake.
    pub handshake: Duration,
    /// Silence.
    pub idle: Option<Duration>,
    /// A peer that takes nothing.
    pub stall: Option<Duration>,
    /// Finding out that the peer is gone.
    pub keepalive: Option<KeepAlive>,
    /// The closing handshake.
    pub close: Duration,
}

/// The least that the machines can do with, in octets.
const LEAST_RX: usize = bare_ws::header::MAX_HEADER;
const LEAST_TX: usize = bare_ws::sender::MIN_TRANSMIT;
/// No buffer of an example is longer.
const MOST: usize = 1 << 30;

impl Options {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            text_only: false,
            engine: Engine::Alloc,
            rx: None,
            tx: None,
            io: Io::Blocking,
            max_message: None,
            deflate: Vec::new(),
            window: None,
            ca: Vec::new(),
            config: Config::new(),
            timeouts: Timeouts {
                handshake: Duration::from_secs(10),
                idle: None,
                stall: None,
                keepalive: None,
                close: Duration::from_secs(5),
            },
        }
    }

    /// Takes `arg`, and its value from `parser`, if it is one of these options.
    ///
    /// # Errors
    /// In words, when its value is none.
    pub fn take(&mut self, arg: &Arg<'_>, parser: &mut Parser) -> Result<bool, String> {
        let Arg::Long(name) = *arg else {
            return Ok(false);
        };
        let name = name.to_owned();
        if name == "deflate" {
            self.deflate.push(match parser.optional_value() {
                Some(parameters) => Some(offer(&text(parameters)?)?),
                None => None,
            });
            return Ok(true);
        }
        let mut value = || text(parser.value().map_err(|error| error.to_string())?);
        let config = |this: &mut Self, set: &dyn Fn(Config) -> Config| {
            this.config = set(std::mem::take(&mut this.config));
        };
        match name.as_str() {
            "text-only" => self.text_only = true,
            "engine" => {
                self.engine = one_of(
                    &name,
                    &value()?,
                    &[("alloc", Engine::Alloc), ("fixed", Engine::Fixed)],
                )?;
            }
            "io" => {
                self.io = one_of(
                    &name,
                    &value()?,
                    &[("blocking", Io::Blocking), ("async", Io::Async)],
                )?;
            }
            "rx" => self.rx = Some(octets(&name, &value()?, LEAST_RX)?),
            "tx" => self.tx = Some(octets(&name, &value()?, LEAST_TX)?),
            "max-message" => self.max_message = Some(number(&name, &value()?)?),
            "window" => self.window = Some(window_bits(&name, &value()?)?),
            "subprotocol" => {
                let value = value()?;
                config(self, &|config| config.subprotocol(value.clone()));
            }
            "header" => {
                let value = value()?;
                let Some((field, content)) = value.split_once(':') else {
                    return Err(format!("--header {value:?} is not 'Name: value'"));
                };
                let content = content.trim_matches([' ', '\t']);
                config(self, &|config| config.header(field, content));
            }
            "ca" => {
                self.ca.push(value()?.into());
                let tls = trusting(&self.ca).map_err(|error| format!("--ca {error}"))?;
                config(self, &|config| config.tls(tls.clone()));
            }
            "connect-timeout" => {
                let timeout = seconds(&name, &value()?)?;
                config(self, &|config| config.connect_timeout(timeout));
            }
            "handshake-timeout" => {
                self.timeouts.handshake = seconds(&name, &value()?)?;
                let timeout = self.timeouts.handshake;
                config(self, &|config| config.handshake_timeout(timeout));
            }
            "idle-timeout" => {
                self.timeouts.idle = Some(seconds(&name, &value()?)?);
                let timeout = self.timeouts.idle;
                config(self, &|config| config.silence_timeout(timeout));
            }
            "stall-timeout" => self.timeouts.stall = Some(seconds(&name, &value()?)?),
            "keepalive" => {
                let keepalive = keepalive(&name, &value()?)?;
                self.timeouts.keepalive = Some(keepalive);
                config(self, &|config| config.keepalive(keepalive));
            }
            "close-timeout" => {
                self.timeouts.close = seconds(&name, &value()?)?;
                let timeout = self.timeouts.close;
                config(self, &|config| config.close_timeout(timeout));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Octets of the receive buffer.
    #[must_use]
    pub fn rx(&self) -> usize {
        self.rx.unwrap_or_else(|| self.usual_buffer())
    }

    /// Octets of the transmit buffer.
    #[must_use]
    pub fn tx(&self) -> usize {
        self.tx.unwrap_or_else(|| self.usual_buffer())
    }

    /// How long the server may take nothing: as long as it may be idle, unless set.
    #[must_use]
    pub fn stall(&self) -> Option<Duration> {
        self.timeouts.stall.or(self.timeouts.idle)
    }

    /// All of it as the adapter takes it.
    #[must_use]
    pub fn config(&self) -> Config {
        let unlimited = match self.engine {
            Engine::Alloc => Config::new().limits().message,
            // Nothing of a message is kept.
            Engine::Fixed => u64::MAX,
        };
        self.config
            .clone()
            .message_limit(self.max_message.unwrap_or(unlimited))
            .stream_limit(self.max_message)
            .receive_buffer(self.rx())
            .transmit_buffer(self.tx())
            .stall_timeout(self.stall())
            .deflate(self.deflate())
    }

    fn deflate(&self) -> Option<Deflate> {
        if self.deflate.is_empty() {
            return None;
        }
        let deflate = match self.engine {
            Engine::Alloc => Deflate::new().window_bits(self.window.unwrap_or(15)),
            // What a board would spend: some 16 KiB.
            Engine::Fixed => Deflate::new()
                .window_bits(self.window.unwrap_or(10))
                .pieces(),
        };
        let sensible = deflate.offers();
        let offers = self.deflate.iter().flat_map(|offer| match offer {
            Some(offer) => std::slice::from_ref(offer),
            None => &sensible,
        });
        Some(offers.fold(deflate, |deflate, offer| deflate.offer(*offer)))
    }

    fn usual_buffer(&self) -> usize {
        match self.engine {
            Engine::Alloc => 16 * 1024,
            Engine::Fixed => 512,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

/// An argument as text.
///
/// # Errors
/// When it is none.
pub fn text(value: OsString) -> Result<String, String> {
    value.string().map_err(|error| error.to_string())
}

fn trusting(files: &[PathBuf]) -> Result<Tls, TlsError> {
    let builder = files
        .iter()
        .try_fold(Tls::builder(), |tls, file| tls.root_file(file));
    builder?.build()
}

fn one_of<T: Copy>(name: &str, value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let choice = choices.iter().find(|(choice, _)| *choice == value);
    choice.map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
        format!("--{name} {value:?} is none of {}", names.join(", "))
    })
}

fn octets(name: &str, value: &str, least: usize) -> Result<usize, String> {
    let octets = value.parse().ok();
    octets
        .filter(|octets| (least..=MOST).contains(octets))
        .ok_or_else(|| format!("--{name} {value:?} is no number of octets from {least} to {MOST}"))
}

fn offer(parameters: &str) -> Result<Offer, String> {
    Offer::parse(parameters).map_err(|refusal| format!("--deflate={parameters:?}: {refusal}"))
}

fn window_bits(name: &str, value: &str) -> Result<u8, String> {
    let bits = value.parse().ok();
    bits.filter(|bits| (8..=15).contains(bits))
        .ok_or_else(|| format!("--{name} {value:?} is no number of bits from 8 to 15"))
}

fn number(name: &str, value: &str) -> Result<u64, String> {
    value
        .parse()
        .map_err(|_| format!("--{name} {value:?} is no number of octets"))
}

fn keepalive(name: &str, value: &str) -> Result<KeepAlive, String> {
    let wanted = || format!("--{name} {value:?} is not INTERVAL,DEAD-AFTER with the longer last");
    let (interval, dead_after) = value.split_once(',').ok_or_else(wanted)?;
    let (interval, dead_after) = (seconds(name, interval)?, seconds(name, dead_after)?);
    let keepalive = KeepAlive {
        interval,
        dead_after,
    };
    Some(keepalive)
        .filter(|keepalive| keepalive.interval < keepalive.dead_after)
        .ok_or_else(wanted)
}

fn seconds(name: &str, value: &str) -> Result<Duration, String> {
    let seconds = value.parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| format!("--{name} {value:?} is no number of seconds above 0"))
}
