//! Figures in the documents are those of the files that the measurements write.
//!
//! `BARE_WS_FIGURES=write cargo test -p bare-ws-tests --test figures` puts the measured ones in.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Of the compilers that were measured, the one whose figures the documents have.
const COMPILER: &str = "1.95.0";

const M0: &str = "thumbv6m-none-eabi";
const BOARDS: [&str; 3] = [M0, "thumbv7m-none-eabi", "riscv32imc-unknown-none-elf"];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// The figure behind these words in a file of measurements, if it is there.
fn found(file: &str, words: &str) -> Option<u64> {
    let text = fs::read_to_string(path(file)).unwrap();
    let head = format!("{COMPILER} {words} ");
    let mut found = text.lines().filter_map(|line| line.strip_prefix(&head));
    let figure = found.next()?;
    assert_eq!(found.next(), None, "{file}: {head} twice");
    Some(figure.parse().unwrap())
}

fn measured(file: &str, words: &str) -> u64 {
    found(file, words).unwrap_or_else(|| panic!("{file}: no {words}"))
}

fn size(words: &str) -> u64 {
    measured("tests/size/expected", words)
}

const FIRMWARE: &str = "examples/firmware/sizes.txt";

fn firmware(board: &str, words: &str) -> u64 {
    measured(FIRMWARE, &format!("{board} {words}"))
}

/// In KB of 1000 octets, one decimal, rounded.
fn kb(octets: u64) -> String {
    let tenths = (octets + 50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The one line of a document that begins so must be this.
fn holds(document: &str, begin: &str, wanted: impl Fn(&str) -> String) {
    // One at a time: a document may be written.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let text = fs::read_to_string(path(document)).unwrap();
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with(begin))
        .collect();
    let [line] = lines.as_slice() else {
        panic!("{document}: {} lines begin with {begin}", lines.len());
    };
    let wanted = wanted(line);
    if *line != wanted && std::env::var("BARE_WS_FIGURES").is_ok_and(|how| how == "write") {
        fs::write(path(document), text.replacen(line, &wanted, 1)).unwrap();
        return;
    }
    assert_eq!(
        *line, wanted,
        "{document}: other figures were measured; BARE_WS_FIGURES=write puts them in"
    );
}

#[test]
fn the_client_path() {
    let begin = "| the client path on a Cortex-M0+ |";
    holds("README.md", begin, |_| {
        let images = ["blocking", "blocking-errors", "asynch", "asynch-errors"];
        let most = |what: &str| images.map(|image| size(&format!("{image} {what}")));
        assert_eq!(most("panics"), [0; 4]);
        format!(
            "{begin} {} KB of flash (asynchronous {}), {} octets of state beside two buffers, no stack \
             frame over {} octets, no panic linked | [tests/size/expected](tests/size/expected), \
             `./check size` |",
            kb(size("blocking flash")),
            kb(size("asynch flash")),
            most("state").into_iter().max().unwrap(),
            most("frame").into_iter().max().unwrap(),
        )
    });
    let state = size("blocking state");
    assert_eq!(state, size("asynch state"));
    holds(
        "core/src/lib.rs",
        "//! Compression has memory of its own",
        |_| {
            format!(
                "//! Compression has memory of its own: see module `deflate`. A connection itself takes {state} \
             octets on a Cortex-M0+."
            )
        },
    );
}

#[test]
fn the_connection_of_a_board() {
    let of = |what: &str| firmware(M0, &format!("{what} octets"));
    let rows = [
        (
            "connection, beside its two buffers",
            format!(
                "{}, of them {} the adapter's",
                of("borrowed-connection"),
                of("adapter-state")
            ),
        ),
        ("future of `net::connect`", of("connect-future").to_string()),
        ("of `recv`", of("recv-future").to_string()),
        (
            "of `close` / `finish`",
            format!("{} / {}", of("close-future"), of("finish-future")),
        ),
    ];
    for (what, figures) in rows {
        let begin = format!("//! | {what} |");
        holds("embassy-adapter/src/lib.rs", &begin, |_| {
            format!("{begin} {figures} |")
        });
    }
}

#[test]
fn the_images_of_the_emulated_boards() {
    for (image, what) in [
        ("tcp", "`tcp`: no WebSocket"),
        ("autobahn", "`autobahn`"),
        ("telemetry", "`telemetry`"),
        ("wss", "`wss`"),
    ] {
        let begin = format!("| {what} |");
        holds("examples/firmware/README.md", &begin, |line| {
            let mut row = begin.clone();
            for (board, cell) in BOARDS.iter().zip(line[begin.len()..].split('|')) {
                let flash = kb(firmware(board, &format!("{image} flash")));
                let ram = kb(firmware(board, &format!("{image} ram")));
                // Where it is not in the file, the mark is the program's own report.
                let (_, reported) = cell.rsplit_once("/ ").unwrap();
                let stack = found(FIRMWARE, &format!("{board} {image} stack"));
                let stack = stack.map_or_else(|| reported.trim().to_owned(), kb);
                row += &format!(" {flash} / {ram} / {stack} |");
            }
            row
        });
    }
}

#[test]
fn the_instructions_of_operations() {
    let counted = |begin: &str, count: &dyn Fn(&str) -> u64| {
        holds("examples/firmware/README.md", begin, |_| {
            let counts = BOARDS.map(|board| thousands(count(board)));
            format!("{begin} {} |", counts.join(" | "))
        });
    };
    counted("| opening handshake |", &|board| {
        firmware(board, "handshake-request instructions")
            + firmware(board, "handshake-response instructions")
    });
    let begin = "| `wss`, until connected and verified |";
    holds("examples/firmware/README.md", begin, |_| {
        let millions = BOARDS.map(|board| {
            let count = firmware(board, "wss-connect instructions");
            format!("{} M", (count + 500_000) / 1_000_000)
        });
        format!("{begin} {} |", millions.join(" | "))
    });
    for (way, kinds) in [
        ("receive", &["binary", "text", "deflate"][..]),
        ("send", &["binary", "deflate"]),
    ] {
        for kind in kinds {
            for len in [125, 1024, 16384] {
                counted(&format!("| {way} {len} octets, {kind} |"), &|board| {
                    firmware(board, &format!("{way}-{kind}-{len} instructions"))
                });
            }
        }
    }
}

#[test]
fn figures_are_written_as_people_read_them() {
    assert_eq!(
        [0, 49, 50, 7751, 9950, 123_449].map(kb),
        ["0.0", "0.0", "0.1", "7.8", "10.0", "123.4"]
    );
    assert_eq!(
        [7, 999, 1000, 2_468_804].map(thousands),
        ["7", "999", "1,000", "2,468,804"]
    );
}
