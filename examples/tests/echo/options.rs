//! What each option of the command line sets, what is so without it, and that the help names them all.

use std::collections::BTreeSet;
use std::time::Duration;

use bare_ws::deflate::negotiate::Offer;
use bare_ws_examples::options::{Engine, Io, Options};
use bare_ws_std::{Config, Deflate, KeepAlive};

use super::echo;

/// The options of a command line without a URI.
fn read(arguments: &[&str]) -> Result<Options, String> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut options = Options::new();
    while let Some(lexopt::Arg::Long(name)) = parser.next().map_err(|error| error.to_string())? {
        let name = name.to_owned();
        if !options.take(&lexopt::Arg::Long(&name), &mut parser)? {
            return Err(format!("--{name} is unknown"));
        }
    }
    Ok(options)
}

/// What `echo` connects with when it is told nothing else.
fn usual() -> Config {
    Config::new().receive_buffer(16_384).transmit_buffer(16_384)
}

/// The same with fixed buffers.
fn fixed() -> Config {
    usual()
        .receive_buffer(512)
        .transmit_buffer(512)
        .message_limit(u64::MAX)
}

type Row = (&'static [&'static str], fn() -> Config);

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const ROWS: &[Row] = &[
    (&[], usual),
    (&["--text-only"], usual),
    (&["--io", "async"], usual),
    (&["--engine", "alloc"], usual),
    (&["--engine", "fixed"], fixed),
    (&["--rx", "14"], || usual().receive_buffer(14)),
    (&["--rx", "20000"], || usual().receive_buffer(20_000)),
    (&["--tx", "131"], || usual().transmit_buffer(131)),
    (&["--tx", "20000"], || usual().transmit_buffer(20_000)),
    (&["--engine", "fixed", "--rx", "14", "--tx", "131"], || {
        fixed().receive_buffer(14).transmit_buffer(131)
    }),
    (&["--max-message", "300"], || {
        usual().message_limit(300).stream_limit(300)
    }),
    (&["--engine", "fixed", "--max-message", "300"], || {
        fixed().message_limit(300).stream_limit(300)
    }),
    (&["--subprotocol", "b", "--subprotocol", "a"], || {
        usual().subprotocol("b").subprotocol("a")
    }),
    (&["--header", "X-One: 1", "--header", "X-Two:\t2 "], || {
        usual().header("X-One", "1").header("X-Two", "2")
    }),
    (&["--header", "X-Time: 12:30"], || {
        usual().header("X-Time", "12:30")
    }),
    (&["--connect-timeout", "3"], || {
        usual().connect_timeout(seconds(3))
    }),
    (&["--handshake-timeout", "3"], || {
        usual().handshake_timeout(seconds(3))
    }),
    (&["--idle-timeout", "3"], || {
        usual()
            .silence_timeout(seconds(3))
            .stall_timeout(seconds(3))
    }),
    (&["--stall-timeout", "4"], || {
        usual().stall_timeout(seconds(4))
    }),
    (&["--stall-timeout", "4", "--idle-timeout", "3"], || {
        usual()
            .silence_timeout(seconds(3))
            .stall_timeout(seconds(4))
    }),
    (&["--idle-timeout", "3", "--stall-timeout", "0.25"], || {
        usual()
            .silence_timeout(seconds(3))
            .stall_timeout(Duration::from_millis(250))
    }),
    (&["--keepalive", "3,4"], || {
        usual().keepalive(KeepAlive {
            interval: seconds(3),
            dead_after: seconds(4),
        })
    }),
    (&["--close-timeout", "3"], || {
        usual().close_timeout(seconds(3))
    }),
    // Without an offer a window is for nothing.
    (&["--window", "9"], usual),
    (&["--deflate"], || offers(usual(), Deflate::new(), &[""])),
    (&["--deflate", "--window", "15"], || {
        offers(usual(), Deflate::new(), &[""])
    }),
    (&["--deflate", "--window", "8"], || {
        offers(usual(), Deflate::new().window_bits(8), &[""])
    }),
    (&["--deflate", "--engine", "fixed"], || {
        offers(fixed(), Deflate::new().window_bits(10).pieces(), &[""])
    }),
    (
        &["--deflate", "--engine", "fixed", "--window", "12"],
        || offers(fixed(), Deflate::new().window_bits(12).pieces(), &[""]),
    ),
    (&["--deflate=client_max_window_bits=9", "--deflate"], || {
        offers(usual(), Deflate::new(), &["client_max_window_bits=9", ""])
    }),
    (
        &["--deflate", "--deflate=server_no_context_takeover"],
        || offers(usual(), Deflate::new(), &["", "server_no_context_takeover"]),
    ),
];

/// Those offers, in this order; an empty one stands for what is sensible.
fn offers(config: Config, deflate: Deflate, offers: &[&str]) -> Config {
    let sensible = deflate.offers();
    let all = offers.iter().flat_map(|offer| match *offer {
        "" => sensible.clone(),
        offer => vec![Offer::parse(offer).unwrap()],
    });
    config.deflate(all.fold(deflate, |deflate, offer| deflate.offer(offer)))
}

/// `Debug` of a configuration shows all that can be set of it.
#[test]
fn each_option_sets_what_it_names_and_nothing_else() {
    for (arguments, expected) in ROWS {
        let options = read(arguments).unwrap();
        let (config, expected) = (options.config(), expected());
        assert_eq!(
            format!("{config:#?}"),
            format!("{expected:#?}"),
            "{arguments:?}"
        );
        let parts = |config: &Config| {
            let parts = config.parts();
            format!(
                "{:?}",
                parts.request("ws://h/").map(|it| it.headers.to_vec())
            )
        };
        assert_eq!(parts(&config), parts(&expected), "{arguments:?}");
        let has = |flag: &&str| arguments.contains(flag);
        assert_eq!(options.text_only, has(&"--text-only"));
        assert_eq!(options.io == Io::Async, has(&"async"));
        assert_eq!(options.engine == Engine::Fixed, has(&"fixed"));
    }
    // The asynchronous loop has limits in time of its own.
    let usual = Options::new().timeouts;
    assert_eq!((usual.handshake, usual.close), (seconds(10), seconds(5)));
    assert!(usual.idle.is_none() && usual.stall.is_none() && usual.keepalive.is_none());
    let limits = Config::new().limits();
    assert_eq!(limits.message, 16 << 20);
}

#[test]
fn what_is_one_beyond_is_none() {
    for (arguments, wanted) in [
        (["--rx", "13"], "from 14 to"),
        (["--rx", "1073741825"], "to 1073741824"),
        (["--tx", "130"], "from 131 to"),
        (["--tx", "1073741825"], "to 1073741824"),
        (["--window", "7"], "from 8 to 15"),
        (["--window", "16"], "from 8 to 15"),
        (["--keepalive", "3,3"], "with the longer last"),
        (["--keepalive", "4,3"], "with the longer last"),
        (["--keepalive", "3"], "with the longer last"),
        (["--keepalive", "0,3"], "above 0"),
        (["--max-message", "-1"], "no number of octets"),
        (["--engine", "heap"], "is none of alloc, fixed"),
        (["--io", "uring"], "is none of blocking, async"),
        (["--stall-timeout", "0"], "no number of seconds above 0"),
        (["--header", "X-One"], "is not 'Name: value'"),
    ] {
        let error = read(&arguments).expect_err(arguments[1]);
        let flag = arguments[0];
        assert!(error.contains(wanted) && error.contains(flag), "{error}");
    }
    for most in ["--rx", "--tx"] {
        assert!(read(&[most, "1073741824"]).is_ok(), "{most}");
    }
    for bits in 8..=15 {
        assert!(read(&["--window", &bits.to_string()]).is_ok());
    }
}

#[test]
fn the_help_names_each_option_and_its_default() {
    let help = echo(&["--help"]).stdout;
    assert_eq!(echo(&["-h"]).stdout, help);
    let words = help.split([' ', '\n', ',', '[', '=']);
    let named: BTreeSet<_> = words.filter(|word| word.starts_with("--")).collect();
    let in_rows = ROWS.iter().flat_map(|(arguments, _)| *arguments);
    let flags = in_rows.filter_map(|word| word.split('=').next());
    let mut known: BTreeSet<_> = flags.filter(|word| word.starts_with("--")).collect();
    // The tests of TLS have it.
    known.insert("--ca");
    assert_eq!(named, known);
    let of = |options: &[&str]| read(options).unwrap();
    let (alloc, fixed) = (of(&[]), of(&["--engine", "fixed"]));
    for default in [
        format!("alloc {}, fixed {}", alloc.rx(), fixed.rx()),
        format!("alloc {}, fixed {}", alloc.tx(), fixed.tx()),
        "(default alloc)".to_owned(),
        "(default blocking)".to_owned(),
        "alloc 15, fixed 10".to_owned(),
        "alloc 16 MiB, fixed none".to_owned(),
        "--connect-timeout S       (default 10)".to_owned(),
        "--handshake-timeout S     (default 10)".to_owned(),
        "--close-timeout S         (default 5)".to_owned(),
    ] {
        assert!(help.contains(&default), "{default}");
    }
}
