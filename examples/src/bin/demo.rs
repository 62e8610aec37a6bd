//! A client and an echo server in one process, and what they have to say to each other.
//!
//! Ends with exit status 1 if anything is not as it should be.
#![forbid(unsafe_code)]

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bare_ws::opcode::Opcode;
use bare_ws_examples::authority::Authority;
use bare_ws_examples::server::EchoServer;
use bare_ws_std::{CloseCode, Config, Deflate, Message, MessageKind, Tls, WebSocket};

const MIB: usize = 1024 * 1024;

fn main() -> ExitCode {
    let began = Instant::now();
    println!("bare-ws: a client and an echo server, on loopback, in one process\n");
    match run() {
        Ok(steps) => {
            println!(
                "\n{steps} steps, all as they should be, in {}",
                Took(began.elapsed())
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("\nnot as it should be: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<u32, Box<dyn Error>> {
    let server = EchoServer::start(&["demo.bare-ws"])?;
    let uri = format!("ws://{}/echo?for=demo", server.address());
    say("server", &format!("listens at {}", server.address()));

    let began = Instant::now();
    let mut socket = Config::new()
        .subprotocol("chat")
        .subprotocol("demo.bare-ws")
        .silence_timeout(Duration::from_secs(30))
        .connect(&uri)?;
    let took = began.elapsed();
    expect(socket.response().status() == 101, "status 101")?;
    expect(
        socket.subprotocol() == Some("demo.bare-ws"),
        "the subprotocol",
    )?;
    say(
        "connect",
        &format!(
            "{uri}: status 101, subprotocol demo.bare-ws, {}",
            Took(took)
        ),
    );

    let text = "Grüße aus dem Speicher, 世界 🌍";
    let took = echo(&mut socket, text.into())?;
    say(
        "text",
        &format!("{text:?}, {}, back after {}", Size(text.len()), Took(took)),
    );

    let took = echo(&mut socket, (&[]).into())?;
    say(
        "binary",
        &format!("nothing at all, {}, back after {}", Size(0), Took(took)),
    );
    let octets: Vec<u8> = (0..=255).cycle().take(1024).collect();
    let took = echo(&mut socket, octets.as_slice().into())?;
    say(
        "binary",
        &format!("{}, back after {}", Size(octets.len()), Took(took)),
    );

    say("fragments", &fragments(&mut socket)?);
    say("ping", &ping(&mut socket)?);
    say("many", &many(&mut socket)?);

    for (kind, unit) in [(MessageKind::Binary, "binary"), (MessageKind::Text, "text")] {
        // 16 MiB is the most that the default limit lets in.
        let octets: Vec<u8> = (b'a'..=b'z').cycle().take(16 * MIB).collect();
        let message = match kind {
            MessageKind::Binary => Message::Binary(&octets),
            MessageKind::Text => Message::Text(std::str::from_utf8(&octets)?),
        };
        let took = echo(&mut socket, message)?;
        let rate = 2.0 * octets.len() as f64 / MIB as f64 / took.as_secs_f64();
        let size = Size(octets.len());
        say(
            "large",
            &format!(
                "{unit}, {size}, there and back in {}: {rate:.0} MiB/s",
                Took(took)
            ),
        );
    }

    let status = socket.finish(Some(CloseCode::NORMAL), "that was all")?;
    let status = status.ok_or("no Close from the server")?;
    expect(status.code == CloseCode::NORMAL, "status code 1000")?;
    say(
        "close",
        "1000 \"that was all\", answered with 1000; the server closed the socket first",
    );
    expect(socket.recv()?.is_none(), "nothing after the end")?;

    let echoed = server.join()?.messages;
    expect(echoed == 6 + u64::from(MANY), "the server's count")?;
    say("server", &format!("echoed {echoed} messages"));
    say("compressed", &compressed()?);
    say("secure", &secure()?);
    Ok(13)
}

/// The same again with permessage-deflate: telemetry as a device sends it, in messages of its own.
fn compressed() -> Result<String, Box<dyn Error>> {
    let server = EchoServer::start(&[])?;
    let uri = format!("ws://{}/telemetry", server.address());
    let mut socket = Config::new()
        .deflate(Deflate::new())
        .silence_timeout(Duration::from_secs(30))
        .connect(&uri)?;
    expect(socket.deflate().is_some(), "permessage-deflate")?;
    let began = Instant::now();
    for n in 0..READINGS {
        let (warm, humid) = (20_000 + n * 37 % 900, 400 + n * 11 % 90);
        let reading = format!(
            r#"{{"device":"roof-7","sequence":{n},"temperature":{}.{:03},"humidity":{}.{},"battery":"ok"}}"#,
            warm / 1000,
            warm % 1000,
            humid / 10,
            humid % 10,
        );
        echo(&mut socket, reading.as_str().into())?;
    }
    let took = began.elapsed();
    let totals = socket.writer.compressed();
    expect(totals.compressed < totals.plain / 2, "less than half")?;
    let status = socket.finish(Some(CloseCode::NORMAL), "")?;
    let status = status.ok_or("no Close from the server")?;
    expect(status.code == CloseCode::NORMAL, "status code 1000")?;
    expect(
        server.join()?.messages == u64::from(READINGS),
        "the server's count",
    )?;
    Ok(format!(
        "{READINGS} readings, {} octets as {} on the wire: to {:.0} %, there and back in {}",
        totals.plain,
        totals.compressed,
        100.0 * totals.compressed as f64 / totals.plain as f64,
        Took(took)
    ))
}

/// And over TLS, with a certificate made on the spot: whoever does not know its root stays away.
fn secure() -> Result<String, Box<dyn Error>> {
    let authority = Authority::new("demo")?;
    let config = authority.server(&["127.0.0.1"])?;
    let connect = |server: &EchoServer, root: &Authority| {
        Config::new()
            .tls(Tls::builder().root(root.der()).build()?)
            .silence_timeout(Duration::from_secs(30))
            .connect(&format!("wss://{}/", server.address()))
    };

    let server = EchoServer::start_secure(config.clone())?;
    let refused = connect(&server, &Authority::new("another")?);
    expect(
        refused.is_err_and(|error| error.kind() == "tls"),
        "an unknown server to be refused",
    )?;
    expect(server.join().is_err(), "no request to it")?;

    let server = EchoServer::start_secure(config)?;
    let began = Instant::now();
    let mut socket = connect(&server, &authority)?;
    let opened = began.elapsed();
    let octets: Vec<u8> = (0..=255).cycle().take(MIB).collect();
    let mut took = Duration::ZERO;
    for _ in 0..SECURE_ROUNDS {
        took += echo(&mut socket, octets.as_slice().into())?;
    }
    let rate = 2.0 * f64::from(SECURE_ROUNDS) / took.as_secs_f64();
    let status = socket.finish(Some(CloseCode::NORMAL), "")?;
    let status = status.ok_or("no Close from the server")?;
    expect(status.code == CloseCode::NORMAL, "status code 1000")?;
    let served = server.join()?;
    expect(
        served.messages == u64::from(SECURE_ROUNDS),
        "the server's count",
    )?;
    let version = served.tls.ok_or("no version of TLS")?;
    Ok(format!(
        "wss, {version:?}, both handshakes in {}, {} there and back: {rate:.0} MiB/s; without its root: refused",
        Took(opened),
        Size(octets.len()),
    ))
}

const SECURE_ROUNDS: u32 = 16;

const READINGS: u32 = 1000;

/// Sends a message and holds what comes back against it.
fn echo(socket: &mut WebSocket, message: Message<'_>) -> Result<Duration, Box<dyn Error>> {
    let began = Instant::now();
    socket.send(message)?;
    let received = socket.recv()?;
    let took = began.elapsed();
    expect(received == Some(message), "the same message")?;
    Ok(took)
}

fn fragments(socket: &mut WebSocket) -> Result<String, Box<dyn Error>> {
    let parts = [
        "A message ",
        "that is still being written ",
        "",
        "leaves in ",
        "fragments.",
    ];
    let began = Instant::now();
    for (index, part) in parts.iter().enumerate() {
        let fin = index + 1 == parts.len();
        socket
            .writer
            .send_fragment(MessageKind::Text, part.as_bytes(), fin)?;
    }
    let whole = parts.concat();
    expect(
        socket.recv()? == Some(Message::Text(&whole)),
        "the whole message",
    )?;
    let (count, size) = (parts.len(), Size(whole.len()));
    Ok(format!(
        "{count} of them, {size}, back as one message after {}",
        Took(began.elapsed())
    ))
}

/// A Ping is answered by the peer's machine itself; whoever reads frame by frame sees the Pong.
fn ping(socket: &mut WebSocket) -> Result<String, Box<dyn Error>> {
    let mut times = Vec::new();
    for round in 0..100u8 {
        let payload = [b'r', b'o', b'u', b'n', b'd', b' ', round];
        let began = Instant::now();
        socket.ping(&payload)?;
        let frame = socket.recv_frame()?.ok_or("no answer to a Ping")?;
        times.push(began.elapsed());
        expect(frame.header.opcode == Opcode::Pong, "a Pong")?;
        expect(frame.payload == payload, "the payload of the Ping")?;
    }
    times.sort();
    let (fastest, median) = (Took(times[0]), Took(times[times.len() / 2]));
    Ok(format!(
        "{} round trips: the fastest {fastest}, the median {median}",
        times.len()
    ))
}

const MANY: u32 = 10_000;

fn many(socket: &mut WebSocket) -> Result<String, Box<dyn Error>> {
    let payload = [0x5a; 125];
    let began = Instant::now();
    for _ in 0..MANY {
        echo(socket, (&payload).into())?;
    }
    let took = began.elapsed();
    let rate = f64::from(MANY) / took.as_secs_f64();
    let size = Size(payload.len());
    Ok(format!(
        "{MANY} messages of {size}, one after the other: {rate:.0} a second"
    ))
}

fn say(what: &str, line: &str) {
    println!("  {what:<10} {line}");
}

fn expect(is_so: bool, what: &str) -> Result<(), String> {
    if is_so {
        Ok(())
    } else {
        Err(format!("expected {what}"))
    }
}

/// A length for people.
struct Size(usize);

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            octets if octets >= MIB => write!(f, "{} MiB", octets / MIB),
            octets => write!(f, "{octets} octets"),
        }
    }
}

/// A time for people.
struct Took(Duration);

impl std::fmt::Display for Took {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_secs_f64() {
            seconds if seconds >= 1.0 => write!(f, "{seconds:.2} s"),
            seconds if seconds >= 1e-3 => write!(f, "{:.1} ms", seconds * 1e3),
            seconds => write!(f, "{:.0} µs", seconds * 1e6),
        }
    }
}
