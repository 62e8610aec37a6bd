//! Echoes every message of a server until the closing handshake.
//!
//! One line says how it ended: `closed CODE REASON` on standard output and exit status 0 after a
//! closing handshake, whoever began it; `error: KIND: what happened` on standard error and exit
//! status 1 when the connection failed; the same and exit status 2 when the command line is wrong,
//! or asks for what must not be sent: nothing was sent then.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use bare_ws_examples::options::{Options, text};
use bare_ws_examples::{Closed, Failure, Line, echo};

const HELP: &str = "\
usage: echo [OPTIONS] URL

Echoes every message of the server at URL until the closing handshake.

  --text-only               close with 1003 on the first binary message
  --engine alloc|fixed      whole messages in memory that grows, or pieces through
                            fixed buffers, without an allocation (default alloc)
  --rx OCTETS, --tx OCTETS  buffers (default: alloc 16384, fixed 512)
  --io blocking|async       the loop, and with wss the TLS: rustls, or that of the
                            boards, which needs --ca (default blocking)
  --deflate[=PARAMS]        offer permessage-deflate; repeatable, in order of preference;
                            PARAMS as in the header, such as
                            'server_max_window_bits=10; client_max_window_bits';
                            without PARAMS what is sensible for the window
  --window BITS             memory for the window in each direction, 8 to 15
                            (default: alloc 15, fixed 10)
  --subprotocol NAME        offer a subprotocol; repeatable
  --header 'Name: value'    send a header field; repeatable
  --ca FILE                 wss: trust the certificates of this PEM file, not the
                            platform's; repeatable
  --max-message OCTETS      refuse longer messages (default: alloc 16 MiB, fixed none)
  --connect-timeout S       (default 10)
  --handshake-timeout S     (default 10)
  --idle-timeout S          how long nothing may arrive, or be taken (default: none)
  --stall-timeout S         the second alone, where it is another time
  --keepalive S,S           send a Ping when nothing arrived for so long, and give the
                            server up when nothing arrived for the second (default: not)
  --close-timeout S         (default 5)
";

fn main() -> ExitCode {
    let (options, uri) = match arguments(lexopt::Parser::from_env()) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(what) => return failed("usage", &what, 2),
    };
    let mut status = ExitCode::SUCCESS;
    // The line is printed when it is known; the exit follows when the transport has ended.
    let _ = echo(&options, &uri, |outcome| status = report(outcome));
    status
}

fn report(outcome: &Result<Closed, Failure>) -> ExitCode {
    match outcome {
        Ok(closed) => {
            println!("closed {closed}");
            ExitCode::SUCCESS
        }
        Err(Failure::Connection(error)) if error.kind() == "request" => {
            failed("usage", &error.to_string(), 2)
        }
        Err(error) => failed(error.kind(), &error.to_string(), 1),
    }
}

fn failed(kind: &str, what: &str, status: u8) -> ExitCode {
    eprintln!("error: {kind}: {}", Line(what));
    ExitCode::from(status)
}

/// `None`: only help is asked for.
fn arguments(mut parser: lexopt::Parser) -> Result<Option<(Options, String)>, String> {
    let mut options = Options::new();
    let mut uri = None;
    while let Some(arg) = parser.next().map_err(|error| error.to_string())? {
        // The option is copied: its value is asked of the parser that it borrows.
        let name;
        let arg = match arg {
            lexopt::Arg::Long(long) => {
                name = long.to_owned();
                lexopt::Arg::Long(&name)
            }
            lexopt::Arg::Short(short) => lexopt::Arg::Short(short),
            lexopt::Arg::Value(value) => lexopt::Arg::Value(value),
        };
        match arg {
            lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => return Ok(None),
            lexopt::Arg::Value(value) if uri.is_none() => uri = Some(text(value)?),
            arg if options.take(&arg, &mut parser)? => {}
            arg => return Err(arg.unexpected().to_string()),
        }
    }
    let uri = uri.ok_or("no URL")?;
    options
        .config()
        .check(&uri)
        .map_err(|error| error.to_string())?;
    Ok(Some((options, uri)))
}
