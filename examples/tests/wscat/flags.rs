//! What must not be asked for: one line, and the exit code for it.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::thread;

use crate::{Temporary, failed, printed, run, text};

#[test]
fn each_misuse_has_its_line() {
    let certificate = Temporary::new("nothing.pem", b"no certificate");
    let file = certificate.path();
    let url = "ws://127.0.0.1:1/";
    // Nobody listens there: with what is right the exit code would be 1.
    let rows: &[(&[&str], &str)] = &[
        (&[], "<URL>"),
        (&["ftp://127.0.0.1:1/"], "ws"),
        (&["ws://"], "host"),
        (&[url, "extra"], "extra"),
        (&["--insecure", url], "--insecure"),
        (&["--count", "0", url], "not a number above 0"),
        (&["--count", "many", url], "not a number above 0"),
        (&["--wait", "-1", url], "-1"),
        (&["--wait", "soon", url], "not a number of seconds"),
        (&["--ping", "0", url], "not a number of seconds above 0"),
        (&["--timeout", "0", url], "not a number of seconds above 0"),
        (&["--reconnect=x", url], "not a number of seconds above 0"),
        (&["--max-message", "big", url], "not a number above 0"),
        (&["--header", "no colon", url], "not 'Name: value'"),
        (&["--header", "a b: c", url], "not a token"),
        (&["--header", "Upgrade: x", url], "reserved"),
        (&["--header", "X: a\nb", url], "control character"),
        (&["--subprotocol", "a b", url], "not a token"),
        (&["--subprotocol", "a", "--subprotocol", "a", url], "twice"),
        (&["--origin", "a\nb", url], "Origin"),
        (&["--user", "nobody", url], "not NAME:PASSWORD"),
        (
            &["--user", "a:b", "--bearer", "c", url],
            "cannot be used with",
        ),
        (&["--deflate=nonsense", url], "nonsense"),
        (
            &["--deflate=server_max_window_bits=16", url],
            "server_max_window_bits",
        ),
        (&["--text", url], "--file"),
        (
            &["--text", "--binary", "--file", file, url],
            "cannot be used with",
        ),
        (&["--json", "--output", "x", url], "cannot be used with"),
        (&["--reconnect", "--file", file, url], "cannot be used with"),
        (&["--cert", file, url], "--key"),
        (&["--key", file, url], "--cert"),
        (&["--ca", file, "wss://127.0.0.1:1/"], file),
        (&["--ca", "/nowhere", "wss://127.0.0.1:1/"], "/nowhere"),
        (&["--cert", file, "--key", file, "wss://127.0.0.1:1/"], file),
        (&["--reconnect", "--binary", url], "all of a pipe"),
        (&["completions", "tcsh"], "tcsh"),
        (&["listen", "--frames"], "--frames"),
    ];
    for (arguments, wanted) in rows {
        let output = run(arguments, b"");
        println!("{arguments:?}: {}", text(&output.stderr));
        let said = failed(&output, 2);
        assert!(said.starts_with("error: usage: "), "{said}");
        assert!(said.contains(wanted), "no {wanted:?}");
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn files_and_addresses_that_cannot_be_used() {
    let rows: &[(&[&str], &str)] = &[
        (
            &["--output", "/nowhere/x", "ws://127.0.0.1:1/"],
            "/nowhere/x: ",
        ),
        (&["--file", "/nowhere", "ws://127.0.0.1:1/"], "/nowhere: "),
        (&["listen", "nowhere"], "nowhere: "),
        (&["listen", "192.0.2.1:1"], "192.0.2.1:1: "),
    ];
    for (arguments, wanted) in rows {
        let output = run(arguments, b"");
        let wanted = format!("error: local: {wanted}");
        assert!(failed(&output, 5).starts_with(&wanted), "{arguments:?}");
    }
}

#[test]
fn a_server_that_refuses() {
    for answer in [
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "SSH-2.0-x\r\n\r\n",
    ] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut tcp, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut octet = [0];
                tcp.read_exact(&mut octet).unwrap();
                request.extend(octet);
            }
            tcp.write_all(answer.as_bytes()).unwrap();
        });
        failed(&run(&[&url], b""), 3);
        server.join().unwrap();
    }
}

#[test]
fn completions_name_each_flag() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell], b"");
        let script = text(printed(&output));
        for flag in flags() {
            let name = match shell {
                "fish" => flag.trim_start_matches("--"),
                _ => &flag,
            };
            assert!(script.contains(name), "{shell}: {flag}");
        }
    }
}

/// Those of its help.
fn flags() -> Vec<String> {
    let mut flags = Vec::new();
    for arguments in [&["--help"][..], &["listen", "--help"]] {
        let output = run(arguments, b"");
        let words = text(printed(&output)).split(|c: char| !c.is_ascii_lowercase() && c != '-');
        flags.extend(
            words
                .filter(|word| word.starts_with("--") && word.len() > 2)
                .map(str::to_owned),
        );
    }
    assert!(flags.len() > 25, "{flags:?}");
    flags
}

#[test]
fn each_flag_and_exit_code_is_described() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("wscat.md");
    let guide = fs::read_to_string(guide).unwrap();
    for flag in flags() {
        assert!(guide.contains(&format!("`{flag}")), "{flag}");
    }
    let output = run(&["--help"], b"");
    let (_, codes) = text(printed(&output)).split_once("Exit codes:\n").unwrap();
    for line in codes.lines() {
        let code = line.split_whitespace().next().unwrap();
        assert!(guide.contains(&format!("| {code} |")), "{code}");
    }
}
