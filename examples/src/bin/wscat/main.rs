//! A WebSocket client, and a server to try it on, for the command line: `wscat ws://127.0.0.1:9001/`.
//!
//! It is built on bare-ws-std's blocking calls, with one thread that sends ([`session`]) and one that
//! receives ([`receive`]); `examples/wscat.md` describes what it does.
#![forbid(unsafe_code)]

#[allow(
    rustdoc::broken_intra_doc_links,
    reason = "clap shows these texts as they stand"
)]
mod arguments;
mod command;
mod ending;
mod input;
mod listen;
mod receive;
mod session;
mod show;
mod tap;
mod terminal;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use bare_ws_examples::Line;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use arguments::{Arguments, Mode, Session};
use ending::Ending;
use show::{Event, Form, Show};
use terminal::Terminal;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    match arguments.mode {
        None => match arguments.session.check() {
            Ok(()) => connect(&arguments.session),
            Err(what) => failed("usage", what, 2),
        },
        Some(Mode::Listen(listen)) => match listen::run(&listen) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed("local", &error.to_string(), 5),
        },
        Some(Mode::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "wscat", &mut script);
            match io::stdout().write_all(&script) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => failed("local", &error.to_string(), 5),
            }
        }
    }
}

fn connect(session: &Session) -> ExitCode {
    let show = Arc::new(Show::new(session.json, session.binary));
    let terminal = Arc::new(Terminal::remember());
    let ending = session::run(session, &show, &terminal);
    terminal.restore();
    match &ending {
        Ending::Closed(_) if ending.code() == 0 => {}
        Ending::Interrupted => {}
        // On a terminal, and for scripts, it stands there already.
        Ending::Closed(_) if !matches!(show.form(), Form::Plain { .. }) => {}
        _ => tell(&show, ending.kind(), &ending.to_string()),
    }
    ExitCode::from(ending.code())
}

fn tell(show: &Show, kind: &str, what: &str) {
    if show.form() == Form::Json {
        let _ = show.event(&Event::Failed { kind, what });
    }
    failed(kind, what, 1);
}

/// One line, and help only where it was asked for.
fn usage(error: &clap::Error) -> ExitCode {
    if let ErrorKind::DisplayHelp | ErrorKind::DisplayVersion = error.kind() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    // What follows the URI is no subcommand.
    if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) {
        return failed("usage", &format!("unexpected argument '{word}'"), 2);
    }
    let text = error.to_string();
    let is_ours = |line: &&str| {
        let after = ["Usage:", "For more", "tip:"];
        !after.iter().any(|word| line.starts_with(word))
    };
    let lines = text.lines().map(str::trim).take_while(is_ours);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    let text = lines.join(" ");
    failed("usage", text.strip_prefix("error: ").unwrap_or(&text), 2)
}

fn failed(kind: &str, what: &str, status: u8) -> ExitCode {
    eprintln!("error: {kind}: {}", Line(what));
    ExitCode::from(status)
}
