//! A candidate: what would have been done, as a document in TOML.
//!
//! ```toml
//! policy = "segments"        # uniform, fixed, values, segments or column
//! epsilon = 0.05             # mixed evenly over the eligible arms; 0 unless given
//! otherwise = ["rest"]       # for segments that are not named below
//! [segments]
//! morning = ["light", "walk"]   # the first of them that is eligible
//! ```
//!
//! `fixed` has `arms`, tried in order; `values` has a table of a value by arm, of which the greatest
//! eligible one is chosen; `column` names the `column` of the log that holds the candidate's
//! probabilities or its one arm.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use serde::Deserialize;
use strsim::jaro_winkler;

use super::{
    fields::{Choice, shares_of},
    hex,
    named::Names,
};

/// Why a candidate cannot be right.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {what}")]
pub struct CandidateError {
    /// The document.
    name: String,
    /// What is wrong, and what would be right.
    what: String,
}

/// A candidate.
#[derive(Debug, Clone)]
pub struct Candidate {
    name: String,
    blake3: String,
    document: Document,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Uniform,
    Fixed,
    Values,
    Segments,
    Column,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    policy: Kind,
    #[serde(default)]
    epsilon: f64,
    #[serde(default)]
    arms: Vec<String>,
    #[serde(default)]
    values: BTreeMap<String, f64>,
    #[serde(default)]
    segments: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    otherwise: Vec<String>,
    column: Option<String>,
}

impl Candidate {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// It cannot be read, or says what no candidate can be.
    pub fn read(path: &Path) -> Result<Self, CandidateError> {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| CandidateError {
            name: name.clone(),
            what: format!("it cannot be read: {error}; check the path"),
        })?;
        Self::of(name, &text)
    }

    fn of(name: String, text: &str) -> Result<Self, CandidateError> {
        let failed = |what: String| CandidateError { name: name.clone(), what };
        let document: Document =
            toml::from_str(text).map_err(|error| failed(error.to_string().trim().to_owned()))?;
        let Document { policy, epsilon, arms, values, segments, column, .. } = &document;
        if !(0.0..=1.0).contains(epsilon) {
            return Err(failed(format!("epsilon = {epsilon} is not between 0 and 1")));
        }
        let lacks = match policy {
            Kind::Fixed if arms.is_empty() => Some("arms = [\"NAME\"], tried in order"),
            Kind::Values if values.is_empty() => Some("a table [values] with a number by arm"),
            Kind::Segments if segments.is_empty() => {
                Some("a table [segments] with a list of arms by segment")
            }
            Kind::Column if column.is_none() => {
                Some("column = \"NAME\", the column of the log that holds its probabilities")
            }
            _ => None,
        };
        if let Some(lacks) = lacks {
            return Err(failed(format!("this policy needs {lacks}")));
        }
        if values.values().any(|value| !value.is_finite()) {
            return Err(failed("a value is no finite number".into()));
        }
        let blake3 = hex(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
        Ok(Self { name, blake3, document })
    }

    /// BLAKE3 of the document, cut to 16 bytes, in hexadecimal.
    pub fn blake3(&self) -> &str {
        &self.blake3
    }

    pub(super) fn column(&self) -> Option<&str> {
        self.document.column.as_deref().filter(|_| self.document.policy == Kind::Column)
    }

    /// Every arm and segment that it names is in the log.
    pub(super) fn check(&self, names: &Names) -> Result<(), CandidateError> {
        let Document { arms, values, segments, otherwise, .. } = &self.document;
        let named = arms.iter().chain(values.keys()).chain(otherwise);
        for arm in named.chain(segments.values().flatten()) {
            if names.arm(arm).is_none() {
                return Err(self.unknown("arm", arm, &names.arms));
            }
        }
        match segments.keys().find(|segment| !names.segments.contains(segment)) {
            Some(segment) => Err(self.unknown("segment", segment, &names.segments)),
            None => Ok(()),
        }
    }

    fn unknown(&self, what: &str, name: &str, known: &[String]) -> CandidateError {
        let near = known
            .iter()
            .max_by(|one, two| jaro_winkler(name, one).total_cmp(&jaro_winkler(name, two)));
        let near = near.map_or_else(String::new, |near| format!("; is it {near:?}?"));
        let what = format!("no {what} of the log is called {name:?}{near}");
        CandidateError { name: self.name.clone(), what }
    }

    /// Its distribution over the eligible arms; less than 1 in all where none of what it would do is
    /// eligible.
    pub(super) fn probabilities(
        &self,
        names: &Names,
        eligible: &[u32],
        segment: &str,
        choice: Option<&Choice>,
        into: &mut Vec<f64>,
    ) -> Result<(), String> {
        let Document { policy, epsilon, arms, values, segments, otherwise, .. } = &self.document;
        let first = |arms: &[String]| {
            arms.iter().find_map(|arm| {
                let number = names.arm(arm)?;
                eligible.iter().position(|&other| other == number)
            })
        };
        into.clear();
        into.resize(eligible.len(), 0.0);
        let chosen = match policy {
            Kind::Uniform => {
                into.fill(1.0 / eligible.len() as f64);
                return Ok(());
            }
            Kind::Fixed => first(arms),
            Kind::Segments => first(segments.get(segment).unwrap_or(otherwise)),
            Kind::Values => greatest(names, eligible, values),
            Kind::Column => {
                let column = self.column().unwrap_or_default();
                own(names, eligible, choice, into).map_err(|what| format!("{column}: {what}"))?;
                None
            }
        };
        if let Some(at) = chosen {
            into[at] = 1.0;
        }
        let share = epsilon / eligible.len() as f64;
        into.iter_mut().for_each(|p| *p = *p * (1.0 - epsilon) + share);
        Ok(())
    }
}

/// The eligible arm with the greatest value; of equals the first by name.
fn greatest(names: &Names, eligible: &[u32], values: &BTreeMap<String, f64>) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (arm, &value) in values {
        let number = names.arm(arm)?;
        let Some(at) = eligible.iter().position(|&other| other == number) else { continue };
        if best.is_none_or(|(_, greatest)| value > greatest) {
            best = Some((at, value));
        }
    }
    best.map(|(at, _)| at)
}

fn own(
    names: &Names,
    eligible: &[u32],
    choice: Option<&Choice>,
    into: &mut Vec<f64>,
) -> Result<(), String> {
    match choice {
        None => Err("it is empty: write the candidate's arm or probabilities in every row".into()),
        Some(Choice::Shares(shares)) => names.shares(shares, eligible, into),
        Some(Choice::Text(text)) => match names.arm(text) {
            Some(number) => {
                if let Some(at) = eligible.iter().position(|&other| other == number) {
                    into[at] = 1.0;
                }
                Ok(())
            }
            None => names.shares(&shares_of(text)?, eligible, into),
        },
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Document { policy, epsilon, arms, column, .. } = &self.document;
        match policy {
            Kind::Uniform => write!(f, "uniform over the eligible arms")?,
            Kind::Fixed => write!(f, "always {}", arms.join(", else "))?,
            Kind::Values => write!(f, "the eligible arm with the greatest value")?,
            Kind::Segments => write!(f, "an arm by segment")?,
            Kind::Column => write!(f, "as column {} says", column.as_deref().unwrap_or("-"))?,
        }
        if *epsilon > 0.0 {
            write!(f, ", exploring {epsilon}")?;
        }
        write!(f, " ({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Candidate, String> {
        Candidate::of("c.toml".into(), text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_candidate_lacks_is_told() {
        for (text, expected) in [
            ("policy = \"fixed\"", "needs arms"),
            ("policy = \"values\"", "[values]"),
            ("policy = \"segments\"", "[segments]"),
            ("policy = \"column\"", "needs column"),
            ("policy = \"uniform\"\nepsilon = 2.0", "between 0 and 1"),
            ("policy = \"uniform\"\nepsilom = 0.1", "epsilom"),
            ("policy = \"best\"", "best"),
        ] {
            let told = of(text).expect_err(text);
            assert!(told.starts_with("c.toml: ") && told.contains(expected), "{told}");
        }
        assert_eq!(of("policy = \"uniform\"").expect("it is whole").column(), None);
    }
}
