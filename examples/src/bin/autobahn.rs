//! The client that the Autobahn WebSocket Testsuite tests.
//!
//! `AUTOBAHN_URL` is the address of its fuzzing server. Options: those of `echo` about engine,
//! buffers, loop and roots, and `--agent NAME`, what the reports call us.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use bare_ws_examples::echo;
use bare_ws_examples::options::{Options, text};
use bare_ws_std::{Error, Message};

fn main() -> ExitCode {
    let arguments = arguments(lexopt::Parser::from_env());
    let (options, agent, server) = match arguments {
        Ok(arguments) => arguments,
        Err(what) => {
            eprintln!("autobahn: {what}");
            return ExitCode::from(2);
        }
    };
    match run(&options, &agent, &server) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("autobahn: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options, agent: &str, server: &str) -> Result<(), Error> {
    let cases = case_count(options, server)?;
    for case in 1..=cases {
        // An error that ends the connection is part of many cases; the server judges.
        let uri = format!("{server}/runCase?case={case}&agent={agent}");
        let _ = echo(options, &uri, |outcome| match outcome {
            Ok(closed) => println!("{case}: closed {closed}"),
            Err(error) => println!("{case}: {}: {error}", error.kind()),
        });
    }
    let uri = format!("{server}/updateReports?agent={agent}");
    let mut socket = options.config.connect(&uri)?;
    while socket.recv()?.is_some() {}
    Ok(())
}

fn case_count(options: &Options, server: &str) -> Result<u32, Error> {
    let uri = format!("{server}/getCaseCount");
    let mut socket = options.config.connect(&uri)?;
    let mut count = 0;
    while let Some(message) = socket.recv()? {
        count = match message {
            Message::Text(text) => text.trim().parse().unwrap_or(0),
            Message::Binary(_) => 0,
        };
    }
    Ok(count)
}

fn arguments(mut parser: lexopt::Parser) -> Result<(Options, String, String), String> {
    let mut options = Options::new();
    let mut agent = "bare-ws".to_owned();
    while let Some(arg) = parser.next().map_err(|error| error.to_string())? {
        let lexopt::Arg::Long(name) = arg else {
            return Err(arg.unexpected().to_string());
        };
        let name = name.to_owned();
        if name == "agent" {
            agent = text(parser.value().map_err(|error| error.to_string())?)?;
        } else if !options.take(&lexopt::Arg::Long(&name), &mut parser)? {
            return Err(lexopt::Arg::Long(&name).unexpected().to_string());
        }
    }
    let server = std::env::var("AUTOBAHN_URL").map_err(|_| "AUTOBAHN_URL is not set")?;
    Ok((options, agent, server))
}
