//! The plot of the figures.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::direction::Direction;
use crate::peers;
use crate::report::Row;

/// A dot for each library and row, and a cross for the limit: the speed as a part of that of the best other library.
pub fn write(rows: &[Row<'_>], path: &Path) -> Result<(), Box<dyn Error>> {
    const WIDTH: u32 = 1000;
    const LABELS: u32 = 290;
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
        RGBColor(120, 80, 40),
        RGBColor(170, 200, 60),
        RGBColor(0, 0, 0),
    ];
    let height = LINE * (rows.len() as u32 + 4);
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(10)
        .margin_left(LABELS)
        .margin_right(170)
        .x_label_area_size(40)
        .build_cartesian_2d(0.0..MOST, -(rows.len() as f64)..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
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
        let size = match size {
            0..1024 => format!("{size} B"),
            _ => format!("{} KiB", size / 1024),
        };
        let title = match direction {
            Direction::Connect => direction.to_string(),
            _ if direction.takeover().is_some() => format!("{direction}, {size}"),
            _ => format!("{direction}, {kind}, {size}"),
        };
        let (x, y_pixel) = chart.backend_coord(&(0.0, y));
        area.draw(&Text::new(title, (x - 8, y_pixel), right.clone()))?;
        let Some(best) = row.best_peer() else {
            continue;
        };
        // Ours come last, so that they lie above the others.
        for (library, colour) in peers::LIBRARIES.iter().zip(colours).rev() {
            let Some(cell) = row.of(library.name) else {
                continue;
            };
            let speed = (1.0 / cell.ratio(best)).min(MOST);
            if cell.is_ours() {
                chart.draw_series([Circle::new((speed, y), 6, colour.filled())])?;
            } else if cell.is_peer() {
                chart.draw_series([Circle::new((speed, y), 4, colour.filled())])?;
            } else {
                chart.draw_series([Cross::new((speed, y), 5, colour.stroke_width(2))])?;
            }
        }
    }
    for (line, (library, colour)) in peers::LIBRARIES.iter().zip(colours).enumerate() {
        let place = (WIDTH as i32 - 150, (LINE * (line as u32 + 1)) as i32);
        if library.name == peers::LIMIT {
            area.draw(&Cross::new(place, 5, colour.stroke_width(2)))?;
        } else {
            area.draw(&Circle::new(place, 5, colour.filled()))?;
        }
        area.draw(&Text::new(
            library.name,
            (place.0 + 12, place.1),
            left.clone(),
        ))?;
    }
    area.present()?;
    Ok(())
}
