//! The command line of `echo` is a contract: arguments, what the server does, what is printed, how it
//! exits. Each row runs with every engine and either loop.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

mod arguments;
mod behind;
mod buffers;
mod compressed;
mod failing;
mod handshake;
mod lawful;
mod options;
#[path = "../../../std-adapter/tests/peer/mod.rs"]
mod peer;
mod secure;

use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use Outcome::{Closed, Error};
use bare_ws_examples::authority::Authority;
use peer::{Conn, Stalls, serve};

const CONFIGURATIONS: [&[&str]; 4] = [
    &[],
    &["--io", "async"],
    &["--engine", "fixed", "--rx", "128", "--tx", "131"],
    &["--engine", "fixed", "--io", "async"],
];

const TABLES: [&[Row]; 4] = [
    lawful::ROWS,
    compressed::ROWS,
    handshake::ROWS,
    failing::ROWS,
];

#[test]
fn every_end_of_a_connection_is_one_line_and_a_status() {
    thread::scope(|scope| {
        for configuration in CONFIGURATIONS {
            scope.spawn(move || {
                for row in TABLES.into_iter().flatten() {
                    check(row, configuration);
                }
            });
        }
    });
}

/// What is printed is printed when it is known, and the end of the transport is waited for after that.
#[test]
fn the_line_is_there_before_the_transport_has_ended() {
    type Case = (fn(&mut Conn), &'static str);
    const ROWS: [Case; 2] = [
        (|c| end(c, 1000), "closed 1000\n"),
        (
            |c| {
                c.frame(0x83, b"");
                assert_eq!(c.read_close(), Some(1002));
            },
            "error: protocol: ",
        ),
    ];
    for (server, wanted) in ROWS {
        for configuration in CONFIGURATIONS {
            let (tell, read) = mpsc::channel();
            let peer = serve(move |mut conn| {
                conn.accept();
                server(&mut conn);
                // Without the line the transport ends here, and then there is one.
                read.recv_timeout(Duration::from_secs(10)).is_ok()
            });
            let uri = peer.uri();
            let mut child = command(&[configuration, &[uri.as_str()]].concat())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
            let said: Box<dyn Read> = match wanted.starts_with("closed") {
                true => Box::new(stdout),
                false => Box::new(stderr),
            };
            let mut line = String::new();
            BufReader::new(said).read_line(&mut line).unwrap();
            assert!(line.starts_with(wanted), "{configuration:?}: {line}");
            let _ = tell.send(());
            assert!(peer.join(), "{wanted:?} comes late with {configuration:?}");
            child.wait().unwrap();
        }
    }
}

struct Run {
    stdout: String,
    stderr: String,
    status: i32,
}

/// Deadlines that no test waits for: what a row sets comes later and counts.
const PATIENT: [&str; 6] = [
    "--connect-timeout",
    "60",
    "--handshake-timeout",
    "60",
    "--close-timeout",
    "60",
];

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_echo"));
    command.args(PATIENT).args(arguments).stdin(Stdio::null());
    command
}

fn echo(arguments: &[&str]) -> Run {
    let output = command(arguments).output().unwrap();
    Run {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        status: output.status.code().unwrap(),
    }
}

/// The same, in a time that leaves room for the deadlines of the rows (the longest is half a second)
/// and for no other: those are a minute.
fn timely(arguments: &[&str]) -> Run {
    let stalls = Stalls::watch();
    let run = echo(arguments);
    stalls.took(Duration::ZERO, Duration::from_secs(2));
    run
}

/// What is printed for it.
#[derive(Clone, Copy)]
enum Outcome {
    /// `closed ` and this.
    Closed(&'static str),
    /// `error: KIND: ` with a word of what happened.
    Error(&'static str, &'static str),
}

struct Row {
    name: &'static str,
    arguments: &'static [&'static str],
    server: fn(&mut Conn),
    outcome: Outcome,
}

const fn row(
    name: &'static str,
    arguments: &'static [&'static str],
    server: fn(&mut Conn),
    outcome: Outcome,
) -> Row {
    Row {
        name,
        arguments,
        server,
        outcome,
    }
}

/// Answers the Close and ends the connection, as a server should.
fn end(conn: &mut Conn, code: u16) {
    conn.close(code, b"");
    assert_eq!(conn.read_close(), Some(code));
}

fn told(conn: &mut Conn, code: u16) {
    assert_eq!(conn.read_close(), Some(code), "the code of our Close");
    assert!(conn.sees_end());
}

fn authority(name: &str) -> Authority {
    Authority::new(name).unwrap()
}

fn check(row: &Row, configuration: &[&str]) {
    let name = format!("{} {configuration:?}", row.name);
    let server = row.server;
    let peer = serve(move |mut conn| server(&mut conn));
    let uri = peer.uri();
    let run = timely(&[configuration, row.arguments, &[uri.as_str()]].concat());
    judge(&name, &run, row.outcome);
    peer.join();
}

fn judge(name: &str, run: &Run, outcome: Outcome) {
    match outcome {
        Closed(what) => {
            assert_eq!(
                run.stdout,
                format!("closed {what}\n"),
                "{name}: {}",
                run.stderr
            );
            assert_eq!(run.stderr, "", "{name}");
            assert_eq!(run.status, 0, "{name}");
        }
        Error(kind, what) => {
            assert_eq!(run.stdout, "", "{name}: {}", run.stderr);
            assert!(
                run.stderr.starts_with(&format!("error: {kind}: ")),
                "{name}: {}",
                run.stderr
            );
            assert!(run.stderr.contains(what), "{name}: {}", run.stderr);
            assert_one_line(&run.stderr);
            assert_eq!(run.status, 1, "{name}");
        }
    }
}

fn assert_one_line(text: &str) {
    assert!(
        text.ends_with('\n') && text.lines().count() == 1,
        "{text:?}"
    );
}

/// Whatever of these exists is removed in the end.
struct Files(Vec<PathBuf>);

impl Files {
    fn write(&mut self, name: &str, content: &str) -> String {
        let name = format!("bare-ws-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        self.0.push(path.clone());
        path.into_os_string().into_string().unwrap()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}
