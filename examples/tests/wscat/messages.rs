//! What goes out, what is written down of what comes, and when it is tried again.

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use bare_ws::message::{Message, MessageKind};
use bare_ws_std::CloseCode;
use serde_json::{Value, json};

use crate::pipes::objects;
use crate::{Listening, Temporary, command, failed, printed, run, serve, text};

/// Messages as a server got them.
type Heard = Vec<(MessageKind, Vec<u8>)>;

/// What a server hears of each client until that closes.
fn heard(clients: usize) -> (String, thread::JoinHandle<Vec<Heard>>) {
    serve(clients, |_, connection, _| {
        let mut all = Vec::new();
        while let Some(message) = connection.recv().unwrap() {
            all.push((message.kind(), message.as_bytes().to_vec()));
        }
        all
    })
}

#[test]
fn input_goes_out_as_the_kind_that_was_asked_for() {
    use MessageKind::{Binary, Text};
    let file = Temporary::new("kinds", b"one\ntwo\n");
    let whole = b"one\ntwo\n".to_vec();
    let lines = vec![(Text, b"one".to_vec()), (Text, b"two".to_vec())];
    let rows: [(&[&str], _); 5] = [
        (&[], lines),
        (&["--binary"], vec![(Binary, whole.clone())]),
        (&["-b"], vec![(Binary, whole.clone())]),
        (&["--file", file.path()], vec![(Binary, whole.clone())]),
        (&["-f", file.path(), "--text"], vec![(Text, whole)]),
    ];
    let (url, server) = heard(rows.len());
    for (flags, _) in &rows {
        let wait = ["--wait", "0", &url];
        printed(&run(&[&wait[..], flags].concat(), b"one\ntwo\n"));
    }
    let expected: Vec<_> = rows.into_iter().map(|(_, expected)| expected).collect();
    assert_eq!(server.join().unwrap(), expected);
}

/// An output takes messages of any kind and length, one behind the other, and ends after as many as were asked for.
#[test]
fn an_output_has_all_messages_one_behind_the_other() {
    let (url, server) = serve(2, |_, connection, _| {
        connection.send("text, ").unwrap();
        connection.send(&[0_u8, 255, 10][..]).unwrap();
        // The client may have closed.
        let _ = connection.send("the third");
        while matches!(connection.recv(), Ok(Some(_))) {}
    });
    let output = Temporary::new("all", b"older and longer than what comes");
    for flags in [["--max-message", "1"], ["--wait", "60"]] {
        let arguments = ["-o", output.path(), "-n", "2", &url];
        let said = run(&[&arguments[..], &flags].concat(), b"");
        assert_eq!(text(printed(&said)), "");
        assert_eq!(output.read(), b"text, \x00\xff\n", "{flags:?}");
    }
    server.join().unwrap();
}

#[test]
fn a_message_longer_than_it_may_be_ends_it() {
    let (url, server) = serve(2, |_, connection, _| {
        connection.send("0123456789").unwrap();
        while matches!(connection.recv(), Ok(Some(_))) {}
        let status = connection.reader.close_status();
        status.map(|status| status.code)
    });
    let long = run(&["--max-message", "9", "-n", "1", &url], b"");
    let said = failed(&long, 1);
    assert!(said.starts_with("error: capacity: "), "{said}");
    assert!(said.contains("--max-message"), "{said}");
    let fits = run(&["--max-message", "10", "-n", "1", &url], b"");
    assert_eq!(text(printed(&fits)), "0123456789\n");
    let codes = [CloseCode::TOO_BIG, CloseCode::NORMAL].map(Some);
    assert_eq!(server.join().unwrap(), codes);
}

/// RFC 6455 §7.4.1 and its registry: with these codes a server says that another attempt may succeed.
#[test]
fn the_server_s_status_code_decides_whether_it_is_tried_again() {
    let codes = [
        1000, 1001, 1002, 1003, 1008, 1009, 1011, 1012, 1013, 1014, 3000, 4000,
    ];
    for code in codes {
        let again = [1001, 1011, 1012, 1013].contains(&code);
        let clients = 1 + usize::from(again);
        let (url, server) = serve(clients, move |client, connection, _| {
            let code = [code, 1000][client];
            connection.close(CloseCode(code), "because").unwrap();
            while connection.recv().unwrap().is_some() {}
        });
        let output = run(&["--json", "--reconnect=0.01", "-n", "1", &url], b"");
        let exit = match code {
            1000 => 0,
            _ if again => 0,
            _ => 4,
        };
        assert_eq!(output.status.code(), Some(exit), "{code}");
        let objects = objects(&output.stdout);
        let of = |event: &'static str| objects.iter().filter(move |it| it["event"] == event);
        assert_eq!(of("open").count(), clients, "{code}");
        let reasons: Vec<_> = of("close").map(|it| (&it["code"], &it["reason"])).collect();
        assert_eq!(reasons[0], (&json!(code), &json!("because")));
        let because: Vec<_> = of("reconnect").map(|it| &it["because"]).collect();
        match again {
            true => assert_eq!(
                because,
                [&json!(format!("the server closed with {code} because"))]
            ),
            false => assert!(because.is_empty(), "{code}"),
        }
        server.join().unwrap();
    }
    // What another attempt would not change is not tried again.
    for url in ["ws://127.0.0.1:1/#fragment", "ftp://127.0.0.1/"] {
        failed(&run(&["--reconnect=0.01", url], b""), 2);
    }
}

/// Whoever is not there is tried after longer and longer, and what is said of it is in the object.
#[test]
fn each_delay_is_twice_the_one_before() {
    let mut child = command(&["--json", "--reconnect=0.005", "ws://127.0.0.1:1/"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = std::io::BufReader::new(child.stdout.take().unwrap());
    let lines = std::io::BufRead::lines(lines).take(4);
    let objects: Vec<Value> = lines
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let seconds: Vec<_> = objects.iter().map(|it| it["seconds"].as_f64()).collect();
    assert_eq!(seconds, [0.005, 0.01, 0.02, 0.04].map(Some));
    for object in &objects {
        assert_eq!(object["event"], "reconnect");
        let because = object["because"].as_str().unwrap();
        assert!(because.contains("refused"), "{because}");
    }
}

/// The members of each object, for what a text in one frame does not show.
#[test]
fn objects_have_all_their_members() {
    let (url, server) = serve(1, |_, connection, _| {
        let long: Vec<u8> = (0..200).collect();
        connection
            .writer
            .send_fragment(MessageKind::Binary, &long[..150], false)
            .unwrap();
        connection
            .writer
            .send_fragment(MessageKind::Binary, &long[150..], true)
            .unwrap();
        connection.writer.pong(b"").unwrap();
        connection.close(CloseCode(4001), "so long").unwrap();
        while connection.recv().unwrap().is_some() {}
    });
    let output = run(&["--json", "--frames", "--wait", "60", &url], b"");
    let objects = objects(&output.stdout);
    let hex = |octets: std::ops::Range<u8>| {
        octets.fold(String::new(), |text, it| format!("{text}{it:02x}"))
    };
    let frame = |opcode: &str, fin, octets, payload: String| {
        json!({
            "event": "frame", "direction": "received", "opcode": opcode, "fin": fin, "rsv1": false,
            "masked": false, "octets": octets, "payload": payload,
        })
    };
    let base64 = {
        use base64::Engine;
        let long: Vec<u8> = (0..200).collect();
        base64::prelude::BASE64_STANDARD.encode(long)
    };
    let expected = [
        json!({"event": "open", "url": url, "subprotocol": null, "deflate": null}),
        frame("binary", false, 150, hex(0..125)),
        frame("continuation", true, 50, hex(150..200)),
        frame("pong", true, 0, String::new()),
        frame("close", true, 9, "0fa1736f206c6f6e67".to_owned()),
        json!({
            "event": "message", "direction": "received", "base64": base64, "octets": 200,
            "compressed": null,
        }),
        json!({"event": "close", "code": 4001, "reason": "so long"}),
    ];
    for wanted in &expected {
        let count = objects.iter().filter(|it| *it == wanted).count();
        assert_eq!(count, 1, "{wanted}: {objects:#?}");
    }
    // What is in an object need not be said again.
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(4), ""));
    server.join().unwrap();
}

#[test]
fn what_was_agreed_on_is_told() {
    let listening = Listening::start(&["-s", "first", "-s", "second"]);
    for (flags, deflate, subprotocol) in [
        (
            &["--deflate"][..],
            json!("server 15 bits, client 15 bits"),
            json!(null),
        ),
        (
            &["--deflate=server_no_context_takeover; server_max_window_bits=12"],
            json!("server 12 bits, no context takeover, client 15 bits"),
            json!(null),
        ),
        (
            &["--deflate=client_no_context_takeover; client_max_window_bits=10"],
            json!("server 15 bits, client 10 bits, no context takeover"),
            json!(null),
        ),
        (&["-s", "second"], json!(null), json!("second")),
        (
            &["-s", "third", "-s", "second", "-s", "first"],
            json!(null),
            json!("second"),
        ),
    ] {
        let arguments = [&["--json", "--wait", "0", &listening.url], flags].concat();
        let objects = objects(printed(&run(&arguments, b"")));
        let agreed = (&objects[0]["deflate"], &objects[0]["subprotocol"]);
        assert_eq!(agreed, (&deflate, &subprotocol), "{flags:?}");
    }
}

#[test]
fn a_server_of_ours_says_what_happens() {
    let mut listening = Listening::start(&[]);
    printed(&run(&["--wait", "0", &listening.url], b"one\x1b[2J\n"));
    listening.wait_for("1 from 127.0.0.1:");
    listening.wait_for(r"1 < one\u{1b}[2J");
    listening.wait_for("1 closed 1000");
    let command = b"/close 4000 so long\n";
    failed(&run(&["--slash", &listening.url], command), 4);
    listening.wait_for("2 closed 4000 so long");
}

#[test]
fn the_handshake_has_as_long_as_connecting() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    // It is accepted by the operating system, and nobody answers.
    let said = run(&["--timeout", "0.2", &url], b"");
    let said = failed(&said, 1);
    assert!(said.starts_with("error: timeout: "), "{said}");
    assert!(said.contains("--timeout"), "{said}");
}

#[test]
fn commands_are_the_frames_that_they_name() {
    let listening = Listening::start(&[]);
    let input = b"/ping there?\n/pong here\n/ping\n";
    let output = run(
        &[
            "--slash",
            "--frames",
            "--wait",
            "60",
            "-n",
            "1",
            &listening.url,
        ],
        &[&input[..], b"last\n"].concat(),
    );
    assert_eq!(text(printed(&output)), "last\n");
    let sent: Vec<_> = text(&output.stderr)
        .lines()
        .filter_map(|line| line.strip_prefix("> frame "))
        .map(|line| {
            // Without the masking key.
            let (begin, rest) = line.split_once(" key ").unwrap();
            format!("{begin} {}", rest.split_once(' ').unwrap().1)
        })
        .collect();
    assert_eq!(
        sent,
        [
            "Ping FIN 6 octets 74686572653f",
            "Pong FIN 4 octets 68657265",
            "Ping FIN 0 octets ",
            "Text FIN 4 octets 6c617374",
            "Close FIN 2 octets 03e8"
        ]
    );
}

#[test]
fn the_environment_is_read_as_the_guide_says() {
    let (url, server) = serve(3, |_, connection, request| {
        while connection.recv().unwrap().is_some() {}
        request.to_owned()
    });
    let with = |flags: &[&str], variables: &[(&str, &str)]| {
        command(&[flags, &["--wait", "0", &url]].concat())
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    printed(&with(&[], &[("WSCAT_USER", "a:b")]));
    // What is told counts.
    printed(&with(&["--user", "c:d"], &[("WSCAT_USER", "a:b")]));
    printed(&with(&[], &[]));
    let lines = [
        "Authorization: Basic YTpi\r\n",
        "Authorization: Basic Yzpk\r\n",
    ];
    let requests = server.join().unwrap();
    for (request, line) in requests.iter().zip(lines) {
        assert!(request.contains(line), "{request}");
    }
    assert!(!requests[2].contains("Authorization"));
    // What cannot be read of it is the command line's.
    let output = command(&["wss://127.0.0.1:1/"])
        .env("SSL_CERT_FILE", "/nowhere")
        .env_remove("SSL_CERT_DIR")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(failed(&output, 2).starts_with("error: usage: "));
}

#[test]
fn help_and_version_are_no_errors() {
    let version = format!("wscat {}\n", env!("CARGO_PKG_VERSION"));
    for flag in ["-V", "--version"] {
        assert_eq!(text(printed(&run(&[flag], b""))), version);
    }
    for flag in ["-h", "--help"] {
        let output = run(&[flag], b"");
        let said = text(printed(&output));
        assert!(
            said.contains("Usage: wscat") && said.contains("Exit codes:"),
            "{said}"
        );
    }
    for (flags, wanted) in [
        (&["listen", "--help"][..], "[default: 127.0.0.1:9001]"),
        (&["--help"], "[default: 16777216]"),
        (&["--help"], "[default: 10]"),
    ] {
        assert!(text(printed(&run(flags, b""))).contains(wanted), "{wanted}");
    }
}

/// A message is shown as it is in a pipe: text with a line feed, binary in hexadecimal digits, or as it is.
#[test]
fn a_pipe_has_the_messages_and_nothing_else() {
    let (url, server) = serve(2, |_, connection, _| {
        connection.send(Message::Text("a\tb")).unwrap();
        connection.send(Message::Binary(&[0, 255])).unwrap();
        connection.send(Message::Binary(&[])).unwrap();
        connection.close(None, "").unwrap();
        while connection.recv().unwrap().is_some() {}
    });
    let wait = Duration::from_secs(60).as_secs().to_string();
    let output = run(&["--wait", &wait, &url], b"");
    assert_eq!(printed(&output), b"a\tb\n00ff\n\n");
    let output = run(&["--wait", &wait, "--binary", "-n", "3", &url], b"");
    assert_eq!(printed(&output), b"a\tb\n\x00\xff");
    server.join().unwrap();
}
