//! Rows become terms, and tallies that tell whether the terms may be believed.

use alloc::{vec, vec::Vec};

use super::{
    outcome::{Fitted, Outcomes, reward_of},
    result::Evaluation,
    row::{MASS_TOLERANCE, Row, RowFault, Settings, key},
    sums::ExactSum,
    terms::{Duplicate, Term, Terms},
};

/// Weighs rows one after the other, in any order.
#[derive(Debug, Clone)]
pub struct Weighing {
    settings: Settings,
    model: Fitted,
    tally: Tally,
    terms: Vec<Term>,
}

/// What is counted while rows come; exact, so in any order.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) rows: u64,
    /// Rows where but one arm was eligible.
    pub(super) single: u64,
    /// Rows that log the whole distribution.
    pub(super) distributions: u64,
    /// Rows whose logged distribution does not add up to 1.
    pub(super) broken: u64,
    pub(super) broken_most: f64,
    /// Rows where the candidate gives mass to arms that are not eligible.
    pub(super) outside: u64,
    pub(super) outside_most: f64,
    /// Rows where some eligible arm was less or more likely than the others.
    pub(super) uneven: u64,
    /// Rows where the candidate may choose one of several.
    pub(super) mixed: u64,
    /// The candidate's mass on arms that the log gives probability 0, and below the floor, in rows
    /// that log the whole distribution.
    pub(super) unsupported: ExactSum,
    pub(super) below_floor: ExactSum,
    /// Greatest weight that a row could have had.
    pub(super) weight_most: f64,
    pub(super) arms: Vec<ArmTally>,
    /// By segment and arm: how often it was chosen, and the candidate's mass where the whole
    /// distribution is not known.
    pub(super) cells: Vec<(u64, ExactSum)>,
    pub(super) segment_rows: Vec<u64>,
}

/// What is counted of an arm.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ArmTally {
    pub(super) chosen: u64,
    pub(super) missing: u64,
    pub(super) target: ExactSum,
    /// In rows that log the whole distribution: times chosen, sums of p and of p (1 - p).
    pub(super) chosen_known: u64,
    pub(super) expected: ExactSum,
    pub(super) variance: ExactSum,
}

impl Weighing {
    /// Begins with what was learnt from the same rows. O(rows) of memory from here on: about 150
    /// bytes a decision.
    pub fn new(outcomes: &Outcomes, settings: Settings) -> Self {
        let model = outcomes.fit();
        let tally = Tally {
            arms: vec![ArmTally::default(); model.arms],
            cells: vec![(0, ExactSum::default()); model.arms * model.segments],
            segment_rows: vec![0; model.segments],
            ..Tally::default()
        };
        Self { settings, model, tally, terms: Vec::new() }
    }

    /// Weighs a row.
    ///
    /// # Errors
    ///
    /// The row cannot be right; nothing of it was counted.
    pub fn feed(&mut self, row: &Row<'_>) -> Result<(), RowFault> {
        row.check()?;
        if !self.model.knows(row) {
            return Err(RowFault::Unknown);
        }
        let Some(at) = row.chosen_at() else { return Err(RowFault::ChosenNotEligible) };
        self.tally.row(row, self.settings.floor);
        let Some(reward) = reward_of(row, self.settings.missing) else { return Ok(()) };
        let (mut q, mut target_q, mut logged_q) = (0.0, 0.0, 0.0);
        for (place, &arm) in row.eligible.iter().enumerate() {
            let predicted = self.model.q(row, arm);
            target_q += row.target[place] * predicted;
            logged_q += row.propensities.map_or(0.0, |all| all[place] * predicted);
            if place == at {
                q = predicted;
            }
        }
        self.terms.push(Term {
            id: row.id.into(),
            person: key(row.person),
            at_ms: row.at_ms,
            segment: row.segment,
            arm: row.chosen,
            propensity: row.propensity,
            weight: row.target[at] / row.propensity,
            reward,
            q,
            target_q,
            logged_q: row.propensities.map(|_| logged_q),
            eligible: row.eligible.len() as u32,
        });
        Ok(())
    }

    /// The terms, for the bare formulas of [`super::estimators`].
    ///
    /// # Errors
    ///
    /// A decision is in the log twice.
    pub fn terms(self) -> Result<Terms, Duplicate> {
        Terms::new(self.terms)
    }

    /// Checks, and estimates where the checks allow it.
    ///
    /// # Errors
    ///
    /// A decision is in the log twice.
    pub fn finish(self) -> Result<Evaluation, Duplicate> {
        let Self { settings, tally, terms, .. } = self;
        Ok(Evaluation::new(&Terms::new(terms)?, &tally, &settings))
    }
}

impl Tally {
    fn row(&mut self, row: &Row<'_>, floor: f64) {
        self.rows += 1;
        self.single += u64::from(row.eligible.len() == 1);
        let even = 1.0 / row.eligible.len() as f64;
        let is_even = |p: &f64| libm::fabs(p - even) <= MASS_TOLERANCE;
        let uneven = !row
            .propensities
            .map_or_else(|| is_even(&row.propensity), |all| all.iter().all(is_even));
        self.uneven += u64::from(uneven);
        let mixed = row.target.iter().any(|p| (MASS_TOLERANCE..1.0 - MASS_TOLERANCE).contains(p));
        self.mixed += u64::from(mixed);
        let mass: f64 = row.target.iter().sum();
        let apart = libm::fabs(mass - 1.0);
        self.outside += u64::from(apart > MASS_TOLERANCE);
        self.outside_most = self.outside_most.max(apart);
        self.segment_rows[row.segment as usize] += 1;
        self.arms[row.chosen as usize].chosen += 1;
        self.arms[row.chosen as usize].missing += u64::from(row.reward.is_none());
        let width = self.arms.len();
        let cells = &mut self.cells[row.segment as usize * width..];
        cells[row.chosen as usize].0 += 1;
        for (&arm, &target) in row.eligible.iter().zip(row.target) {
            self.arms[arm as usize].target.add(target);
            if row.propensities.is_none() {
                cells[arm as usize].1.add(target);
            }
        }
        match row.propensities {
            Some(all) => self.distribution(row, all, floor),
            None => self.support(row.target_of_chosen(), row.propensity, floor),
        }
    }

    fn distribution(&mut self, row: &Row<'_>, all: &[f64], floor: f64) {
        self.distributions += 1;
        let apart = libm::fabs(all.iter().sum::<f64>() - 1.0);
        self.broken += u64::from(apart > MASS_TOLERANCE);
        self.broken_most = self.broken_most.max(apart);
        for ((&arm, &target), &p) in row.eligible.iter().zip(row.target).zip(all) {
            let of_arm = &mut self.arms[arm as usize];
            of_arm.chosen_known += u64::from(arm == row.chosen);
            of_arm.expected.add(p);
            of_arm.variance.add(p * (1.0 - p));
            self.support(target, p, floor);
        }
    }

    fn support(&mut self, target: f64, p: f64, floor: f64) {
        if p <= 0.0 {
            self.unsupported.add(target);
        } else {
            self.weight_most = self.weight_most.max(target / p);
            if p < floor {
                self.below_floor.add(target);
            }
        }
    }
}

impl Row<'_> {
    fn target_of_chosen(&self) -> f64 {
        self.chosen_at().map_or(0.0, |at| self.target[at])
    }
}
