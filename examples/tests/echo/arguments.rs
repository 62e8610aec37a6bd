//! What ends before there is a connection: the arguments, the name, the address.

use std::net::{Ipv4Addr, TcpListener};

use super::{CONFIGURATIONS, Files, assert_one_line, authority, echo};

// row: TRAP-01, REQ-07, REQ-10, PMD-04, PMD-06
#[test]
fn what_must_not_be_sent_exits_2_and_nothing_is_sent() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let with = |tail: &str| format!("{uri}{tail}");
    let (fragment, space, line, other) = (with("#x"), with("a b"), with("a\r\nX: y"), with("x"));
    let uri = uri.as_str();
    let mut files = Files(Vec::new());
    let empty = files.write("empty.pem", "no certificate\n");
    let torn = files.write(
        "torn.pem",
        "-----BEGIN CERTIFICATE-----\nMAMC\n-----END CERTIFICATE-----\n",
    );
    let good = files.write("good.pem", &authority("good").pem());
    let missing = format!("{good}.not");
    let secure = uri.replace("ws://", "wss://");
    let secure = secure.as_str();
    let rows: &[&[&str]] = &[
        &[],
        &[uri, &other],
        &["--nonsense", uri],
        &["-x", uri],
        // What is no option is shown as it was written, but on one line.
        &["--non\r\nsense", uri],
        &["-\n", uri],
        &[&fragment],
        &[&space],
        &[&line],
        &[&uri.replace("ws://", "ftp://")],
        &[&uri.replace("ws://", "")],
        &["ws://"],
        &["ws://user:word@127.0.0.1/"],
        &["ws://127.0.0.1:99999/"],
        &["--header", "no colon", uri],
        &["--header", ": empty", uri],
        &["--header", "a b: x", uri],
        &["--header", "a : x", uri],
        &["--header", "a: x\r\nb: y", uri],
        &["--header", "a: x\n", uri],
        &["--header", "a\u{7f}: x", uri],
        &["--header", "Host: x", uri],
        &["--header", "upgrade: x", uri],
        &["--header", "Sec-WebSocket-Key: x", uri],
        &["--header", "Content-Length: 1", uri],
        &["--subprotocol", "", uri],
        &["--subprotocol", "a b", uri],
        &["--subprotocol", "a,b", uri],
        &["--subprotocol", "a\r\nX: y", uri],
        &["--subprotocol", "é", uri],
        &["--subprotocol", "a", "--subprotocol", "a", uri],
        &["--engine", "other", uri],
        &["--io", "other", uri],
        &["--rx", "13", uri],
        &["--rx", "-1", uri],
        &["--tx", "124", uri],
        &["--max-message", "many", uri],
        &["--connect-timeout", "0", uri],
        &["--handshake-timeout", "-1", uri],
        &["--idle-timeout", "nan", uri],
        &["--close-timeout", "inf", uri],
        &["--close-timeout", "soon", uri],
        &["--text-only=yes", uri],
        &["--deflate=foo", uri],
        &["--deflate=server_max_window_bits", uri],
        &["--deflate=server_max_window_bits=7", uri],
        &["--deflate=server_max_window_bits=16", uri],
        &["--deflate=client_max_window_bits=010", uri],
        &["--deflate=client_max_window_bits=", uri],
        &["--deflate=server_no_context_takeover=1", uri],
        &[
            "--deflate=client_max_window_bits; client_max_window_bits",
            uri,
        ],
        &["--deflate", "--deflate=;", uri],
        &["--window", "7", uri],
        &["--window", "16", uri],
        &["--window", "wide", uri],
        // More than the memory honours.
        &["--window", "9", "--deflate=server_max_window_bits=10", uri],
        &["--window", "14", "--deflate=", uri],
        &["--engine", "fixed", "--deflate=client_max_window_bits", uri],
        &[
            "--engine",
            "fixed",
            "--deflate=server_no_context_takeover",
            uri,
        ],
        &["--ca", &missing, secure],
        &["--ca", &empty, secure],
        &["--ca", &torn, secure],
        &["--ca", &good, "--ca", &missing, secure],
        &["--ca", &missing, uri],
        &[secure, "--ca"],
        &[uri, "--rx"],
    ];
    for arguments in rows {
        for configuration in CONFIGURATIONS {
            let run = echo(&[configuration, arguments].concat());
            assert_eq!(run.status, 2, "{arguments:?}: {}", run.stderr);
            assert_eq!(run.stdout, "", "{arguments:?}");
            assert!(
                run.stderr.starts_with("error: usage: "),
                "{arguments:?}: {}",
                run.stderr
            );
            assert_one_line(&run.stderr);
        }
    }
    let nobody = listener.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(
        nobody,
        Err(std::io::ErrorKind::WouldBlock),
        "somebody connected"
    );
}

#[test]
fn what_comes_before_the_handshake_has_its_own_words() {
    // What was free a moment ago may be the port of another test's server: there is none here.
    let refused = "ws://127.0.0.1:1/";
    let secure = refused.replace("ws://", "wss://");
    for configuration in CONFIGURATIONS {
        // The embedded TLS path has no roots of the platform's.
        let needs_roots = configuration.contains(&"async");
        for (uri, kind) in [
            (refused, "connect"),
            (&secure, if needs_roots { "tls" } else { "connect" }),
            ("ws://host.invalid/", "resolve"),
        ] {
            let run = echo(&[configuration, &[uri]].concat());
            assert_eq!(run.status, 1, "{uri}");
            assert!(
                run.stderr.starts_with(&format!("error: {kind}: ")),
                "{uri}: {}",
                run.stderr
            );
            assert_eq!(run.stderr.contains("needs --ca"), kind == "tls", "{uri}");
            assert_one_line(&run.stderr);
        }
    }
}

#[test]
fn help_is_no_error() {
    let run = echo(&["--help"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    assert!(run.stdout.starts_with("usage: echo"));
}
