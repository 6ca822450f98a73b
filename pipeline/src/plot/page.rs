//! A page as plain values: panels with axes and layers of shapes, in the units of the axes.

/// Pictures below each other, half ones in pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// What is drawn.
    pub title: String,
    /// Lines below the title.
    pub notes: Vec<String>,
    /// The pictures.
    pub panels: Vec<Panel>,
}

/// One picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// What it shows.
    pub title: String,
    /// Lines below the title.
    pub notes: Vec<String>,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, first below what follows.
    pub layers: Vec<Layer>,
    /// Whether it takes half the page's width.
    pub half: bool,
    /// Height between its axes, px.
    pub height: u32,
}

/// An axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What it counts, with its unit.
    pub label: String,
    /// The value at its beginning: left, or below.
    pub from: f64,
    /// The value at its end.
    pub to: f64,
    /// Where it is marked, and with what.
    pub ticks: Vec<(f64, String)>,
    /// Whether lines go through the picture at its marks.
    pub lines: bool,
}

/// Shapes that look alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// What the legend calls it; none: it is not in the legend.
    pub name: Option<String>,
    /// Its colour.
    pub ink: Ink,
    /// The shapes.
    pub shapes: Shapes,
}

/// Shapes of one kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Shapes {
    /// Closed areas.
    Areas(Vec<Vec<(f64, f64)>>),
    /// Rectangles: x from, y from, x to, y to.
    Boxes(Vec<[f64; 4]>),
    /// Rectangles filled with slanting lines.
    Hatched(Vec<[f64; 4]>),
    /// Lines of this width, px.
    Lines(Vec<Vec<(f64, f64)>>, u32),
    /// Broken lines.
    Dashes(Vec<Vec<(f64, f64)>>),
    /// Round dots of this radius, px.
    Dots(Vec<(f64, f64)>, u32),
    /// Triangles that point down.
    Triangles(Vec<(f64, f64)>),
    /// Words, begun at a point and standing above it.
    Words(Vec<(f64, f64, String)>),
}

/// Colours that people with any colour vision tell apart (Okabe and Ito 2008), and greys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// What was measured.
    Black,
    /// Secondary lines.
    Grey,
    /// Where nothing was measured.
    Pale,
    /// Sleep and rest.
    Blue,
    /// The same, through which other things show.
    BlueWash,
    /// Light, through which other things show.
    Yellow,
    /// Activity's peak, through which other things show.
    OrangeWash,
    /// Fits, limits, whatever was left out.
    Vermillion,
    /// Melatonin.
    Green,
    /// Temperature.
    Purple,
    /// One of five steps from few (0) to many (4).
    Step(u8),
}

impl Ink {
    /// Red, green, blue, and how much covers what is below.
    pub const fn rgba(self) -> ([u8; 3], f64) {
        match self {
            Self::Black => ([30, 30, 30], 1.0),
            Self::Grey => ([150, 150, 150], 1.0),
            Self::Pale => ([236, 236, 236], 1.0),
            Self::Blue => ([0, 114, 178], 1.0),
            Self::BlueWash => ([86, 180, 233], 0.35),
            Self::Yellow => ([240, 200, 40], 0.75),
            Self::OrangeWash => ([230, 159, 0], 0.30),
            Self::Vermillion => ([213, 94, 0], 1.0),
            Self::Green => ([0, 158, 115], 1.0),
            Self::Purple => ([170, 68, 153], 1.0),
            Self::Step(0) => ([198, 219, 239], 1.0),
            Self::Step(1) => ([133, 188, 219], 1.0),
            Self::Step(2) => ([66, 146, 198], 1.0),
            Self::Step(3) => ([16, 91, 164], 1.0),
            Self::Step(_) => ([6, 37, 84], 1.0),
        }
    }
}

impl Layer {
    /// A layer that the legend names.
    pub fn named(name: impl Into<String>, ink: Ink, shapes: Shapes) -> Self {
        Self { name: Some(name.into()), ink, shapes }
    }

    /// A layer that explains itself.
    pub const fn plain(ink: Ink, shapes: Shapes) -> Self {
        Self { name: None, ink, shapes }
    }

    /// Whether nothing of it is drawn.
    pub fn is_empty(&self) -> bool {
        match &self.shapes {
            Shapes::Areas(all) => all.is_empty(),
            Shapes::Boxes(all) | Shapes::Hatched(all) => all.is_empty(),
            Shapes::Lines(all, _) | Shapes::Dashes(all) => all.is_empty(),
            Shapes::Dots(all, _) | Shapes::Triangles(all) => all.is_empty(),
            Shapes::Words(all) => all.is_empty(),
        }
    }
}
