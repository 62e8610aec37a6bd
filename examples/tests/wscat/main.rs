//! `wscat`, as a user runs it: through pipes, on a terminal, against a server of ours.
#![allow(clippy::std_instead_of_core, reason = "for hosts: there is always std")]

/// What clap knows of the arguments.
#[allow(dead_code, reason = "the program's, which is tested from outside")]
#[allow(
    rustdoc::broken_intra_doc_links,
    reason = "clap shows these texts as they stand"
)]
#[path = "../../src/bin/wscat/arguments.rs"]
mod arguments;
mod flags;
mod messages;
mod pipes;
mod proxies;
mod settings;
#[path = "../../../std-adapter/tests/peer/steady.rs"]
mod steady;
#[cfg(unix)]
mod terminal;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, JoinHandle};

use bare_ws_examples::server::{self, Connection};
use steady::Steady;

const WSCAT: &str = env!("CARGO_BIN_EXE_wscat");

/// What it reads.
const ENVIRONMENT: [&str; 11] = [
    "WSCAT_USER",
    "WSCAT_BEARER",
    "WSCAT_PROXY",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "NO_COLOR",
];

/// Without what the environment says.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(WSCAT);
    command.args(arguments).env("TZ", "UTC");
    for variable in ENVIRONMENT {
        command.env_remove(variable);
    }
    command
}

fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may be refused before it has read all.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn text(octets: &[u8]) -> &str {
    str::from_utf8(octets).unwrap()
}

/// What it printed; nothing went wrong.
#[track_caller]
fn printed(output: &Output) -> &[u8] {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    &output.stdout
}

/// The one line that says what went wrong.
#[track_caller]
fn failed(output: &Output, code: i32) -> &str {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.starts_with("error: "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    // What the library calls it, nobody knows who has a command line.
    assert!(
        !said.contains("Config::") && !said.contains("Tls::"),
        "{said}"
    );
    said
}

/// `wscat listen`, on a free port.
struct Listening {
    child: Child,
    url: String,
    lines: BufReader<std::process::ChildStdout>,
}

impl Listening {
    fn start(arguments: &[&str]) -> Self {
        let mut child = command(&["listen", "0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap()
            .to_owned();
        // Told a port alone, it is for nobody else.
        assert!(url.starts_with("ws://127.0.0.1:"), "{url}");
        Self { child, url, lines }
    }

    /// Until it has printed this.
    fn wait_for(&mut self, wanted: &str) {
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            if line.contains(wanted) {
                return;
            }
            line.clear();
        }
        panic!("no {wanted:?}");
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that does something of its own with clients, one after the other, and is told the request.
fn serve<T: Send + 'static>(
    clients: usize,
    mut behave: impl FnMut(usize, &mut Connection<Steady>, &str) -> T + Send + 'static,
) -> (String, JoinHandle<Vec<T>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let serve = |client| {
            let (tcp, _) = listener.accept().unwrap();
            let end = tcp.try_clone().unwrap();
            let (mut connection, request) = server::accept(Steady(tcp), &["chat.v2"]).unwrap();
            let value = behave(client, &mut connection, &request);
            // RFC 6455 §7.1.1: the server closes the transport first.
            let _ = end.shutdown(Shutdown::Both);
            value
        };
        (0..clients).map(serve).collect()
    });
    (url, thread)
}

/// Until the client closes.
fn echo<S: Read + Write>(connection: &mut Connection<S>) {
    let Connection { reader, writer } = connection;
    while let Some(message) = reader.recv(writer).unwrap() {
        writer.send(message).unwrap();
    }
}

/// A file that is gone in the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, content: &[u8]) -> Self {
        let name = format!("bare-ws-wscat-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn read(&self) -> Vec<u8> {
        std::fs::read(Path::new(&self.0)).unwrap()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
