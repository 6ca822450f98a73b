//! Pictures of a recording or of a person: what a log or a file tells, laid out to be looked at.
//!
//! Three steps that know nothing of each other's insides. A [`subject`] is what there is to draw:
//! features and values as the analysis gave them, nothing computed again. Each picture module turns
//! it into a [`page::Panel`]: axes with units, layers of plain shapes in those units. `draw` gives
//! a page to the charting library, as SVG or PNG. The same input gives the same bytes.

mod actogram;
mod alertness;
mod draw;
mod heart;
pub mod page;
mod phase;
mod profile;
pub(crate) mod scale;
pub mod subject;

pub use draw::{DrawError, png, svg};

use page::{Page, Panel};
use subject::Subject;

/// A picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Picture {
    /// Days below each other, two a row: movement, light, sleep, non-wear, interventions.
    Actogram,
    /// The mean day with L5, M10 and cosinor.
    Profile,
    /// Intervals between beats over time.
    Tachogram,
    /// Each interval against the one before it.
    Poincare,
    /// Power of heart rate variability by frequency.
    Spectrum,
    /// The body night: melatonin onset and temperature minimum, night by night.
    Phase,
    /// Sleepiness behind and 24 hours ahead.
    Alertness,
    /// Vitality and its confidence.
    Vitality,
}

impl Picture {
    /// All of them, in the order in which a page has them.
    pub const ALL: [Self; 8] = [
        Self::Actogram,
        Self::Tachogram,
        Self::Profile,
        Self::Phase,
        Self::Poincare,
        Self::Spectrum,
        Self::Alertness,
        Self::Vitality,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Actogram => "actogram",
            Self::Profile => "profile",
            Self::Tachogram => "tachogram",
            Self::Poincare => "poincare",
            Self::Spectrum => "spectrum",
            Self::Phase => "phase",
            Self::Alertness => "alertness",
            Self::Vitality => "vitality",
        }
    }

    /// The picture of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|picture| picture.as_str() == name)
    }

    /// What it needs.
    const fn needs(self) -> &'static str {
        match self {
            Self::Actogram => "movement by the minute or hour, light, or nights of a diary",
            Self::Profile => "movement over two days or more, with every hour of the day",
            Self::Tachogram => "intervals between heart beats",
            Self::Poincare => "successive normal heart beats",
            Self::Spectrum => "5 minutes of heart beats with hardly an artefact",
            Self::Phase => "five days of light, a value a minute",
            Self::Alertness => "an analysed hour, or movement over a day or more",
            Self::Vitality => "analysed hours of a person's log",
        }
    }

    fn panel(self, subject: &Subject) -> Option<Panel> {
        match self {
            Self::Actogram => actogram::panel(subject),
            Self::Profile => profile::panel(subject),
            Self::Tachogram => heart::tachogram(subject),
            Self::Poincare => heart::poincare(subject),
            Self::Spectrum => heart::spectrum(subject),
            Self::Phase => phase::panel(subject),
            Self::Alertness => alertness::panel(subject),
            Self::Vitality => alertness::vitality(subject),
        }
    }
}

/// Why there is nothing to draw.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NothingToDraw {
    /// A picture that was asked for.
    #[error("{subject} has nothing for the picture `{picture}`, which needs {needs}{have}")]
    Picture {
        /// Of whom.
        subject: String,
        /// Its name.
        picture: &'static str,
        /// What would have to be there.
        needs: &'static str,
        /// The pictures that can be drawn.
        have: String,
    },
    /// Any picture.
    #[error(
        "{subject} has nothing that a picture is made of: movement, light, heart beats, nights, or \
         analysed hours ({})",
        notes.join("; ")
    )]
    Any {
        /// Of whom.
        subject: String,
        /// What it has instead.
        notes: Vec<String>,
    },
}

/// Lays out the pictures wanted, all that there are where none is named.
///
/// # Errors
///
/// The subject has nothing for one that is wanted, or for any.
pub fn page(subject: &Subject, wanted: &[Picture]) -> Result<Page, NothingToDraw> {
    let name = subject.name.clone();
    let all = if wanted.is_empty() { &Picture::ALL[..] } else { wanted };
    let mut panels = Vec::new();
    for picture in Picture::ALL.into_iter().filter(|picture| all.contains(picture)) {
        match picture.panel(subject) {
            Some(panel) => panels.push(panel),
            None if wanted.is_empty() => {}
            None => {
                let have: Vec<&str> = Picture::ALL
                    .into_iter()
                    .filter(|other| other.panel(subject).is_some())
                    .map(Picture::as_str)
                    .collect();
                let have = match have.len() {
                    0 => String::new(),
                    _ => format!("; it has what is needed for {}", have.join(", ")),
                };
                let (picture, needs) = (picture.as_str(), picture.needs());
                return Err(NothingToDraw::Picture { subject: name, picture, needs, have });
            }
        }
    }
    if panels.is_empty() {
        return Err(NothingToDraw::Any { subject: name, notes: subject.notes.clone() });
    }
    Ok(Page { title: name, notes: subject.notes.clone(), panels })
}
