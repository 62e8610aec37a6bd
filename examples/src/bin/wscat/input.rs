//! Where what is sent comes from: a terminal with history and editing, a pipe, a file. A thread reads
//! it ahead, a little.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;

use bare_ws_std::MessageKind;
use indicatif::ProgressBar;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{Config, Editor};

use crate::arguments::Session;
use crate::session::Event;
use crate::show::{Form, Show};
use crate::terminal::Terminal;

/// What is to be sent.
pub(crate) enum Input {
    /// A line that was typed, or is one of a pipe.
    Line(String),
    /// A piece of the only message; `fin`: the last.
    Piece {
        kind: MessageKind,
        octets: Vec<u8>,
        fin: bool,
    },
    /// There is no more.
    End,
    /// Ctrl-C.
    Interrupted,
    /// There is no more, for another reason.
    Failed(io::Error),
}

/// Whoever takes it has ended: so does this.
struct Gone;

type Events = SyncSender<Event>;

/// Where from.
pub(crate) enum Source {
    /// A terminal, line by line.
    Typed(Option<PathBuf>),
    /// A pipe, line by line.
    Lines,
    /// All of a pipe.
    Pipe,
    /// A file.
    File(File, MessageKind),
}

impl Source {
    /// What the command line asks for.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) fn new(session: &Session, form: Form) -> io::Result<Self> {
        let is_terminal = io::stdin().is_terminal();
        let kind = match session.text {
            true => MessageKind::Text,
            false => MessageKind::Binary,
        };
        Ok(match &session.file {
            Some(path) => {
                let file = open(path).map_err(|error| about(path, &error))?;
                Self::File(file, kind)
            }
            None if is_terminal && matches!(form, Form::Terminal { .. }) => {
                let history = session.history.clone();
                if let Some(path) = &history {
                    // What cannot be kept should not be noticed when it is missed.
                    let kept = File::options().append(true).create(true).open(path);
                    kept.map_err(|error| about(path, &error))?;
                }
                Self::Typed(history)
            }
            None if session.binary && !is_terminal => Self::Pipe,
            None => Self::Lines,
        })
    }

    /// How much may be read ahead. Whoever types must not be kept waiting: what is printed above the
    /// line waits for the line editor.
    pub(crate) fn ahead(&self) -> usize {
        match self {
            Self::Typed(_) => 1024,
            Self::Lines | Self::Pipe | Self::File(..) => 16,
        }
    }

    /// Reads in a thread of its own, which ends with the process if it waits for somebody to type.
    ///
    /// # Errors
    /// When a terminal cannot be used.
    pub(crate) fn start(
        self,
        show: &Show,
        terminal: &Arc<Terminal>,
        events: Events,
    ) -> io::Result<()> {
        match self {
            Self::Typed(history) => {
                let mut editor = editor(history.as_deref())?;
                show.print_above(editor.create_external_printer().map_err(io::Error::other)?);
                let terminal = Arc::clone(terminal);
                run(move || typed(&mut editor, history.as_deref(), &terminal, &events))
            }
            Self::Lines => run(move || lines(io::stdin().lock(), &events)),
            Self::Pipe => {
                let bar = ProgressBar::hidden();
                run(move || pieces(io::stdin(), MessageKind::Binary, &bar, &events))
            }
            Self::File(file, kind) => {
                let about = file.metadata()?;
                let bar = show.bar("sending", about.is_file().then_some(about.len()));
                run(move || pieces(file, kind, &bar, &events))
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    match file.metadata()?.is_dir() {
        true => Err(io::ErrorKind::IsADirectory.into()),
        false => Ok(file),
    }
}

fn run(read: impl FnOnce() -> Result<(), Gone> + Send + 'static) -> io::Result<()> {
    thread::Builder::new().spawn(read).map(drop)
}

fn give(events: &Events, input: Input) -> Result<(), Gone> {
    events.send(Event::Input(input)).map_err(|_| Gone)
}

fn editor(history: Option<&Path>) -> io::Result<Editor<(), DefaultHistory>> {
    let config = Config::builder().auto_add_history(true).build();
    let mut editor = Editor::with_config(config).map_err(io::Error::other)?;
    if let Some(path) = history {
        let loaded = editor.load_history(path).map_err(io::Error::other);
        loaded.map_err(|error| about(path, &error))?;
    }
    Ok(editor)
}

fn typed(
    editor: &mut Editor<(), DefaultHistory>,
    history: Option<&Path>,
    terminal: &Terminal,
    events: &Events,
) -> Result<(), Gone> {
    while terminal.begin_line() {
        let line = editor.readline("> ");
        terminal.end_line();
        let input = match line {
            Ok(line) => {
                // At once: nobody knows how this ends.
                if let Some(path) = history {
                    let _ = editor.append_history(path);
                }
                Input::Line(line)
            }
            Err(ReadlineError::Eof) => Input::End,
            Err(ReadlineError::Interrupted) => Input::Interrupted,
            Err(ReadlineError::Io(error)) => Input::Failed(error),
            Err(error) => Input::Failed(io::Error::other(error)),
        };
        let is_last = !matches!(input, Input::Line(_));
        give(events, input)?;
        if is_last {
            break;
        }
    }
    Ok(())
}

fn lines(source: impl BufRead, events: &Events) -> Result<(), Gone> {
    for line in source.lines() {
        match line {
            Ok(line) => give(events, Input::Line(line))?,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let what = "a line of the input is not UTF-8 (--binary sends any octets)";
                let error = io::Error::new(error.kind(), what);
                return give(events, Input::Failed(error));
            }
            Err(error) => return give(events, Input::Failed(error)),
        }
    }
    give(events, Input::End)
}

/// The error with the name of the file.
pub(crate) fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// All of it as one message, of any length.
fn pieces(
    mut source: impl Read,
    kind: MessageKind,
    bar: &ProgressBar,
    events: &Events,
) -> Result<(), Gone> {
    loop {
        let mut octets = vec![0; 16 * 1024];
        match source.read(&mut octets) {
            Ok(len) => octets.truncate(len),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return give(events, Input::Failed(error)),
        }
        bar.inc(octets.len() as u64);
        let fin = octets.is_empty();
        give(events, Input::Piece { kind, octets, fin })?;
        if fin {
            bar.finish();
            return give(events, Input::End);
        }
    }
}
