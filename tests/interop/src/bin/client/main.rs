//! Talks to one server, and says of each thing that it should do whether it did.
//!
//! `client [OPTIONS] URL`
//!
//! * `--ca FILE`: whom to trust with wss; empty: the platform's
//! * `--host NAME`: another Host than that of the URL
//! * `--subprotocol NAME`
//! * `--deflate`: offers permessage-deflate as by default; or, instead, `--offer PARAMETERS`
//!   (repeatable), the parameters as in the header
//! * `--window BITS`: the memory for it; `--pieces`: no more than that, whatever the server says
//! * `--extensions TEXT`: what the server answers to the offer; without it, nothing
//! * `--close 'CODE REASON'`: how it answers 1000 "bye"
//! * `--mirror`: it sends back each piece as it comes, as a message of its own, and always as text
//! * `--largest OCTETS`: of a message; default 1 MiB
//! * `--greeting`: a message comes as soon as the connection is open, nothing is echoed
//! * `--refused TEXT`: nothing of all this: it ends with this error
//! * `--field 'NAME: VALUE'` or `--field NAME`: a header field of the answer, as it is spelt (repeatable)
//! * `--redirects N`: how many are followed
//!
//! One line a check, `ok WHAT` or `not ok WHAT: WHY`; the exit status is 0 if all are ok.
#![forbid(unsafe_code)]

mod checks;
mod watched;

use std::process::ExitCode;
use std::time::Duration;

use bare_ws_std::bare_ws::deflate::negotiate::Offer;
use bare_ws_std::tls::Tls;
use bare_ws_std::{Config, Deflate, Error};
use lexopt::{Arg, ValueExt};

use checks::{Expected, Report};
use watched::Watched;

fn main() -> ExitCode {
    let arguments = match arguments(lexopt::Parser::from_env()) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("client: {error}");
            return ExitCode::from(2);
        }
    };
    let mut report = Report::default();
    match &arguments.refused {
        Some(refused) => check_refusal(&arguments, refused, &mut report),
        None => check(&arguments, &mut report),
    }
    report.exit_code()
}

struct Arguments {
    config: Config,
    url: String,
    expected: Expected,
    refused: Option<String>,
}

fn check(arguments: &Arguments, report: &mut Report) {
    let Arguments {
        config,
        url,
        expected,
        ..
    } = arguments;
    if url.starts_with("wss:") || expected.is_redirected {
        if let Some(mut socket) = report.value("opens", config.connect(url)) {
            checks::run(&mut socket, expected, report);
        }
        return;
    }
    let opened = config
        .dial(url)
        .and_then(|tcp| config.open(url, Watched::new(tcp)));
    if let Some(mut socket) = report.value("opens", opened) {
        checks::run(&mut socket, expected, report);
        let end = socket.stream().end();
        report.expect(
            "the server ends the transport, after all was read",
            end,
            "at its end",
        );
        if expected.is_greeting {
            let octets = socket.stream().after_head();
            println!("note  {octets} octets of frames in the same read as the end of the head");
        }
    }
}

// row: RSP-02, RSP-03, REQ-14
fn check_refusal(arguments: &Arguments, refused: &str, report: &mut Report) {
    let what = format!("is refused: {refused}");
    let error = match arguments.config.connect(&arguments.url) {
        Ok(_) => return report.not_ok(&what, "it opened"),
        Err(error) => error,
    };
    report.expect(&what, format!("{}: {error}", error.kind()), refused);
    if let Error::Rejected(response) = &error {
        checks::fields(response, &arguments.expected, report);
    }
}

fn arguments(mut parser: lexopt::Parser) -> Result<Arguments, Box<dyn std::error::Error>> {
    let seconds = Duration::from_secs;
    let mut config = Config::new()
        .silence_timeout(seconds(10))
        .stall_timeout(seconds(10))
        .close_timeout(seconds(5));
    let (mut deflate, mut tls) = (None::<Deflate>, None);
    let (mut url, mut refused) = (None, None);
    let mut expected = Expected::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("ca") => {
                let file = parser.value()?;
                if !file.is_empty() {
                    tls = Some(Tls::builder().root_file(file)?.build()?);
                }
            }
            Arg::Long("host") => config = config.host(parser.value()?.string()?),
            Arg::Long("subprotocol") => config = config.subprotocol(parser.value()?.string()?),
            Arg::Long("deflate") => deflate = Some(deflate.unwrap_or_default()),
            Arg::Long("offer") => {
                let offer = Offer::parse(&parser.value()?.string()?)
                    .map_err(|refusal| format!("{refusal:?}"))?;
                deflate = Some(deflate.unwrap_or_default().offer(offer));
            }
            Arg::Long("window") => {
                let bits = parser.value()?.parse()?;
                deflate = Some(deflate.unwrap_or_default().window_bits(bits));
            }
            Arg::Long("pieces") => deflate = Some(deflate.unwrap_or_default().pieces()),
            Arg::Long("extensions") => expected.extensions = parser.value()?.string()?,
            Arg::Long("close") => expected.close = parser.value()?.string()?,
            Arg::Long("mirror") => expected.is_mirror = true,
            Arg::Long("largest") => expected.largest = parser.value()?.parse()?,
            Arg::Long("greeting") => expected.is_greeting = true,
            Arg::Long("refused") => refused = Some(parser.value()?.string()?),
            Arg::Long("field") => expected.fields.push(parser.value()?.string()?),
            Arg::Long("redirects") => {
                config = config.redirects(parser.value()?.parse()?);
                expected.is_redirected = true;
            }
            Arg::Value(value) if url.is_none() => url = Some(value.string()?),
            arg => return Err(arg.unexpected().into()),
        }
    }
    expected.is_pieces = deflate
        .as_ref()
        .is_some_and(|deflate| !deflate.held().whole);
    if let Some(tls) = tls {
        config = config.tls(tls);
    }
    Ok(Arguments {
        config: config.deflate(deflate),
        url: url.ok_or("client [OPTIONS] URL")?,
        expected,
        refused,
    })
}
