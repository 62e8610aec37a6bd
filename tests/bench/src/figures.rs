//! The figures as files: a table of all rows beside the best of the others, what waits, and a plot.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use crate::cells::Cell;
use crate::direction::Direction;
use crate::idle::{self, Waiting};
use crate::payload::{Kind, SIZES};
use crate::peers::{self, NOTES};
use crate::plot;
use crate::report::{self, Row};

/// Up to this ratio two times count as the same.
const SAME: f64 = 1.05;

/// Writes `figures.md` and `figures.svg` into `folder`.
pub fn write(
    cells: &[Cell],
    waiting: &[Waiting],
    rounds: usize,
    folder: &Path,
) -> Result<(), Box<dyn Error>> {
    let rows = report::rows(cells);
    let mut text = String::new();
    head(&mut text, rounds)?;
    comparison(&mut text, &rows)?;
    memory(&mut text, waiting)?;
    all(&mut text, &rows)?;
    compression(&mut text, &rows)?;
    floors(&mut text, cells)?;
    fs::write(folder.join("figures.md"), text)?;
    plot::write(&rows, &folder.join("figures.svg"))
}

fn head(text: &mut String, rounds: usize) -> fmt::Result {
    writeln!(
        text,
        "# Figures\n\n\
        Made by `cargo run --release -- --figures` in this folder: {rounds} rounds, medians. Ratios are times beside those\n\
        of the best other library of the same run, so less is better; up to {SAME} counts as level. A time is CPU time. Over\n\
        sockets the far end is another thread on the same core, the same for all, and its time is counted, too: whatever one\n\
        end sends, the system takes in for the other on the thread that happens to run, so that of one thread alone a third\n\
        is the scheduler's choice. Between two cores a small echo takes 20 or 50 microseconds as the threads happen to be\n\
        placed, on one core the same from run to run. `bare-ws` is the core's loop over a blocking transport, `bare-ws-std` the\n\
        adapter with default settings, and behind the comma its feature `tokio`, by its own calls or as `Stream` and `Sink`.\n\
        What is asynchronous runs on tokio's executor for one thread. Many are 4096 messages that are queued and written\n\
        together, or that answer one message. All check the text that they receive and mask with random keys; TLS is rustls\n\
        with ring, TLS 1.3.\n\n\
        The limit is no library: as many octets as the frame has, copied or passed through a socket or through rustls, and\n\
        one check of text that is received (simdutf8); where messages are compressed, zlib-rs alone at level 6, which is the\n\
        engine of all that compress, and the level of all but ours: by default it takes level 5, at which text is 1.4 %\n\
        longer. Where connections are made, it is the same octets of both handshakes through a socket.\n\n\
        Why a row is lost: text in pieces by the core's loop, because without a clock it checks what has come\n\
        before each read, and there is no way from checked pieces to a `&str` without `unsafe` but a check of the whole;\n\
        long binary messages received by the adapter, a few hundredths, because each receive takes a lock and looks at the\n\
        clock, for the limits in time (of 1 MiB the instructions are those of the best, within 0.1 %: what differs may be where\n\
        buffers lie); short messages sent in tokio beside wtx and sockudo-ws, whose keys could be predicted, because any number of tasks may\n\
        send, by turns; and Sink and Stream, because what they pass on borrows nothing, and is allocated and copied. Messages\n\
        of 1 MiB over sockets vary by a tenth from run to run, and so do raw TCP and TLS.\n\
        Connections: RFC 6455 §7.1.1 has the client wait until the server has ended TCP. Ours, tungstenite and\n\
        tokio-tungstenite do, and so does the limit; the others do not, which spares them a read and a wait.\n"
    )?;
    writeln!(text, "What was done for others, and what they cannot do:\n")?;
    for note in NOTES {
        writeln!(text, "- {note}.")?;
    }
    writeln!(
        text,
        "\n![speed beside the best other library](figures.svg)\n"
    )
}

fn comparison(text: &mut String, rows: &[Row<'_>]) -> fmt::Result {
    writeln!(
        text,
        "| what | octets | ours | speed | best other | speed | ratio | | limit |\n\
        |---|--:|---|--:|---|--:|--:|---|--:|"
    )?;
    for row in rows {
        let Some(best) = row.best_peer() else {
            continue;
        };
        for ours in row.ours() {
            let ratio = ours.ratio(best);
            let verdict = match ratio {
                ratio if ratio <= 1.0 / SAME => "ahead",
                ratio if ratio <= SAME => "level",
                _ => "**lost**",
            };
            writeln!(
                text,
                "| {} | {} | {} | {} | {} | {ratio:.2} | {verdict} | {} |",
                titled(row),
                ours.library(),
                speed(ours),
                best.library(),
                speed(best),
                row.of(peers::LIMIT).map_or("–".into(), speed),
            )?;
        }
    }
    Ok(())
}

/// The first two columns.
fn titled(row: &Row<'_>) -> String {
    let (direction, kind, size) = row.what;
    match direction {
        Direction::Connect => format!("{direction} | –"),
        _ => format!("{direction}, {kind} | {size}"),
    }
}

fn memory(text: &mut String, waiting: &[Waiting]) -> fmt::Result {
    writeln!(
        text,
        "\n## Memory of {} idle connections\n\n\
        Octets a connection, opened as the library's own documentation does it, in a task of tokio's or a thread that waits\n\
        for a message: when it is new, and two seconds after a message of 64 KiB each way. Heap is what was asked for\n\
        and not given back, resident what the process has grown by, with what its allocator keeps; the kernel's buffers\n\
        are in neither.\n\n\
        | library | waits in | heap, new | heap, after | resident, new | resident, after |\n\
        |---|---|--:|--:|--:|--:|",
        idle::COUNT
    )?;
    for Waiting {
        library,
        is_thread,
        held: [new, after],
    } in waiting
    {
        let place = if *is_thread { "a thread" } else { "a task" };
        writeln!(
            text,
            "| {library} | {place} | {} | {} | {} | {} |",
            new.heap, after.heap, new.resident, after.resident
        )?;
    }
    Ok(())
}

fn all(text: &mut String, rows: &[Row<'_>]) -> fmt::Result {
    writeln!(text, "\n## All libraries\n")?;
    write!(text, "| what | octets |")?;
    for library in peers::LIBRARIES {
        write!(text, " {} |", library.name)?;
    }
    writeln!(text, "\n|---|--:|{}", "--:|".repeat(peers::LIBRARIES.len()))?;
    for row in rows {
        write!(text, "| {} |", titled(row))?;
        for library in peers::LIBRARIES {
            let speed = row.of(library.name).map_or("–".into(), speed);
            write!(text, " {speed} |")?;
        }
        writeln!(text)?;
    }
    Ok(())
}

/// What the speeds of compression are worth: all would have to come to the same size.
fn compression(text: &mut String, rows: &[Row<'_>]) -> fmt::Result {
    writeln!(
        text,
        "\n## Compressed to\n\nOf the octets of a message, with the header of its frame.\n"
    )?;
    let sends = |row: &&Row<'_>| matches!(row.what.0, Direction::Deflate(_));
    let deflates = || peers::LIBRARIES.iter().filter(|it| it.deflate.is_some());
    write!(text, "| what | octets |")?;
    for library in deflates() {
        write!(text, " {} |", library.name)?;
    }
    writeln!(text, "\n|---|--:|{}", "--:|".repeat(deflates().count()))?;
    for row in rows.iter().filter(sends) {
        write!(text, "| {} |", titled(row))?;
        for library in deflates() {
            let of = row.of(library.name).map(|cell| cell.squeezed() * 100.0);
            write!(
                text,
                " {} |",
                of.map_or("–".into(), |it| format!("{it:.1} %"))
            )?;
        }
        writeln!(text)?;
    }
    Ok(())
}

/// What the machine does without any of this.
fn floors(text: &mut String, cells: &[Cell]) -> fmt::Result {
    let of = |kind, size| {
        cells
            .iter()
            .filter(move |cell| cell.in_group(Direction::Floor, kind) && cell.size() == size)
    };
    let columns = |size| of(Kind::Binary, size).chain(of(Kind::Text, size));
    writeln!(text, "\n## Limits\n")?;
    write!(text, "| octets |")?;
    for cell in columns(SIZES[0]) {
        write!(text, " {} |", cell.library())?;
    }
    writeln!(text, "\n|--:|{}", "--:|".repeat(columns(SIZES[0]).count()))?;
    for size in SIZES {
        write!(text, "| {size} |")?;
        for cell in columns(size) {
            write!(text, " {} |", speed(cell))?;
        }
        writeln!(text)?;
    }
    Ok(())
}

fn speed(cell: &Cell) -> String {
    let (time, size) = (cell.median(), cell.size());
    match cell.direction() {
        Direction::Batch(_) | Direction::Flood(_) => format!("{:.1} M/s", 1e3 / time),
        Direction::Connect => format!("{:.0} /s", 1e9 / time),
        _ if size <= 1024 => format!("{time:.0} ns"),
        _ if (size as f64) < time => format!("{:.0} MB/s", size as f64 / time * 1e3),
        _ => format!("{:.2} GB/s", size as f64 / time),
    }
}
