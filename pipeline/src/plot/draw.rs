//! A page given to the charting library: as SVG, or as PNG with the font that lies in the program.
//!
//! The library counts in whole pixels. A page is therefore drawn several times as large as it is
//! shown: an SVG says so in its head, a PNG is that many times as sharp.

mod marked;
mod shapes;

use std::sync::OnceLock;

use plotters::{
    backend::{BitMapBackend, DrawingBackend, SVGBackend},
    coord::Shift,
    prelude::{
        Cartesian2d, ChartBuilder, ChartContext, Circle, DrawingArea, IntoDrawingArea, PathElement,
        Polygon, Rectangle, Text,
    },
    style::{
        Color, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle, WHITE, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};

use self::{marked::Marked, shapes::colour};
use super::page::{Ink, Layer, Page, Panel, Shapes};

/// Width of a page, px.
const WIDTH: u32 = 1_200;
/// How many times as large an SVG is drawn.
const SVG_SCALE: u32 = 8;
/// How many times as large a PNG is.
const PNG_SCALE: u32 = 2;
/// Greatest height of a page, px: a PNG of it takes about 200 MB of memory.
const HEIGHT_MAX: u32 = 14_000;

/// A part of DejaVu Sans, whose licence lies beside it.
const FONT: &[u8] = include_bytes!("../../fonts/DejaVuSans.ttf");
/// What an SVG asks its viewer for, and the name of the font here.
const FAMILY: &str = "DejaVu Sans, Verdana, Arial, sans-serif";

const MARGIN: u32 = 20;
const TITLE_EM: u32 = 20;
const PANEL_TITLE_EM: u32 = 15;
const TEXT_EM: u32 = 12;
const LINE: u32 = 17;

/// Why a page cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// It would be too high.
    #[error(
        "the page would be {0} px high, more than {HEIGHT_MAX}: draw fewer days or pictures at a time"
    )]
    TooHigh(u32),
    /// The charting library failed.
    #[error("could not draw: {0}")]
    Library(String),
    /// The PNG could not be packed.
    #[error("could not write PNG: {0}")]
    Png(#[from] png::EncodingError),
}

/// The page as an SVG document.
///
/// # Errors
///
/// The page is too high.
pub fn svg(page: &Page) -> Result<String, DrawError> {
    let (width, height) = (WIDTH, height(page)?);
    let mut text = String::new();
    let size = (width * SVG_SCALE, height * SVG_SCALE);
    draw(page, SVGBackend::with_string(&mut text, size), SVG_SCALE)?;
    let drawn = format!("width=\"{}\" height=\"{}\"", size.0, size.1);
    Ok(text.replacen(&drawn, &format!("width=\"{width}\" height=\"{height}\""), 1))
}

/// The page as a PNG file.
///
/// # Errors
///
/// The page is too high.
pub fn png(page: &Page) -> Result<Vec<u8>, DrawError> {
    let (width, height) = (WIDTH * PNG_SCALE, height(page)? * PNG_SCALE);
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    draw(page, BitMapBackend::with_buffer(&mut pixels, (width, height)), PNG_SCALE)?;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let per_metre = WIDTH * PNG_SCALE * 1_000 / 250;
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: per_metre,
        yppu: per_metre,
        unit: png::Unit::Meter,
    }));
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(file)
}

/// Rows of panels: one, or two halves.
fn rows(page: &Page) -> Vec<&[Panel]> {
    let pairs = |one: &Panel, other: &Panel| one.half && other.half;
    let runs = page.panels.chunk_by(pairs);
    runs.flat_map(|run| run.chunks(if run[0].half { 2 } else { 1 })).collect()
}

fn height(page: &Page) -> Result<u32, DrawError> {
    let panels: u32 = rows(page).into_iter().map(row_height).sum();
    match head_height(page) + panels + MARGIN {
        height if height > HEIGHT_MAX => Err(DrawError::TooHigh(height)),
        height => Ok(height),
    }
}

fn head_height(page: &Page) -> u32 {
    MARGIN + TITLE_EM + 8 + LINE * page.notes.len() as u32
}

fn row_height(row: &[Panel]) -> u32 {
    row.iter().map(|panel| above(panel) + panel.height + below(panel)).max().unwrap_or(0)
}

/// Room for title, notes and legend.
fn above(panel: &Panel) -> u32 {
    let legend = panel.layers.iter().any(|layer| layer.name.is_some() && !layer.is_empty());
    28 + PANEL_TITLE_EM + LINE * (panel.notes.len() as u32 + u32::from(legend)) + 14
}

/// Room for the horizontal axis.
const fn below(panel: &Panel) -> u32 {
    if panel.x.label.is_empty() { 26 } else { 46 }
}

type Area<DB> = DrawingArea<DB, Shift>;
type Chart<'a, DB> = ChartContext<'a, DB, Cartesian2d<Marked, Marked>>;

fn failed(error: impl std::fmt::Display) -> DrawError {
    DrawError::Library(error.to_string())
}

fn draw<DB: DrawingBackend>(page: &Page, backend: DB, scale: u32) -> Result<(), DrawError> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let register = || register_font(FAMILY, FontStyle::Normal, FONT).is_ok();
    if !REGISTERED.get_or_init(register) {
        return Err(DrawError::Library("the font in this program cannot be read".into()));
    }
    let root = backend.into_drawing_area();
    root.fill(&WHITE).map_err(failed)?;
    let pen = Pen { scale };
    let mut at = MARGIN;
    pen.write(&root, &page.title, (MARGIN, at), TITLE_EM, Ink::Black)?;
    at += TITLE_EM + 8;
    for note in &page.notes {
        pen.write(&root, note, (MARGIN, at), TEXT_EM, Ink::Black)?;
        at += LINE;
    }
    let mut rest = root.split_vertically(pen.px(at)).1;
    for row in rows(page) {
        let (area, below) = rest.split_vertically(pen.px(row_height(row)));
        rest = below;
        let mut area = area.margin(0, 0, pen.px(MARGIN), pen.px(MARGIN));
        for panel in row {
            let (one, other) = match panel.half {
                true => area.split_horizontally(pen.px((WIDTH - 2 * MARGIN) / 2)),
                false => (area.clone(), area.clone()),
            };
            pen.panel(&root, &one, panel)?;
            area = other;
        }
    }
    root.present().map_err(failed)
}

/// Draws at a scale.
#[derive(Debug, Clone, Copy)]
struct Pen {
    scale: u32,
}

impl Pen {
    const fn px(self, px: u32) -> i32 {
        (px * self.scale) as i32
    }

    fn text(self, em: u32, ink: Ink) -> TextStyle<'static> {
        // The library takes the height of a line for the size of a font.
        const LINE_OF_EM: f64 = 1.24;
        let size = f64::from(em * self.scale) * LINE_OF_EM;
        let style = TextStyle::from((FontFamily::Name(FAMILY), size));
        TextStyle { color: colour(ink).to_backend_color(), ..style }
    }

    fn write<DB: DrawingBackend>(
        self,
        area: &Area<DB>,
        text: &str,
        (x, y): (u32, u32),
        em: u32,
        ink: Ink,
    ) -> Result<(), DrawError> {
        area.draw_text(text, &self.text(em, ink), (self.px(x), self.px(y))).map_err(failed)
    }

    fn panel<DB: DrawingBackend>(
        self,
        root: &Area<DB>,
        area: &Area<DB>,
        panel: &Panel,
    ) -> Result<(), DrawError> {
        let mut at = 28;
        self.write(area, &panel.title, (0, at), PANEL_TITLE_EM, Ink::Black)?;
        at += PANEL_TITLE_EM + 7;
        for note in &panel.notes {
            self.write(area, note, (0, at), TEXT_EM, Ink::Black)?;
            at += LINE;
        }
        self.legend(area, panel, at)?;
        let (top, left) = (above(panel), self.left(area, panel)?);
        let right = if panel.half { 24 } else { 14 };
        let chart = area.margin(self.px(top), 0, 0, self.px(right));
        let chart = chart.split_vertically(self.px(panel.height + below(panel))).0;
        let mut chart = ChartBuilder::on(&chart)
            .x_label_area_size(self.px(below(panel)))
            .y_label_area_size(left)
            .build_cartesian_2d(Marked::from(&panel.x), Marked::from(&panel.y))
            .map_err(failed)?;
        for layer in &panel.layers {
            self.layer(root, &chart, layer)?;
        }
        self.axes(&mut chart, panel)
    }

    /// Room for the vertical axis: its longest label, and its name.
    fn left<DB: DrawingBackend>(self, area: &Area<DB>, panel: &Panel) -> Result<i32, DrawError> {
        let style = self.text(TEXT_EM, Ink::Black);
        let mut widest = 0;
        for (_, label) in &panel.y.ticks {
            widest = widest.max(area.estimate_text_size(label, &style).map_err(failed)?.0);
        }
        let name = if panel.y.label.is_empty() { 0 } else { self.px(LINE + 6) };
        Ok(widest as i32 + self.px(14) + name)
    }

    fn axes<DB: DrawingBackend>(
        self,
        chart: &mut Chart<'_, DB>,
        panel: &Panel,
    ) -> Result<(), DrawError> {
        let text = self.text(TEXT_EM, Ink::Black);
        let thin = |grey: u8, opacity: f64| ShapeStyle {
            color: RGBColor(grey, grey, grey).mix(opacity),
            filled: false,
            stroke_width: (self.scale / 2).max(1),
        };
        let mut mesh = chart.configure_mesh();
        mesh.x_labels(panel.x.ticks.len().max(1))
            .y_labels(panel.y.ticks.len().max(1))
            .label_style(text.clone())
            .axis_desc_style(text)
            .axis_style(thin(60, 1.0))
            .bold_line_style(thin(120, 0.35))
            .light_line_style(thin(255, 0.0))
            .x_desc(panel.x.label.clone())
            .y_desc(panel.y.label.clone())
            .set_all_tick_mark_size(self.px(4));
        if !panel.x.lines {
            mesh.disable_x_mesh();
        }
        if !panel.y.lines {
            mesh.disable_y_mesh();
        }
        mesh.draw().map_err(failed)
    }

    fn legend<DB: DrawingBackend>(
        self,
        area: &Area<DB>,
        panel: &Panel,
        at: u32,
    ) -> Result<(), DrawError> {
        let (swatch, middle) = (self.px(22), self.px(at + TEXT_EM / 2 - 1));
        let mut x = 0;
        for layer in panel.layers.iter().filter(|layer| !layer.is_empty()) {
            let Some(name) = &layer.name else { continue };
            let to = x + swatch;
            self.swatch(area, layer, (x, to), middle)?;
            let style = self.text(TEXT_EM, Ink::Black);
            let start = to + self.px(5);
            area.draw_text(name, &style, (start, self.px(at))).map_err(failed)?;
            let width = area.estimate_text_size(name, &style).map_err(failed)?.0;
            x = start + width as i32 + self.px(18);
        }
        Ok(())
    }

    /// Draws shapes where the chart has their places, on the page as a whole.
    fn layer<DB: DrawingBackend>(
        self,
        root: &Area<DB>,
        chart: &Chart<'_, DB>,
        layer: &Layer,
    ) -> Result<(), DrawError> {
        let (ink, fill) = (layer.ink, colour(layer.ink).filled());
        let at = |point: &(f64, f64)| chart.plotting_area().map_coordinate(point);
        match &layer.shapes {
            Shapes::Areas(all) => all.iter().try_for_each(|outline| {
                let points: Vec<(i32, i32)> = outline.iter().map(at).collect();
                root.draw(&Polygon::new(points, fill)).map_err(failed)
            }),
            Shapes::Boxes(all) => all.iter().try_for_each(|[x0, y0, x1, y1]| {
                let corners = [at(&(*x0, *y1)), at(&(*x1, *y0))];
                root.draw(&Rectangle::new(corners, fill)).map_err(failed)
            }),
            Shapes::Hatched(all) => all.iter().try_for_each(|[x0, y0, x1, y1]| {
                let corners = [at(&(*x0, *y1)), at(&(*x1, *y0))];
                self.slants(corners).into_iter().try_for_each(|line| {
                    root.draw(&PathElement::new(line, self.stroke(ink, 1))).map_err(failed)
                })
            }),
            Shapes::Lines(all, width) => all.iter().try_for_each(|line| {
                let points: Vec<(i32, i32)> = line.iter().map(at).collect();
                root.draw(&PathElement::new(points, self.stroke(ink, *width))).map_err(failed)
            }),
            Shapes::Dashes(all) => all.iter().try_for_each(|line| {
                let points: Vec<(i32, i32)> = line.iter().map(at).collect();
                self.dashes(&points).into_iter().try_for_each(|dash| {
                    root.draw(&PathElement::new(dash, self.stroke(ink, 2))).map_err(failed)
                })
            }),
            Shapes::Dots(all, radius) => all.iter().try_for_each(|point| {
                root.draw(&Circle::new(at(point), self.px(*radius), fill)).map_err(failed)
            }),
            Shapes::Triangles(all) => all
                .iter()
                .try_for_each(|point| root.draw(&self.triangle(at(point), ink)).map_err(failed)),
            Shapes::Words(all) => all.iter().try_for_each(|(x, y, words)| {
                let style = self.text(TEXT_EM, ink).pos(Pos::new(HPos::Left, VPos::Bottom));
                root.draw(&Text::new(words.as_str(), at(&(*x, *y)), style)).map_err(failed)
            }),
        }
    }

    /// What stands for a layer in the legend.
    fn swatch<DB: DrawingBackend>(
        self,
        area: &Area<DB>,
        layer: &Layer,
        (from, to): (i32, i32),
        middle: i32,
    ) -> Result<(), DrawError> {
        let half = self.px(TEXT_EM / 2 - 1);
        let (corners, centre) =
            ([(from, middle - half), (to, middle + half)], (i32::midpoint(from, to), middle));
        let across = vec![(from, middle), (to, middle)];
        let fill = colour(layer.ink).filled();
        let lines = |lines: Vec<Vec<(i32, i32)>>, width| {
            lines.into_iter().try_for_each(|line| {
                area.draw(&PathElement::new(line, self.stroke(layer.ink, width)))
            })
        };
        let drawn = match &layer.shapes {
            Shapes::Areas(_) | Shapes::Boxes(_) => area.draw(&Rectangle::new(corners, fill)),
            Shapes::Hatched(_) => lines(self.slants(corners), 1),
            Shapes::Lines(_, width) => lines(vec![across], *width),
            Shapes::Dashes(_) => lines(self.dashes(&across), 2),
            Shapes::Dots(_, radius) => {
                area.draw(&Circle::new(centre, self.px((*radius).max(3)), fill))
            }
            Shapes::Triangles(_) => area.draw(&self.triangle(centre, layer.ink)),
            Shapes::Words(_) => Ok(()),
        };
        drawn.map_err(failed)
    }
}
