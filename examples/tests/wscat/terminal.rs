//! On a terminal, without anybody in front of it: history and editing, what is shown above the line that
//! is being typed, and a terminal that is left as it was.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::{Listening, Temporary, command, serve};

/// How long anything may take to appear.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whoever reads lines asks the terminal to mark what is pasted.
const PROMPT: &str = "\x1b[?2004h";

struct Terminal {
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
    /// What it makes of all that came.
    parser: vt100::Parser,
    /// How often a line could be typed, and how often it was waited for that.
    prompts: usize,
    lines: usize,
    /// So that it stays, whoever leaves.
    user: File,
    child: Child,
}

impl Terminal {
    fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    fn start_with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        tcsetwinsize(&keyboard, size(ROWS, 100)).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let name = name.into_string().unwrap();
        let user = File::options().read(true).write(true).open(name).unwrap();
        let end = || Stdio::from(user.try_clone().unwrap());
        let child = command(arguments)
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .envs(variables.iter().copied())
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let keyboard = File::from(keyboard);
        let mut reader = keyboard.try_clone().unwrap();
        let (sender, screen) = mpsc::channel();
        thread::spawn(move || {
            let mut octets = [0; 4096];
            while let Ok(n) = reader.read(&mut octets) {
                if n == 0 || sender.send(octets[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            keyboard,
            screen,
            seen: String::new(),
            parser: vt100::Parser::new(cells(ROWS), cells(100), 0),
            prompts: 0,
            lines: 0,
            user,
            child,
        }
    }

    /// What is typed sooner, the terminal takes for itself.
    #[track_caller]
    fn type_in(&mut self, keys: &str) {
        self.lines += 1;
        let until = Instant::now() + PATIENCE;
        while self.prompts < self.lines {
            self.read(until).expect("no prompt");
        }
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Until that is on the screen; what came before it is forgotten.
    #[track_caller]
    fn wait_for(&mut self, wanted: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.find(wanted) {
                let rest = self.seen.split_off(at + wanted.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            if self.read(until).is_none() {
                panic!("no {wanted:?} in {:?}", self.seen);
            }
        }
    }

    fn read(&mut self, until: Instant) -> Option<()> {
        let left = until.saturating_duration_since(Instant::now());
        let octets = self.screen.recv_timeout(left).ok()?;
        self.parser.process(&octets);
        // Where it was cut, it may be whole now.
        let old = self.seen.len().saturating_sub(PROMPT.len() - 1);
        let old = (0..=old).rev().find(|&at| self.seen.is_char_boundary(at));
        self.seen.push_str(&String::from_utf8_lossy(&octets));
        self.prompts += self.seen[old.unwrap_or(0)..].matches(PROMPT).count();
        Some(())
    }

    /// More of the same line.
    fn type_more(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Somebody changes the size of the window.
    fn resize(&mut self, columns: u16) {
        tcsetwinsize(&self.keyboard, size(ROWS, columns)).unwrap();
        self.parser
            .screen_mut()
            .set_size(cells(ROWS), cells(columns));
        // It is not the terminal that the tests run in, whose programs would be told.
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::WINCH).unwrap();
    }

    /// Until the last rows of the screen are these, without the time.
    #[track_caller]
    fn wait_for_rows(&mut self, wanted: &[&str]) {
        let until = Instant::now() + PATIENCE;
        while !self
            .rows()
            .ends_with(&wanted.iter().map(ToString::to_string).collect::<Vec<_>>())
        {
            if self.read(until).is_none() {
                panic!("not {wanted:#?}: {:#?}", self.rows());
            }
        }
    }

    fn rows(&self) -> Vec<String> {
        let screen = self.parser.screen();
        let (_, columns) = screen.size();
        let rows = screen.rows(0, columns.get());
        let rows = rows.map(|row| match row.get(..9) {
            Some(time) if time.ends_with(' ') && time.matches(':').count() == 2 => {
                row[9..].to_owned()
            }
            _ => row,
        });
        let rows = rows.map(|row| row.trim_end().to_owned());
        rows.filter(|row| !row.is_empty()).collect()
    }

    /// Its exit code; the terminal is as it was.
    #[track_caller]
    fn end(mut self) -> i32 {
        let status = self.child.wait().unwrap();
        let modes = tcgetattr(&self.user).unwrap().local_modes;
        assert!(
            modes.contains(LocalModes::ICANON | LocalModes::ECHO),
            "{modes:?}"
        );
        status.code().unwrap()
    }
}

const ROWS: u16 = 24;

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap()
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

#[test]
fn lines_are_edited_and_remembered() {
    let listening = Listening::start(&[]);
    let history = Temporary::new("history", b"");
    let arguments = ["--history", history.path(), &listening.url];
    let mut terminal = Terminal::start(&arguments);
    terminal.wait_for("connected to ws://127.0.0.1:");
    terminal.wait_for("> ");
    // Back by one, and what was forgotten.
    terminal.type_in("helo\x1b[Dl\r");
    let line = terminal.wait_for("< hello");
    // The time, dim; what is received, in green.
    assert!(line.contains("\x1b[32m"), "{line:?}");
    assert!(line.contains("\x1b[2m"), "{line:?}");
    // The line before, and a word behind it.
    terminal.type_in("\x1b[A again\r");
    terminal.wait_for("< hello again");
    // Ctrl-D
    terminal.type_in("\x04");
    terminal.wait_for("closed 1000");
    assert_eq!(terminal.end(), 0);
    let kept = String::from_utf8(history.read()).unwrap();
    assert!(kept.contains("hello\nhello again\n"), "{kept:?}");

    let mut terminal = Terminal::start(&arguments);
    terminal.wait_for("> ");
    terminal.type_in("\x1b[A\r");
    terminal.wait_for("< hello again");
    // Ctrl-C
    terminal.type_in("\x03");
    terminal.wait_for("closed 1000");
    assert_eq!(terminal.end(), 130);
}

#[test]
fn the_server_may_end_it_while_somebody_types() {
    let (url, server) = serve(1, |_, connection, _| {
        assert_eq!(connection.recv().unwrap().unwrap(), "go");
        connection.send("one\x1b[2J\ntwo").unwrap();
        connection.close(None, "").unwrap();
        while connection.recv().unwrap().is_some() {}
    });
    let mut terminal = Terminal::start(&[&url]);
    terminal.wait_for("> ");
    terminal.type_in("go\rhalf a line");
    // What the server sends does not control the terminal.
    let before = terminal.wait_for(r"< one\u{1b}[2J\ntwo");
    assert!(!before.contains("\x1b[2J"), "{before:?}");
    terminal.wait_for("closed 1005");
    // What was being typed is gone, and pasting is as it was.
    terminal.wait_for("\x1b[?2004l");
    assert_eq!(terminal.end(), 0);
    server.join().unwrap();
}

#[test]
fn frames_and_ratios_are_shown() {
    let listening = Listening::start(&[]);
    let mut terminal = Terminal::start(&["--frames", "--deflate", "--slash", &listening.url]);
    terminal.wait_for("permessage-deflate: server 15 bits, client 15 bits");
    terminal.wait_for("> ");
    terminal.type_in("/ping abc\r");
    terminal.wait_for("> frame Ping FIN key ");
    terminal.wait_for("3 octets 616263");
    terminal.wait_for("< frame Pong FIN 3 octets 616263");
    let text = "again and again and again and again and again and again";
    terminal.type_in(&format!("{text}\r"));
    terminal.wait_for("> frame Text FIN RSV1 key ");
    terminal.wait_for("< frame Text FIN RSV1 ");
    terminal.wait_for(&format!("< {text} ({} octets as ", text.len()));
    terminal.type_in("\x04");
    terminal.wait_for("> deflate: 55 octets as ");
    terminal.wait_for("< deflate: 55 octets as ");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_file_has_a_bar() {
    let listening = Listening::start(&[]);
    let file = Temporary::new("bar", &[7; 400_000]);
    let copy = Temporary::new("bar-copy", b"");
    let arguments = [
        "--file",
        file.path(),
        "--output",
        copy.path(),
        &listening.url,
    ];
    let mut terminal = Terminal::start(&arguments);
    terminal.wait_for("sending ");
    terminal.wait_for("390.62 KiB/390.62 KiB");
    terminal.wait_for("closed 1000");
    assert_eq!(terminal.end(), 0);
    assert_eq!(copy.read(), [7; 400_000]);
}

#[test]
fn nothing_is_garbled_while_somebody_types() {
    let (say, to_say) = mpsc::channel::<&str>();
    let (url, server) = serve(1, move |_, connection, _| {
        let first = connection.recv().unwrap().unwrap().to_string();
        // Whenever the test wants it, and until it has no more.
        for said in &to_say {
            connection.send(said).unwrap();
        }
        let second = connection.recv().unwrap().unwrap().to_string();
        let third = connection.recv().unwrap().unwrap().to_string();
        connection.send("bye").unwrap();
        while connection.recv().unwrap().is_some() {}
        [first, second, third]
    });
    let mut terminal = Terminal::start(&[&url]);
    terminal.wait_for("> ");
    terminal.type_in("go\r");
    terminal.type_in("half a l\u{ef}ne");
    terminal.wait_for_rows(&["> go", "> half a l\u{ef}ne"]);
    say.send("news").unwrap();
    terminal.wait_for_rows(&["> go", "< news", "> half a l\u{ef}ne"]);
    // One character back, and another one in its place: the last letter of "line" stays.
    terminal.type_more("\x1b[D\x1b[D\x7fi");
    terminal.wait_for_rows(&["< news", "> half a line"]);
    say.send("two\nlines \u{4f60}\u{597d}").unwrap();
    terminal.wait_for_rows(&["< news", "< two\\nlines \u{4f60}\u{597d}", "> half a line"]);
    // Ctrl-E, Ctrl-W, and more than fits into a row.
    terminal.resize(40);
    terminal.type_more("\x05\x17row that is longer than the window is wide");
    let (first, second) = ("> half a row that is longer than the win", "dow is wide");
    terminal.wait_for_rows(&[first, second]);
    say.send("more news").unwrap();
    terminal.wait_for_rows(&["< more news", first, second]);
    drop(say);
    terminal.type_more("\r");
    terminal.type_in("typed in vain\x15what \u{1f980} is sent\r");
    terminal.wait_for_rows(&[first, second, "> what \u{1f980} is sent", "< bye", ">"]);
    // Ctrl-D in a line deletes; in an empty one it closes.
    terminal.type_in("x\x01\x04\x04");
    terminal.wait_for("closed 1000");
    assert_eq!(terminal.end(), 0);
    let [got] = <[_; 1]>::try_from(server.join().unwrap()).unwrap();
    assert_eq!(
        got,
        [
            "go",
            "half a row that is longer than the window is wide",
            "what \u{1f980} is sent"
        ]
    );
}

#[test]
fn a_history_that_cannot_be_kept_is_noticed() {
    for path in ["/nowhere/x", "/"] {
        let mut terminal = Terminal::start(&["--history", path, "ws://127.0.0.1:1/"]);
        terminal.wait_for(&format!("error: local: {path}: "));
        assert_eq!(terminal.end(), 5);
    }
}

/// Each line that is typed is a binary message of its own, and is shown by its length and its first octets; with
/// `NO_COLOR` nothing is in colour, and the time is there all the same.
#[test]
fn lines_may_be_binary_and_without_colour() {
    let (url, server) = serve(1, |_, connection, _| {
        let mut kinds = Vec::new();
        while let Some(message) = connection.recv().unwrap() {
            let message = message.to_owned();
            kinds.push(message.kind());
            connection.send(&message).unwrap();
        }
        kinds
    });
    let mut terminal = Terminal::start_with(&["--binary", &url], &[("NO_COLOR", "1")]);
    terminal.wait_for("> ");
    terminal.type_in("hello\r");
    let before = terminal.wait_for("< binary 5 octets 68656c6c6f");
    terminal.type_in("twenty octets, and 23\r");
    terminal.wait_for("< binary 21 octets 7477656e7479206f63746574732c2061...");
    for colour in ["\x1b[32m", "\x1b[2m", "\x1b[36m"] {
        assert!(!before.contains(colour), "{before:?}");
    }
    // HH:MM:SS
    let time = before
        .trim_end_matches("< binary 5 octets 68656c6c6f")
        .trim_end();
    let time = &time[time.len() - 8..];
    let is_time = time.bytes().enumerate().all(|(at, octet)| match at {
        2 | 5 => octet == b':',
        _ => octet.is_ascii_digit(),
    });
    assert!(is_time, "{time:?}");
    terminal.type_in("\x04");
    terminal.wait_for("closed 1000");
    assert_eq!(terminal.end(), 0);
    let kinds = server.join().unwrap();
    assert_eq!(kinds, [[bare_ws_std::MessageKind::Binary; 2]]);
}

/// Nobody has to wait for another attempt.
#[test]
fn ctrl_c_ends_the_wait_for_another_connection() {
    let (url, server) = serve(1, |_, connection, _| {
        let code = bare_ws_std::CloseCode::SERVICE_RESTART;
        connection.close(code, "").unwrap();
        while connection.recv().unwrap().is_some() {}
    });
    let mut terminal = Terminal::start(&["--reconnect=600", &url]);
    terminal.wait_for("again in 600.0 s");
    terminal.type_in("\x03");
    assert_eq!(terminal.end(), 130);
    server.join().unwrap();
}
