//! What each flag sets, long and short, and what is so without it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bare_ws::deflate::negotiate::Offer;
use bare_ws_std::{Config, Deflate, KeepAlive, Proxy};
use clap::{CommandFactory, Parser};

use crate::arguments::{Arguments, Listen, Mode, Session};

const URL: &str = "ws://h/";

fn session(flags: &[&str]) -> Session {
    let arguments = [&["wscat", URL], flags].concat();
    Arguments::try_parse_from(arguments).unwrap().session
}

fn listen(arguments: &[&str]) -> Listen {
    let arguments = [&["wscat", "listen"], arguments].concat();
    match Arguments::try_parse_from(arguments).unwrap().mode {
        Some(Mode::Listen(listen)) => listen,
        other => panic!("{other:?}"),
    }
}

/// What it connects with when it is told nothing else.
fn usual() -> Config {
    Config::new()
        .connect_timeout(seconds(10))
        .handshake_timeout(seconds(10))
        .redirects(0)
        .message_limit(16 << 20)
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The header fields of the request, and the rest, which `Debug` of a configuration shows.
fn shown(config: &Config) -> String {
    let parts = config.parts();
    let headers = format!("{:?}", parts.request(URL).map(|it| it.headers.to_vec()));
    format!("{config:#?} {headers}")
}

type Row = (&'static [&'static str], fn() -> Config);

const CONFIGS: &[Row] = &[
    (&[], usual),
    (&["--binary", "--slash", "--json", "--frames"], usual),
    (&["--follow"], || usual().redirects(10)),
    (&["--follow=3"], || usual().redirects(3)),
    (&["--timeout", "3"], || {
        usual()
            .connect_timeout(seconds(3))
            .handshake_timeout(seconds(3))
    }),
    (&["--max-message", "7"], || usual().message_limit(7)),
    (&["--ping", "3"], || {
        usual().keepalive(KeepAlive {
            interval: seconds(3),
            dead_after: seconds(6),
        })
    }),
    (&["--subprotocol", "b", "--subprotocol", "a"], || {
        usual().subprotocol("b").subprotocol("a")
    }),
    (&["--header", "X-One: 1", "-H", "X-Two:\t2 "], || {
        usual().header("X-One", "1").header("X-Two", "2")
    }),
    (&["--origin", "http://o"], || usual().origin("http://o")),
    // RFC 7617 §2, RFC 6750 §2.1
    (&["--user", "test:123\u{a3}"], || {
        usual().header("Authorization", "Basic dGVzdDoxMjPCow==")
    }),
    (&["--user", "a:b:c"], || {
        usual().header("Authorization", "Basic YTpiOmM=")
    }),
    (&["--bearer", "t0k3n"], || {
        usual().header("Authorization", "Bearer t0k3n")
    }),
    (&["--deflate"], || usual().deflate(Deflate::new())),
    (&["--deflate=client_max_window_bits=10"], || {
        let offer = Offer::parse("client_max_window_bits=10").unwrap();
        usual().deflate(Deflate::new().offer(offer))
    }),
    (&["--proxy", "http://n:p@h:1"], || {
        usual().proxy(Proxy::new("http://n:p@h:1").unwrap())
    }),
];

#[test]
fn each_flag_sets_what_it_names_and_nothing_else() {
    for (flags, expected) in CONFIGS {
        let config = session(flags).config().unwrap();
        assert_eq!(shown(&config), shown(&expected()), "{flags:?}");
    }
    let told =
        session(&["--wait", "0", "--count", "2", "--reconnect", "--output=o"].as_slice()[..5]);
    assert_eq!((told.wait, told.count), (Some(Duration::ZERO), Some(2)));
    assert_eq!(told.reconnect, Some(seconds(1)));
    assert_eq!(
        session(&["--reconnect=2.5"]).reconnect,
        Some(Duration::from_millis(2500))
    );
    let untold = session(&[]);
    assert!(!untold.binary && !untold.text && !untold.slash && !untold.json && !untold.frames);
    assert!(untold.wait.is_none() && untold.count.is_none() && untold.reconnect.is_none());
    assert!(untold.file.is_none() && untold.output.is_none() && untold.history.is_none());
    assert!(!untold.proxy_from_env && untold.ca.is_empty());
}

#[test]
fn where_it_listens() {
    for (arguments, expected) in [
        (&[][..], "127.0.0.1:9001"),
        (&["0"], "127.0.0.1:0"),
        (&["9002"], "127.0.0.1:9002"),
        (&["0.0.0.0:80"], "0.0.0.0:80"),
        (&["[::1]:80"], "[::1]:80"),
    ] {
        assert_eq!(listen(arguments).address, expected);
    }
    let all = listen(&["--once", "--broadcast", "-s", "a", "--subprotocol", "b"]);
    assert!(all.once && all.broadcast && all.subprotocol == ["a", "b"]);
    let none = listen(&[]);
    assert!(!none.once && !none.broadcast && none.subprotocol.is_empty());
}

/// The short form of each flag is the one that the guide has beside the long one.
#[test]
fn short_flags_are_those_of_the_guide() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("wscat.md");
    let guide = fs::read_to_string(guide).unwrap();
    let mut command = Arguments::command();
    command.build();
    let mut checked = 0;
    let subcommands: Vec<_> = command.get_subcommands().collect();
    for command in [&command].into_iter().chain(subcommands) {
        for argument in command.get_arguments() {
            let Some(long) = argument
                .get_long()
                .filter(|it| !["help", "version"].contains(it))
            else {
                continue;
            };
            let short = argument
                .get_short()
                .map(|short| format!("| `-{short}`, `--{long}"));
            let has = |line: &str| match &short {
                Some(short) => line.starts_with(short),
                None => {
                    line.starts_with(&format!("| `--{long}"))
                        || line.contains(&format!(", `--{long} "))
                }
            };
            assert!(guide.lines().any(has), "{short:?} --{long}");
            checked += 1;
        }
    }
    assert!(checked > 25, "{checked}");
    assert!(guide.contains("`-h`, `--help` and `-V`, `--version`"));
}
