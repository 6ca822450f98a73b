//! The names of arms and segments, and rows by their numbers.

use std::collections::{BTreeSet, HashMap};

use super::{
    Buffer,
    fields::{LogRows, Logged, Shares, row_error},
};
use crate::analyze::recording::RecordingError;

/// Most arms.
const ARMS_MAX: usize = 1_000;
/// Most pairs of a segment and an arm.
const CELLS_MAX: usize = 1_000_000;

/// The arms and segments of a log, by name.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) arms: Vec<String>,
    pub(super) segments: Vec<String>,
    arm_numbers: HashMap<String, u32>,
    segment_numbers: HashMap<String, u32>,
}

/// What of a row is a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbered {
    pub(super) segment: u32,
    pub(super) chosen: u32,
    pub(super) propensity: f64,
    pub(super) has_propensities: bool,
}

impl Names {
    /// All names of a log, which is read to its end.
    pub(super) fn of(rows: &mut LogRows) -> Result<Self, RecordingError> {
        let (mut arms, mut segments) = (BTreeSet::new(), BTreeSet::new());
        let (name, mut any) = (rows.name().to_owned(), false);
        while let Some(row) = rows.next()? {
            any = true;
            if !segments.contains(&row.segment) {
                segments.insert(row.segment.clone());
            }
            let shares = match &row.propensities {
                Some(Shares::ByArm(shares)) => shares.as_slice(),
                _ => &[],
            };
            let named = shares.iter().map(|(arm, _)| arm);
            let eligible = row.eligible.iter().flatten();
            for arm in eligible.chain(named).chain([&row.action]) {
                if !arms.contains(arm) {
                    arms.insert(arm.clone());
                }
            }
            let cells = arms.len() * segments.len();
            if arms.len() > ARMS_MAX || cells > CELLS_MAX {
                let what = format!(
                    "it is the {}th arm in the {}th segment, and at most {ARMS_MAX} arms and \
                     {CELLS_MAX} pairs of both can be weighed: group arms or segments",
                    arms.len(),
                    segments.len()
                );
                return Err(row_error(&name, row.line, what));
            }
        }
        if !any {
            let what = "there are no decisions in it".into();
            return Err(RecordingError::Whole { name, what });
        }
        let numbers = |names: &BTreeSet<String>| {
            names.iter().cloned().zip(0..).collect::<HashMap<String, u32>>()
        };
        let (arm_numbers, segment_numbers) = (numbers(&arms), numbers(&segments));
        let (arms, segments) = (arms.into_iter().collect(), segments.into_iter().collect());
        Ok(Self { arms, segments, arm_numbers, segment_numbers })
    }

    /// An arm's number.
    pub(super) fn arm(&self, name: &str) -> Option<u32> {
        self.arm_numbers.get(name).copied()
    }

    fn known(&self, name: &str) -> Result<u32, String> {
        self.arm(name).ok_or_else(|| format!("no arm of the log is called {name:?}"))
    }

    /// Puts a row's lists into the buffer; its other numbers.
    pub(super) fn logged(&self, row: &Logged, buffer: &mut Buffer) -> Result<Numbered, String> {
        buffer.eligible.clear();
        match (&row.eligible, &row.propensities) {
            (Some(arms), _) => {
                for arm in arms {
                    buffer.eligible.push(self.known(arm)?);
                }
            }
            (None, Some(Shares::ByArm(shares))) => {
                for (arm, _) in shares {
                    buffer.eligible.push(self.known(arm)?);
                }
            }
            (None, _) => buffer.eligible.extend(0..self.arms.len() as u32),
        }
        let chosen = self.known(&row.action)?;
        let Some(at) = buffer.eligible.iter().position(|&arm| arm == chosen) else {
            return Err(format!("action: {:?} is not among the eligible arms", row.action));
        };
        buffer.propensities.clear();
        if let Some(shares) = &row.propensities {
            self.shares(shares, &buffer.eligible, &mut buffer.propensities)
                .map_err(|what| format!("propensities: {what}"))?;
        }
        let propensity = row.propensity.or_else(|| buffer.propensities.get(at).copied());
        let propensity = propensity.ok_or(
            "there is no propensity: log the probability with which the arm was to be chosen; a log \
             without says nothing of other policies",
        )?;
        Ok(Numbered {
            segment: self.segment_numbers[&row.segment],
            chosen,
            propensity,
            has_propensities: row.propensities.is_some(),
        })
    }

    /// Probabilities in the order of the eligible arms.
    pub(super) fn shares(
        &self,
        shares: &Shares,
        eligible: &[u32],
        into: &mut Vec<f64>,
    ) -> Result<(), String> {
        into.clear();
        match shares {
            Shares::InOrder(shares) if shares.len() == eligible.len() => {
                into.extend_from_slice(shares);
                Ok(())
            }
            Shares::InOrder(shares) => Err(format!(
                "it has {} probabilities for {} eligible arms",
                shares.len(),
                eligible.len()
            )),
            Shares::ByArm(shares) => {
                into.resize(eligible.len(), 0.0);
                for (arm, share) in shares {
                    let number = self.known(arm)?;
                    match eligible.iter().position(|&other| other == number) {
                        Some(at) => into[at] = *share,
                        None if *share == 0.0 => {}
                        None => return Err(format!("{arm:?} is not among the eligible arms")),
                    }
                }
                Ok(())
            }
        }
    }
}
