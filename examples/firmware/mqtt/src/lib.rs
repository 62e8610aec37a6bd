//! MQTT over WebSocket (MQTT 5.0 §6): reports out and commands in by a broker. Nothing here knows which board it is, or
//! whether the connection is TLS's.
//!
//! The MQTT client is the crate `minimq`, over the connection as a stream of octets (`bare_ws_embassy::stream`). A
//! supervisor keeps the connection; the session with the broker outlives it, with what was published by QoS 1 and not
//! acknowledged.

#![no_std]
#![forbid(unsafe_code)]

use core::fmt::Write as _;

use bare_ws::{
    handshake::Request,
    receiver::Receive,
    sender::Transmit,
    uri::{Uri, UriError},
};
use bare_ws_embassy::{
    Connection, Supervisor,
    stream::StreamError,
    supervisor::{self, Connect},
    transport::Transport,
};
use embassy_time::{Duration, Instant, with_deadline};
use embedded_io_async::Error as IoError;
use heapless::String;
use minimq::{
    ConfigBuilder, ConfigError, ConnectEvent, Error, PubError, Publication, QoS, Session,
    SubscriptionOptions, TopicFilter,
};

/// The subprotocol that the client must offer and the server select.
const SUBPROTOCOLS: [&str; 1] = ["mqtt"];
/// The longest MQTT packet that is received.
const LONGEST: usize = 256;
/// What is between two packets at most; the broker gives up after one and a half times that.
const KEEP_ALIVE_SECONDS: u16 = 30;

/// The memory of one session, to be kept in a static: packets that come, and packets that are not acknowledged.
pub type Memory = [u8; 1024];

/// Who we are, and what we tell and hear.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// Our name; no other client of the broker has it.
    pub client: &'a str,
    /// Where reports go.
    pub reports: &'a str,
    /// Where commands come from.
    pub commands: &'a str,
    /// From one report to the next.
    pub period: Duration,
}

/// What happened. `C` says why there is no connection, `T` is the transport's own error.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event<'m, C, T> {
    /// With the connection.
    Link(supervisor::Event<C, Result<(), Failure<T>>>),
    /// The broker has let us in, to a session that it knew already (`true`) or a new one.
    Session(bool),
    /// A report went out.
    Reported(&'m str),
    /// A command came.
    Command(&'m [u8]),
}

/// Why a session came to an end.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Failure<T> {
    /// The broker's answer, or the connection below.
    Mqtt(Error<StreamError<T>>),
    /// A report is longer than the memory.
    Report,
}

/// A request with the subprotocol that MQTT asks for.
///
/// # Errors
/// The URI is none.
pub fn request(uri: &str) -> Result<Request<'_>, UriError> {
    let mut request = Request::new(Uri::parse(uri)?);
    // MQTT-6.0.0-3 and -4.
    request.subprotocols = &SUBPROTOCOLS;
    request.subprotocol_required = true;
    Ok(request)
}

/// Reports and hears commands until the board is switched off.
///
/// # Errors
/// The settings, before anything is sent.
pub async fn run<C, T: IoError>(
    client: &mut C,
    request: &Request<'_>,
    supervisor: &Supervisor,
    memory: &mut Memory,
    settings: &Settings<'_>,
    mut reading: impl FnMut() -> i32,
    log: impl Fn(Event<'_, C::Error, T>),
) -> Result<(), ConfigError>
where
    C: for<'c> Connect<Io<'c>: Transport<Error = T>>,
{
    let config = ConfigBuilder::from_buffer(memory, LONGEST)?
        .client_id(settings.client)?
        .keepalive_interval(KEEP_ALIVE_SECONDS)
        .session_expiry_interval(u32::MAX);
    let mut mqtt = Session::new(config);
    let told = |event| log(Event::Link(event));
    let kept = supervisor.run(client, request, told, async |connection| {
        let reading = &mut reading;
        let succeeded = || supervisor.succeeded();
        session(connection, &mut mqtt, settings, reading, succeeded, &log).await
    });
    kept.await;
    Ok(())
}

/// One connection's part of it.
async fn session<Io, Rx, Tx, C>(
    connection: &mut Connection<Io, Rx, Tx>,
    mqtt: &mut Session<'_>,
    settings: &Settings<'_>,
    reading: &mut impl FnMut() -> i32,
    succeeded: impl Fn(),
    log: &impl Fn(Event<'_, C, Io::Error>),
) -> Result<(), Failure<Io::Error>>
where
    Io: Transport<Error: IoError>,
    Rx: Receive,
    Tx: Transmit,
{
    let connected = mqtt.connect(connection.octets()).await;
    let mut broker = connected.map_err(Failure::Mqtt)?;
    let known = broker.connect_event() == ConnectEvent::Reconnected;
    log(Event::Session(known));
    if !known {
        // What is published while we are away waits for us.
        let options = SubscriptionOptions::default().maximum_qos(QoS::AtLeastOnce);
        let filters = [TopicFilter::new(settings.commands).options(options)];
        let subscribed = broker.subscribe(&filters, &[]).await;
        subscribed.map_err(Failure::Mqtt)?;
    }
    let mut due = Instant::now();
    loop {
        match with_deadline(due, broker.recv()).await {
            Ok(Ok(message)) => {
                log(Event::Command(message.payload()));
                continue;
            }
            Ok(Err(error)) => return Err(Failure::Mqtt(error)),
            Err(_) => due += settings.period,
        }
        // Where acknowledgements are missing the report is left out.
        if !broker.can_publish(QoS::AtLeastOnce) {
            continue;
        }
        let mut report = String::<32>::new();
        // It fits: the longest number has eleven characters.
        let _ = write!(report, "temperature={}", reading());
        let publication = Publication::text(settings.reports, &report).qos(QoS::AtLeastOnce);
        match broker.publish(publication).await {
            Ok(_) => {}
            Err(PubError::Session(error)) => return Err(Failure::Mqtt(error)),
            Err(PubError::Payload(())) => return Err(Failure::Report),
        }
        log(Event::Reported(&report));
        succeeded();
    }
}
