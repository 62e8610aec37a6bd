//! The device's logic on the host: the same library, a network in memory, a server of a few lines.

use std::cell::{Cell, RefCell};

use bare_ws::compression::Uncompressed;
use bare_ws::entropy::{Entropy, EntropyError};
use bare_ws::handshake::server::{ServerHandshake, Service};
use bare_ws::handshake::{Progress, Request};
use bare_ws::message::{Message, OwnedMessage};
use bare_ws::receiver::Receiver;
use bare_ws::role::{Client, Server};
use bare_ws::sender::Sender;
use bare_ws::uri::Uri;
use bare_ws_embassy::transport::Endless;
use bare_ws_embassy::{
    Backoff, Connection, NoopRawMutex, Supervisor, Timing,
    supervisor::{Connect, Opened},
};
use device::{Board, Command, Config, RemoteLog};
use embassy_futures::{block_on, select};
use embassy_sync::{channel::Channel, pipe::Pipe};
use embassy_time::Duration;
use embedded_io_async::Read;

const MEMORY: usize = 512;
/// Pipes do not end: nobody waits long for that.
const TIMING: Timing = Timing {
    close: Duration::from_millis(20),
    ..Timing::DEFAULT
};
type Half = Pipe<NoopRawMutex, 256>;
/// From the device, to the device.
type Wire = &'static (Half, Half);

/// A network in memory: each connection is a pair of pipes, of which the server gets the other ends.
struct Network<'n>(&'n Channel<NoopRawMutex, Wire, 4>, Numbers);

/// Numbers for tests: nothing random.
struct Numbers;

impl Entropy for Numbers {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), EntropyError> {
        octets.fill(7);
        Ok(())
    }
}

impl Connect for Network<'static> {
    type Entropy = Numbers;
    type Error = bare_ws_embassy::ConnectError<std::convert::Infallible>;
    type Io<'c> = (&'static Half, Endless<&'static Half>);
    type Rx<'c> = Receiver<Client, [u8; MEMORY]>;
    type Tx<'c> = Sender<Client, [u8; MEMORY], Numbers>;

    fn entropy(&mut self) -> &mut Numbers {
        &mut self.1
    }

    async fn ready(&mut self) {}

    async fn connect<'c>(
        &'c mut self,
        request: &Request<'_>,
    ) -> Result<Opened<'c, Self>, Self::Error> {
        let wire: Wire = Box::leak(Box::new((Half::new(), Half::new())));
        self.0.send(wire).await;
        let buffers = bare_ws::buffer::Buffers {
            receive: [0; MEMORY],
            transmit: [0; MEMORY],
        };
        let io = (&wire.1, Endless(&wire.0));
        let opening = Connection::open(io, request, buffers, Numbers, Uncompressed, &TIMING);
        Ok(opening.await?.0)
    }
}

type Peer = Connection<
    (&'static Half, Endless<&'static Half>),
    Receiver<Server, [u8; MEMORY]>,
    Sender<Server, [u8; MEMORY], Numbers>,
>;

/// The server's end of a connection, with its opening handshake done.
async fn accept((from_device, to_device): Wire) -> Peer {
    let mut handshake = ServerHandshake::new(&Service::ANY, ());
    let (mut from, to) = (from_device, to_device);
    let mut octet = [0];
    loop {
        from.read_exact(&mut octet).await.unwrap();
        if let Progress::Done { .. } = handshake.read(&octet) {
            break;
        }
    }
    let mut answer = [0; MEMORY];
    loop {
        match handshake.write(&mut answer) {
            0 => break,
            n => to.write_all(&answer[..n]).await,
        }
    }
    handshake.finish().expect("a request");
    Connection::new(
        (from_device, Endless(to_device)),
        Receiver::new([0; MEMORY]),
        Sender::new([0; MEMORY], Numbers),
        &TIMING,
    )
}

#[derive(Default)]
struct Model {
    light: Cell<bool>,
    temperature: Cell<i32>,
}

impl Board for Model {
    fn temperature(&self) -> i32 {
        self.temperature.set(self.temperature.get() + 1);
        self.temperature.get()
    }

    fn set_light(&self, on: bool) {
        self.light.set(on);
    }
}

/// Runs the device against a server's script. The log holds four lines.
fn with_device(
    script: impl AsyncFnOnce(&Channel<NoopRawMutex, Wire, 4>, &Model, &RemoteLog<4, 32>),
) {
    let network: &'static _ = Box::leak(Box::new(Channel::new()));
    // The logger is one for the process, and tests run beside each other: this one takes what the test writes.
    let remote = RemoteLog::new();
    let model = Model::default();
    let request = Request::new(Uri::parse("ws://server/").unwrap());
    let millisecond = Duration::from_millis(1);
    let supervisor = Supervisor::new(Backoff::new(millisecond, millisecond));
    let mut client = Network(network, Numbers);
    let device = device::run(&mut client, &request, &supervisor, &remote, &model);
    let script = script(network, &model, &remote);
    match block_on(select::select(device, script)) {
        select::Either::First(()) => panic!("the device ended"),
        select::Either::Second(()) => {}
    }
}

/// The next message that is no line of the log.
async fn answer(peer: &mut Peer) -> OwnedMessage {
    peer.recv().await.unwrap().expect("open").to_owned()
}

#[test]
fn it_is_set_by_json_and_by_postcard() {
    with_device(async |network, model, _| {
        let mut peer = accept(network.receive().await).await;
        for (command, expected, light) in [
            (
                r#"{"period_ms":500}"#,
                r#"{"period_ms":500,"light":false}"#,
                false,
            ),
            (
                r#"{"light":true}"#,
                r#"{"period_ms":500,"light":true}"#,
                true,
            ),
            (
                r#"{"period_ms":1}"#,
                r#"{"period_ms":10,"light":true}"#,
                true,
            ),
            (r#"{}"#, r#"{"period_ms":10,"light":true}"#, true),
            (r#"{"period_ms":-1}"#, r#"{"error":"not understood"}"#, true),
            ("off", r#"{"error":"not understood"}"#, true),
        ] {
            peer.send(command).await.unwrap();
            assert_eq!(answer(&mut peer).await, expected, "{command}");
            assert_eq!(model.light.get(), light, "{command}");
        }
        let command = Command {
            light: Some(false),
            ..Command::default()
        };
        let mut memory = [0; 16];
        let octets = postcard::to_slice(&command, &mut memory).unwrap();
        peer.send(&octets[..]).await.unwrap();
        let answered = answer(&mut peer).await;
        let config = Config {
            period_ms: 10,
            light: false,
        };
        let expected = postcard::to_slice(&config, &mut memory).unwrap();
        assert_eq!(answered, &*expected);
        peer.send(&[0xff; 3][..]).await.unwrap();
        assert_eq!(answer(&mut peer).await, r#"{"error":"not understood"}"#);
    });
}

/// What is logged while nobody listens is kept, as far as there is room; how much was not is told.
#[test]
fn the_log_keeps_the_last_lines_and_counts_the_others() {
    with_device(async |network, _, remote| {
        for number in 0..7 {
            remote.add(format_args!("line {number}"));
        }
        let mut peer = accept(network.receive().await).await;
        let mut told = RefCell::new(Vec::new());
        for _ in 0..4 {
            told.get_mut().push(answer(&mut peer).await);
        }
        let expected = ["[3 lines lost] line 3", "line 4", "line 5", "line 6"];
        assert_eq!(
            told.into_inner(),
            expected.map(|text| OwnedMessage::from(Message::Text(text)))
        );
        // Longer than a line: its beginning.
        remote.add(format_args!("{}", "é".repeat(20)));
        assert_eq!(answer(&mut peer).await, "é".repeat(16).as_str());

        // The connection is lost; the device comes back with what was logged meanwhile.
        peer.close(None, "").await.unwrap();
        let _ = peer.finish().await;
        remote.add(format_args!("meanwhile"));
        let mut peer = accept(network.receive().await).await;
        assert_eq!(answer(&mut peer).await, "meanwhile");
    });
}
