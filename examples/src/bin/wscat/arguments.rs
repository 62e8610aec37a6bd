//! The command line: what clap reads, and what a [`Config`] is made of it.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use bare_ws::deflate::negotiate::Offer;
use bare_ws::uri::Uri;
use bare_ws_std::{Config, Deflate, Error, KeepAlive, Proxy, Tls, TlsError};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

/// Talks to a WebSocket server: sends what is typed or piped in, prints what arrives.
#[derive(Debug, Parser)]
#[command(name = "wscat", version, after_help = EXIT_CODES)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) mode: Option<Mode>,
    #[command(flatten)]
    pub(crate) session: Session,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    the connection was closed in order: with 1000, 1001 or no status code
  1    the connection could not be made, or failed
  2    the command line is wrong, or asks for what must not be sent; nothing was sent
  3    the server refused the opening handshake, or is no WebSocket server
  4    the server closed with another status code
  5    a file, the standard input or the standard output failed, or listen could not open its port
  130  Ctrl-C";

/// What to do instead of connecting.
#[derive(Debug, Subcommand)]
pub(crate) enum Mode {
    /// Be a server to test against: echo, or broadcast
    Listen(Listen),
    /// Print the completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// A server.
#[derive(Args, Debug)]
pub(crate) struct Listen {
    /// The address and port to listen on, or the port alone; port 0 is any free one
    #[arg(default_value = "127.0.0.1:9001", value_name = "ADDRESS:PORT", value_parser = place)]
    pub(crate) address: String,
    /// Send each message to all other clients, not back to its sender
    #[arg(long)]
    pub(crate) broadcast: bool,
    /// Accept this subprotocol; repeatable
    #[arg(short, long, value_name = "NAME", value_parser = subprotocol)]
    pub(crate) subprotocol: Vec<String>,
    /// End when the first client has gone
    #[arg(long)]
    pub(crate) once: bool,
}

/// A connection.
#[derive(Args, Debug)]
pub(crate) struct Session {
    /// Where to connect: ws://HOST[:PORT]/PATH or wss://HOST[:PORT]/PATH
    #[arg(required = true)]
    pub(crate) url: Option<String>,

    /// Send binary messages: each line that is typed, all of a pipe as one; print those of the
    /// server as they are
    #[arg(short, long, help_heading = "Messages")]
    pub(crate) binary: bool,
    /// Send this file as one binary message, instead of the standard input
    #[arg(short, long, value_name = "FILE", help_heading = "Messages")]
    pub(crate) file: Option<PathBuf>,
    /// With --file: as text
    #[arg(
        long,
        requires = "file",
        conflicts_with = "binary",
        help_heading = "Messages"
    )]
    pub(crate) text: bool,
    /// Write the payload of all messages to this file, of any length
    #[arg(short, long, value_name = "FILE", help_heading = "Messages")]
    pub(crate) output: Option<PathBuf>,
    /// Close after this many messages have arrived, and not at the end of the input
    #[arg(short = 'n', long, value_name = "N", value_parser = number)]
    #[arg(help_heading = "Messages")]
    pub(crate) count: Option<u64>,
    /// Wait so many seconds for answers between the end of the input and closing [default: 0.5,
    /// with --count until they are there]
    #[arg(short, long, value_name = "SECONDS", value_parser = pause, help_heading = "Messages")]
    pub(crate) wait: Option<Duration>,
    /// Take lines that begin with a slash as commands: /ping [TEXT], /pong [TEXT],
    /// /close [CODE [REASON]]; //TEXT sends /TEXT
    #[arg(long, help_heading = "Messages")]
    pub(crate) slash: bool,
    /// The most octets of a message
    #[arg(long, value_name = "OCTETS", value_parser = number, default_value = "16777216")]
    #[arg(help_heading = "Messages")]
    pub(crate) max_message: u64,

    /// Print one JSON object a line for each event, for scripts
    #[arg(short, long, conflicts_with = "output", help_heading = "Output")]
    pub(crate) json: bool,
    /// Show the frames on the wire, in both directions
    #[arg(long, help_heading = "Output")]
    pub(crate) frames: bool,
    /// Keep the lines that are typed in this file, and begin with those that are in it
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) history: Option<PathBuf>,

    /// Offer this subprotocol; repeatable, in order of preference
    #[arg(short, long, value_name = "NAME", help_heading = "Request")]
    pub(crate) subprotocol: Vec<String>,
    /// Send this header field; repeatable
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = header)]
    #[arg(help_heading = "Request")]
    pub(crate) header: Vec<(String, String)>,
    /// Send this Origin
    #[arg(long, value_name = "ORIGIN", help_heading = "Request")]
    pub(crate) origin: Option<String>,
    /// Log in by HTTP Basic
    #[arg(short, long, value_name = "NAME:PASSWORD", value_parser = secret)]
    #[arg(env = "WSCAT_USER", hide_env_values = true, help_heading = "Request")]
    pub(crate) user: Option<Secret>,
    /// Log in by a bearer token
    #[arg(long, value_name = "TOKEN", value_parser = secret, conflicts_with = "user")]
    #[arg(env = "WSCAT_BEARER", hide_env_values = true, help_heading = "Request")]
    pub(crate) bearer: Option<Secret>,
    /// Offer permessage-deflate; PARAMS as in the header, such as 'client_max_window_bits=10'
    #[arg(long, value_name = "PARAMS", value_parser = offer, num_args = 0..=1)]
    #[arg(
        require_equals = true,
        default_missing_value = "",
        help_heading = "Request"
    )]
    pub(crate) deflate: Option<Compression>,

    /// With wss, trust the certificates of this PEM file and no others; repeatable
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub(crate) ca: Vec<PathBuf>,
    /// Show this certificate to a server that asks for one: a PEM file with its chain
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "TLS")]
    pub(crate) cert: Option<PathBuf>,
    /// The private key of --cert: a PEM file
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "TLS")]
    pub(crate) key: Option<PathBuf>,

    /// Connect through this HTTP proxy (CONNECT), if need be with Basic authentication
    #[arg(long, value_name = "http://[NAME:PASSWORD@]HOST:PORT", value_parser = secret)]
    #[arg(
        env = "WSCAT_PROXY",
        hide_env_values = true,
        help_heading = "Connection"
    )]
    pub(crate) proxy: Option<Secret>,
    /// Connect through the proxy that http_proxy, https_proxy or all_proxy names, but not to those of
    /// no_proxy
    #[arg(long, conflicts_with = "proxy", help_heading = "Connection")]
    pub(crate) proxy_from_env: bool,
    /// Follow redirects, N at most (10 if not given), never from wss to ws. Another server is sent
    /// nothing of the request's options, and no certificate
    #[arg(long, value_name = "N", value_parser = times, num_args = 0..=1)]
    #[arg(
        require_equals = true,
        default_missing_value = "10",
        help_heading = "Connection"
    )]
    pub(crate) follow: Option<u32>,
    /// Ping the server whenever it is silent for so many seconds, and give it up after twice as many
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds, help_heading = "Connection")]
    pub(crate) ping: Option<Duration>,
    /// Connect again when the connection fails, or the server restarts; after SECONDS at first (1 if
    /// not given), twice as long each time, and no longer than 30
    #[arg(long, value_name = "SECONDS", value_parser = seconds, num_args = 0..=1)]
    #[arg(
        require_equals = true,
        default_missing_value = "1",
        help_heading = "Connection"
    )]
    #[arg(conflicts_with_all = ["file", "output"])]
    pub(crate) reconnect: Option<Duration>,
    /// How many seconds connecting may take, with the proxy's answer; the handshakes as many again
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds, default_value = "10")]
    #[arg(help_heading = "Connection")]
    pub(crate) timeout: Duration,
}

/// What `Debug` does not show.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// What is offered of permessage-deflate; `None`: what is sensible.
#[derive(Clone, Debug)]
pub(crate) struct Compression(Option<Offer>);

impl Session {
    /// Where to connect.
    pub(crate) fn url(&self) -> &str {
        self.url.as_deref().unwrap_or_default()
    }

    /// What clap cannot know.
    ///
    /// # Errors
    /// In words.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.reconnect.is_some() && self.binary && !io::stdin().is_terminal() {
            return Err(
                "--reconnect with --binary needs a terminal: all of a pipe is one message, \
                        which another connection cannot continue",
            );
        }
        if let Some(Secret(user)) = &self.user {
            // RFC 7617 §2: the name ends at the first colon.
            if !user.contains(':') {
                return Err("--user: not NAME:PASSWORD");
            }
            // "The user-id and password MUST NOT contain any control characters".
            if user.contains(char::is_control) {
                return Err("--user: a control character");
            }
        }
        let is_login = |(name, _): &(String, _)| name.eq_ignore_ascii_case("Authorization");
        if self.authorization().is_some() && self.header.iter().any(is_login) {
            return Err("--header Authorization cannot be used with --user or --bearer");
        }
        Ok(())
    }

    /// Everything about the connection.
    ///
    /// # Errors
    /// When what is asked for cannot be: [`Ending`](crate::ending::Ending) has an exit code for it.
    pub(crate) fn config(&self) -> Result<Config, Error> {
        let mut config = Config::new()
            .connect_timeout(self.timeout)
            .handshake_timeout(self.timeout)
            .redirects(self.follow.unwrap_or(0))
            .message_limit(self.max_message)
            .deflate(self.deflate.as_ref().map(Compression::deflate))
            .keepalive(self.ping.map(keepalive))
            .proxy(self.proxy()?);
        for name in &self.subprotocol {
            config = config.subprotocol(name);
        }
        for (name, value) in &self.header {
            config = config.header(name, value);
        }
        if let Some(origin) = &self.origin {
            config = config.origin(origin);
        }
        if let Some(value) = self.authorization() {
            config = config.header("Authorization", value);
        }
        config.check(self.url())?;
        // What is not used is read nevertheless: it may be wrong.
        let is_told = !self.ca.is_empty() || self.cert.is_some();
        match is_told || Uri::parse(self.url())?.is_secure() {
            true => Ok(config.tls(self.tls()?)),
            false => Ok(config),
        }
    }

    fn proxy(&self) -> Result<Option<Proxy>, Error> {
        match &self.proxy {
            Some(Secret(uri)) => Proxy::new(uri).map(Some),
            None if self.proxy_from_env => Proxy::from_environment().map(Some),
            None => Ok(None),
        }
    }

    /// RFC 7617 §2, RFC 6750 §2.1.
    fn authorization(&self) -> Option<String> {
        match (&self.user, &self.bearer) {
            (Some(Secret(user)), _) => Some(format!("Basic {}", BASE64_STANDARD.encode(user))),
            (None, Some(Secret(token))) => Some(format!("Bearer {token}")),
            (None, None) => None,
        }
    }

    /// Whom to trust with `wss`, and who to be.
    fn tls(&self) -> Result<Tls, TlsError> {
        let mut builder = Tls::builder();
        for file in &self.ca {
            builder = builder.root_file(file)?;
        }
        if let (Some(chain), Some(key)) = (&self.cert, &self.key) {
            builder = builder.client_certificate(chain, key)?;
        }
        builder.build()
    }
}

impl Compression {
    fn deflate(&self) -> Deflate {
        let Self(offer) = self;
        offer.map_or_else(Deflate::new, |offer| Deflate::new().offer(offer))
    }
}

fn keepalive(interval: Duration) -> KeepAlive {
    KeepAlive {
        interval,
        dead_after: interval.saturating_mul(2),
    }
}

fn pause(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "not a number of seconds".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let duration = pause(text).ok().filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| "not a number of seconds above 0".to_owned())
}

fn number(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| "not a number above 0".to_owned())
}

fn times(text: &str) -> Result<u32, String> {
    let times = number(text)?.try_into();
    times.map_err(|_| "too many".to_owned())
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("not 'Name: value'")?;
    Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}

/// A port alone is one of the loopback address.
fn place(text: &str) -> Result<String, String> {
    let (address, port) = text.rsplit_once(':').unwrap_or(("127.0.0.1", text));
    match port.parse::<u16>() {
        Ok(port) => Ok(format!("{address}:{port}")),
        Err(_) => Err("not an address and a port, such as 127.0.0.1:9001".to_owned()),
    }
}

/// As [`Config::check`] finds it.
fn subprotocol(name: &str) -> Result<String, String> {
    let config = Config::new().subprotocol(name);
    match config.check("ws://localhost/") {
        Ok(()) => Ok(name.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn secret(text: &str) -> Result<Secret, String> {
    Ok(Secret(text.to_owned()))
}

fn offer(text: &str) -> Result<Compression, String> {
    if text.is_empty() {
        return Ok(Compression(None));
    }
    let offer = Offer::parse(text).map_err(|refusal| refusal.to_string())?;
    Ok(Compression(Some(offer)))
}
