//! The figures of growth as files: a table of each series, and a plot of all.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::{Line, Series};

/// Writes `growth.md` and `growth.svg` into `folder`.
pub fn write(all: &[Series], rounds: usize, folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::write(folder.join("growth.md"), text(all, rounds)?)?;
    plot(all, &folder.join("growth.svg"))
}

fn text(all: &[Series], rounds: usize) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(
        text,
        "# Growth of cost with work\n\n\
        Made by `cargo run --release -- --growth` in this folder: CPU time of the thread, the least of {rounds} rounds, with\n\
        default settings, over a transport in memory if nothing else is said. What is linear becomes level in the plot: the\n\
        first points of a series have the cost of a call, a message or a wake-up for themselves, which more work shares.\n\
        Octets take longer where they do not fit into the caches any more, as they do in a copy without a library.\n\n\
        A unit may take at most `factor` times what it took with less work: the grey line. What can be counted is below a\n\
        line over the work, which every run of the benchmark holds: reads and writes of the transport, allocations, and the\n\
        octets of heap that these asked for.\n\n\
        ![time of a unit over the work](growth.svg)\n\n\
        | what | from | to | a unit at the end | most above less work | factor | counted, at most |\n\
        |---|--:|--:|--:|--:|--:|---|"
    )?;
    for series in all {
        let [first, .., last] = series.points.as_slice() else {
            continue;
        };
        writeln!(
            text,
            "| {} | {} | {} | {} | {:.2} | {} | {} |",
            series.name,
            first.work,
            last.work,
            nanoseconds(last.each()),
            most(series),
            series.factor,
            lines(series),
        )?;
    }
    for series in all {
        writeln!(
            text,
            "\n## {}\n\n{}.\n\n\
            | {} | time | per {} | reads | writes | allocations | octets of heap |\n\
            |--:|--:|--:|--:|--:|--:|--:|",
            capital(series.name),
            capital(series.setting),
            series.work,
            series.unit,
        )?;
        for point in &series.points {
            let counts = point.counts;
            writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} |",
                point.work,
                nanoseconds(point.time),
                nanoseconds(point.each()),
                counts.reads,
                counts.writes,
                counts.allocations,
                counts.heap,
            )?;
        }
    }
    Ok(text)
}

/// The most that a unit took, beside the least of those with less work.
fn most(series: &Series) -> f64 {
    let mut least = f64::INFINITY;
    let mut most: f64 = 0.0;
    for point in &series.points {
        most = most.max(point.each() / least);
        least = least.min(point.each());
    }
    most
}

fn lines(series: &Series) -> String {
    let counted = series.counted().into_iter();
    let lines = counted.filter(|(_, line, _)| line.fixed + line.each > 0.0);
    let words: Vec<_> = lines
        .map(|(what, Line { fixed, each }, _)| match (fixed, each) {
            (fixed, 0.0) => format!("{fixed} {what}"),
            (0.0, each) => format!("{} {what} each", short(each)),
            (fixed, each) => format!("{fixed} {what} and {} each", short(each)),
        })
        .collect();
    if words.is_empty() {
        "nothing".into()
    } else {
        words.join(", ")
    }
}

fn short(each: f64) -> String {
    if each < 1.0 {
        format!("1/{:.0}", 1.0 / each)
    } else {
        format!("{each}")
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

fn nanoseconds(time: f64) -> String {
    match time {
        ..10.0 => format!("{time:.3} ns"),
        ..1e4 => format!("{time:.0} ns"),
        ..1e7 => format!("{:.0} µs", time / 1e3),
        _ => format!("{:.0} ms", time / 1e6),
    }
}

const COLUMNS: usize = 3;
const CELL: (u32, u32) = (380, 250);

/// A small plot for each series: the time of a unit over the work, both by powers.
fn plot(all: &[Series], path: &Path) -> Result<(), Box<dyn Error>> {
    let rows = all.len().div_ceil(COLUMNS);
    let size = (CELL.0 * COLUMNS as u32, CELL.1 * rows as u32);
    let area = SVGBackend::new(path, size).into_drawing_area();
    area.fill(&WHITE)?;
    for (series, cell) in all.iter().zip(area.split_evenly((rows, COLUMNS))) {
        draw(series, &cell)?;
    }
    area.present()?;
    Ok(())
}

fn draw(series: &Series, cell: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Box<dyn Error>> {
    const COLOUR: RGBColor = RGBColor(200, 30, 30);
    const BAR: RGBColor = RGBColor(120, 120, 120);
    let points: Vec<_> = series
        .points
        .iter()
        .map(|point| (point.work as f64, point.each()))
        .collect();
    let [(first, _), .., (last, _)] = points.as_slice() else {
        return Ok(());
    };
    // What each point may take at most: it falls with the least before.
    let mut least = f64::INFINITY;
    let mut bar = Vec::new();
    for (work, each) in &points {
        if least.is_finite() {
            bar.push((*work, series.factor * least));
        }
        least = least.min(*each);
    }
    let times = || points.iter().chain(&bar).map(|(_, time)| *time);
    // Whole decades, so that at least two of them have a label.
    let low = times().fold(f64::INFINITY, f64::min).log10().floor();
    let high = times().fold(0.0, f64::max).log10().ceil();
    let (low, high) = (10_f64.powf(low), 10_f64.powf(high));
    let mut chart = ChartBuilder::on(cell)
        .margin(8)
        .caption(series.name, ("sans-serif", 15))
        .x_label_area_size(34)
        .y_label_area_size(58)
        .build_cartesian_2d((*first..*last).log_scale(), (low..high).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|work| work_label(*work))
        .y_label_formatter(&|time| nanoseconds(*time))
        .x_desc(series.work)
        .draw()?;
    chart.draw_series([PathElement::new(bar, BAR.stroke_width(1))])?;
    chart.draw_series([PathElement::new(points.clone(), COLOUR.stroke_width(2))])?;
    let dots = points
        .iter()
        .map(|point| Circle::new(*point, 3, COLOUR.filled()));
    chart.draw_series(dots)?;
    Ok(())
}

fn work_label(work: f64) -> String {
    match work {
        ..1e4 => format!("{work:.0}"),
        ..1e6 => format!("{:.0} k", work / 1e3),
        _ => format!("{:.0} M", work / 1e6),
    }
}
