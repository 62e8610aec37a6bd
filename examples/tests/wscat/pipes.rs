//! Through pipes: messages and nothing else.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use bare_ws_examples::authority::Authority;
use bare_ws_examples::server::EchoServer;
use bare_ws_std::CloseCode;
use serde_json::Value;

use crate::{Listening, Temporary, command, echo, failed, printed, run, serve, text};

#[test]
fn lines_go_out_and_come_back() {
    let listening = Listening::start(&[]);
    let output = run(&[&listening.url], "one\n\ntwo\nthr\u{e9}e".as_bytes());
    assert_eq!(text(printed(&output)), "one\n\ntwo\nthr\u{e9}e\n");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn what_the_server_says_after_the_input_is_waited_for() {
    let behave = |_, connection: &mut crate::Connection<_>, _: &str| {
        let asked = connection.recv().unwrap().unwrap().to_string();
        for said in ["first", "second", "third"] {
            connection.send(said).unwrap();
        }
        while connection.recv().unwrap().is_some() {}
        asked
    };
    let (url, server) = serve(1, behave);
    let output = run(&["--count", "2", &url], b"ask\n");
    assert_eq!(text(printed(&output)), "first\nsecond\n");
    assert_eq!(server.join().unwrap(), ["ask"]);
}

/// Between the end of the input and the Close, answers are waited for: half a second unless told, with `--count` until
/// they are there, and with both for whichever comes first.
#[test]
fn answers_are_waited_for_behind_the_input() {
    /// When the server gives a client up that does not close.
    const LONG: Duration = Duration::from_secs(20);
    // When the server says something, and how long all of it takes at least, in milliseconds.
    let table: [(&[&str], Option<u64>, u64); 6] = [
        (&[], None, 500),
        (&["--wait", "0"], None, 0),
        (&["--wait", "2.5"], Some(700), 2500),
        (&["--count", "1"], Some(1000), 1000),
        (&["--count", "1", "--wait", "0.7"], None, 700),
        (&["--count", "1", "--wait", "60"], Some(100), 100),
    ];
    let (url, server) = serve(table.len(), move |client, connection, _| {
        let tcp = connection.writer.io_mut().inner_mut();
        tcp.set_read_timeout(Some(LONG)).unwrap();
        assert_eq!(connection.recv().unwrap().unwrap(), "asked");
        if let (_, Some(after), _) = table[client] {
            // Real time: wscat waits by it.
            thread::sleep(Duration::from_millis(after));
            connection.send("answer").unwrap();
        }
        assert!(connection.recv().unwrap().is_none());
    });
    for (arguments, answered, least) in table {
        let began = Instant::now();
        let output = run(&[arguments, &[&url]].concat(), b"asked\n");
        let took = began.elapsed();
        let answer = if answered.is_some() { "answer\n" } else { "" };
        assert_eq!(text(printed(&output)), answer, "{arguments:?}");
        assert!(
            took >= Duration::from_millis(least),
            "{arguments:?}: {took:?}"
        );
        assert!(took < LONG, "{arguments:?}: {took:?}");
    }
    server.join().unwrap();
}

#[test]
fn binary_is_one_message_each_way() {
    let listening = Listening::start(&[]);
    let octets: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    let output = run(&["--binary", &listening.url], &octets);
    assert!(printed(&output) == octets);

    // Without --binary it does not reach what reads lines.
    let file = Temporary::new("short", b"\x00\xff\n");
    let output = run(&["--file", file.path(), &listening.url], b"");
    assert_eq!(text(printed(&output)), "00ff0a\n");
}

#[test]
fn a_file_goes_out_and_another_comes_in() {
    let listening = Listening::start(&[]);
    let octets: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 7) as u8).collect();
    let file = Temporary::new("out", &octets);
    let copy = Temporary::new("in", b"older");
    let arguments = [
        "--file",
        file.path(),
        "--output",
        copy.path(),
        &listening.url,
    ];
    assert_eq!(text(printed(&run(&arguments, b""))), "");
    assert!(copy.read() == octets);
}

#[test]
fn requests_carry_what_was_asked_for() {
    let behave = |_, connection: &mut crate::Connection<_>, request: &str| {
        echo(connection);
        request.to_owned()
    };
    let (url, server) = serve(2, behave);
    let header = [
        "-H",
        "X-One: 1",
        "-H",
        "X-Two:2",
        "--origin",
        "http://a.example",
    ];
    let names = ["-s", "chat.v3", "-s", "chat.v2", "--deflate"];
    let basic = ["--user", "Aladdin:open sesame", &url];
    let output = run(&[&header[..], &names, &basic].concat(), b"x\n");
    assert_eq!(text(printed(&output)), "x\n");
    let output = run(
        &[
            "--bearer",
            "t0k3n",
            "--deflate=client_max_window_bits=9",
            &url,
        ],
        b"",
    );
    printed(&output);
    let [first, second]: [String; 2] = server.join().unwrap().try_into().unwrap();
    for line in [
        "X-One: 1",
        "X-Two: 2",
        "Origin: http://a.example",
        "Sec-WebSocket-Protocol: chat.v3, chat.v2",
        // RFC 7617 §2
        "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    ] {
        assert!(
            first.contains(&format!("\r\n{line}\r\n")),
            "{line}: {first}"
        );
    }
    for line in [
        "Authorization: Bearer t0k3n",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9",
    ] {
        assert!(
            second.contains(&format!("\r\n{line}\r\n")),
            "{line}: {second}"
        );
    }
}

#[test]
fn the_environment_has_credentials_too() {
    let (url, server) = serve(1, |_, connection, request| {
        echo(connection);
        request.to_owned()
    });
    let mut command = command(&[&url]);
    command
        .env("WSCAT_BEARER", "from-outside")
        .stdin(Stdio::null());
    assert_eq!(command.output().unwrap().status.code(), Some(0));
    let requests = server.join().unwrap();
    assert!(requests[0].contains("\r\nAuthorization: Bearer from-outside\r\n"));
}

pub(crate) fn objects(octets: &[u8]) -> Vec<Value> {
    let lines = text(octets).lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn events_are_objects() {
    let listening = Listening::start(&["--subprotocol", "chat.v2"]);
    let line = "a line that is long enough to be compressed, compressed, compressed";
    let arguments = [
        "--json",
        "--frames",
        "--deflate",
        "-s",
        "chat.v2",
        &listening.url,
    ];
    let output = run(&arguments, format!("{line}\n").as_bytes());
    let objects = objects(printed(&output));
    let of = |event: &'static str| objects.iter().filter(move |o| o["event"] == event);
    let open: Vec<_> = of("open").collect();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0]["subprotocol"], "chat.v2");
    assert!(open[0]["deflate"].is_string());
    let messages: Vec<_> = of("message").collect();
    assert_eq!(messages.len(), 2);
    for message in &messages {
        assert_eq!(message["text"], line);
        assert_eq!(message["octets"], line.len());
        let compressed = message["compressed"].as_u64().unwrap();
        assert!((1..line.len() as u64).contains(&compressed), "{message}");
    }
    for direction in ["sent", "received"] {
        let is_here = |o: &&Value| o["direction"] == direction;
        let compressed = &messages.iter().find(|o| is_here(o)).unwrap()["compressed"];
        let frames: Vec<_> = of("frame").filter(is_here).collect();
        let opcodes: Vec<_> = frames.iter().map(|frame| &frame["opcode"]).collect();
        assert_eq!(opcodes, ["text", "close"], "{direction}");
        assert_eq!(frames[0]["octets"], *compressed);
        assert_eq!(frames[0]["rsv1"], true);
        assert_eq!(frames[0]["masked"], direction == "sent");
        assert_eq!(frames[1]["payload"], "03e8");
        let ratio = of("deflate").find(is_here).unwrap();
        assert_eq!(ratio["octets"], line.len());
        assert_eq!(ratio["compressed"], *compressed);
    }
    let last = objects.last().unwrap();
    assert_eq!(last["event"], "close");
    assert_eq!(last["code"], 1000);

    // What fails is an event as well.
    let output = run(&["--json", "ws://127.0.0.1:1/"], b"");
    assert!(failed(&output, 1).starts_with("error: connect: "));
    let objects = crate::pipes::objects(&output.stdout);
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0]["kind"], "connect");
    let what = objects[0]["what"].as_str().unwrap();
    assert!(
        text(&output.stderr).contains(what) && what.contains("refused"),
        "{what}"
    );
}

#[test]
fn how_the_server_closes_decides_the_exit_code() {
    let rows = [
        (Some(CloseCode::NORMAL), "", 0),
        (Some(CloseCode::GOING_AWAY), "bye", 0),
        (None, "", 0),
        (Some(CloseCode::INTERNAL_ERROR), "oh\n", 4),
        (Some(CloseCode(4000)), "", 4),
    ];
    let (url, server) = serve(rows.len(), move |client, connection, _| {
        let (code, reason, _) = rows[client];
        connection.close(code, reason).unwrap();
        while connection.recv().unwrap().is_some() {}
    });
    for (code, _, exit) in rows {
        let output = run(&["--count", "1", &url], b"");
        match exit {
            0 => assert_eq!(text(printed(&output)), "", "{code:?}"),
            _ => {
                let said = failed(&output, exit);
                let code = code.unwrap().0.to_string();
                assert!(
                    said.contains(&format!("the server closed with {code}")),
                    "{said}"
                );
            }
        }
    }
    server.join().unwrap();
}

#[test]
fn another_connection_takes_over() {
    let (url, server) = serve(2, |client, connection, _| {
        let said = match client {
            0 => connection.recv().unwrap().unwrap().to_string(),
            _ => String::new(),
        };
        connection.send(format!("answer {client}")).unwrap();
        if client == 0 {
            let code = Some(CloseCode::SERVICE_RESTART);
            connection.close(code, "").unwrap();
        }
        while connection.recv().unwrap().is_some() {}
        said
    });
    let output = run(&["--reconnect=0.01", "--count", "2", &url], b"one\n");
    assert_eq!(text(&output.stdout), "answer 0\nanswer 1\n");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said, "the server closed with 1012; again in 0.0 s\n");
    assert_eq!(server.join().unwrap(), ["one", ""]);
}

#[test]
fn a_connection_that_was_open_makes_the_next_wait_short_again() {
    let (url, server) = serve(3, |client, connection, _| {
        connection.send("hello").unwrap();
        if client < 2 {
            let code = Some(CloseCode::SERVICE_RESTART);
            connection.close(code, "").unwrap();
        }
        while connection.recv().unwrap().is_some() {}
    });
    let arguments = ["--json", "--reconnect=0.01", "--count", "3", &url];
    let output = run(&arguments, b"");
    assert_eq!(output.status.code(), Some(0));
    let objects = objects(&output.stdout);
    let waits = objects.iter().filter(|o| o["event"] == "reconnect");
    let waits: Vec<_> = waits.map(|o| o["seconds"].as_f64()).collect();
    assert_eq!(waits, [Some(0.01), Some(0.01)]);
    server.join().unwrap();
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for() {
    // No other test has a server at this address, which could be given the port in between.
    let listener = std::net::TcpListener::bind("127.0.0.7:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("ws://{address}/");
    let mut child = command(&["--reconnect=0.02", &url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // What is said meanwhile is sent then.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"early\n").unwrap();
    drop(stdin);
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    assert!(
        line.contains("refused") && line.contains("; again in 0.0 s"),
        "{line}"
    );
    let server = command(&["listen", "--once", &address.to_string()])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stdout), "early\n");
    assert_eq!(output.status.code(), Some(0));
    assert!(server.wait_with_output().unwrap().status.success());
}

#[test]
fn an_output_that_nobody_reads_ends_it() {
    let (url, server) = serve(1, |_, connection, _| {
        // Until the client has had enough.
        while connection.send("more").is_ok() {}
    });
    let mut child = command(&["--count", "1000000000", &url])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "more\n");
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert!(failed(&output, 5).starts_with("error: local: "));
    server.join().unwrap();
}

#[test]
fn what_cannot_be_shown_is_not_sent_for_ever() {
    let (url, server) = serve(1, |_, connection, _| {
        // Silent: all that is to be shown is what the client sends.
        while matches!(connection.recv(), Ok(Some(_))) {}
    });
    let mut child = command(&["--json", &url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    drop(stdout);
    // It stays open: only the output says that there is nobody any more.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"a line\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(failed(&output, 5).starts_with("error: local: "));
    server.join().unwrap();
}

#[test]
fn lines_are_utf8() {
    let (url, server) = serve(1, |_, connection, _| {
        let mut messages = 0;
        while matches!(connection.recv(), Ok(Some(_))) {
            messages += 1;
        }
        messages
    });
    let output = run(&[&url], b"good\nb\xffd\nmore\n");
    assert!(failed(&output, 5).contains("a line of the input is not UTF-8"));
    assert!(server.join().unwrap()[0] <= 1);
}

#[test]
fn frames_stay_out_of_the_pipe() {
    let listening = Listening::start(&[]);
    let output = run(&["--frames", &listening.url], b"hi\n");
    assert_eq!(text(printed(&output)), "hi\n");
    let frames: Vec<_> = text(&output.stderr).lines().collect();
    assert_eq!(frames.len(), 4, "{frames:?}");
    let begin = |at: usize, wanted: &str| assert!(frames[at].starts_with(wanted), "{frames:?}");
    begin(0, "> frame Text FIN key ");
    // The answer may come before or after the end of the input.
    assert!(
        frames.contains(&"< frame Text FIN 2 octets 6869"),
        "{frames:?}"
    );
    begin(3, "< frame Close FIN 2 octets 03e8");
}

#[test]
fn a_silent_server_is_given_up() {
    // It accepts, and then does nothing until the client leaves.
    let (url, server) = serve(1, |_, connection, _| {
        use std::io::Read;
        let tcp = connection.writer.io_mut().inner_mut();
        let mut octets = Vec::new();
        let _ = tcp.read_to_end(&mut octets);
        octets
    });
    let output = run(&["--ping", "0.2", "--count", "1", &url], b"");
    assert!(failed(&output, 1).starts_with("error: timeout: "));
    // When a second Ping would be due, the server has been silent for twice as long. A Ping has
    // two octets and a key.
    let octets = &server.join().unwrap()[0];
    let pings = octets
        .chunks(6)
        .take_while(|frame| frame.starts_with(&[0x89, 0x80]));
    assert_eq!(pings.count(), 1, "{octets:x?}");
}

#[test]
fn tls_trusts_whom_it_is_told_to() {
    let (mine, other) = (
        Authority::new("mine").unwrap(),
        Authority::new("other").unwrap(),
    );
    let ca = Temporary::new("ca", mine.pem().as_bytes());
    let server = EchoServer::start_secure(mine.server(&["localhost"]).unwrap()).unwrap();
    let url = format!("wss://localhost:{}/", server.address().port());
    let output = run(&["--ca", ca.path(), &url], b"hello\n");
    assert_eq!(text(printed(&output)), "hello\n");
    server.join().unwrap();

    let server = EchoServer::start_secure(other.server(&["localhost"]).unwrap()).unwrap();
    let url = format!("wss://localhost:{}/", server.address().port());
    let output = run(&["--ca", ca.path(), &url], b"hello\n");
    assert!(failed(&output, 1).starts_with("error: tls: "));
    assert!(server.join().is_err(), "nothing was sent to it");
}

#[test]
fn tls_shows_who_it_is() {
    let mine = Authority::new("mine").unwrap();
    let (certificate, key) = mine.client("me").unwrap();
    let ca = Temporary::new("strict-ca", mine.pem().as_bytes());
    let certificate = Temporary::new("certificate", certificate.as_bytes());
    let key = Temporary::new("key", key.as_bytes());
    let start = || EchoServer::start_secure(mine.strict_server(&["localhost"]).unwrap()).unwrap();
    let url = |server: &EchoServer| format!("wss://localhost:{}/", server.address().port());
    let server = start();
    let identity = ["--cert", certificate.path(), "--key", key.path()];
    let there = url(&server);
    let arguments = [&["--ca", ca.path(), &there], &identity[..]].concat();
    assert_eq!(text(printed(&run(&arguments, b"it is me\n"))), "it is me\n");
    server.join().unwrap();

    let server = start();
    let output = run(&["--ca", ca.path(), &url(&server)], b"it is me\n");
    // A reset may overtake the alert that says why.
    assert!(
        matches!(output.status.code(), Some(1 | 3)),
        "{:?}",
        output.status
    );
    assert_eq!(text(&output.stdout), "");
    assert!(server.join().is_err());
}

#[test]
fn broadcasts_reach_the_others() {
    let mut listening = Listening::start(&["--broadcast"]);
    let listener = command(&["--count", "1", &listening.url])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    listening.wait_for("1 from ");
    let began = Instant::now();
    let output = run(&["--wait", "0.2", &listening.url], b"to all\n");
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert_eq!(text(printed(&output)), "");
    assert_eq!(
        text(&listener.wait_with_output().unwrap().stdout),
        "to all\n"
    );
}

/// Ctrl-Z and `fg` interrupt what waits for a turn: no client is lost.
#[cfg(unix)]
#[test]
fn a_server_that_was_stopped_goes_on() {
    use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

    let mut listening = Listening::start(&["--broadcast"]);
    let listener = command(&["--count", "1", &listening.url])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    listening.wait_for("1 from ");
    let server = Pid::from_child(&listening.child);
    for _ in 0..10 {
        kill_process(server, Signal::STOP).unwrap();
        waitpid(Some(server), WaitOptions::UNTRACED).unwrap();
        kill_process(server, Signal::CONT).unwrap();
        // Real time: it waits for its client again by then.
        thread::sleep(Duration::from_millis(10));
    }
    run(&["--wait", "0", &listening.url], b"to all\n");
    let output = listener.wait_with_output().unwrap();
    assert_eq!(text(&output.stdout), "to all\n");
}

#[test]
fn commands_begin_with_a_slash() {
    let (url, server) = serve(1, |_, connection, _| {
        let said = connection.recv().unwrap().unwrap().to_string();
        assert!(connection.recv().unwrap().is_none());
        let status = connection.reader.close_status().unwrap();
        (said, status.code.0, status.reason.to_owned())
    });
    let input = b"/ping x\n//slash\n/quit\n/close 1005\n/close 4001 so long\n";
    let output = run(&["--slash", &url], input);
    let said = text(&output.stderr);
    assert!(said.contains("error: usage: /quit is none of"), "{said}");
    assert!(said.contains("1005"), "{said}");
    let seen = server.join().unwrap().pop().unwrap();
    assert_eq!(seen, ("/slash".to_owned(), 4001, "so long".to_owned()));
}
