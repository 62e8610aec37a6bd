//! What must not be asked for: one line, and the exit code for it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::thread;

use clap::{Arg, ArgAction, Command, CommandFactory};

use crate::arguments::Arguments;
use crate::{Temporary, failed, printed, run, text};

/// The argument, with its command before it; how it is misused; what is said of that. Each that takes a
/// value has a row.
#[test]
fn each_misuse_has_its_line() {
    let certificate = Temporary::new("nothing.pem", b"no certificate");
    let file = certificate.path();
    let url = "ws://127.0.0.1:1/";
    let secure = "wss://127.0.0.1:1/";
    // Nobody listens there: with what is right the exit code would be 1.
    let rows: &[(&str, &[&str], &str)] = &[
        ("url", &[], "<URL>"),
        ("url", &["ftp://127.0.0.1:1/"], "ws"),
        ("url", &["ws://"], "host"),
        ("url", &[url, "extra"], "unexpected argument 'extra'"),
        ("", &["--insecure", url], "--insecure"),
        ("count", &["--count", "0", url], "not a number above 0"),
        ("count", &["--count", "many", url], "not a number above 0"),
        ("wait", &["--wait", "-1", url], "-1"),
        ("wait", &["--wait", "soon", url], "not a number of seconds"),
        ("ping", &["--ping", "0", url], "a number of seconds above 0"),
        (
            "timeout",
            &["--timeout", "0", url],
            "a number of seconds above 0",
        ),
        (
            "reconnect",
            &["--reconnect=x", url],
            "a number of seconds above 0",
        ),
        (
            "max_message",
            &["--max-message", "big", url],
            "not a number above 0",
        ),
        (
            "header",
            &["--header", "no colon", url],
            "not 'Name: value'",
        ),
        ("header", &["--header", "a b: c", url], "not a token"),
        ("header", &["--header", "Upgrade: x", url], "reserved"),
        ("header", &["--header", "X: a\nb", url], "control character"),
        (
            "header",
            &["--header", "authorization: x", "--user", "a:b", url],
            "--user",
        ),
        ("subprotocol", &["--subprotocol", "a b", url], "not a token"),
        ("subprotocol", &["-s", "a", "-s", "a", url], "twice"),
        ("origin", &["--origin", "a\nb", url], "Origin"),
        ("user", &["--user", "nobody", url], "not NAME:PASSWORD"),
        ("user", &["--user", "a:\n", url], "control character"),
        (
            "user",
            &["--user", "a:b", "--bearer", "c", url],
            "cannot be used with",
        ),
        ("bearer", &["--bearer", "a\nb", url], "control character"),
        ("deflate", &["--deflate=nonsense", url], "nonsense"),
        (
            "deflate",
            &["--deflate=server_max_window_bits=16", url],
            "server_max_window_bits",
        ),
        ("", &["--text", url], "--file"),
        (
            "",
            &["--text", "--binary", "--file", file, url],
            "cannot be used with",
        ),
        (
            "output",
            &["--json", "--output", "x", url],
            "cannot be used with",
        ),
        (
            "file",
            &["--reconnect", "--file", file, url],
            "cannot be used with",
        ),
        ("cert", &["--cert", file, url], "--key"),
        ("cert", &["--cert", file, "--key", file, secure], file),
        ("key", &["--key", file, url], "--cert"),
        ("ca", &["--ca", file, secure], file),
        ("ca", &["--ca", "/nowhere", secure], "/nowhere"),
        // It may be redirected to wss.
        ("ca", &["--ca", file, url], file),
        ("proxy", &["--proxy", "socks5://a:s3cret@b", url], "http://"),
        (
            "proxy",
            &["--proxy", "http://a:s3cret@b:1/x", url],
            "ends with its port",
        ),
        (
            "proxy",
            &["--proxy", "http://a:s3cret%@b:1", url],
            "percent-encode",
        ),
        ("proxy", &["--proxy", "", url], "address of the proxy"),
        (
            "proxy",
            &["--proxy", "a:1", "--proxy-from-env", url],
            "cannot be used with",
        ),
        ("follow", &["--follow=0", url], "not a number above 0"),
        ("follow", &["--follow=5000000000", url], "too many"),
        ("", &["--reconnect", "--binary", url], "all of a pipe"),
        ("completions shell", &["completions", "tcsh"], "tcsh"),
        ("", &["listen", "--frames"], "--frames"),
        (
            "listen subprotocol",
            &["listen", "-s", "a b"],
            "not a token",
        ),
        // These fail when they are used.
        ("file", &["--file", "/nowhere", url], "/nowhere: "),
        ("file", &["--file", "/", url], "/: "),
        ("output", &["--output", "/nowhere/x", url], "/nowhere/x: "),
        ("output", &["--output", "/", url], "/: "),
        (
            "listen address",
            &["listen", "nowhere"],
            "not an address and a port",
        ),
        ("listen address", &["listen", "65536"], "such as 127.0.0.1"),
        (
            "listen address",
            &["listen", "192.0.2.1:1"],
            "192.0.2.1:1: ",
        ),
    ];
    for (_, arguments, wanted) in rows {
        let output = run(arguments, b"");
        println!("{arguments:?}: {}", text(&output.stderr));
        let is_local = wanted.ends_with(": ");
        let said = failed(&output, if is_local { 5 } else { 2 });
        let kind = if is_local { "local" } else { "usage" };
        assert!(said.starts_with(&format!("error: {kind}: ")), "{said}");
        assert!(said.contains(wanted), "no {wanted:?}");
        assert!(!said.contains("s3cret"), "{said}");
        assert_eq!(text(&output.stdout), "");
    }
    // In a pipe nothing is typed: the test of terminals has it.
    let elsewhere = ["history"];
    let has_row = |name: &str| {
        elsewhere.contains(&name) || rows.iter().any(|(argument, ..)| *argument == name)
    };
    let mut without = parameters();
    without.retain(|(name, argument)| argument.get_action().takes_values() && !has_row(name));
    assert!(without.is_empty(), "not in the table: {without:?}");
}

/// What clap knows of each argument: whether it takes a value, and whether it may come twice.
#[test]
fn each_flag_is_held_to_its_form() {
    for (name, argument) in parameters() {
        let Some(long) = argument.get_long() else {
            continue;
        };
        let flag = format!("--{long}");
        let (command, url) = match name.split_once(' ') {
            Some((command, _)) => (Some(command), None),
            None => (None, Some("ws://127.0.0.1:1/")),
        };
        let misused = |flags: &[&str]| {
            let first = command.as_slice();
            let arguments = [first, flags, url.as_slice()].concat();
            let output = run(&arguments, b"");
            let said = failed(&output, 2);
            assert!(said.starts_with("error: usage: "), "{flags:?}: {said}");
            assert!(said.contains(&flag), "{flags:?}: {said}");
        };
        let is_repeatable = matches!(argument.get_action(), ArgAction::Append);
        if !argument.get_action().takes_values() {
            misused(&[&format!("{flag}=x")]);
            misused(&[&flag, &flag]);
            continue;
        }
        let least = argument
            .get_num_args()
            .map_or(1, |values| values.min_values());
        if least > 0 {
            // What would be its value is another flag.
            misused(&[&flag, "--help"]);
        }
        if !is_repeatable {
            let valid = format!("{flag}={}", valid(long));
            misused(&[&valid, &valid]);
        }
    }
}

/// A value that an argument may have.
fn valid(flag: &str) -> &'static str {
    match flag {
        "user" => "a:b",
        "deflate" => "",
        _ => "1",
    }
}

/// All of clap's, those of commands with the command before the name.
fn parameters() -> Vec<(String, Arg)> {
    let mut command = Arguments::command();
    command.build();
    let mut found = Vec::new();
    let mut add = |prefix: &str, command: &Command| {
        let ours = |argument: &&Arg| !["help", "version"].contains(&argument.get_id().as_str());
        for argument in command.get_arguments().filter(ours) {
            found.push((format!("{prefix}{}", argument.get_id()), argument.clone()));
        }
    };
    add("", &command);
    for command in command.get_subcommands() {
        if command.get_name() != "help" {
            add(&format!("{} ", command.get_name()), command);
        }
    }
    assert!(found.len() > 30, "{found:?}");
    found
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

fn flags() -> BTreeSet<String> {
    let long = |(_, argument): &(_, Arg)| Some(format!("--{}", argument.get_long()?));
    parameters().iter().filter_map(long).collect()
}

#[test]
fn each_flag_and_exit_code_is_described() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("wscat.md");
    let guide = fs::read_to_string(guide).unwrap();
    for flag in flags() {
        assert!(guide.contains(&format!("`{flag}")), "{flag}");
    }
    let output = run(&["--help"], b"");
    let help = text(printed(&output));
    for (name, argument) in parameters() {
        let is_described = argument
            .get_help()
            .is_some_and(|help| !help.to_string().is_empty());
        assert!(is_described, "{name}");
        let is_listed =
            name.contains(' ') || argument.get_long().is_none_or(|flag| help.contains(flag));
        assert!(is_listed, "{name}");
    }
    let (_, codes) = help.split_once("Exit codes:\n").unwrap();
    for line in codes.lines() {
        let code = line.split_whitespace().next().unwrap();
        assert!(guide.contains(&format!("| {code} |")), "{code}");
    }
}
