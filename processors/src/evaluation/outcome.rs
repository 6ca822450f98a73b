//! The outcome model q(context, arm), cross-fitted: a row is predicted from the other folds alone.
//!
//! Two forms. By the table: the mean reward of an arm in a segment, drawn to the overall mean as if
//! 20 more rows had that (so an arm never seen predicts the mean). By ridge regression: each arm's
//! rewards on the features, by the learner's own exact sums. Both keep sums by fold and subtract
//! nothing: the model of a fold adds up the others.

use alloc::{vec, vec::Vec};

use super::{
    row::{Missing, Row, RowFault},
    sums::ExactSum,
};
use crate::{
    exact,
    routing::{linucb::Derived, sums::ArmSums},
};

/// How many rows the overall mean weighs in a cell of the table.
const PRIOR_ROWS: f64 = 20.0;

/// Learns from every row once, then predicts for each fold from the others.
#[derive(Debug, Clone)]
pub struct Outcomes {
    folds: usize,
    arms: usize,
    segments: usize,
    missing: Missing,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    /// By fold, segment and arm.
    Table(Vec<Cell>),
    /// By fold and arm.
    Ridge { lambda: f64, sums: Vec<ArmSums> },
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    n: u64,
    reward: ExactSum,
}

/// An outcome model that is ready to predict.
#[derive(Debug, Clone)]
pub(super) struct Fitted {
    pub(super) arms: usize,
    pub(super) segments: usize,
    pub(super) folds: usize,
    form: FittedForm,
}

#[derive(Debug, Clone)]
enum FittedForm {
    Table(Vec<f64>),
    Ridge { dimension: usize, models: Vec<Derived> },
}

impl Outcomes {
    /// A model by segment and arm: O(folds * segments * arms) of memory. At least 2 folds.
    pub fn table(arms: usize, segments: usize, folds: u32, missing: Missing) -> Self {
        let folds = folds.max(2) as usize;
        let form = Form::Table(vec![Cell::default(); folds * segments * arms]);
        Self { folds, arms, segments, missing, form }
    }

    /// A ridge regression by arm on `dimension` features: O(folds * arms * dimension^2). The
    /// features' first is 1 where the regression is to have an intercept.
    pub fn ridge(
        arms: usize,
        segments: usize,
        dimension: usize,
        lambda: f64,
        folds: u32,
        missing: Missing,
    ) -> Self {
        let folds = folds.max(2) as usize;
        let form = Form::Ridge { lambda, sums: vec![ArmSums::new(dimension); folds * arms] };
        Self { folds, arms, segments, missing, form }
    }

    /// Learns from a row; one without feedback teaches nothing, unless it counts as 0.
    ///
    /// # Errors
    ///
    /// The row cannot be right.
    pub fn learn(&mut self, row: &Row<'_>) -> Result<(), RowFault> {
        row.check()?;
        self.place(row)?;
        let Some(reward) = reward_of(row, self.missing) else { return Ok(()) };
        let (fold, arm, segment) = (row.fold as usize, row.chosen as usize, row.segment as usize);
        match &mut self.form {
            Form::Table(cells) => {
                let cell = &mut cells[(fold * self.segments + segment) * self.arms + arm];
                cell.n += 1;
                cell.reward.add(reward);
            }
            Form::Ridge { sums, .. } => {
                sums[fold * self.arms + arm].learn(row.x, exact::feature(reward));
            }
        }
        Ok(())
    }

    fn place(&self, row: &Row<'_>) -> Result<(), RowFault> {
        let dimension = match &self.form {
            Form::Table(_) => row.x.len(),
            Form::Ridge { sums, .. } => sums.first().map_or(0, |sums| sums.b.len()),
        };
        let known = row.eligible.iter().all(|&arm| (arm as usize) < self.arms)
            && (row.segment as usize) < self.segments
            && (row.fold as usize) < self.folds
            && row.x.len() == dimension;
        if known { Ok(()) } else { Err(RowFault::Unknown) }
    }

    pub(super) fn fit(&self) -> Fitted {
        let Self { arms, segments, folds, .. } = *self;
        let form = match &self.form {
            Form::Table(cells) => FittedForm::Table(self.fit_table(cells)),
            Form::Ridge { lambda, sums } => {
                let dimension = sums.first().map_or(0, |sums| sums.b.len());
                let model = |at: usize| {
                    let (fold, arm) = (at / arms, at % arms);
                    let mut rest = ArmSums::new(dimension);
                    let others = (0..folds).filter(|&other| other != fold);
                    others.for_each(|other| rest.merge(&sums[other * arms + arm]));
                    rest.derive(*lambda)
                };
                FittedForm::Ridge { dimension, models: (0..folds * arms).map(model).collect() }
            }
        };
        Fitted { arms, segments, folds, form }
    }

    fn fit_table(&self, cells: &[Cell]) -> Vec<f64> {
        let width = self.segments * self.arms;
        let mut table = Vec::with_capacity(cells.len());
        for fold in 0..self.folds {
            let others = || (0..self.folds).filter(move |&other| other != fold);
            let mut all = Cell::default();
            for other in others() {
                cells[other * width..(other + 1) * width].iter().for_each(|cell| all.add(cell));
            }
            let mean = if all.n == 0 { 0.0 } else { all.reward.value() / all.n as f64 };
            for at in 0..width {
                let mut rest = Cell::default();
                others().for_each(|other| rest.add(&cells[other * width + at]));
                table
                    .push((rest.reward.value() + PRIOR_ROWS * mean) / (rest.n as f64 + PRIOR_ROWS));
            }
        }
        table
    }
}

impl Cell {
    const fn add(&mut self, other: &Self) {
        self.n += other.n;
        self.reward.merge(other.reward);
    }
}

impl Fitted {
    /// The predicted reward of an arm for a row's context.
    pub(super) fn q(&self, row: &Row<'_>, arm: u32) -> f64 {
        let (fold, arm) = (row.fold as usize, arm as usize);
        match &self.form {
            FittedForm::Table(table) => {
                table[(fold * self.segments + row.segment as usize) * self.arms + arm]
            }
            FittedForm::Ridge { models, .. } => models[fold * self.arms + arm].score(row.x).mean,
        }
    }

    pub(super) fn knows(&self, row: &Row<'_>) -> bool {
        let dimension = match &self.form {
            FittedForm::Table(_) => row.x.len(),
            FittedForm::Ridge { dimension, .. } => *dimension,
        };
        row.eligible.iter().all(|&arm| (arm as usize) < self.arms)
            && (row.segment as usize) < self.segments
            && (row.fold as usize) < self.folds
            && row.x.len() == dimension
    }
}

/// The reward that counts.
pub(super) const fn reward_of(row: &Row<'_>, missing: Missing) -> Option<f64> {
    match (row.reward, missing) {
        (None, Missing::Zero) => Some(0.0),
        (reward, _) => reward,
    }
}
