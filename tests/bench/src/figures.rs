//! The figures as files: a table of all rows beside the best of the others, and a plot.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::cells::{Cell, Direction};
use crate::peers;
use crate::report::{self, Row};

/// Up to this ratio two times count as the same.
const SAME: f64 = 1.05;

/// Writes `figures.md` and `figures.svg` into `folder`.
pub fn write(cells: &[Cell], rounds: usize, folder: &Path) -> Result<(), Box<dyn Error>> {
    let rows = report::rows(cells);
    fs::write(folder.join("figures.md"), table(&rows, rounds)?)?;
    plot(&rows, &folder.join("figures.svg"))
}

fn table(rows: &[Row<'_>], rounds: usize) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(
        text,
        "# Figures\n\n\
        Made by `cargo run --release -- --figures` in this folder: {rounds} rounds, medians. Ratios are times beside those\n\
        of the best other library of the same run, so less is better; up to {SAME} counts as level. In memory it is the\n\
        CPU time of the thread, over TCP the time on the wall, with the far end on the same machine. `bare-ws` is the\n\
        core's loop over a blocking transport, `bare-ws-std` the adapter with default settings, and behind the comma its\n\
        feature `tokio`, by its own calls or as `Stream` and `Sink`. What is asynchronous runs on tokio's executor for one\n\
        thread.\n\n\
        Why a row is lost: text in pieces by the core's loop, because without a clock it checks what has come\n\
        before each read, and there is no way from checked pieces to a `&str` without `unsafe` but a check of the whole;\n\
        long binary messages received by the adapter, a few hundredths, because each receive takes a lock and looks at the\n\
        clock, for the limits in time (of 1 MiB the instructions are those of the best, within 0.1 %: what differs is where\n\
        buffers lie), and Sink and Stream, because what they pass on borrows nothing, and is allocated and copied.\n\
        The engine, zlib-rs at level 6, is the same in all three libraries that compress.\n\n\
        ![speed beside the best other library](figures.svg)\n"
    )?;
    writeln!(
        text,
        "| what | octets | ours | speed | best other | speed | ratio | | raw TCP |\n\
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
            let raw = row.of(peers::RAW).map_or(String::new(), speed);
            let (direction, kind, size) = row.what;
            writeln!(
                text,
                "| {direction}, {kind} | {size} | {} | {} | {} | {} | {ratio:.2} | {verdict} | {raw} |",
                ours.library(),
                speed(ours),
                best.library(),
                speed(best),
            )?;
        }
    }
    writeln!(text, "\n## All libraries\n")?;
    write!(text, "| what | octets |")?;
    for library in peers::LIBRARIES {
        write!(text, " {} |", library.name)?;
    }
    writeln!(text, "\n|---|--:|{}", "--:|".repeat(peers::LIBRARIES.len()))?;
    for row in rows {
        let (direction, kind, size) = row.what;
        write!(text, "| {direction}, {kind} | {size} |")?;
        for library in peers::LIBRARIES {
            write!(
                text,
                " {} |",
                row.of(library.name).map_or("–".into(), speed)
            )?;
        }
        writeln!(text)?;
    }
    Ok(text)
}

fn speed(cell: &Cell) -> String {
    let (time, size) = (cell.median(), cell.size());
    match cell.direction() {
        Direction::Batch => format!("{:.1} M/s", 1e3 / time),
        _ if size <= 1024 => format!("{time:.0} ns"),
        _ => format!("{:.2} GB/s", size as f64 / time),
    }
}

/// A dot for each library and row: its speed as a part of that of the best other library.
fn plot(rows: &[Row<'_>], path: &Path) -> Result<(), Box<dyn Error>> {
    const WIDTH: u32 = 900;
    const LINE: u32 = 22;
    const MOST: f64 = 2.0;
    let colours: [_; peers::LIBRARIES.len()] = [
        RGBColor(200, 30, 30),
        RGBColor(230, 120, 40),
        RGBColor(240, 80, 140),
        RGBColor(250, 170, 190),
        RGBColor(60, 110, 180),
        RGBColor(90, 190, 220),
        RGBColor(40, 150, 90),
        RGBColor(130, 90, 160),
        RGBColor(120, 120, 120),
        RGBColor(190, 160, 40),
        RGBColor(0, 0, 0),
    ];
    let height = LINE * (rows.len() as u32 + 4);
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(10)
        .margin_left(220)
        .margin_right(170)
        .x_label_area_size(40)
        .build_cartesian_2d(0.0..MOST, -(rows.len() as f64)..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(0)
        .x_desc("speed, the best other library being 1 (more is better; 2 stands for all above)")
        .draw()?;
    let font = ("sans-serif", 13).into_font();
    let right = font
        .clone()
        .color(&BLACK)
        .pos(Pos::new(HPos::Right, VPos::Center));
    let left = font.color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
    for (line, row) in rows.iter().enumerate() {
        let y = -(line as f64) - 0.5;
        let (direction, kind, size) = row.what;
        let size = if size < 1024 {
            format!("{size} B")
        } else {
            format!("{} KiB", size / 1024)
        };
        let (x, y_pixel) = chart.backend_coord(&(0.0, y));
        area.draw(&Text::new(
            format!("{direction}, {kind}, {size}"),
            (x - 8, y_pixel),
            right.clone(),
        ))?;
        let Some(best) = row.best_peer() else {
            continue;
        };
        for (library, colour) in peers::LIBRARIES.iter().zip(colours) {
            if let Some(cell) = row.of(library.name) {
                let radius = if cell.is_ours() { 6 } else { 4 };
                let speed = (1.0 / cell.ratio(best)).min(MOST);
                chart.draw_series([Circle::new((speed, y), radius, colour.filled())])?;
            }
        }
    }
    for (line, (library, colour)) in peers::LIBRARIES.iter().zip(colours).enumerate() {
        let place = (WIDTH as i32 - 150, (LINE * (line as u32 + 1)) as i32);
        area.draw(&Circle::new(place, 5, colour.filled()))?;
        area.draw(&Text::new(
            library.name,
            (place.0 + 12, place.1),
            left.clone(),
        ))?;
    }
    area.present()?;
    Ok(())
}
