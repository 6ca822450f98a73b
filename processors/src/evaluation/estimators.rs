//! The estimators, each a mean of a score of its own over the rows, or with weights normalised.
//!
//! Every one has the form mean(plain) + sum(numerator) / sum(denominator): the second part is 0/0,
//! and left out, where the weights are not normalised. That one form gives value, influence
//! function and bootstrap of all of them, with a denominator that is never frozen.
//!
//! These are the bare formulas: what they give may be worthless. [`super::Evaluation`] is what
//! checks first.

use alloc::vec::Vec;

use super::{
    row::Settings,
    sums::Total,
    terms::{Term, Terms},
};

/// An estimator. w is the weight, q the outcome model, pi the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimator {
    /// Inverse propensity scoring: mean of w r (Horvitz, Thompson 1952).
    Ips,
    /// With weights clipped: mean of min(w, M) r (Ionides 2008).
    IpsClipped,
    /// Self-normalised: sum w r / sum w (Hajek 1971; Swaminathan, Joachims 2015).
    Snips,
    /// Direct method: mean of E_pi q.
    Dm,
    /// Doubly robust: mean of E_pi q + w (r - q) (Dudik et al., arXiv:1503.02834).
    Dr,
    /// The same with weights clipped.
    DrClipped,
    /// Self-normalised doubly robust.
    Sndr,
    /// The outcome model where w > M, doubly robust elsewhere (Wang et al., arXiv:1612.01205).
    SwitchDr,
    /// Doubly robust with weights shrunk to lambda w / (w^2 + lambda) (Su et al., arXiv:1907.09623).
    DrOs,
    /// With weights w / (1 - lambda + lambda w) (Metelli, Russo, Restelli 2021).
    IpsSubgaussian,
    /// Doubly robust with the same weights.
    DrSubgaussian,
    /// Mean reward where a deterministic candidate agrees with a uniform log (Li et al. 2011).
    Replay,
}

/// A row's part in an estimator.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Score {
    pub(super) plain: f64,
    pub(super) numerator: f64,
    pub(super) denominator: f64,
}

/// An estimator's value and how each row moves it.
#[derive(Debug, Clone, PartialEq)]
pub struct Influence {
    /// The value.
    pub value: f64,
    /// The influence function at each row, by id; its mean is 0.
    pub of_rows: Vec<f64>,
}

impl Estimator {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Dr,
        Self::Snips,
        Self::Ips,
        Self::IpsClipped,
        Self::Dm,
        Self::DrClipped,
        Self::Sndr,
        Self::SwitchDr,
        Self::DrOs,
        Self::IpsSubgaussian,
        Self::DrSubgaussian,
        Self::Replay,
    ];

    /// The two that decide: one needs no outcome model, the other forgives a wrong one.
    pub const DECIDING: [Self; 2] = [Self::Dr, Self::Snips];

    /// Whether a verdict goes by it.
    pub fn decides(self) -> bool {
        Self::DECIDING.contains(&self)
    }

    /// Its usual name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ips => "IPS",
            Self::IpsClipped => "clipped IPS",
            Self::Snips => "SNIPS",
            Self::Dm => "DM",
            Self::Dr => "DR",
            Self::DrClipped => "clipped DR",
            Self::Sndr => "SNDR",
            Self::SwitchDr => "SWITCH-DR",
            Self::DrOs => "DRos",
            Self::IpsSubgaussian => "subgaussian IPS",
            Self::DrSubgaussian => "subgaussian DR",
            Self::Replay => "replay",
        }
    }

    /// Whether the weights are changed, which trades bias for variance.
    pub const fn is_biased_by_design(self) -> bool {
        !matches!(self, Self::Ips | Self::Snips | Self::Dr | Self::Sndr | Self::Replay)
    }

    pub(super) fn score(self, term: &Term, settings: &Settings) -> Score {
        self.score_of(term.weight, term.target_q, term, settings)
    }

    /// The log's own policy, whose weights are 1, in the same estimator: what a candidate is
    /// compared with. Where the log does not tell its distribution, the reward itself.
    pub(super) fn score_of_log(self, term: &Term, settings: &Settings) -> Score {
        match term.logged_q {
            Some(logged_q) => self.score_of(1.0, logged_q, term, settings),
            None => Self::Ips.score_of(1.0, term.q, term, settings),
        }
    }

    fn score_of(self, w: f64, target_q: f64, term: &Term, settings: &Settings) -> Score {
        let Term { reward: r, q, .. } = *term;
        let plain = |plain| Score { plain, ..Score::default() };
        match self {
            Self::Ips => plain(w * r),
            Self::IpsClipped => plain(w.min(settings.clip) * r),
            Self::Snips => Score { plain: 0.0, numerator: w * r, denominator: w },
            Self::Dm => plain(target_q),
            Self::Dr => plain(target_q + w * (r - q)),
            Self::DrClipped => plain(target_q + w.min(settings.clip) * (r - q)),
            Self::Sndr => Score { plain: target_q, numerator: w * (r - q), denominator: w },
            Self::SwitchDr => plain(target_q + if w <= settings.clip { w * (r - q) } else { 0.0 }),
            Self::DrOs => {
                let shrunk = settings.shrinkage * w / (w * w + settings.shrinkage);
                plain(target_q + shrunk * (r - q))
            }
            Self::IpsSubgaussian => plain(subgaussian(w, settings) * r),
            Self::DrSubgaussian => plain(target_q + subgaussian(w, settings) * (r - q)),
            Self::Replay => {
                let agrees = if w > 0.0 { 1.0 } else { 0.0 };
                Score { plain: 0.0, numerator: agrees * r, denominator: agrees }
            }
        }
    }

    /// The bare value with the influence of each row; none of no rows, and where all weights that
    /// are to be normalised are 0.
    pub fn apply(self, terms: &Terms, settings: &Settings) -> Option<Influence> {
        let is_normalised = matches!(self, Self::Snips | Self::Sndr | Self::Replay);
        if is_normalised && terms.iter().all(|term| term.weight == 0.0) {
            return None;
        }
        influence(terms, |term| self.score(term, settings))
    }

    /// The same of the log's own policy. A model that errs then errs on both sides of a difference,
    /// and a candidate that does as the log did differs from it by 0.
    pub(super) fn apply_to_log(self, terms: &Terms, settings: &Settings) -> Option<Influence> {
        influence(terms, |term| self.score_of_log(term, settings))
    }
}

fn subgaussian(w: f64, settings: &Settings) -> f64 {
    w / (1.0 - settings.subgaussian + settings.subgaussian * w)
}

/// The bare value of any score, with the influence of each row.
pub(super) fn influence(terms: &Terms, score: impl Fn(&Term) -> Score) -> Option<Influence> {
    if terms.is_empty() {
        return None;
    }
    let n = terms.len() as f64;
    let mut sums = [Total::default(); 3];
    for term in terms.iter() {
        let Score { plain, numerator, denominator } = score(term);
        sums[0].add(plain);
        sums[1].add(numerator);
        sums[2].add(denominator);
    }
    let [plain, numerator, denominator] = sums.map(Total::value);
    let mean = plain / n;
    let is_normalised = denominator != 0.0;
    let ratio = if is_normalised { numerator / denominator } else { 0.0 };
    let scale = if is_normalised { n / denominator } else { 0.0 };
    let of_rows = terms
        .iter()
        .map(|term| {
            let part = score(term);
            part.plain - mean + (part.numerator - ratio * part.denominator) * scale
        })
        .collect();
    Some(Influence { value: mean + ratio, of_rows })
}
