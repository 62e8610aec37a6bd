//! Talks to one server, and says of each thing that it should do whether it did.
//!
//! `client [OPTIONS] URL`
//!
//! * `--ca FILE`: whom to trust with wss; empty: the platform's
//! * `--host NAME`: another Host than that of the URL
//! * `--tokio`: by the calls in tokio, instead of the blocking ones
//! * `--subprotocol NAME` (repeatable), and `--selected NAME`: what the server selects of them; without it, nothing
//! * `--deflate`: offers permessage-deflate as by default; or, instead, `--offer PARAMETERS`
//!   (repeatable), the parameters as in the header
//! * `--window BITS`: the memory for it; `--pieces`: no more than that, whatever the server says
//! * `--extensions TEXT`: what the server answers to the offer; without it, nothing
//! * `--close 'CODE REASON'`: how it answers 1000 "bye"
//! * `--closes ANSWERS`: nothing of all this, but other ways to close: without a status code, with 4999, and asked to
//!   by the text "close"; `ANSWERS`: the server's Closes, between commas
//! * `--mirror`: it sends back each piece as it comes, as a message of its own, and always as text
//! * `--largest OCTETS`: of a message; default 1 MiB
//! * `--greeting`: a message comes as soon as the connection is open, nothing is echoed
//! * `--no-empty`: it sends no empty message
//! * `--refused TEXT`: nothing of all this: it ends with this error
//! * `--field 'NAME: VALUE'` or `--field NAME`: a header field of the answer, as it is spelt (repeatable)
//! * `--redirects N`: how many are followed
//!
//! One line a check, `ok WHAT` or `not ok WHAT: WHY`; the exit status is 0 if all are ok.
#![forbid(unsafe_code)]

mod checks;
mod peer;
mod watched;

use std::process::ExitCode;
use std::time::Duration;

use bare_ws_std::bare_ws::deflate::negotiate::Offer;
use bare_ws_std::tls::Tls;
use bare_ws_std::{Config, Deflate, Error};
use lexopt::{Arg, ValueExt};

use checks::{CLOSES, Expected, Report};
use peer::Task;
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
    match &arguments.what {
        What::Refusal(refused) => check_refusal(&arguments, refused, &mut report),
        What::Closes(answers) => check_closes(&arguments, answers, &mut report),
        What::All => check(&arguments, &mut report),
    }
    report.exit_code()
}

struct Arguments {
    config: Config,
    url: String,
    expected: Expected,
    is_tokio: bool,
    what: What,
}

/// What is checked.
enum What {
    All,
    /// That it ends with this error.
    Refusal(String),
    /// That the server says these.
    Closes(Vec<String>),
}

fn check(arguments: &Arguments, report: &mut Report) {
    let Arguments {
        config,
        url,
        expected,
        ..
    } = arguments;
    if arguments.is_tokio {
        if let Some(mut task) = report.value("opens", Task::connect(config, url)) {
            checks::run(&mut task, expected, report);
        }
        return;
    }
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

fn check_closes(arguments: &Arguments, answers: &[String], report: &mut Report) {
    let Arguments { config, url, .. } = arguments;
    for (how, name) in CLOSES.iter().enumerate() {
        let closed = match arguments.is_tokio {
            true => Task::connect(config, url).and_then(|mut task| checks::close(&mut task, how)),
            false => config
                .connect(url)
                .and_then(|mut socket| checks::close(&mut socket, how)),
        };
        let answer = answers.get(how).map_or("", String::as_str);
        report.equal(&format!("its Close when closed {name}"), closed, answer);
    }
}

// row: RSP-02, RSP-03, REQ-14
fn check_refusal(arguments: &Arguments, refused: &str, report: &mut Report) {
    let what = format!("is refused: {refused}");
    let Arguments { config, url, .. } = arguments;
    let opened = match arguments.is_tokio {
        true => Task::connect(config, url).map(drop),
        false => config.connect(url).map(drop),
    };
    let Err(error) = opened else {
        return report.not_ok(&what, "it opened");
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
    let (mut url, mut what, mut is_tokio) = (None, What::All, false);
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
            Arg::Long("tokio") => is_tokio = true,
            Arg::Long("selected") => expected.subprotocol = parser.value()?.string()?,
            Arg::Long("closes") => {
                let answers = parser.value()?.string()?;
                what = What::Closes(answers.split(',').map(str::to_owned).collect());
            }
            Arg::Long("close") => expected.close = parser.value()?.string()?,
            Arg::Long("mirror") => expected.is_mirror = true,
            Arg::Long("largest") => expected.largest = parser.value()?.parse()?,
            Arg::Long("greeting") => expected.is_greeting = true,
            Arg::Long("no-empty") => expected.is_never_empty = true,
            Arg::Long("refused") => what = What::Refusal(parser.value()?.string()?),
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
        is_tokio,
        what,
    })
}
