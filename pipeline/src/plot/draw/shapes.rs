//! Shapes that the library has no name for: triangles, slanting lines, dashes; and colours.

use plotters::{
    prelude::Polygon,
    style::{Color, RGBAColor, RGBColor, ShapeStyle},
};

use super::Pen;
use crate::plot::page::Ink;

/// Between dashes, and between slanting lines, px.
const SPACING: i32 = 5;

impl Pen {
    pub(super) fn stroke(self, ink: Ink, width: u32) -> ShapeStyle {
        ShapeStyle { color: colour(ink), filled: false, stroke_width: width * self.scale }
    }

    pub(super) fn triangle(self, (x, y): (i32, i32), ink: Ink) -> Polygon<(i32, i32)> {
        let half = self.px(5);
        Polygon::new(
            [(x - half, y - half), (x + half, y - half), (x, y + half)],
            colour(ink).filled(),
        )
    }

    /// Slanting lines that fill a rectangle, at places that do not depend on it, so that those of
    /// rectangles side by side meet.
    pub(super) fn slants(self, [(x0, y0), (x1, y1)]: [(i32, i32); 2]) -> Vec<Vec<(i32, i32)>> {
        let spacing = SPACING * self.scale as i32;
        let first = (x0 + y0).div_euclid(spacing) + 1;
        let last = (x1 + y1 - 1).div_euclid(spacing);
        let line = |n: i32| {
            let sum = n * spacing;
            let (low, high) = (x0.max(sum - y1), x1.min(sum - y0));
            vec![(low, sum - low), (high, sum - high)]
        };
        (first..=last).map(line).collect()
    }

    /// The dashes of a line.
    pub(super) fn dashes(self, points: &[(i32, i32)]) -> Vec<Vec<(i32, i32)>> {
        let length = f64::from(SPACING * self.scale as i32);
        let (mut dashes, mut walked) = (Vec::new(), 0.0);
        for pair in points.windows(2) {
            let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
            let (dx, dy) = (f64::from(x1 - x0), f64::from(y1 - y0));
            let whole = (dx * dx + dy * dy).sqrt();
            let mut done = 0.0;
            while done < whole {
                let step = (length - walked % length).max(1.0).min(whole - done);
                let point = |at: f64| {
                    let part = at / whole;
                    (x0 + (dx * part).round() as i32, y0 + (dy * part).round() as i32)
                };
                if (walked / length) as i64 % 2 == 0 {
                    dashes.push(vec![point(done), point(done + step)]);
                }
                done += step;
                walked += step;
            }
        }
        dashes
    }
}

/// A colour as the library takes it.
pub(super) fn colour(ink: Ink) -> RGBAColor {
    let ([red, green, blue], opacity) = ink.rgba();
    RGBColor(red, green, blue).mix(opacity)
}
